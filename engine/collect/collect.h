/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* From the lines of a module to its files, with everything that these need, and why. */

#include "collect/collection.h"
#include "collect/driver.h"
#include "describe/module.h"
#include "report.h"
#include "source/source.h"

typedef struct Collector Collector;

/* `kernel` may be NULL when only what kernels share is collected. All are borrowed. */
int collector_new(Collector **ret, Source *source, Report *report, const Kernel *kernel,
                  const Profile *profile, const Facts *facts);
Collector *collector_free(Collector *collector);
DEFINE_CLEANUP_FUNC(Collector *, collector_free);

/* The trace of an earlier time (borrowed): files that are as they were then are not read again to
 * know their hash. NULL: none. */
void collector_set_known(Collector *collector, Trace *known);

/* What trace_check_needs() asks of a file. */
struct stat;
int collector_needs(Collector *collector, const char *canonical, struct stat *ret_stat,
                    XXH128_hash_t *ret_hash, uint64_t *ret_needs);

/* The kernel's drivers; opened when they are first needed. */
int collector_drivers(Collector *collector, Drivers **ret);

/*
 * What the module brings for any kernel, and for this one. When something mandatory is missing, a
 * `droppable` module gives a Collection with `missing` set, any other a failure (Incomplete).
 */
int collect_shared(Collector *collector, const Module *module, bool droppable, Collection **ret);
int collect_kernel(Collector *collector, const Module *module, bool droppable, Collection **ret);

/* The admin's own files of Include= in the profile. A missing one is a failure. */
int collect_includes(Collector *collector, const Profile *profile, Collection **ret);

/* Whether a module has anything for the one or the other. */
bool module_has_shared(const Module *module);
bool module_has_kernel(const Module *module);
