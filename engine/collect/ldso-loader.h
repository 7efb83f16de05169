/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One dynamic loader of a root: where it is, and in which directories it looks. Private to ldso.c.
 */

#include "collect/elf.h"
#include "source/source.h"

/* What tells files that can be loaded into one process from others. */
typedef struct LdsoKind {
        unsigned class, machine;
        bool little_endian;
} LdsoKind;

typedef struct LdsoLoader {
        char *path; /* as programs name it; NULL when the root has none for this kind */
        bool musl;
        char **builtins; /* directories that it knows without any file telling */
        char **configured; /* those of ld.so.conf, or of musl's path file, in their order */
        char *lib; /* what $LIB stands for */
        const char *platform; /* what $PLATFORM stands for; static */
        Trace *trace; /* what all this was found out from */
} LdsoLoader;

/* The loader for files of `kind`: `interpreter` (NULL: not known), or what the root has. With
 * `musl`, musl's is preferred. A root without one gives what one would likely be. */
int ldso_loader_new(LdsoLoader **ret, Source *source, const LdsoKind *kind,
                    const char *interpreter, bool musl);
LdsoLoader *ldso_loader_free(LdsoLoader *loader);
DEFINE_CLEANUP_FUNC(LdsoLoader *, ldso_loader_free);

/* What the root's own programs are: true, or false when nothing tells. Traces nothing: a root does
 * not change its architecture without changing its loader, and that is traced. */
bool ldso_native_kind(Source *source, LdsoKind *ret);

/* The kind of the file that `canonical` names: 1, 0 for what is no ELF; -EACCES. */
int ldso_kind_of(Source *source, const char *canonical, LdsoKind *ret);

/* The directories that are built into the loader with these bytes; an empty strv when there is
 * nothing that looks like them. */
int ldso_builtin_directories(const char *data, size_t size, char ***ret);
