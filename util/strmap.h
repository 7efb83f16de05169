/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A hash map from strings to pointers. Iterates in the order of insertion, so that what is built
 * from it comes out the same every time.
 */

#include "macro.h"

typedef struct StrmapEntry {
        char *key;
        void *value;
        uint64_t hash;
} StrmapEntry;

typedef struct Strmap {
        StrmapEntry *entries; /* in the order of insertion */
        size_t n, allocated;
        uint32_t *slots; /* index into entries + 1, 0: free; a power of two of them */
        size_t n_slots;
        void (*free_value)(void *value); /* NULL: values are borrowed */
} Strmap;

/* `free_value` is called for each value that the map still owns when it goes, or NULL. */
#define STRMAP_INIT(f) ((Strmap) { .free_value = (f) })

/* Frees keys and, with `free_value`, values; the map is empty and usable then. */
void strmap_done(Strmap *map);
/* The value, or NULL; use strmap_contains() where NULL may be a value. */
void *strmap_get(const Strmap *map, const char *key);
bool strmap_contains(const Strmap *map, const char *key);
/* 0 when added, -EEXIST when the key was there (nothing changes), -ENOMEM. The key is copied;
 * the value is owned by the map from a 0 on. */
int strmap_put(Strmap *map, const char *key, void *value);
/* As strmap_put(), but an existing value is freed and replaced. */
int strmap_replace(Strmap *map, const char *key, void *value);
/* Forgets all but the first `n` that were put. */
void strmap_truncate(Strmap *map, size_t n);

#define STRMAP_FOREACH(e, map)                                                                    \
        for (StrmapEntry *e = (map)->entries; e && e < (map)->entries + (map)->n; e++)

#define _cleanup_strmap_ _cleanup_(strmap_done)
