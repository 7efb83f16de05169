/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The block layers from a device down to its disks, as sysfs has them.
 *
 *   /sys/class/block/NAME → ../../devices/PATH     what the device is
 *     partition            it is a partition, the directory above is the disk
 *     slaves/              what it is made of: dm, md, bcache, each a kernel name
 *     dm/uuid, dm/name     which subsystem of device-mapper: "LVM-…", "CRYPT-LUKS2-…"
 *     md/level             the array's personality
 *   none of these          a disk; facts-disk.c goes on from PATH
 *
 * The walk follows these from a mounted device downwards. Nothing is ever listed that is not on
 * the way, and holders/ is not read: what else lies on the disks does not matter. No device is
 * opened either.
 */

#include "facts-host.h"
#include "path-util.h"
#include "string-util.h"

/* What the parts of one logical volume say by their uuid's ending, or by their name. */
static int tag_lvm(Host *h, const char *uuid, const char *name) {
        static const struct {
                const char *ending, *tag;
        } endings[] = {
                { "-tpool", "lvm-thin" },   { "-tdata", "lvm-thin" },    { "-tmeta", "lvm-thin" },
                { "-cdata", "lvm-cache" },  { "-cmeta", "lvm-cache" },   { "-cvol", "lvm-cache" },
                { "-cow", "lvm-snapshot" }, { "-real", "lvm-snapshot" }, { "-vdata", "lvm-vdo" },
        };
        int r;

        r = host_tag(h, "block:lvm");
        if (r >= 0 && name && strstr(name, "_rimage_"))
                r = host_tag(h, "block:lvm-raid");
        if (r >= 0 && name && strstr(name, "_mimage_"))
                r = host_tag(h, "block:lvm-mirror");
        /* What a cache is in front of has the same ending as what a snapshot is of. */
        if (name && (endswith(name, "_corig") || endswith(name, "_wcorig")))
                return r < 0 ? r : host_tag(h, "block:lvm-cache");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(endings); i++)
                if (endswith(uuid, endings[i].ending))
                        r = host_tag(h, "block:%s", endings[i].tag);
        return r;
}

/* The subsystem is the part of the uuid before the first "-"; of a partition that kpartx made,
 * "part1-mpath-…", the second word says on what. */
static int tag_dm(Host *h, const char *block, char ***devices, unsigned depth) {
        _cleanup_free_ char *uuid_path = NULL, *name_path = NULL, *uuid = NULL, *name = NULL;
        const char *rest;
        int r;

        if (str_printf(&uuid_path, "/sys/class/block/%s/dm/uuid", block) < 0 ||
            str_printf(&name_path, "/sys/class/block/%s/dm/name", block) < 0)
                return -ENOMEM;
        if ((r = host_tag(h, "block:dm")) < 0)
                return r;
        if (host_read(h, name_path, &name) == -ENOMEM || host_read(h, uuid_path, &uuid) == -ENOMEM)
                return -ENOMEM;
        if (!uuid)
                return 0;
        if (startswith(uuid, "LVM-"))
                return tag_lvm(h, uuid, name);
        if (startswith(uuid, "CRYPT-VERITY") || startswith(uuid, "CRYPT-INTEGRITY")) {
                /* In integritytab(5) and veritytab(5) they have these names. */
                if (name && strv_extend_unique(&h->facts->mapped, name) < 0)
                        return -ENOMEM;
                strv_sort(h->facts->mapped);
                return host_tag(h, startswith(uuid, "CRYPT-VERITY") ? "block:verity"
                                                                    : "block:integrity");
        }
        if (startswith(uuid, "CRYPT-")) {
                r = host_tag(h, "block:crypt");
                return r >= 0 && name ? host_tag_crypt(h, name, uuid, block, devices, depth) : r;
        }
        if (startswith(uuid, "part")) {
                r = host_tag(h, "block:part");
                rest = strchr(uuid, '-');
                if (r < 0 || !rest)
                        return r;
                memmove(uuid, rest + 1, strlen(rest));
        }
        if (startswith(uuid, "mpath-"))
                return host_tag(h, "block:multipath");
        if (startswith(uuid, "DMRAID-"))
                return host_tag(h, "block:dmraid");
        return 0;
}

static int tag_md(Host *h, const char *block) {
        _cleanup_free_ char *path = NULL, *level = NULL;
        int r;

        r = host_tag(h, "block:md");
        if (r < 0)
                return r;
        if (str_printf(&path, "/sys/class/block/%s/md/level", block) < 0)
                return -ENOMEM;
        r = host_read(h, path, &level);
        if (r < 0 || !*level)
                return r == -ENOMEM ? r : 0;
        return host_tag(h, "block:md-%s", level);
}

/* 1 when NAME/`file` is there. */
static int has(const Host *h, const char *name, const char *file) {
        _cleanup_free_ char *path = NULL;

        if (str_printf(&path, "/sys/class/block/%s/%s", name, file) < 0)
                return -ENOMEM;
        return host_exists(h, path);
}

/* The directory below /sys that /sys/class/block/NAME leads to. */
static int device_directory(const Host *h, const char *name, char **ret) {
        _cleanup_free_ char *link = NULL, *target = NULL;
        const char *p;
        int r;

        r = str_printf(&link, "/sys/class/block/%s", name);
        if (r < 0)
                return r;
        r = host_readlink(h, link, &target);
        if (r < 0)
                return r == -ENOMEM ? r : -ENODEV;
        for (p = target; startswith(p, "../"); p += 3)
                ;
        return str_printf(ret, "/sys/%s", p);
}

static int walk_slaves(Host *h, const char *name, char ***devices, unsigned depth) {
        _cleanup_strv_free_ char **slaves = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = str_printf(&path, "/sys/class/block/%s/slaves", name);
        if (r < 0)
                return r;
        r = host_list(h, path, &slaves);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        STRV_FOREACH(slave, slaves) {
                r = block_walk(h, *slave, devices, depth + 1);
                if (r < 0)
                        return r;
        }
        return slaves && *slaves;
}

static int walk_device(Host *h, const char *name, const char *directory, char ***devices,
                       unsigned depth) {
        int r;

        r = has(h, name, "partition");
        if (r < 0)
                return r;
        if (r > 0) {
                _cleanup_free_ char *parent = path_dirname(directory);

                if (!parent)
                        return -ENOMEM;
                r = host_tag(h, "block:part");
                return r < 0 ? r : block_walk(h, path_basename(parent), devices, depth + 1);
        }
        if ((r = has(h, name, "dm")) < 0 || (r > 0 && (r = tag_dm(h, name, devices, depth)) < 0))
                return r;
        if ((r = has(h, name, "md")) < 0 || (r > 0 && (r = tag_md(h, name)) < 0))
                return r;
        r = walk_slaves(h, name, devices, depth);
        return r != 0 ? r : disk_tag(h, name, directory, devices, depth);
}

int block_walk(Host *h, const char *name, char ***devices, unsigned depth) {
        _cleanup_free_ char *directory = NULL;
        int r;

        if (strv_contains(*devices, name))
                return 0;
        if (depth > HOST_DEPTH_MAX || !filename_is_valid(name))
                return -ENODEV;
        r = device_directory(h, name, &directory);
        if (r < 0)
                return r;
        r = strv_extend(devices, name);
        if (r < 0)
                return r;
        r = walk_device(h, name, directory, devices, depth);
        return r < 0 ? r : 0;
}
