/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <limits.h>
#include <stdio.h>

#include "fd-util.h"
#include "pack/fragment.h"
#include "path-util.h"
#include "string-util.h"

/* A change of the archive's form must change every name. */
#define FORMAT_VERSION 1
#define PART_SIZE (UINT64_C(3) * 512 * 1024)
#define PARTS_MAX 8 /* each segment costs the kernel a start */

const char *scope_to_string(Scope scope) {
        static const char *const names[_SCOPE_MAX] = {
                [SCOPE_EARLY] = "early",
                [SCOPE_SHARED] = "user",
                [SCOPE_KERNEL] = "kernel",
                [SCOPE_HOST] = "host",
        };

        return scope >= 0 && scope < _SCOPE_MAX ? names[scope] : NULL;
}

void fragment_free(Fragment *f) {
        for (size_t i = 0; i < f->n_parts; i++)
                fragment_free(f->parts[i]);
        free(f->parts);
        free(f->name);
        strv_free(f->modules);
        free(f->entries);
        safe_close(f->fd);
        free(f->data);
        free(f);
}

int fragments_new(Fragments **ret) {
        Fragments *f = malloc(sizeof(Fragments));

        if (!f)
                return -ENOMEM;
        *f = (Fragments) { .owners = STRMAP_INIT(NULL) };
        *ret = f;
        return 0;
}

Fragments *fragments_free(Fragments *f) {
        if (!f)
                return NULL;
        for (size_t i = 0; i < f->n; i++)
                fragment_free(f->fragments[i]);
        free(f->fragments);
        strmap_done(&f->owners);
        free(f);
        return NULL;
}

static int new_fragment(Fragments *fs, const char *name, Scope scope, Fragment **ret) {
        Fragment *f;

        if (!GREEDY_REALLOC(fs->fragments, fs->allocated, fs->n + 1))
                return -ENOMEM;
        f = calloc(1, sizeof(Fragment));
        if (!f)
                return -ENOMEM;
        f->fd = -EBADF;
        f->scope = scope;
        f->name = strdup(name);
        if (!f->name) {
                fragment_free(f);
                return -ENOMEM;
        }
        fs->fragments[fs->n++] = *ret = f;
        return 0;
}

static int get_fragment(Fragments *fs, const char *name, Scope scope, Fragment **ret) {
        for (size_t i = 0; i < fs->n; i++)
                if (fs->fragments[i]->scope == scope && streq(fs->fragments[i]->name, name)) {
                        *ret = fs->fragments[i];
                        return 0;
                }
        return new_fragment(fs, name, scope, ret);
}

static int fragment_add(Fragment *f, const Entry *entry) {
        if (!GREEDY_REALLOC(f->entries, f->allocated_entries, f->n_entries + 1))
                return -ENOMEM;
        f->entries[f->n_entries++] = entry;
        return 0;
}

/*
 * Libraries are a fragment of their own: they are the larger half of what programs bring, every
 * module has some, and a program that was upgraded should not cost packing them again.
 */
static bool is_library(const Entry *e) {
        const char *so = strstr(path_basename(e->path), ".so");

        return e->type != ENTRY_DIRECTORY && so && (so[3] == '\0' || so[3] == '.');
}

static int choose_fragment(Fragments *fs, Fragment *f, const Entry *entry, const char *module,
                           Fragment **ret) {
        int r;

        *ret = f;
        if (f->scope != SCOPE_SHARED || !is_library(entry))
                return 0;
        r = get_fragment(fs, "libraries", SCOPE_SHARED, ret);
        return r < 0 ? r : strv_extend_unique(&(*ret)->modules, module);
}

int fragments_add(Fragments *fs, Report *report, const char *name, Scope scope, const char *module,
                  const Manifest *manifest) {
        Fragment *f;
        int r;

        r = get_fragment(fs, name, scope, &f);
        if (r >= 0)
                r = strv_extend_unique(&f->modules, module);
        if (r < 0)
                return report_oom(report);

        STRMAP_FOREACH(e, &manifest->entries) {
                Entry *entry = e->value;
                Fragment *chosen;

                r = strmap_put(&fs->owners, entry->path, entry);
                if (r == -EEXIST) {
                        const Entry *owner = strmap_get(&fs->owners, entry->path);

                        if ((owner->type == ENTRY_DIRECTORY) == (entry->type == ENTRY_DIRECTORY))
                                continue;
                        return report_fail(report, FAILURE_CONFIG_INVALID, -EEXIST, entry->path, 0,
                                           "One module has a directory there and another has not: "
                                           "%s, %s",
                                           owner->why, entry->why);
                }
                if (r >= 0)
                        r = choose_fragment(fs, f, entry, module, &chosen);
                if (r >= 0)
                        r = fragment_add(chosen, entry);
                if (r < 0)
                        return report_oom(report);
        }
        return 0;
}

/* Every directory above the entries that the fragment itself doesn't own. */
static int add_ancestors(const Fragments *fs, Fragment *f) {
        _cleanup_strmap_ Strmap seen = STRMAP_INIT(NULL);
        size_t n = f->n_entries;
        int r;

        for (size_t i = 0; i < n; i++)
                if (f->entries[i]->type == ENTRY_DIRECTORY) {
                        r = strmap_put(&seen, f->entries[i]->path, NULL);
                        if (r < 0)
                                return r;
                }
        for (size_t i = 0; i < n; i++) {
                char path[PATH_MAX];
                char *slash;

                if (strlen(f->entries[i]->path) >= sizeof(path))
                        return -ENAMETOOLONG;
                strcpy(path, f->entries[i]->path);
                while ((slash = strrchr(path, '/')) && slash != path) {
                        const Entry *directory;

                        *slash = '\0';
                        r = strmap_put(&seen, path, NULL);
                        if (r == -EEXIST)
                                break;
                        if (r < 0)
                                return r;
                        directory = strmap_get(&fs->owners, path);
                        if (!directory || directory->type != ENTRY_DIRECTORY)
                                return -ENOTDIR;
                        r = fragment_add(f, directory);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int compare(const void *a, const void *b) {
        const Entry *const *x = a, *const *y = b;

        return strcmp((*x)->path, (*y)->path);
}

static uint64_t entry_raw_size(const Entry *e) {
        uint64_t size = ALIGN_TO(110 + strlen(e->path),
                                 UINT64_C(4)); /* "/" in, NUL out: as long */

        if (e->type == ENTRY_FILE)
                size += ALIGN_TO(e->size, UINT64_C(4));
        else if (e->type == ENTRY_SYMLINK)
                size += ALIGN_TO(strlen(e->target), UINT64_C(4));
        return size;
}

static void compute(Fragment *f) {
        XXH3_state_t *state = XXH3_createState();
        uint32_t version = FORMAT_VERSION;

        XXH3_128bits_reset(state);
        XXH3_128bits_update(state, &version, sizeof(version));
        f->raw_size = ALIGN_TO(110 + sizeof("TRAILER!!!"), UINT64_C(4));
        for (size_t i = 0; i < f->n_entries; i++) {
                const Entry *e = f->entries[i];
                uint32_t head[2] = { e->type, e->mode };

                XXH3_128bits_update(state, head, sizeof(head));
                XXH3_128bits_update(state, e->path, strlen(e->path) + 1);
                if (e->type == ENTRY_SYMLINK)
                        XXH3_128bits_update(state, e->target, strlen(e->target) + 1);
                else if (e->type == ENTRY_FILE) {
                        XXH3_128bits_update(state, &e->size, sizeof(e->size));
                        XXH3_128bits_update(state, &e->hash, sizeof(e->hash));
                }
                f->raw_size += entry_raw_size(e);
        }
        f->content = XXH3_128bits_digest(state);
        XXH3_freeState(state);
}

/* A part of a fragment that is being cut; one that is not cut keeps its name. */
static int new_part(Fragments *fs, const Fragment *whole, size_t number, size_t n_parts,
                    Fragment **ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = n_parts == 1 ? str_printf(&name, "%s", whole->name)
                         : str_printf(&name, "%s-%zu", whole->name, number + 1);
        if (r >= 0)
                r = new_fragment(fs, name, whole->scope, ret);
        STRV_FOREACH(module, whole->modules)
                if (r >= 0)
                        r = strv_extend(&(*ret)->modules, *module);
        return r;
}

/* A power of two, so that it seldom changes: with it, every part does. */
static size_t count_parts(const Fragment *f) {
        uint64_t size = 0;
        size_t n = 1;

        for (size_t i = 0; i < f->n_entries; i++)
                size += entry_raw_size(f->entries[i]);
        while (f->scope == SCOPE_SHARED && size / n > PART_SIZE && n < PARTS_MAX)
                n *= 2;
        return n;
}

/*
 * One program or library that changes costs packing what is in its fragment, so what kernels share
 * is cut into parts. Which part an entry is in is told by its path alone: nothing that comes, goes
 * or grows moves another one. A driver seldom changes alone, so drivers stay together.
 */
static int cut(Fragments *fs, const Fragment *f) {
        size_t n_parts = count_parts(f), first = fs->n;
        Fragment *part = NULL;
        int r;

        for (size_t i = 0; i < n_parts; i++) {
                r = new_part(fs, f, i, n_parts, &part);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < f->n_entries; i++) {
                const char *path = f->entries[i]->path;
                size_t k = XXH3_64bits(path, strlen(path)) & (n_parts - 1);

                r = fragment_add(fs->fragments[first + k], f->entries[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Parts in which nothing came to lie are no fragments. */
static void drop_empty(Fragments *fs) {
        size_t n = 0;

        for (size_t i = 0; i < fs->n; i++)
                if (fs->fragments[i]->n_entries > 0)
                        fs->fragments[n++] = fs->fragments[i];
                else
                        fragment_free(fs->fragments[i]);
        fs->n = n;
}

static void order_by_scope(Fragments *fs) {
        for (size_t i = 1; i < fs->n; i++)
                for (size_t k = i; k > 0; k--) {
                        Fragment *f = fs->fragments[k];

                        if (fs->fragments[k - 1]->scope <= f->scope)
                                break;
                        fs->fragments[k] = fs->fragments[k - 1];
                        fs->fragments[k - 1] = f;
                }
}

static int cut_all(Fragments *fs) {
        Fragment **whole = TAKE_PTR(fs->fragments);
        size_t n = fs->n;
        int r = 0;

        fs->n = fs->allocated = 0;
        for (size_t i = 0; i < n; i++) {
                Fragment *f = whole[i];

                if (r >= 0 && f->n_entries > 0)
                        r = cut(fs, f);
                fragment_free(f);
        }
        free(whole);
        return r;
}

int fragments_finish(Fragments *fs) {
        size_t n;
        int r;

        r = cut_all(fs);
        if (r < 0)
                return r;
        drop_empty(fs);
        order_by_scope(fs);
        n = fs->n;
        for (size_t i = 0; i < n; i++) {
                r = add_ancestors(fs, fs->fragments[i]);
                if (r < 0)
                        return r;
                qsort(fs->fragments[i]->entries, fs->fragments[i]->n_entries, sizeof(Entry *),
                      compare);
                compute(fs->fragments[i]);
        }
        return 0;
}

const Entry *fragments_get(const Fragments *fs, const char *path) {
        return strmap_get(&fs->owners, path);
}

const Entry *fragments_resolve(const Fragments *fs, const char *path) {
        char done[PATH_MAX], todo[PATH_MAX];
        unsigned n_links = 0;
        const Entry *e = NULL;

        if (strlen(path) >= sizeof(todo))
                return NULL;
        *done = '\0'; /* not all of it: this is called a thousand times */
        strcpy(todo, path);
        for (char *p = todo;;) {
                char rest[PATH_MAX];
                size_t n;

                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0)
                        return e;
                strcpy(rest, p + n);
                if (n == 2 && p[0] == '.' && p[1] == '.') {
                        char *slash = strrchr(done, '/');

                        if (slash)
                                *slash = '\0';
                        e = *done ? strmap_get(&fs->owners, done) : NULL;
                        p += n;
                        continue;
                }
                if (n == 1 && *p == '.') {
                        p += n;
                        continue;
                }
                if (strlen(done) + n + 2 > sizeof(done))
                        return NULL;
                strcat(done, "/");
                strncat(done, p, n);
                e = strmap_get(&fs->owners, done);
                if (!e)
                        return NULL;
                if (e->type == ENTRY_SYMLINK) {
                        if (++n_links > 40 || strlen(e->target) + strlen(rest) + 2 > sizeof(todo))
                                return NULL;
                        *strrchr(done, '/') = '\0';
                        if (e->target[0] == '/')
                                *done = '\0';
                        sprintf(todo, "%s/%s", e->target, rest);
                        p = todo;
                        continue;
                }
                if (e->type == ENTRY_FILE)
                        return rest[strspn(rest, "/")] ? NULL : e;
                p += n;
        }
}
