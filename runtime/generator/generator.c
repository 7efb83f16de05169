/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The program: reads the kernel command line, lets each noun write what it has to, and tells of what
 * went wrong in the kernel's log, since the journal is not there yet. It is called again at every
 * reload of PID 1 and must come to the same result. In the real root it does nothing.
 *
 * For tests, as those of systemd: SYSTEMD_PROC_CMDLINE is the command line, SYSTEMD_IN_INITRD=1 says
 * where we are, and with INITRDD_GENERATOR_ROOT /etc and /run are there, and the log is standard
 * error.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "generator.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"

void generator_warn(const Generator *g, const char *format, ...) {
        _cleanup_close_ int fd = -EBADF;
        char message[512], line[600];
        va_list ap;
        int n;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        /* What is quoted may be anything, and this is one line. */
        for (char *c = message; *c; c++)
                if ((unsigned char) *c < ' ')
                        *c = '?';
        if (!*g->root)
                fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        n = snprintf(line, sizeof(line), "%sinitrdd-generator[%d]: %s\n", fd >= 0 ? "<28>" : "",
                     (int) getpid(), message);
        if (write(fd >= 0 ? fd : STDERR_FILENO, line, (size_t) n) < 0)
                return; /* there is nowhere else */
}

/* Where it is, with the directories above it. */
static int make_place(const Generator *g, const char *directory, const char *name, char **ret) {
        bool given = streq(directory, g->normal) || streq(directory, g->early) ||
                     streq(directory, g->late);
        _cleanup_free_ char *path = NULL, *parent = NULL;
        int r;

        if (str_printf(&path, "%s%s/%s", given ? "" : g->root, directory, name) < 0)
                return -ENOMEM;
        parent = path_dirname(path);
        if (!parent)
                return -ENOMEM;
        r = mkdir_parents(parent, 0755);
        if (r < 0) {
                generator_warn(g, "%s can't be made: %s", parent, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

int generator_write(const Generator *g, const char *directory, const char *name,
                    const char *text) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_place(g, directory, name, &path);
        if (r < 0)
                return r;
        r = file_replace_at(AT_FDCWD, path, text, strlen(text), 0644);
        if (r < 0)
                generator_warn(g, "%s can't be written: %s", path, strerror(-r));
        return r;
}

int generator_link(const Generator *g, const char *directory, const char *name,
                   const char *target) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_place(g, directory, name, &path);
        if (r < 0)
                return r;
        if (symlink(target, path) >= 0)
                return 0;
        r = -errno;
        if (r == -EEXIST)
                r = unlink(path) < 0 || symlink(target, path) < 0 ? -errno : 0;
        if (r < 0)
                generator_warn(g, "%s can't be made: %s", path, strerror(-r));
        return r;
}

int generator_add_symlink(const Generator *g, const char *target, const char *kind,
                          const char *unit) {
        _cleanup_free_ char *name = NULL, *to = NULL;

        if (str_printf(&name, "%s.%s/%s", target, kind, unit) < 0 ||
            str_printf(&to, "../%s", unit) < 0)
                return -ENOMEM;
        return generator_link(g, g->normal, name, to);
}

int generator_run(const Generator *g, const char *name, const char *const directories[3],
                  char *const environment[]) {
        static const char *const places[] = { ON_DEMAND_DIRECTORY,
                                              "/usr/lib/systemd/system-generators",
                                              "/lib/systemd/system-generators" };
        _cleanup_free_ char *path = NULL;
        int status = 0;
        pid_t pid;

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                free(TAKE_PTR(path));
                if (str_printf(&path, "%s/%s", places[i], name) < 0)
                        return -ENOMEM;
                if (access(path, X_OK) >= 0)
                        break;
        }
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                execle(path, path, directories[0], directories[1], directories[2], NULL,
                       environment);
                _exit(127);
        }
        status = process_wait(pid);
        if (process_succeeded(status))
                return 0;
        generator_warn(g, "%s failed", path);
        return status < 0 ? status : -EIO;
}

static bool in_initrd(void) {
        const char *said = getenv("SYSTEMD_IN_INITRD");
        int b = said ? parse_boolean(said) : -EINVAL;

        return b >= 0 ? b > 0 : access("/etc/initrd-release", F_OK) >= 0;
}

/* Since version 253 systemd shows its generators everything but /run read-only, so that none of them changes
 * the system. But LVM, multipath, udev and others are configured in /etc, and this is the image's,
 * which is gone with it. So it is as it was, for this process alone. */
static void open_etc(const Generator *g) {
        if (*g->root || access("/etc/initrd-release", F_OK) < 0 || access("/etc", W_OK) >= 0 ||
            errno != EROFS)
                return;
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
                generator_warn(g, "/etc stays read-only: %s", strerror(errno));
}

int main(int argc, char *argv[]) {
        static int (*const nouns[])(const Generator *) = {
                generate_lvm,         generate_md,      generate_multipath, generate_dmraid,
                generate_crypt,       generate_device,  generate_netblock,  generate_root,
                generate_driver,      generate_console, generate_network,   generate_nfs,
                generate_share,       generate_live,    generate_overlay,   generate_step,
                generate_unsupported,
        };
        _cleanup_strv_free_ char **words = NULL;
        Generator g = { .root = getenv("INITRDD_GENERATOR_ROOT") ?: "" };
        OnDemand on_demand = {};
        int r, failed;
        bool known;

        if (argc != 2 && argc != 4) {
                fprintf(stderr, "initrdd-generator NORMAL-DIR [EARLY-DIR LATE-DIR]\n");
                return 2;
        }
        g.normal = argv[1];
        g.early = argv[argc == 4 ? 2 : 1];
        g.late = argv[argc == 4 ? 3 : 1];
        if (!in_initrd())
                return EXIT_SUCCESS;
        umask(0022);
        r = option_read(&words);
        if (r < 0)
                generator_warn(&g, "The kernel command line can't be read: %s", strerror(-r));
        known = r >= 0;
        g.words = words;
        failed = !known | (on_demand_start(&g, !known, &on_demand) < 0);
        open_etc(&g);
        for (size_t i = 0; known && i < ELEMENTSOF(nouns); i++) {
                r = nouns[i](&g);
                if (r == -ENOMEM)
                        generator_warn(&g, "Out of memory");
                failed |= r < 0;
        }
        failed |= on_demand_wait(&g, &on_demand) < 0;
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
