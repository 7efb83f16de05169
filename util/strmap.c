/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Open addressing with linear probing over indexes into a dense array of entries. There is no
 * removal but of the latest: without it no tombstones are needed.
 */

#include <xxhash.h>

#include "strmap.h"

void strmap_done(Strmap *map) {
        STRMAP_FOREACH(e, map) {
                free(e->key);
                if (map->free_value && e->value)
                        map->free_value(e->value);
        }
        free(map->entries);
        free(map->slots);
        *map = STRMAP_INIT(map->free_value);
}

/* The slot where `key` is or would go. */
static size_t find(const Strmap *map, const char *key, uint64_t hash) {
        size_t i = hash & (map->n_slots - 1);

        for (; map->slots[i]; i = (i + 1) & (map->n_slots - 1)) {
                const StrmapEntry *e = &map->entries[map->slots[i] - 1];

                if (e->hash == hash && streq(e->key, key))
                        break;
        }
        return i;
}

static StrmapEntry *lookup(const Strmap *map, const char *key) {
        size_t i;

        if (map->n == 0)
                return NULL;
        i = find(map, key, XXH3_64bits(key, strlen(key)));
        return map->slots[i] ? &map->entries[map->slots[i] - 1] : NULL;
}

void *strmap_get(const Strmap *map, const char *key) {
        StrmapEntry *e = lookup(map, key);

        return e ? e->value : NULL;
}

bool strmap_contains(const Strmap *map, const char *key) {
        return lookup(map, key);
}

/* Enters everything there is into `n` empty slots. */
static void fill_slots(const Strmap *map, uint32_t *slots, size_t n) {
        for (size_t k = 0; k < map->n; k++) {
                size_t i = map->entries[k].hash & (n - 1);

                while (slots[i])
                        i = (i + 1) & (n - 1);
                slots[i] = (uint32_t) k + 1;
        }
}

static int grow(Strmap *map) {
        size_t n = map->n_slots ? map->n_slots * 2 : 16;
        uint32_t *slots = calloc(n, sizeof(uint32_t));

        if (!slots)
                return -ENOMEM;
        fill_slots(map, slots, n);
        free(map->slots);
        map->slots = slots;
        map->n_slots = n;
        return 0;
}

int strmap_put(Strmap *map, const char *key, void *value) {
        uint64_t hash = XXH3_64bits(key, strlen(key));
        char *copy;
        size_t i;
        int r;

        if (map->n_slots < 2 * (map->n + 1)) {
                r = grow(map);
                if (r < 0)
                        return r;
        }
        i = find(map, key, hash);
        if (map->slots[i])
                return -EEXIST;

        if (map->n >= UINT32_MAX - 1 || !GREEDY_REALLOC(map->entries, map->allocated, map->n + 1))
                return -ENOMEM;
        copy = strdup(key);
        if (!copy)
                return -ENOMEM;
        map->entries[map->n++] = (StrmapEntry) { .key = copy, .value = value, .hash = hash };
        map->slots[i] = (uint32_t) map->n;
        return 0;
}

int strmap_replace(Strmap *map, const char *key, void *value) {
        StrmapEntry *e = lookup(map, key);

        if (!e)
                return strmap_put(map, key, value);
        if (map->free_value && e->value && e->value != value)
                map->free_value(e->value);
        e->value = value;
        return 0;
}

void strmap_truncate(Strmap *map, size_t n) {
        if (n >= map->n)
                return;
        for (StrmapEntry *e = map->entries + n; e < map->entries + map->n; e++) {
                free(e->key);
                if (map->free_value && e->value)
                        map->free_value(e->value);
        }
        map->n = n;
        memset(map->slots, 0, map->n_slots * sizeof(uint32_t));
        fill_slots(map, map->slots, map->n_slots);
}
