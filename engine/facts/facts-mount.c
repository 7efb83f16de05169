/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the initramfs mounts: "/", "/usr" where that is a file system of its own, and the lines of
 * fstab that are marked x-initrd.mount.
 *
 * What is mounted now tells the type and the devices; fstab tells how a person calls it and with
 * which options, and stands in where nothing is mounted: in the chroot of an installer.
 *
 * A root that lasts no longer than this boot has another below it. It is looked for in this order:
 * /run/systemd/volatile-root, where systemd.volatile= leaves what it covered; fstab; root= on the
 * kernel command line. A root in memory with a /usr on disk is one that is made anew at each boot.
 * When all lead nowhere the answer is a failure: an image for an unknown root would be one that
 * does not boot.
 *
 * A live system is one whose initramfs has left a medium at /run/initramfs/live. Its root may be a copy
 * in memory; it will be copied from there again.
 */

#include "facts-host.h"
#include "string-util.h"

#define MEDIUM "/run/initramfs/live"

int host_add_mount(Host *h, const char *where, const char *what, const char *type,
                   const char *options, char **devices) {
        Facts *facts = h->facts;
        FactsMount m = { .devices = devices }, *mounts;

        m.where = strdup(where);
        m.what = strdup(what);
        m.type = strdup(type);
        m.options = options ? strdup(options) : NULL;
        mounts = reallocarray(facts->mounts, facts->n_mounts + 1, sizeof(FactsMount));
        if (mounts)
                facts->mounts = mounts;
        if (!m.where || !m.what || !m.type || (options && !m.options) || !mounts) {
                facts_mount_done(&m);
                return -ENOMEM;
        }
        facts->mounts[facts->n_mounts++] = m;
        return 0;
}

static struct libmnt_fs *find_target(struct libmnt_table *table, const char *target,
                                     int direction) {
        struct libmnt_iter *iter = libmount.new_iter(direction);
        struct libmnt_fs *fs, *found = NULL;

        if (!iter)
                return NULL;
        while (!found && libmount.table_next_fs(table, iter, &fs) == 0)
                if (streq_ptr(libmount.fs_get_target(fs), target))
                        found = fs;
        libmount.free_iter(iter);
        return found;
}

/* What a line of fstab names, where nothing is mounted there. */
static int walk_fstab(Host *h, struct libmnt_fs *fs, char **ret_type, char ***devices) {
        const char *source = libmount.fs_get_source(fs), *type = libmount.fs_get_fstype(fs);
        _cleanup_free_ char *known = NULL;
        int r;

        if (!type || streq(type, "auto")) {
                _cleanup_free_ char *name = NULL, *uuid = NULL;

                r = source ? block_from_spec(h, source, &name) : -ENODEV;
                if (r < 0 || (r = block_content(h, name, &known, &uuid)) < 0)
                        return r;
                if (!known)
                        return -ENODATA;
        } else {
                known = strdup(type);
                if (!known)
                        return -ENOMEM;
        }
        r = filesystem_tag(h, known);
        if (r < 0)
                return r;
        r = filesystem_is_network(known) ? 1
                                         : filesystem_walk_source(h, source, known, devices, 0);
        if (r >= 0)
                *ret_type = TAKE_PTR(known);
        return r;
}

/* What a mount was made from, as a person would write it. */
static int describe_mount(const Host *h, struct libmnt_fs *actual, struct libmnt_fs *line,
                          char *const *devices, char **ret) {
        const char *source = actual ? libmount.fs_get_source(actual) : NULL;
        char *copy;

        if (line && libmount.fs_get_source(line))
                source = libmount.fs_get_source(line);
        else if (devices && (!source || startswith(source, "/dev/")))
                return block_describe(h, devices[0], ret);
        copy = strdup(source ? source : "none");
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

/* Walks one mount and records it. `actual` is from mountinfo, `line` from fstab; either may be
 * NULL. 1 when it is known what it is stored on, 0 when it is stored on nothing. */
static int add(Host *h, const char *where, struct libmnt_fs *actual, struct libmnt_fs *line) {
        _cleanup_strv_free_ char **devices = NULL;
        _cleanup_free_ char *what = NULL, *type = NULL;
        const char *options = libmount.fs_get_options(line ? line : actual);
        int found, r;

        if (actual) {
                const char *t = libmount.fs_get_fstype(actual);

                found = filesystem_walk(h, actual, &devices, 0);
                type = strdup(t ? t : "auto");
                if (!type)
                        return -ENOMEM;
        } else
                found = walk_fstab(h, line, &type, &devices);
        if (found < 0)
                return found;
        if (options_contain(options, "_netdev") && (r = host_tag(h, "net")) < 0)
                return r;
        r = describe_mount(h, actual, line, devices, &what);
        if (r < 0)
                return r;
        r = host_add_mount(h, where, what, type, options, TAKE_PTR(devices));
        return r < 0 ? r : found;
}

/* Whether a mount on /usr is more than the root's own directory, seen once more: sandboxes of
 * services bind it onto itself to make it read-only, sysexts lay an overlay over it. */
static bool usr_is_separate(struct libmnt_fs *usr, struct libmnt_fs *root) {
        const char *usr_root = libmount.fs_get_root(usr), *root_root;
        const char *type = libmount.fs_get_fstype(usr);

        if (streq_ptr(type, "overlay"))
                return false;
        if (!root || libmount.fs_get_devno(usr) != libmount.fs_get_devno(root))
                return true;
        root_root = libmount.fs_get_root(root);
        if (!usr_root || !root_root)
                return false;
        if (streq(root_root, "/"))
                root_root = "";
        usr_root = startswith(usr_root, root_root);
        return !usr_root || !streq(usr_root, "/usr");
}

static int add_usr(Host *h, struct libmnt_fs *root) {
        struct libmnt_fs *line = find_target(h->fstab, "/usr", MNT_ITER_FORWARD);
        /* The first, for what a sandbox or a sysext adds comes later. */
        struct libmnt_fs *actual = find_target(h->mountinfo, "/usr", MNT_ITER_FORWARD);
        int r;

        if (actual && !usr_is_separate(actual, root))
                actual = NULL;
        if (!actual && !line)
                return 0;
        r = host_tag(h, "usr");
        if (r < 0)
                return r;
        r = add(h, "/usr", actual, line);
        if (r < 0 && r != -ENOMEM)
                return report_fail(h->report, FAILURE_INCOMPLETE, r, "/usr", 0,
                                   "Can't find out what /usr is stored on (%s); take a generic "
                                   "image (Mode=generic)",
                                   strerror(-r));
        return r;
}

/* The root is nothing that lasts: asks whoever else may know. */
static int add_hidden_root(Host *h, struct libmnt_fs *line) {
        _cleanup_strv_free_ char **devices = NULL;
        _cleanup_free_ char *name = NULL, *type = NULL, *uuid = NULL, *what = NULL, *link = NULL;
        const char *spec;
        int r;

        r = host_readlink(h, "/run/systemd/volatile-root", &link);
        if (r == -ENOMEM)
                return r;
        spec = r >= 0 ? link : host_cmdline(h, "root");
        if (r < 0 && line)
                return add(h, "/", NULL, line);
        if (!spec)
                return 0;
        r = block_from_spec(h, spec, &name);
        if (r < 0 || (r = block_walk(h, name, &devices, 0)) < 0)
                return r == -ENOMEM ? r : 0;
        if ((r = block_content(h, name, &type, &uuid)) < 0 ||
            (r = block_describe(h, name, &what)) < 0 ||
            (type && (r = filesystem_tag(h, type)) < 0))
                return r;
        r = host_add_mount(h, "/", what, type ? type : "auto", NULL, TAKE_PTR(devices));
        return r < 0 ? r : 1;
}

static int fail_root(Host *h, struct libmnt_fs *root, int error) {
        const char *type = root ? libmount.fs_get_fstype(root) : NULL;
        const char *source = root ? libmount.fs_get_source(root) : NULL;

        if (!root)
                return report_fail(h->report, FAILURE_INCOMPLETE, error, "/", 0,
                                   "Neither /proc/self/mountinfo nor /etc/fstab has a root file "
                                   "system; write it into /etc/fstab, or take a generic image "
                                   "(Mode=generic)");
        return report_fail(h->report, FAILURE_INCOMPLETE, error, "/", 0,
                           "The root file system is %s on %s, and it is not known what that is "
                           "stored on (%s); take a generic image (Mode=generic)",
                           type ? type : "something", source ? source : "nothing",
                           strerror(-error));
}

/* What shows as the root came first, what lies below it came second: that one is the root. */
static void drop_shown_root(Facts *facts, size_t i) {
        FactsMount *m = &facts->mounts[i];

        facts_mount_done(m);
        memmove(m, m + 1, (facts->n_mounts - i - 1) * sizeof(FactsMount));
        facts->n_mounts--;
}

static int find_root(Host *h) {
        struct libmnt_fs *root = find_target(h->mountinfo, "/", MNT_ITER_BACKWARD);
        struct libmnt_fs *line = find_target(h->fstab, "/", MNT_ITER_FORWARD);
        int found = 0, usr;

        if (root) {
                found = add(h, "/", root, line);
                if (found < 0)
                        return found == -ENOMEM ? found : fail_root(h, root, found);
        }
        if (found == 0) {
                found = add_hidden_root(h, line);
                if (found < 0)
                        return found == -ENOMEM ? found : fail_root(h, root, found);
                if (found > 0 && root)
                        drop_shown_root(h->facts, 0);
        }
        usr = add_usr(h, root);
        if (usr < 0)
                return usr;
        return found == 0 && usr == 0 ? fail_root(h, root, -ENODEV) : 0;
}

static int add_medium(Host *h) {
        struct libmnt_fs *medium = find_target(h->mountinfo, MEDIUM, MNT_ITER_FORWARD);
        int r;

        if (!medium || h->facts->n_mounts == 0)
                return 0;
        r = host_tag(h, "live");
        return r < 0 ? r : filesystem_walk(h, medium, &h->facts->mounts[0].devices, 0);
}

static bool has_mount(const Host *h, const char *where) {
        for (size_t i = 0; i < h->facts->n_mounts; i++)
                if (streq(h->facts->mounts[i].where, where))
                        return true;
        return false;
}

int host_find_mounts(Host *h) {
        struct libmnt_iter *iter;
        struct libmnt_fs *line;
        int r;

        r = find_root(h);
        if (r >= 0)
                r = add_medium(h);
        if (r < 0)
                return r;
        iter = libmount.new_iter(MNT_ITER_FORWARD);
        if (!iter)
                return -ENOMEM;
        while (r >= 0 && libmount.table_next_fs(h->fstab, iter, &line) == 0) {
                const char *where = libmount.fs_get_target(line);

                if (!where || !options_contain(libmount.fs_get_options(line), "x-initrd.mount") ||
                    has_mount(h, where))
                        continue;
                r = add(h, where, find_target(h->mountinfo, where, MNT_ITER_FORWARD), line);
                if (r < 0 && r != -ENOMEM) {
                        report_warn(h->report, "/etc/fstab", 0,
                                    "%s is marked for the initrd and can't be found: %s", where,
                                    strerror(-r));
                        r = 0;
                }
        }
        libmount.free_iter(iter);
        return r < 0 ? r : 0;
}
