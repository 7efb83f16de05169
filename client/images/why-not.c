/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The image can't say why something is not in it; what a build would do now can. The questions
 * are asked in the order in which a build would come to an answer: whether it would be there,
 * whether the kernel has such a driver and an admin left it out, whether a module brings it that is
 * not chosen, was left out, or is masked, and whether there is such a file at all.
 */

#include <fnmatch.h>

#include "collect/driver-name.h"
#include "collect/driver-table.h"
#include "described-files.h"
#include "path-util.h"
#include "string-util.h"
#include "why-not.h"

#define MODULES_DIRECTORY "/usr/lib/initrdd/modules.d"

const char *why_not_to_string(WhyNot w) {
        static const char *const names[_WHY_NOT_MAX] = {
                "stale", "built-in", "omitted", "masked", "missing", "dropped", "not-needed",
        };

        return w >= 0 && w < _WHY_NOT_MAX ? names[w] : NULL;
}

static int ask_fragments(const Build *b, const char *what, char **ret) {
        const Entry *found = *what == '/' ? fragments_resolve(b->fragments, what) : NULL;

        for (size_t i = 0; i < b->fragments->n && !found && *what != '/'; i++)
                for (size_t k = 0; k < b->fragments->fragments[i]->n_entries && !found; k++) {
                        const Entry *e = b->fragments->fragments[i]->entries[k];

                        if (e->type != ENTRY_DIRECTORY && path_is_called(e->path, what))
                                found = e;
                }
        if (!found)
                return -ENOENT;
        return str_printf(ret, "a build would put %s there now, for %s: the image is stale",
                          found->path, found->why) < 0
                               ? -ENOMEM
                               : WHY_NOT_STALE;
}

/* The pattern of the profile that leaves a driver out. */
static const char *omitting(const Build *b, const char *name) {
        STRV_FOREACH(pattern, b->profile->omit_drivers) {
                _cleanup_free_ char *normalized = strdup(*pattern);

                if (normalized && driver_alias_normalize(normalized) >= 0 &&
                    fnmatch(normalized, name, 0) == 0)
                        return *pattern;
        }
        return NULL;
}

static int ask_driver(const Build *b, DriverTable *table, const char *name, char **ret) {
        const Driver *driver = driver_table_find(table, name), *needed;
        const char *p, *pattern;
        int r;

        if (!driver)
                return -ENOENT;
        pattern = omitting(b, driver->name);
        if (pattern) {
                r = str_printf(ret, "the profile leaves it out: OmitDrivers=%s", pattern);
                return r < 0 ? -ENOMEM : WHY_NOT_OMITTED;
        }
        for (p = driver->depends; (needed = driver_table_next_dependency(table, &p));) {
                pattern = omitting(b, needed->name);
                if (!pattern)
                        continue;
                r = str_printf(ret, "it needs %s, which the profile leaves out: OmitDrivers=%s",
                               needed->name, pattern);
                return r < 0 ? -ENOMEM : WHY_NOT_OMITTED;
        }
        r = str_printf(ret,
                       "kernel %s has it as %s, and nothing in mode %s asks for it; Drivers=%s in "
                       "the profile does",
                       b->kernel->version, driver->file, mode_to_string(b->profile->mode),
                       driver->name);
        return r < 0 ? -ENOMEM : WHY_NOT_NEEDED;
}

/* What looks like a driver: a path or name with .ko, or a bare word. */
static int ask_kernel(const Build *b, const char *what, char **ret) {
        bool is_file = driver_name_of_path(what, (char[DRIVER_NAME_MAX]) {}) >= 0;
        _cleanup_(driver_table_freep) DriverTable *table = NULL;
        char name[DRIVER_NAME_MAX];
        DriverList list = {};
        Report report = {};
        int r;

        if (!is_file && strchr(what, '/'))
                return -ENOENT;
        if (driver_name_of_path(what, name) < 0 && driver_name_normalize(what, name) < 0)
                return -ENOENT;
        r = driver_table_new(&table, b->source, NULL, &report, b->kernel);
        report_done(&report);
        if (r < 0)
                return r == -ENOMEM ? r : -ENOENT;
        r = ask_driver(b, table, name, ret);
        if (r != -ENOENT)
                return r;
        r = driver_table_lookup(table, name, &list);
        if (r >= 0 && list.n_builtins > 0)
                r = str_printf(ret, "it is built into kernel %s", b->kernel->version) < 0
                                    ? -ENOMEM
                                    : WHY_NOT_BUILT_IN;
        else if (r >= 0 && is_file)
                r = str_printf(ret, "kernel %s has no driver %s", b->kernel->version, name) < 0
                                    ? -ENOMEM
                                    : WHY_NOT_MISSING;
        else if (r >= 0)
                r = -ENOENT;
        driver_list_done(&list);
        return r;
}

/* Units, rules and generators go by their names. */
static bool content_names(const Content *c, const char *what) {
        if (c->destination && streq(c->destination, what))
                return true;
        STRV_FOREACH(one, c->alternatives)
                if (streq(*one, what) || streq(*one, path_basename(what)) ||
                    (c->type == CONTENT_TREE && *what == '/' && path_below(what, *one)))
                        return true;
        return false;
}

static const Content *module_brings(const Module *m, const char *what) {
        for (size_t i = 0; i < m->n_contents; i++)
                if (content_names(&m->contents[i], what))
                        return &m->contents[i];
        return NULL;
}

static bool is_left_out(const Build *b, const char *module) {
        STRV_FOREACH(name, b->profile->modules)
                if (**name == '-' && streq(*name + 1, module))
                        return true;
        return false;
}

static int ask_module(const Build *b, const Module *m, const Content *c, char **ret) {
        const char *dropped = strmap_get(&b->dropped, m->name);
        _cleanup_free_ char *needed = strv_join(m->needed, " ");
        int r;

        if (c->type == CONTENT_MASK) {
                r = str_printf(ret, "module %s masks it (%s:%u)", m->name, c->path, c->line);
                return r < 0 ? -ENOMEM : WHY_NOT_MASKED;
        }
        if (dropped) {
                r = str_printf(ret, "module %s would bring it, and is left out: %s", m->name,
                               dropped);
                return r < 0 ? -ENOMEM : WHY_NOT_DROPPED;
        }
        if (plan_find(b->plan, m->name)) {
                r = str_printf(ret,
                               "module %s would bring it (%s:%u), and the system has no such "
                               "file",
                               m->name, c->path, c->line);
                return r < 0 ? -ENOMEM : WHY_NOT_MISSING;
        }
        if (is_left_out(b, m->name)) {
                r = str_printf(ret,
                               "module %s would bring it, and the profile leaves that out: "
                               "Modules=-%s",
                               m->name, m->name);
                return r < 0 ? -ENOMEM : WHY_NOT_OMITTED;
        }
        if (needed && *needed)
                r = str_printf(ret,
                               "module %s would bring it, and isn't needed in mode %s: that "
                               "takes one of %s; Modules=%s in the profile adds it",
                               m->name, mode_to_string(b->profile->mode), needed, m->name);
        else
                r = str_printf(ret,
                               "module %s would bring it, and nothing asks for that; "
                               "Modules=%s in the profile does",
                               m->name, m->name);
        return r < 0 ? -ENOMEM : WHY_NOT_NEEDED;
}

static int ask_modules(const Build *b, const char *what, char **ret) {
        for (size_t i = 0; i < b->modules->n_modules; i++) {
                const Content *c = module_brings(b->modules->modules[i], what);

                if (c)
                        return ask_module(b, b->modules->modules[i], c, ret);
        }
        return -ENOENT;
}

/* A file of ours that an admin's file of the same name hides. */
static int ask_masked(const Build *b, const char *what, char **ret) {
        _cleanup_strv_free_ char **names = NULL;
        int r = source_list(b->source, NULL, MODULES_DIRECTORY, "*.module", &names);

        if (r < 0)
                return r == -ENOMEM ? r : -ENOENT;
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *stem = strndup(*name, strlen(*name) - strlen(".module")),
                                    *path = path_join(MODULES_DIRECTORY, *name), *text = NULL;
                _cleanup_(module_freep) Module *m = NULL;
                Report report = {};
                bool brings;
                size_t size;

                if (!stem || !path)
                        return -ENOMEM;
                if (modules_find(b->modules, stem))
                        continue;
                if (source_read(b->source, NULL, path, &text, &size) < 0 ||
                    module_new(&m, stem) < 0)
                        continue;
                brings = module_parse(m, &report, path, text, size) >= 0 && module_brings(m, what);
                report_done(&report);
                if (!brings)
                        continue;
                r = str_printf(ret, "module %s would bring it, and is masked", stem);
                return r < 0 ? -ENOMEM : WHY_NOT_MASKED;
        }
        return -ENOENT;
}

static int ask_source(const Build *b, const char *what, char **ret) {
        int r;

        if (*what == '/' && source_exists(b->source, NULL, what) == 0) {
                r = str_printf(ret, "the system has no such file");
                return r < 0 ? -ENOMEM : WHY_NOT_MISSING;
        }
        r = *what == '/' ? str_printf(ret,
                                      "the system has it, and nothing in the image needs it; "
                                      "Include=%s in the profile puts it there",
                                      what)
                         : str_printf(ret, "neither the modules nor the drivers know that name");
        return r < 0 ? -ENOMEM : *what == '/' ? WHY_NOT_NEEDED : WHY_NOT_MISSING;
}

int why_not(const Build *b, const char *what, char **ret) {
        static int (*const questions[])(const Build *b, const char *what, char **ret) = {
                ask_fragments, ask_kernel, ask_modules, ask_masked, ask_source,
        };
        int r = -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(questions) && r == -ENOENT; i++)
                r = questions[i](b, what, ret);
        return r;
}
