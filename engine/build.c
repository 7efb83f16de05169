/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The line of a build:
 *
 *   open      the root, the profile, the kernel, the facts: what is asked for
 *   current   does the record of the image's last build still hold? Then that was all.
 *   plan      which modules
 *   collect   each module's files, from the store where its trace holds; who owns what; would it boot
 *   write     fragments, from the store where their content is known, into the new image, which
 *             then takes the old one's place
 */

#include <stdio.h>
#include <sys/stat.h>

#include "build.h"
#include "collect/accounts.h"
#include "collect/early.h"
#include "image/assemble.h"
#include "image/description.h"
#include "image/target.h"
#include "image/verify.h"
#include "pack/kept.h"
#include "pack/pack.h"
#include "path-util.h"
#include "string-util.h"

int build_new(Build **ret, const BuildOptions *options, Report *report) {
        _cleanup_(build_freep) Build *b = calloc(1, sizeof(Build));
        int r;

        if (!b)
                return report_oom(report);
        b->options = options;
        b->report = report;
        r = trace_new(&b->trace);
        if (r < 0)
                return report_oom(report);
        *ret = TAKE_PTR(b);
        return 0;
}

Build *build_free(Build *b) {
        if (!b)
                return NULL;
        fragments_free(b->fragments);
        strmap_done(&b->dropped);
        for (size_t i = 0; i < b->n_collections; i++)
                collection_free(b->collections[i]);
        free(b->collections);
        free(b->keys);
        collector_free(b->collector);
        store_free(b->store);
        trace_free(b->trace);
        plan_free(b->plan);
        modules_free(b->modules);
        facts_free(b->facts);
        kernel_free(b->kernel);
        profile_free(b->profile);
        config_free(b->config);
        source_free(b->source);
        free(b->output);
        free(b);
        return NULL;
}

/* Our data is the root's own, if it has it; else ours is shown in its place. */
static int bind_data(Build *b) {
        int r;

        if (!b->options->data_dir)
                return 0;
        r = source_exists(b->source, NULL, "/usr/lib/initrdd/modules.d");
        if (r == 0)
                r = source_bind(b->source, "/usr/lib/initrdd", b->options->data_dir);
        return r < 0 ? report_fail(b->report, FAILURE_CONFIG_INVALID, r, b->options->data_dir, 0,
                                   "The directory of the module files can't be used: %s",
                                   strerror(-r))
                     : 0;
}

static int open_source(Build *b) {
        const char *root = b->options->root ?: "/";
        int r;

        r = source_new(&b->source, root);
        if (r < 0)
                return report_fail(b->report, FAILURE_CONFIG_INVALID, r, root, 0,
                                   "The root can't be opened: %s", strerror(-r));
        return bind_data(b);
}

static int open_profile(Build *b) {
        const char *name = b->options->profile ?: "default";
        const Profile *profile;
        int r;

        r = config_load(b->source, b->trace, b->report, &b->config);
        if (r < 0)
                return r;
        profile = config_find_profile(b->config, name);
        if (!profile)
                return report_fail(b->report, FAILURE_CONFIG_INVALID, -ENOENT, NULL, 0,
                                   "There is no profile %s; profiles.d/%s.conf would be one", name,
                                   name);
        r = profile_copy(profile, &b->profile);
        if (r < 0)
                return report_oom(b->report);
        STRV_FOREACH(setting, b->options->settings) {
                _cleanup_free_ char *key = strndup(*setting, strcspn(*setting, "="));
                const char *equals = strchr(*setting, '=');

                if (!key)
                        return report_oom(b->report);
                r = profile_set(b->profile, b->report, key, equals ? equals + 1 : "");
                if (r < 0)
                        return r;
        }
        return 0;
}

static int open_kernel(Build *b) {
        _cleanup_free_ char *bound = NULL;
        const char *version = b->options->kernel;
        int r;

        if (b->options->kernel_dir) {
                r = kernel_bind_directory(b->source, b->report, b->options->kernel_dir, version,
                                          &bound);
                if (r < 0)
                        return r;
                version = bound;
        }
        if (!version)
                return report_fail(b->report, FAILURE_NO_SUCH_KERNEL, -EINVAL, NULL, 0,
                                   "Which kernel? `initrdctl kernels` lists what there is");
        return kernel_open(b->source, b->trace, b->report, version, &b->kernel);
}

/* A machine that isn't this one can be described by a file; otherwise nothing is known of it. */
static int open_facts(Build *b) {
        _cleanup_free_ char *json = NULL;
        bool generic = b->profile->mode == MODE_GENERIC;
        int r;

        if (b->options->facts && !generic) {
                _cleanup_(source_freep) Source *host = NULL;
                _cleanup_free_ char *text = NULL, *path = NULL;
                size_t size;

                path = realpath(b->options->facts, NULL);
                r = path ? source_new(&host, "/") : -errno;
                if (r >= 0)
                        r = source_read(host, NULL, path, &text, &size);
                if (r < 0)
                        return report_fail(b->report, FAILURE_CONFIG_INVALID, r, b->options->facts,
                                           0, "The facts can't be read: %s", strerror(-r));
                r = facts_from_json(text, size, b->report, b->options->facts, &b->facts);
        } else if (source_is_host(b->source) && !generic)
                r = facts_new_host(b->source, b->report, &b->facts);
        else {
                if (!generic && b->profile->mode_set)
                        return report_fail(b->report, FAILURE_CONFIG_INVALID, -EINVAL, NULL, 0,
                                           "Mode=%s for another root needs to know its machine; give --facts, or Mode=generic",
                                           mode_to_string(b->profile->mode));
                r = facts_new_generic(&b->facts);
                if (r >= 0)
                        r = facts_find_arch(b->facts, b->source);
        }
        if (r < 0)
                return r == -ENOMEM ? report_oom(b->report) : r;
        if (b->facts->generic) {
                b->profile->mode = MODE_GENERIC;
                json = strv_join(b->facts->tags, " ");
                if (!json)
                        return report_oom(b->report);
                b->facts_hash = XXH3_128bits(json, strlen(json));
                return 0;
        }
        r = facts_to_json(b->facts, &json);
        if (r < 0)
                return report_oom(b->report);
        b->facts_hash = XXH3_128bits(json, strlen(json));
        return 0;
}

static void hash_string(XXH3_state_t *state, const char *s) {
        if (s)
                XXH3_128bits_update(state, s, strlen(s));
        XXH3_128bits_update(state, "", 1);
}

static void hash_strings(XXH3_state_t *state, char *const *l) {
        STRV_FOREACH(s, l)
                hash_string(state, *s);
        hash_string(state, NULL);
}

static XXH3_state_t *hash_begin(const Build *b, const char *what) {
        XXH3_state_t *state = XXH3_createState();

        if (!state)
                return NULL;
        XXH3_128bits_reset(state);
        hash_string(state, what);
        hash_string(state, PROJECT_VERSION);
        hash_string(state, source_root(b->source));
        hash_string(state, b->options->data_dir);
        return state;
}

static XXH128_hash_t hash_end(XXH3_state_t *state) {
        XXH128_hash_t hash = XXH3_128bits_digest(state);

        XXH3_freeState(state);
        return hash;
}

/* What asks for the same image has the same record. */
static int image_key(Build *b) {
        XXH3_state_t *state = hash_begin(b, "image");

        if (!state)
                return report_oom(b->report);
        hash_string(state, b->kernel->version);
        hash_string(state, b->options->kernel_dir);
        hash_string(state, b->profile->name);
        hash_string(state, b->output);
        hash_string(state, b->options->output ? "host" : "root");
        hash_strings(state, b->options->settings);
        hash_string(state, b->options->facts);
        b->key = hash_end(state);
        return 0;
}

/* Where there is no room for a store, an image can still be made. */
static int open_store(Build *b) {
        int r;

        r = store_open(&b->store, b->report, b->options->store, STORE_SHARED);
        if (r != -ENOSPC && r != -EDQUOT && r != -EROFS)
                return r;
        report_done(b->report);
        report_warn(b->report, b->options->store, 0,
                    "There can be no store here (%s): everything is packed, and the next build will take as long",
                    strerror(-r));
        return 0;
}

int build_open(Build *b) {
        int r;

        report_progress(b->report, STAGE_PLAN, 0, NULL);
        r = open_source(b);
        if (r >= 0)
                r = open_profile(b);
        if (r >= 0)
                r = open_kernel(b);
        if (r >= 0)
                r = open_facts(b);
        if (r >= 0 && b->options->store)
                r = open_store(b);
        if (r < 0)
                return r;

        if (b->options->output)
                b->output = strdup(b->options->output);
        else {
                r = profile_output_path(b->profile, b->kernel->version, &b->output);
                if (r == -EINVAL)
                        return report_fail(b->report, FAILURE_CONFIG_INVALID, r, b->profile->path, 0,
                                           "Output=%s: only %%v, %%p and %%%% have a meaning there",
                                           b->profile->output);
        }
        if (r < 0 || !b->output)
                return report_oom(b->report);
        return image_key(b);
}

/* Where the output path begins: a path from the command line is the running system's. */
static const char *output_root(const Build *b) {
        return b->options->output ? "/" : source_root(b->source);
}

static int load_record(Build *b, ImageRecord **ret) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        if (!b->store)
                return -ENOENT;
        r = store_get(b->store, STORE_IMAGES, b->key, &data, &size);
        return r < 0 ? r : image_record_deserialize(data, size, ret);
}

static int save_record(Build *b, const ImageRecord *record) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        if (!b->store)
                return 0;
        r = image_record_serialize(record, &data, &size);
        return r < 0 ? r : store_put(b->store, STORE_IMAGES, b->key, data, size);
}

bool build_has_record(Build *b) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;

        return load_record(b, &record) >= 0;
}

int build_output_path(const Build *b, char **ret) {
        *ret = path_join(output_root(b), b->output);
        return *ret ? 0 : -ENOMEM;
}

/* Whether an admin who asks for the best would get another image. */
static bool could_be_better(const Build *b, const ImageRecord *record) {
        if (!b->options->best || b->profile->idle_level == 0)
                return false;
        for (size_t i = 0; i < record->n_fragments; i++)
                if (record->fragments[i].compression != COMPRESSION_NONE &&
                    record->fragments[i].level < b->profile->idle_level)
                        return true;
        return false;
}

int build_is_current(Build *b, ImageRecord **ret) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        _cleanup_free_ char *path = NULL;
        bool refreshed = false;
        struct stat st;

        if (load_record(b, &record) < 0 || !XXH128_isEqual(record->facts, b->facts_hash))
                return 0;
        if (build_output_path(b, &path) < 0)
                return report_oom(b->report);
        if (lstat(path, &st) < 0 || !image_record_is(record, &st) || could_be_better(b, record))
                return 0;
        if (trace_check(record->trace, b->source, NULL, &refreshed) <= 0)
                return 0;
        if (refreshed)
                (void) save_record(b, record);
        if (ret)
                *ret = TAKE_PTR(record);
        return 1;
}

int build_plan(Build *b) {
        int r;

        r = modules_load(b->source, b->trace, b->report, &b->modules);
        if (r < 0)
                return r;
        return plan_new(&b->plan, b->modules, b->profile, b->facts, b->report);
}

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
                    manifest_add_directory(out->manifest, "/etc/modules-load.d", 0755, "Load=") < 0 ||
                    manifest_add_data(out->manifest, "/etc/modules-load.d/initrdd.conf", 0644,
                                      TAKE_PTR(text), strlen(joined) + 1, "Load=", NULL) < 0)
                        return report_oom(b->report);
        }
        *ret = TAKE_PTR(out);
        return 0;
}

/* Everything of the profile, the facts and the kernel that the choice of drivers depends on. */
static void hash_kernel(XXH3_state_t *state, const Build *b) {
        hash_string(state, b->kernel->version);
        hash_string(state, b->options->kernel_dir);
        hash_string(state, mode_to_string(b->profile->mode));
        hash_strings(state, b->profile->omit_drivers);
        hash_strings(state, b->facts->modaliases);
}

/* One part: from the store, or collected; remembered in the build. Borrowed. */
static int add_collection(Build *b, XXH3_state_t *state, collect_t collect, Part *part,
                          Collection **ret) {
        Collection *c;
        XXH128_hash_t key;
        int r;

        if (!state)
                return report_oom(b->report);
        key = hash_end(state);
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

static int collect_module(Build *b, const Module *module, bool droppable, Collection **ret_shared,
                          Collection **ret_kernel) {
        Part part = { .build = b, .module = module, .droppable = droppable };
        XXH3_state_t *state;
        int r = 0;

        *ret_shared = *ret_kernel = NULL;
        if (module_has_shared(module)) {
                state = hash_begin(b, droppable ? "shared?" : "shared");
                XXH3_128bits_update(state, &module->hash, sizeof(module->hash));
                hash_string(state, module->name);
                r = add_collection(b, state, collect_part_shared, &part, ret_shared);
        }
        if (r >= 0 && module_has_kernel(module) && !(*ret_shared && (*ret_shared)->missing)) {
                state = hash_begin(b, droppable ? "kernel?" : "kernel");
                XXH3_128bits_update(state, &module->hash, sizeof(module->hash));
                hash_string(state, module->name);
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
                const ProfileOrigin *o =
                                &profile->origins[forced ? PROFILE_FORCE_DRIVERS : PROFILE_DRIVERS];
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
        state = hash_begin(b, "early");
        hash_string(state, microcode_to_string(b->profile->microcode));
        hash_string(state, b->facts->microcode);
        hash_string(state, b->profile->acpi_tables);
        return add_whole(b, "early", SCOPE_EARLY, collect_part_early, &part, state);
}

static int add_indexes(Build *b, Sum *sum) {
        Part part = { .build = b, .names = sum->drivers, .load = sum->load };
        XXH3_state_t *state;

        state = hash_begin(b, "indexes");
        hash_kernel(state, b);
        hash_strings(state, sum->drivers);
        hash_strings(state, sum->load);
        return add_whole(b, "indexes", SCOPE_KERNEL, collect_part_indexes, &part, state);
}

static int add_accounts(Build *b, Sum *sum) {
        Part part = { .build = b, .names = sum->users, .groups = sum->groups };
        XXH3_state_t *state;

        state = hash_begin(b, "accounts");
        hash_strings(state, sum->users);
        hash_strings(state, sum->groups);
        hash_string(state, emergency_to_string(b->profile->emergency));
        hash_string(state, b->profile->emergency_password);
        return add_whole(b, "accounts", SCOPE_HOST, collect_part_accounts, &part, state);
}

static int add_includes(Build *b) {
        Part part = { .build = b };
        XXH3_state_t *state;

        if (b->profile->n_includes == 0)
                return 0;
        state = hash_begin(b, "includes");
        for (size_t i = 0; i < b->profile->n_includes; i++) {
                hash_string(state, b->profile->includes[i].source);
                hash_string(state, b->profile->includes[i].destination);
        }
        return add_whole(b, "includes", SCOPE_HOST, collect_part_includes, &part, state);
}

static void count(Build *b) {
        for (size_t i = 0; i < b->fragments->owners.n; i++) {
                const Entry *e = b->fragments->owners.entries[i].value;

                b->n_files++;
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

static int describe(void *userdata, char **ret, size_t *ret_size) {
        Build *b = userdata;

        return description_pack(b->fragments, b->plan, b->profile, b->kernel, ret, ret_size);
}

static int make_record(Build *b, Target *target, ImageRecord **ret) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        struct stat st;
        int r;

        r = image_record_new(&record);
        for (size_t i = 0; i < b->n_collections && r >= 0; i++)
                r = trace_merge(b->trace, b->collections[i]->trace);
        if (r < 0)
                return r;
        r = target_stat(target, &st);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        record->trace = TAKE_PTR(b->trace);
        r = build_output_path(b, &record->output);
        if (r < 0)
                return r;
        record->kernel = strdup(b->kernel->version);
        record->profile = strdup(b->profile->name);
        record->fragments = calloc(b->fragments->n + 1, sizeof(StoredFragment));
        record->collections = calloc(b->n_collections + 1, sizeof(XXH128_hash_t));
        if (!record->kernel || !record->profile || !record->fragments ||
            !record->collections)
                return -ENOMEM;
        image_record_set(record, &st);
        record->facts = b->facts_hash;
        record->level = b->profile->level;
        record->idle_level = b->profile->idle_level;
        record->n_files = b->n_files;
        record->n_drivers = b->n_drivers;
        record->n_fragments = b->fragments->n;
        for (size_t i = 0; i < b->fragments->n; i++)
                record->fragments[i] = b->fragments->fragments[i]->stored;
        record->n_collections = b->n_collections;
        memcpy(record->collections, b->keys, b->n_collections * sizeof(XXH128_hash_t));
        *ret = TAKE_PTR(record);
        return 0;
}

int build_write(Build *b, ImageRecord **ret) {
        _cleanup_(target_freep) Target *target = NULL;
        _cleanup_(packer_freep) Packer *packer = NULL;
        PackOptions pack = {
                .compression = b->profile->compression,
                .level = b->options->best && b->profile->idle_level > 0 ? b->profile->idle_level
                                                                         : b->profile->level,
                .better_level = b->profile->idle_level,
                .threads = b->options->threads,
        };
        uint64_t size;
        int r;

        r = target_open(&target, b->report, output_root(b), b->output);
        if (r < 0)
                return r;
        report_progress(b->report, STAGE_PACK, 30, NULL);
        r = packer_new(&packer, b->source, b->store, b->report, b->fragments, &pack);
        if (r < 0)
                return r;
        r = assemble(target, b->report, b->fragments, packer, describe, b, &size);
        if (r < 0)
                return r;
        r = make_record(b, target, ret);
        if (r < 0)
                return report_oom(b->report);
        (void) save_record(b, *ret);
        report_progress(b->report, STAGE_INSTALL, 100, NULL);
        return 0;
}

void build_result_done(BuildResult *result) {
        image_record_free(result->record);
        strv_free(result->packed);
        strv_free(result->left_out);
        *result = (BuildResult) {};
}

static int fill_result(const Build *b, BuildResult *ret) {
        int r = 0;

        for (size_t i = 0; i < b->fragments->n && r >= 0; i++) {
                const Fragment *f = b->fragments->fragments[i];
                _cleanup_free_ char *name = NULL;

                if (f->cached)
                        continue;
                r = str_printf(&name, "%s/%s", scope_to_string(f->scope), f->name);
                if (r >= 0)
                        r = strv_extend(&ret->packed, name);
        }
        STRMAP_FOREACH(e, &b->dropped) {
                char *sentence;

                if (r >= 0)
                        r = str_printf(&sentence, "%s: %s", e->key, (const char *) e->value);
                if (r >= 0)
                        r = strv_consume(&ret->left_out, sentence);
        }
        return r;
}

static int build_once(const BuildOptions *options, Report *report, BuildResult *ret) {
        _cleanup_(build_freep) Build *b = NULL;
        BuildResult result = {};
        int r;

        r = build_new(&b, options, report);
        if (r >= 0)
                r = build_open(b);
        if (r >= 0 && !options->force) {
                r = build_is_current(b, &result.record);
                if (r > 0) {
                        target_sweep(output_root(b), b->output);
                        result.outcome = BUILD_UNCHANGED;
                        *ret = result;
                        return 0;
                }
        }
        if (r >= 0)
                r = build_plan(b);
        if (r >= 0)
                r = build_collect(b);
        if (r >= 0)
                r = build_write(b, &result.record);
        if (r >= 0)
                r = fill_result(b, &result);
        if (r < 0) {
                build_result_done(&result);
                return r;
        }
        *ret = result;
        return 0;
}

int build(const BuildOptions *options, Report *report, BuildResult *ret) {
        int r;

        r = build_once(options, report, ret);
        if (r != -ESTALE)
                return r;
        report_done(report);
        return build_once(options, report, ret);
}
