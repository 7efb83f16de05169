/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For tests of what is collected: a small root on a merged /usr with ELF programs in it, and what
 * collects from it. */

#include "collect/collect.h"
#include "conf-tree.h"
#include "elf-builder.h"
#include "pack/store.h"

#define LIB "usr/lib/x86_64-linux-gnu/"
#define LOADER_PATHS "/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/"
#define INTERPRETER "/lib64/ld-linux-x86-64.so.2"

typedef struct Place {
        ConfTree *t;
        Source *source; /* this and the collector: from place_begin() on */
        Collector *collector;
        Profile *profile;
        Facts *facts;
        Kernel kernel;
        Store *store; /* of who opens one */
        Told told;
} Place;

/* Its root is what `make_root` puts there. */
void place_new(Place **ret, void (*make_root)(ConfTree *t));
void place_free(Place *p);
/* As the next build does it, with nothing that the last one has remembered. */
void place_begin(Place *p);
/* A module of these lines of [Content]. */
Module *place_parse(Place *p, const char *content);
int place_collect(Place *p, const char *content, bool droppable, Collection **ret);

/* The root of most of these tests, and its place: a fixture of cmocka. */
void place_make_root(ConfTree *t);
int place_setup(void **state);
int place_teardown(void **state);

void put_elf(ConfTree *t, const char *path, const ElfSpec *spec);
/* The loader of that root, with the paths that it looks into. */
void put_loader(ConfTree *t, const char *paths, size_t size);
/* `extra` (may be NULL) is what a loader does not look at. */
void put_library(ConfTree *t, const char *path, const char *needed, const char *extra);
void put_program(ConfTree *t, const char *path, const char *needed, const char *extra);
void put_mode(ConfTree *t, const char *path, const char *content, mode_t mode);

/* The entries, sorted, but for the directories: "PATH", "PATH < SOURCE" where that is another,
 * "PATH = CONTENT", "PATH -> TARGET". The caller frees. */
char *manifest_listing(const Manifest *m, bool directories);
/* What holds for every manifest: each entry's directory is an entry and a directory; a file's size
 * and hash are those of the root's. */
void place_check(Place *p, const Manifest *m);
/* Of a file that has its content itself; static. NULL: there is none. */
const char *content_of(const Collection *c, const char *path);
