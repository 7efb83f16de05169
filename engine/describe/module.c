/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A module is its file and the drop-ins on top, read line by line into one Module; here are the
 * files, [Module] and the hash, the entries of [Content] and [Drivers] are in module-entry.c.
 *
 * The hash is the definition's name: two Modules with the same make the same of the same system. It
 * is over what was understood and not over the text, so that a comment, or which directory a line
 * stands in, packs nothing anew. It is made of, in this order, each string as its length in eight
 * bytes, little endian, and its bytes (NULL: a length of all ones), each number as eight bytes,
 * each list as its length and its members:
 *
 *      name, description, Requires, Wants, Conflicts, Needed, a number for each Mode, Always,
 *      Fragment,
 *      contents: type, optional, alternatives, destination, text, mode,
 *      drivers: type, optional, alternatives.
 */

#include <ctype.h>
#include <endian.h>

#include "describe/conf-file.h"
#include "describe/module-entry.h"
#include "describe/module.h"
#include "path-util.h"
#include "string-util.h"

#define MODULES_DIRECTORY "modules.d"
#define SUFFIX ".module"

int module_new(Module **ret, const char *name) {
        _cleanup_(module_freep) Module *m = calloc(1, sizeof(Module));

        if (!m)
                return -ENOMEM;
        m->name = strdup(name);
        m->fragment = strdup(name);
        if (!m->name || !m->fragment)
                return -ENOMEM;
        for (Mode mode = 0; mode < _MODE_MAX; mode++)
                m->modes[mode] = true;
        *ret = TAKE_PTR(m);
        return 0;
}

static void reset_requires(Module *m) {
        for (size_t i = 0, n = strv_length(m->requires); i < n; i++)
                free(m->requires_from[i].path);
        free(m->requires_from);
        m->requires_from = NULL;
        m->requires = strv_free(m->requires);
}

Module *module_free(Module *module) {
        if (!module)
                return NULL;
        reset_requires(module);
        free(module->name);
        free(module->path);
        free(module->description);
        strv_free(module->wants);
        strv_free(module->conflicts);
        strv_free(module->needed);
        free(module->fragment);
        for (size_t i = 0; i < module->n_contents; i++)
                content_done(&module->contents[i]);
        free(module->contents);
        for (size_t i = 0; i < module->n_drivers; i++)
                driver_rule_done(&module->drivers[i]);
        free(module->drivers);
        free(module);
        return NULL;
}

static void hash_number(XXH3_state_t *state, uint64_t n) {
        n = htole64(n);
        (void) XXH3_128bits_update(state, &n, sizeof(n));
}

static void hash_string(XXH3_state_t *state, const char *s) {
        hash_number(state, s ? strlen(s) : UINT64_MAX);
        if (s)
                (void) XXH3_128bits_update(state, s, strlen(s));
}

static void hash_strv(XXH3_state_t *state, char *const *l) {
        hash_number(state, strv_length(l));
        STRV_FOREACH(s, l)
                hash_string(state, *s);
}

static int module_hash(Module *m) {
        XXH3_state_t *state = XXH3_createState();

        if (!state)
                return -ENOMEM;
        (void) XXH3_128bits_reset(state);
        hash_string(state, m->name);
        hash_string(state, m->description);
        hash_strv(state, m->requires);
        hash_strv(state, m->wants);
        hash_strv(state, m->conflicts);
        hash_strv(state, m->needed);
        for (Mode mode = 0; mode < _MODE_MAX; mode++)
                hash_number(state, m->modes[mode]);
        hash_number(state, m->always);
        hash_string(state, m->fragment);

        hash_number(state, m->n_contents);
        for (size_t i = 0; i < m->n_contents; i++) {
                const Content *c = &m->contents[i];

                hash_number(state, (uint64_t) c->type);
                hash_number(state, c->optional);
                hash_strv(state, c->alternatives);
                hash_string(state, c->destination);
                hash_string(state, c->text);
                hash_number(state, c->mode);
        }
        hash_number(state, m->n_drivers);
        for (size_t i = 0; i < m->n_drivers; i++) {
                const DriverRule *d = &m->drivers[i];

                hash_number(state, (uint64_t) d->type);
                hash_number(state, d->optional);
                hash_strv(state, d->alternatives);
        }
        m->hash = XXH3_128bits_digest(state);
        XXH3_freeState(state);
        return 0;
}

static int replace_string(const ModuleLine *l, char **field, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return report_oom(l->report);
        free(*field);
        *field = copy;
        return 0;
}

static const char *name_complaint(const char *word) {
        return conf_name_is_valid(word) ? NULL : "it takes names of modules";
}

static const char *tag_complaint(const char *word) {
        for (const char *c = word; *c; c++)
                if (!isalnum((unsigned char) *c) && !strchr(":-_.*?[]!", *c))
                        return "it takes tags of facts, wildcards allowed";
        return *word ? NULL : "it takes tags of facts, wildcards allowed";
}

static int grow_list(const ModuleLine *l, char ***list, const char *(*complaint)(const char *) ) {
        _cleanup_strv_free_ char **words = NULL;
        int r;

        if (!*l->value) {
                *list = strv_free(*list);
                return 0;
        }
        r = module_line_words(l, &words);
        if (r < 0)
                return r;
        STRV_FOREACH(word, words) {
                const char *why = complaint(*word);

                if (why)
                        return module_line_fail(l, *word, why);
                if (complaint == name_complaint && streq(*word, l->module->name))
                        return module_line_fail(l, *word, "that is the module itself");
                if (strv_extend_unique(list, *word) < 0)
                        return report_oom(l->report);
        }
        return 0;
}

static int set_requires(const ModuleLine *l) {
        Module *m = l->module;
        size_t n = strv_length(m->requires), now;
        ModuleOrigin *grown;
        int r;

        if (!*l->value) {
                reset_requires(m);
                return 0;
        }
        /* The array is as long as the list at any time: a failure here must leave it so. */
        r = grow_list(l, &m->requires, name_complaint);
        now = strv_length(m->requires);
        if (now > n) {
                grown = reallocarray(m->requires_from, now, sizeof(ModuleOrigin));
                if (!grown) {
                        for (size_t i = n; i < now; i++) {
                                free(m->requires[i]);
                                m->requires[i] = NULL;
                        }
                        return report_oom(l->report);
                }
                m->requires_from = grown;
                memset(grown + n, 0, (now - n) * sizeof(ModuleOrigin));
        }
        for (size_t i = n; i < now; i++) {
                m->requires_from[i] = (ModuleOrigin) { strdup(l->path), l->line };
                if (!m->requires_from[i].path)
                        return report_oom(l->report);
        }
        return r;
}

static int set_modes(const ModuleLine *l) {
        _cleanup_strv_free_ char **words = NULL;
        Module *m = l->module;
        int r;

        r = module_line_words(l, &words);
        if (r < 0)
                return r;
        if (!*l->value || !m->modes_said)
                for (Mode mode = 0; mode < _MODE_MAX; mode++)
                        m->modes[mode] = !*l->value;
        m->modes_said = *l->value;
        STRV_FOREACH(word, words) {
                Mode mode = mode_from_string(*word);

                if (mode < 0)
                        return module_line_fail(l, *word, "it takes host, strict and generic");
                m->modes[mode] = true;
        }
        return 0;
}

static int set_always(const ModuleLine *l) {
        int r = *l->value ? parse_boolean(l->value) : 0;

        if (r < 0)
                return module_line_fail(l, l->value, "it takes yes or no");
        l->module->always = r;
        return 0;
}

static int set_description(const ModuleLine *l) {
        if (*l->value)
                return replace_string(l, &l->module->description, l->value);
        free(l->module->description);
        l->module->description = NULL;
        return 0;
}

static int set_fragment(const ModuleLine *l) {
        if (!*l->value)
                return replace_string(l, &l->module->fragment, l->module->name);
        if (!conf_name_is_valid(l->value))
                return module_line_fail(l, l->value, "it takes a name");
        return replace_string(l, &l->module->fragment, l->value);
}

static int module_line_module(const ModuleLine *l) {
        Module *m = l->module;

        if (streq(l->key, "Description"))
                return set_description(l);
        if (streq(l->key, "Requires"))
                return set_requires(l);
        if (streq(l->key, "Wants"))
                return grow_list(l, &m->wants, name_complaint);
        if (streq(l->key, "Conflicts"))
                return grow_list(l, &m->conflicts, name_complaint);
        if (streq(l->key, "Needed"))
                return grow_list(l, &m->needed, tag_complaint);
        if (streq(l->key, "Modes"))
                return set_modes(l);
        if (streq(l->key, "Always"))
                return set_always(l);
        if (streq(l->key, "Fragment"))
                return set_fragment(l);
        return module_line_fail(l, "", "[Module] has no such key");
}

typedef struct Reader {
        Module *module;
        Report *report;
} Reader;

static int on_assignment(void *userdata, const char *path, unsigned line, const char *section,
                         const char *key, const char *value) {
        const Reader *reader = userdata;
        const ModuleLine l = { reader->module, reader->report, path, line, key, value };

        if (streq(section, "Module"))
                return module_line_module(&l);
        if (streq(section, "Content"))
                return module_line_content(&l);
        if (streq(section, "Drivers"))
                return module_line_driver(&l);
        return report_fail(reader->report, FAILURE_CONFIG_INVALID, -EINVAL, path, line,
                           "A module file has [Module], [Content] and [Drivers], not [%s]",
                           section);
}

int module_parse(Module *module, Report *report, const char *path, const char *text, size_t size) {
        Reader reader = { module, report };
        int r;

        if (!module->path) {
                module->path = strdup(path);
                if (!module->path)
                        return report_oom(report);
        }
        r = conf_parse(report, path, text, size, CONF_STRICT, on_assignment, &reader);
        if (r < 0)
                return r;
        return module_hash(module) < 0 ? report_oom(report) : 0;
}

/* `file` is a name in modules.d/. 1, or 0 when it is masked. */
static int load_module(Source *source, Trace *trace, Report *report, const char *file,
                       Module **ret) {
        _cleanup_(module_freep) Module *m = NULL;
        _cleanup_strv_free_ char **paths = NULL;
        _cleanup_free_ char *relative = path_join(MODULES_DIRECTORY, file),
                            *name = strndup(file, strlen(file) - strlen(SUFFIX));
        bool found;
        int r;

        if (!relative || !name)
                return report_oom(report);
        r = conf_files(source, trace, relative, &paths, &found, NULL);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, NULL, 0,
                                   "The module %s can't be read: %s", name, strerror(-r));
        if (!found)
                return 0;
        if (!conf_name_is_valid(name))
                return report_fail(report, FAILURE_CONFIG_INVALID, -EINVAL, paths[0], 0,
                                   "\"%s\" can't name a module", name);

        if (module_new(&m, name) < 0)
                return report_oom(report);
        STRV_FOREACH(path, paths) {
                _cleanup_free_ char *text = NULL;
                size_t size;

                r = source_read(source, trace, *path, &text, &size);
                if (r < 0)
                        return report_fail(report, FAILURE_CONFIG_INVALID, r, *path, 0,
                                           "The file can't be read: %s", strerror(-r));
                r = module_parse(m, report, *path, text, size);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(m);
        return 1;
}

static int compare_modules(const void *a, const void *b) {
        return strcmp((*(Module *const *) a)->name, (*(Module *const *) b)->name);
}

int modules_load(Source *source, Trace *trace, Report *report, Modules **ret) {
        _cleanup_(modules_freep) Modules *modules = calloc(1, sizeof(Modules));
        _cleanup_strv_free_ char **files = NULL;
        int r;

        if (!modules)
                return report_oom(report);
        r = conf_list(source, trace, MODULES_DIRECTORY, SUFFIX, &files);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, NULL, 0,
                                   "The modules can't be listed: %s", strerror(-r));

        modules->modules = calloc(strv_length(files) + 1, sizeof(Module *));
        if (!modules->modules)
                return report_oom(report);
        STRV_FOREACH(file, files) {
                r = load_module(source, trace, report, *file,
                                &modules->modules[modules->n_modules]);
                if (r < 0)
                        return r;
                modules->n_modules += (size_t) r;
        }
        qsort(modules->modules, modules->n_modules, sizeof(Module *), compare_modules);
        *ret = TAKE_PTR(modules);
        return 0;
}

Modules *modules_free(Modules *modules) {
        if (!modules)
                return NULL;
        for (size_t i = 0; i < modules->n_modules; i++)
                module_free(modules->modules[i]);
        free(modules->modules);
        free(modules);
        return NULL;
}

const Module *modules_find(const Modules *modules, const char *name) {
        size_t low = 0, high = modules->n_modules;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = strcmp(name, modules->modules[middle]->name);

                if (c == 0)
                        return modules->modules[middle];
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}
