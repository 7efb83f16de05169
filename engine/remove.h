/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The end of an image. It is asked for by who knows that its kernel goes; that kernel, the profile,
 * the store and the records in it may be gone already. */

#include "report.h"

typedef struct RemoveOptions {
        const char *root; /* as in BuildOptions */
        const char *store; /* NULL: none */
        const char *kernel, *profile; /* whose records go with it */
        const char *path; /* of the running system */
} RemoveOptions;

/*
 * Removes the image, its previous one, what an interrupted build left beside them, and its record.
 * A `path` below the root is resolved beneath that root, so that no link leads out of it. Links in
 * the place of the files are removed and not followed. `ret_removed` has the paths of the files
 * that were there, in that order; the caller frees. NoSuchImage when there was nothing at all.
 */
int remove_image(const RemoveOptions *options, Report *report, char ***ret_removed);
