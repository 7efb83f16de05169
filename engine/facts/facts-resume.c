/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The swap from which the machine may wake up.
 *
 * The kernel must be able to hibernate at all ("disk" in /sys/power/state), and nobody must have
 * said "noresume". Then the first of these that gives an answer:
 *
 *   resume= on the kernel command line
 *   RESUME= in /etc/initramfs-tools/conf.d/resume; "none" is an answer, "auto" is not
 *   the largest active swap that lasts: not in memory, and not under a key that is thrown away or
 *   that lies in the root (crypttab's x-initrd.attach says that it may be in the image)
 *
 * A swap file is read by offset from the device that its file system is on; the file system isn't
 * mounted for that, so only the device's layers count.
 */

#include "facts-host.h"
#include "path-util.h"
#include "string-util.h"

#define RESUME_CONF "/etc/initramfs-tools/conf.d/resume"

static int can_hibernate(const Host *h) {
        _cleanup_strv_free_ char **states = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = host_read(h, "/sys/power/state", &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return 0;
        r = strv_split(&states, text, " \n");
        if (r < 0)
                return r;
        return strv_contains(states, "disk") && !strv_contains(h->cmdline, "noresume");
}

int host_read_resume(const Host *h, char **ret) {
        _cleanup_free_ char *text = NULL, *value = NULL;
        char *save = NULL;
        int r;

        r = host_read(h, RESUME_CONF, &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
                const char *rest = startswith(str_strip(l), "RESUME=");
                size_t n;

                if (!rest)
                        continue;
                n = strlen(rest);
                if (n >= 2 && (*rest == '"' || *rest == '\'') && rest[n - 1] == *rest) {
                        rest++;
                        n -= 2;
                }
                free(TAKE_PTR(value));
                value = strndup(rest, n);
                if (!value)
                        return -ENOMEM;
        }
        if (value && (*value == '\0' || streq(value, "auto")))
                return 0;
        *ret = TAKE_PTR(value);
        return 0;
}

static int add_resume(Host *h, const char *what, const char *options, char **devices) {
        int r = host_tag(h, "resume");

        if (r < 0) {
                strv_free(devices);
                return r;
        }
        return host_add_mount(h, "swap", what, "swap", options, devices);
}

static int resume_from(Host *h, const char *spec, const char *path) {
        _cleanup_free_ char *name = NULL;
        char **devices = NULL;
        int r;

        r = block_from_spec(h, spec, &name);
        if (r >= 0)
                r = block_walk(h, name, &devices, 0);
        if (r < 0 && r != -ENOMEM) {
                strv_free(devices);
                report_warn(h->report, path, 0, "%s is to be resumed from and can't be found: %s",
                            spec, strerror(-r));
                return 0;
        }
        if (r < 0) {
                strv_free(devices);
                return r;
        }
        return add_resume(h, spec, NULL, devices);
}

/* Whether what is written to the device can still be read after a reboot. */
static int lasts(const Host *h, const char *name) {
        _cleanup_free_ char *path = NULL, *dm = NULL;
        const CryptEntry *e;
        int r;

        if (startswith(name, "zram") || startswith(name, "ram"))
                return 0;
        r = str_printf(&path, "/sys/class/block/%s/dm/name", name);
        if (r < 0)
                return r;
        r = host_read(h, path, &dm);
        if (r < 0)
                return r == -ENOMEM ? r : 1;
        e = host_crypt_entry(h, dm);
        if (!e)
                return 1;
        /* A key in a file of the root is not there yet, and is not for an image unless it says so. */
        return !crypt_entry_is_volatile(e) && (!e->key || crypt_entry_is_marked(e));
}

/* How fstab calls the swap, if it has this one: by device, since the names may differ. */
static struct libmnt_fs *fstab_line(const Host *h, const char *name) {
        struct libmnt_iter *iter = libmount.new_iter(MNT_ITER_FORWARD);
        struct libmnt_fs *fs, *found = NULL;

        if (!iter)
                return NULL;
        while (!found && libmount.table_next_fs(h->fstab, iter, &fs) == 0) {
                _cleanup_free_ char *other = NULL;
                const char *source = libmount.fs_get_source(fs);

                if (libmount.fs_is_swaparea(fs) && source &&
                    block_from_spec(h, source, &other) >= 0 && streq(other, name))
                        found = fs;
        }
        libmount.free_iter(iter);
        return found;
}

static int add_partition(Host *h, const char *name) {
        _cleanup_free_ char *what = NULL;
        struct libmnt_fs *line = fstab_line(h, name);
        const char *spec = line ? libmount.fs_get_source(line) : NULL;
        char **devices = NULL;
        int r;

        if (spec)
                r = (what = strdup(spec)) ? 0 : -ENOMEM;
        else
                r = block_describe(h, name, &what);
        if (r >= 0)
                r = block_walk(h, name, &devices, 0);
        if (r < 0) {
                strv_free(devices);
                return r;
        }
        return add_resume(h, what, line ? libmount.fs_get_options(line) : NULL, devices);
}

static int add_file(Host *h, const char *path) {
        _cleanup_free_ char *what = NULL;
        char **devices = NULL;
        int r;

        r = host_walk_path(h, path, &devices, 0);
        if (r > 0 && devices)
                r = block_describe(h, devices[0], &what);
        if (r < 0 || !devices) {
                strv_free(devices);
                return r < 0 ? r : 0;
        }
        return add_resume(h, what, NULL, devices);
}

/* The largest active swap that lasts: a device by its kernel name, or a file. */
static int find_active(Host *h, char **ret_name, const char **ret_file) {
        struct libmnt_iter *iter = libmount.new_iter(MNT_ITER_FORWARD);
        struct libmnt_fs *fs;
        off_t size = -1;
        int r = 0;

        if (!iter)
                return -ENOMEM;
        while (r >= 0 && libmount.table_next_fs(h->swaps, iter, &fs) == 0) {
                const char *source = libmount.fs_get_source(fs),
                           *type = libmount.fs_get_swaptype(fs);
                _cleanup_free_ char *name = NULL;

                if (!source || libmount.fs_get_size(fs) <= size)
                        continue;
                if (streq_ptr(type, "partition")) {
                        r = block_from_node(h, source, &name);
                        if (r >= 0)
                                r = lasts(h, name);
                } else
                        r = 1;
                if (r > 0) {
                        size = libmount.fs_get_size(fs);
                        free(*ret_name);
                        *ret_name = TAKE_PTR(name);
                        *ret_file = *ret_name ? NULL : source;
                }
                if (r < 0 && r != -ENOMEM)
                        r = 0; /* a swap of which nothing is known is none to rely on */
        }
        libmount.free_iter(iter);
        return r < 0 ? r : 0;
}

int host_find_resume(Host *h) {
        const char *spec = host_cmdline(h, "resume"), *file = NULL;
        _cleanup_free_ char *conf = NULL, *name = NULL;
        int r;

        r = can_hibernate(h);
        if (r <= 0)
                return r;
        if (spec)
                return resume_from(h, spec, "/proc/cmdline");
        r = host_read_resume(h, &conf);
        if (r < 0)
                return r;
        if (conf)
                return streq(conf, "none") ? 0 : resume_from(h, conf, RESUME_CONF);
        r = find_active(h, &name, &file);
        if (r >= 0 && name)
                r = add_partition(h, name);
        else if (r >= 0 && file)
                r = add_file(h, file);
        if (r < 0 && r != -ENOMEM) {
                report_warn(h->report, "/proc/swaps", 0,
                            "Can't find out what the swap %s is stored on: %s", name ? name : file,
                            strerror(-r));
                return 0;
        }
        return r;
}
