/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where work is kept: a directory that may be deleted at any time.
 *
 *   lock            flock: shared by who builds, exclusive by who collects garbage
 *   fragments/      packed segments, ready to be written into an image: CONTENT-COMPRESSION-
 *                   LEVEL-RAWSIZE-HASH, where CONTENT names what was packed and HASH is the
 *                   XXH3-64 of the bytes of the file
 *   collections/    what a module brings, with its trace (collect/collection.h)
 *   images/         what was built, with its trace
 *   indexes/        of kernels that have none of their own yet, while fragments are packed ahead for
 *                   them (prepare.h); empty otherwise
 *   trusted         the boot ID, and the fragments that were written or checked in that boot, each
 *                   with its inode and change time
 *
 * Files appear whole, by rename. They are not synced: after a crash a fragment is believed only
 * once its hash was checked. A store that can't be written to (full, read-only) still serves.
 */

#include <xxhash.h>

#include "describe/config.h"
#include "macro.h"
#include "report.h"

typedef struct Store Store;

typedef enum StoreLock {
        STORE_SHARED,
        STORE_EXCLUSIVE,
        STORE_LOOK, /* no lock at all: for who neither packs nor collects garbage */
} StoreLock;

/* Makes the directory if it is missing. Waits for the lock. Who is alone removes what was left by
 * those who were killed while writing. STORE_LOOK does none of that: a missing store is -ENOENT then,
 * and no failure in the report. */
int store_open(Store **ret, Report *report, const char *path, StoreLock lock);
Store *store_free(Store *store);
DEFINE_CLEANUP_FUNC(Store *, store_free);
const char *store_path(const Store *store) _pure_;

typedef struct StoredFragment {
        XXH128_hash_t content;
        Compression compression;
        int level;
        uint64_t raw_size; /* of the archive, uncompressed */
        uint64_t size; /* of the file, padding included */
        uint64_t hash;
} StoredFragment;

/* Whether the content is there, packed so: true. */
bool store_find(Store *store, XXH128_hash_t content, Compression compression, int level,
                StoredFragment *ret);
/* Opens it for reading; one that fails its check is removed and -ENOENT. Thread-safe. */
int store_open_fragment(Store *store, const StoredFragment *fragment);
/* Keeps the bytes. `fragment` has everything but size and hash, which are filled in. Thread-safe.
 * -ENOSPC, -EROFS, -EACCES… */
int store_put_fragment(Store *store, StoredFragment *fragment, const void *data, size_t size);

typedef enum StoreKind { STORE_COLLECTIONS, STORE_IMAGES, _STORE_KIND_MAX } StoreKind;

/* A record under a key. -ENOENT. The caller frees. */
int store_get(Store *store, StoreKind kind, XXH128_hash_t key, char **ret, size_t *ret_size);
int store_put(Store *store, StoreKind kind, XXH128_hash_t key, const void *data, size_t size);
int store_remove(Store *store, StoreKind kind, XXH128_hash_t key);
/* All keys of a kind. The caller frees. */
int store_keys(Store *store, StoreKind kind, XXH128_hash_t **ret, size_t *ret_n);

/* Calls back for each fragment that is there. */
int store_each_fragment(Store *store,
                        int (*callback)(void *userdata, const StoredFragment *fragment),
                        void *userdata);
int store_remove_fragment(Store *store, const StoredFragment *fragment);
/* Temporary files of who was killed while writing. For who holds the lock exclusively. */
int store_remove_leftovers(Store *store);

/* 32 hexadecimal digits and a NUL. */
void hash_to_string(XXH128_hash_t hash, char ret[static 33]);
int hash_from_string(const char *s, XXH128_hash_t *ret);
