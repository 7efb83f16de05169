/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A disk with one partition, as the UEFI specification has it ("GUID Partition Table"); all numbers
 * are little endian:
 *
 *   sector 0         a partition table of the old kind: one partition of type 0xee over all
 *   sector 1         the header: "EFI PART", revision, its size, its checksum, where it and its
 *                    copy are, the first and last sector for partitions, the disk's GUID, and
 *                    where the entries are, how many, how large, their checksum
 *   sectors 2–33     128 entries: type, GUID, first and last sector, attributes, name (UTF-16)
 *   from 2048 on     the partition
 *   at the end       the entries again, and the header, with the places exchanged
 *
 * Of a GUID the first three numbers are little endian, too.
 */

#include <endian.h>
#include <unistd.h>
#include <zlib.h>

#include "try-layer.h"

#define SECTOR 512U
#define FIRST 2048U
#define N_ENTRIES 128U
#define ENTRY_SIZE 128U
#define ENTRIES_SECTORS (N_ENTRIES * ENTRY_SIZE / SECTOR)
#define NAME_MAX_UNITS 36U

typedef struct Header {
        char signature[8];
        uint32_t revision, size, crc, reserved;
        uint64_t here, there, first, last;
        uint8_t guid[UUID_BYTES];
        uint64_t entries;
        uint32_t n_entries, entry_size, entries_crc;
} __attribute__((packed)) Header;

typedef struct PartitionEntry {
        uint8_t type[UUID_BYTES], guid[UUID_BYTES];
        uint64_t first, last, attributes;
        uint16_t name[NAME_MAX_UNITS];
} __attribute__((packed)) PartitionEntry;

static void to_guid(const uint8_t uuid[static UUID_BYTES], uint8_t ret[static UUID_BYTES]) {
        static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6 };

        memcpy(ret, uuid, UUID_BYTES);
        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                ret[i] = uuid[order[i]];
}

static int write_at(int fd, const void *data, size_t size, uint64_t sector) {
        ssize_t n = pwrite(fd, data, size, (off_t) (sector * SECTOR));

        return n < 0 ? -errno : (size_t) n != size ? -EIO : 0;
}

static int write_headers(int fd, Header *h, const void *entries, uint64_t last) {
        int r = 0;

        for (unsigned copy = 0; copy < 2 && r >= 0; copy++) {
                h->here = htole64(copy ? last : 1);
                h->there = htole64(copy ? 1 : last);
                h->entries = htole64(copy ? last - ENTRIES_SECTORS : 2);
                h->crc = 0;
                h->crc = htole32((uint32_t) crc32(0, (const void *) h, sizeof(*h)));
                r = write_at(fd, entries, N_ENTRIES * ENTRY_SIZE, le64toh(h->entries));
                if (r >= 0)
                        r = write_at(fd, h, sizeof(*h), le64toh(h->here));
        }
        return r;
}

static int write_old_table(int fd, uint64_t last) {
        uint8_t sector[SECTOR] = {};
        uint32_t n = htole32((uint32_t) MIN_OF(last, (uint64_t) UINT32_MAX)), one = htole32(1);

        sector[446 + 2] = 2; /* the first sector, in cylinders and heads */
        sector[446 + 4] = 0xee;
        memset(sector + 446 + 5, 0xff, 3);
        memcpy(sector + 446 + 8, &one, sizeof(one));
        memcpy(sector + 446 + 12, &n, sizeof(n));
        sector[510] = 0x55;
        sector[511] = 0xaa;
        return write_at(fd, sector, sizeof(sector), 0);
}

int layer_partition(int from, int to, const char *uuid, const char *name) {
        static const char linux_data[] = "0fc63daf-8483-4772-8e79-3d69d8477de4";
        static uint8_t entries[N_ENTRIES * ENTRY_SIZE];
        PartitionEntry entry = {};
        uint8_t type[UUID_BYTES], id[UUID_BYTES], disk[UUID_BYTES];
        Header h = {
                .signature = { 'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T' },
                .revision = htole32(0x10000),
                .size = htole32(sizeof(Header)),
                .first = htole64(2 + ENTRIES_SECTORS),
                .n_entries = htole32(N_ENTRIES),
                .entry_size = htole32(ENTRY_SIZE),
        };
        uint64_t size, last;
        int r;

        r = size_of_file(from, &size);
        if (r < 0)
                return r;
        if (uuid_from_text(linux_data, type) < 0 || uuid_from_text(uuid, id) < 0 ||
            uuid_random(disk) < 0)
                return -EINVAL;
        last = FIRST + size / SECTOR + FIRST - 1;
        to_guid(type, entry.type);
        to_guid(id, entry.guid);
        to_guid(disk, h.guid);
        entry.first = htole64(FIRST);
        entry.last = htole64(FIRST + size / SECTOR - 1);
        for (size_t i = 0; name && name[i] && i < NAME_MAX_UNITS; i++)
                entry.name[i] = htole16((uint16_t) (unsigned char) name[i]);
        memset(entries, 0, sizeof(entries));
        memcpy(entries, &entry, sizeof(entry));
        h.last = htole64(last - ENTRIES_SECTORS - 1);
        h.entries_crc = htole32((uint32_t) crc32(0, entries, sizeof(entries)));
        if (ftruncate(to, (off_t) ((last + 1) * SECTOR)) < 0)
                return -errno;
        r = write_old_table(to, last);
        if (r >= 0)
                r = write_headers(to, &h, entries, last);
        return r < 0 ? r : copy_sparse(from, to, (uint64_t) FIRST * SECTOR);
}
