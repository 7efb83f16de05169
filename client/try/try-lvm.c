/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A physical volume of LVM2 with all that there is of its group: one volume, and what it is made of.
 * Beside the content of a cached one there are extents with nothing in them: the kernel begins an empty
 * cache where there are zeros. The content of a thin one is that of its pool, as the metadata say which
 * thin_restore(8) makes (try-thin.c). What is on the disk (numbers little endian; lvm2's format-text and label code are the source):
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
#include <inttypes.h>
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
#define POOL_METADATA (LVM_THIN_METADATA / EXTENT)
#define POOL_EXTENTS 16U /* that nothing is in */
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

/* One volume of the group: by the lines of its segment, or as extents of the disk. */
typedef struct Volume {
        const char *name;
        bool visible;
        uint64_t n_extents;
        const char *segment; /* NULL: of the disk */
        uint64_t first;
} Volume;

static int write_volume(FILE *f, const Volume *v) {
        char id[ID_MAX], text[ID_TEXT];

        if (random_id(id) < 0)
                return -EIO;
        id_to_text(id, text);
        fprintf(f,
                "%s {\nid = \"%s\"\nstatus = [\"READ\", \"WRITE\"%s]\nflags = []\n"
                "creation_time = 0\ncreation_host = \"initrdd\"\nsegment_count = 1\n\n"
                "segment1 {\nstart_extent = 0\nextent_count = %" PRIu64 "\n\n",
                v->name, text, v->visible ? ", \"VISIBLE\"" : "", v->n_extents);
        if (v->segment)
                fputs(v->segment, f);
        else
                fprintf(f,
                        "type = \"striped\"\nstripe_count = 1\n\nstripes = [\n\"pv0\", %" PRIu64
                        "\n]\n",
                        v->first);
        fputs("}\n}\n\n", f);
        return 0;
}

/* The volume by its name, and what it is made of. */
static int write_volumes(FILE *f, LvmKind kind, const char *volume, uint64_t n) {
        static const char thin_pool[] = "type = \"thin-pool\"\nmetadata = \"trypool_tmeta\"\n"
                                        "pool = \"trypool_tdata\"\ntransaction_id = 1\n"
                                        "chunk_size = 128\ndiscards = \"passdown\"\n";
        static const char thin[] = "type = \"thin\"\nthin_pool = \"trypool\"\ntransaction_id = 0\n"
                                   "device_id = 1\n";
        static const char cache_pool[] = "type = \"cache-pool+METADATA_FORMAT\"\n"
                                         "data = \"trypool_cdata\"\nmetadata = \"trypool_cmeta\"\n"
                                         "metadata_format = 2\nchunk_size = 128\n"
                                         "cache_mode = \"writethrough\"\npolicy = \"smq\"\n";
        static const char cache[] = "type = \"cache\"\ncache_pool = \"trypool\"\n"
                                    "origin = \"trybase_corig\"\n";
        const struct {
                LvmKind kind;
                Volume volume;
        } all[] = {
                { LVM_LINEAR, { volume, true, n, NULL, 0 } },
                { LVM_THIN, { volume, true, n, thin, 0 } },
                { LVM_THIN, { "trypool", true, n + POOL_EXTENTS, thin_pool, 0 } },
                { LVM_THIN, { "trypool_tdata", false, n + POOL_EXTENTS, NULL, 0 } },
                { LVM_THIN, { "trypool_tmeta", false, POOL_METADATA, NULL, n + POOL_EXTENTS } },
                { LVM_CACHE, { volume, true, n, cache, 0 } },
                { LVM_CACHE, { "trybase_corig", false, n, NULL, 0 } },
                { LVM_CACHE, { "trypool", false, POOL_EXTENTS, cache_pool, 0 } },
                { LVM_CACHE, { "trypool_cdata", false, POOL_EXTENTS, NULL, n } },
                { LVM_CACHE, { "trypool_cmeta", false, POOL_METADATA, NULL, n + POOL_EXTENTS } },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(all); i++)
                if (all[i].kind == kind)
                        r = write_volume(f, &all[i].volume);
        return r;
}

static int write_text(LvmKind kind, const char *group, const char *volume,
                      const char pv_id[static ID_MAX], uint64_t size, uint64_t n, char **ret) {
        char group_id[ID_MAX], texts[2][ID_TEXT], *text = NULL;
        size_t length;
        FILE *f;
        int r;

        if (random_id(group_id) < 0)
                return -EIO;
        id_to_text(group_id, texts[0]);
        id_to_text(pv_id, texts[1]);
        f = open_memstream(&text, &length);
        if (!f)
                return -errno;
        fprintf(f,
                "%s {\nid = \"%s\"\nseqno = 1\nformat = \"lvm2\"\n"
                "status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\n"
                "extent_size = %u\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0\n\n"
                "physical_volumes {\n\npv0 {\nid = \"%s\"\ndevice = \"unknown\"\n\n"
                "status = [\"ALLOCATABLE\"]\nflags = []\ndev_size = %" PRIu64 "\n"
                "pe_start = %u\npe_count = %" PRIu64 "\n}\n}\n\nlogical_volumes {\n\n",
                group, texts[0], EXTENT / SECTOR, texts[1], size / SECTOR, DATA_AT / SECTOR,
                (size - DATA_AT) / EXTENT);
        r = write_volumes(f, kind, volume, n);
        fputs("}\n}\ncontents = \"Text Format Volume Group\"\nversion = 1\n\n"
              "description = \"\"\n\ncreation_host = \"initrdd\"\ncreation_time = 0\n\n",
              f);
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0) {
                free(text);
                return r;
        }
        *ret = text;
        return 0;
}

static int write_all_at(int fd, const void *data, size_t size, off_t at) {
        ssize_t n = pwrite(fd, data, size, at);

        return n < 0 ? -errno : (size_t) n != size ? -EIO : 0;
}

int layer_lvm(int from, int to, LvmKind kind, int metadata, const char *group,
              const char *volume) {
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
        size = n_extents + (kind == LVM_LINEAR ? 0 : POOL_METADATA + POOL_EXTENTS);
        size = DATA_AT + size * EXTENT;
        r = random_id(label.uuid);
        if (r >= 0)
                r = write_text(kind, group, volume, label.uuid, size, n_extents, &text);
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
        if (r >= 0 && kind == LVM_THIN)
                r = copy_sparse(metadata, to, DATA_AT + (n_extents + POOL_EXTENTS) * EXTENT);
        return r < 0 ? r : copy_sparse(from, to, DATA_AT);
}

uint64_t layer_lvm_chunks(uint64_t content, uint64_t *ret_pool) {
        uint64_t n = (content + EXTENT - 1) / EXTENT;

        *ret_pool = (n + POOL_EXTENTS) * (EXTENT / LVM_THIN_CHUNK);
        return n * (EXTENT / LVM_THIN_CHUNK);
}
