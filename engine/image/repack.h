/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* An image out of another one, or out of a directory. */

#include "describe/profile.h"
#include "image/read.h"

typedef struct RepackAddition {
        const char *source; /* a file or directory of the running system */
        const char *destination; /* in the image, absolute */
} RepackAddition;

typedef struct RepackOptions {
        Compression compression; /* of what is packed anew; _COMPRESSION_INVALID: as it was */
        int level; /* -1: the compressor's usual one */
        bool owner; /* files of a directory belong to whom they belong to; else to root */
        char *const *removals; /* paths in the image, with all that is below them */
        const RepackAddition *additions;
        size_t n_additions;
} RepackOptions;

typedef struct RepackResult {
        size_t n_copied, n_rewritten, n_added; /* segments */
        uint64_t n_entries_removed, n_entries_added;
        bool described; /* a description, made anew, is its last segment */
        char *failed_path; /* the caller frees */
} RepackResult;

/*
 * Writes `image` to `out` with what is to be added and removed. Segments that have nothing of
 * what goes are copied byte for byte, those that have are packed anew without it, and what comes is
 * a segment of its own at the end. A description of ours is made anew at the end, so that
 * it says what is there. `out` may be read, too, and is empty.
 *
 * -ENOENT for a path that is not there, -EISDIR or -ENOTDIR where the kernel would lose what is
 * added, with failed_path; -EBADMSG when the image has a fault.
 */
int repack_image(Image *image, int out, const RepackOptions *options, RepackResult *ret);
/* Writes the files below a directory. What extract() has made of an image of ours has its
 * description, too, which then tells the reasons. */
int repack_directory(int directory, int out, const RepackOptions *options, RepackResult *ret);
