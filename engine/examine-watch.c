/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where a change may matter: the directories that hold what was looked at, found or not, since a
 * watcher is told of names that appear and go in a directory. What lies deep below a kernel is left
 * out: there a new kernel alone would cause thousands of events, and depmod's indexes, at the top of
 * it, change whenever something there matters.
 */

#include "examine-internal.h"
#include "path-util.h"
#include "string-util.h"

static const char *const kernel_parents[] = { "/usr/lib/modules", "/lib/modules" };

char *examined_path(const Build *b, const char *path) {
        const char *rest = b->data_dir ? startswith(path, "/usr/lib/initrdd") : NULL;

        if (rest && (*rest == '\0' || *rest == '/'))
                return path_join(b->data_dir, rest);
        return path_join(source_root(b->source), path);
}

static bool is_deep(const char *path) {
        for (size_t i = 0; i < ELEMENTSOF(kernel_parents); i++) {
                const char *rest = startswith(path, kernel_parents[i]);

                /* "/VERSION/…" */
                if (rest && *rest == '/' && strchr(rest + 1, '/'))
                        return true;
        }
        return false;
}

int watches_add(Strmap *watches, const Build *b, const char *canonical) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (is_deep(canonical))
                return 0;
        path = examined_path(b, canonical);
        if (!path)
                return -ENOMEM;
        path_simplify(path);
        r = strmap_put(watches, path, NULL);
        return r == -EEXIST ? 0 : r;
}

/* In /run files come and go all the time: there one waits for those that were missing, by name. */
static int add_run(Strmap *watches, const Build *b, const Trace *trace) {
        _cleanup_strv_free_ char **missing = NULL;
        int r;

        r = trace_missing_in(trace, "/run", &missing);
        if (r == -EEXIST)
                return watches_add(watches, b, "/run");
        STRV_FOREACH(path, missing) {
                if (r >= 0)
                        r = watches_add(watches, b, *path);
        }
        return r;
}

int watches_add_trace(Strmap *watches, const Build *b, const Trace *trace) {
        _cleanup_strv_free_ char **directories = NULL;
        int r;

        r = trace_directories(trace, &directories);
        STRV_FOREACH(directory, directories) {
                r = streq(*directory, "/run") ? add_run(watches, b, trace)
                                              : watches_add(watches, b, *directory);
                if (r < 0)
                        break;
        }
        return r;
}

/* Kernels, and what is on the way to become one. */
static int add_kernels(Strmap *watches, const Build *b) {
        for (size_t i = 0; i < ELEMENTSOF(kernel_parents); i++) {
                _cleanup_strv_free_ char **names = NULL;
                _cleanup_free_ char *parent = NULL;
                int r;

                r = source_resolve(b->source, NULL, kernel_parents[i], &parent, NULL, NULL);
                if (r >= 0)
                        r = source_list(b->source, NULL, parent, NULL, &names);
                if (r == -ENOMEM)
                        return r;
                if (r < 0) /* it may come */
                        r = watches_add(watches, b, kernel_parents[i]);
                else
                        r = watches_add(watches, b, parent);
                STRV_FOREACH(name, names) {
                        _cleanup_free_ char *directory = path_join(parent, *name);
                        struct stat st;

                        if (r < 0)
                                break;
                        if (!directory)
                                return -ENOMEM;
                        if (source_resolve_parent(b->source, NULL, directory, NULL, &st, NULL) >=
                                            0 &&
                            S_ISDIR(st.st_mode))
                                r = watches_add(watches, b, directory);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What facts are made of, which have no trace. */
static int add_facts(Strmap *watches, const Build *b) {
        static const char *const directories[] = { "/etc", "/etc/default", "/etc/console-setup",
                                                   "/etc/initramfs-tools/conf.d" };

        for (size_t i = 0; i < ELEMENTSOF(directories) && source_is_host(b->source); i++) {
                int r = source_exists(b->source, NULL, directories[i]);

                if (r > 0)
                        r = watches_add(watches, b, directories[i]);
                if (r == -ENOMEM)
                        return r;
        }
        return 0;
}

int watches_add_all(Strmap *watches, const Build *b) {
        int r;

        r = add_kernels(watches, b);
        if (r >= 0)
                r = add_facts(watches, b);
        if (r >= 0)
                r = watches_add_trace(watches, b, b->trace);
        return r;
}
