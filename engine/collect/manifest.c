/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A manifest is a set of entries by path. The first reason to have a path stays: whoever comes
 * later is told that it is there (0), or that it is there as something else (-EEXIST), and never
 * changes what the first one said. That makes the outcome depend on the order of the module's
 * lines alone.
 *
 * It is kept beside its fragment and read at every build that has anything to do, so the form on
 * disk is made to be read: fixed records, strings with their length before them and a NUL behind,
 * no search and no parsing. Everything is little-endian and nothing is aligned:
 *
 *   1. Header: magic (8 bytes), version (32 bits), number of entries (32 bits), XXH3-64 of
 *      everything behind the header (64 bits)
 *   2. for each entry, in the order of strcmp() of the paths, so that the same manifest has the
 *      same bytes whoever built it:
 *      a. Record: type (8 bits), flags (8), mode (16), length of path, why and third string (32
 *         each), size in the image (64), hash, its low half first (128)
 *      b. path, why, third string, each with a NUL that its length does not count. The third is a
 *         link's target or a file's source; it is empty where the source is the path, and for data
 *      c. with ENTRY_HAS_DATA: `size` bytes of content
 *
 * The checksum catches damage, not malice: every length is checked against what is left.
 */

#include <endian.h>

#include "collect/manifest.h"

#define MANIFEST_MAGIC "IRDMANF\n"
#define MANIFEST_VERSION 1U

typedef struct Header {
        char magic[8];
        uint32_t version;
        uint32_t n_entries;
        uint64_t checksum;
} Header;

enum {
        ENTRY_DECOMPRESS = 1 << 0,
        ENTRY_KERNEL = 1 << 1,
        ENTRY_HAS_DATA = 1 << 2,
        ENTRY_SOURCE_IS_PATH = 1 << 3,
        ENTRY_ALL_FLAGS = (1 << 4) - 1,
};

typedef struct Record {
        uint8_t type;
        uint8_t flags;
        uint16_t mode;
        uint32_t path_length;
        uint32_t why_length;
        uint32_t third_length;
        uint64_t size;
        uint64_t hash_low;
        uint64_t hash_high;
} Record;

_Static_assert(sizeof(Header) == 24, "the header has no holes");
_Static_assert(sizeof(Record) == 40, "the record has no holes");

Entry *entry_free(Entry *entry) {
        if (!entry)
                return NULL;
        free(entry->data);
        free(entry);
        return NULL;
}

static void entry_free_value(void *value) {
        entry_free(value);
}

int manifest_new(Manifest **ret) {
        Manifest *m = malloc(sizeof(Manifest));

        if (!m)
                return -ENOMEM;
        m->entries = STRMAP_INIT(entry_free_value);
        *ret = m;
        return 0;
}

Manifest *manifest_free(Manifest *manifest) {
        if (!manifest)
                return NULL;
        strmap_done(&manifest->entries);
        free(manifest);
        return NULL;
}

Entry *manifest_get(const Manifest *manifest, const char *path) {
        return strmap_get(&manifest->entries, path);
}

/* Absolute, and every component is a name. "/" itself has none. */
static bool path_is_plain(const char *path) {
        if (streq(path, "/"))
                return true;
        if (path[0] != '/')
                return false;
        while (*path) {
                const char *name = path + 1;

                path = strchrnul(name, '/');
                if (path == name || (name[0] == '.' && path - name == 1) ||
                    (name[0] == '.' && name[1] == '.' && path - name == 2))
                        return false;
        }
        return true;
}

/* An Entry with room behind it, in the same block, for path, why and third, one after another and
 * each with its NUL. The lengths are without these. */
static Entry *entry_alloc(EntryType type, size_t path, size_t why, size_t third) {
        Entry *e = malloc(sizeof(Entry) + path + why + third + 3);
        char *strings = (char *) (e + 1);

        if (!e)
                return NULL;
        *e = (Entry) { .path = strings, .type = type, .why = strings + path + 1 };
        if (type == ENTRY_SYMLINK)
                e->target = strings + path + why + 2;
        else if (type == ENTRY_FILE)
                e->source = third > 0 ? strings + path + why + 2 : e->path;
        return e;
}

static char *append(char *p, const void *data, size_t size) {
        memcpy(p, data, size);
        return p + size;
}

/* `third` is as in the Record: empty for a file whose source is its path. */
static int entry_new(Entry **ret, EntryType type, const char *path, mode_t mode, const char *why,
                     const char *third) {
        Entry *e;
        char *p;

        if (!path_is_plain(path))
                return -EINVAL;
        if (!why)
                why = "";
        e = entry_alloc(type, strlen(path), strlen(why), strlen(third));
        if (!e)
                return -ENOMEM;
        e->mode = mode & 07777;
        p = append((char *) (e + 1), path, strlen(path) + 1);
        p = append(p, why, strlen(why) + 1);
        append(p, third, strlen(third) + 1);
        *ret = e;
        return 0;
}

/* Takes `*entry` on success. */
static int manifest_take(Manifest *manifest, Entry **entry) {
        int r = strmap_put(&manifest->entries, (*entry)->path, *entry);

        if (r < 0)
                return r;
        TAKE_PTR(*entry);
        return 1;
}

int manifest_add_directory(Manifest *manifest, const char *path, mode_t mode, const char *why) {
        _cleanup_(entry_freep) Entry *e = NULL;
        const Entry *old = manifest_get(manifest, path);
        int r;

        if (old)
                return old->type == ENTRY_DIRECTORY ? 0 : -EEXIST;
        r = entry_new(&e, ENTRY_DIRECTORY, path, mode, why, "");
        if (r < 0)
                return r;
        return manifest_take(manifest, &e);
}

int manifest_add_symlink(Manifest *manifest, const char *path, const char *target,
                         const char *why) {
        _cleanup_(entry_freep) Entry *e = NULL;
        const Entry *old = manifest_get(manifest, path);
        int r;

        if (old)
                return old->type == ENTRY_SYMLINK && streq(old->target, target) ? 0 : -EEXIST;
        if (!*target)
                return -EINVAL;
        /* The kernel ignores the mode of a link, and has it so everywhere. */
        r = entry_new(&e, ENTRY_SYMLINK, path, 0777, why, target);
        if (r < 0)
                return r;
        return manifest_take(manifest, &e);
}

/* Adds `*entry`, a file that is not there yet, and says where it lives now. */
static int manifest_take_file(Manifest *manifest, Entry **entry, Entry **ret_entry) {
        Entry *e = *entry;
        int r = manifest_take(manifest, entry);

        if (r > 0 && ret_entry)
                *ret_entry = e;
        return r;
}

int manifest_add_file(Manifest *manifest, const char *path, mode_t mode, const char *source,
                      const char *why, Entry **ret_entry) {
        _cleanup_(entry_freep) Entry *e = NULL;
        Entry *old = manifest_get(manifest, path);
        int r;

        if (old) {
                if (old->type != ENTRY_FILE || !streq_ptr(old->source, source))
                        return -EEXIST;
                if (ret_entry)
                        *ret_entry = old;
                return 0;
        }
        if (!*source)
                return -EINVAL;
        r = entry_new(&e, ENTRY_FILE, path, mode, why, streq(source, path) ? "" : source);
        if (r < 0)
                return r;
        return manifest_take_file(manifest, &e, ret_entry);
}

int manifest_add_data(Manifest *manifest, const char *path, mode_t mode, char *data, size_t size,
                      const char *why, Entry **ret_entry) {
        _cleanup_free_ char *owned = data;
        _cleanup_(entry_freep) Entry *e = NULL;
        Entry *old = manifest_get(manifest, path);
        int r;

        if (old) {
                if (old->type != ENTRY_FILE || !old->data || old->size != size ||
                    (size > 0 && memcmp(old->data, data, size) != 0))
                        return -EEXIST;
                if (ret_entry)
                        *ret_entry = old;
                return 0;
        }
        r = entry_new(&e, ENTRY_FILE, path, mode, why, "");
        if (r < 0)
                return r;
        e->source = NULL;
        /* `data` tells such an entry from one with a source, so the empty file has some too. */
        e->data = owned ? TAKE_PTR(owned) : calloc(1, 1);
        if (!e->data)
                return -ENOMEM;
        e->size = size;
        e->hash = XXH3_128bits(e->data, size);
        return manifest_take_file(manifest, &e, ret_entry);
}

static int compare_entries(const void *a, const void *b) {
        const Entry *const *x = a, *const *y = b;

        /* A directory's path is a prefix of what is in it, and a prefix sorts first. */
        return strcmp((*x)->path, (*y)->path);
}

int manifest_sorted(const Manifest *manifest, Entry ***ret, size_t *ret_n) {
        size_t n = 0;
        bool sorted = true;
        Entry **array = malloc((manifest->entries.n + 1) * sizeof(Entry *));

        if (!array)
                return -ENOMEM;
        STRMAP_FOREACH(item, &manifest->entries) {
                array[n++] = item->value;
                if (n > 1 && strcmp(array[n - 2]->path, array[n - 1]->path) > 0)
                        sorted = false;
        }
        array[n] = NULL;
        /* What was deserialised is in order already. */
        if (!sorted)
                qsort(array, n, sizeof(Entry *), compare_entries);
        *ret = array;
        *ret_n = n;
        return 0;
}

static const char *entry_third(const Entry *e) {
        if (e->type == ENTRY_SYMLINK)
                return e->target;
        if (e->type == ENTRY_FILE && e->source && e->source != e->path)
                return e->source;
        return "";
}

/* The record of an entry, in the byte order of the disk, and the bytes that it takes with all that
 * is behind it. */
static size_t entry_record(const Entry *e, Record *ret) {
        size_t path = strlen(e->path), why = strlen(e->why), third = strlen(entry_third(e));
        bool has_data = e->type == ENTRY_FILE && e->data;
        unsigned flags = (e->decompress ? ENTRY_DECOMPRESS : 0) | (e->kernel ? ENTRY_KERNEL : 0) |
                         (has_data ? ENTRY_HAS_DATA : 0) |
                         (e->source && e->source == e->path ? ENTRY_SOURCE_IS_PATH : 0);

        *ret = (Record) {
                .type = (uint8_t) e->type,
                .flags = (uint8_t) flags,
                .mode = htole16((uint16_t) e->mode),
                .path_length = htole32((uint32_t) path),
                .why_length = htole32((uint32_t) why),
                .third_length = htole32((uint32_t) third),
                .size = htole64(e->size),
                .hash_low = htole64(e->hash.low64),
                .hash_high = htole64(e->hash.high64),
        };
        return sizeof(Record) + path + why + third + 3 + (has_data ? e->size : 0);
}

int manifest_serialize(const Manifest *manifest, char **ret, size_t *ret_size) {
        _cleanup_free_ Entry **sorted = NULL;
        _cleanup_free_ char *buffer = NULL;
        Header header = { .magic = MANIFEST_MAGIC, .version = htole32(MANIFEST_VERSION) };
        size_t n, size = sizeof(Header);
        Record record;
        char *p;
        int r;

        r = manifest_sorted(manifest, &sorted, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                size += entry_record(sorted[i], &record);
        buffer = malloc(size);
        if (!buffer)
                return -ENOMEM;

        p = buffer + sizeof(Header);
        for (size_t i = 0; i < n; i++) {
                const char *third = entry_third(sorted[i]);

                entry_record(sorted[i], &record);
                p = append(p, &record, sizeof(record));
                p = append(p, sorted[i]->path, strlen(sorted[i]->path) + 1);
                p = append(p, sorted[i]->why, strlen(sorted[i]->why) + 1);
                p = append(p, third, strlen(third) + 1);
                if (record.flags & ENTRY_HAS_DATA)
                        p = append(p, sorted[i]->data, sorted[i]->size);
        }
        header.n_entries = htole32((uint32_t) n);
        header.checksum = htole64(XXH3_64bits(buffer + sizeof(Header), size - sizeof(Header)));
        memcpy(buffer, &header, sizeof(header));
        *ret = TAKE_PTR(buffer);
        *ret_size = size;
        return 0;
}

/* What is still to be read. */
typedef struct Reader {
        const char *p;
        size_t left;
} Reader;

static int read_bytes(Reader *reader, uint64_t size, const char **ret) {
        if (size > reader->left)
                return -EBADMSG;
        *ret = reader->p;
        reader->p += size;
        reader->left -= size;
        return 0;
}

static int read_data(Reader *reader, uint64_t size, char **ret) {
        const char *s;
        char *copy;
        int r;

        r = read_bytes(reader, size, &s);
        if (r < 0)
                return r;
        copy = malloc(size > 0 ? (size_t) size : 1);
        if (!copy)
                return -ENOMEM;
        *ret = memcpy(copy, s, (size_t) size);
        return 0;
}

/* Whether type, flags and the strings that are there belong together. */
static bool record_is_sane(const Record *record) {
        bool has_data = record->flags & ENTRY_HAS_DATA,
             same = record->flags & ENTRY_SOURCE_IS_PATH;
        bool has_third = record->third_length != 0;

        if (record->flags & ~ENTRY_ALL_FLAGS || (record->mode & htole16(0xf000)))
                return false;
        switch (record->type) {
        case ENTRY_DIRECTORY:
                return !has_data && !same && !has_third;
        case ENTRY_SYMLINK:
                return !has_data && !same && has_third;
        case ENTRY_FILE:
                return has_data + same + has_third == 1;
        default:
                return false;
        }
}

/* The three strings and the Entry that has them. Each must have its only NUL at its end. */
static int read_strings(Reader *reader, const Record *record, Entry **ret) {
        uint64_t path = le32toh(record->path_length), why = le32toh(record->why_length),
                 third = le32toh(record->third_length), size = path + why + third + 3;
        const char *s;
        Entry *e;
        int r;

        r = read_bytes(reader, size, &s);
        if (r < 0)
                return r;
        if (s[path] || s[path + 1 + why] || s[size - 1] || strlen(s) != path ||
            strlen(s + path + 1) != why || strlen(s + path + why + 2) != third)
                return -EBADMSG;
        e = entry_alloc((EntryType) record->type, path, why, third);
        if (!e)
                return -ENOMEM;
        memcpy(e + 1, s, size);
        *ret = e;
        return 0;
}

static int read_entry(Reader *reader, Entry **ret) {
        _cleanup_(entry_freep) Entry *e = NULL;
        const char *raw;
        Record record;
        int r;

        r = read_bytes(reader, sizeof(record), &raw);
        if (r < 0)
                return r;
        memcpy(&record, raw, sizeof(record));
        if (!record_is_sane(&record))
                return -EBADMSG;
        r = read_strings(reader, &record, &e);
        if (r < 0)
                return r;
        /* One form for each entry, so that equal manifests are equal bytes. */
        if (!path_is_plain(e->path) ||
            (e->source && e->source != e->path && streq(e->source, e->path)))
                return -EBADMSG;

        e->mode = le16toh(record.mode);
        e->decompress = record.flags & ENTRY_DECOMPRESS;
        e->kernel = record.flags & ENTRY_KERNEL;
        e->size = le64toh(record.size);
        e->hash = (XXH128_hash_t) { .low64 = le64toh(record.hash_low),
                                    .high64 = le64toh(record.hash_high) };
        if (record.flags & ENTRY_HAS_DATA) {
                e->source = NULL;
                r = read_data(reader, e->size, &e->data);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(e);
        return 0;
}

int manifest_deserialize(const char *data, size_t size, Manifest **ret) {
        _cleanup_(manifest_freep) Manifest *m = NULL;
        const char *before = "";
        Header header;
        Reader reader;
        int r;

        if (size < sizeof(Header))
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        reader = (Reader) { data + sizeof(Header), size - sizeof(Header) };
        if (memcmp(header.magic, MANIFEST_MAGIC, sizeof(header.magic)) != 0 ||
            le32toh(header.version) != MANIFEST_VERSION ||
            le64toh(header.checksum) != XXH3_64bits(reader.p, reader.left))
                return -EBADMSG;
        r = manifest_new(&m);
        if (r < 0)
                return r;

        for (uint32_t n = le32toh(header.n_entries); n > 0; n--) {
                _cleanup_(entry_freep) Entry *e = NULL;
                const char *path;

                r = read_entry(&reader, &e);
                if (r < 0)
                        return r;
                path = e->path;
                if (strcmp(before, path) >= 0)
                        return -EBADMSG;
                r = manifest_take(m, &e);
                if (r < 0)
                        return r;
                before = path;
        }
        if (reader.left > 0)
                return -EBADMSG;
        *ret = TAKE_PTR(m);
        return 0;
}
