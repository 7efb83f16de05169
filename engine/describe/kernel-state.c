/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How far a kernel is, by what its package and depmod leave behind while they are at work: only its
 * own directory is looked at, so that it can be told of any root and at any time.
 *
 *   .fresh-install      Debian's: made before the unpacking, removed after depmod
 *   NAME.dpkg-new, NAME;ID   files of dpkg and rpm that don't have their names yet
 *   modules.devname     the last file that depmod writes; modules.dep is the first
 *   modules.order       comes with the package; depmod runs after it
 */

#include "describe/kernel.h"
#include "path-util.h"
#include "string-util.h"

static const char *const names[] = {
        [KERNEL_READY] = "ready",
        [KERNEL_UNPACKING] = "unpacking",
        [KERNEL_UNPACKED] = "unpacked",
        [KERNEL_INCOMPLETE] = "incomplete",
};

const char *kernel_state_to_string(KernelState state) {
        return names[state];
}

static bool is_newer(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Of the package, as it was made there: a copy of the whole tree keeps both times. */
static int is_outdated(Source *source, const char *directory) {
        _cleanup_free_ char *order = path_join(directory, "modules.order"),
                            *dep = path_join(directory, "modules.dep.bin");
        struct stat a, b;
        int r;

        if (!order || !dep)
                return -ENOMEM;
        r = source_resolve(source, NULL, order, NULL, &a, NULL);
        if (r >= 0)
                r = source_resolve(source, NULL, dep, NULL, &b, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        return is_newer(&a.st_mtim, &b.st_mtim);
}

static bool is_being_unpacked(char *const *files) {
        STRV_FOREACH(name, files)
                if (endswith(*name, ".dpkg-new") || strchr(*name, ';'))
                        return true;
        return false;
}

/* depmod gives its files their names when they are complete: modules.dep.PID.USEC.SEC. */
static bool is_being_indexed(char *const *files) {
        STRV_FOREACH(name, files) {
                const char *rest = startswith(*name, "modules.dep.");

                if (rest && *rest >= '0' && *rest <= '9')
                        return true;
        }
        return false;
}

int kernel_state(Source *source, const char *version, KernelState *ret, const char **ret_reason) {
        _cleanup_strv_free_ char **files = NULL;
        _cleanup_free_ char *directory = NULL;
        const char *reason = NULL;
        KernelState state = KERNEL_UNPACKING;
        int r;

        r = kernel_find_directory(source, NULL, version, &directory);
        if (r >= 0)
                r = source_list(source, NULL, directory, NULL, &files);
        if (r >= 0)
                r = is_outdated(source, directory);
        if (r < 0)
                return r;
        if (is_being_unpacked(files))
                reason = "Its package is being unpacked";
        else if (is_being_indexed(files))
                reason = "depmod is at work";
        else if (strv_contains(files, ".fresh-install")) {
                /* It is one of the last files of a package. */
                if (strv_contains(files, "modules.order"))
                        state = KERNEL_UNPACKED;
                reason = "Its package is being installed";
        } else if (!strv_contains(files, "modules.dep")) {
                state = KERNEL_INCOMPLETE;
                reason = "It has no modules.dep; run depmod, or remove what is left of it";
        } else if (!strv_contains(files, "modules.dep.bin") ||
                   !strv_contains(files, "modules.devname"))
                reason = "depmod has not finished";
        else if (r > 0) {
                state = KERNEL_UNPACKED;
                reason = "depmod has not run since its drivers were replaced";
        } else
                state = KERNEL_READY;
        *ret = state;
        *ret_reason = reason;
        return 0;
}
