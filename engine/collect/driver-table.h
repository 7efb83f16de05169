/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The drivers that a kernel has, as files and built in, and what names, globs and aliases mean
 * among them. What is here was read from the kernel's indexes; no driver is opened.
 */

#include "collect/driver-relation.h"
#include "describe/kernel.h"
#include "report.h"
#include "source/source.h"
#include "strmap.h"

typedef struct KernelFile KernelFile;

typedef struct Driver {
        const char *name; /* as in /proc/modules */
        const char *file; /* below the kernel's directory, or absolute, as modules.dep has it */
        const char *path; /* the same without a compression suffix */
        const char *depends; /* files of the drivers it needs, directly or not; white space between */
        uint32_t order; /* which line of modules.dep it is: modprobe's preference */

        /* The collector's own. */
        char *entry_path; /* in the image, or NULL: not asked for yet */
        KernelFile *content;
        unsigned generation;
        int8_t omitted; /* -1: not known yet */
        bool present; /* this machine's hardware asks for it */
        bool warned;
} Driver;

typedef struct Builtin {
        const char *name;
        char *path; /* as modules.builtin has it */
        char **firmware; /* of modules.builtin.modinfo */
} Builtin;

typedef struct DriverTable DriverTable;

/* What something means: drivers, each once, in no special order, and names of built-in ones. All
 * borrowed from the table. */
typedef struct DriverList {
        Driver **drivers;
        size_t n, allocated;
        const Builtin **builtins;
        size_t n_builtins, allocated_builtins;
} DriverList;
void driver_list_done(DriverList *list);

/* FAILURE_KERNEL_INCOMPLETE when an index is missing or makes no sense. */
int driver_table_new(DriverTable **ret, Source *source, Trace *trace, Report *report,
                     const Kernel *kernel);
DriverTable *driver_table_free(DriverTable *table);
DEFINE_CLEANUP_FUNC(DriverTable *, driver_table_free);

DriverRelations *driver_table_relations(DriverTable *table);

/* By a name, "-" and "_" alike. NULL when there is none. */
Driver *driver_table_find(const DriverTable *table, const char *name);
/* The next file of a Driver.depends at `*p`, which goes on behind it; its driver, or NULL at the
 * end. A file that is no driver of this kernel is passed over. */
Driver *driver_table_next_dependency(const DriverTable *table, const char **p);

/* Each adds to the list: 0, or -ENOMEM. Nothing found is no error. */
int driver_table_match_name(const DriverTable *table, const char *pattern, DriverList *list);
int driver_table_match_path(const DriverTable *table, const char *pattern, DriverList *list);
/* A name or, when it is none, an alias. */
int driver_table_lookup(const DriverTable *table, const char *alias, DriverList *list);
