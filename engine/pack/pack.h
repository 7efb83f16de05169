/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Fragments into segments: found in the store, or packed on every processor at once. */

#include "pack/fragment.h"
#include "pack/store.h"
#include "report.h"
#include "source/source.h"

typedef struct PackOptions {
        Compression compression;
        int level; /* at which is packed what isn't there */
        int better_level; /* which is taken when it is there; 0: none */
        unsigned threads; /* 0: as many as there are processors */
} PackOptions;

typedef struct Packer Packer;

/*
 * Looks every fragment up in the store and begins to pack the others in the background. Without a
 * store (NULL) that is all of them, and they are kept in memory. The
 * arguments are borrowed until packer_free(). `source` may not be changed meanwhile.
 */
int packer_new(Packer **ret, Source *source, Store *store, Report *report, Fragments *fragments,
               const PackOptions *options);
/* Waits until fragment number `i` is packed: `stored` and, perhaps, `data` are filled in then. On
 * failure the report says why; -ESTALE when a file changed since it was collected. */
int packer_wait(Packer *packer, size_t i);
/* Stops what is going on and waits for it. */
Packer *packer_free(Packer *packer);
DEFINE_CLEANUP_FUNC(Packer *, packer_free);

/* One fragment as an archive, uncompressed: `raw_size` bytes. The caller frees. -ESTALE as above,
 * with the path in `ret_path` (borrowed from the entry). */
int fragment_archive(const Fragment *fragment, Source *source, char **ret, size_t *ret_size,
                     const char **ret_path);

/* Compresses an archive, decodes it again as the kernel would, compares, and pads it. The caller
 * frees. -EBADMSG when it doesn't come out as it went in. */
int segment_pack(Compression compression, int level, const char *raw, size_t raw_size, char **ret,
                 size_t *ret_size);

/* Segments are filled with zero bytes to a multiple of this, so that file systems that can share
 * blocks do, and so that the kernel finds what follows an lz4 segment. */
#define FRAGMENT_ALIGN 4096
