/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What can be detached now is, and who calls again detaches what that has made free: file systems, the
 * last that was mounted first; swaps; then loop devices, mappings, arrays and network block devices that
 * nothing else lies on. The kernel has the last word: what is in use it keeps.
 *
 * A live system is a circle: its root is an overlay over an image in a file, which lies on a medium,
 * which is mounted below that very root. None of them can be the first. So what is in use is moved from
 * where it is mounted to a place of its own: nothing is below anything else then, and each goes when
 * what uses it has gone. It stays in sight, unlike what is unmounted lazily: what is left in the end is
 * read-only, and told of.
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <linux/nbd.h>
#include <linux/raid/md_u.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "shutdown.h"
#include "string-util.h"
#include "time-util.h"

/* A server that is gone never answers. */
#define UMOUNT_USEC (20 * 1000 * 1000ULL)
/* Where that place is. */
#define APART "/apart"

typedef struct Pass {
        FILE *left;
        unsigned n; /* steps forward */
} Pass;

/* What the kernel itself has, and this program is on. */
static bool stays(const char *path) {
        return streq(path, "/") || streq(path, "/run") || path_below(path, "/dev") ||
               path_below(path, "/proc") || path_below(path, "/sys");
}

/* "\040" and the like, in place. */
static void unescape(char *s) {
        char *to = s;

        for (; *s; s++)
                if (s[0] == '\\' && isdigit((unsigned char) s[1]) &&
                    isdigit((unsigned char) s[2]) && isdigit((unsigned char) s[3])) {
                        *to++ = (char) ((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
                        s += 3;
                } else
                        *to++ = *s;
        *to = '\0';
}

/* "/oldroot/run" → "/apart/oldroot-run"; also what has come along with something else that was moved,
 * "/apart/oldroot/run". What is there already stays. */
static int move_apart(const char *path) {
        const char *name = startswith(path, APART "/") ?: path + 1;
        char place[PATH_MAX];
        int n;

        if (name != path + 1 && !strchr(name, '/'))
                return -EBUSY;
        n = snprintf(place, sizeof(place), APART "/%s", name);
        if (n < 0 || (size_t) n >= sizeof(place))
                return -ENAMETOOLONG;
        for (char *p = place + strlen(APART "/"); *p; p++)
                if (*p == '/')
                        *p = '-';
        /* Whether that is possible the next call says. */
        (void) mkdir(APART, 0700);
        (void) mkdir(place, 0700);
        return mount(path, place, NULL, MS_MOVE, NULL) < 0 ? -errno : 0;
}

/* What can't be unmounted is at least made whole; not what this program is on. */
static void make_read_only(const char *path) {
        struct stat here, there;

        if (stat("/", &here) >= 0 && stat(path, &there) >= 0 && here.st_dev != there.st_dev)
                (void) mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

typedef enum Unmounted {
        UNMOUNTED_STAYS,
        UNMOUNTED_GONE,
        UNMOUNTED_MOVED,
} Unmounted;

/* In a process of its own, which can be given up. */
static Unmounted unmount(const char *path) {
        uint64_t end = now_monotonic_usec() + UMOUNT_USEC;
        int status;
        pid_t pid, done;

        pid = fork();
        if (pid == 0) {
                if (umount2(path, 0) >= 0)
                        _exit(UNMOUNTED_GONE);
                if (errno == EBUSY && move_apart(path) >= 0)
                        _exit(UNMOUNTED_MOVED);
                make_read_only(path);
                _exit(UNMOUNTED_STAYS);
        }
        if (pid < 0)
                return umount2(path, 0) >= 0 ? UNMOUNTED_GONE : UNMOUNTED_STAYS;
        while ((done = waitpid(pid, &status, WNOHANG)) == 0 && now_monotonic_usec() < end)
                usleep(5000);
        if (done == pid)
                return WIFEXITED(status) ? (Unmounted) WEXITSTATUS(status) : UNMOUNTED_STAYS;
        kill(pid, SIGKILL);
        return UNMOUNTED_STAYS;
}

/* The fifth word of a line of /proc/self/mountinfo is where it is mounted. */
static void detach_mounts(Pass *pass) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_free_ char **lines = NULL;
        size_t size;

        if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", 0, &text, &size) < 0 ||
            strv_split(&lines, text, "\n") < 0)
                return;
        for (size_t i = strv_length(lines); i-- > 0;) {
                _cleanup_strv_free_ char **words = NULL;
                Unmounted u;

                if (strv_split(&words, lines[i], " ") < 0 || strv_length(words) < 5)
                        continue;
                unescape(words[4]);
                if (stays(words[4]))
                        continue;
                u = unmount(words[4]);
                if (u != UNMOUNTED_STAYS)
                        pass->n++;
                if (u != UNMOUNTED_GONE)
                        fprintf(pass->left, " %s", words[4]);
        }
}

static void detach_swaps(Pass *pass) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_free_ char **lines = NULL;
        size_t size;

        if (file_read_at(AT_FDCWD, "/proc/swaps", 0, &text, &size) < 0 ||
            strv_split(&lines, text, "\n") < 0)
                return;
        for (size_t i = 1; i < strv_length(lines); i++) {
                char *path = lines[i];

                path[strcspn(path, " \t")] = '\0';
                unescape(path);
                if (swapoff(path) >= 0)
                        pass->n++;
                else
                        fprintf(pass->left, " %s", path);
        }
}

static bool directory_is_empty(const char *path) {
        bool empty = true;
        DIR *d = opendir(path);

        if (!d)
                return true;
        for (struct dirent *e; (e = readdir(d));)
                empty = empty && e->d_name[0] == '.';
        closedir(d);
        return empty;
}

/* A short file in a device's directory, or "". */
static void read_attribute(const char *name, const char *attribute, char *ret, size_t size) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t n;

        *ret = '\0';
        if (str_printf(&path, "/sys/block/%s/%s", name, attribute) < 0 ||
            file_read_at(AT_FDCWD, path, 4096, &text, &n) < 0)
                return;
        snprintf(ret, size, "%s", str_strip(text));
}

static int open_device(const char *name, int flags) {
        _cleanup_free_ char *path = path_join("/dev", name);

        return path ? open(path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
}

static bool detach_loop(const char *name) {
        _cleanup_close_ int fd = open_device(name, 0);
        char backing[64];

        if (fd < 0 || ioctl(fd, LOOP_CLR_FD, 0) < 0)
                return false;
        /* Of one in use the kernel only takes a note. */
        read_attribute(name, "loop/backing_file", backing, sizeof(backing));
        return !*backing;
}

static bool detach_mapping(const char *name) {
        struct dm_ioctl dm = {
                .version = { DM_VERSION_MAJOR, 0, 0 },
                .data_size = sizeof(dm),
        };
        _cleanup_close_ int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
        unsigned ma, mi;
        char number[32];

        read_attribute(name, "dev", number, sizeof(number));
        if (fd < 0 || sscanf(number, "%u:%u", &ma, &mi) != 2)
                return false;
        /* The kernel takes the number in the form that it gives in stat(2). */
        dm.dev = makedev(ma, mi);
        return ioctl(fd, DM_DEV_REMOVE, &dm) >= 0;
}

static bool detach_array(const char *name) {
        _cleanup_close_ int fd = open_device(name, O_EXCL);

        return fd >= 0 && ioctl(fd, STOP_ARRAY, NULL) >= 0;
}

/* The server is told, and then the device is let go: the kernel keeps one that was connected by netlink
 * for whoever connects it again, and takes no other of these calls for it. */
static bool detach_network(const char *name) {
        _cleanup_close_ int fd = open_device(name, O_EXCL);

        return fd >= 0 && fsync(fd) >= 0 && ioctl(fd, NBD_DISCONNECT, 0) >= 0 &&
               ioctl(fd, NBD_CLEAR_SOCK, 0) >= 0;
}

/* By the directory of a disk in /sys/block: what it is, and whether it is in use at all. */
static const struct {
        const char *sign, *name; /* name: shown, and only where it is one; or NULL */
        bool (*detach)(const char *name);
} kinds[] = {
        { "loop/backing_file", NULL, detach_loop },
        { "dm", "dm/name", detach_mapping },
        { "md/array_state", NULL, detach_array },
        { "pid", NULL, detach_network },
};

static void detach_device(Pass *pass, const char *name) {
        _cleanup_free_ char *holders = NULL;

        if (str_printf(&holders, "/sys/block/%s/holders", name) < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_free_ char *sign = NULL;
                char shown[128] = "";

                if (str_printf(&sign, "/sys/block/%s/%s", name, kinds[i].sign) < 0 ||
                    access(sign, F_OK) < 0)
                        continue;
                if (kinds[i].name)
                        read_attribute(name, kinds[i].name, shown, sizeof(shown));
                else
                        read_attribute(name, kinds[i].sign, shown, sizeof(shown));
                /* An array that was stopped, a loop device of nothing. */
                if (streq(shown, "clear") || streq(shown, ""))
                        continue;
                if (directory_is_empty(holders) && kinds[i].detach(name)) {
                        shutdown_log(true, "%s (%s) is detached", name, shown);
                        pass->n++;
                } else
                        fprintf(pass->left, " %s (%s)", name, shown);
        }
}

static void detach_devices(Pass *pass) {
        DIR *d = opendir("/sys/block");

        if (!d)
                return;
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.')
                        detach_device(pass, e->d_name);
        closedir(d);
}

unsigned shutdown_detach(char **ret_left) {
        Pass pass = {};
        size_t size;

        pass.left = open_memstream(ret_left, &size);
        if (!pass.left)
                return 0;
        detach_mounts(&pass);
        detach_swaps(&pass);
        detach_devices(&pass);
        if (fclose(pass.left) != 0)
                return 0;
        return pass.n;
}
