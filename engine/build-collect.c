/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The parts of an image: its modules, each with what kernels share and what they don't, and what
 * belongs to the image as a whole (drivers' indexes, accounts, microcode, an admin's own files).
 * Each part comes from the store while its trace holds. A module that can't be in the image takes
 * those along that require it.
 */

#include "build-internal.h"
#include "collect/accounts.h"
#include "collect/crypttab.h"
#include "collect/early.h"
#include "collect/hooks.h"
#include "image/verify.h"
#include "pack/kept.h"
#include "path-util.h"
#include "string-util.h"

/* A module, or one of the things that belong to the image as a whole, while it is collected. */
typedef struct Part {
        Build *build;
        const Module *module;
        bool droppable;
        char **names; /* users, drivers */
        char **groups;
        char **load;
} Part;

static int collect_part_shared(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_shared(p->build->collector, p->module, p->droppable, ret);
}

static int collect_part_kernel(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_kernel(p->build->collector, p->module, p->droppable, ret);
}

static int collect_part_accounts(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_accounts(p->build->collector, p->names, p->groups, p->build->profile, ret);
}

static int collect_part_includes(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_includes(p->build->collector, p->build->profile, ret);
}

static int collect_part_hooks(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_hooks(p->build->collector, ret);
}

static int collect_part_crypttab(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_crypttab(p->build->collector, p->build->profile, ret);
}

static int collect_part_early(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_early(p->build->collector, p->build->profile, ret);
}

/* What modprobe and udev know of the image's drivers, and which are loaded before udev starts. */
static int collect_part_indexes(void *userdata, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        _cleanup_free_ char *joined = NULL, *text = NULL;
        Part *p = userdata;
        Build *b = p->build;
        Drivers *drivers;
        int r;

        r = collector_drivers(b->collector, &drivers);
        if (r < 0)
                return r;
        r = collection_new(&out);
        if (r < 0)
                return report_oom(b->report);
        r = drivers_collect_indexes(drivers, out->trace, p->names, out->manifest);
        if (r < 0)
                return r;
        if (p->load) {
                joined = strv_join(p->load, "\n");
                if (!joined || str_printf(&text, "%s\n", joined) < 0)
                        return report_oom(b->report);
                if (manifest_add_directory(out->manifest, "/etc", 0755, "Load=") < 0 ||
                    manifest_add_directory(out->manifest, "/etc/modules-load.d", 0755, "Load=") <
                                    0 ||
                    manifest_add_data(out->manifest, "/etc/modules-load.d/initrdd.conf", 0644,
                                      TAKE_PTR(text), strlen(joined) + 1, "Load=", NULL) < 0)
                        return report_oom(b->report);
        }
        *ret = TAKE_PTR(out);
        return 0;
}

/* Everything of the profile, the facts and the kernel that the choice of drivers depends on. */
static void hash_kernel(XXH3_state_t *state, const Build *b) {
        build_hash_string(state, b->kernel->version);
        build_hash_string(state, b->options->kernel_dir);
        build_hash_string(state, mode_to_string(b->profile->mode));
        build_hash_strings(state, b->profile->omit_drivers);
        build_hash_strings(state, b->facts->modaliases);
}

/* One part: from the store, or collected; remembered in the build. Borrowed. */
static int add_collection(Build *b, XXH3_state_t *state, collect_t collect, Part *part,
                          Collection **ret) {
        Collection *c;
        XXH128_hash_t key;
        int r;

        if (!state)
                return report_oom(b->report);
        key = build_hash_end(state);
        if (!GREEDY_REALLOC(b->collections, b->allocated_collections, b->n_collections + 1) ||
            !GREEDY_REALLOC(b->keys, b->allocated_keys, b->n_collections + 1))
                return report_oom(b->report);
        r = b->store ? kept_collection(b->store, b->source, b->collector, key, collect, part, &c)
                     : collect(part, &c);
        if (r < 0)
                return report_fail(b->report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "The files of the image can't be collected: %s", strerror(-r));
        b->collections[b->n_collections] = *ret = c;
        b->keys[b->n_collections++] = key;
        return 0;
}

/* Where something was asked for: the reasons in a manifest say so. */
static void hash_place(XXH3_state_t *state, const char *path, unsigned line) {
        build_hash_string(state, path ? path_basename(path) : NULL);
        XXH3_128bits_update(state, &line, sizeof(line));
}

static XXH3_state_t *hash_module(const Build *b, const char *what, const Module *module) {
        XXH3_state_t *state = build_hash_begin(b, what);

        if (!state)
                return NULL;
        XXH3_128bits_update(state, &module->hash, sizeof(module->hash));
        build_hash_string(state, module->name);
        for (size_t i = 0; i < module->n_contents; i++)
                hash_place(state, module->contents[i].path, module->contents[i].line);
        for (size_t i = 0; i < module->n_drivers; i++)
                hash_place(state, module->drivers[i].path, module->drivers[i].line);
        return state;
}

static int collect_module(Build *b, const Module *module, bool droppable, Collection **ret_shared,
                          Collection **ret_kernel) {
        Part part = { .build = b, .module = module, .droppable = droppable };
        XXH3_state_t *state;
        int r = 0;

        *ret_shared = *ret_kernel = NULL;
        if (module_has_shared(module)) {
                state = hash_module(b, droppable ? "shared?" : "shared", module);
                r = add_collection(b, state, collect_part_shared, &part, ret_shared);
        }
        if (r >= 0 && module_has_kernel(module) && !(*ret_shared && (*ret_shared)->missing)) {
                state = hash_module(b, droppable ? "kernel?" : "kernel", module);
                if (state)
                        hash_kernel(state, b);
                r = add_collection(b, state, collect_part_kernel, &part, ret_kernel);
        }
        return r;
}

/* What the modules of an image add up to. */
typedef struct Sum {
        char **users, **groups, **drivers, **load;
} Sum;

static void sum_done(Sum *s) {
        strv_free(s->users);
        strv_free(s->groups);
        strv_free(s->drivers);
        strv_free(s->load);
}

static int extend_all(char ***l, char *const *more) {
        STRV_FOREACH(s, more) {
                int r = strv_extend(l, *s);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int sum_add(Sum *s, const Collection *c) {
        int r;

        r = extend_all(&s->users, c->users);
        if (r >= 0)
                r = extend_all(&s->groups, c->groups);
        if (r >= 0)
                r = extend_all(&s->drivers, c->drivers);
        if (r >= 0)
                r = extend_all(&s->load, c->load);
        return r;
}

/* Why the module can't be in the image: because of itself, or of one that it requires. */
static const char *why_dropped(const Build *b, const Module *module, const Collection *shared,
                               const Collection *kernel) {
        if (shared && shared->missing)
                return shared->missing;
        if (kernel && kernel->missing)
                return kernel->missing;
        STRV_FOREACH(name, module->requires)
                if (strmap_contains(&b->dropped, *name))
                        return strmap_get(&b->dropped, *name);
        return NULL;
}

static int add_module(Build *b, Sum *sum, const PlanItem *item) {
        Collection *shared, *kernel;
        const Module *module = item->module;
        const char *why;
        int r;

        r = collect_module(b, module, item->droppable, &shared, &kernel);
        if (r < 0)
                return r;
        why = why_dropped(b, module, shared, kernel);
        if (why) {
                if (!item->droppable)
                        return report_fail(b->report, FAILURE_INCOMPLETE, -ENOPKG, module->path, 0,
                                           "Module %s requires one that can't be in the image: %s",
                                           module->name, why);
                r = strmap_put(&b->dropped, module->name, (void *) why);
                return r < 0 ? report_oom(b->report) : 0;
        }
        if (shared) {
                r = fragments_add(b->fragments, b->report, module->fragment ?: module->name,
                                  SCOPE_SHARED, module->name, shared->manifest);
                if (r >= 0 && sum_add(sum, shared) < 0)
                        r = report_oom(b->report);
        }
        if (r >= 0 && kernel) {
                r = fragments_add(b->fragments, b->report, module->fragment ?: module->name,
                                  SCOPE_KERNEL, module->name, kernel->manifest);
                if (r >= 0 && sum_add(sum, kernel) < 0)
                        r = report_oom(b->report);
        }
        return r;
}

/* What is said of these lines is said of those of the profile that they were made of. */
static int set_origins(const Profile *profile, Module *module) {
        for (size_t i = 0; i < module->n_drivers; i++) {
                DriverRule *rule = &module->drivers[i];
                bool forced = rule->type == DRIVER_RULE_LOAD;
                const ProfileOrigin *o = &profile->origins[forced ? PROFILE_FORCE_DRIVERS
                                                                  : PROFILE_DRIVERS];
                char *path = strdup(o->path ?: "command line");

                if (!path)
                        return -ENOMEM;
                free(rule->path);
                rule->path = path;
                rule->line = o->line;
        }
        return 0;
}

/* Drivers= and ForceDrivers= of the profile, as the module that they stand for. */
static int add_profile_drivers(Build *b, Sum *sum) {
        _cleanup_(module_freep) Module *module = NULL;
        _cleanup_free_ char *text = NULL, *drivers = NULL, *force = NULL;
        PlanItem item = { .reason = PLAN_PROFILE };
        int r;

        if (!b->profile->drivers && !b->profile->force_drivers)
                return 0;
        drivers = strv_join(b->profile->drivers, " ");
        force = strv_join(b->profile->force_drivers, " ");
        r = drivers && force ? module_new(&module, "profile-drivers") : -ENOMEM;
        if (r >= 0)
                r = str_printf(&text, "[Drivers]\nName=%s\nLoad=%s\n", drivers, force);
        if (r < 0)
                return report_oom(b->report);
        r = module_parse(module, b->report, b->profile->path ?: "profile", text, strlen(text));
        if (r < 0)
                return r;
        module->hash = XXH3_128bits(text, strlen(text));
        if (set_origins(b->profile, module) < 0)
                return report_oom(b->report);
        item.module = module;
        return add_module(b, sum, &item);
}

static int add_whole(Build *b, const char *name, Scope scope, collect_t collect, Part *part,
                     XXH3_state_t *state) {
        Collection *c;
        int r;

        r = add_collection(b, state, collect, part, &c);
        if (r < 0)
                return r;
        return fragments_add(b->fragments, b->report, name, scope, name, c->manifest);
}

static int add_early(Build *b) {
        Part part = { .build = b };
        XXH3_state_t *state;

        if (b->profile->microcode == MICROCODE_NO && !b->profile->acpi_tables)
                return 0;
        state = build_hash_begin(b, "early");
        if (!state)
                return report_oom(b->report);
        build_hash_string(state, microcode_to_string(b->profile->microcode));
        /* A machine without a processor that is known is not any machine. */
        build_hash_string(state, b->facts->generic ? "generic" : "host");
        build_hash_string(state, b->facts->microcode);
        build_hash_string(state, b->profile->acpi_tables);
        /* The tables are refused for a kernel that can't take them. */
        if (b->profile->acpi_tables &&
            kernel_option(b->kernel, "ACPI_TABLE_UPGRADE") == KERNEL_OPTION_NO)
                build_hash_string(state, b->kernel->version);
        return add_whole(b, "early", SCOPE_EARLY, collect_part_early, &part, state);
}

static int add_indexes(Build *b, Sum *sum) {
        Part part = { .build = b, .names = sum->drivers, .load = sum->load };
        XXH3_state_t *state;

        state = build_hash_begin(b, "indexes");
        if (!state)
                return report_oom(b->report);
        hash_kernel(state, b);
        build_hash_strings(state, sum->drivers);
        build_hash_strings(state, sum->load);
        return add_whole(b, "indexes", SCOPE_KERNEL, collect_part_indexes, &part, state);
}

static int add_accounts(Build *b, Sum *sum) {
        Part part = { .build = b, .names = sum->users, .groups = sum->groups };
        XXH3_state_t *state;

        state = build_hash_begin(b, "accounts");
        if (!state)
                return report_oom(b->report);
        build_hash_strings(state, sum->users);
        build_hash_strings(state, sum->groups);
        build_hash_string(state, emergency_to_string(b->profile->emergency));
        build_hash_string(state, b->profile->emergency_password);
        return add_whole(b, "accounts", SCOPE_HOST, collect_part_accounts, &part, state);
}

static int add_includes(Build *b) {
        Part part = { .build = b };
        XXH3_state_t *state;

        if (b->profile->n_includes == 0)
                return 0;
        state = build_hash_begin(b, "includes");
        if (!state)
                return report_oom(b->report);
        for (size_t i = 0; i < b->profile->n_includes; i++) {
                const Include *include = &b->profile->includes[i];

                build_hash_string(state, include->source);
                build_hash_string(state, include->destination);
                hash_place(state, include->path, include->line);
        }
        return add_whole(b, "includes", SCOPE_HOST, collect_part_includes, &part, state);
}

static int add_hooks(Build *b) {
        Part part = { .build = b };

        return add_whole(b, "hooks", SCOPE_HOST, collect_part_hooks, &part,
                         build_hash_begin(b, "hooks"));
}

/* Who opens encrypted devices has to be told of them. */
static int add_crypttab(Build *b) {
        Part part = { .build = b };
        XXH3_state_t *state;

        if (!plan_find(b->plan, "crypt") || strmap_contains(&b->dropped, "crypt"))
                return 0;
        state = build_hash_begin(b, "crypttab");
        if (!state)
                return report_oom(b->report);
        build_hash_string(state, b->facts->generic ? "generic" : "host");
        for (size_t i = 0; i < b->facts->n_crypt; i++) {
                const FactsCrypt *crypt = &b->facts->crypt[i];

                build_hash_string(state, crypt->name);
                build_hash_string(state, crypt->device);
                build_hash_string(state, crypt->key);
                build_hash_string(state, crypt->options);
        }
        for (size_t i = 0; i < b->profile->n_includes; i++)
                build_hash_string(state, b->profile->includes[i].source);
        return add_whole(b, "crypttab", SCOPE_HOST, collect_part_crypttab, &part, state);
}

static void count(Build *b) {
        for (size_t i = 0; i < b->fragments->owners.n; i++) {
                const Entry *e = b->fragments->owners.entries[i].value;

                b->n_files += e->type == ENTRY_FILE;
                b->n_drivers += e->type == ENTRY_FILE && endswith(e->path, ".ko") != NULL;
        }
}

static int collect_all(Build *b, Sum *sum) {
        int r;

        r = add_early(b);
        /* What an admin includes wins over what a module has there. */
        if (r >= 0)
                r = add_includes(b);
        for (size_t i = 0; i < b->plan->n_items && r >= 0; i++) {
                report_progress(b->report, STAGE_COLLECT,
                                (unsigned) (5 + 25 * i / b->plan->n_items),
                                b->plan->items[i].module->name);
                r = add_module(b, sum, &b->plan->items[i]);
        }
        if (r >= 0)
                r = add_profile_drivers(b, sum);
        /* What modules have, too, is theirs: another hook is then a small fragment. */
        if (r >= 0)
                r = add_hooks(b);
        if (r >= 0)
                r = add_crypttab(b);
        if (r < 0)
                return r;
        strv_uniq(sum->users);
        strv_uniq(sum->groups);
        strv_uniq(sum->drivers);
        r = add_indexes(b, sum);
        if (r >= 0)
                r = add_accounts(b, sum);
        return r;
}

int build_collect(Build *b) {
        Sum sum = {};
        int r;

        r = collector_new(&b->collector, b->source, b->report, b->kernel, b->profile, b->facts);
        if (r >= 0)
                r = fragments_new(&b->fragments);
        if (r < 0)
                return report_oom(b->report);
        r = collect_all(b, &sum);
        sum_done(&sum);
        if (r < 0)
                return r;
        r = fragments_finish(b->fragments);
        if (r < 0)
                return report_fail(b->report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "The fragments can't be made: %s", strerror(-r));
        count(b);
        return verify_contents(b->fragments, b->plan, b->profile, b->facts, b->kernel, b->report);
}
