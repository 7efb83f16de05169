/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which block device a text means, and how a person would write one.
 *
 * A device goes by its kernel name, as sysfs writes it ("sda2", "dm-0", "cciss!c0d0"). From a
 * number it is the target of /sys/dev/block/MAJOR:MINOR; from a node it is the node's number; from
 * UUID=, LABEL= and their like it is the link that udev made in /dev/disk. Where udev made none
 * there is no answer: to look for a label on every disk of a machine could wake all of them.
 *
 * In a recorded tree, where nodes can't be made without privileges, a plain file in /dev, or a
 * link to one, stands for the device of that name.
 *
 * What a device holds is in udev's database, /run/udev/data/bMAJOR:MINOR, as lines "E:KEY=VALUE";
 * only without a record there is the device itself opened and probed.
 */

#include <blkid.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "facts-host.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"

static bool in_sysfs(const Host *h, const char *name) {
        _cleanup_free_ char *path = NULL;

        return filename_is_valid(name) && str_printf(&path, "/sys/class/block/%s", name) >= 0 &&
               host_exists(h, path);
}

int block_from_devno(const Host *h, dev_t devno, char **ret) {
        _cleanup_free_ char *path = NULL, *target = NULL;
        char *name;
        int r;

        r = str_printf(&path, "/sys/dev/block/%u:%u", major(devno), minor(devno));
        if (r < 0)
                return r;
        r = host_readlink(h, path, &target);
        if (r < 0)
                return r == -ENOMEM ? r : -ENODEV;
        name = strdup(path_basename(target));
        if (!name)
                return -ENOMEM;
        *ret = name;
        return 0;
}

/* Takes a path below /dev for a kernel name: "cciss/c0d0" is "cciss!c0d0" there. */
static int name_of_path(const Host *h, const char *below_dev, char **ret) {
        _cleanup_free_ char *name = strdup(below_dev);

        if (!name)
                return -ENOMEM;
        for (char *p = name; *p; p++)
                if (*p == '/')
                        *p = '!';
        if (!in_sysfs(h, name))
                return -ENODEV;
        *ret = TAKE_PTR(name);
        return 0;
}

/* The path of an open file below the root directory: "/dev/dm-3". */
static int recorded_path(const Host *h, int fd, char **ret) {
        char link[64], root[4096], path[4096], *copy;
        const char *below;
        ssize_t n, m;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", h->root_fd);
        n = readlink(link, root, sizeof(root) - 1);
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        m = readlink(link, path, sizeof(path) - 1);
        if (n < 0 || m < 0)
                return -ENODEV;
        root[n] = path[m] = '\0';
        below = startswith(path, root);
        if (!below)
                return -ENODEV;
        copy = strdup(below);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int block_from_node(const Host *h, const char *node, char **ret) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *below = startswith(node, "/dev/");
        struct stat st;
        int r;

        fd = host_open(h, node, O_PATH);
        if (fd < 0)
                /* Containers have a /dev without the host's nodes; sysfs still knows the name. */
                return below ? name_of_path(h, below, ret) : -ENODEV;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISBLK(st.st_mode))
                return block_from_devno(h, st.st_rdev, ret);
        if (h->live)
                return -ENODEV;
        r = recorded_path(h, fd, &path);
        if (r < 0)
                return r;
        below = startswith(path, "/dev/");
        return below ? name_of_path(h, below, ret) : -ENODEV;
}

static const struct {
        const char *prefix, *directory;
} spec_kinds[] = {
        { "UUID=", "by-uuid" },           { "LABEL=", "by-label" }, { "PARTUUID=", "by-partuuid" },
        { "PARTLABEL=", "by-partlabel" }, { "ID=", "by-id" },
};

bool block_spec_is_device(const char *spec) {
        for (size_t i = 0; i < ELEMENTSOF(spec_kinds); i++)
                if (startswith(spec, spec_kinds[i].prefix))
                        return true;
        return startswith(spec, "/dev/");
}

int block_from_spec(const Host *h, const char *spec, char **ret) {
        for (size_t i = 0; i < ELEMENTSOF(spec_kinds); i++) {
                const char *value = startswith(spec, spec_kinds[i].prefix);
                _cleanup_free_ char *node = NULL;
                char plain[512], encoded[2048];
                size_t n;
                int r;

                if (!value)
                        continue;
                /* fstab(5): LABEL="my disk" is written with or without quotes. */
                if (*value == '"')
                        value++;
                n = strcspn(value, "\"");
                if (n >= sizeof(plain))
                        return -ENODEV;
                memcpy(plain, value, n);
                plain[n] = '\0';
                if (blkid_encode_string(plain, encoded, sizeof(encoded)) < 0)
                        return -ENODEV;
                r = str_printf(&node, "/dev/disk/%s/%s", spec_kinds[i].directory, encoded);
                if (r < 0)
                        return r;
                return block_from_node(h, node, ret);
        }
        return startswith(spec, "/dev/") ? block_from_node(h, spec, ret) : -ENODEV;
}

/* udev's database: "E:ID_FS_TYPE=ext4" and so on, a property a line. */
static int content_of_udev(const Host *h, const char *name, char **ret_type, char **ret_uuid) {
        _cleanup_free_ char *path = NULL, *devno = NULL, *text = NULL;
        char *type = NULL, *uuid = NULL, *save = NULL;
        int r;

        r = str_printf(&path, "/sys/class/block/%s/dev", name);
        if (r < 0 || (r = host_read(h, path, &devno)) < 0)
                return r;
        free(TAKE_PTR(path));
        r = str_printf(&path, "/run/udev/data/b%s", devno);
        if (r < 0 || (r = host_read(h, path, &text)) < 0)
                return r;
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
                const char *value;

                if ((value = startswith(l, "E:ID_FS_TYPE=")))
                        type = (char *) value;
                else if ((value = startswith(l, "E:ID_FS_UUID=")))
                        uuid = (char *) value;
        }
        if (!type)
                return -ENODATA;
        type = strdup(type);
        uuid = uuid ? strdup(uuid) : NULL;
        if (!type) {
                free(uuid);
                return -ENOMEM;
        }
        *ret_type = type;
        *ret_uuid = uuid;
        return 0;
}

static int content_of_superblock(const Host *h, const char *name, char **ret_type,
                                 char **ret_uuid) {
        _cleanup_free_ char *node = NULL, *t = NULL, *u = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *type = NULL, *uuid = NULL;
        blkid_probe probe;
        int r;

        r = str_printf(&node, "/dev/%s", name);
        if (r < 0)
                return r;
        for (char *p = node; (p = strchr(p, '!'));)
                *p = '/';
        fd = host_open(h, node, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return fd;
        probe = blkid_new_probe();
        if (!probe)
                return -ENOMEM;
        blkid_probe_enable_superblocks(probe, true);
        blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID);
        r = -ENODATA;
        if (blkid_probe_set_device(probe, fd, 0, 0) == 0 && blkid_do_safeprobe(probe) == 0 &&
            blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0) {
                if (blkid_probe_lookup_value(probe, "UUID", &uuid, NULL) < 0)
                        uuid = NULL;
                t = strdup(type);
                u = uuid ? strdup(uuid) : NULL;
                r = t && (u || !uuid) ? 0 : -ENOMEM;
        }
        blkid_free_probe(probe);
        if (r < 0)
                return r;
        *ret_type = TAKE_PTR(t);
        *ret_uuid = TAKE_PTR(u);
        return 0;
}

int block_content(const Host *h, const char *name, char **ret_type, char **ret_uuid) {
        char *type = NULL, *uuid = NULL;
        int r;

        r = content_of_udev(h, name, &type, &uuid);
        if (r < 0 && r != -ENOMEM)
                r = content_of_superblock(h, name, &type, &uuid);
        if (r == -ENOMEM)
                return r;
        *ret_type = type;
        *ret_uuid = uuid;
        return 0;
}

int block_describe(const Host *h, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL, *dm = NULL, *type = NULL, *uuid = NULL;
        int r;

        r = str_printf(&path, "/sys/class/block/%s/dm/name", name);
        if (r < 0)
                return r;
        r = host_read(h, path, &dm);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                return str_printf(ret, "/dev/mapper/%s", dm);
        r = block_content(h, name, &type, &uuid);
        if (r < 0)
                return r;
        return uuid ? str_printf(ret, "UUID=%s", uuid) : str_printf(ret, "/dev/%s", name);
}
