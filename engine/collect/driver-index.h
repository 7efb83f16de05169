/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The modules.* files of an image, and kmod's binary format for the larger ones. */

#include "collect/driver-table.h"
#include "collect/kernel-file.h"

typedef struct IndexEntry {
        const char *key; /* printable ASCII */
        const char *value;
        uint32_t priority; /* modprobe takes the lowest first */
} IndexEntry;

/* The bytes of an index; sorts `entries`. The caller frees. -EINVAL when a key isn't ASCII or is
 * longer than a path may be, -EFBIG when the index would have more than 256 MiB. */
int driver_index_write(IndexEntry *entries, size_t n, char **ret, size_t *ret_size);

/* As drivers_collect_indexes(). */
int driver_index_collect(DriverTable *table, KernelFiles *files, Source *source, Trace *trace,
                         Report *report, const Kernel *kernel, char *const *names,
                         Manifest *manifest);
