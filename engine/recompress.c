/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A fragment is decoded, packed harder, decoded again and compared, and put beside the quick one
 * under the same content: the store then offers both, and a build takes the better. So is a run of
 * fragments as one (pack/join.h).
 *
 * Of what belongs to one kernel only the run is packed: it stays as it is until its kernel goes. Of what
 * kernels share the parts are, too: the next upgrade changes one of them, and then the image is made
 * of the others.
 */

#include <sys/mman.h>

#include "fd-util.h"
#include "image/record.h"
#include "pack/compress.h"
#include "pack/pack.h"
#include "recompress.h"
#include "string-util.h"

typedef struct Buffer {
        char *data;
        size_t size, max;
} Buffer;

static int append(void *userdata, const void *data, size_t size) {
        Buffer *b = userdata;

        if (size > b->max - b->size)
                return -EBADMSG;
        memcpy(b->data + b->size, data, size);
        b->size += size;
        return 0;
}

/* The archive in a stored fragment. The caller frees. */
static int unpack(Store *store, const StoredFragment *f, char **ret) {
        _cleanup_close_ int fd = -EBADF;
        Buffer b = { .max = f->raw_size };
        size_t consumed;
        void *p;
        int r;

        fd = store_open_fragment(store, f);
        if (fd < 0)
                return fd;
        p = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        b.data = malloc(f->raw_size ?: 1);
        r = b.data ? decode_stream(compression_decoder(f->compression), p, f->size, append, &b,
                                   &consumed)
                   : -ENOMEM;
        munmap(p, f->size);
        if (r >= 0 && b.size != f->raw_size)
                r = -EBADMSG;
        if (r < 0) {
                free(b.data);
                return r;
        }
        *ret = b.data;
        return 0;
}

static bool is_hard(Store *store, const StoredFragment *f, int level) {
        StoredFragment known;

        return f->compression == COMPRESSION_NONE || level <= f->level ||
               store_find(store, f->content, f->compression, level, &known);
}

static bool run_is_hard(Store *store, const ImageRecord *record, const ImageRun *run) {
        Compression c = image_record_parts(record, run)->compression;
        StoredFragment known;

        return store_find(store, run->content, c, record->idle_level, &known) ||
               image_record_is_joined(record, run);
}

/* Whether it is packed as a part of something else alone. */
static bool in_kernel_run(const ImageRecord *record, const StoredFragment *f) {
        for (size_t i = 0; i < record->n_runs; i++) {
                const ImageRun *run = &record->runs[i];
                const StoredFragment *parts = image_record_parts(record, run);

                for (size_t n = 0; n < run->n_parts && run->kernel; n++)
                        if (XXH128_isEqual(parts[n].content, f->content))
                                return true;
        }
        return false;
}

bool recompress_is_done(Store *store, const ImageRecord *record) {
        if (record->idle_level == 0)
                return true;
        for (size_t i = 0; i < record->n_fragments; i++)
                if (!in_kernel_run(record, &record->fragments[i]) &&
                    !is_hard(store, &record->fragments[i], record->idle_level))
                        return false;
        for (size_t i = 0; i < record->n_runs; i++)
                if (!run_is_hard(store, record, &record->runs[i]))
                        return false;
        return true;
}

static int pack_harder(Store *store, Report *report, StoredFragment *better, const char *raw) {
        _cleanup_free_ char *packed = NULL;
        size_t size;
        int r;

        r = segment_pack(better->compression, better->level, raw, better->raw_size, &packed,
                         &size);
        if (r >= 0)
                r = store_put_fragment(store, better, packed, size);
        if (r < 0)
                return report_fail(report, r == -ENOSPC ? FAILURE_NO_SPACE : FAILURE_BUILD_FAILED,
                                   r, store_path(store), 0,
                                   "A fragment can't be packed harder: %s", strerror(-r));
        return 1;
}

static int recompress_one(Store *store, Report *report, const StoredFragment *f, int level) {
        _cleanup_free_ char *raw = NULL;
        StoredFragment better = *f;
        int r;

        if (is_hard(store, f, level))
                return 0;
        r = unpack(store, f, &raw);
        if (r == -ENOENT) /* damaged or gone: the next build packs it anew */
                return 0;
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, store_path(store), 0,
                                   "A fragment can't be packed harder: %s", strerror(-r));
        better.level = level;
        return pack_harder(store, report, &better, raw);
}

/* The archives of all parts, one behind the other. */
static int unpack_run(Store *store, const ImageRecord *record, const ImageRun *run, char **ret) {
        const StoredFragment *parts = image_record_parts(record, run);
        _cleanup_free_ char *whole = malloc(run->raw_size ?: 1);
        uint64_t at = 0;

        if (!whole)
                return -ENOMEM;
        for (size_t i = 0; i < run->n_parts; i++) {
                _cleanup_free_ char *raw = NULL;
                StoredFragment f;
                int r;

                if (!store_find(store, parts[i].content, parts[i].compression, record->idle_level,
                                &f) &&
                    !store_find(store, parts[i].content, parts[i].compression, record->level, &f))
                        return -ENOENT;
                if (f.raw_size > run->raw_size - at)
                        return -EBADMSG;
                r = unpack(store, &f, &raw);
                if (r < 0)
                        return r;
                memcpy(whole + at, raw, f.raw_size);
                at += f.raw_size;
        }
        if (at != run->raw_size)
                return -EBADMSG;
        *ret = TAKE_PTR(whole);
        return 0;
}

static int recompress_run(Store *store, Report *report, const ImageRecord *record,
                          const ImageRun *run) {
        _cleanup_free_ char *raw = NULL;
        StoredFragment better = {
                .content = run->content,
                .compression = image_record_parts(record, run)->compression,
                .level = record->idle_level,
                .raw_size = run->raw_size,
        };
        int r;

        if (run_is_hard(store, record, run))
                return 0;
        r = unpack_run(store, record, run, &raw);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, store_path(store), 0,
                                   "Fragments can't be packed as one: %s", strerror(-r));
        return pack_harder(store, report, &better, raw);
}

typedef struct Progress {
        size_t n_records, record; /* how many, and which */
        uint64_t n; /* fragments that were packed */
} Progress;

static void show(Report *report, const ImageRecord *record, const Progress *p, size_t step) {
        size_t steps = record->n_fragments + record->n_runs;

        report_progress(report, STAGE_PACK,
                        (unsigned) (100 * (p->record * steps + step) / (p->n_records * steps)),
                        record->kernel);
}

static int recompress_record(Store *store, Report *report, const ImageRecord *record,
                             Progress *p) {
        for (size_t i = 0; i < record->n_fragments; i++) {
                const StoredFragment *f = &record->fragments[i];
                int r;

                show(report, record, p, i);
                r = in_kernel_run(record, f)
                                    ? 0
                                    : recompress_one(store, report, f, record->idle_level);
                if (r < 0)
                        return r;
                p->n += (uint64_t) r;
        }
        for (size_t i = 0; i < record->n_runs; i++) {
                int r;

                show(report, record, p, record->n_fragments + i);
                r = recompress_run(store, report, record, &record->runs[i]);
                if (r < 0)
                        return r;
                p->n += (uint64_t) r;
        }
        return 0;
}

int recompress(const char *path, Report *report, uint64_t *ret_n) {
        _cleanup_(store_freep) Store *store = NULL;
        _cleanup_free_ XXH128_hash_t *keys = NULL;
        Progress progress = {};
        size_t n_keys = 0;
        int r;

        r = store_open(&store, report, path, STORE_SHARED);
        if (r < 0)
                return r;
        r = store_keys(store, STORE_IMAGES, &keys, &n_keys);
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, path, 0,
                                   "The store can't be read: %s", strerror(-r));
        for (size_t i = 0; i < n_keys; i++) {
                _cleanup_(image_record_freep) ImageRecord *record = NULL;

                if (image_record_load(store, keys[i], &record) < 0 || record->idle_level == 0)
                        continue;
                progress.n_records = n_keys;
                progress.record = i;
                r = recompress_record(store, report, record, &progress);
                if (r < 0)
                        return r;
        }
        *ret_n = progress.n;
        return 0;
}
