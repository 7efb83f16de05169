/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A disk of an array, clean, with metadata of version 1.2: struct mdp_superblock_1 of the kernel's
 * <linux/raid/md_p.h>, at 4096; the content begins at 1 MiB. The checksum is the sum of its 32-bit
 * words and of 16 bits that may be left, folded.
 *
 * Where the content is, as mdadm makes arrays unless it is told otherwise (md(4)); a row is a chunk of
 * each disk:
 *   RAID1, RAID10   on both disks, all of it ("near=2")
 *   RAID0           a chunk on one disk, the next on the other
 *   RAID4           a row is chunks, then their parity on the last disk
 *   RAID5, RAID6    ("left-symmetric") the parity is a disk to the left of where it was in the row before;
 *                   of RAID6 the second one is behind it. The row's chunks begin behind that, and go
 *                   on at the first disk
 * The first parity is all chunks by exclusive or. The second is the sum of chunk i times 2 to the i in
 * the field of 2^8 elements with the polynomial 0x11d ("The mathematics of RAID-6", H. P. Anvin).
 */

#include <endian.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/raid/md_p.h>

#include "try-layer.h"

#define SECTOR 512U
#define SUPERBLOCK_AT 4096U
#define DATA_AT 1048576U
#define CHUNK 65536U
#define LEFT_SYMMETRIC 2U
#define NEAR_2 0x102U

static const struct {
        unsigned level, disks, data; /* `data`: how many chunks a row has beside parity */
        uint32_t layout;
} levels[] = {
        { 1, 2, 1, 0 },
        { 0, 2, 2, 0 },
        { 10, 2, 1, NEAR_2 },
        { 4, 3, 2, 0 },
        { 5, 3, 2, LEFT_SYMMETRIC },
        { 6, 4, 2, LEFT_SYMMETRIC },
};

typedef struct Array {
        unsigned level, disks, data;
        uint32_t layout;
        uint64_t rows; /* on each disk */
} Array;

static int find_level(unsigned level, Array *ret) {
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (levels[i].level == level) {
                        *ret = (Array) { level, levels[i].disks, levels[i].data, levels[i].layout,
                                         0 };
                        return 0;
                }
        return -EINVAL;
}

unsigned layer_md_disks(unsigned level) {
        Array a;

        return find_level(level, &a) < 0 ? 0 : a.disks;
}

static uint32_t checksum(const void *data, size_t size) {
        const uint32_t *words = data;
        uint64_t sum = 0;

        for (size_t i = 0; i < size / sizeof(uint32_t); i++)
                sum += le32toh(words[i]);
        if (size % sizeof(uint32_t) != 0)
                sum += le16toh(*(const uint16_t *) (words + size / sizeof(uint32_t)));
        return (uint32_t) ((sum & UINT32_MAX) + (sum >> 32));
}

static int write_superblock(int to, const Array *a, const char *uuid, unsigned number) {
        union {
                struct mdp_superblock_1 sb;
                uint8_t sector[SECTOR];
        } u = {};
        struct mdp_superblock_1 *sb = &u.sb;
        uint64_t sectors = a->rows * (CHUNK / SECTOR);
        ssize_t n;
        int r;

        r = uuid_from_text(uuid, sb->set_uuid);
        if (r < 0)
                return r;
        memcpy(sb->device_uuid, sb->set_uuid, UUID_BYTES);
        sb->device_uuid[0] = (uint8_t) (sb->device_uuid[0] + number + 1);
        sb->magic = htole32(MD_SB_MAGIC);
        sb->major_version = htole32(1);
        memcpy(sb->set_name, "any:initrdd-try", sizeof("any:initrdd-try"));
        sb->level = htole32(a->level);
        sb->layout = htole32(a->layout);
        sb->chunksize = htole32(a->level == 1 ? 0 : CHUNK / SECTOR);
        sb->size = htole64(a->level == 0 ? 0 : sectors);
        sb->raid_disks = htole32(a->disks);
        sb->data_offset = htole64(DATA_AT / SECTOR);
        sb->data_size = htole64(sectors);
        sb->super_offset = htole64(SUPERBLOCK_AT / SECTOR);
        sb->dev_number = htole32(number);
        sb->events = htole64(1);
        sb->resync_offset = ~UINT64_C(0);
        sb->max_dev = htole32(a->disks);
        for (unsigned i = 0; i < a->disks; i++)
                sb->dev_roles[i] = htole16((uint16_t) i);
        sb->sb_csum = htole32(checksum(sb, sizeof(*sb) + a->disks * sizeof(uint16_t)));
        n = pwrite(to, u.sector, sizeof(u.sector), SUPERBLOCK_AT);
        return n == (ssize_t) sizeof(u.sector) ? 0 : n < 0 ? -errno : -EIO;
}

/* Behind the end there are zeros. */
static int read_chunk(int from, uint64_t number, uint8_t ret[static CHUNK]) {
        ssize_t n = pread(from, ret, CHUNK, (off_t) (number * CHUNK));

        if (n < 0)
                return -errno;
        memset(ret + n, 0, CHUNK - (size_t) n);
        return 0;
}

/* Which parity a disk has in a row, 1 or 2; 0 and the number of the chunk where it has none. */
static unsigned place_of(const Array *a, uint64_t row, unsigned number, unsigned *ret) {
        unsigned n = a->disks, n_parity = n - a->data, parity;

        if (a->level == 0 || a->level == 4) {
                *ret = number;
                return number < a->data ? 0 : 1;
        }
        parity = n - 1 - (unsigned) (row % n);
        *ret = (number + n - parity) % n;
        if (*ret < n_parity)
                return *ret + 1;
        *ret -= n_parity;
        return 0;
}

static void times_2(uint8_t bytes[static CHUNK]) {
        for (size_t i = 0; i < CHUNK; i++)
                bytes[i] = (uint8_t) (bytes[i] << 1 ^ (bytes[i] & 0x80 ? 0x1d : 0));
}

/* By Horner's rule: the last chunk first. */
static int make_parity(int from, const Array *a, uint64_t row, bool second,
                       uint8_t ret[static CHUNK]) {
        static uint8_t chunk[CHUNK];
        int r = 0;

        memset(ret, 0, CHUNK);
        for (unsigned i = a->data; i > 0 && r >= 0; i--) {
                if (second)
                        times_2(ret);
                r = read_chunk(from, row * a->data + i - 1, chunk);
                for (size_t k = 0; k < CHUNK && r >= 0; k++)
                        ret[k] ^= chunk[k];
        }
        return r;
}

static int write_stripes(int from, int to, const Array *a, unsigned number) {
        static const uint8_t zeros[CHUNK];
        static uint8_t bytes[CHUNK];

        for (uint64_t row = 0; row < a->rows; row++) {
                unsigned i, parity = place_of(a, row, number, &i);
                ssize_t n;
                int r;

                r = parity > 0 ? make_parity(from, a, row, parity == 2, bytes)
                               : read_chunk(from, row * a->data + i, bytes);
                if (r < 0)
                        return r;
                if (memcmp(bytes, zeros, CHUNK) == 0)
                        continue;
                n = pwrite(to, bytes, CHUNK, (off_t) (DATA_AT + row * CHUNK));
                if (n != (ssize_t) CHUNK)
                        return n < 0 ? -errno : -EIO;
        }
        return 0;
}

int layer_md(int from, int to, const char *uuid, unsigned level, unsigned number) {
        uint64_t size;
        Array a;
        int r;

        r = find_level(level, &a);
        if (r >= 0)
                r = size_of_file(from, &size);
        if (r < 0)
                return r;
        a.rows = (size + (uint64_t) CHUNK * a.data - 1) / ((uint64_t) CHUNK * a.data);
        if (ftruncate(to, (off_t) (DATA_AT + a.rows * CHUNK)) < 0)
                return -errno;
        r = write_superblock(to, &a, uuid, number);
        if (r < 0)
                return r;
        return a.data == 1 ? copy_sparse(from, to, DATA_AT) : write_stripes(from, to, &a, number);
}
