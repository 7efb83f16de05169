/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What `inspect` tells of an image: from its own description where it has one that fits, which is
 * a matter of milliseconds, else by unpacking it. */

#include "image/described.h"
#include "image/tree.h"
#include "strmap.h"

typedef struct InspectedSegment {
        uint64_t offset, size; /* with what is between it and the next */
        uint64_t raw_size;
        const char *compressor; /* static, or borrowed from `described` */
        const DescribedFragment *fragment; /* or NULL; borrowed */
        bool description;
} InspectedSegment;

/* Files, and the bytes in them. */
typedef struct Share {
        char *name;
        uint64_t n_files, bytes;
} Share;

typedef struct InspectedFile {
        char *path, *module; /* that brings it, or NULL */
        uint64_t size;
        size_t segment; /* that has it last */
        bool driver;
        const char *secret; /* what kind of one it is; static, or NULL */
} InspectedFile;

typedef struct Inspection {
        const char *tool; /* "dracut"; static, or borrowed; NULL: can't be told */
        Described *described; /* or NULL */
        char **kernels; /* whose drivers are in it */
        char **modules; /* of another tool, where it says */
        char *init; /* where /init leads */
        InspectedSegment *segments;
        size_t n_segments, allocated_segments;
        uint64_t n_files, n_drivers, bytes;
        InspectedFile *files; /* regular ones */
        size_t n_inspected, allocated_files;
        Strmap directories, by_module; /* name → Share */
        ImageFault fault;
} Inspection;

int inspection_new(Inspection **ret, Image *image);
Inspection *inspection_free(Inspection *inspection);
DEFINE_CLEANUP_FUNC(Inspection *, inspection_free);

/* The `max` largest files, or drivers, largest first. The caller frees the array. */
int files_sorted(const Inspection *inspection, bool drivers, size_t max,
                 const InspectedFile ***ret, size_t *ret_n);
/* The `max` largest of a map, largest first. The caller frees the array. */
int shares_sorted(const Strmap *shares, size_t max, const Share ***ret, size_t *ret_n);
