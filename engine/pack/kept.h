/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Collections that are kept from one build to the next, for as long as their traces hold. */

#include "collect/collect.h"
#include "pack/store.h"

typedef int (*collect_t)(void *userdata, Collection **ret);

/* The collection of that key: from the store if its trace holds, else made by `collect` and kept.
 * A store that can't keep it is no failure. */
int kept_collection(Store *store, Source *source, Collector *collector, XXH128_hash_t key,
                    collect_t collect, void *userdata, Collection **ret);
