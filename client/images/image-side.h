/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One of the two that `diff` compares: the files of an image, or of what a build would make now. */

#include <xxhash.h>

#include "described-files.h"
#include "image-now.h"
#include "image-tree.h"

typedef struct SideFile {
        const char *path; /* borrowed, as all here but `module` */
        uint32_t mode, uid, gid, rdev_major, rdev_minor;
        uint64_t size;
        XXH128_hash_t hash; /* of a regular file's content */
        const char *target;
        char *module; /* that brings it, or NULL */
        const TreeFile *tree_file; /* in an image */
        const Entry *entry; /* in a build */
} SideFile;

typedef struct Side {
        const char *name;
        char *kernel; /* NULL: none, or several */
        Strmap files; /* path, with %v for the version of the kernel → SideFile */
        uint64_t bytes;
        ImageTree *tree; /* or NULL */
        DescribedFiles *described; /* or NULL */
        const ImageNow *now; /* or NULL; borrowed */
} Side;
void side_done(Side *side);

/* 0 or -ENOMEM. With a fault, what stands before it is there. What an image says of itself is not a
 * part of it. `name` is borrowed. */
int side_init_image(Side *ret, const char *name, Image *image);
int side_init_now(Side *ret, const ImageNow *now);

/* The content of a regular file: see image_tree_text(). The caller frees. */
int side_text(const Side *side, const SideFile *file, size_t max, char **ret);
