/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "pack/kept.h"

static void keep(Store *store, XXH128_hash_t key, const Collection *collection) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        if (collection_serialize(collection, &data, &size) >= 0)
                (void) store_put(store, STORE_COLLECTIONS, key, data, size);
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
        if (r >= 0 && trace_check(old->trace, source, NULL, &refreshed) > 0) {
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
