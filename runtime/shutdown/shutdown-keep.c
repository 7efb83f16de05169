/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is kept is what this process is made of: the program, and the libraries and the loader that are
 * mapped into it, each at the path by which it was found, so that it is found again.
 *
 * For tests, INITRDD_SHUTDOWN_ROOT is where /sysroot and /run are.
 */

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "shutdown.h"
#include "string-util.h"

#define PLACE "/run/initramfs"

/* The whole disk's directory in /sys has one of these if somebody made that device up. */
static bool is_made_up(const char *directory) {
        static const char *const signs[] = { "dm", "md", "loop/backing_file", "pid" };

        for (size_t i = 0; i < ELEMENTSOF(signs); i++) {
                _cleanup_free_ char *path = path_join(directory, signs[i]);

                if (path && access(path, F_OK) >= 0)
                        return true;
        }
        return false;
}

static bool device_is_made_up(dev_t device) {
        _cleanup_free_ char *path = NULL, *parent = NULL;

        if (str_printf(&path, "/sys/dev/block/%u:%u", major(device), minor(device)) < 0 ||
            str_printf(&parent, "%s/..", path) < 0)
                return true;
        return is_made_up(path) || is_made_up(parent);
}

/* Where the root itself doesn't say what it lies on (btrfs, an overlay, NFS): the device that is
 * mounted, by its name; else nobody knows, and it is needed. */
static bool source_is_made_up(const char *where) {
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t size;
        char *saved;

        if (file_read_at(AT_FDCWD, "/proc/self/mounts", 0, &text, &size) < 0)
                return true;
        for (char *line = strtok_r(text, "\n", &saved); line;
             line = strtok_r(NULL, "\n", &saved)) {
                _cleanup_strv_free_ char **words = NULL;

                if (strv_split(&words, line, " ") < 0 || strv_length(words) < 2 ||
                    !streq(words[1], where))
                        continue;
                if (words[0][0] == '/' && stat(words[0], &st) >= 0 && S_ISBLK(st.st_mode))
                        return device_is_made_up(st.st_rdev);
                return true;
        }
        return false;
}

static bool is_needed(const char *root, const char *name) {
        _cleanup_free_ char *where = NULL;
        struct stat st;

        if (str_printf(&where, "%s%s", root, name) < 0)
                return true;
        if (stat(where, &st) < 0)
                return false;
        return major(st.st_dev) == 0 ? source_is_made_up(where) : device_is_made_up(st.st_dev);
}

static int copy_file(const char *root, const char *from, const char *to) {
        _cleanup_free_ char *place = NULL, *parent = NULL, *text = NULL;
        size_t size;
        int r;

        if (str_printf(&place, "%s" PLACE "/%s", root, to) < 0)
                return -ENOMEM;
        parent = path_dirname(place);
        if (!parent)
                return -ENOMEM;
        r = mkdir_parents(parent, 0755);
        if (r >= 0)
                r = file_read_at(AT_FDCWD, from, 0, &text, &size);
        return r < 0 ? r : file_replace_at(AT_FDCWD, place, text, size, 0755);
}

static int copy_library(struct dl_phdr_info *info, size_t size, void *userdata) {
        const char *name = info->dlpi_name;

        /* The program has no name, what the kernel maps no path. */
        return *name == '/' ? copy_file(userdata, name, name + 1) : 0;
}

int shutdown_keep(void) {
        const char *root = getenv("INITRDD_SHUTDOWN_ROOT") ?: "";
        int r;

        if (!is_needed(root, "/sysroot") && !is_needed(root, "/sysroot/usr"))
                return 0;
        /* The program last: without it nobody looks for the others. */
        r = dl_iterate_phdr(copy_library, (void *) root);
        return r < 0 ? r : copy_file(root, "/proc/self/exe", "shutdown");
}
