/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Units: every program that one starts, unless the unit itself says that it may be missing, and
 * the links that make one unit start another. Of the directories with units the admin's comes
 * before the vendor's, and of a name the first is taken.
 *
 * In an image of ours every unit is there for a reason. Other tools copy units that nothing
 * starts, without what these need, and leave links in a .wants/ to units that they did not copy,
 * which systemd passes over. So of theirs only what is started on the way to the root counts.
 */

#include <sys/stat.h>

#include "collect/unit.h"
#include "image/verify-internal.h"
#include "path-util.h"
#include "string-util.h"

typedef struct Units {
        Verification *v;
        char **directories; /* canonical, the first one first */
        Strmap names; /* of a unit → TreeNode */
        Strmap checked; /* names, in the order in which they are to be checked */
        const TreeNode **dropins;
        size_t n_dropins, allocated_dropins;
        const char **links; /* "a.target.wants/b.service", below a directory */
        size_t n_links, allocated_links;
} Units;

static int find_directories(Units *u) {
        static const char *const paths[] = {
                "/etc/systemd/system", "/run/systemd/system",     "/usr/local/lib/systemd/system",
                "/lib/systemd/system", "/usr/lib/systemd/system",
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const TreeNode *node = tree_resolve(u->v->tree, paths[i]);

                r = node ? strv_extend_unique(&u->directories, node->path) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Whether `path` is right in the directory that `directory` begins, of `n` bytes. */
static const char *name_in(const char *path, const char *directory) {
        const char *rest = startswith(path, directory);

        return rest && *rest == '/' ? rest + 1 : NULL;
}

static int take_node(Units *u, const char *directory, const TreeNode *node) {
        const char *name = name_in(node->path, directory);
        int r;

        if (!name || S_ISDIR(node->file->mode))
                return 0;
        if (!strchr(name, '/') && unit_name_is_valid(name)) {
                r = strmap_put(&u->names, name, (void *) node);
                return r == -EEXIST ? 0 : r;
        }
        if (strstr(name, ".wants/") || strstr(name, ".requires/")) {
                if (!GREEDY_REALLOC(u->links, u->allocated_links, u->n_links + 1))
                        return -ENOMEM;
                u->links[u->n_links++] = name;
                return 0;
        }
        if (!strstr(name, ".d/") || !endswith(name, ".conf"))
                return 0;
        if (!GREEDY_REALLOC(u->dropins, u->allocated_dropins, u->n_dropins + 1))
                return -ENOMEM;
        u->dropins[u->n_dropins++] = node;
        return 0;
}

static int add_dropins(const Units *u, Unit *unit, const char *name) {
        size_t n = strlen(name);
        int r;

        for (size_t i = 0; i < u->n_dropins; i++) {
                const char *path = u->dropins[i]->path, *base = path_basename(path);
                const Content *c = node_content(tree_resolve(u->v->tree, path), CONTENT_TEXT);
                const char *end = base - 3; /* of ".d/" */

                if (!c || (size_t) (end - path) < n + 1 || end[-(ssize_t) n - 1] != '/' ||
                    strncmp(end - n, name, n) != 0 || strncmp(end, ".d/", 3) != 0)
                        continue;
                r = unit_parse(unit, name, c->text, c->size);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A bare name is looked for where systemd does. */
static bool has_program(const Verification *v, const char *program) {
        static const char *const directories[] = { "/usr/local/sbin", "/usr/local/bin",
                                                   "/usr/sbin",       "/usr/bin",
                                                   "/sbin",           "/bin" };

        if (*program == '/')
                return tree_has_program(v->tree, program);
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_free_ char *path = path_join(directories[i], program);

                if (path && tree_has_program(v->tree, path))
                        return true;
        }
        return false;
}

/* What is in the image only once it runs. */
static bool is_made_at_boot(const char *program) {
        return path_below(program, "/run") || path_below(program, "/sysroot") ||
               path_below(program, "/proc");
}

static int plan_check(Units *u, const char *name) {
        int r = strmap_put(&u->checked, name, NULL);

        return r == -EEXIST ? 0 : r;
}

/* What the unit starts: what it says, and what the links in its directories do. */
static int plan_needs(Units *u, const char *name, const Unit *unit) {
        size_t n = strlen(name);
        int r;

        STRV_FOREACH(need, unit->needs) {
                r = plan_check(u, *need);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < u->n_links; i++) {
                const char *path = u->links[i], *rest = startswith(path, name);

                if (!rest || path[n] != '.')
                        continue;
                r = plan_check(u, path_basename(path));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_unit(Units *u, const char *name, const TreeNode *node) {
        _cleanup_(unit_freep) Unit *unit = NULL;
        const TreeNode *file = tree_resolve(u->v->tree, node->path);
        const Content *c = node_content(file, CONTENT_TEXT);
        int r;

        if (S_ISLNK(node->file->mode)) {
                if (streq(node->file->target, "/dev/null"))
                        return 0;
                if (!file)
                        return verification_find(u->v, node->path,
                                                 "The unit is a link to %s, which is not in the "
                                                 "image; " REBUILD,
                                                 node->file->target);
        }
        if (!c)
                return 0;
        r = unit_new(&unit);
        if (r >= 0)
                r = unit_parse(unit, name, c->text, c->size);
        if (r >= 0)
                r = add_dropins(u, unit, name);
        if (r == -EFBIG || r == -E2BIG)
                return verification_find(u->v, node->path,
                                         "The unit is too large to be one; " REBUILD);
        for (size_t i = 0; i < (r >= 0 ? unit->n_programs : 0) && r >= 0; i++) {
                const UnitProgram *program = &unit->programs[i];

                if (program->optional || is_made_at_boot(program->path) ||
                    has_program(u->v, program->path))
                        continue;
                r = verification_find(u->v, node->path,
                                      "The unit starts %s, which is not in the image, or can't be "
                                      "executed; install the package that has it and " REBUILD,
                                      program->path);
        }
        return r < 0 ? r : plan_needs(u, name, unit);
}

/* The unit's, or that of its template; NULL in `ret` when there is none. 0, -ENOMEM. */
static int find_unit(const Units *u, const char *name, const TreeNode **ret) {
        _cleanup_free_ char *template = NULL;
        int r;

        *ret = strmap_get(&u->names, name);
        if (*ret)
                return 0;
        r = unit_name_template(name, &template);
        if (r >= 0 && template)
                *ret = strmap_get(&u->names, template);
        return MIN_OF(r, 0);
}

/* "a.target.requires/b.service": a.target, once it is started, starts b.service. */
static int check_link(Units *u, const char *link) {
        const char *base = path_basename(link), *wants = endswith(link, base);
        size_t n = (size_t) (wants - link);
        bool required = n > 10 && strncmp(wants - 10, ".requires/", 10) == 0;
        _cleanup_free_ char *by = NULL;
        const TreeNode *node;
        int r;

        if (!required && !u->v->ours)
                return 0;
        r = find_unit(u, base, &node);
        if (r < 0 || node)
                return r;
        by = strndup(link, n - (required ? 10 : 7));
        if (!by)
                return -ENOMEM;
        if (!u->v->ours && !strmap_contains(&u->checked, by))
                return 0;
        return verification_find(u->v, base,
                                 "The unit is not in the image, and %s %s it; " REBUILD, by,
                                 required ? "requires" : "wants");
}

static int plan_all(Units *u) {
        static const char *const started[] = {
                "default.target",
                "initrd.target",
                "initrd-switch-root.target",
                "emergency.target",
        };
        int r = 0;

        if (u->v->ours) {
                STRMAP_FOREACH(e, &u->names)
                        if (r >= 0)
                                r = plan_check(u, e->key);
                return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(started) && r >= 0; i++)
                r = plan_check(u, started[i]);
        return r;
}

static int check_all(Units *u) {
        const TreeNode *node;
        int r;

        r = plan_all(u);
        for (size_t i = 0; r >= 0 && i < u->checked.n; i++) {
                const char *name = u->checked.entries[i].key;

                r = find_unit(u, name, &node);
                if (r >= 0 && node)
                        r = check_unit(u, name, node);
        }
        for (size_t i = 0; r >= 0 && i < u->n_links; i++)
                r = check_link(u, u->links[i]);
        return r;
}

int verify_units(Verification *v) {
        Units u = { .v = v, .names = STRMAP_INIT(NULL), .checked = STRMAP_INIT(NULL) };
        int r;

        r = find_directories(&u);
        STRV_FOREACH(directory, u.directories)
                TREE_FOREACH(node, v->tree)
                        if (r >= 0)
                                r = take_node(&u, *directory, node);
        if (r >= 0)
                r = check_all(&u);
        strmap_done(&u.names);
        strmap_done(&u.checked);
        strv_free(u.directories);
        free(u.dropins);
        free(u.links);
        return r;
}
