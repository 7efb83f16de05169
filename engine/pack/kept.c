/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Most changes are a program or a library of an upgrade, which needs what it needed before. Then what
 * its module brings is the same but for the content of that file, and finding out all of that again
 * would cost more than packing it: the file's entries are brought up to date instead. Whatever else
 * changed is collected anew.
 */

#include <sys/stat.h>

#include "pack/kept.h"

static void keep(Store *store, XXH128_hash_t key, const Collection *collection) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        if (collection_serialize(collection, &data, &size) >= 0)
                (void) store_put(store, STORE_COLLECTIONS, key, data, size);
}

/* A collection that is being checked, and who knows what files need. */
typedef struct Checked {
        Collector *collector;
        Collection *collection;
} Checked;

/* The file's entries get the hash of its new content at once: if the trace then fails, all of the
 * collection is thrown away. */
static int get_needs(void *userdata, const char *path, struct stat *ret_stat,
                     XXH128_hash_t *ret_hash, uint64_t *ret_needs) {
        Checked *c = userdata;
        int r;

        r = collector_needs(c->collector, path, ret_stat, ret_hash, ret_needs);
        if (r <= 0)
                return r;
        STRMAP_FOREACH(item, &c->collection->manifest->entries) {
                Entry *e = item->value;

                if (e->type != ENTRY_FILE || !streq_ptr(e->source, path))
                        continue;
                if (e->decompress)
                        return 0;
                e->size = (uint64_t) ret_stat->st_size;
                e->hash = *ret_hash;
        }
        return 1;
}

int kept_collection(Store *store, Source *source, Collector *collector, XXH128_hash_t key,
                    collect_t collect, void *userdata, Collection **ret) {
        _cleanup_(collection_freep) Collection *old = NULL, *fresh = NULL;
        _cleanup_free_ char *data = NULL;
        bool refreshed = false;
        size_t size;
        int r;

        r = store_get(store, STORE_COLLECTIONS, key, &data, &size);
        if (r >= 0)
                r = collection_deserialize(data, size, &old);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                Checked checked = { collector, old };

                r = trace_check_needs(old->trace, source, get_needs, &checked, &refreshed);
        }
        if (r > 0) {
                if (refreshed)
                        keep(store, key, old);
                *ret = TAKE_PTR(old);
                return 0;
        }

        collector_set_known(collector, old ? old->trace : NULL);
        r = collect(userdata, &fresh);
        collector_set_known(collector, NULL);
        if (r < 0)
                return r;
        keep(store, key, fresh);
        *ret = TAKE_PTR(fresh);
        return 0;
}
