/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The directories of an overlay, under the names that dracut's users know, as links to where they
 * are:
 *
 *   /run/overlayfs     what is written
 *   /run/ovlwork       overlayfs's own, on the same file system
 *   /run/overlayfs-r   what was written once, when nothing may be added (--read-only)
 *
 * They are in memory, in /run/initramfs/overlay, or on a device, which is mounted on
 * /run/initramfs/overlayfs. There, in this order:
 *
 *   PATH               a directory, with "ovlwork" beside it; made if it isn't there
 *   PATH               a file with a file system, which has "overlayfs" and "ovlwork"
 *   LIVE/overlay-LABEL-UUID   without a PATH, the same two of the medium, if there are any
 *   overlay, ovlwork   in the root of the device
 *
 * With --over=MOUNT what is mounted there becomes /run/rootfsbase, and the overlay covers it.
 *
 *   initrdd-overlay [--device=NODE [--path=PATH]] [--memory=OPTIONS] [--live=DIRECTORY]
 *                   [--read-only] [--reset] [--over=MOUNT]
 *
 * A device that can't be used is no reason for not to start: then memory is.
 */

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd-util.h"
#include "mount-util.h"
#include "path-util.h"
#include "string-util.h"

#define MEDIUM "/run/initramfs/live"
#define STORAGE "/run/initramfs/overlayfs"
#define MEMORY "/run/initramfs/overlay"
#define NOTHING "/run/initramfs/overlay-none"
#define UPPER "/run/overlayfs"
#define LOWER "/run/overlayfs-r"
#define WORK "/run/ovlwork"
#define BASE "/run/rootfsbase"

static const char *arg_device, *arg_path, *arg_memory, *arg_live, *arg_over;
static bool arg_read_only, arg_reset;

/* The value of a property that udev has written for a device, or NULL; "\x20" is a space. */
static char *read_property(dev_t device, const char *key) {
        _cleanup_free_ char *path = NULL, *text = NULL, *line = NULL;
        char *at, *out;
        size_t size;

        if (str_printf(&path, "/run/udev/data/b%u:%u", major(device), minor(device)) < 0 ||
            str_printf(&line, "\nE:%s=", key) < 0 ||
            file_read_at(AT_FDCWD, path, 1024 * 1024, &text, &size) < 0)
                return NULL;
        at = strstr(text, line);
        if (!at)
                return NULL;
        at += strlen(line);
        at[strcspn(at, "\n")] = '\0';
        out = at;
        for (char *p = at; *p; p++) {
                unsigned c;

                if (p[0] == '\\' && p[1] == 'x' && sscanf(p + 2, "%2x", &c) == 1 && c >= ' ') {
                        *out++ = (char) c;
                        p += 3;
                } else
                        *out++ = *p;
        }
        *out = '\0';
        return strdup(at);
}

/* What a medium's own overlay is called, where it is. NULL without memory or without a medium. */
static char *standard_path(void) {
        _cleanup_free_ char *label = NULL, *uuid = NULL;
        struct stat st;
        char *path;

        if (!arg_live || stat(MEDIUM, &st) < 0)
                return NULL;
        label = read_property(st.st_dev, "ID_FS_LABEL_ENC");
        uuid = read_property(st.st_dev, "ID_FS_UUID_ENC");
        if (str_printf(&path, STORAGE "/%s/overlay-%s-%s", arg_live, label ?: "", uuid ?: "") < 0)
                return NULL;
        return path;
}

/* The device, which may be the one that the image is on: that is mounted once only. */
static int mount_storage(void) {
        struct stat node, medium;

        if (stat(arg_device, &node) < 0 || !S_ISBLK(node.st_mode)) {
                tell_warning("%s, for the overlay, is not there", arg_device);
                return -ENODEV;
        }
        if (stat(MEDIUM, &medium) < 0 || medium.st_dev != node.st_rdev)
                return mount_device(arg_read_only ? "ro" : "rw", arg_device, STORAGE);
        if (!arg_read_only && mount(NULL, MEDIUM, NULL, MS_REMOUNT, NULL) < 0) {
                tell_warning("%s can't be written to: %m", arg_device);
                return -EROFS;
        }
        return mount_bind(MEDIUM, STORAGE);
}

/* Whether a directory can be the upper one: overlayfs marks what was removed with attributes. */
static int check_upper(const char *path) {
        static const char name[] = "trusted.overlay.initrdd";

        if (setxattr(path, name, "y", 1, 0) < 0) {
                tell_warning("%s can't hold an overlay: %m", path);
                return -EOPNOTSUPP;
        }
        (void) removexattr(path, name);
        return 0;
}

/* UPPER and WORK as directories of a file system that is mounted. Takes them. */
static int use_directories(char *upper, char *work, bool read_only, char **ret_upper,
                           char **ret_work) {
        _cleanup_free_ char *u = upper, *w = work;
        int r = 0;

        if (!u || !w)
                return -ENOMEM;
        if (!is_directory(u))
                r = mkdir_parents(u, 0755);
        if (r >= 0 && !is_directory(w) && !read_only)
                r = mkdir_parents(w, 0755);
        if (r < 0)
                tell_warning("%s can't be made: %s", u, strerror(-r));
        if (r < 0 || (!read_only && (r = check_upper(u)) < 0))
                return r;
        *ret_upper = TAKE_PTR(u);
        *ret_work = TAKE_PTR(w);
        return 0;
}

static int use_path(const char *path, char **ret_upper, char **ret_work) {
        _cleanup_free_ char *parent = NULL;
        struct stat st;

        if (stat(path, &st) >= 0 && S_ISREG(st.st_mode)) {
                int r = mount_device(arg_read_only ? "loop,ro" : "loop,rw", path, STORAGE);

                return r < 0 ? r
                             : use_directories(strdup(STORAGE "/overlayfs"),
                                               strdup(STORAGE "/ovlwork"), arg_read_only,
                                               ret_upper, ret_work);
        }
        parent = path_dirname(path);
        return use_directories(strdup(path), parent ? path_join(parent, "ovlwork") : NULL,
                               arg_read_only, ret_upper, ret_work);
}

static int use_device(char **ret_upper, char **ret_work) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = mount_storage();
        if (r < 0)
                return r;
        path = arg_path ? path_join(STORAGE, arg_path) : standard_path();
        if (path && (arg_path || access(path, F_OK) >= 0))
                return use_path(path_simplify(path), ret_upper, ret_work);
        return use_directories(strdup(STORAGE "/overlay"), strdup(STORAGE "/ovlwork"),
                               arg_read_only, ret_upper, ret_work);
}

static int use_memory(char **ret_upper, char **ret_work) {
        int r;

        r = mount_memory(MEMORY, arg_memory);
        if (r < 0 && arg_memory) {
                tell_warning("There is no memory with %s (%s); as much as usual is taken",
                             arg_memory, strerror(-r));
                r = mount_memory(MEMORY, NULL);
        }
        if (r < 0) {
                tell_error("There is no memory for the overlay: %s", strerror(-r));
                return r;
        }
        return use_directories(strdup(MEMORY "/overlayfs"), strdup(MEMORY "/ovlwork"), false,
                               ret_upper, ret_work);
}

static size_t reset_length;

static int remove_entry(const char *path, _unused_ const struct stat *st, _unused_ int type,
                        _unused_ struct FTW *where) {
        return strlen(path) > reset_length && remove(path) < 0 ? -1 : 0;
}

/* Empties a directory; it stays. */
static void reset(const char *path) {
        tell_notice("What was changed in %s is removed", path);
        reset_length = strlen(path);
        if (nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0)
                tell_warning("Not all of %s can be removed: %m", path);
}

static int set_link(const char *link, const char *target) {
        int r;

        if (unlink(link) < 0 && errno != ENOENT && errno != EISDIR)
                tell_warning("%s can't be removed: %m", link);
        if (symlink(target, link) < 0) {
                r = -errno;
                tell_error("%s can't be made: %s", link, strerror(-r));
                return r;
        }
        tell("%s is %s", link, target);
        return 0;
}

/* What was written once comes below; overlayfs wants a directory in any case. */
static int add_lower(const char *upper) {
        int r = upper ? 0 : mkdir_parents(NOTHING, 0755);

        return r < 0 ? r : set_link(LOWER, upper ?: NOTHING);
}

static int cover(const char *where, const char *upper, const char *work) {
        _cleanup_free_ char *options = NULL;
        int r;

        if (str_printf(&options, "lowerdir=%s" BASE ",upperdir=%s,workdir=%s",
                       arg_read_only ? LOWER ":" : "", upper, work) < 0)
                return -ENOMEM;
        if (mount("LiveOS_rootfs", where, "overlay", 0, options) < 0) {
                r = -errno;
                tell_error("The root can't be covered by an overlay (%s): %s", options,
                           strerror(-r));
                return r;
        }
        return 0;
}

static int run(void) {
        _cleanup_free_ char *upper = NULL, *work = NULL;
        int r = 0;

        if (arg_over)
                r = mount_bind(arg_over, BASE);
        if (r < 0)
                return r;
        if (arg_device && use_device(&upper, &work) < 0)
                tell_warning("Nothing of what is changed in this boot will be kept: the overlay "
                             "is in memory");
        if (upper && arg_reset && !arg_read_only)
                reset(upper);
        if (arg_read_only) {
                r = add_lower(upper);
                free(TAKE_PTR(upper));
                free(TAKE_PTR(work));
        }
        if (r >= 0 && !upper)
                r = use_memory(&upper, &work);
        if (r >= 0)
                r = set_link(UPPER, upper);
        if (r >= 0)
                r = set_link(WORK, work);
        return r < 0 || !arg_over ? r : cover(arg_over, upper, work);
}

int main(int argc, char *argv[]) {
        static const char **const values[] = { &arg_device, &arg_path, &arg_memory, &arg_live,
                                               &arg_over };
        static const struct option options[] = {
                { "device", required_argument, NULL, 0 }, { "path", required_argument, NULL, 1 },
                { "memory", required_argument, NULL, 2 }, { "live", required_argument, NULL, 3 },
                { "over", required_argument, NULL, 4 },   { "read-only", no_argument, NULL, 'r' },
                { "reset", no_argument, NULL, 'R' },      {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (c == 'r')
                        arg_read_only = true;
                else if (c == 'R')
                        arg_reset = true;
                else if (c == '?')
                        return 2;
                else
                        *values[c] = optarg;
        if (argc > optind)
                return 2;
        umask(0022);
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
