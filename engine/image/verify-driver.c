/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Drivers: what each says that it needs (.modinfo, as the kernel's own build wrote it), and the
 * index that modprobe reads, against the files that are there. A driver that the index doesn't
 * have is never loaded; one that it has and that isn't there makes modprobe fail for whoever needs
 * it. What the target kernel has built in is nobody's dependency.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "image/verify-internal.h"
#include "path-util.h"
#include "string-util.h"

/* The drivers of one kernel. */
typedef struct DriverSet {
        char *directory; /* /usr/lib/modules/VERSION, canonical */
        Strmap names; /* of what is there or built in, with "_" */
        Strmap indexed; /* paths that modules.dep has */
        bool has_index, any;
        const Content *binary; /* modules.dep.bin */
} DriverSet;

static void set_free(void *p) {
        DriverSet *set = p;

        free(set->directory);
        strmap_done(&set->names);
        strmap_done(&set->indexed);
        free(set);
}

static int put(Strmap *map, const char *key) {
        int r = strmap_put(map, key, NULL);

        return r == -EEXIST ? 0 : r;
}

/* "ahci" of "/usr/lib/modules/6.1/kernel/drivers/ata/ahci.ko.xz", with "_" for "-". */
static char *driver_name(const char *path) {
        const char *name = path_basename(path), *end = strstr(name, ".ko");
        char *copy = end ? strndup(name, (size_t) (end - name)) : strdup(name);

        for (char *c = copy; c && *c; c++)
                if (*c == '-')
                        *c = '_';
        return copy;
}

/* The set of the kernel that the file belongs to; NULL in `ret` when it is none's. */
static int get_set(Strmap *sets, const char *path, DriverSet **ret) {
        const char *start = strstr(path, "/lib/modules/"), *end;
        _cleanup_free_ char *directory = NULL;
        DriverSet *set;
        int r;

        *ret = NULL;
        if (!start || !(end = strchr(start + strlen("/lib/modules/"), '/')))
                return 0;
        directory = strndup(path, (size_t) (end - path));
        if (!directory)
                return -ENOMEM;
        *ret = strmap_get(sets, directory);
        if (*ret)
                return 0;
        set = malloc(sizeof(DriverSet));
        if (!set)
                return -ENOMEM;
        *set = (DriverSet) { .names = STRMAP_INIT(NULL), .indexed = STRMAP_INIT(NULL) };
        set->directory = TAKE_PTR(directory);
        r = strmap_put(sets, set->directory, set);
        if (r < 0) {
                set_free(set);
                return r;
        }
        *ret = set;
        return 0;
}

static int add_builtins(DriverSet *set, const char *text) {
        _cleanup_strv_free_ char **lines = NULL;
        int r;

        r = strv_split(&lines, text, "\n");
        STRV_FOREACH(line, lines) {
                _cleanup_free_ char *name = driver_name(*line);

                if (!name)
                        return -ENOMEM;
                r = put(&set->names, name);
                if (r < 0)
                        return r;
        }
        return r;
}

static int add_indexed(Verification *v, DriverSet *set, const TreeNode *index,
                       const char *relative) {
        _cleanup_free_ char *path =
                        *relative == '/' ? strdup(relative) : path_join(set->directory, relative);
        const TreeNode *node;
        int r;

        if (!path)
                return -ENOMEM;
        node = tree_resolve(v->tree, path);
        if (strmap_contains(&set->indexed, node ? node->path : path))
                return 0;
        r = put(&set->indexed, node ? node->path : path);
        if (r < 0 || (node && S_ISREG(node->file->mode)))
                return r;
        return verification_find(v, path,
                                 "%s lists this driver, and it is not in the image; " REBUILD,
                                 index->path);
}

/* Lines of "kernel/a.ko: kernel/b.ko kernel/c.ko". */
static int add_index(Verification *v, DriverSet *set, const TreeNode *index, const char *text) {
        _cleanup_strv_free_ char **paths = NULL;
        int r;

        set->has_index = true;
        r = strv_split(&paths, text, " \t\n");
        STRV_FOREACH(path, paths) {
                size_t n = strlen(*path);

                if (n > 0 && (*path)[n - 1] == ':')
                        (*path)[n - 1] = '\0';
                r = add_indexed(v, set, index, *path);
                if (r < 0)
                        return r;
        }
        return r;
}

static int take_node(Verification *v, Strmap *sets, const TreeNode *node) {
        const char *name = path_basename(node->path);
        const Content *c = node->file->content;
        DriverSet *set;
        int r;

        r = get_set(sets, node->path, &set);
        if (r < 0 || !set)
                return r;
        if (streq(name, "modules.dep.bin")) {
                set->has_index = true;
                set->binary = node_content(node, CONTENT_TEXT);
        }
        if (!c)
                return 0;
        if (c->kind == CONTENT_DRIVER || c->kind == CONTENT_BROKEN) {
                _cleanup_free_ char *driver = driver_name(node->path);

                set->any = true;
                return driver ? put(&set->names, driver) : -ENOMEM;
        }
        if (c->kind == CONTENT_TEXT && streq(name, "modules.builtin"))
                return add_builtins(set, c->text);
        if (c->kind == CONTENT_TEXT && streq(name, "modules.dep"))
                return add_index(v, set, node, c->text);
        return 0;
}

/* The kernel refuses a driver of another version or processor. */
static int check_made_for(Verification *v, const DriverSet *set, const TreeNode *node,
                          const Content *c) {
        const Content *init = node_content(tree_resolve(v->tree, "/init"), CONTENT_ELF);
        const char *version = path_basename(set->directory);
        size_t n = c->vermagic ? strcspn(c->vermagic, " ") : 0;

        /* With versions of symbols the kernel compares these instead. */
        if (n > 0 && !strstr(c->vermagic, " modversions") &&
            (strncmp(c->vermagic, version, n) != 0 || version[n] != '\0'))
                return verification_find(
                                v, node->path,
                                "The driver was made for kernel %.*s, and %s would refuse "
                                "it; " REBUILD,
                                (int) n, c->vermagic, version);
        /* A 32-bit /init does on a kernel of 64 bits. */
        if (init && c->machine != init->elf->machine && c->class <= init->elf->class)
                return verification_find(v, node->path,
                                         "The driver is for another processor than /init; "
                                         "reinstall the kernel's package and " REBUILD);
        return 0;
}

static int check_driver(Verification *v, const DriverSet *set, const TreeNode *node) {
        const Content *c = node_content(node, CONTENT_DRIVER);
        int r;

        STRV_FOREACH(depends, c->depends) {
                _cleanup_free_ char *name = driver_name(*depends);

                if (!name)
                        return -ENOMEM;
                if (strmap_contains(&set->names, name))
                        continue;
                r = verification_find(v, node->path,
                                      "It needs the driver %s, which is not in the image; add it "
                                      "with Drivers= and " REBUILD,
                                      name);
                if (r < 0)
                        return r;
        }
        r = check_made_for(v, set, node, c);
        if (r < 0)
                return r;
        if (set->indexed.n > 0 && !strmap_contains(&set->indexed, node->path))
                return verification_find(v, node->path,
                                         "The driver is not in %s/modules.dep, so that nothing "
                                         "can load it; " REBUILD,
                                         set->directory);
        /* It is there by its path, below the directory. */
        if (set->binary && path_below(node->path, set->directory) &&
            !memmem(set->binary->text, set->binary->size, node->path + strlen(set->directory) + 1,
                    strcspn(node->path + strlen(set->directory) + 1, "\n")))
                return verification_find(
                                v, node->path,
                                "The driver is not in %s/modules.dep.bin, which modprobe "
                                "and udev read: the index is older; run depmod and " REBUILD,
                                set->directory);
        return 0;
}

int verify_drivers(Verification *v) {
        _cleanup_strmap_ Strmap sets = STRMAP_INIT(set_free);
        DriverSet *set;
        int r;

        TREE_FOREACH(node, v->tree) {
                r = take_node(v, &sets, node);
                if (r < 0)
                        return r;
        }
        TREE_FOREACH(node, v->tree) {
                if (!node_content(node, CONTENT_DRIVER))
                        continue;
                r = get_set(&sets, node->path, &set);
                if (r >= 0 && set)
                        r = check_driver(v, set, node);
                if (r < 0)
                        return r;
        }
        STRMAP_FOREACH(e, &sets) {
                set = e->value;
                if (set->has_index || !set->any)
                        continue;
                r = verification_find(v, set->directory,
                                      "There are drivers and no modules.dep, so that nothing can "
                                      "load them; " REBUILD);
                if (r < 0)
                        return r;
        }
        return 0;
}
