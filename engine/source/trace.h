/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Everything that was looked at to make something, also what was found missing. While a trace
 * holds, making it again would give the same, and nothing need be read to know that.
 */

#include <sys/stat.h>
#include <xxhash.h>

#include "macro.h"

typedef struct Source Source;
typedef struct Trace Trace;

int trace_new(Trace **ret);
Trace *trace_free(Trace *trace);
DEFINE_CLEANUP_FUNC(Trace *, trace_free);

/* What the Source writes down. Paths are canonical (of a missing one: its first missing
 * component), and are copied. The same path twice is one entry. 0 or -ENOMEM. */
int trace_add_file(Trace *trace, const char *path, const struct stat *st);
int trace_add_directory(Trace *trace, const char *path, const struct stat *st);
int trace_add_link(Trace *trace, const char *path, const char *target);
int trace_add_missing(Trace *trace, const char *path);
int trace_add_list(Trace *trace, const char *path, const struct stat *st, const char *pattern,
                   char *const *names);

/* What a reader of the content adds: the hash of the file at the canonical `path`, so that a file
 * of which only the times changed still counts as the same. */
int trace_set_hash(Trace *trace, const char *path, XXH128_hash_t hash);
/* The same from who put the file into an image as it is and made nothing else of its content than what
 * `needs` is a hash of. It stays so until somebody gives the hash of that file alone. */
int trace_set_needs(Trace *trace, const char *path, XXH128_hash_t hash, uint64_t needs);
/* True, and the hash, if it is known of the file at `path` while it was as `st` says. */
bool trace_get_hash(Trace *trace, const char *path, const struct stat *st, XXH128_hash_t *ret);

/* Adds what `other` holds. 0 or -ENOMEM. */
int trace_merge(Trace *trace, const Trace *other);

size_t trace_size(const Trace *trace) _pure_;

/*
 * Looks at every entry again. 1: everything is as it was; 0: something changed, and `ret_path`
 * (may be NULL; the caller frees) names the first; negative errno when it can't be told.
 * Entries of which only the times changed are brought up to date; `ret_refreshed` (may be NULL)
 * says whether there were any, so that the caller can write the trace anew.
 */
int trace_check(Trace *trace, Source *source, char **ret_path, bool *ret_refreshed);

typedef enum TraceChange {
        TRACE_CHANGE_OTHER, /* it is there, and another */
        TRACE_CHANGE_NEW,
        TRACE_CHANGE_GONE,
        TRACE_CHANGE_LIST, /* a directory that has other files */
} TraceChange;

/* As trace_check(), but calls back for every entry that changed. A negative return of `callback`
 * ends it. */
int trace_each_change(Trace *trace, Source *source,
                      int (*callback)(void *userdata, const char *path, TraceChange change),
                      void *userdata);
/*
 * As trace_check(), but a file of trace_set_needs() that changed is asked for what it needs now: 1, with
 * its stat while it was read and the hashes of content and needs; 0 when that can't be told; or an
 * error. If the needs are the same, and mode and owner too, the entry is brought up to date and the
 * trace holds. When it doesn't hold, some entries may have been brought up to date all the same.
 */
typedef int (*trace_needs_t)(void *userdata, const char *path, struct stat *ret_stat,
                             XXH128_hash_t *ret_hash, uint64_t *ret_needs);
int trace_check_needs(Trace *trace, Source *source, trace_needs_t get_needs, void *userdata,
                      bool *ret_refreshed);

/* The trace as bytes, to be kept in a file, and back. The bytes are for this machine only and
 * carry a checksum: -EBADMSG when they are damaged or of another version. */
int trace_serialize(const Trace *trace, char **ret, size_t *ret_size);
int trace_deserialize(const char *data, size_t size, Trace **ret);

/* The canonical paths of the directories that hold what is traced, sorted: what a watcher should
 * watch. The caller frees the strv. */
int trace_directories(const Trace *trace, char ***ret);

/* The paths in the directory `parent` that were found missing, for who needn't watch all of it.
 * -EEXIST when something else in it is traced, too. The caller frees the strv. */
int trace_missing_in(const Trace *trace, const char *parent, char ***ret);
