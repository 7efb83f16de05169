/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Mark and sweep: the records of images tell which fragments and collections are in use; a record
 * whose image is gone goes first. The store is locked meanwhile, so that no build takes what is
 * about to be thrown away.
 */

#include <sys/stat.h>

#include "garbage.h"
#include "image/record.h"
#include "path-util.h"
#include "prepare.h"
#include "source/source.h"
#include "string-util.h"
#include "strmap.h"

typedef struct Garbage {
        Store *store;
        Strmap contents, collections; /* that are needed; as hexadecimal digits */
        StoredFragment *doomed;
        size_t n_doomed, allocated;
        uint64_t bytes;
} Garbage;

static int remember(Strmap *map, XXH128_hash_t hash) {
        char hex[33];
        int r;

        hash_to_string(hash, hex);
        r = strmap_put(map, hex, NULL);
        return r == -EEXIST ? 0 : r;
}

static bool remembered(const Strmap *map, XXH128_hash_t hash) {
        char hex[33];

        hash_to_string(hash, hex);
        return strmap_contains(map, hex);
}

/*
 * Whether the image is gone for good: replaced by somebody, or missing from a directory that has
 * something else in it. An empty directory is one where a file system isn't mounted.
 */
static int is_gone(const ImageRecord *record) {
        _cleanup_(source_freep) Source *directory = NULL;
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        if (lstat(record->output, &st) >= 0)
                return !image_record_is(record, &st);
        path = path_dirname(record->output);
        if (!path)
                return -ENOMEM;
        r = source_new(&directory, path);
        if (r >= 0)
                r = source_list(directory, NULL, "/", NULL, &names);
        if (r == -ENOMEM)
                return r;
        return r >= 0 && *names;
}

/* What the images on record are made of. */
static int mark(Garbage *g) {
        _cleanup_free_ XXH128_hash_t *keys = NULL;
        size_t n_keys = 0;
        int r;

        r = store_keys(g->store, STORE_IMAGES, &keys, &n_keys);
        for (size_t i = 0; i < n_keys && r >= 0; i++) {
                _cleanup_(image_record_freep) ImageRecord *record = NULL;

                r = image_record_load(g->store, keys[i], &record);
                if (r == -ENOMEM)
                        return r;
                r = r < 0 ? 1 : is_gone(record);
                if (r > 0) {
                        r = store_remove(g->store, STORE_IMAGES, keys[i]);
                        continue;
                }
                for (size_t k = 0; k < record->n_fragments && r >= 0; k++)
                        r = remember(&g->contents, record->fragments[k].content);
                for (size_t k = 0; k < record->n_runs && r >= 0; k++)
                        r = remember(&g->contents, record->runs[k].content);
                for (size_t k = 0; k < record->n_parts && r >= 0; k++)
                        r = remember(&g->contents, record->parts[k].content);
                for (size_t k = 0; k < record->n_collections && r >= 0; k++)
                        r = remember(&g->collections, record->collections[k]);
        }
        return r;
}

static int doom(void *userdata, const StoredFragment *f) {
        Garbage *g = userdata;

        if (remembered(&g->contents, f->content))
                return 0;
        if (!GREEDY_REALLOC(g->doomed, g->allocated, g->n_doomed + 1))
                return -ENOMEM;
        g->doomed[g->n_doomed++] = *f;
        return 0;
}

static int sweep(Garbage *g) {
        _cleanup_free_ XXH128_hash_t *keys = NULL;
        size_t n_keys = 0;
        int r;

        r = store_each_fragment(g->store, doom, g);
        for (size_t i = 0; i < g->n_doomed && r >= 0; i++) {
                r = store_remove_fragment(g->store, &g->doomed[i]);
                g->bytes += g->doomed[i].size;
        }
        if (r >= 0)
                r = store_keys(g->store, STORE_COLLECTIONS, &keys, &n_keys);
        for (size_t i = 0; i < n_keys && r >= 0; i++)
                if (!remembered(&g->collections, keys[i]))
                        r = store_remove(g->store, STORE_COLLECTIONS, keys[i]);
        prepare_sweep(store_path(g->store));
        return r < 0 ? r : store_remove_leftovers(g->store);
}

int collect_garbage(const char *path, Report *report, uint64_t *ret_bytes) {
        _cleanup_(store_freep) Store *store = NULL;
        Garbage g = {};
        int r;

        r = store_open(&store, report, path, STORE_EXCLUSIVE);
        if (r < 0)
                return r;
        g.store = store;
        r = mark(&g);
        if (r >= 0)
                r = sweep(&g);
        strmap_done(&g.contents);
        strmap_done(&g.collections);
        free(g.doomed);
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, path, 0,
                                   "The store can't be cleaned: %s", strerror(-r));
        *ret_bytes = g.bytes;
        return 0;
}
