/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * On disk: the header, the fragments, the runs, their parts, the keys of the collections, the
 * trace, three strings; in this machine's layout, since a store never leaves its machine.
 */

#include "image/record.h"

typedef struct RecordHeader {
        char magic[8];
        uint64_t checksum; /* XXH3-64 of everything behind it */
        uint64_t ino, size, n_files, n_drivers;
        int64_t mtime;
        XXH128_hash_t facts, hardware;
        int32_t level, idle_level;
        uint64_t n_fragments, n_runs, n_parts, n_collections, trace_size, strings_size;
} RecordHeader;

static const char record_magic[8] = "IRDIMG3";

int image_record_new(ImageRecord **ret) {
        ImageRecord *r = calloc(1, sizeof(ImageRecord));

        if (!r)
                return -ENOMEM;
        *ret = r;
        return 0;
}

ImageRecord *image_record_free(ImageRecord *r) {
        if (!r)
                return NULL;
        free(r->output);
        free(r->kernel);
        free(r->profile);
        free(r->fragments);
        free(r->runs);
        free(r->parts);
        free(r->collections);
        trace_free(r->trace);
        free(r);
        return NULL;
}

bool image_record_is(const ImageRecord *r, const struct stat *st) {
        return S_ISREG(st->st_mode) && (r->ino == 0 || r->ino == st->st_ino) &&
               r->size == (uint64_t) st->st_size &&
               r->mtime == (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

const StoredFragment *image_record_parts(const ImageRecord *r, const ImageRun *run) {
        const StoredFragment *parts = r->parts;

        for (const ImageRun *before = r->runs; before < run; before++)
                parts += before->n_parts;
        return parts;
}

bool image_record_is_joined(const ImageRecord *r, const ImageRun *run) {
        for (size_t i = 0; i < r->n_fragments; i++)
                if (XXH128_isEqual(r->fragments[i].content, run->content))
                        return true;
        return false;
}

void image_record_set(ImageRecord *r, const struct stat *st) {
        r->ino = st->st_ino;
        r->size = (uint64_t) st->st_size;
        r->mtime = (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int image_record_serialize(const ImageRecord *r, char **ret, size_t *ret_size) {
        _cleanup_free_ char *trace = NULL;
        size_t output = strlen(r->output) + 1, kernel = strlen(r->kernel) + 1,
               profile = strlen(r->profile) + 1, trace_size, size;
        RecordHeader h = {
                .ino = r->ino,
                .size = r->size,
                .n_files = r->n_files,
                .n_drivers = r->n_drivers,
                .mtime = r->mtime,
                .facts = r->facts,
                .hardware = r->hardware,
                .level = r->level,
                .idle_level = r->idle_level,
                .n_fragments = r->n_fragments,
                .n_runs = r->n_runs,
                .n_parts = r->n_parts,
                .n_collections = r->n_collections,
                .strings_size = output + kernel + profile,
        };
        char *data, *p;
        int k;

        memcpy(h.magic, record_magic, sizeof(record_magic));
        k = trace_serialize(r->trace, &trace, &trace_size);
        if (k < 0)
                return k;
        h.trace_size = trace_size;
        size = sizeof(h) + (h.n_fragments + h.n_parts) * sizeof(StoredFragment) +
               h.n_runs * sizeof(ImageRun) + h.n_collections * sizeof(XXH128_hash_t) +
               h.trace_size + h.strings_size;
        data = calloc(1, size);
        if (!data)
                return -ENOMEM;
        p = data + sizeof(h);
        if (h.n_fragments > 0)
                p = mempcpy(p, r->fragments, h.n_fragments * sizeof(StoredFragment));
        if (h.n_runs > 0)
                p = mempcpy(p, r->runs, h.n_runs * sizeof(ImageRun));
        if (h.n_parts > 0)
                p = mempcpy(p, r->parts, h.n_parts * sizeof(StoredFragment));
        if (h.n_collections > 0)
                p = mempcpy(p, r->collections, h.n_collections * sizeof(XXH128_hash_t));
        p = mempcpy(p, trace, h.trace_size);
        p = mempcpy(p, r->output, output);
        p = mempcpy(p, r->kernel, kernel);
        memcpy(p, r->profile, profile);
        memcpy(data, &h, sizeof(h));
        h.checksum = XXH3_64bits(data + 16, size - 16);
        memcpy(data, &h, sizeof(h));
        *ret = data;
        *ret_size = size;
        return 0;
}

/* The next of the strings, of which the last byte is a NUL. */
static int next_string(const char **p, const char *end, char **ret) {
        const char *s = *p;

        if (s >= end)
                return -EBADMSG;
        *p += strlen(s) + 1;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

/* As many of them as there are, or NULL. Moves on behind them. */
static void *take_array(const char **p, uint64_t n, size_t size) {
        void *array = malloc(n * size + 1);

        if (array) {
                memcpy(array, *p, n * size);
                *p += n * size;
        }
        return array;
}

/* What is read from the arrays is believed by others. */
static bool arrays_fit(const ImageRecord *r) {
        uint64_t n_parts = 0;

        for (size_t i = 0; i < r->n_fragments; i++)
                if (!compression_to_string(r->fragments[i].compression))
                        return false;
        for (size_t i = 0; i < r->n_parts; i++)
                if (!compression_to_string(r->parts[i].compression))
                        return false;
        for (size_t i = 0; i < r->n_runs; i++) {
                if (r->runs[i].n_parts < 2)
                        return false;
                n_parts += r->runs[i].n_parts;
        }
        return n_parts == r->n_parts;
}

int image_record_deserialize(const char *data, size_t size, ImageRecord **ret) {
        _cleanup_(image_record_freep) ImageRecord *r = NULL;
        const char *p, *end = data + size;
        size_t left = size - sizeof(RecordHeader);
        RecordHeader h;
        int k;

        if (size < sizeof(h))
                return -EBADMSG;
        memcpy(&h, data, sizeof(h));
        if (memcmp(h.magic, record_magic, sizeof(record_magic)) != 0 ||
            h.n_fragments > left / sizeof(StoredFragment) ||
            h.n_parts > left / sizeof(StoredFragment) || h.n_runs > left / sizeof(ImageRun) ||
            h.n_collections > left / sizeof(XXH128_hash_t) || h.trace_size > left ||
            h.strings_size > left || h.strings_size == 0 ||
            (h.n_fragments + h.n_parts) * sizeof(StoredFragment) + h.n_runs * sizeof(ImageRun) +
                                            h.n_collections * sizeof(XXH128_hash_t) +
                                            h.trace_size + h.strings_size !=
                            left ||
            XXH3_64bits(data + 16, size - 16) != h.checksum || end[-1] != '\0')
                return -EBADMSG;

        k = image_record_new(&r);
        if (k < 0)
                return k;
        r->ino = h.ino;
        r->size = h.size;
        r->mtime = h.mtime;
        r->n_files = h.n_files;
        r->n_drivers = h.n_drivers;
        r->facts = h.facts;
        r->hardware = h.hardware;
        r->level = h.level;
        r->idle_level = h.idle_level;
        r->n_fragments = h.n_fragments;
        r->n_runs = h.n_runs;
        r->n_parts = h.n_parts;
        r->n_collections = h.n_collections;
        p = data + sizeof(h);
        if (!(r->fragments = take_array(&p, h.n_fragments, sizeof(StoredFragment))) ||
            !(r->runs = take_array(&p, h.n_runs, sizeof(ImageRun))) ||
            !(r->parts = take_array(&p, h.n_parts, sizeof(StoredFragment))) ||
            !(r->collections = take_array(&p, h.n_collections, sizeof(XXH128_hash_t))))
                return -ENOMEM;
        if (!arrays_fit(r))
                return -EBADMSG;
        k = trace_deserialize(p, h.trace_size, &r->trace);
        if (k < 0)
                return k;
        p += h.trace_size;
        k = next_string(&p, end, &r->output);
        if (k >= 0)
                k = next_string(&p, end, &r->kernel);
        if (k >= 0)
                k = next_string(&p, end, &r->profile);
        if (k < 0)
                return k;
        if (p != end)
                return -EBADMSG;
        *ret = TAKE_PTR(r);
        return 0;
}

int image_record_load(Store *store, XXH128_hash_t key, ImageRecord **ret) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = store_get(store, STORE_IMAGES, key, &data, &size);
        return r < 0 ? r : image_record_deserialize(data, size, ret);
}
