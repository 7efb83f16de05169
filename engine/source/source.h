/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one door to the files that an image is made of.
 *
 * A Source shows one root directory as a tree of absolute paths. Symbolic links, absolute ones
 * too, and ".." are resolved beneath that root: nothing outside it can be reached, whatever the
 * tree says. Other directories can be bound onto paths of the tree: the kernel of --kernel-dir
 * appears at /usr/lib/modules/VERSION, this program's own data at /usr/lib/initrdd. As with a bind
 * mount, what lies behind it is part of the tree: an absolute link there leads to the tree's root.
 *
 * Each call takes the Trace in which it writes down what it looked at, or NULL. All paths are
 * absolute. A "canonical" path has no symbolic link, no "." and no ".." in any component.
 *
 * A Source is not thread-safe, except for source_open_canonical().
 */

#include <sys/stat.h>

#include "macro.h"

typedef struct Source Source;
typedef struct Trace Trace;

/* Opens the directory `root`; "/" is the running system. -ENOENT, -ENOTDIR, -EACCES… */
int source_new(Source **ret, const char *root);
Source *source_free(Source *source);
DEFINE_CLEANUP_FUNC(Source *, source_free);

/* Another one of the same tree, with what is bound onto it so far, for another thread. It remembers if this
 * one does, beginning with nothing. */
int source_copy(Source **ret, const Source *source);

/* Shows `directory`, a path of the running system, at the absolute path `at`. `at` is resolved
 * in the tree as far as it exists; missing parents are invented. Later binds win. */
int source_bind(Source *source, const char *at, const char *directory);

/* Whether this is the running system's own root, where /sys, /proc and /dev may be believed. */
bool source_is_host(const Source *source) _pure_;
/* The path that source_new() was given, resolved. */
const char *source_root(const Source *source) _pure_;

/* Whether everything is of one moment: what a path was when it was first asked for, by a check of a trace or
 * on the way to a file, it stays, until this is called again. A thousand files are in the traces of a build
 * three times over, and libc is found by every program. Off at first. What is opened or listed is
 * what is there then. */
void source_remember(Source *source, bool on);

/* A symbolic link that was followed on the way to a file. */
typedef struct SourceLink {
        char *path; /* canonical, of the link itself */
        char *target; /* as readlink() has it */
} SourceLink;

typedef struct SourceLinks {
        SourceLink *links;
        size_t n, allocated;
} SourceLinks;
void source_links_done(SourceLinks *links);

/*
 * Follows `path` to what it names. Fills in the canonical path (the caller frees) and, where
 * wanted, its stat and the links that were followed, outermost first; `ret_links` is appended to.
 * -ENOENT also for a dangling link, -ELOOP for a circle, -EACCES, -ENOTDIR.
 * Any of the ret_ may be NULL.
 */
int source_resolve(Source *source, Trace *trace, const char *path, char **ret_canonical,
                   struct stat *ret_stat, SourceLinks *ret_links);

/* As source_resolve(), but a link in the last component is not followed. */
int source_resolve_parent(Source *source, Trace *trace, const char *path, char **ret_canonical,
                          struct stat *ret_stat, SourceLinks *ret_links);

/* Opens a regular file for reading. -EISDIR, -ENXIO when it is neither file nor directory. */
int source_open(Source *source, Trace *trace, const char *path, struct stat *ret_stat);

/* As source_open() of a path that source_resolve() gave; traces nothing; may be called from any
 * thread while no other call changes the Source. */
int source_open_canonical(Source *source, const char *canonical);

/* The whole file, NUL behind it. 64 MiB at most, else -EFBIG. The caller frees. */
int source_read(Source *source, Trace *trace, const char *path, char **ret, size_t *ret_size);

/* The target of a link, not followed. -EINVAL when it is none. The caller frees. */
int source_readlink(Source *source, Trace *trace, const char *path, char **ret);

/* Whether `path` exists, links followed: 1 or 0, or an error other than not found. */
int source_exists(Source *source, Trace *trace, const char *path);

/* The names in a directory that match the fnmatch(3) `pattern` (NULL: all), sorted, without "."
 * and ".."; a missing directory is -ENOENT. The caller frees the strv. */
int source_list(Source *source, Trace *trace, const char *directory, const char *pattern,
                char ***ret);

/* The paths that match a pattern with wildcards in any component, sorted; what a wildcard met
 * decides the path, links are not made canonical. An empty strv when nothing matches. */
int source_glob(Source *source, Trace *trace, const char *pattern, char ***ret);

/* A path for programs and libraries that open files by name themselves (libkmod): valid while the
 * Source lives, "/proc/self/fd/N". Traces nothing. The caller frees. */
int source_directory_path(Source *source, const char *directory, char **ret);
