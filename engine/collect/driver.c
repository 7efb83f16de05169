/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a line of a module to the drivers in an image, in four steps:
 *
 *   1. what the line means: the first of its alternatives of which the kernel has anything
 *   2. the closure: for each driver those it depends on, and the soft and weak ones, one after
 *      another; nobody's file is opened for it
 *   3. all files are read, by several threads (kernel-file.c), and so is their firmware
 *   4. drivers and firmware go into the manifest, in the order in which they were found, each with
 *      the one that first asked for it
 *
 * A kernel whose depmod is older than weak dependencies has no index of them: then they are only in
 * the drivers themselves, and steps 2 and 3 are repeated until there is nothing new.
 *
 * What an administrator left out is gone for everybody, also for drivers that can't do without.
 * That is no failure, even when a module's mandatory line asks for just that driver.
 */

#include "collect/driver-index.h"
#include "collect/driver-name.h"
#include "collect/driver-table.h"
#include "collect/driver.h"
#include "collect/firmware.h"
#include "collect/glob.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

struct Drivers {
        Source *source;
        Report *report;
        const Kernel *kernel;
        const Profile *profile;
        const Facts *facts;
        Trace *trace; /* the indexes: part of every collection's own */
        DriverTable *table;
        KernelFiles files;
        char **omit; /* normalized */
        bool present_known;
        unsigned generation; /* which collection a driver was last part of */
};

/* One collection at work. */
typedef struct Pick {
        Driver *driver;
        const char *why; /* borrowed: the rule's, or the path of another pick */
} Pick;

typedef struct Collection {
        Drivers *drivers;
        Trace *trace;
        Pick *picks;
        size_t n, allocated;
        size_t n_closed, n_read; /* of the picks, from the first */
} Collection;

static void collection_done(Collection *c) {
        free(c->picks);
}

Drivers *drivers_free(Drivers *drivers) {
        if (!drivers)
                return NULL;
        driver_table_free(drivers->table);
        kernel_files_done(&drivers->files);
        trace_free(drivers->trace);
        strv_free(drivers->omit);
        free(drivers);
        return NULL;
}

int drivers_new(Drivers **ret, Source *source, Report *report, const Kernel *kernel,
                const Profile *profile, const Facts *facts) {
        _cleanup_(drivers_freep) Drivers *drivers = NULL;
        int r;

        drivers = malloc(sizeof(Drivers));
        if (!drivers)
                return report_oom(report);
        *drivers = (Drivers) {
                .source = source,
                .report = report,
                .kernel = kernel,
                .profile = profile,
                .facts = facts,
                .files = KERNEL_FILES_INIT,
        };
        STRV_FOREACH(pattern, profile->omit_drivers) {
                char normalized[DRIVER_NAME_MAX];

                r = driver_name_normalize(*pattern, normalized);
                if (r >= 0)
                        r = strv_extend(&drivers->omit, normalized);
                if (r == -ENOMEM)
                        return report_oom(report);
        }
        r = trace_new(&drivers->trace);
        if (r < 0)
                return report_oom(report);
        r = driver_table_new(&drivers->table, source, drivers->trace, report, kernel);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(drivers);
        return 0;
}

static bool name_omitted(const Drivers *drivers, const char *name) {
        STRV_FOREACH(pattern, drivers->omit)
                if (glob_match(*pattern, name))
                        return true;
        return false;
}

/* Left out itself, or because it can't do without one that is. */
static bool driver_omitted(const Drivers *drivers, Driver *driver) {
        const char *p = driver->depends;
        const Driver *d;

        if (driver->omitted >= 0)
                return driver->omitted;
        driver->omitted = name_omitted(drivers, driver->name);
        while (drivers->omit && !driver->omitted &&
               (d = driver_table_next_dependency(drivers->table, &p)))
                driver->omitted = name_omitted(drivers, d->name);
        return driver->omitted;
}

/* Marks the drivers that this machine's hardware asks for. Generic facts have no hardware. */
static int find_present(Drivers *drivers) {
        if (drivers->present_known)
                return 0;
        STRV_FOREACH(alias, drivers->facts->modaliases) {
                const DriverRelations *relations = driver_table_relations(drivers->table);
                _cleanup_(driver_list_done) DriverList list = {};
                int r;

                r = driver_table_lookup(drivers->table, *alias, &list);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < list.n; i++) {
                        Driver *driver = list.drivers[i];
                        const DriverRelation *relation =
                                        driver_relations_get(relations, driver->name);

                        if (!relation || !relation->blacklisted)
                                driver->present = true;
                }
        }
        drivers->present_known = true;
        return 0;
}

/* The driver's path in the image. NULL without memory. */
static const char *entry_path(const Drivers *drivers, Driver *driver) {
        if (!driver->entry_path)
                driver->entry_path = *driver->path == '/' ? strdup(driver->path)
                                                          : path_join(drivers->kernel->directory,
                                                                      driver->path);
        return driver->entry_path;
}

static int pick(Collection *c, Driver *driver, const char *why) {
        if (driver->generation == c->drivers->generation)
                return 0;
        if (driver_omitted(c->drivers, driver))
                return 0;
        if (!GREEDY_REALLOC(c->picks, c->allocated, c->n + 1))
                return -ENOMEM;
        driver->generation = c->drivers->generation;
        c->picks[c->n++] = (Pick) { driver, why };
        return 0;
}

/* What soft and weak dependencies name. Those that the kernel doesn't have are no matter. */
static int pick_aliases(Collection *c, char *const *aliases, const char *why) {
        STRV_FOREACH(alias, aliases) {
                _cleanup_(driver_list_done) DriverList list = {};
                int r;

                r = driver_table_lookup(c->drivers->table, *alias, &list);
                for (size_t i = 0; i < list.n && r >= 0; i++)
                        r = pick(c, list.drivers[i], why);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Everything that the picks need; what is picked meanwhile is looked at too. */
static int close_picks(Collection *c) {
        DriverTable *table = c->drivers->table;

        for (; c->n_closed < c->n; c->n_closed++) {
                Driver *driver = c->picks[c->n_closed].driver, *d;
                const char *why = entry_path(c->drivers, driver), *p = driver->depends;
                const DriverRelation *relation;
                int r = why ? 0 : -ENOMEM;

                while (r >= 0 && (d = driver_table_next_dependency(table, &p)))
                        r = pick(c, d, why);
                relation = driver_relations_get(driver_table_relations(table), driver->name);
                if (r >= 0 && relation)
                        r = pick_aliases(c, relation->soft, why);
                if (r >= 0 && relation)
                        r = pick_aliases(c, relation->weak, why);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The relations that no index of this kernel has. 1 when there are any. */
static int add_relations(Drivers *drivers, const Driver *driver) {
        DriverRelations *relations = driver_table_relations(drivers->table);
        char **softdeps = relations->soft_indexed ? NULL : driver->content->softdeps;
        char **weakdeps = relations->weak_indexed ? NULL : driver->content->weakdeps;
        int r = 0;

        for (char **s = softdeps; s && *s && r >= 0; s++)
                r = driver_relations_add(relations, driver->name, *s, false);
        for (char **s = weakdeps; s && *s && r >= 0; s++)
                r = driver_relations_add(relations, driver->name, *s, true);
        return r < 0 ? r : softdeps || weakdeps;
}

static int file_failure(const Drivers *drivers, const char *path, int error) {
        if (error == -ENOMEM)
                return report_oom(drivers->report);
        if (error == -ENOENT || error == -ENOTDIR)
                return report_fail(
                                drivers->report, FAILURE_KERNEL_INCOMPLETE, error, path, 0,
                                "The kernel's modules.dep names this driver, but it is missing; "
                                "install it or run 'depmod -a %s'",
                                drivers->kernel->version);
        if (error == -EACCES)
                return report_fail(drivers->report, FAILURE_NOT_PERMITTED, error, path, 0,
                                   "The driver may not be read by this user; build as root");
        return report_fail(drivers->report, FAILURE_INCOMPLETE, error, path, 0, "%s",
                           error == -EBADMSG ? "The driver is damaged"
                                             : "The driver can't be read");
}

/* Reads the picks that have not been read. 1 when that showed new relations. */
static int read_picks(Collection *c) {
        Drivers *drivers = c->drivers;
        bool related = false;
        int r;

        for (size_t i = c->n_read; i < c->n; i++) {
                Driver *driver = c->picks[i].driver;
                _cleanup_free_ char *path =
                                path_join(*driver->file == '/' ? "/" : drivers->kernel->directory,
                                          driver->file);

                r = path ? kernel_files_get(&drivers->files, drivers->source, c->trace, path, true,
                                            NULL, &driver->content)
                         : -ENOMEM;
                if (r < 0)
                        return file_failure(drivers, path ?: "", r);
        }
        r = kernel_files_read(&drivers->files, drivers->source);
        if (r < 0)
                return report_oom(drivers->report);
        for (; c->n_read < c->n; c->n_read++) {
                const Driver *driver = c->picks[c->n_read].driver;
                const KernelFile *file = driver->content;

                if (file->error < 0)
                        return file_failure(drivers, file->source, file->error);
                r = add_relations(drivers, driver);
                if (r < 0)
                        return report_oom(drivers->report);
                related = related || r > 0;
        }
        return related;
}

static int close_and_read(Collection *c) {
        int r;

        for (;;) {
                r = close_picks(c);
                if (r < 0)
                        return report_oom(c->drivers->report);
                if (c->n_read == c->n)
                        return 0;
                r = read_picks(c);
                if (r < 0)
                        return r;
                if (r > 0)
                        c->n_closed = 0; /* all of them, from the start */
        }
}

/* A driver's firmware. What this machine needs and hasn't got is worth a word. */
static int want_firmware(Drivers *drivers, Firmware *firmware, Driver *driver) {
        bool found = false;
        int r;

        STRV_FOREACH(name, driver->content->firmware) {
                r = firmware_want(firmware, *name, entry_path(drivers, driver));
                if (r < 0)
                        return r;
                found = found || r > 0;
        }
        if (found || !driver->content->firmware || driver->warned)
                return 0;
        r = find_present(drivers);
        if (r < 0 || !driver->present)
                return r;
        driver->warned = true;
        report_warn(drivers->report, entry_path(drivers, driver), 0,
                    "This machine's hardware uses the driver %s, but none of its firmware is "
                    "installed: %s%s",
                    driver->name, driver->content->firmware[0],
                    driver->content->firmware[1] ? " and others" : "");
        return 0;
}

static int add_firmware(Collection *c, const DriverList *list, const char *why,
                        Manifest *manifest) {
        Drivers *drivers = c->drivers;
        _cleanup_(firmware_done) Firmware firmware = {};
        bool any = false;
        int r;

        /* Most collections have none, and then there is nothing to look for. */
        for (size_t i = 0; i < c->n; i++)
                any = any || c->picks[i].driver->content->firmware;
        for (size_t i = 0; i < list->n_builtins; i++)
                any = any || list->builtins[i]->firmware;
        if (!any)
                return 0;

        r = firmware_init(&firmware, drivers->source, c->trace, &drivers->files,
                          drivers->kernel->version, why);
        for (size_t i = 0; i < c->n && r >= 0; i++)
                r = want_firmware(drivers, &firmware, c->picks[i].driver);
        for (size_t i = 0; i < list->n_builtins; i++)
                for (char **f = list->builtins[i]->firmware; f && *f && r >= 0; f++)
                        r = firmware_want(&firmware, *f, why);
        if (r >= 0)
                r = kernel_files_read(&drivers->files, drivers->source);
        if (r < 0)
                return report_fail(drivers->report, FAILURE_INCOMPLETE, r, "/lib/firmware", 0,
                                   "The firmware can't be looked for");
        return firmware_add(&firmware, drivers->report, manifest);
}

static int add_drivers(Collection *c, Manifest *manifest) {
        const Drivers *drivers = c->drivers;

        for (size_t i = 0; i < c->n; i++) {
                Driver *driver = c->picks[i].driver;
                int r;

                r = kernel_file_add(driver->content, drivers->source, c->trace, manifest,
                                    entry_path(drivers, driver), drivers->kernel->directory,
                                    c->picks[i].why);
                if (r < 0)
                        return report_fail(drivers->report, FAILURE_BUILD_FAILED, r,
                                           driver->entry_path, 0,
                                           "The driver can't be added to the image");
        }
        return 0;
}

/* What one alternative of a rule means. */
static int match(Drivers *drivers, DriverRuleType type, const char *pattern, DriverList *list) {
        switch (type) {
        case DRIVER_RULE_PATH:
        case DRIVER_RULE_MATCH:
                return driver_table_match_path(drivers->table, pattern, list);
        case DRIVER_RULE_ALIAS:
                return driver_table_lookup(drivers->table, pattern, list);
        default:
                return glob_has_wildcard(pattern)
                                       ? driver_table_match_name(drivers->table, pattern, list)
                                       : driver_table_lookup(drivers->table, pattern, list);
        }
}

static int rule_failure(const Drivers *drivers, const DriverRule *rule) {
        _cleanup_free_ char *wanted = strv_join(rule->alternatives, "' or '");

        if (!wanted)
                return report_oom(drivers->report);
        if (rule->type == DRIVER_RULE_FIRMWARE)
                return report_fail(drivers->report, FAILURE_INCOMPLETE, -ENOENT, rule->path,
                                   rule->line, "The firmware '%s' is not installed", wanted);
        return report_fail(drivers->report, FAILURE_INCOMPLETE, -ENOENT, rule->path, rule->line,
                           "Kernel %s has no driver '%s', neither as a file nor built in",
                           drivers->kernel->version, wanted);
}

/* Match= is about this machine's hardware, unless the image is for any. */
static int keep_present(Drivers *drivers, DriverList *list) {
        size_t n = 0;
        int r;

        if (drivers->profile->mode == MODE_GENERIC || drivers->facts->generic)
                return 0;
        r = find_present(drivers);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list->n; i++)
                if (list->drivers[i]->present)
                        list->drivers[n++] = list->drivers[i];
        list->n = n;
        return 0;
}

static int collect_firmware_rule(Drivers *drivers, Trace *trace, const DriverRule *rule,
                                 const char *why, Manifest *manifest) {
        _cleanup_(firmware_done) Firmware firmware = {};
        int r;

        r = firmware_init(&firmware, drivers->source, trace, &drivers->files,
                          drivers->kernel->version, why);
        for (char **a = rule->alternatives; a && *a && r == 0; a++)
                r = firmware_want(&firmware, *a, why);
        if (r == 0 && !rule->optional)
                return rule_failure(drivers, rule);
        if (r > 0)
                r = kernel_files_read(&drivers->files, drivers->source);
        if (r < 0)
                return report_fail(drivers->report, FAILURE_INCOMPLETE, r, "/lib/firmware", 0,
                                   "The firmware can't be looked for");
        return firmware_add(&firmware, drivers->report, manifest);
}

/* The names of what was collected; of what the rule itself means also for loading. */
static int add_names(const Collection *c, const DriverRule *rule, const DriverList *list,
                     char ***selected, char ***load) {
        int r = 0;

        for (size_t i = 0; i < c->n && r >= 0 && selected; i++)
                r = strv_extend(selected, c->picks[i].driver->name);
        for (size_t i = 0; i < list->n && r >= 0 && load && rule->type == DRIVER_RULE_LOAD; i++)
                if (!driver_omitted(c->drivers, list->drivers[i]))
                        r = strv_extend_unique(load, list->drivers[i]->name);
        return r;
}

int drivers_collect(Drivers *drivers, Trace *trace, const DriverRule *rule, const char *why,
                    Manifest *manifest, char ***selected, char ***load) {
        _cleanup_(collection_done) Collection c = { .drivers = drivers, .trace = trace };
        _cleanup_(driver_list_done) DriverList list = {};
        int r;

        r = trace_merge(trace, drivers->trace);
        if (r < 0)
                return report_oom(drivers->report);
        if (rule->type == DRIVER_RULE_FIRMWARE)
                return collect_firmware_rule(drivers, trace, rule, why, manifest);

        for (char **a = rule->alternatives; a && *a && list.n + list.n_builtins == 0; a++) {
                r = match(drivers, rule->type, *a, &list);
                if (r < 0)
                        return report_oom(drivers->report);
        }
        if (list.n + list.n_builtins == 0)
                return rule->optional || rule->type == DRIVER_RULE_MATCH
                                       ? 0
                                       : rule_failure(drivers, rule);
        if (rule->type == DRIVER_RULE_MATCH) {
                r = keep_present(drivers, &list);
                if (r < 0)
                        return report_oom(drivers->report);
        }

        drivers->generation++;
        for (size_t i = 0; i < list.n; i++) {
                r = pick(&c, list.drivers[i], why);
                if (r < 0)
                        return report_oom(drivers->report);
        }
        r = close_and_read(&c);
        if (r >= 0)
                r = add_drivers(&c, manifest);
        if (r >= 0)
                r = add_firmware(&c, &list, why, manifest);
        if (r < 0)
                return r;
        return add_names(&c, rule, &list, selected, load) < 0 ? report_oom(drivers->report) : 0;
}

int drivers_lack(Drivers *drivers, const DriverRule *rule, const Strmap *have, const char **ret) {
        _cleanup_(driver_list_done) DriverList list = {};
        int r = 0;

        if (rule->type != DRIVER_RULE_MATCH)
                return 0;
        for (char **a = rule->alternatives; a && *a && list.n + list.n_builtins == 0 && r >= 0;
             a++)
                r = match(drivers, rule->type, *a, &list);
        if (r >= 0)
                r = keep_present(drivers, &list);
        for (size_t i = 0; i < list.n && r >= 0; i++)
                if (!driver_omitted(drivers, list.drivers[i]) &&
                    !strmap_contains(have, list.drivers[i]->name)) {
                        *ret = list.drivers[i]->name;
                        return 1;
                }
        return r < 0 ? r : 0;
}

int drivers_have(Drivers *drivers, const char *name) {
        _cleanup_(driver_list_done) DriverList list = {};
        int r;

        r = driver_table_lookup(drivers->table, name, &list);
        if (r < 0)
                return r;
        return list.n > 0 ? 1 : list.n_builtins > 0 ? 2 : 0;
}

int drivers_collect_indexes(Drivers *drivers, Trace *trace, char *const *names,
                            Manifest *manifest) {
        int r;

        r = trace_merge(trace, drivers->trace);
        if (r < 0)
                return report_oom(drivers->report);
        return driver_index_collect(drivers->table, &drivers->files, drivers->source, trace,
                                    drivers->report, drivers->kernel, names, manifest);
}
