/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A root with a kernel "6.1-test" in /usr/lib/modules, below a temporary directory, for tests.
 * Drivers are real if empty ELF files, and depmod(8) makes their indexes. They have no symbols, so
 * what depends on what is written into modules.dep afterwards. All of it asserts.
 */

#include "collect/driver.h"
#include "source/trace.h"

#define KERNEL_VERSION "6.1-test"
#define KERNEL_DIRECTORY "/usr/lib/modules/" KERNEL_VERSION

typedef struct KernelTree {
        char root[64];
        char *dependencies; /* lines to put into modules.dep: "FILE: FILE…" */

        /* Made by kernel_tree_open(). */
        Source *source;
        Report report;
        char *warnings; /* a line each */
        Kernel kernel;
        Facts facts;
        Profile profile;
        Drivers *drivers;
        Trace *trace;
        Manifest *manifest;
        char **selected, **load;
} KernelTree;

void kernel_tree_new(KernelTree *t);
void kernel_tree_done(KernelTree *t);

/* A file below the root; directories are made. */
void kernel_tree_write(KernelTree *t, const char *path, const void *data, size_t size);
void kernel_tree_text(KernelTree *t, const char *path, const char *text);
void kernel_tree_link(KernelTree *t, const char *path, const char *target);
void kernel_tree_remove(KernelTree *t, const char *path);

/* A driver at `path` below the kernel's directory, without suffix. `modinfo`: lines "KEY=VALUE".
 * `needs`: paths of drivers, or NULL. */
void kernel_tree_driver(KernelTree *t, const char *path, const char *modinfo, const char *needs);
/* Compresses what is at `path`, puts `suffix` behind its name, also in modules.dep. */
void kernel_tree_compress(KernelTree *t, const char *path, const char *suffix);

void kernel_tree_depmod(KernelTree *t);

/* Opens source and drivers; the report may have a failure then. */
int kernel_tree_open(KernelTree *t);
/* Closes them, so that the tree can be changed and opened again. */
void kernel_tree_close(KernelTree *t);

/* One rule, "test.module:1"; `value` has alternatives as module files have them. A leading "-" makes
 * it optional. */
int kernel_tree_collect(KernelTree *t, DriverRuleType type, const char *value);
/* The names of what was selected so far, sorted, with spaces between; then forgets them. */
const char *kernel_tree_selected(KernelTree *t);
