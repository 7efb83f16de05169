/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The memory of a build: what it made, of what, and whether that still holds. */

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "build-internal.h"
#include "fd-util.h"
#include "image/description.h"
#include "pack/join.h"
#include "path-util.h"
#include "string-util.h"

const char *build_output_root(const Build *b) {
        return b->options->output ? "/" : source_root(b->source);
}

int build_load_record(Build *b, ImageRecord **ret) {
        return b->store ? image_record_load(b->store, b->key, ret) : -ENOENT;
}

int build_save_record(Build *b, const ImageRecord *record) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        if (!b->store)
                return 0;
        r = image_record_serialize(record, &data, &size);
        return r < 0 ? r : store_put(b->store, STORE_IMAGES, b->key, data, size);
}

int build_output_path(const Build *b, char **ret) {
        *ret = path_join(build_output_root(b), b->output);
        return *ret ? 0 : -ENOMEM;
}

/* Whether an admin who asks for the best would get another image. */
static bool could_be_better(const Build *b, const ImageRecord *record) {
        if (!b->options->best || b->profile->idle_level == 0)
                return false;
        for (size_t i = 0; i < record->n_fragments; i++)
                if (record->fragments[i].compression != COMPRESSION_NONE &&
                    record->fragments[i].level < b->profile->idle_level)
                        return true;
        for (size_t i = 0; i < record->n_runs; i++)
                if (!image_record_is_joined(record, &record->runs[i]))
                        return true;
        return false;
}

int build_is_current(Build *b, ImageRecord **ret) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        _cleanup_free_ char *path = NULL;
        bool refreshed = false;
        struct stat st;

        b->looked = build_load_record(b, &record) >= 0;
        if (!b->looked || !XXH128_isEqual(record->facts, b->facts_hash))
                return 0;
        if (build_output_path(b, &path) < 0)
                return report_oom(b->report);
        if (lstat(path, &st) < 0 || !image_record_is(record, &st) || could_be_better(b, record))
                return 0;
        if (trace_check(record->trace, b->source, NULL, &refreshed) <= 0)
                return 0;
        if (!XXH128_isEqual(record->hardware, b->hardware_hash)) {
                _cleanup_free_ char *driver = NULL;
                int r = build_find_missing_driver(b, record, &driver);

                if (r != 0)
                        return r == -ENOMEM ? report_oom(b->report) : 0;
                record->hardware = b->hardware_hash;
                refreshed = true;
        }
        if (refreshed)
                (void) build_save_record(b, record);
        if (ret)
                *ret = TAKE_PTR(record);
        return 1;
}

/* Whether an image's fragment is what was collected from fragment number `first` on: one, or a run
 * of them. */
static bool match_fragment(const Fragments *fs, size_t first, const StoredFragment *old,
                           Run *ret) {
        const Fragment *f = fs->fragments[first];

        *ret = (Run) { first, 1, f->content, f->raw_size };
        if (XXH128_isEqual(old->content, f->content) && old->raw_size == f->raw_size)
                return true;
        return run_find(fs, first, ret) && ret->first == first && ret->raw_size == old->raw_size &&
               XXH128_isEqual(old->content, ret->content);
}

static bool match_level(const Build *b, const Fragment *f, const StoredFragment *old) {
        bool best = b->options->best && b->profile->idle_level > 0;

        return f->scope == SCOPE_EARLY || b->profile->compression == COMPRESSION_NONE ||
               (old->compression == b->profile->compression &&
                (old->level == b->profile->idle_level ||
                 (!best && old->level == b->profile->level)));
}

/* What was collected for each fragment of the image. False when it would be another image. */
static bool match_fragments(const Build *b, const ImageRecord *record, Run *ret) {
        const Fragments *fs = b->fragments;
        size_t next = 0;

        for (size_t i = 0; i < record->n_fragments; i++) {
                const StoredFragment *old = &record->fragments[i];

                if (next >= fs->n || !match_fragment(fs, next, old, &ret[i]) ||
                    !match_level(b, fs->fragments[next], old))
                        return false;
                next += ret[i].n;
        }
        return next == fs->n;
}

/* The fragments as the image has them, if their content is what this build has collected. 1, 0 or
 * -ENOMEM. */
static int take_fragments(const Build *b, const ImageRecord *record) {
        _cleanup_free_ Run *runs = calloc(record->n_fragments + 1, sizeof(Run));
        Fragments *fs = b->fragments;

        if (!runs)
                return -ENOMEM;
        if (could_be_better(b, record) || !match_fragments(b, record, runs))
                return 0;
        /* From the end, so that what is joined moves none that comes later. */
        for (size_t i = record->n_fragments; i-- > 0;)
                if (runs[i].n > 1 && fragments_join(fs, &runs[i]) < 0)
                        return -ENOMEM;
        for (size_t i = 0; i < record->n_fragments; i++)
                fs->fragments[i]->stored = record->fragments[i];
        return 1;
}

/* Whether the file ends with these bytes, and `before` are in front of them. */
static bool ends_with(const char *path, uint64_t before, const char *bytes, size_t size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_free_ char *tail = malloc(size ?: 1);
        struct stat st;

        return fd >= 0 && tail && fstat(fd, &st) >= 0 && (uint64_t) st.st_size == before + size &&
               pread(fd, tail, size, (off_t) before) == (ssize_t) size &&
               memcmp(tail, bytes, size) == 0;
}

int build_is_same(Build *b) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        _cleanup_free_ char *path = NULL, *description = NULL;
        uint64_t before = 0;
        struct stat st;
        size_t size;
        int r;

        if (b->options->force || build_load_record(b, &record) < 0)
                return 0;
        if (build_output_path(b, &path) < 0)
                return report_oom(b->report);
        if (lstat(path, &st) < 0 || !image_record_is(record, &st))
                return 0;
        r = take_fragments(b, record);
        if (r <= 0)
                return r < 0 ? report_oom(b->report) : 0;
        for (size_t i = 0; i < record->n_fragments; i++)
                before += record->fragments[i].size;
        r = description_pack(b->fragments, b->plan, b->profile, b->kernel, &description, &size);
        if (r < 0)
                return report_oom(b->report);
        return ends_with(path, before, description, size);
}

int build_merge_traces(Build *b) {
        int r = 0;

        for (size_t i = 0; i < b->n_collections && r >= 0; i++)
                r = trace_merge(b->trace, b->collections[i]->trace);
        return r;
}

static int add_parts(ImageRecord *record, Fragment *const *parts, size_t n,
                     Compression compression) {
        StoredFragment *p =
                        reallocarray(record->parts, record->n_parts + n, sizeof(StoredFragment));

        if (!p)
                return -ENOMEM;
        record->parts = p;
        for (size_t i = 0; i < n; i++)
                record->parts[record->n_parts++] = (StoredFragment) {
                        .content = parts[i]->content,
                        .compression = compression,
                        .raw_size = parts[i]->raw_size,
                };
        return 0;
}

static int add_run(ImageRecord *record, Scope scope, const Run *run, Fragment *const *parts,
                   Compression compression) {
        ImageRun *p = reallocarray(record->runs, record->n_runs + 1, sizeof(ImageRun));

        if (!p)
                return -ENOMEM;
        record->runs = p;
        record->runs[record->n_runs++] = (ImageRun) {
                .content = run->content,
                .raw_size = run->raw_size,
                .n_parts = (uint32_t) run->n,
                .kernel = scope == SCOPE_KERNEL,
        };
        return add_parts(record, parts, run->n, compression);
}

/* What is one segment already, and what may become one at idle. */
static int add_runs(const Build *b, ImageRecord *record) {
        const Fragments *fs = b->fragments;
        Run run;
        int r = 0;

        if (!build_joins(b))
                return 0;
        for (size_t i = 0; i < fs->n && r >= 0; i++) {
                const Fragment *f = fs->fragments[i];

                if (f->n_parts == 0)
                        continue;
                run = (Run) { i, f->n_parts, f->content, f->raw_size };
                r = add_run(record, f->scope, &run, f->parts, b->profile->compression);
        }
        for (size_t i = 0; r >= 0 && run_find(fs, i, &run); i = run.first + run.n)
                r = add_run(record, fs->fragments[run.first]->scope, &run,
                            fs->fragments + run.first, b->profile->compression);
        return r;
}

int build_make_record(Build *b, Target *target, ImageRecord **ret) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        struct statfs fs;
        struct stat st;
        int r;

        r = image_record_new(&record);
        if (r < 0)
                return r;
        r = target_stat(target, &st);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        record->trace = TAKE_PTR(b->trace);
        r = build_output_path(b, &record->output);
        if (r < 0)
                return r;
        record->kernel = strdup(b->kernel->version);
        record->profile = strdup(b->profile->name);
        record->fragments = calloc(b->fragments->n + 1, sizeof(StoredFragment));
        record->collections = calloc(b->n_collections + 1, sizeof(XXH128_hash_t));
        if (!record->kernel || !record->profile || !record->fragments || !record->collections)
                return -ENOMEM;
        image_record_set(record, &st);
        if (statfs(record->output, &fs) >= 0 && fs.f_type == MSDOS_SUPER_MAGIC)
                record->ino = 0;
        record->facts = b->facts_hash;
        record->hardware = b->hardware_hash;
        record->level = b->profile->level;
        record->idle_level = b->profile->idle_level;
        record->n_files = b->n_files;
        record->n_drivers = b->n_drivers;
        record->n_fragments = b->fragments->n;
        for (size_t i = 0; i < b->fragments->n; i++)
                record->fragments[i] = b->fragments->fragments[i]->stored;
        r = add_runs(b, record);
        if (r < 0)
                return r;
        record->n_collections = b->n_collections;
        memcpy(record->collections, b->keys, b->n_collections * sizeof(XXH128_hash_t));
        *ret = TAKE_PTR(record);
        return 0;
}
