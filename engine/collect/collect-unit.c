/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Units and udev rules, followed to the programs that they name. Units come from the vendor's
 * directories alone: what an admin overrides in /etc is meant for the running system. Our own are
 * in the data directory and land among the vendor's.
 */

#include "collect/collect-internal.h"
#include "collect/udev-rule.h"
#include "collect/unit.h"
#include "path-util.h"
#include "string-util.h"

static const char *const unit_directories[] = {
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
        "/usr/lib/initrdd/units",
};
static const char *const rule_directories[] = {
        "/usr/lib/udev/rules.d",
        "/lib/udev/rules.d",
        "/usr/lib/initrdd/udev",
};
#define OUR_DIRECTORY 2

/* Where `name` is: the path, and whether it is one of ours. -ENOENT. */
static int find_in(Collector *c, Collection *out, const char *const *directories, const char *name,
                   char **ret_path, bool *ret_ours) {
        for (size_t i = 0; i <= OUR_DIRECTORY; i++) {
                _cleanup_free_ char *path = path_join(directories[i], name);
                int r;

                if (!path)
                        return -ENOMEM;
                r = source_exists(c->source, out->trace, path);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret_path = TAKE_PTR(path);
                        *ret_ours = i == OUR_DIRECTORY;
                        return 0;
                }
        }
        return -ENOENT;
}

/* Brings the file in, to the vendor's directory if it is ours, and gives its text. */
static int add_text_file(Collector *c, Collection *out, const char *path, const char *our_place,
                         const char *why, char **ret_text, size_t *ret_size) {
        int r;

        r = collect_path(c, out, path, our_place, why, NULL);
        if (r < 0)
                return r;
        r = source_read(c->source, out->trace, path, ret_text, ret_size);
        /* A unit that is a link to /dev/null is masked, and has no text. */
        return r == -ENXIO ? 0 : r;
}

static int add_dropins(Collector *c, Collection *out, const char *name, Unit *unit,
                       const char *why) {
        for (size_t i = 0; i <= OUR_DIRECTORY; i++) {
                _cleanup_free_ char *pattern = NULL;
                _cleanup_strv_free_ char **paths = NULL;
                int r;

                if (str_printf(&pattern, "%s/%s.d/*.conf", unit_directories[i], name) < 0)
                        return -ENOMEM;
                r = source_glob(c->source, out->trace, pattern, &paths);
                STRV_FOREACH(path, paths) {
                        _cleanup_free_ char *text = NULL, *place = NULL;
                        size_t size = 0;

                        if (r < 0)
                                return r;
                        if (i == OUR_DIRECTORY &&
                            str_printf(&place, "%s/%s.d/%s", unit_directories[0], name,
                                       path_basename(*path)) < 0)
                                return -ENOMEM;
                        r = add_text_file(c, out, *path, place, why, &text, &size);
                        if (r >= 0 && text)
                                r = unit_parse(unit, name, text, size);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The link NAME in `directory`, if it has one. A directory is listed as a whole: that is one line
 * of the trace for all units of a module, not one for each. */
static int add_link_in(Collector *c, Collection *out, const char *directory, const char *name,
                       const char *why) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = source_list(c->source, out->trace, directory, NULL, &names);
        if (r < 0)
                return is_missing(r) ? 0 : r;
        if (!strv_contains(names, name))
                return 0;
        path = path_join(directory, name);
        if (!path)
                return -ENOMEM;
        r = collect_path(c, out, path, NULL, why, NULL);
        return is_missing(r) ? 0 : r; /* a dangling link is nobody's business */
}

/* The links in the vendor's *.wants/ and *.requires/ that make something start this unit. */
static int add_wanted_by(Collector *c, Collection *out, const char *name, const char *why) {
        static const char *const patterns[] = { "*.wants", "*.requires" };

        for (size_t i = 0; i < OUR_DIRECTORY; i++)
                for (size_t k = 0; k < ELEMENTSOF(patterns); k++) {
                        _cleanup_strv_free_ char **names = NULL;
                        int r;

                        r = source_list(c->source, out->trace, unit_directories[i], patterns[k],
                                        &names);
                        if (is_missing(r))
                                continue;
                        STRV_FOREACH(directory, names) {
                                _cleanup_free_ char *path = NULL;

                                if (r < 0)
                                        break;
                                path = path_join(unit_directories[i], *directory);
                                r = path ? add_link_in(c, out, path, name, why) : -ENOMEM;
                        }
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int add_unit_programs(Collector *c, Collection *out, const Unit *unit, const char *path,
                             char **ret_missing) {
        int r;

        for (size_t i = 0; i < unit->n_programs; i++) {
                _cleanup_free_ char *missing = NULL;

                r = collect_program(c, out, unit->programs[i].path, path, &missing);
                if (is_missing(r) && unit->programs[i].optional)
                        continue;
                /* Says more than that an earlier alternative isn't there. */
                if (is_missing(r) && ret_missing) {
                        free(*ret_missing);
                        *ret_missing = TAKE_PTR(missing);
                }
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(user, unit->users) {
                r = strv_extend(&out->users, *user);
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(group, unit->groups) {
                r = strv_extend(&out->groups, *group);
                if (r < 0)
                        return r;
        }
        return 0;
}

int collect_unit(Collector *c, Collection *out, const char *name, const char *why,
                 char **ret_missing) {
        _cleanup_free_ char *path = NULL, *template = NULL, *text = NULL, *place = NULL;
        _cleanup_(unit_freep) Unit *unit = NULL;
        size_t size = 0;
        bool ours;
        int r;

        r = find_in(c, out, unit_directories, name, &path, &ours);
        if (r == -ENOENT) {
                r = unit_name_template(name, &template);
                if (r >= 0)
                        r = template ? find_in(c, out, unit_directories, template, &path, &ours)
                                     : -ENOENT;
        }
        if (r == -ENOENT)
                set_missing(ret_missing, "there is no unit %s", name);
        if (r < 0)
                return r;

        if (ours) {
                place = path_join(unit_directories[0], path_basename(path));
                if (!place)
                        return -ENOMEM;
        }
        r = unit_new(&unit);
        if (r < 0)
                return r;
        r = add_text_file(c, out, path, place, why, &text, &size);
        if (r >= 0 && text)
                r = unit_parse(unit, name, text, size);
        if (r >= 0)
                r = add_dropins(c, out, template ?: name, unit, place ?: path);
        if (r >= 0)
                r = add_wanted_by(c, out, name, place ?: path);
        if (r >= 0)
                r = add_unit_programs(c, out, unit, place ?: path, ret_missing);
        return r;
}

/* A helper that a rule names may be of a package that isn't installed: the rule then does nothing,
 * here as on the running system. */
static int add_rule_programs(Collector *c, Collection *out, const UdevRule *rule,
                             const char *why) {
        int r;

        STRV_FOREACH(program, rule->programs) {
                _cleanup_free_ char *usr = NULL, *lib = NULL;

                if (**program != '/') {
                        usr = path_join("/usr/lib/udev", *program);
                        lib = path_join("/lib/udev", *program);
                        if (!usr || !lib)
                                return -ENOMEM;
                }
                r = collect_path(c, out, usr ?: *program, NULL, why, NULL);
                if (is_missing(r) && lib)
                        r = collect_path(c, out, lib, NULL, why, NULL);
                if (r < 0 && !is_missing(r))
                        return r;
        }
        STRV_FOREACH(user, rule->owners) {
                r = strv_extend(&out->users, *user);
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(group, rule->groups) {
                r = strv_extend(&out->groups, *group);
                if (r < 0)
                        return r;
        }
        return 0;
}

int collect_udev_rule(Collector *c, Collection *out, const char *name, const char *why,
                      char **ret_missing) {
        _cleanup_free_ char *path = NULL, *text = NULL, *place = NULL;
        _cleanup_(udev_rule_freep) UdevRule *rule = NULL;
        size_t size = 0;
        bool ours;
        int r;

        r = find_in(c, out, rule_directories, name, &path, &ours);
        if (r == -ENOENT)
                set_missing(ret_missing, "there are no udev rules %s", name);
        if (r < 0)
                return r;
        if (ours) {
                place = path_join(rule_directories[0], name);
                if (!place)
                        return -ENOMEM;
        }
        r = add_text_file(c, out, path, place, why, &text, &size);
        if (r < 0 || !text)
                return r;
        r = udev_rule_parse(text, size, &rule);
        if (r < 0)
                return r;
        return add_rule_programs(c, out, rule, place ?: path);
}
