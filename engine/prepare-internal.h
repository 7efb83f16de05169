/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "build-internal.h"

/* A scratch directory with the indexes of a kernel that has none yet. */
typedef struct Indexes {
        char *directory; /* removed with all that is in it */
        int lock_fd;
} Indexes;
#define INDEXES_INIT ((Indexes) { .lock_fd = -EBADF })
void indexes_done(Indexes *indexes);

/* Runs depmod over the drivers of that kernel, and shows the indexes in the build's source where the
 * kernel's own would be. -ENOENT when there is no such kernel. */
int indexes_make(Indexes *indexes, Build *b, const char *version);
