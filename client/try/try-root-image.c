/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is on the disk is asked of libblkid. A file system on all of it is the root; of partitions,
 * the one whose type says that it is a root (the Discoverable Partitions Specification), else the
 * largest with a file system of Linux. Of what is encrypted or a volume, only its owner knows.
 */

#include <blkid.h>
#include <fcntl.h>
#include <unistd.h>

#include "fd-util.h"
#include "string-util.h"
#include "try-root-image.h"

#define SECTOR 512
#define ROOT_X86_64 "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"

static bool can_be_root(const char *type) {
        static const char *const types[] = { "ext4",  "ext3",     "ext2",  "xfs",
                                             "btrfs", "squashfs", "erofs", "f2fs" };

        for (size_t i = 0; type && i < ELEMENTSOF(types); i++)
                if (streq(type, types[i]))
                        return true;
        return false;
}

/* The file system in a part of the disk; `size` 0 is all of it. 1, or 0 when it can be no root. */
static int look_at(int fd, blkid_loff_t offset, blkid_loff_t size, char **ret_uuid) {
        blkid_probe probe = blkid_new_probe();
        const char *type = NULL, *uuid = NULL;
        int r = 0;

        if (!probe)
                return -ENOMEM;
        if (blkid_probe_set_device(probe, fd, offset, size) < 0) {
                blkid_free_probe(probe);
                return -EIO;
        }
        blkid_probe_enable_superblocks(probe, 1);
        blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID);
        if (blkid_do_safeprobe(probe) == 0) {
                (void) blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
                (void) blkid_probe_lookup_value(probe, "UUID", &uuid, NULL);
                r = can_be_root(type);
        }
        if (r > 0 && uuid && ret_uuid) {
                *ret_uuid = strdup(uuid);
                r = *ret_uuid ? 1 : -ENOMEM;
        }
        blkid_free_probe(probe);
        return r;
}

static int choose_partition(int fd, blkid_partlist partitions, char **ret) {
        blkid_partition found = NULL;
        bool is_root = false;
        const char *uuid;

        for (int i = 0; i < blkid_partlist_numof_partitions(partitions); i++) {
                blkid_partition p = blkid_partlist_get_partition(partitions, i);
                const char *type = blkid_partition_get_type_string(p);
                bool root = type && streq(type, ROOT_X86_64);

                if (look_at(fd, blkid_partition_get_start(p) * SECTOR,
                            blkid_partition_get_size(p) * SECTOR, NULL) <= 0)
                        continue;
                if (!found || (root && !is_root) ||
                    (root == is_root &&
                     blkid_partition_get_size(p) > blkid_partition_get_size(found))) {
                        found = p;
                        is_root = root;
                }
        }
        uuid = found ? blkid_partition_get_uuid(found) : NULL;
        return uuid ? str_printf(ret, "PARTUUID=%s", uuid) : 0;
}

static int look_at_partitions(int fd, char **ret) {
        blkid_probe probe = blkid_new_probe();
        blkid_partlist partitions;
        int r = 0;

        if (!probe)
                return -ENOMEM;
        if (blkid_probe_set_device(probe, fd, 0, 0) < 0) {
                blkid_free_probe(probe);
                return -EIO;
        }
        blkid_probe_enable_partitions(probe, 1);
        partitions = blkid_probe_get_partitions(probe);
        if (partitions)
                r = choose_partition(fd, partitions, ret);
        blkid_free_probe(probe);
        return r;
}

int root_image_look(const char *path, const char **ret_format, char **ret_root) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *uuid = NULL, *root = NULL;
        char magic[4] = {};
        int r;

        if (fd < 0)
                return -errno;
        if (pread(fd, magic, sizeof(magic), 0) < 0)
                return -errno;
        if (memcmp(magic, "QFI\xfb", sizeof(magic)) == 0) {
                *ret_format = "qcow2";
                *ret_root = NULL;
                return 0;
        }
        r = look_at(fd, 0, 0, &uuid);
        if (r > 0 && uuid)
                r = str_printf(&root, "UUID=%s", uuid);
        else if (r >= 0)
                r = look_at_partitions(fd, &root);
        if (r < 0)
                return r;
        *ret_format = "raw";
        *ret_root = TAKE_PTR(root);
        return 0;
}
