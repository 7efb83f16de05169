/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* An image's files, made below a directory as the kernel makes them in its root. */

#include "image/read.h"

typedef struct ExtractOptions {
        int directory; /* where to; borrowed */
        bool owner; /* give files to whom the image says; else they are the caller's */
        bool nodes; /* make device nodes */

        /* What was not made, and why: the caller's words for an entry. A negative errno ends
         * everything. May be NULL. */
        int (*on_skipped)(void *userdata, const char *path, const char *why);
        void *userdata;
} ExtractOptions;

typedef struct ExtractResult {
        uint64_t n_files, n_directories, n_symlinks, n_nodes, bytes;
        uint64_t n_nodes_skipped; /* device nodes that were not asked for, or not permitted */
        uint64_t n_lost; /* what the kernel would not make either */
        uint64_t n_failed; /* what could not be made here */
        char *failed_path; /* of the last one that failed; the caller frees, in any case */
} ExtractResult;

/*
 * Reads the image and makes what is in it; what stands before a fault is made. What is in the way
 * of a file is removed, unless it is a directory. 0, or a negative errno that made it stop (no
 * space, no memory, of on_skipped()).
 */
int extract(Image *image, const ExtractOptions *options, ExtractResult *ret,
            ImageFault *ret_fault);
