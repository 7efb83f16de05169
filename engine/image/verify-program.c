/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs, and what loads them. Each program is loaded as its dynamic loader would do it with
 * nothing but the image: breadth first, a name once, by DT_RPATH (of whoever asks, and of those who
 * loaded it), DT_RUNPATH, ld.so.cache if the image has one, and the directories that are built into
 * the loader. Libraries that no program is linked with are plugins: the program that opens them
 * may have what they need from elsewhere, so of these only what is nowhere in the image is missing;
 * and only in images of ours, since other tools copy plugins that nothing can open.
 *
 * Of libraries in glibc-hwcaps/ nothing is asked: without the plain one beside them the image would
 * start on some machines only.
 */

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "image/verify-internal.h"
#include "path-util.h"
#include "string-util.h"

/* A loaded file, and who loaded it (its number; SIZE_MAX: nobody). */
typedef struct Loaded {
        const TreeNode *node;
        size_t by;
} Loaded;

typedef struct Process {
        Verification *v;
        const Elf *kind; /* what fits into it */
        char **builtins;
        bool musl;
        Loaded *loaded;
        size_t n, allocated;
        Strmap names; /* under which something was loaded */
} Process;

typedef struct Programs {
        Verification *v;
        char **cached; /* directories of ld.so.cache */
        Strmap seen; /* path of each library that a program loads */
        Strmap said; /* "library by whom" */
        Strmap by_name; /* name of each library → TreeNode; the first of them */
} Programs;

static const char *const glibc_builtins[] = { "/lib64", "/usr/lib64", "/lib", "/usr/lib", NULL };
static const char *const musl_builtins[] = { "/lib", "/usr/local/lib", "/usr/lib", NULL };

static bool fits(const Elf *a, const Elf *b) {
        return a->class == b->class && a->machine == b->machine &&
               a->little_endian == b->little_endian;
}

/* The directories of the paths that are anywhere in the cache: what it is made of is strings. */
static int read_cache(Programs *p) {
        const Content *c =
                        node_content(tree_resolve(p->v->tree, "/etc/ld.so.cache"), CONTENT_TEXT);

        for (size_t i = 0; c && i < c->size;) {
                size_t n = strnlen(c->text + i, c->size - i);

                if (c->text[i] == '/' && n < PATH_MAX) {
                        _cleanup_free_ char *directory = path_dirname(c->text + i);

                        if (!directory || strv_extend_unique(&p->cached, directory) < 0)
                                return -ENOMEM;
                }
                i += n + 1;
        }
        return 0;
}

/* A library at `directory`/`name`, where $ORIGIN is the directory of `from`; NULL. */
static const TreeNode *library_at(const Process *process, const char *directory, const char *name,
                                  const TreeNode *from) {
        static const char *const origins[] = { "$ORIGIN", "${ORIGIN}" };
        char path[2 * PATH_MAX];
        const TreeNode *node;
        const Content *c;
        int n = -1;

        for (size_t i = 0; i < ELEMENTSOF(origins); i++) {
                const char *rest = startswith(directory, origins[i]);

                if (rest)
                        n = snprintf(path, sizeof(path), "%.*s%s/%s",
                                     (int) (path_basename(from->path) - from->path), from->path,
                                     rest, name);
        }
        if (n < 0)
                n = snprintf(path, sizeof(path), "%s/%s", directory, name);
        if (n < 0 || (size_t) n >= sizeof(path))
                return NULL;
        node = tree_resolve(process->v->tree, path);
        c = node_content(node, CONTENT_ELF);
        return c && fits(c->elf, process->kind) ? node : NULL;
}

static const TreeNode *library_in(const Process *process, char *const *directories,
                                  const char *name, const TreeNode *from) {
        STRV_FOREACH(directory, directories) {
                const TreeNode *node = library_at(process, *directory, name, from);

                if (node)
                        return node;
        }
        return NULL;
}

/* Where the loader finds `name` for number `by` of the process. */
static const TreeNode *find_library(const Programs *p, const Process *process, const char *name,
                                    size_t by) {
        const TreeNode *from = process->loaded[by].node, *node = NULL;
        const Elf *elf = node_content(from, CONTENT_ELF)->elf;

        if (strchr(name, '/')) {
                _cleanup_free_ char *directory = path_dirname(name);

                return directory ? library_at(process, directory, path_basename(name), from)
                                 : NULL;
        }
        for (size_t i = by; i != SIZE_MAX && !node; i = process->loaded[i].by) {
                const TreeNode *who = process->loaded[i].node;
                const Elf *e = node_content(who, CONTENT_ELF)->elf;

                if (e->rpath)
                        node = library_in(process, e->runpath, name, who);
        }
        if (!node && !elf->rpath)
                node = library_in(process, elf->runpath, name, from);
        if (!node)
                node = library_in(process, p->cached, name, from);
        return node ?: library_in(process, process->builtins, name, from);
}

static int add_loaded(Process *process, const TreeNode *node, size_t by) {
        if (!GREEDY_REALLOC(process->loaded, process->allocated, process->n + 1))
                return -ENOMEM;
        process->loaded[process->n++] = (Loaded) { node, by };
        return 0;
}

static int add_name(Process *process, const char *name) {
        int r = strmap_put(&process->names, name, NULL);

        return r == -EEXIST ? 0 : r;
}

static int say_missing(Programs *p, const TreeNode *from, const char *name) {
        _cleanup_free_ char *key = NULL;
        int r;

        r = str_printf(&key, "%s %s", name, from->path);
        if (r >= 0)
                r = strmap_put(&p->said, key, NULL);
        if (r < 0)
                return r == -EEXIST ? 0 : r;
        return verification_find(
                        p->v, from->path,
                        "It needs the library %s, which the image does not have where it would be "
                        "looked for; install the package that has it and " REBUILD,
                        name);
}

static int load_needed(Programs *p, Process *process, size_t i, bool plugin) {
        const TreeNode *from = process->loaded[i].node;
        const Elf *elf = node_content(from, CONTENT_ELF)->elf;
        int r;

        STRV_FOREACH(name, elf->needed) {
                const TreeNode *node;

                if (strmap_contains(&process->names, *name) ||
                    (process->musl && startswith(*name, "libc.")))
                        continue;
                r = add_name(process, *name);
                if (r < 0)
                        return r;
                node = find_library(p, process, *name, i);
                if (!node && plugin) {
                        node = strmap_get(&p->by_name, path_basename(*name));
                        if (node)
                                continue;
                }
                if (!node)
                        r = say_missing(p, from, *name);
                else {
                        const Elf *loaded = node_content(node, CONTENT_ELF)->elf;

                        if (loaded->soname)
                                r = add_name(process, loaded->soname);
                        if (r >= 0)
                                r = add_loaded(process, node, i);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int load(Programs *p, const TreeNode *node, const TreeNode *loader,
                const char *interpreter) {
        const Elf *elf = node_content(node, CONTENT_ELF)->elf;
        const Content *c = node_content(loader, CONTENT_ELF);
        Process process = {
                .v = p->v,
                .kind = elf,
                .musl = interpreter && strstr(interpreter, "ld-musl"),
                .names = STRMAP_INIT(NULL),
        };
        int r;

        process.builtins = c && c->builtins && c->builtins[0] ? c->builtins
                           : process.musl                     ? (char **) musl_builtins
                                                              : (char **) glibc_builtins;
        r = add_loaded(&process, node, SIZE_MAX);
        if (r >= 0 && interpreter)
                r = add_name(&process, path_basename(interpreter));
        for (size_t i = 0; i < process.n && r >= 0; i++) {
                r = load_needed(p, &process, i, !elf->interpreter);
                if (r >= 0)
                        r = strmap_put(&p->seen, process.loaded[i].node->path, NULL);
                if (r == -EEXIST)
                        r = 0;
        }
        strmap_done(&process.names);
        free(process.loaded);
        return r;
}

static int check_program(Programs *p, const TreeNode *node, const Elf *elf) {
        const TreeNode *loader = tree_resolve(p->v->tree, elf->interpreter);

        if (!loader || !S_ISREG(loader->file->mode) || !(loader->file->mode & 0111))
                return verification_find(p->v, node->path,
                                         "Its dynamic loader %s is not in the image, or can't be "
                                         "executed; " REBUILD,
                                         elf->interpreter);
        return load(p, node, loader, elf->interpreter);
}

static bool is_library(const char *path) {
        return strstr(path_basename(path), ".so");
}

static int check_node(Programs *p, const TreeNode *node) {
        const Content *c = node->file->content;
        bool executable = node->file->mode & 0111;

        if (!c)
                return 0;
        p->v->step = c->kind == CONTENT_BROKEN && strstr(node->path, "/lib/modules/")
                                     ? BOOT_STEP_DRIVERS
                                     : BOOT_STEP_UNITS;
        if (c->kind == CONTENT_BROKEN)
                return verification_find(p->v, node->path,
                                         "The file is damaged; reinstall the package that it is "
                                         "from and " REBUILD);
        if (c->kind == CONTENT_SCRIPT && executable && *c->text &&
            !tree_has_program(p->v->tree, c->text))
                return verification_find(
                                p->v, node->path,
                                "It is a script for %s, which is not in the image, or can't be "
                                "executed; add that with Include= or Binary= and " REBUILD,
                                c->text);
        /* libc has an interpreter, too. */
        if (c->kind == CONTENT_ELF && c->elf->interpreter &&
            (executable || !is_library(node->path)))
                return check_program(p, node, c->elf);
        return 0;
}

static int check_all(Programs *p) {
        const TreeNode *loader = NULL;
        int r;

        TREE_FOREACH(node, p->v->tree) {
                const Content *c = node_content(node, CONTENT_ELF);

                if (!c)
                        continue;
                if (!loader && c->builtins && c->builtins[0])
                        loader = node;
                r = strmap_put(&p->by_name, path_basename(node->path), node);
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        TREE_FOREACH(node, p->v->tree) {
                r = check_node(p, node);
                if (r < 0)
                        return r;
        }
        TREE_FOREACH(node, p->v->tree) {
                const Content *c = node_content(node, CONTENT_ELF);

                if (!c || !p->v->ours || strmap_contains(&p->seen, node->path))
                        continue;
                r = load(p, node, loader, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_init(Verification *v) {
        const TreeNode *node = tree_resolve(v->tree, "/init");
        const Content *c;

        if (!node)
                return verification_find(v, "/init",
                                         "%s: the kernel would have nothing to start; " REBUILD,
                                         tree_get(v->tree, "/init") ? "The link leads to nothing"
                                                                    : "There is none");
        if (!tree_has_program(v->tree, "/init"))
                return verification_find(v, node->path,
                                         "The kernel starts it as /init, and it can't be "
                                         "executed; make it a file with mode 0755 and " REBUILD);
        c = node->file->content;
        if (!c || (c->kind != CONTENT_ELF && c->kind != CONTENT_SCRIPT))
                return verification_find(v, node->path,
                                         "The kernel starts it as /init, and it is neither a "
                                         "program nor a script; " REBUILD);
        return 0;
}

int verify_programs(Verification *v) {
        Programs p = {
                .v = v,
                .seen = STRMAP_INIT(NULL),
                .said = STRMAP_INIT(NULL),
                .by_name = STRMAP_INIT(NULL),
        };
        int r;

        v->step = BOOT_STEP_INIT;
        r = check_init(v);
        v->step = BOOT_STEP_UNITS;
        if (r >= 0)
                r = read_cache(&p);
        if (r >= 0)
                r = check_all(&p);
        strv_free(p.cached);
        strmap_done(&p.seen);
        strmap_done(&p.said);
        strmap_done(&p.by_name);
        return r;
}
