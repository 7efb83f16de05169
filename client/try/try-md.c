/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A disk of a RAID1 of two, clean, with metadata of version 1.2: struct mdp_superblock_1 of the
 * kernel's <linux/raid/md_p.h>, at 4096; the content begins at 1 MiB. The checksum is the sum of
 * its 32-bit words, folded.
 */

#include <endian.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/raid/md_p.h>

#include "try-layer.h"

#define SECTOR 512U
#define SUPERBLOCK_AT 4096U
#define DATA_AT 1048576U
#define DISKS 2U

static uint32_t checksum(const void *data, size_t size) {
        const uint32_t *words = data;
        uint64_t sum = 0;

        for (size_t i = 0; i < size / sizeof(uint32_t); i++)
                sum += le32toh(words[i]);
        return (uint32_t) ((sum & UINT32_MAX) + (sum >> 32));
}

int layer_md(int from, int to, const char *uuid, unsigned number) {
        union {
                struct mdp_superblock_1 sb;
                uint8_t sector[SECTOR];
        } u = {};
        struct mdp_superblock_1 *sb = &u.sb;
        uint64_t size;
        ssize_t n;
        int r;

        r = size_of_file(from, &size);
        if (r < 0)
                return r;
        r = uuid_from_text(uuid, sb->set_uuid);
        if (r < 0)
                return r;
        memcpy(sb->device_uuid, sb->set_uuid, UUID_BYTES);
        sb->device_uuid[0] = (uint8_t) (sb->device_uuid[0] + number + 1);
        sb->magic = htole32(MD_SB_MAGIC);
        sb->major_version = htole32(1);
        memcpy(sb->set_name, "any:initrdd-try", sizeof("any:initrdd-try"));
        sb->level = htole32(1);
        sb->size = htole64(size / SECTOR);
        sb->raid_disks = htole32(DISKS);
        sb->data_offset = htole64(DATA_AT / SECTOR);
        sb->data_size = htole64(size / SECTOR);
        sb->super_offset = htole64(SUPERBLOCK_AT / SECTOR);
        sb->dev_number = htole32(number);
        sb->events = htole64(1);
        sb->resync_offset = ~UINT64_C(0);
        sb->max_dev = htole32(DISKS);
        for (unsigned i = 0; i < DISKS; i++)
                sb->dev_roles[i] = htole16((uint16_t) i);
        sb->sb_csum = htole32(checksum(sb, sizeof(*sb) + DISKS * sizeof(uint16_t)));
        if (ftruncate(to, (off_t) (DATA_AT + size)) < 0)
                return -errno;
        n = pwrite(to, u.sector, sizeof(u.sector), SUPERBLOCK_AT);
        if (n != (ssize_t) sizeof(u.sector))
                return n < 0 ? -errno : -EIO;
        return copy_sparse(from, to, DATA_AT);
}
