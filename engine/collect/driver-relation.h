/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What goes with a driver beyond what its symbols need: soft and weak dependencies, and what the
 * root's modprobe.d(5) says of it. Names and aliases are as they stand; "-" is "_" in driver names.
 */

#include "describe/kernel.h"
#include "source/source.h"
#include "strmap.h"

typedef struct DriverRelation {
        char **soft; /* pre and post: names or aliases */
        char **weak;
        bool blacklisted; /* udev doesn't load it for a modalias */
} DriverRelation;

typedef struct DriverAlias {
        char *pattern, *target;
} DriverAlias;

typedef struct DriverRelations {
        Strmap by_name; /* driver → DriverRelation */
        DriverAlias *aliases; /* of modprobe.d, in their order */
        size_t n_aliases, allocated_aliases;
        bool soft_indexed, weak_indexed; /* the kernel has modules.softdep, modules.weakdep */
} DriverRelations;

#define DRIVER_RELATIONS_INIT ((DriverRelations) { .by_name = STRMAP_INIT(driver_relation_free) })

void driver_relation_free(void *relation);
void driver_relations_done(DriverRelations *relations);

/* Reads modules.softdep and modules.weakdep of the kernel, and modprobe.d of the root. */
int driver_relations_read(DriverRelations *relations, Source *source, Trace *trace,
                          const Kernel *kernel);

/* Adds what a "softdep" or "weakdep" line says behind the driver's name. Also what .modinfo has. */
int driver_relations_add(DriverRelations *relations, const char *name, const char *value,
                         bool weak);
/* Parses lines as modprobe.d(5) has them; what is of no interest here is passed over. */
int driver_relations_parse(DriverRelations *relations, const char *text);

/* NULL: there is nothing to say. */
const DriverRelation *driver_relations_get(const DriverRelations *relations, const char *name);
