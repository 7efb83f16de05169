/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where the root's own dynamic loader would find a library: DT_RPATH, DT_RUNPATH, the directories
 * of /etc/ld.so.conf with what it includes, the directories that are built into the loader, and in
 * each of these glibc-hwcaps/ subdirectories and then the plain one. Source: ld.so(8), ldconfig(8),
 * glibc's elf/dl-load.c and dl-hwcaps. LD_LIBRARY_PATH plays no part in an initramfs, and neither
 * does ld.so.cache: an image has none, so a library that only the cache would find must be linked
 * from a directory that is built in; ldso_find() says which are not.
 *
 * Both glibc (also with Debian's multiarch directories) and musl (/etc/ld-musl-ARCH.path).
 */

#include "collect/elf.h"
#include "source/source.h"

typedef struct Ldso Ldso;

/* Reads nothing yet: everything that is looked at, once, is traced in the trace of each call whose
 * answer rests on it. What changes in the tree while the object lives is not noticed. `source` is
 * borrowed. */
int ldso_new(Ldso **ret, Source *source);
Ldso *ldso_free(Ldso *ldso);
DEFINE_CLEANUP_FUNC(Ldso *, ldso_free);

typedef struct LdsoFound {
        char *path; /* as the loader would open it, not canonical */
        char *builtin; /* a directory that needs no cache and has the same ABI, when `path` is found
                        * only through ld.so.conf, where a link must be put; canonical, but need
                        * not exist (glibc-hwcaps/… for a variant); else NULL */
} LdsoFound;
void ldso_found_done(LdsoFound *found);

/*
 * All files that `soname` (with a slash: a path, in which $ORIGIN, $LIB and $PLATFORM are filled in;
 * else a name; either may be a glob where `glob`) stands for when `from` (the ELF at `from_path`,
 * canonical; NULL: any ELF of this root's own architecture) loads it: every variant in
 * glibc-hwcaps that a CPU could choose, then the plain one. Only files of the same class and machine
 * count. What a library needs and no directory has is also looked for beside it, since the program
 * may have a DT_RUNPATH that the library hasn't. An empty array is not an error. The caller frees
 * the array, and each with ldso_found_done().
 */
int ldso_find(Ldso *ldso, Trace *trace, const char *soname, bool glob, const Elf *from,
              const char *from_path, LdsoFound **ret, size_t *ret_n);

/* What the table of composed names adds for the library or program at `path` (canonical): things
 * that it loads by names which no note and no header tell (TCTI modules, OpenSSL providers,
 * cryptsetup's token plugins, libgcc_s for pthread_cancel…). Entries are sonames or paths with $ORIGIN
 * or globs in them, all optional: each to be given to ldso_find() with `glob` and the same `from`
 * and `from_path`. Borrowed, static. NULL: nothing. */
const char *const *ldso_composed_names(const char *path);
