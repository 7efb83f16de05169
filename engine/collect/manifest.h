/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a module wants to have in the image: entries with their source, mode, and why they are
 * there. A set by path. Which of two modules that want the same path owns it is decided later.
 */

#include <sys/types.h>
#include <xxhash.h>

#include "macro.h"
#include "strmap.h"

typedef enum EntryType {
        ENTRY_DIRECTORY,
        ENTRY_FILE,
        ENTRY_SYMLINK,
        _ENTRY_MAX,
        _ENTRY_INVALID = -EINVAL,
} EntryType;

/* The strings live in the Entry's own block, so that two thousand of them are read back at once:
 * they are neither freed nor replaced by themselves. `data` is its own. */
typedef struct Entry {
        const char *path; /* in the image, absolute and simplified; no component is a link */
        EntryType type;
        mode_t mode; /* permission bits; owner and group are root always */
        const char *why; /* the path of the entry that needs it, or what asked for it:
                    * "lvm.module:9 Binary=/usr/sbin/lvm" */
        const char *target; /* symlink */
        const char *source; /* file: canonical path in the Source, or NULL for `data` */
        char *data; /* file: generated or decompressed content, owned; NULL with `source` */
        uint64_t size; /* file: bytes in the image */
        XXH128_hash_t hash; /* file: XXH3-128 of the content in the image */
        bool decompress; /* file: `source` is compressed (.xz, .zst, .gz), the image's isn't */
        bool kernel; /* belongs to the kernel's fragment of the module, not the user one */
} Entry;

typedef struct Manifest {
        Strmap entries; /* path → Entry */
} Manifest;

int manifest_new(Manifest **ret);
Manifest *manifest_free(Manifest *manifest);
DEFINE_CLEANUP_FUNC(Manifest *, manifest_free);
Entry *entry_free(Entry *entry);
DEFINE_CLEANUP_FUNC(Entry *, entry_free);

Entry *manifest_get(const Manifest *manifest, const char *path);

/* Each: 1 added, 0 there already (the first reason and mode stay; ret_entry is the one that is
 * there), -EEXIST when the path is there as something else (another type, target, source or
 * content), -EINVAL when the path is not absolute and simplified, or a target or source empty,
 * -ENOMEM. Strings are copied; `why` NULL is "". The parent directories are the caller's business.
 * Entries stay where they are in memory while the manifest lives. */
int manifest_add_directory(Manifest *manifest, const char *path, mode_t mode, const char *why);
int manifest_add_symlink(Manifest *manifest, const char *path, const char *target,
                         const char *why);
/* The content of `source`, a canonical path; size and hash are filled in by the caller through
 * `ret_entry` (borrowed, may be NULL). */
int manifest_add_file(Manifest *manifest, const char *path, mode_t mode, const char *source,
                      const char *why, Entry **ret_entry);
/* Generated content; takes `data` (also on failure), computes size and hash. NULL is empty. */
int manifest_add_data(Manifest *manifest, const char *path, mode_t mode, char *data, size_t size,
                      const char *why, Entry **ret_entry);

/* Entries in strcmp() order of their paths: parents before what is in them. The array is the
 * caller's, the entries are borrowed. */
int manifest_sorted(const Manifest *manifest, Entry ***ret, size_t *ret_n);

/* As bytes with checksum, `data` included, and back. -EBADMSG when damaged or of another version.
 * Equal sets of entries give equal bytes, in whatever order they were added. What was read back
 * iterates in the order of manifest_sorted(). */
int manifest_serialize(const Manifest *manifest, char **ret, size_t *ret_size);
int manifest_deserialize(const char *data, size_t size, Manifest **ret);
