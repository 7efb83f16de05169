/* SPDX-License-Identifier: GPL-2.0-or-later */

/* modules, facts, kernels, cat-config: what the engine knows before anything is built. */

#include <stdio.h>

#include <libsmartcols.h>

#include "build.h"
#include "client.h"
#include "string-util.h"
#include "table.h"

static int open_source(Report *report, Source **ret) {
        int r;

        r = source_new(ret, arg_root ?: "/");
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, arg_root ?: "/", 0,
                                   "The root can't be opened: %s", strerror(-r));
        return 0;
}

/* The source with our own data in it, where the root has none. */
static int open_source_with_data(Report *report, Source **ret) {
        _cleanup_free_ char *data = NULL;
        int r;

        r = open_source(report, ret);
        if (r >= 0)
                r = data_directory(&data);
        if (r >= 0)
                r = source_exists(*ret, NULL, "/usr/lib/initrdd/modules.d");
        if (r == 0)
                r = source_bind(*ret, "/usr/lib/initrdd", data);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, data, 0,
                                   "The module files can't be read: %s", strerror(-r));
        return 0;
}

static int check_names(const Modules *modules, int argc, char *argv[]) {
        for (int i = 1; i < argc; i++)
                if (!modules_find(modules, argv[i])) {
                        say("There is no module %s; `initrdctl modules` lists them.", argv[i]);
                        return EXIT_STATUS_NOT_FOUND;
                }
        return EXIT_STATUS_DONE;
}

static bool is_asked_for(const char *name, int argc, char *argv[]) {
        for (int i = 1; i < argc; i++)
                if (streq(argv[i], name))
                        return true;
        return argc < 2;
}

int verb_modules(int argc, char *argv[]) {
        static const char *const columns[] = { "MODULE", "DESCRIPTION", "NEEDED", "REQUIRES" };
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(modules_freep) Modules *modules = NULL;
        _cleanup_(table_freep) Table *table = NULL;
        Report report = REPORT_INIT;
        int r;

        r = open_source_with_data(&report, &source);
        if (r >= 0)
                r = modules_load(source, NULL, &report, &modules);
        if (r < 0)
                return say_failure(&report);
        r = check_names(modules, argc, argv);
        if (r != EXIT_STATUS_DONE)
                return r;
        r = table_new(&table, "modules", columns, ELEMENTSOF(columns));
        for (size_t i = 0; i < modules->n_modules && r >= 0; i++) {
                const Module *m = modules->modules[i];
                _cleanup_free_ char *needed = strv_join(m->needed, " ");
                _cleanup_free_ char *requires = strv_join(m->requires, " ");

                if (!is_asked_for(m->name, argc, argv))
                        continue;
                r = table_add(table, (const char *[]) { m->name, m->description ?: "",
                                                        m->always ? "always" : needed ?: "",
                                                        requires ?: "" });
        }
        if (r < 0)
                return EXIT_STATUS_FAILED;
        return table_print(table);
}

int verb_facts(int argc, char *argv[]) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_free_ char *json = NULL;
        Report report = REPORT_INIT;
        int r;

        r = open_source(&report, &source);
        if (r >= 0 && !source_is_host(source))
                r = report_fail(&report, FAILURE_CONFIG_INVALID, -EINVAL, arg_root, 0,
                                "Facts are of the machine that runs; --root has none");
        if (r >= 0)
                r = facts_new_host(source, &report, &facts);
        if (r < 0)
                return say_failure(&report);
        if (arg_json != JSON_MODE_OFF) {
                if (facts_to_json(facts, &json) < 0)
                        return EXIT_STATUS_FAILED;
                fputs(json, stdout);
                return EXIT_STATUS_DONE;
        }
        for (size_t i = 0; i < facts->n_mounts; i++) {
                const FactsMount *m = &facts->mounts[i];
                _cleanup_free_ char *devices = strv_join(m->devices, " on ");

                printf("%-8s %s (%s)%s%s\n", m->where, m->what, m->type, devices ? ", on " : "",
                       devices ?: "");
        }
        STRV_FOREACH(tag, facts->tags)
                printf("%s\n", *tag);
        printf("%zu modaliases\n", strv_length(facts->modaliases));
        return EXIT_STATUS_DONE;
}

int verb_kernels(int argc, char *argv[]) {
        static const char *const columns[] = { "KERNEL", "DRIVERS", "IMAGE", "CONFIG" };
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(table_freep) Table *table = NULL;
        _cleanup_strv_free_ char **versions = NULL;
        _cleanup_free_ char *bound = NULL;
        Report report = REPORT_INIT;
        int r;

        r = open_source(&report, &source);
        if (r >= 0 && arg_kernel_dir)
                r = kernel_bind_directory(source, &report, arg_kernel_dir, NULL, &bound);
        if (r < 0)
                return say_failure(&report);
        r = bound ? strv_extend(&versions, bound) : kernel_list(source, NULL, &versions);
        if (!versions && !arg_quiet && arg_json == JSON_MODE_OFF)
                say("There is no kernel below %s/lib/modules.", arg_root ?: "");
        if (r >= 0)
                r = table_new(&table, "kernels", columns, ELEMENTSOF(columns));
        if (r < 0)
                return EXIT_STATUS_FAILED;
        STRV_FOREACH(version, versions) {
                _cleanup_(kernel_freep) Kernel *kernel = NULL;
                Report one = {};

                r = kernel_open(source, NULL, &one, *version, &kernel);
                r = table_add(table,
                              (const char *[]) { *version,
                                                 r < 0 ? one.failure.message : kernel->directory,
                                                 kernel && kernel->image ? kernel->image : "-",
                                                 kernel && kernel->config_path
                                                                 ? kernel->config_path
                                                                 : "-" });
                report_done(&one);
                if (r < 0)
                        return EXIT_STATUS_FAILED;
        }
        return table_print(table);
}

int verb_cat_config(int argc, char *argv[]) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_free_ char *text = NULL;
        Report report = REPORT_INIT;
        int r;

        if (open_source(&report, &source) < 0)
                return say_failure(&report);
        r = config_cat(source, &text);
        if (r < 0) {
                say("The configuration can't be read: %s", strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        if (!*text && !arg_quiet)
                say("There is no configuration; everything is as built in.");
        fputs(text, stdout);
        return EXIT_STATUS_DONE;
}
