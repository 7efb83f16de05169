/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The description of an image, read back from it: description.h has its format. */

#include "image/read.h"

typedef struct DescribedModule {
        char *name, *reason;
} DescribedModule;

typedef struct DescribedFragment {
        char *name, *scope, *compression, *content;
        char **modules;
        uint64_t offset, size, raw_size;
        int level;
} DescribedFragment;

typedef struct Described {
        uint64_t offset, size; /* of the segment that it is, with its padding */
        uint64_t raw_size;
        Decoder decoder;
        char *tool, *version, *kernel, *profile, *mode;
        char **settings; /* "KEY=VALUE", sorted; none in what older versions made */
        DescribedModule *modules;
        size_t n_modules;
        DescribedFragment *fragments;
        size_t n_fragments;
        bool fits; /* the fragments fill what is before it, and nothing is behind */
        char *manifest; /* its text */
} Described;
Described *described_free(Described *described);
DEFINE_CLEANUP_FUNC(Described *, described_free);

/* Whether an entry is the first of a description. */
bool described_begins(const char *name);

/* Reads it from the segment at `offset`: -ENOENT when that has none, -EBADMSG when it can't be
 * understood, -ENOMEM. */
int described_read(Image *image, uint64_t offset, Described **ret);
/* Finds it without decoding what is before it, where it begins at a multiple of FRAGMENT_ALIGN as
 * we write it. -ENOENT when it isn't found; it may then stand elsewhere. */
int described_find(Image *image, Described **ret);
/* The text of image.json alone, in what takes a fraction of the time; looked for in the last
 * megabytes. -ENOENT. The caller frees. */
int described_find_json(Image *image, char **ret);

/* A line of the manifest. */
typedef struct DescribedEntry {
        size_t fragment;
        char type; /* d, f, l */
        unsigned mode;
        uint64_t size;
        char *path, *why; /* borrowed */
} DescribedEntry;

/* The next line, in place: `*p` is where it stands in `manifest`, at first its beginning. 1, 0 at
 * the end, -EBADMSG. A text is read only once: it is changed by it. */
int described_next(char **p, DescribedEntry *ret);
