/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a file system is stored on. There are several ways down, by its type:
 *
 *   most            the number in mountinfo is a block device
 *   btrfs           the number is made up; /sys/fs/btrfs/UUID/devices has all of them
 *   bcachefs        the source is "/dev/a:/dev/b"
 *   overlay         what its lower and upper directories are stored on
 *   nfs, cifs …     the network
 *   virtiofs, 9p    the host of a virtual machine
 *   zfs             known to its own tools only
 *   tmpfs and such  nothing
 *
 * The two that have directories below them, overlay here and the loop devices of facts-disk.c,
 * go on with the mount that holds the directory, and so come back; the depth ends circles.
 */

#include <sys/sysmacros.h>

#include "facts-host.h"
#include "path-util.h"
#include "string-util.h"

bool filesystem_is_network(const char *type) {
        static const char *const types[] = {
                "nfs",   "nfs4", "cifs",       "smb3",           "ceph", "afs",
                "ocfs2", "gfs2", "fuse.sshfs", "fuse.glusterfs", NULL,
        };

        return strv_contains((char *const *) types, type);
}

/* NFSv4 is the same driver and the same program as NFSv3; mountinfo alone tells them apart. */
int filesystem_tag(Host *h, const char *type) {
        int r;

        r = host_tag(h, "fs:%s", streq(type, "nfs4") ? "nfs" : type);
        return r >= 0 && filesystem_is_network(type) ? host_tag(h, "net") : r;
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

int filesystem_walk_source(Host *h, const char *source, const char *type, char ***devices,
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

                if (libmount.fs_get_option(fs, options[i], &start, &size) != 0 || !start)
                        continue;
                value = strndup(start, size);
                if (!value || strv_split(&paths, value, ":") < 0)
                        return -ENOMEM;
                STRV_FOREACH(path, paths) {
                        _cleanup_free_ char *target = NULL;

                        /* Initramfses leave links there: /run/overlayfs. */
                        if (host_readlink(h, *path, &target) == -ENOMEM)
                                return -ENOMEM;
                        r = host_walk_path(h, target && *target == '/' ? target : *path, devices,
                                           depth + 1);
                        if (r == -ENOMEM)
                                return r;
                        found |= r > 0;
                }
        }
        return found;
}

int filesystem_walk(Host *h, struct libmnt_fs *fs, char ***devices, unsigned depth) {
        const char *type = libmount.fs_get_fstype(fs), *source = libmount.fs_get_source(fs);
        _cleanup_free_ char *name = NULL;
        dev_t devno = libmount.fs_get_devno(fs);
        int r;

        if (!type || depth > HOST_DEPTH_MAX)
                return 0;
        r = filesystem_tag(h, type);
        if (r < 0)
                return r;
        if (filesystem_is_network(type))
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
                return filesystem_walk_source(h, source, type, devices, depth);
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
        iter = libmount.new_iter(MNT_ITER_FORWARD);
        if (!iter)
                return -ENOMEM;
        while (libmount.table_next_fs(h->mountinfo, iter, &fs) == 0) {
                const char *target = libmount.fs_get_target(fs);

                /* Of mounts on the same place the last one is on top. */
                if (target && path_below(path, target) && strlen(target) >= length) {
                        best = fs;
                        length = strlen(target);
                }
        }
        libmount.free_iter(iter);
        return best ? filesystem_walk(h, best, devices, depth + 1) : 0;
}
