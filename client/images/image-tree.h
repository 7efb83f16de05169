/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* All files of an image, as they are once the kernel has unpacked it, and the way to their content. */

#include <xxhash.h>

#include "image/tree.h"
#include "image/read.h"

typedef struct ImageTree {
        Image *image; /* borrowed */
        Tree *tree;
        uint64_t *offsets; /* of the segments */
        size_t n_segments, allocated;
        ImageFault fault;
} ImageTree;

/* Unpacks it. With `hash`, TreeFile.content of each regular file is an XXH128_hash_t *, of its
 * content. 0, -ENOMEM. */
int image_tree_new(ImageTree **ret, Image *image, bool hash);
ImageTree *image_tree_free(ImageTree *tree);
DEFINE_CLEANUP_FUNC(ImageTree *, image_tree_free);

/* Hands over the content of a regular file, as it comes. An error of the sink ends it. */
int image_tree_read(const ImageTree *tree, const TreeFile *file, decode_sink_t sink,
                    void *userdata);
/* The same as text: -EFBIG for more than `max` bytes, -EILSEQ when there is a NUL byte in it. The
 * caller frees. */
int image_tree_text(const ImageTree *tree, const TreeFile *file, size_t max, char **ret);
