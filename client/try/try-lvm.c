/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A physical volume of LVM2 with all that there is of its group: one linear volume. What is on the
 * disk (numbers little endian; lvm2's format-text and label code are the source):
 *
 *   sector 1   the label: "LABELONE", its sector, a checksum of what follows, 32 (where the next
 *              part begins), "LVM2 001"; then the volume's identifier, its size, the data areas
 *              (offset, size) up to a pair of zeros, the metadata areas up to such a pair, and the
 *              version and flags of an extension
 *   4096       the header of the metadata: its checksum, a magic, 1, where it is, its size, and a
 *              list of texts: offset from here, size, checksum, flags
 *   4608       the text of the group, with a NUL byte behind it
 *   1 MiB      the extents
 *
 * Checksums are CRC32 with another beginning, and not inverted at the end.
 */

#include <endian.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>
#include <zlib.h>

#include "string-util.h"
#include "try-layer.h"

#define CRC_BEGIN 0xf597a6cfU
#define LABEL_AT 512
#define METADATA_AT 4096
#define METADATA_HEADER 512
#define DATA_AT 1048576
#define SECTOR 512U
#define EXTENT 1048576U
#define ID_MAX 32
#define ID_TEXT 39 /* with NUL */

typedef struct Label {
        char id[8];
        uint64_t sector;
        uint32_t crc, offset;
        char type[8];
        char uuid[ID_MAX];
        uint64_t device_size;
        uint64_t data[4]; /* one area, and the end */
        uint64_t metadata[4];
        uint32_t version, flags;
        uint64_t no_bootloader[2];
        uint8_t rest[SECTOR - 160];
} __attribute__((packed)) Label;
_Static_assert(sizeof(Label) == SECTOR, "The label is a sector");

typedef struct MetadataHeader {
        uint32_t crc;
        char magic[16];
        uint32_t version;
        uint64_t start, size;
        uint64_t text_offset, text_size;
        uint32_t text_crc, text_flags;
        uint8_t rest[METADATA_HEADER - 64];
} __attribute__((packed)) MetadataHeader;
_Static_assert(sizeof(MetadataHeader) == METADATA_HEADER, "The header of the metadata");

static uint32_t checksum(const void *data, size_t size) {
        return ~(uint32_t) crc32(~CRC_BEGIN, data, (unsigned) size);
}

static int random_id(char ret[static ID_MAX]) {
        static const char digits[] =
                        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX";
        uint8_t bytes[ID_MAX];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                return -EIO;
        for (size_t i = 0; i < ID_MAX; i++)
                ret[i] = digits[bytes[i] % (sizeof(digits) - 1)];
        return 0;
}

/* As the text of a group has it: 6-4-4-4-4-4-6. */
static void id_to_text(const char id[static ID_MAX], char ret[static ID_TEXT]) {
        for (size_t i = 0; i < ID_MAX; i++) {
                if (i >= 6 && i <= 26 && (i - 6) % 4 == 0)
                        *ret++ = '-';
                *ret++ = id[i];
        }
        *ret = '\0';
}

static int write_text(const char *group, const char *volume, const char pv_id[static ID_MAX],
                      uint64_t size, uint64_t n_extents, char **ret) {
        char group_id[ID_MAX], volume_id[ID_MAX];
        char texts[3][ID_TEXT];

        if (random_id(group_id) < 0 || random_id(volume_id) < 0)
                return -EIO;
        id_to_text(group_id, texts[0]);
        id_to_text(pv_id, texts[1]);
        id_to_text(volume_id, texts[2]);
        return str_printf(ret,
                          "%s {\nid = \"%s\"\nseqno = 1\nformat = \"lvm2\"\n"
                          "status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\n"
                          "extent_size = %u\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0\n\n"
                          "physical_volumes {\n\npv0 {\nid = \"%s\"\ndevice = \"unknown\"\n\n"
                          "status = [\"ALLOCATABLE\"]\nflags = []\ndev_size = %llu\n"
                          "pe_start = %u\npe_count = %llu\n}\n}\n\n"
                          "logical_volumes {\n\n%s {\nid = \"%s\"\n"
                          "status = [\"READ\", \"WRITE\", \"VISIBLE\"]\nflags = []\n"
                          "creation_time = 0\ncreation_host = \"initrdd\"\nsegment_count = 1\n\n"
                          "segment1 {\nstart_extent = 0\nextent_count = %llu\n\n"
                          "type = \"striped\"\nstripe_count = 1\n\nstripes = [\n\"pv0\", 0\n]\n"
                          "}\n}\n}\n\n}\n"
                          "contents = \"Text Format Volume Group\"\nversion = 1\n\n"
                          "description = \"\"\n\ncreation_host = \"initrdd\"\n"
                          "creation_time = 0\n\n",
                          group, texts[0], EXTENT / SECTOR, texts[1],
                          (unsigned long long) (size / SECTOR), DATA_AT / SECTOR,
                          (unsigned long long) n_extents, volume, texts[2],
                          (unsigned long long) n_extents);
}

static int write_all_at(int fd, const void *data, size_t size, off_t at) {
        ssize_t n = pwrite(fd, data, size, at);

        return n < 0 ? -errno : (size_t) n != size ? -EIO : 0;
}

int layer_lvm(int from, int to, const char *group, const char *volume) {
        _cleanup_free_ char *text = NULL;
        MetadataHeader m = {
                .magic = { ' ', 'L', 'V', 'M', '2', ' ', 'x', '[', '5', 'A', '%', 'r', '0', 'N',
                           '*', '>' },
                .version = htole32(1),
                .start = htole64(METADATA_AT),
                .size = htole64(DATA_AT - METADATA_AT),
                .text_offset = htole64(METADATA_HEADER),
        };
        Label label = {
                .id = { 'L', 'A', 'B', 'E', 'L', 'O', 'N', 'E' },
                .sector = htole64(1),
                .offset = htole32(32),
                .type = { 'L', 'V', 'M', '2', ' ', '0', '0', '1' },
                .data = { htole64(DATA_AT) },
                .metadata = { htole64(METADATA_AT), htole64(DATA_AT - METADATA_AT) },
                .version = htole32(2),
                .flags = htole32(1), /* in use */
        };
        uint64_t content, n_extents, size;
        int r;

        r = size_of_file(from, &content);
        if (r < 0)
                return r;
        n_extents = (content + EXTENT - 1) / EXTENT;
        size = DATA_AT + n_extents * EXTENT;
        r = random_id(label.uuid);
        if (r >= 0)
                r = write_text(group, volume, label.uuid, size, n_extents, &text);
        if (r < 0)
                return r;
        label.device_size = htole64(size);
        label.crc = htole32(checksum((const char *) &label + 20, sizeof(label) - 20));
        m.text_size = htole64(strlen(text) + 1);
        m.text_crc = htole32(checksum(text, strlen(text) + 1));
        m.crc = htole32(checksum((const char *) &m + 4, sizeof(m) - 4));
        if (ftruncate(to, (off_t) size) < 0)
                return -errno;
        r = write_all_at(to, &label, sizeof(label), LABEL_AT);
        if (r >= 0)
                r = write_all_at(to, &m, sizeof(m), METADATA_AT);
        if (r >= 0)
                r = write_all_at(to, text, strlen(text) + 1, METADATA_AT + METADATA_HEADER);
        return r < 0 ? r : copy_sparse(from, to, DATA_AT);
}
