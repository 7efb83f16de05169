/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * mount.initrdd-nfs SERVER:PATH DIRECTORY [-o OPTIONS]
 *
 * Called by mount(8) for the type that the generator gives a root on NFS (nfs.c), it calls
 * mount.nfs(8) until that succeeds or INITRDD_TIMEOUT seconds are over (0: never). A server that is not
 * up, a network that is not there yet, a name that can't be looked up: all may still come, and what
 * can't be told from them is asked again, too. The last reason is told, once, in the end; a new one
 * as it comes.
 *
 * An empty SERVER or PATH is what DHCP says, of INITRDD_INTERFACE if that is set: the path is option 17
 * of the lease, which may name server and options, too; the server, where that doesn't, is the next one
 * of the lease, else the one that gave it. Without any path it is /tftpboot/%s, and %s the address of
 * the client, as the kernel has it.
 *
 * Where that path is a disk of iSCSI or NBD, it is all for initrdd-attach to do (attach-root.c).
 *
 * What is waited for once is not written to a file that somebody else would have to read: this runs
 * when the network is up, so the lease is there.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "fd-util.h"
#include "attach-root.h"
#include "lease.h"
#include "generator/nfs-root.h"
#include "process-util.h"
#include "string-util.h"

#define PAUSE_MSEC 2000
/* After which an attempt is given up: a server may have gone away, or come back, meanwhile. */
#define ATTEMPT_MSEC 60000
#define MESSAGE_MAX 512
/* mount(8): an incorrect invocation, a mount failure */
#define EXIT_USAGE 1
#define EXIT_MOUNT 32

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Milliseconds that are left, or -1 for ever, as poll(2) has them. */
static int left_msec(int64_t end) {
        int64_t left;

        if (end < 0)
                return -1;
        left = end - now_msec();
        return left < 0 ? 0 : left > 1000000 ? 1000000 : (int) left;
}

/* Takes what mount.nfs says, and keeps the last line. Ends with its end, or with the time. Who is not
 * given the time to say anything takes nothing away from what was said before. */
static void read_messages(int fd, int64_t end, char message[MESSAGE_MAX]) {
        size_t n = 0;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                char c;

                if (poll(&p, 1, left_msec(end)) <= 0) {
                        if (end < 0 || left_msec(end) > 0)
                                continue;
                        return;
                }
                if (read(fd, &c, 1) <= 0)
                        return;
                if (c == '\n')
                        n = 0;
                else if (n < MESSAGE_MAX - 1) {
                        message[n++] = c;
                        message[n] = '\0';
                }
        }
}

/* 0: mounted; -EAGAIN: not, and `message` says why; another error. */
static int try_mount(const char *what, const char *where, const char *options, int64_t end,
                     char message[MESSAGE_MAX]) {
        static const char *const paths[] = { "/usr/sbin/mount.nfs", "/sbin/mount.nfs" };
        const char *path = access(paths[0], X_OK) >= 0 ? paths[0] : paths[1];
        int fds[2], status = 0;
        pid_t pid;

        if (access(path, X_OK) < 0)
                return -errno;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                int r = -errno;

                close(fds[0]);
                close(fds[1]);
                return r;
        }
        if (pid == 0) {
                dup2(fds[1], STDOUT_FILENO);
                dup2(fds[1], STDERR_FILENO);
                execl(path, path, what, where, "-o", options, NULL);
                fprintf(stderr, "mount.nfs can't be started: %m\n");
                _exit(127);
        }
        close(fds[1]);
        if (!*message)
                snprintf(message, MESSAGE_MAX, "no answer");
        read_messages(fds[0], end, message);
        close(fds[0]);
        if (left_msec(end) == 0)
                kill(pid, SIGKILL);
        status = process_wait(pid);
        if (status < 0)
                return status;
        return process_succeeded(status) ? 0 : -EAGAIN;
}

static int replace(char **p, char *with) {
        if (!with)
                return -ENOMEM;
        free(*p);
        *p = with;
        return 0;
}

/* A disk is for another program, if the image has it. Returns only if not. */
static void attach_disk(const char *path, const char *where) {
        static const char program[] = "/usr/lib/initrdd/initrdd-attach";

        execl(program, "initrdd-attach", "root", path, where, NULL);
        fprintf(stderr, "The root path that DHCP gives is a disk, which needs %s: %m\n", program);
}

/* The path that the lease has, with what it says beside it. */
static int fill_path(NfsRoot *root, const char *interface, const char *where) {
        _cleanup_nfs_root_done_ NfsRoot said = {};
        _cleanup_free_ char *text = NULL;
        int r = lease_get("", interface, "ROOT_PATH", &text);

        if (r <= 0)
                return r;
        if (attach_root_is_disk(text)) {
                attach_disk(text, where);
                return -ENOENT;
        }
        r = nfs_root_parse(text, &said);
        if (r == -EINVAL || (r >= 0 && !*said.path)) {
                fprintf(stderr, "The root path that DHCP gives is no root on NFS: %s\n", text);
                return -EINVAL;
        }
        if (r >= 0)
                r = replace(&root->path, TAKE_PTR(said.path));
        if (r >= 0 && !*root->server && *said.server)
                r = replace(&root->server, TAKE_PTR(said.server));
        if (r >= 0 && said.version4 && !nfs_root_has_option(&said, "vers"))
                r = strv_extend(&root->options, "vers=4");
        STRV_FOREACH(option, said.options)
                if (r >= 0)
                        r = strv_extend(&root->options, *option);
        return r;
}

static int fill_server(NfsRoot *root, const char *interface) {
        static const char *const keys[] = { "NEXT_SERVER", "SERVER_ADDRESS" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                _cleanup_free_ char *value = NULL;
                int r = lease_get("", interface, keys[i], &value);

                if (r < 0)
                        return r;
                if (r > 0 && *value && !streq(value, "0.0.0.0"))
                        return replace(&root->server, TAKE_PTR(value));
        }
        return 0;
}

/* Whoever boots without a disk and with nothing said has its root there, by its address. */
static int fill_name(NfsRoot *root, const char *interface) {
        _cleanup_free_ char *address = NULL;
        const char *mark;
        char *path;
        int r;

        if (!*root->path && replace(&root->path, strdup("/tftpboot/%s")) < 0)
                return -ENOMEM;
        mark = strstr(root->path, "%s");
        if (!mark)
                return 0;
        r = lease_get("", interface, "ADDRESS", &address);
        if (r <= 0)
                return r;
        if (str_printf(&path, "%.*s%s%s", (int) (mark - root->path), root->path, address,
                       mark + 2) < 0)
                return -ENOMEM;
        return replace(&root->path, path);
}

/* SERVER:PATH with all that DHCP knows. -EAGAIN: it doesn't say. */
static int find_what(const char *said, const char *where, const char *said_options, char **ret,
                     char **ret_options) {
        _cleanup_nfs_root_done_ NfsRoot root = {};
        _cleanup_free_ char *interface = lease_interface(getenv("INITRDD_INTERFACE")),
                            *more = NULL;
        const char *separator = *said == '[' ? strstr(said, "]:") : strchr(said, ':');
        int r = 0;

        if (separator && *said == '[')
                separator++;
        if (!separator)
                return -EINVAL;
        root.server = strndup(said, (size_t) (separator - said));
        root.path = strdup(separator + 1);
        if (!root.server || !root.path)
                return -ENOMEM;
        if (!*root.path)
                r = fill_path(&root, interface, where);
        if (r >= 0 && !*root.server)
                r = fill_server(&root, interface);
        if (r >= 0)
                r = fill_name(&root, interface);
        if (r < 0)
                return r;
        if (!*root.server)
                return -EAGAIN;
        more = strv_join(root.options, ",");
        if (!more || str_printf(ret, "%s:%s", root.server, root.path) < 0)
                return -ENOMEM;
        /* One attempt each: it is here that they are repeated. */
        if (str_printf(ret_options, "%s%s%s,retry=0", said_options, *more ? "," : "", more) < 0) {
                free(*ret);
                return -ENOMEM;
        }
        return 0;
}

static int attempt(const char *said, const char *where, const char *options, int64_t end,
                   char **what, char message[MESSAGE_MAX]) {
        _cleanup_free_ char *found = NULL, *all = NULL;
        int64_t limit;
        int r;

        (void) lease_write_servers("");
        r = find_what(said, where, options, &found, &all);
        if (r == -EAGAIN)
                snprintf(message, MESSAGE_MAX, "no server is named, and DHCP names none");
        if (r < 0)
                return r;
        free(*what);
        *what = TAKE_PTR(found);
        limit = now_msec() + ATTEMPT_MSEC;
        return try_mount(*what, where, all, end < 0 ? limit : MIN_OF(end, limit), message);
}

static int mount_root(const char *said, const char *where, const char *options, unsigned seconds) {
        char message[MESSAGE_MAX] = "", told[MESSAGE_MAX] = "";
        _cleanup_free_ char *what = strdup(said);
        int64_t end = seconds > 0 ? now_msec() + (int64_t) seconds * 1000 : -1;
        int r;

        if (!what)
                return -ENOMEM;
        for (;;) {
                r = attempt(said, where, options, end, &what, message);
                if (r != -EAGAIN)
                        break;
                if (end >= 0 && left_msec(end) == 0) {
                        fprintf(stderr, "The root %s could not be mounted within %u seconds: %s\n",
                                what, seconds, message);
                        return r;
                }
                if (!streq(message, told))
                        fprintf(stderr, "The root %s is waited for: %s\n", what, message);
                strcpy(told, message);
                poll(NULL, 0, end < 0 ? PAUSE_MSEC : MIN_OF(PAUSE_MSEC, left_msec(end)));
        }
        if (r < 0)
                fprintf(stderr, "The root%s%s can't be mounted: %s\n", streq(what, ":") ? "" : " ",
                        streq(what, ":") ? "" : what, strerror(-r));
        return r;
}

int main(int argc, char *argv[]) {
        const char *options = "ro", *limit = getenv("INITRDD_TIMEOUT");
        unsigned seconds = 180;

        if (argc < 3) {
                fprintf(stderr, "mount.initrdd-nfs SERVER:PATH DIRECTORY [-o OPTIONS]\n");
                return EXIT_USAGE;
        }
        for (int i = 3; i + 1 < argc; i++)
                if (streq(argv[i], "-o"))
                        options = argv[i + 1];
        if (limit && parse_unsigned(limit, &seconds) < 0)
                return EXIT_USAGE;
        return mount_root(argv[1], argv[2], options, seconds) < 0 ? EXIT_MOUNT : EXIT_SUCCESS;
}
