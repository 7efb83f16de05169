/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Finds the medium of which nobody has said the name: the file system that has a certain file. Each
 * that udev knows is mounted once, when it appears, read-only.
 *
 *   initrdd-live-find [--timeout=SECONDS] --with=FILE    the file system with it
 *   initrdd-live-find [--timeout=SECONDS] --iso=FILE     the one in it; the other stays mounted on
 *                                                        /run/initramfs/isoscan
 *
 * What was found is left on /run/initramfs/live. Without a timeout it is looked for for ever.
 */

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fd-util.h"
#include "mount-util.h"
#include "path-util.h"
#include "string-util.h"

#define DEVICES "/dev/disk/by-uuid"
#define MEDIUM "/run/initramfs/live"
#define ISO_PLACE "/run/initramfs/isoscan"

static const char *arg_file;
static unsigned arg_timeout;
static bool arg_iso;
static char **tried;

/* 1 if it was the one; the mount stays. */
static int try_device(const char *device) {
        const char *place = arg_iso ? ISO_PLACE : MEDIUM;
        _cleanup_free_ char *path = path_join(place, arg_file);
        struct stat st;

        if (!path || strv_extend(&tried, device) < 0)
                return -ENOMEM;
        if (mount_device("ro", device, place) < 0)
                return 0;
        if (stat(path, &st) >= 0 && S_ISREG(st.st_mode)) {
                tell_notice("%s is on %s", arg_file, device);
                return !arg_iso || mount_device("loop,ro", path, MEDIUM) >= 0 ? 1 : -EIO;
        }
        return umount(place) < 0 ? -errno : 0;
}

/* Links to all file systems; those of one device that has several are tried once each. */
static int try_all(void) {
        _cleanup_strv_free_ char **names = NULL;
        struct dirent *entry;
        DIR *dir = opendir(DEVICES);
        int r = 0;

        if (!dir)
                return -errno;
        while ((entry = readdir(dir)) && r >= 0)
                if (entry->d_type == DT_LNK && *entry->d_name != '.')
                        r = strv_extend(&names, entry->d_name);
        closedir(dir);
        strv_sort(names);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *link = NULL, *device = NULL;

                if (r != 0)
                        break;
                link = path_join(DEVICES, *name);
                if (!link)
                        return -ENOMEM;
                device = realpath(link, NULL);
                if (device && !strv_contains(tried, device))
                        r = try_device(device);
        }
        return r;
}

static unsigned long long now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (unsigned long long) ts.tv_sec * 1000 + (unsigned long long) ts.tv_nsec / 1000000;
}

/* Until something was added to the directory. 0 when the time is over. */
static int wait_for_more(int fd, unsigned long long end) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        unsigned long long at = now();
        char events[4096];
        int r;

        if (arg_timeout > 0 && at >= end)
                return 0;
        r = poll(&p, 1, arg_timeout > 0 ? (int) (end - at) : -1);
        if (r > 0 && read(fd, events, sizeof(events)) < 0)
                return -errno;
        return r < 0 && errno != EINTR ? -errno : r == 0 ? 0 : 1;
}

static int find(void) {
        unsigned long long end = now() + (unsigned long long) arg_timeout * 1000;
        _cleanup_close_ int fd = inotify_init1(IN_CLOEXEC);
        int r;

        r = fd < 0 ? -errno : mkdir_parents(DEVICES, 0755);
        if (r >= 0 && inotify_add_watch(fd, DEVICES, IN_CREATE | IN_MOVED_TO) < 0)
                r = -errno;
        while (r >= 0) {
                r = try_all();
                if (r != 0)
                        break;
                r = wait_for_more(fd, end);
                if (r == 0) {
                        _cleanup_free_ char *all = strv_join(tried, ", ");

                        tell_error("No file system has %s; looked at: %s", arg_file,
                                   all && *all ? all : "none, there was no disk");
                        return -ENOENT;
                }
        }
        if (r < 0)
                tell_error("%s can't be looked for: %s", arg_file, strerror(-r));
        return r;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "timeout", required_argument, NULL, 't' },
                { "with", required_argument, NULL, 'w' },
                { "iso", required_argument, NULL, 'i' },
                {},
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 't':
                        if (parse_unsigned(optarg, &arg_timeout) < 0 || arg_timeout > 1000000)
                                return 2;
                        break;
                case 'w':
                case 'i':
                        arg_file = optarg;
                        arg_iso = c == 'i';
                        break;
                default:
                        return 2;
                }
        if (argc > optind || !arg_file)
                return 2;
        umask(0022);
        r = find();
        strv_free(tried);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
