/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What was built and put where, with the trace of everything that went into it: while the trace
 * holds and the file is as it was written, there is nothing to do. */

#include <sys/stat.h>

#include "pack/store.h"
#include "source/trace.h"

/* Fragments that idle packs as one (pack/join.h), whether the image has them so or in parts. */
typedef struct ImageRun {
        XXH128_hash_t content;
        uint64_t raw_size;
        uint32_t n_parts; /* 2 or more */
        uint32_t kernel; /* of this kernel alone: 1 */
} ImageRun;

typedef struct ImageRecord {
        char *output; /* the path of the running system */
        char *kernel, *profile;
        uint64_t ino; /* 0: on vfat, where a file has another one at each mount */
        uint64_t size;
        int64_t mtime; /* ns; of the image as it was written */
        XXH128_hash_t facts; /* of the facts as JSON, without modaliases; of the tags when generic */
        XXH128_hash_t hardware; /* of the modaliases that it is known to have the drivers for; or 0 */
        int level, idle_level; /* of the profile */
        StoredFragment *fragments; /* in the order of the image */
        size_t n_fragments;
        ImageRun *runs;
        size_t n_runs;
        StoredFragment *parts; /* of all runs, one after the other: content, compressor, raw size */
        size_t n_parts;
        XXH128_hash_t *collections; /* the keys of what it was made of */
        size_t n_collections;
        uint64_t n_files, n_drivers;
        Trace *trace;
} ImageRecord;

int image_record_new(ImageRecord **ret);
ImageRecord *image_record_free(ImageRecord *record);
DEFINE_CLEANUP_FUNC(ImageRecord *, image_record_free);

/* As bytes for a file of the store, and back: -EBADMSG when damaged or of another version. */
int image_record_serialize(const ImageRecord *record, char **ret, size_t *ret_size);
int image_record_deserialize(const char *data, size_t size, ImageRecord **ret);
/* The one that the store has under this name; -ENOENT. */
int image_record_load(Store *store, XXH128_hash_t key, ImageRecord **ret);

/* The parts of one of its runs. */
const StoredFragment *image_record_parts(const ImageRecord *record, const ImageRun *run);
/* Whether the image has the run as one. */
bool image_record_is_joined(const ImageRecord *record, const ImageRun *run);

/* Whether the file is the one that was written. */
bool image_record_is(const ImageRecord *record, const struct stat *st);
void image_record_set(ImageRecord *record, const struct stat *st);
