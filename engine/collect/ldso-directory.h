/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is known of the directories that libraries are looked for in. Each is read once; whoever is
 * answered gets into its trace what the answer rests on. Private to ldso.c.
 */

#include "source/source.h"
#include "strmap.h"

typedef struct LdsoDirectory {
        char *canonical; /* NULL: there is none */
        char **names; /* sorted: those that match "*.so*" */
        size_t n_names;
        char **variants; /* what is in glibc-hwcaps/, as canonical directories */
        Trace *trace; /* how one gets there, and to what is in glibc-hwcaps/ */
        Trace *listing; /* `names`; NULL when there are many */
} LdsoDirectory;

typedef struct LdsoDirectories {
        Source *source;
        Strmap by_path; /* path as asked for → LdsoDirectory */
} LdsoDirectories;

void ldso_directories_init(LdsoDirectories *directories, Source *source);
void ldso_directories_done(LdsoDirectories *directories);

/* Never NULL on success; borrowed. Traces how one gets there, or what is missing of the way. */
int ldso_directories_get(LdsoDirectories *directories, Trace *trace, const char *path,
                         const LdsoDirectory **ret);

/* Whether there may be something called `name`: 1, or 0, which is traced. */
int ldso_directory_has(const LdsoDirectory *directory, Trace *trace, const char *name);

/* Adds the names that match `pattern` to `names`, each once. */
int ldso_directory_match(const LdsoDirectory *directory, Source *source, Trace *trace,
                         const char *pattern, char ***names);
