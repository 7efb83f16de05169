/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A library is looked for in four or five directories before it is found, and an image has some
 * hundred libraries. Asking the file system each time would cost thousands of calls, and a trace
 * that notes each miss thousands of entries. So a directory is listed once, and:
 *
 * - that a directory, or its glibc-hwcaps/, is not there is one entry, whatever was looked for;
 * - that a name is not in a small directory (/usr/local/lib, those of a DT_RUNPATH) is the entry
 *   "of the names in it, those that match *.so* are these": one entry for all names, which
 *   changes when a library comes or goes;
 * - that a name is not in a big one (/usr/lib/x86_64-linux-gnu) is an entry for this name: libraries
 *   come and go there every day, and that must not touch what has nothing to do with them.
 */

#include <fnmatch.h>

#include "collect/ldso-directory.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

#define LIBRARY_PATTERN "*.so*"
#define SMALL_MAX 32
#define HWCAPS "glibc-hwcaps"

static void directory_free(void *p) {
        LdsoDirectory *d = p;

        free(d->canonical);
        strv_free(d->names);
        strv_free(d->variants);
        trace_free(d->trace);
        trace_free(d->listing);
        free(d);
}

static void directory_freep(LdsoDirectory **d) {
        if (*d)
                directory_free(*d);
}

void ldso_directories_init(LdsoDirectories *directories, Source *source) {
        *directories = (LdsoDirectories) {
                .source = source,
                .by_path = STRMAP_INIT(directory_free),
        };
}

void ldso_directories_done(LdsoDirectories *directories) {
        strmap_done(&directories->by_path);
}

/* A way that ends at something else than a directory is no way, for the loader as for us. */
static bool is_absent(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -ENAMETOOLONG;
}

/* Each directory in glibc-hwcaps/ is one: which of them a loader considers depends on its version
 * and on the CPU, and the image may be for another. */
static int read_variants(LdsoDirectory *d, Source *source) {
        _cleanup_free_ char *path = NULL;
        _cleanup_strv_free_ char **names = NULL;
        int r;

        path = path_join(d->canonical, HWCAPS);
        if (!path)
                return -ENOMEM;
        r = source_list(source, d->trace, path, NULL, &names);
        if (is_absent(r))
                return 0;
        if (r < 0)
                return r;
        STRV_FOREACH(name, names) {
                r = strv_consume(&d->variants, path_join(path, *name));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int directory_new(LdsoDirectory **ret, Source *source, const char *path) {
        _cleanup_(directory_freep) LdsoDirectory *d = NULL;
        int r;

        d = calloc(1, sizeof(LdsoDirectory));
        if (!d)
                return -ENOMEM;
        r = trace_new(&d->trace);
        if (r >= 0)
                r = trace_new(&d->listing);
        if (r < 0)
                return r;

        r = source_resolve(source, d->trace, path, &d->canonical, NULL, NULL);
        if (r >= 0)
                r = source_list(source, d->listing, d->canonical, LIBRARY_PATTERN, &d->names);
        if (is_absent(r)) {
                free(TAKE_PTR(d->canonical));
                *ret = TAKE_PTR(d);
                return 0;
        }
        if (r < 0)
                return r;
        d->n_names = strv_length(d->names);
        if (d->n_names > SMALL_MAX)
                d->listing = trace_free(d->listing);
        if (!strstr(path, "/" HWCAPS "/")) { /* there are none within one */
                r = read_variants(d, source);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(d);
        return 0;
}

int ldso_directories_get(LdsoDirectories *directories, Trace *trace, const char *path,
                         const LdsoDirectory **ret) {
        LdsoDirectory *d = strmap_get(&directories->by_path, path);
        int r;

        if (!d) {
                _cleanup_(directory_freep) LdsoDirectory *new = NULL;

                r = directory_new(&new, directories->source, path);
                if (r >= 0)
                        r = strmap_put(&directories->by_path, path, new);
                if (r < 0)
                        return r;
                d = TAKE_PTR(new);
        }
        r = trace_merge(trace, d->trace);
        if (r < 0)
                return r;
        *ret = d;
        return 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int ldso_directory_has(const LdsoDirectory *directory, Trace *trace, const char *name) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (!directory->canonical)
                return 0;
        if (fnmatch(LIBRARY_PATTERN, name, 0) != 0)
                return 1; /* not in the list in any case: whoever resolves it will know */
        if (bsearch(&name, directory->names, directory->n_names, sizeof(char *), compare))
                return 1;
        if (directory->listing)
                return trace_merge(trace, directory->listing);
        path = path_join(directory->canonical, name);
        if (!path)
                return -ENOMEM;
        r = trace_add_missing(trace, path);
        return r < 0 ? r : 0;
}

int ldso_directory_match(const LdsoDirectory *directory, Source *source, Trace *trace,
                         const char *pattern, char ***names) {
        _cleanup_strv_free_ char **matching = NULL;
        int r;

        if (!directory->canonical)
                return 0;
        r = source_list(source, trace, directory->canonical, pattern, &matching);
        if (r < 0)
                return is_absent(r) ? 0 : r;
        STRV_FOREACH(name, matching) {
                r = strv_extend_unique(names, *name);
                if (r < 0)
                        return r;
        }
        return 0;
}
