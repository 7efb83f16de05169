/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Neighbours of one scope as one segment.
 *
 * A compressor finds what repeats within a segment only, so what is packed hard is packed together: the
 * archives of a run of fragments, one behind the other, each with its trailer, as init/initramfs.c
 * reads them out of one compressed stream. Its content is named by that of its parts, so whoever
 * has these can make it without a file of the root. As soon as one of them changes it is nobody's
 * any more, and the image is made of the parts again: a quick build never packs a run.
 *
 * A run ends where the next scope begins, and at 64 MiB unpacked: that much it takes of memory to pack
 * it. Only zstd and xz look far enough back for it to pay.
 */

#include "pack/fragment.h"

typedef struct Run {
        size_t first, n; /* two or more of Fragments.fragments */
        XXH128_hash_t content;
        uint64_t raw_size;
} Run;

bool compression_joins(Compression compression);

/* The next run that begins at fragment number `from` or behind it; false when there is none. What
 * is joined already is in none. */
bool run_find(const Fragments *fragments, size_t from, Run *ret);

/* Replaces the run by one fragment, named "FIRST+HOW-MANY-MORE". 0 or -ENOMEM. */
int fragments_join(Fragments *fragments, const Run *run);
