/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tree is walked here, component by component, and not by the kernel: only so is every link
 * on the way known, which the trace needs to notice a change and the image to have the same links.
 * What the walk learned of directories and links is kept, since a thousand files of an image lie
 * in a hundred directories.
 *
 * A path that was walked is canonical. It is opened with openat2() beneath the root's (or a
 * bind's) descriptor, links refused: a tree that changes under our hands can make that fail, but
 * never lead out of the root.
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd-util.h"
#include "parallel.h"
#include "path-util.h"
#include "source/source-internal.h"
#include "source/trace.h"
#include "string-util.h"
#include "strmap.h"

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */
#define LOOKS_PER_THREAD 256U /* fewer are not worth a thread */

Source *source_free(Source *source) {
        if (!source)
                return NULL;
        for (size_t i = 0; i < source->n_binds; i++) {
                free(source->binds[i].at);
                safe_close(source->binds[i].fd);
        }
        free(source->binds);
        strmap_done(&source->directories);
        strmap_done(&source->links);
        strmap_done(&source->listings);
        strmap_done(&source->seen);
        strmap_done(&source->seen_links);
        safe_close(source->root_fd);
        free(source->root);
        free(source);
        return NULL;
}

static Source source_empty(void) {
        return (Source) {
                .root_fd = -EBADF,
                .directories = STRMAP_INIT(free),
                .links = STRMAP_INIT(free),
                .listings = STRMAP_INIT(listing_free),
                .seen = STRMAP_INIT(free),
                .seen_links = STRMAP_INIT(free),
        };
}

int source_new(Source **ret, const char *root) {
        _cleanup_(source_freep) Source *source = NULL;
        struct stat st, host;

        source = malloc(sizeof(Source));
        if (!source)
                return -ENOMEM;
        *source = source_empty();

        source->root = realpath(root, NULL);
        if (!source->root)
                return -errno;
        source->root_fd = open(source->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (source->root_fd < 0 || fstat(source->root_fd, &st) < 0 || stat("/", &host) < 0)
                return -errno;
        source->host = st.st_dev == host.st_dev && st.st_ino == host.st_ino;

        *ret = TAKE_PTR(source);
        return 0;
}

static int copy_binds(Source *copy, const Source *source) {
        for (size_t i = 0; i < source->n_binds; i++) {
                Bind *b;

                if (!GREEDY_REALLOC(copy->binds, copy->allocated_binds, copy->n_binds + 1))
                        return -ENOMEM;
                b = &copy->binds[copy->n_binds++];
                *b = (Bind) {
                        .at = strdup(source->binds[i].at),
                        .fd = fcntl(source->binds[i].fd, F_DUPFD_CLOEXEC, 3),
                };
                if (!b->at)
                        return -ENOMEM;
                if (b->fd < 0)
                        return -errno;
        }
        return 0;
}

int source_copy(Source **ret, const Source *source) {
        _cleanup_(source_freep) Source *copy = NULL;
        int r;

        copy = malloc(sizeof(Source));
        if (!copy)
                return -ENOMEM;
        *copy = source_empty();
        copy->host = source->host;
        copy->remembers = source->remembers;
        copy->root = strdup(source->root);
        if (!copy->root)
                return -ENOMEM;
        copy->root_fd = fcntl(source->root_fd, F_DUPFD_CLOEXEC, 3);
        if (copy->root_fd < 0)
                return -errno;
        r = copy_binds(copy, source);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

void source_remember(Source *source, bool on) {
        source->remembers = on;
        strmap_done(&source->seen);
        strmap_done(&source->seen_links);
}

bool source_is_host(const Source *source) {
        return source->host;
}

const char *source_root(const Source *source) {
        return source->root;
}

void source_links_done(SourceLinks *links) {
        for (size_t i = 0; i < links->n; i++) {
                free(links->links[i].path);
                free(links->links[i].target);
        }
        free(links->links);
        *links = (SourceLinks) {};
}

void source_at(const Source *source, const char *canonical, int *ret_fd, const char **ret_name) {
        /* The latest bind wins, and within it the path is relative. */
        for (size_t i = source->n_binds; i > 0; i--) {
                const Bind *b = &source->binds[i - 1];

                if (path_below(canonical, b->at)) {
                        const char *rest = canonical + strlen(b->at);

                        *ret_fd = b->fd;
                        *ret_name = *rest == '/' ? rest + 1 : rest;
                        return;
                }
        }
        *ret_fd = source->root_fd;
        *ret_name = canonical + 1;
}

bool source_leads_to_bind(const Source *source, const char *canonical) {
        for (size_t i = 0; i < source->n_binds; i++)
                if (path_below(source->binds[i].at, canonical))
                        return true;
        return false;
}

int source_lstat(const Source *source, const char *canonical, struct stat *ret) {
        const char *name;
        int fd;

        source_at(source, canonical, &fd, &name);
        if (fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) >= 0)
                return 0;
        if (errno == ENOENT && source_leads_to_bind(source, canonical)) {
                *ret = (struct stat) { .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
                return 0;
        }
        return -errno;
}

/* What was found at a path stays with the Source. */
static int remember(Source *source, const char *canonical, int error, const struct stat *st) {
        Seen *seen = malloc(sizeof(Seen));
        int r;

        if (!seen)
                return -ENOMEM;
        *seen = (Seen) { .error = error };
        if (error >= 0)
                seen->st = *st;
        r = strmap_put(&source->seen, canonical, seen);
        if (r < 0)
                free(seen);
        return r == -EEXIST ? 0 : r;
}

int source_see(Source *source, const char *canonical, struct stat *ret) {
        Seen *seen = source->remembers ? strmap_get(&source->seen, canonical) : NULL;
        int r;

        if (seen) {
                *ret = seen->st;
                return seen->error;
        }
        r = source_lstat(source, canonical, ret);
        if (source->remembers && remember(source, canonical, r, ret) < 0)
                return -ENOMEM;
        return r;
}

typedef struct Look {
        const Source *source;
        const char *const *paths;
        Seen *found;
} Look;

static void look_at(void *userdata, size_t i) {
        const Look *look = userdata;

        look->found[i].error = source_lstat(look->source, look->paths[i], &look->found[i].st);
}

int source_see_all(Source *source, const char *const *paths, size_t n) {
        _cleanup_free_ Seen *found = NULL;
        int r = 0;

        if (!source->remembers || n < 2 * LOOKS_PER_THREAD)
                return 0;
        found = malloc(n * sizeof(Seen));
        if (!found)
                return -ENOMEM;
        parallel_each(n, LOOKS_PER_THREAD, look_at,
                      &(Look) { .source = source, .paths = paths, .found = found });
        for (size_t i = 0; i < n && r >= 0; i++)
                r = remember(source, paths[i], found[i].error, &found[i].st);
        return r;
}

int source_see_link(Source *source, const char *canonical, const char **ret) {
        _cleanup_free_ char *copy = NULL;
        char target[PATH_MAX];
        const char *name;
        ssize_t n;
        int fd, r;

        if (!source->remembers)
                strmap_done(&source->seen_links);
        if (strmap_contains(&source->seen_links, canonical)) {
                *ret = strmap_get(&source->seen_links, canonical);
                return 0;
        }
        source_at(source, canonical, &fd, &name);
        n = readlinkat(fd, name, target, sizeof(target) - 1);
        if (n < 0 && errno != ENOENT && errno != EINVAL && errno != ENOTDIR)
                return -errno;
        if (n >= 0) {
                copy = strndup(target, (size_t) n);
                if (!copy)
                        return -ENOMEM;
        }
        r = strmap_put(&source->seen_links, canonical, copy);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

/* The same without openat2(): a directory at a time, links refused at each step. */
static int open_by_steps(int dir_fd, const char *name, int flags) {
        _cleanup_close_ int directory = -EBADF;
        int fd = dir_fd;

        for (;;) {
                char component[NAME_MAX + 1];
                size_t n = strcspn(name, "/");
                int next;

                if (n > NAME_MAX)
                        return -ENAMETOOLONG;
                memcpy(component, name, n);
                component[n] = '\0';
                name += n + strspn(name + n, "/");
                next = openat(fd, component,
                              (*name ? O_PATH | O_DIRECTORY : flags) | O_CLOEXEC | O_NOFOLLOW);
                if (next < 0)
                        return -errno;
                if (!*name)
                        return next;
                safe_close(directory);
                fd = directory = next;
        }
}

int source_open_beneath(int dir_fd, const char *name, int flags) {
        struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC | O_NOFOLLOW),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        int fd;

        if (!*name)
                name = ".";
        fd = (int) syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
        if (fd < 0 && (errno == ENOSYS || errno == EPERM)) /* before 5.6, or a filter's doing */
                return open_by_steps(dir_fd, name, flags);
        return fd < 0 ? -errno : fd;
}

/* Asks about one canonical path whose parent is a directory; remembers directories and links.
 * `ret_target` is borrowed from the cache, NULL when it is no link. */
static int look(Source *source, const char *path, struct stat *ret, const char **ret_target) {
        char target[PATH_MAX];
        const struct stat *known;
        const char *name;
        char *copy;
        ssize_t n;
        int fd, r;

        *ret_target = strmap_get(&source->links, path);
        if (*ret_target)
                return 0;
        known = strmap_get(&source->directories, path);
        if (known) {
                *ret = *known;
                return 0;
        }

        /* libc is asked for by everybody. */
        r = source_see(source, path, ret);
        if (r < 0)
                return r;

        if (S_ISDIR(ret->st_mode)) {
                struct stat *directory = malloc(sizeof(struct stat));

                if (!directory)
                        return -ENOMEM;
                *directory = *ret;
                r = strmap_put(&source->directories, path, directory);
                if (r < 0)
                        free(directory);
                return r;
        }
        if (!S_ISLNK(ret->st_mode))
                return 0;

        source_at(source, path, &fd, &name);
        n = readlinkat(fd, name, target, sizeof(target));
        if (n < 0)
                return -errno;
        if ((size_t) n >= sizeof(target))
                return -ENAMETOOLONG;
        target[n] = '\0';

        copy = strdup(target);
        if (!copy)
                return -ENOMEM;
        r = strmap_put(&source->links, path, copy);
        if (r < 0) {
                free(copy);
                return r;
        }
        *ret_target = copy;
        return 0;
}

static int links_add(SourceLinks *links, const char *path, const char *target) {
        SourceLink link;

        if (!links)
                return 0;
        if (!GREEDY_REALLOC(links->links, links->allocated, links->n + 1))
                return -ENOMEM;
        link = (SourceLink) { strdup(path), strdup(target) };
        if (!link.path || !link.target) {
                free(link.path);
                free(link.target);
                return -ENOMEM;
        }
        links->links[links->n++] = link;
        return 0;
}

/* Notes what the walk ended at. */
static int trace_end(Trace *trace, const char *path, const struct stat *st) {
        if (!trace)
                return 0;
        return S_ISDIR(st->st_mode) ? trace_add_directory(trace, path, st)
                                    : trace_add_file(trace, path, st);
}

/*
 * A directory on the way. In another root it must be known to still be one before anything below it
 * is looked at again: as a link it could lead out of that root.
 */
static int trace_passed(const Source *source, Trace *trace, const char *path,
                        const struct stat *st) {
        return trace && !source->host && S_ISDIR(st->st_mode)
                               ? trace_add_directory(trace, path, st)
                               : 0;
}

/* A walk in progress: `done` is canonical and a directory, `todo` what is left, relative. */
typedef struct Walk {
        char done[PATH_MAX];
        char todo[PATH_MAX];
        size_t n_done;
} Walk;

/* Puts a link's target in front of what is left. */
static int walk_link(Walk *w, const char *target, const char *rest) {
        char joined[PATH_MAX];
        int n;

        n = snprintf(joined, sizeof(joined), "%s/%s", target, rest);
        if (n < 0 || (size_t) n >= sizeof(joined))
                return -ENAMETOOLONG;
        strcpy(w->todo, joined);
        if (*target == '/')
                w->n_done = 0;
        w->done[w->n_done] = '\0';
        return 0;
}

static void walk_up(Walk *w) {
        while (w->n_done > 0 && w->done[--w->n_done] != '/')
                ;
        w->done[w->n_done] = '\0';
}

static int walk_down(Walk *w, const char *name, size_t n) {
        if (w->n_done + n + 2 > sizeof(w->done))
                return -ENAMETOOLONG;
        w->done[w->n_done++] = '/';
        memcpy(w->done + w->n_done, name, n);
        w->n_done += n;
        w->done[w->n_done] = '\0';
        return 0;
}

static int resolve(Source *source, Trace *trace, const char *path, bool follow_last,
                   char **ret_canonical, struct stat *ret_stat, SourceLinks *ret_links) {
        unsigned n_links = 0;
        struct stat st;
        const char *target;
        Walk w;
        int r;

        if (*path != '/')
                return -EINVAL;
        if (strlen(path) >= sizeof(w.todo))
                return -ENAMETOOLONG;
        /* No more than that: to clear 8 KiB took longer than most walks. */
        w.n_done = 0;
        *w.done = '\0';
        strcpy(w.todo, path);

        r = look(source, "/", &st, &target);
        if (r < 0)
                return r;

        for (char *p = w.todo;;) {
                char *rest;
                size_t n;

                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0)
                        break;
                rest = p + n + strspn(p + n, "/");

                if (!S_ISDIR(st.st_mode)) {
                        r = trace ? trace_add_file(trace, w.done, &st) : 0;
                        return r < 0 ? r : -ENOTDIR;
                }
                if (n == 1 && *p == '.') {
                        p = rest;
                        continue;
                }
                if (n == 2 && p[0] == '.' && p[1] == '.') {
                        walk_up(&w);
                        p = rest;
                        continue;
                }

                r = walk_down(&w, p, n);
                if (r < 0)
                        return r;
                r = look(source, w.done, &st, &target);
                if (r == -ENOENT && trace) {
                        r = trace_add_missing(trace, w.done);
                        return r < 0 ? r : -ENOENT;
                }
                if (r < 0)
                        return r;
                if (!target && *rest)
                        r = trace_passed(source, trace, w.done, &st);
                if (r < 0)
                        return r;
                if (!target || (!*rest && !follow_last)) {
                        p = rest;
                        continue;
                }

                if (++n_links > LINKS_MAX)
                        return -ELOOP;
                r = trace ? trace_add_link(trace, w.done, target) : 0;
                if (r >= 0)
                        r = links_add(ret_links, w.done, target);
                if (r < 0)
                        return r;
                walk_up(&w);
                r = walk_link(&w, target, rest);
                if (r < 0)
                        return r;
                st.st_mode = S_IFDIR;
                p = w.todo;
        }

        if (w.n_done == 0)
                strcpy(w.done, "/");
        r = look(source, w.done, &st, &target);
        if (r < 0)
                return r;
        if (target) {
                st = (struct stat) { .st_mode = S_IFLNK | 0777 };
                r = trace ? trace_add_link(trace, w.done, target) : 0;
        } else
                r = trace_end(trace, w.done, &st);
        if (r < 0)
                return r;

        if (ret_canonical) {
                *ret_canonical = strdup(w.done);
                if (!*ret_canonical)
                        return -ENOMEM;
        }
        if (ret_stat)
                *ret_stat = st;
        return 0;
}

int source_resolve(Source *source, Trace *trace, const char *path, char **ret_canonical,
                   struct stat *ret_stat, SourceLinks *ret_links) {
        return resolve(source, trace, path, true, ret_canonical, ret_stat, ret_links);
}

int source_resolve_parent(Source *source, Trace *trace, const char *path, char **ret_canonical,
                          struct stat *ret_stat, SourceLinks *ret_links) {
        return resolve(source, trace, path, false, ret_canonical, ret_stat, ret_links);
}

int source_bind(Source *source, const char *at, const char *directory) {
        _cleanup_free_ char *canonical = NULL, *parent = NULL, *rest = NULL, *full = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* What exists of the path is resolved, what doesn't is taken as it stands. */
        parent = strdup(at);
        rest = strdup("");
        if (!parent || !rest)
                return -ENOMEM;
        path_simplify(parent);
        for (;;) {
                _cleanup_free_ char *up = NULL, *longer = NULL;

                up = path_dirname(parent);
                longer = up ? path_join(path_basename(parent), rest) : NULL;
                if (!longer)
                        return -ENOMEM;
                free(rest);
                rest = TAKE_PTR(longer);
                r = source_resolve(source, NULL, up, &canonical, NULL, NULL);
                if (r >= 0)
                        break;
                if (r != -ENOENT || streq(up, "/"))
                        return r;
                free(parent);
                parent = TAKE_PTR(up);
        }

        fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (!GREEDY_REALLOC(source->binds, source->allocated_binds, source->n_binds + 1))
                return -ENOMEM;

        full = path_join(canonical, rest);
        if (!full)
                return -ENOMEM;
        path_simplify(full);
        source->binds[source->n_binds++] = (Bind) { .at = TAKE_PTR(full), .fd = TAKE_FD(fd) };

        /* What was known of the place is no longer so. */
        strmap_done(&source->directories);
        strmap_done(&source->links);
        strmap_done(&source->listings);
        source_remember(source, source->remembers);
        return 0;
}

int source_open_canonical(Source *source, const char *canonical) {
        const char *name;
        int fd;

        source_at(source, canonical, &fd, &name);
        /* O_NONBLOCK: a fifo in the place of a file must not hold us up. */
        return source_open_beneath(fd, name, O_RDONLY | O_NOCTTY | O_NONBLOCK);
}

int source_open(Source *source, Trace *trace, const char *path, struct stat *ret_stat) {
        _cleanup_free_ char *canonical = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = source_resolve(source, trace, path, &canonical, &st, NULL);
        if (r < 0)
                return r;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -ENXIO;
        fd = source_open_canonical(source, canonical);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENXIO;
        r = trace_end(trace, canonical, &st);
        if (r < 0)
                return r;
        if (ret_stat)
                *ret_stat = st;
        return TAKE_FD(fd);
}

int source_read(Source *source, Trace *trace, const char *path, char **ret, size_t *ret_size) {
        _cleanup_free_ char *canonical = NULL, *data = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        fd = source_open(source, trace, path, NULL);
        if (fd < 0)
                return fd;
        r = fd_read_all(fd, 64 * 1024 * 1024, &data, &size);
        if (r < 0)
                return r;
        if (trace) {
                r = source_resolve(source, NULL, path, &canonical, NULL, NULL);
                if (r >= 0)
                        r = trace_set_hash(trace, canonical, XXH3_128bits(data, size));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int source_readlink(Source *source, Trace *trace, const char *path, char **ret) {
        _cleanup_free_ char *canonical = NULL;
        const char *target;
        char *copy;
        int r;

        r = source_resolve_parent(source, trace, path, &canonical, NULL, NULL);
        if (r < 0)
                return r;
        target = strmap_get(&source->links, canonical);
        if (!target)
                return -EINVAL;
        copy = strdup(target);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int source_exists(Source *source, Trace *trace, const char *path) {
        int r;

        r = source_resolve(source, trace, path, NULL, NULL, NULL);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        return r < 0 ? r : 1;
}

int source_directory_path(Source *source, const char *directory, char **ret) {
        _cleanup_free_ char *canonical = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *name;
        int dir_fd, r;

        r = source_resolve(source, NULL, directory, &canonical, NULL, NULL);
        if (r < 0)
                return r;

        /* A descriptor for it that lives as long as the Source: a bind onto itself, which comes before
         * those that are there, so that what they show below it stays. */
        source_at(source, canonical, &dir_fd, &name);
        fd = source_open_beneath(dir_fd, name, O_PATH | O_DIRECTORY);
        if (fd < 0)
                return fd;
        if (!GREEDY_REALLOC(source->binds, source->allocated_binds, source->n_binds + 1))
                return -ENOMEM;
        r = str_printf(ret, "/proc/self/fd/%d", fd);
        if (r < 0)
                return r;
        memmove(source->binds + 1, source->binds, source->n_binds * sizeof(Bind));
        source->binds[0] = (Bind) { .at = TAKE_PTR(canonical), .fd = TAKE_FD(fd) };
        source->n_binds++;
        return 0;
}
