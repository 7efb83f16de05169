/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Files that belong to a kernel, as they will be in its images: drivers, firmware, indexes.
 * Each is read once, whoever wants it, and many at a time.
 */

#include <sys/types.h>
#include <xxhash.h>

#include "collect/manifest.h"
#include "source/source.h"
#include "strmap.h"

typedef struct KernelFile {
        char *source; /* canonical */
        mode_t mode; /* permission bits */
        bool driver; /* to be read: a driver's .modinfo too */
        bool compressed;

        /* What reading it gave. */
        bool read;
        int error; /* negative errno; -EBADMSG also for a driver that isn't ELF */
        uint64_t size; /* decompressed */
        XXH128_hash_t hash; /* decompressed */
        XXH128_hash_t source_hash; /* as it is in the Source */
        char **firmware, **softdeps, **weakdeps; /* values of .modinfo */
} KernelFile;

/* Owns the files; keeps those that are yet to be read apart. */
typedef struct KernelFiles {
        Strmap files; /* canonical path → KernelFile */
        KernelFile **pending;
        size_t n_pending, allocated_pending;
} KernelFiles;

#define KERNEL_FILES_INIT ((KernelFiles) { .files = STRMAP_INIT(kernel_file_free) })

void kernel_file_free(void *file);
void kernel_files_done(KernelFiles *files);

/* Follows `path` to a file, which is read at the next kernel_files_read(). Borrowed. `links`, where
 * wanted, gets the links on the way. -ENOENT, -ENXIO when it is no regular file. */
int kernel_files_get(KernelFiles *files, Source *source, Trace *trace, const char *path,
                     bool driver, SourceLinks *links, KernelFile **ret);

/* Reads what has not been read yet, with as many threads as there are CPUs, eight at most. What
 * goes wrong with a file is noted in it. -ENOMEM. */
int kernel_files_read(KernelFiles *files, Source *source);

/* Reads one file. No state is shared: may be called from any thread, for different files. */
void kernel_file_read(KernelFile *file, Source *source);

/* Adds a file that was read to the manifest and its hash to the trace, and the directories that it
 * lies in, all of them the kernel's own. Below `root` (may be NULL) directories have mode 0755,
 * whatever the Source says. 1 added, 0 there already. */
int kernel_file_add(const KernelFile *file, Source *source, Trace *trace, Manifest *manifest,
                    const char *path, const char *root, const char *why);
int kernel_file_add_parents(Source *source, Trace *trace, Manifest *manifest, const char *path,
                            const char *root, const char *why);
