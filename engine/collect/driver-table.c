/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * modules.dep is the list of a kernel's drivers: a line for each, with its file and the files of
 * everything it depends on, so that nothing recursive is left to be done. It is read once, whole,
 * and its text is kept: a Driver points into it. There are thousands of drivers and each [Drivers]
 * line of a module may be a glob over all of them, so names have a hash map and paths a sorted
 * array, in which a glob is compared only with what begins as it does.
 *
 * Aliases are libkmod's business, in the binary indexes that depmod wrote; only aliases of
 * modprobe.d come before these. libkmod gets the kernel's directory as a descriptor of the Source
 * and no configuration. It opens the indexes by name, so that a link in the place of one would lead
 * out of the Source: in another root than the running system's, such a kernel is refused.
 *
 * A driver that replaces one of the kernel's own lies elsewhere (updates/, extra/, weak-updates/).
 * A glob over kernel/ means it nevertheless: modules.order knows where the replaced one was.
 */

#include <fnmatch.h>
#include <limits.h>
#include <unistd.h>

#include "collect/driver-name.h"
#include "collect/driver-table.h"
#include "collect/glob.h"
#include "collect/kernel-file.h"
#include "collect/kmod-library.h"
#include "decompress.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

typedef struct PathName {
        const char *path;
        Driver *driver;
} PathName;

struct DriverTable {
        char *text; /* modules.dep */
        char *order_text; /* modules.order */
        Driver *drivers;
        size_t n, allocated;
        PathName *paths; /* sorted; a driver that replaces another has two */
        size_t n_paths, allocated_paths;
        Strmap by_name; /* → Driver */
        Strmap builtins; /* name → Builtin */
        DriverRelations relations;
        char *directory; /* for libkmod */
        struct kmod_ctx *kmod;
};

static void builtin_free(void *p) {
        Builtin *builtin = p;

        if (!builtin)
                return;
        free(builtin->path);
        strv_free(builtin->firmware);
        free(builtin);
}

DriverTable *driver_table_free(DriverTable *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n; i++) {
                if (table->drivers[i].path != table->drivers[i].file)
                        free((char *) table->drivers[i].path);
                free(table->drivers[i].entry_path);
        }
        free(table->drivers);
        free(table->paths);
        strmap_done(&table->by_name);
        strmap_done(&table->builtins);
        driver_relations_done(&table->relations);
        free(table->text);
        free(table->order_text);
        free(table->directory);
        if (table->kmod)
                libkmod.unref(table->kmod);
        free(table);
        return NULL;
}

void driver_list_done(DriverList *list) {
        free(list->drivers);
        free(list->builtins);
        *list = (DriverList) {};
}

static int list_add(DriverList *list, Driver *driver) {
        if (!GREEDY_REALLOC(list->drivers, list->allocated, list->n + 1))
                return -ENOMEM;
        list->drivers[list->n++] = driver;
        return 0;
}

static int list_add_builtin(DriverList *list, const Builtin *builtin) {
        if (!GREEDY_REALLOC(list->builtins, list->allocated_builtins, list->n_builtins + 1))
                return -ENOMEM;
        list->builtins[list->n_builtins++] = builtin;
        return 0;
}

static bool has_dot_dot(const char *path) {
        for (const char *p = path; (p = strstr(p, "..")); p += 2)
                if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
                        return true;
        return false;
}

/* "FILE: FILE FILE…" is cut into its parts where it is. -EBADMSG when it is nothing like it. */
static int read_dep_line(DriverTable *table, char *line) {
        char name[DRIVER_NAME_MAX];
        char *colon = strchr(line, ':');
        const char *suffix;
        Driver driver = { .file = line, .path = line, .omitted = -1 };
        int r;

        if (!colon)
                return -EBADMSG;
        *colon = '\0';
        if (driver_name_of_path(line, name) < 0 || has_dot_dot(line))
                return -EBADMSG;
        driver.depends = colon + 1;
        driver.order = (uint32_t) table->n;

        suffix = compression_suffix(line);
        if (suffix) {
                driver.path = strndup(line, (size_t) (suffix - line));
                if (!driver.path)
                        return -ENOMEM;
        }
        r = strmap_put(&table->by_name, name, NULL);
        if (r >= 0 && !GREEDY_REALLOC(table->drivers, table->allocated, table->n + 1))
                r = -ENOMEM;
        if (r < 0) {
                if (suffix)
                        free((char *) driver.path);
                return r == -EEXIST ? 0 : r; /* the first is what modprobe takes */
        }
        driver.name = table->by_name.entries[table->by_name.n - 1].key;
        table->drivers[table->n++] = driver;
        return 0;
}

static int read_dep(DriverTable *table, Source *source, Trace *trace, Report *report,
                    const Kernel *kernel) {
        _cleanup_free_ char *path = path_join(kernel->directory, "modules.dep");
        unsigned number = 0;
        int r;

        if (!path)
                return report_oom(report);
        r = source_read(source, trace, path, &table->text, NULL);
        if (r == -EACCES)
                return report_fail(
                                report, FAILURE_NOT_PERMITTED, r, path, 0,
                                "The kernel's index may not be read by this user; build as root");
        if (r < 0)
                return report_fail(report, FAILURE_KERNEL_INCOMPLETE, r, path, 0,
                                   "The kernel's index can't be read; run 'depmod -a %s'",
                                   kernel->version);

        for (char *p = table->text, *end; *p; p = end) {
                number++;
                end = p + strcspn(p, "\n");
                if (*end)
                        *end++ = '\0';
                if (!*p || *p == '#')
                        continue;
                r = read_dep_line(table, p);
                if (r == -ENOMEM)
                        return report_oom(report);
                if (r < 0)
                        return report_fail(report, FAILURE_KERNEL_INCOMPLETE, r, path, number,
                                           "This is no line of an index; run 'depmod -a %s'",
                                           kernel->version);
        }
        /* The array doesn't move any more. */
        for (size_t i = 0; i < table->n; i++)
                table->by_name.entries[i].value = &table->drivers[i];
        return 0;
}

static int read_builtin(DriverTable *table, Source *source, Trace *trace, const Kernel *kernel) {
        _cleanup_free_ char *path = path_join(kernel->directory, "modules.builtin"), *text = NULL;
        char *rest = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = source_read(source, trace, path, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                char name[DRIVER_NAME_MAX];
                Builtin *builtin;

                if (driver_name_of_path(line, name) < 0)
                        continue;
                builtin = calloc(1, sizeof(Builtin));
                if (!builtin)
                        return -ENOMEM;
                builtin->path = strdup(line);
                r = builtin->path ? strmap_put(&table->builtins, name, builtin) : -ENOMEM;
                if (r >= 0)
                        builtin->name = table->builtins.entries[table->builtins.n - 1].key;
                else
                        builtin_free(builtin);
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        return 0;
}

/* modules.builtin.modinfo: "NAME.KEY=VALUE", each with a NUL behind it. */
static int read_builtin_modinfo(DriverTable *table, Source *source, Trace *trace,
                                const Kernel *kernel) {
        _cleanup_free_ char *path = path_join(kernel->directory, "modules.builtin.modinfo");
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = source_read(source, trace, path, &text, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *p = text; p < text + size; p += strlen(p) + 1) {
                char *key = strchr(p, '.');
                char name[DRIVER_NAME_MAX];
                const char *value;
                Builtin *builtin;

                value = key ? startswith(key, ".firmware=") : NULL;
                if (!value || (size_t) (key - p) >= sizeof(name))
                        continue;
                memcpy(name, p, (size_t) (key - p));
                name[key - p] = '\0';
                builtin = strmap_get(&table->builtins, name);
                if (!builtin)
                        continue;
                r = strv_extend(&builtin->firmware, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int compare_paths(const void *a, const void *b) {
        return strcmp(((const PathName *) a)->path, ((const PathName *) b)->path);
}

static int add_path(DriverTable *table, const char *path, Driver *driver) {
        if (!GREEDY_REALLOC(table->paths, table->allocated_paths, table->n_paths + 1))
                return -ENOMEM;
        table->paths[table->n_paths++] = (PathName) { path, driver };
        return 0;
}

/* The paths of the kernel's own drivers in whose place others are. */
static int read_order(DriverTable *table, Source *source, Trace *trace, const Kernel *kernel) {
        _cleanup_free_ char *path = path_join(kernel->directory, "modules.order");
        char *rest = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = source_read(source, trace, path, &table->order_text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *line = strtok_r(table->order_text, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest)) {
                char name[DRIVER_NAME_MAX];
                Driver *driver;

                if (driver_name_of_path(line, name) < 0)
                        continue;
                driver = strmap_get(&table->by_name, name);
                if (!driver || streq(driver->path, line))
                        continue;
                r = add_path(table, line, driver);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Only where one of the drivers isn't where the kernel's package put it. */
static int sort_paths(DriverTable *table, Source *source, Trace *trace, const Kernel *kernel) {
        bool foreign = false;
        int r;

        for (size_t i = 0; i < table->n; i++) {
                r = add_path(table, table->drivers[i].path, &table->drivers[i]);
                if (r < 0)
                        return r;
                foreign = foreign || !startswith(table->drivers[i].path, "kernel/");
        }
        if (foreign) {
                r = read_order(table, source, trace, kernel);
                if (r < 0)
                        return r;
        }
        if (table->n_paths > 0)
                qsort(table->paths, table->n_paths, sizeof(PathName), compare_paths);
        return 0;
}

/* libkmod reads these itself; the trace has to know what was in them. */
static int trace_indexes(Source *source, Trace *trace, Report *report, const Kernel *kernel) {
        static const char *const names[] = {
                "modules.alias.bin", "modules.builtin.alias.bin", "modules.builtin.bin",
                "modules.dep.bin",   "modules.symbols.bin",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = path_join(kernel->directory, names[i]), *data = NULL;
                _cleanup_free_ char *canonical = NULL;
                int r;

                if (!path)
                        return report_oom(report);
                r = source_resolve(source, NULL, path, &canonical, NULL, NULL);
                if (r >= 0 && !streq(canonical, path) && !source_is_host(source))
                        return report_fail(report, FAILURE_KERNEL_INCOMPLETE, -ELOOP, path, 0,
                                           "The kernel's index is a link, which is not followed "
                                           "in another root; run 'depmod -b ROOT %s'",
                                           kernel->version);
                /* Also traced where it is missing. */
                r = source_read(source, trace, path, &data, NULL);
                if (r == -ENOENT && !startswith(names[i], "modules.builtin"))
                        return report_fail(report, FAILURE_KERNEL_INCOMPLETE, r, path, 0,
                                           "The kernel's index is missing; run 'depmod -a %s'",
                                           kernel->version);
                if (r < 0 && r != -ENOENT)
                        return report_fail(report, FAILURE_KERNEL_INCOMPLETE, r, path, 0,
                                           "The kernel's index can't be read");
        }
        return 0;
}

static void kmod_log_nothing(void *data, int priority, const char *file, int line, const char *fn,
                             const char *format, va_list args) {
}

static int open_kmod(DriverTable *table, Source *source, Report *report, const Kernel *kernel) {
        static const char *const no_config[] = { NULL };
        _cleanup_free_ char *index = NULL;
        int r;

        r = source_directory_path(source, kernel->directory, &table->directory);
        if (r < 0)
                return r;
        index = path_join(table->directory, "modules.alias.bin");
        if (!index)
                return -ENOMEM;
        /* libkmod would find nothing and not say so. */
        if (access(index, R_OK) < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, -errno, index, 0,
                                   "The kernel's indexes can't be opened through /proc; mount it");
        r = kmod_library_load();
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "Drivers can't be chosen without libkmod; install it");
        table->kmod = libkmod.new(table->directory, no_config);
        if (!table->kmod)
                return -ENOMEM;
        libkmod.set_log_fn(table->kmod, kmod_log_nothing, NULL);
        /* Only makes look-ups faster; an index that is missing is met again there. */
        (void) libkmod.load_resources(table->kmod);
        return 0;
}

int driver_table_new(DriverTable **ret, Source *source, Trace *trace, Report *report,
                     const Kernel *kernel) {
        _cleanup_(driver_table_freep) DriverTable *table = NULL;
        int r;

        table = malloc(sizeof(DriverTable));
        if (!table)
                return report_oom(report);
        *table = (DriverTable) {
                .by_name = STRMAP_INIT(NULL),
                .builtins = STRMAP_INIT(builtin_free),
                .relations = DRIVER_RELATIONS_INIT,
        };

        r = read_dep(table, source, trace, report, kernel);
        if (r >= 0)
                r = trace_indexes(source, trace, report, kernel);
        if (r < 0)
                return r;
        r = read_builtin(table, source, trace, kernel);
        if (r >= 0)
                r = read_builtin_modinfo(table, source, trace, kernel);
        if (r >= 0)
                r = sort_paths(table, source, trace, kernel);
        if (r >= 0)
                r = driver_relations_read(&table->relations, source, trace, kernel);
        if (r >= 0)
                r = open_kmod(table, source, report, kernel);
        if (r < 0)
                return report_fail(report, FAILURE_KERNEL_INCOMPLETE, r, kernel->directory, 0,
                                   "The indexes of kernel %s can't be read", kernel->version);

        *ret = TAKE_PTR(table);
        return 0;
}

DriverRelations *driver_table_relations(DriverTable *table) {
        return &table->relations;
}

Driver *driver_table_find(const DriverTable *table, const char *name) {
        char normalized[DRIVER_NAME_MAX];

        if (driver_name_normalize(name, normalized) < 0)
                return NULL;
        return strmap_get(&table->by_name, normalized);
}

Driver *driver_table_next_dependency(const DriverTable *table, const char **p) {
        for (;;) {
                char file[PATH_MAX], name[DRIVER_NAME_MAX];
                Driver *driver;
                size_t n;

                *p += strspn(*p, " \t");
                n = strcspn(*p, " \t");
                if (n == 0)
                        return NULL;
                if (n < sizeof(file)) {
                        memcpy(file, *p, n);
                        file[n] = '\0';
                } else
                        file[0] = '\0';
                *p += n;
                driver = driver_name_of_path(file, name) >= 0 ? strmap_get(&table->by_name, name)
                                                              : NULL;
                if (driver)
                        return driver;
        }
}

int driver_table_match_name(const DriverTable *table, const char *pattern, DriverList *list) {
        char normalized[DRIVER_NAME_MAX];
        const Builtin *builtin;
        Driver *driver;
        int r = 0;

        if (driver_name_normalize(pattern, normalized) < 0)
                return 0;
        if (!glob_has_wildcard(normalized)) {
                driver = strmap_get(&table->by_name, normalized);
                builtin = driver ? NULL : strmap_get(&table->builtins, normalized);
                return driver    ? list_add(list, driver)
                       : builtin ? list_add_builtin(list, builtin)
                                 : 0;
        }
        for (size_t i = 0; i < table->n && r >= 0; i++)
                if (glob_match(normalized, table->drivers[i].name))
                        r = list_add(list, &table->drivers[i]);
        STRMAP_FOREACH(e, &table->builtins)
                if (r >= 0 && glob_match(normalized, e->key))
                        r = list_add_builtin(list, e->value);
        return r;
}

/* A pattern is written without ".ko"; with it, it is the file's name. */
static bool match_path(const char *pattern, const char *path) {
        const char *end = strrchr(path, '.');
        char stem[PATH_MAX];

        if (glob_match(pattern, path))
                return true;
        if (!end || (size_t) (end - path) >= sizeof(stem) || !startswith(end, ".ko"))
                return false;
        memcpy(stem, path, (size_t) (end - path));
        stem[end - path] = '\0';
        return glob_match(pattern, stem);
}

int driver_table_match_path(const DriverTable *table, const char *pattern, DriverList *list) {
        size_t prefix = glob_literal_prefix(pattern), low = 0, high = table->n_paths;
        int r = 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strncmp(table->paths[middle].path, pattern, prefix) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (size_t i = low; i < table->n_paths && r >= 0; i++) {
                if (strncmp(table->paths[i].path, pattern, prefix) != 0)
                        break;
                if (match_path(pattern, table->paths[i].path))
                        r = list_add(list, table->paths[i].driver);
        }
        STRMAP_FOREACH(e, &table->builtins)
                if (r >= 0 && match_path(pattern, ((const Builtin *) e->value)->path))
                        r = list_add_builtin(list, e->value);
        return r;
}

static int lookup_kmod(const DriverTable *table, const char *alias, DriverList *list) {
        struct kmod_list *found = NULL;
        int r;

        r = libkmod.module_new_from_lookup(table->kmod, alias, &found);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = 0;
        for (struct kmod_list *i = found; i; i = libkmod.list_next(found, i)) {
                struct kmod_module *module = libkmod.module_get_module(i);

                if (r >= 0)
                        r = driver_table_match_name(table, libkmod.module_get_name(module), list);
                libkmod.module_unref(module);
        }
        libkmod.module_unref_list(found);
        return r;
}

int driver_table_lookup(const DriverTable *table, const char *alias, DriverList *list) {
        _cleanup_free_ char *normalized = strdup(alias);
        size_t before = list->n + list->n_builtins;
        int r;

        if (!normalized)
                return -ENOMEM;
        if (driver_alias_normalize(normalized) < 0)
                return 0;

        /* As modprobe does: modprobe.d, then names, then aliases of drivers, of built-in ones. */
        for (size_t i = 0; i < table->relations.n_aliases; i++) {
                const DriverAlias *a = &table->relations.aliases[i];

                if (fnmatch(a->pattern, normalized, 0) != 0)
                        continue;
                r = driver_table_match_name(table, a->target, list);
                if (r < 0)
                        return r;
        }
        if (list->n + list->n_builtins > before)
                return 0;
        if (!glob_has_wildcard(normalized)) {
                r = driver_table_match_name(table, normalized, list);
                if (r < 0 || list->n + list->n_builtins > before)
                        return r;
        }
        return lookup_kmod(table, normalized, list);
}
