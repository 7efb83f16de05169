/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the initramfs mounts, and what each of those is stored on.
 *
 * Mounted are "/", "/usr" where that is a file system of its own, and the lines of fstab that are
 * marked x-initrd.mount. What is mounted now tells the type and the devices; fstab tells how a
 * person calls it and with which options, and stands in where nothing is mounted: in the chroot of
 * an installer.
 *
 * From a mount there are several ways down, by the type of the file system:
 *
 *   most            the number in mountinfo is a block device
 *   btrfs           the number is made up; /sys/fs/btrfs/UUID/devices has all of them
 *   bcachefs        the source is "/dev/a:/dev/b"
 *   overlay         what its lower and upper directories are stored on
 *   nfs, cifs …     the network
 *   zfs             known to its own tools only
 *   tmpfs           nothing; /usr may hold the system then, or /run/systemd/volatile-root names
 *                   what lies under the root that systemd.volatile= made
 *
 * When all of them lead nowhere, fstab and root= on the kernel command line are asked, and last
 * the answer is a failure: an image for an unknown root would be one that does not boot.
 */

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "facts-host.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"

static bool type_is_network(const char *type) {
        static const char *const types[] = {
                "nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "ocfs2", "gfs2", "fuse.sshfs",
                "fuse.glusterfs", NULL,
        };

        return strv_contains((char *const *) types, type);
}

/* NFSv4 is the same driver and the same program as NFSv3; mountinfo alone tells them apart. */
static int tag_type(Host *h, const char *type) {
        int r;

        r = host_tag(h, "fs:%s", streq(type, "nfs4") ? "nfs" : type);
        return r >= 0 && type_is_network(type) ? host_tag(h, "net") : r;
}

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

/* The members of a btrfs that has `name` among them; with one only, it is an ordinary device. */
static int walk_btrfs(Host *h, const char *name, char ***devices, unsigned depth) {
        _cleanup_strv_free_ char **all = NULL;
        int r;

        r = host_list(h, "/sys/fs/btrfs", &all);
        if (r == -ENOMEM)
                return r;
        STRV_FOREACH(uuid, all) {
                _cleanup_strv_free_ char **members = NULL;
                _cleanup_free_ char *path = NULL;

                if (str_printf(&path, "/sys/fs/btrfs/%s/devices", *uuid) < 0)
                        return -ENOMEM;
                r = host_list(h, path, &members);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 || !strv_contains(members, name))
                        continue;
                if (strv_length(members) > 1 && (r = host_tag(h, "block:btrfs-multi")) < 0)
                        return r;
                STRV_FOREACH(member, members) {
                        r = block_walk(h, *member, devices, depth + 1);
                        if (r < 0)
                                return r;
                }
                return 1;
        }
        r = block_walk(h, name, devices, depth + 1);
        return r < 0 ? r : 1;
}

/* A device or, with colons between them, several. */
static int walk_source(Host *h, const char *source, const char *type, char ***devices,
                       unsigned depth) {
        _cleanup_strv_free_ char **specs = NULL;
        int r;

        if (!source || !block_spec_is_device(source))
                return 0;
        if (streq(type, "bcachefs"))
                r = strv_split(&specs, source, ":");
        else
                r = strv_extend(&specs, source);
        if (r < 0)
                return r;
        STRV_FOREACH(spec, specs) {
                _cleanup_free_ char *name = NULL;

                r = block_from_spec(h, *spec, &name);
                if (r < 0)
                        return r;
                if (streq(type, "btrfs"))
                        r = walk_btrfs(h, name, devices, depth);
                else
                        r = block_walk(h, name, devices, depth + 1);
                if (r < 0)
                        return r;
        }
        return 1;
}

static int walk_overlay(Host *h, struct libmnt_fs *fs, char ***devices, unsigned depth) {
        static const char *const options[] = { "lowerdir", "upperdir" };
        int found = 0;

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                _cleanup_strv_free_ char **paths = NULL;
                _cleanup_free_ char *value = NULL;
                char *start;
                size_t size;
                int r;

                if (mnt_fs_get_option(fs, options[i], &start, &size) != 0 || !start)
                        continue;
                value = strndup(start, size);
                if (!value || strv_split(&paths, value, ":") < 0)
                        return -ENOMEM;
                STRV_FOREACH(path, paths) {
                        r = host_walk_path(h, *path, devices, depth + 1);
                        if (r == -ENOMEM)
                                return r;
                        found |= r > 0;
                }
        }
        return found;
}

/* 1: found what it is stored on; 0: on nothing that could be brought up. */
static int walk_fs(Host *h, struct libmnt_fs *fs, char ***devices, unsigned depth) {
        const char *type = mnt_fs_get_fstype(fs), *source = mnt_fs_get_source(fs);
        _cleanup_free_ char *name = NULL;
        dev_t devno = mnt_fs_get_devno(fs);
        int r;

        if (!type || depth > HOST_DEPTH_MAX)
                return 0;
        r = tag_type(h, type);
        if (r < 0)
                return r;
        if (type_is_network(type))
                return 1;
        if (streq(type, "overlay"))
                return walk_overlay(h, fs, devices, depth);
        if (streq(type, "virtiofs") || streq(type, "9p")) {
                r = host_tag(h, "transport:virtio");
                return r < 0 ? r : 1;
        }
        if (streq(type, "zfs")) {
                report_warn(h->report, NULL, 0,
                            "The disks of the ZFS pool of %s are known to ZFS only; add the "
                            "drivers of their controllers to the profile in strict mode",
                            source ? source : "this machine");
                return 1;
        }
        if (major(devno) == 0)
                return walk_source(h, source, type, devices, depth);
        r = block_from_devno(h, devno, &name);
        if (r >= 0)
                r = block_walk(h, name, devices, depth + 1);
        return r < 0 ? r : 1;
}

int host_walk_path(Host *h, const char *path, char ***devices, unsigned depth) {
        struct libmnt_fs *fs, *best = NULL;
        struct libmnt_iter *iter;
        size_t length = 0;

        if (depth > HOST_DEPTH_MAX)
                return 0;
        iter = mnt_new_iter(MNT_ITER_FORWARD);
        if (!iter)
                return -ENOMEM;
        while (mnt_table_next_fs(h->mountinfo, iter, &fs) == 0) {
                const char *target = mnt_fs_get_target(fs);

                /* Of mounts on the same place the last one is on top. */
                if (target && path_below(path, target) && strlen(target) >= length) {
                        best = fs;
                        length = strlen(target);
                }
        }
        mnt_free_iter(iter);
        return best ? walk_fs(h, best, devices, depth + 1) : 0;
}

static struct libmnt_fs *find_target(struct libmnt_table *table, const char *target,
                                     int direction) {
        struct libmnt_iter *iter = mnt_new_iter(direction);
        struct libmnt_fs *fs, *found = NULL;

        if (!iter)
                return NULL;
        while (!found && mnt_table_next_fs(table, iter, &fs) == 0)
                if (streq_ptr(mnt_fs_get_target(fs), target))
                        found = fs;
        mnt_free_iter(iter);
        return found;
}

/* What a line of fstab names, where nothing is mounted there. */
static int walk_fstab(Host *h, struct libmnt_fs *fs, char **ret_type, char ***devices) {
        const char *source = mnt_fs_get_source(fs), *type = mnt_fs_get_fstype(fs);
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
        r = tag_type(h, known);
        if (r < 0)
                return r;
        r = type_is_network(known) ? 1 : walk_source(h, source, known, devices, 0);
        if (r >= 0)
                *ret_type = TAKE_PTR(known);
        return r;
}

/* What a mount was made from, as a person would write it. */
static int describe_mount(const Host *h, struct libmnt_fs *actual, struct libmnt_fs *line,
                          char *const *devices, char **ret) {
        const char *source = actual ? mnt_fs_get_source(actual) : NULL;
        char *copy;

        if (line && mnt_fs_get_source(line))
                source = mnt_fs_get_source(line);
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
        const char *options = mnt_fs_get_options(line ? line : actual);
        int found, r;

        if (actual) {
                const char *t = mnt_fs_get_fstype(actual);

                found = walk_fs(h, actual, &devices, 0);
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
        const char *usr_root = mnt_fs_get_root(usr), *root_root;
        const char *type = mnt_fs_get_fstype(usr);

        if (streq_ptr(type, "overlay"))
                return false;
        if (!root || mnt_fs_get_devno(usr) != mnt_fs_get_devno(root))
                return true;
        root_root = mnt_fs_get_root(root);
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
                                   "image (Mode=generic)", strerror(-r));
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
            (r = block_describe(h, name, &what)) < 0 || (type && (r = tag_type(h, type)) < 0))
                return r;
        r = host_add_mount(h, "/", what, type ? type : "auto", NULL, TAKE_PTR(devices));
        return r < 0 ? r : 1;
}

static int fail_root(Host *h, struct libmnt_fs *root, int error) {
        const char *type = root ? mnt_fs_get_fstype(root) : NULL;
        const char *source = root ? mnt_fs_get_source(root) : NULL;

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
        if (r < 0)
                return r;
        iter = mnt_new_iter(MNT_ITER_FORWARD);
        if (!iter)
                return -ENOMEM;
        while (r >= 0 && mnt_table_next_fs(h->fstab, iter, &line) == 0) {
                const char *where = mnt_fs_get_target(line);

                if (!where || !options_contain(mnt_fs_get_options(line), "x-initrd.mount") ||
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
        mnt_free_iter(iter);
        return r < 0 ? r : 0;
}
