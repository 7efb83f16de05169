/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is in a directory, and what a pattern means. A directory is read once, whole, and kept: a
 * loader's search asks the same one for a hundred names. The trace gets the answer that was given,
 * with its pattern, so that a name which nobody asked for changes nothing.
 */

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>

#include "fd-util.h"
#include "path-util.h"
#include "source/source-internal.h"
#include "source/trace.h"
#include "string-util.h"

void listing_free(void *p) {
        Listing *listing = p;

        strv_free(listing->names);
        free(listing);
}

/* The names that binds put into the directory `canonical`, and that it may not have itself. */
static int list_binds(const Source *source, const char *canonical, const char *pattern,
                      char ***names) {
        size_t n = streq(canonical, "/") ? 0 : strlen(canonical);

        for (size_t i = 0; i < source->n_binds; i++) {
                const char *at = source->binds[i].at;
                _cleanup_free_ char *name = NULL;
                int r;

                if (!path_below(at, canonical) || streq(at, canonical))
                        continue;
                name = strndup(at + n + 1, strcspn(at + n + 1, "/"));
                if (!name)
                        return -ENOMEM;
                if (pattern && fnmatch(pattern, name, 0) != 0)
                        continue;
                r = strv_extend_unique(names, name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

static int read_names(DIR *d, const char *pattern, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        size_t n = 0, allocated = 0;

        for (;;) {
                struct dirent *de;

                errno = 0;
                de = readdir(d);
                if (!de) {
                        if (errno != 0)
                                return -errno;
                        break;
                }
                if (streq(de->d_name, ".") || streq(de->d_name, ".."))
                        continue;
                if (pattern && fnmatch(pattern, de->d_name, 0) != 0)
                        continue;
                if (!GREEDY_REALLOC(names, allocated, n + 2))
                        return -ENOMEM;
                names[n] = strdup(de->d_name);
                if (!names[n])
                        return -ENOMEM;
                names[++n] = NULL;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

int source_list_canonical(const Source *source, const char *canonical, const char *pattern,
                          char ***ret, struct stat *ret_stat) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_(closedirp) DIR *d = NULL;
        const char *name;
        int dir_fd, r;

        source_at(source, canonical, &dir_fd, &name);
        fd = source_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
        if (fd < 0 && !(fd == -ENOENT && source_leads_to_bind(source, canonical)))
                return fd;

        if (fd >= 0) {
                if (fstat(fd, ret_stat) < 0)
                        return -errno;
                d = fdopendir(fd);
                if (!d)
                        return -errno;
                TAKE_FD(fd);
                r = read_names(d, pattern, &names);
                if (r < 0)
                        return r;
        } else
                *ret_stat = (struct stat) { .st_mode = S_IFDIR | 0755 };

        r = list_binds(source, canonical, pattern, &names);
        if (r < 0)
                return r;
        if (!names) {
                names = calloc(1, sizeof(char *));
                if (!names)
                        return -ENOMEM;
        }
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

static int get_listing(Source *source, const char *canonical, const Listing **ret) {
        Listing *listing = strmap_get(&source->listings, canonical);
        int r;

        if (!listing) {
                listing = calloc(1, sizeof(Listing));
                if (!listing)
                        return -ENOMEM;
                r = source_list_canonical(source, canonical, NULL, &listing->names, &listing->st);
                if (r >= 0)
                        r = strmap_put(&source->listings, canonical, listing);
                if (r < 0) {
                        listing_free(listing);
                        return r;
                }
        }
        *ret = listing;
        return 0;
}

/* Those of sorted names that match, each a copy; never NULL. */
static int filter_names(char *const *names, const char *pattern, char ***ret) {
        _cleanup_strv_free_ char **l = NULL;
        size_t n = 0;

        l = calloc(strv_length(names) + 1, sizeof(char *));
        if (!l)
                return -ENOMEM;
        STRV_FOREACH(name, names) {
                if (pattern && fnmatch(pattern, *name, 0) != 0)
                        continue;
                l[n] = strdup(*name);
                if (!l[n++])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

int source_list(Source *source, Trace *trace, const char *directory, const char *pattern,
                char ***ret) {
        _cleanup_free_ char *canonical = NULL;
        _cleanup_strv_free_ char **names = NULL;
        const Listing *listing;
        struct stat st;
        int r;

        r = source_resolve(source, trace, directory, &canonical, &st, NULL);
        if (r < 0)
                return r;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        r = get_listing(source, canonical, &listing);
        if (r >= 0)
                r = filter_names(listing->names, pattern, &names);
        if (r >= 0 && trace)
                r = trace_add_list(trace, canonical, &listing->st, pattern, names);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(names);
        return 0;
}

/* Matches `pattern`, relative, below the directory `base`. */
static int glob_below(Source *source, Trace *trace, const char *base, const char *pattern,
                      char ***result) {
        _cleanup_free_ char *component = NULL;
        _cleanup_strv_free_ char **names = NULL;
        const char *rest;
        int r;

        pattern += strspn(pattern, "/");
        component = strndup(pattern, strcspn(pattern, "/"));
        if (!component)
                return -ENOMEM;
        rest = pattern + strlen(component);
        rest += strspn(rest, "/");

        if (strpbrk(component, "*?[")) {
                r = source_list(source, trace, base, component, &names);
                if (r == -ENOENT || r == -ENOTDIR)
                        return 0;
        } else
                r = strv_extend(&names, component);
        if (r < 0)
                return r;

        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = path_join(base, *name);

                if (!path)
                        return -ENOMEM;
                /* A wildcard at the start of a name does not match a leading dot. */
                if (**name == '.' && *component != '.')
                        continue;
                if (*rest)
                        r = glob_below(source, trace, path, rest, result);
                else {
                        r = source_resolve_parent(source, trace, path, NULL, NULL, NULL);
                        if (r == -ENOENT || r == -ENOTDIR)
                                continue;
                        if (r >= 0)
                                r = strv_consume(result, TAKE_PTR(path));
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int source_glob(Source *source, Trace *trace, const char *pattern, char ***ret) {
        _cleanup_strv_free_ char **result = NULL;
        int r;

        if (*pattern != '/')
                return -EINVAL;
        r = glob_below(source, trace, "/", pattern, &result);
        if (r < 0)
                return r;
        if (!result) {
                result = calloc(1, sizeof(char *));
                if (!result)
                        return -ENOMEM;
        }
        strv_sort(result);
        *ret = TAKE_PTR(result);
        return 0;
}
