/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What each key of [Content] means. A line lists alternatives: the first that is there, with all
 * that it needs, is taken, and the others are in the trace as missing.
 */

#include "collect/accounts.h"
#include "collect/collect-internal.h"
#include "path-util.h"
#include "string-util.h"

/* Where this program's own data lies in the tree. */
#define DATA_DIRECTORY "/usr/lib/initrdd"

/* %v the kernel's version, %D our data, %% a percent sign. */
static int expand(Collector *c, const char *text, char **ret) {
        _cleanup_free_ char *out = NULL;
        size_t n = 0, allocated = 0;

        for (const char *p = text;; p++) {
                char plain[2] = { *p, '\0' };
                const char *piece = plain;

                if (*p == '%' && p[1] != '\0') {
                        p++;
                        piece = *p == 'v'   ? (c->kernel ? c->kernel->version : "")
                                : *p == 'D' ? DATA_DIRECTORY
                                            : "%";
                }
                if (!GREEDY_REALLOC(out, allocated, n + strlen(piece) + 1))
                        return -ENOMEM;
                strcpy(out + n, piece);
                n += strlen(piece);
                if (!*p)
                        break;
        }
        *ret = TAKE_PTR(out);
        return 0;
}

int collect_program(Collector *c, Collection *out, const char *name, const char *why,
                    char **ret_missing) {
        static const char *const directories[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

        if (*name == '/')
                return collect_path(c, out, name, NULL, why, ret_missing);
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_free_ char *path = path_join(directories[i], name);
                int r;

                if (!path)
                        return -ENOMEM;
                r = source_exists(c->source, out->trace, path);
                if (r < 0)
                        return r;
                if (r > 0)
                        return collect_path(c, out, path, NULL, why, ret_missing);
        }
        set_missing(ret_missing, "there is no program %s", name);
        return -ENOENT;
}

static int add_library(Collector *c, Collection *out, const char *name, const char *why,
                       char **ret_missing) {
        LdsoFound *found = NULL;
        size_t n = 0;
        int r;

        r = ldso_find(c->ldso, out->trace, name, strpbrk(name, "*?["), NULL, NULL, &found, &n);
        if (r >= 0 && n == 0) {
                set_missing(ret_missing, "there is no library %s", name);
                r = -ENOENT;
        }
        for (size_t i = 0; i < n; i++) {
                if (r >= 0)
                        r = collect_path(c, out, found[i].path, NULL, why, ret_missing);
                if (r >= 0 && found[i].builtin)
                        r = collect_builtin_link(c, out, found[i].path, found[i].builtin, why);
                ldso_found_done(&found[i]);
        }
        free(found);
        return r;
}

static int add_link(Collector *c, Collection *out, const char *path, const char *place,
                    const char *why) {
        _cleanup_free_ char *target = NULL;
        int r;

        r = source_readlink(c->source, out->trace, path, &target);
        if (r >= 0)
                r = collect_parents(c, out, place);
        if (r >= 0)
                r = manifest_add_symlink(out->manifest, place, target, why);
        return r < 0 ? r : 0;
}

/* What is in a directory of a tree, at its canonical path. */
static int add_below(Collector *c, Collection *out, const char *path, const char *destination,
                     const char *why, char **ret_missing) {
        struct stat st;
        int r;

        r = source_resolve_parent(c->source, out->trace, path, NULL, &st, NULL);
        if (r < 0)
                return r;
        if (S_ISLNK(st.st_mode)) {
                /* One that leads nowhere is that link in the image, too. */
                r = source_resolve(c->source, out->trace, path, NULL, NULL, NULL);
                if (is_missing(r))
                        return add_link(c, out, path, destination ?: path, why);
        } else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return 0; /* sockets and their like are made by programs that run */
        return r < 0 ? r : collect_tree(c, out, path, destination, why, ret_missing);
}

/* Each path that a pattern matches, or the path itself when it is none. */
static int each_path(Collector *c, Collection *out, const char *pattern, char ***ret,
                     char **ret_missing) {
        int r;

        if (!strpbrk(pattern, "*?["))
                return strv_extend(ret, pattern);
        r = source_glob(c->source, out->trace, pattern, ret);
        if (r < 0)
                return r;
        if ((*ret)[0])
                return 0;
        set_missing(ret_missing, "nothing matches %s", pattern);
        return -ENOENT;
}

static int add_paths(Collector *c, Collection *out, const char *pattern, const char *destination,
                     const char *why, char **ret_missing) {
        _cleanup_strv_free_ char **paths = NULL;
        int r;

        r = each_path(c, out, pattern, &paths, ret_missing);
        STRV_FOREACH(path, paths) {
                _cleanup_free_ char *below = NULL;

                if (r < 0)
                        return r;
                if (destination && endswith(destination, "/")) {
                        below = path_join(destination, path_basename(*path));
                        if (!below)
                                return -ENOMEM;
                }
                r = collect_path(c, out, *path, below ?: destination, why, ret_missing);
        }
        return r;
}

int collect_tree(Collector *c, Collection *out, const char *path, const char *destination,
                 const char *why, char **ret_missing) {
        _cleanup_free_ char *canonical = NULL, *place = NULL;
        _cleanup_strv_free_ char **names = NULL;
        struct stat st;
        int r;

        r = source_resolve_parent(c->source, out->trace, path, &canonical, &st, NULL);
        if (r < 0 || !S_ISDIR(st.st_mode)) {
                /* A link inside a tree that goes elsewhere stays the link that it is. */
                if (r >= 0 && S_ISLNK(st.st_mode) && destination) {
                        r = collect_image_path(c, out, destination, &place);
                        return r < 0 ? r : add_link(c, out, path, place, why);
                }
                return collect_path(c, out, path, destination, why, ret_missing);
        }

        if (destination)
                r = collect_image_path(c, out, destination, &place);
        if (r >= 0)
                r = collect_parents(c, out, place ?: canonical);
        if (r >= 0)
                r = manifest_add_directory(out->manifest, place ?: canonical, st.st_mode & 07777,
                                           why);
        if (r >= 0)
                r = source_list(c->source, out->trace, canonical, NULL, &names);
        if (r == -EACCES)
                set_missing(ret_missing, "%s may not be read by this user", canonical);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *from = path_join(canonical, *name);
                _cleanup_free_ char *to = place ? path_join(place, *name) : NULL;

                if (r < 0)
                        return r;
                if (!from || (place && !to))
                        return -ENOMEM;
                r = add_below(c, out, from, to, why, ret_missing);
        }
        return r < 0 ? r : 0;
}

/* Where something of our own goes, with the directories above it. The caller frees. */
static int make_place(Collector *c, Collection *out, const char *path, char **ret) {
        _cleanup_free_ char *place = NULL;
        int r;

        r = collect_image_path(c, out, path, &place);
        if (r >= 0)
                r = collect_parents(c, out, place);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(place);
        return 0;
}

static int add_directory(Collector *c, Collection *out, const char *path, mode_t mode,
                         const char *why) {
        _cleanup_free_ char *place = NULL;
        int r;

        r = make_place(c, out, path, &place);
        if (r >= 0)
                r = manifest_add_directory(out->manifest, place, mode == (mode_t) -1 ? 0755 : mode,
                                           why);
        return r;
}

static int add_symlink(Collector *c, Collection *out, const char *path, const char *target,
                       const char *why) {
        _cleanup_free_ char *place = NULL;
        int r;

        r = make_place(c, out, path, &place);
        if (r >= 0)
                r = manifest_add_symlink(out->manifest, place, target, why);
        return r;
}

static int add_text(Collector *c, Collection *out, const char *path, const Content *content,
                    const char *why) {
        _cleanup_free_ char *place = NULL;
        char *data;
        int r;

        r = make_place(c, out, path, &place);
        if (r >= 0)
                r = expand(c, content->text ?: "", &data);
        if (r < 0)
                return r;
        return manifest_add_data(out->manifest, place,
                                 content->mode == (mode_t) -1 ? 0644 : content->mode, data,
                                 strlen(data), why, NULL);
}

/* TARGET.wants/UNIT, or where TARGET says .requires itself. */
static int add_enable(Collector *c, Collection *out, const char *unit, const char *target,
                      const char *why) {
        _cleanup_free_ char *path = NULL, *link = NULL;
        bool says = endswith(target, ".wants") || endswith(target, ".requires");

        if (str_printf(&path, "/usr/lib/systemd/system/%s%s/%s", target, says ? "" : ".wants",
                       unit) < 0 ||
            str_printf(&link, "../%s", unit) < 0)
                return -ENOMEM;
        return add_symlink(c, out, path, link, why);
}

static int add_mask(Collector *c, Collection *out, const char *unit, const char *why) {
        _cleanup_free_ char *path = path_join("/etc/systemd/system", unit);

        return path ? add_symlink(c, out, path, "/dev/null", why) : -ENOMEM;
}

#define GENERATORS "/usr/lib/systemd/system-generators"

/* From the systems's generator directories, or from our own data. `place` is a directory of the image, NULL: the
 * system's own. */
static int add_generator(Collector *c, Collection *out, const char *name, const char *place,
                         const char *why, char **ret_missing) {
        static const char *const directories[] = {
                GENERATORS,
                "/lib/systemd/system-generators",
                DATA_DIRECTORY "/generators",
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_free_ char *path = path_join(directories[i], name), *there = NULL;

                if (!path)
                        return -ENOMEM;
                r = source_exists(c->source, out->trace, path);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                if (!place && i < 2)
                        return collect_path(c, out, path, NULL, why, ret_missing);
                there = path_join(place ?: GENERATORS, name);
                return there ? collect_path(c, out, path, there, why, ret_missing) : -ENOMEM;
        }
        set_missing(ret_missing, "there is no generator %s", name);
        return -ENOENT;
}

/* It comes with what starts it; a root with programs of another kind than ours has PID 1 do that. */
static int add_generator_on_demand(Collector *c, Collection *out, const char *name,
                                   const char *why, char **ret_missing) {
        int r;

        r = collect_path(c, out, DATA_DIRECTORY "/initrdd-generator",
                         GENERATORS "/initrdd-generator", why, NULL);
        if (r < 0 && r != -ENOENT && r != -ENOPKG)
                return r;
        return add_generator(c, out, name, r >= 0 ? "/usr/lib/initrdd/generators" : NULL, why,
                             ret_missing);
}

static int add_account(Collector *c, Collection *out, bool group, const char *name,
                       char **ret_missing) {
        int r;

        r = account_exists(c, out->trace, group, name);
        if (r < 0)
                return r;
        if (r == 0) {
                set_missing(ret_missing, "there is no %s %s", group ? "group" : "user", name);
                return -ENOENT;
        }
        return strv_extend(group ? &out->groups : &out->users, name);
}

static int add_alternative(Collector *c, Collection *out, const Content *content, const char *name,
                           const char *destination, const char *why, char **ret_missing) {
        switch (content->type) {
        case CONTENT_BINARY:
                if (strpbrk(name, "*?["))
                        return add_paths(c, out, name, destination, why, ret_missing);
                return collect_program(c, out, name, why, ret_missing);
        case CONTENT_LIBRARY:
                if (*name == '/')
                        return add_paths(c, out, name, NULL, why, ret_missing);
                return add_library(c, out, name, why, ret_missing);
        case CONTENT_FILE:
                return add_paths(c, out, name, destination, why, ret_missing);
        case CONTENT_TREE:
                return collect_tree(c, out, name, destination, why, ret_missing);
        case CONTENT_DIRECTORY:
                return add_directory(c, out, name, content->mode, why);
        case CONTENT_SYMLINK:
                return add_symlink(c, out, name, destination, why);
        case CONTENT_TEXT:
                return add_text(c, out, name, content, why);
        case CONTENT_UNIT:
                return collect_unit(c, out, name, why, ret_missing);
        case CONTENT_ENABLE:
                return add_enable(c, out, name, destination, why);
        case CONTENT_MASK:
                return add_mask(c, out, name, why);
        case CONTENT_UDEV_RULE:
                return collect_udev_rule(c, out, name, why, ret_missing);
        case CONTENT_GENERATOR:
                return add_generator(c, out, name, NULL, why, ret_missing);
        case CONTENT_GENERATOR_ON_DEMAND:
                return add_generator_on_demand(c, out, name, why, ret_missing);
        case CONTENT_KEYMAP:
                return collect_keymap(c, out, name, why, ret_missing);
        case CONTENT_SPLASH_THEME:
                return collect_splash_theme(c, out, name, why, ret_missing);
        case CONTENT_USER:
        case CONTENT_GROUP:
                return add_account(c, out, content->type == CONTENT_GROUP, name, ret_missing);
        default:
                return -EINVAL;
        }
}

/* How far a collection has come, to go back there. Whoever holds an Entry of later must not. */
typedef struct Mark {
        size_t n_entries, n_users, n_groups;
} Mark;

static Mark mark(const Collection *out) {
        return (Mark) { out->manifest->entries.n, strv_length(out->users),
                        strv_length(out->groups) };
}

static void go_back(Collection *out, Mark m) {
        strmap_truncate(&out->manifest->entries, m.n_entries);
        strv_truncate(out->users, m.n_users);
        strv_truncate(out->groups, m.n_groups);
}

int collect_content(Collector *c, Collection *out, const Content *content, const char *why,
                    char **ret_missing) {
        _cleanup_free_ char *destination = NULL;
        int r = -ENOENT;

        if (content->destination) {
                r = expand(c, content->destination, &destination);
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(alternative, content->alternatives) {
                _cleanup_free_ char *name = NULL;
                Mark before = mark(out);

                r = expand(c, *alternative, &name);
                if (r >= 0)
                        r = add_alternative(c, out, content, name, destination, why, ret_missing);
                if (r < 0)
                        go_back(out, before);
                if (!is_missing(r))
                        break;
        }
        return r < 0 ? r : 0;
}
