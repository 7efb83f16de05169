/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What build-collect.c and build-modules.c share: a part of an image while it is collected. Failures
 * are reported. */

#include "build-internal.h"
#include "pack/kept.h"

/* What a thread that collects has for itself. */
typedef struct Side {
        Source *source;
        Collector *collector;
        Report *report;
} Side;

/* That of the thread that builds. */
static inline Side build_side(const Build *b) {
        return (Side) { b->source, b->collector, b->report };
}

/* A module, or one of the things that belong to the image as a whole, while it is collected. */
typedef struct Part {
        Build *build;
        Collector *collector; /* of a module */
        const Module *module;
        bool droppable;
        char **names; /* users, drivers */
        char **groups;
        char **load;
} Part;

/* What the modules of an image add up to. */
typedef struct Sum {
        char **users, **groups, **drivers, **load;
} Sum;

/* What the choice of drivers depends on: of the profile, the facts and the kernel. */
void build_hash_kernel(XXH3_state_t *state, const Build *b);
/* Where something was asked for: the reasons in a manifest say so. */
void build_hash_place(XXH3_state_t *state, const char *path, unsigned line);
/* One part: from the store, or collected with `part`; remembered in the build, and borrowed from
 * there. Takes the state, which may be NULL without memory. */
int build_add_collection(Build *b, XXH3_state_t *state, collect_t collect, Part *part,
                         Collection **ret);

/* The two halves of it: the first changes nothing but what is behind `side`; the caller frees. The second
 * takes the collection in any case. */
int build_find_collection(const Build *b, const Side *side, XXH128_hash_t key, collect_t collect,
                          Part *part, Collection **ret);
int build_keep_collection(Build *b, XXH128_hash_t key, Collection *c);

/* build-modules.c: what kernels share of a module, and its key, as build_find_collection(); NULL of one that
 * has nothing. */
int build_find_shared(Build *b, const Side *side, const PlanItem *item, XXH128_hash_t *ret_key,
                      Collection **ret);

/* The plan's modules, and Drivers= and ForceDrivers= of the profile, as fragments. */
int build_add_modules(Build *b, Sum *sum);
