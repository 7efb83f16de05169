/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The modules of an image, each with what kernels share and what they don't. A module that can't be
 * in the image takes those along that require it, and those that nothing else has a use for.
 */

#include "build-ahead.h"
#include "string-util.h"

static int collect_part_shared(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_shared(p->collector, p->module, p->droppable, ret);
}

static int collect_part_kernel(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_kernel(p->collector, p->module, p->droppable, ret);
}

static XXH3_state_t *hash_module(const Build *b, const char *what, const Module *module) {
        XXH3_state_t *state = build_hash_begin(b, what);

        if (!state)
                return NULL;
        XXH3_128bits_update(state, &module->hash, sizeof(module->hash));
        build_hash_string(state, module->name);
        for (size_t i = 0; i < module->n_contents; i++)
                build_hash_place(state, module->contents[i].path, module->contents[i].line);
        for (size_t i = 0; i < module->n_drivers; i++)
                build_hash_place(state, module->drivers[i].path, module->drivers[i].line);
        return state;
}

int build_find_shared(Build *b, const Side *side, const PlanItem *item, XXH128_hash_t *ret_key,
                      Collection **ret) {
        Part part = {
                .build = b,
                .collector = side->collector,
                .module = item->module,
                .droppable = item->droppable,
        };
        XXH3_state_t *state;

        *ret = NULL;
        if (!module_has_shared(item->module))
                return 0;
        state = hash_module(b, item->droppable ? "shared?" : "shared", item->module);
        if (!state)
                return report_oom(side->report);
        *ret_key = build_hash_end(state);
        return build_find_collection(b, side, *ret_key, collect_part_shared, &part, ret);
}

static int add_shared(Build *b, const PlanItem *item, Collection **ret) {
        Side side = build_side(b);
        Collection *c;
        XXH128_hash_t key;
        int r;

        r = build_find_shared(b, &side, item, &key, &c);
        if (r >= 0 && c)
                r = build_keep_collection(b, key, c);
        if (r < 0)
                return r;
        *ret = c;
        return 0;
}

static int add_kernel(Build *b, const PlanItem *item, Collection **ret) {
        Part part = {
                .build = b,
                .collector = b->collector,
                .module = item->module,
                .droppable = item->droppable,
        };
        XXH3_state_t *state;

        if (!module_has_kernel(item->module))
                return 0;
        state = hash_module(b, item->droppable ? "kernel?" : "kernel", item->module);
        if (state)
                build_hash_kernel(state, b);
        return build_add_collection(b, state, collect_part_kernel, &part, ret);
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

/* A module's parts, borrowed; both NULL where it has none, or is dropped. */
typedef struct Collected {
        Collection *shared, *kernel;
} Collected;

/* One after the other, so that what a module requires has been collected before it. `shared` has been. */
static int collect_item(Build *b, const PlanItem *item, Collection *shared, Collected *ret) {
        const Module *module = item->module;
        const char *why;
        int r = 0;

        *ret = (Collected) { .shared = shared };
        if (!shared || !shared->missing)
                r = add_kernel(b, item, &ret->kernel);
        if (r < 0)
                return r;
        why = why_dropped(b, module, ret->shared, ret->kernel);
        if (!why)
                return 0;
        if (!item->droppable)
                return report_fail(b->report, FAILURE_INCOMPLETE, -ENOPKG, module->path, 0,
                                   "Module %s requires one that can't be in the image: %s",
                                   module->name, why);
        r = strmap_put(&b->dropped, module->name, (void *) why);
        return r < 0 ? report_oom(b->report) : 0;
}

/* Whether a module that is used requires or wants this one. */
static bool is_asked_for(const Plan *plan, const bool *used, const char *name) {
        for (size_t i = 0; i < plan->n_items; i++) {
                const Module *other = plan->items[i].module;

                if (used[i] &&
                    (strv_contains(other->requires, name) || strv_contains(other->wants, name)))
                        return true;
        }
        return false;
}

/* Drops what was there for the sake of what was dropped, also where two of them want each other:
 * what is used is found from those that are there on their own account. */
static int drop_orphans(Build *b) {
        const Plan *plan = b->plan;
        _cleanup_free_ bool *used = calloc(plan->n_items + 1, sizeof(bool));
        bool changed = true;

        if (!used)
                return report_oom(b->report);
        while (changed) {
                changed = false;
                for (size_t i = 0; i < plan->n_items; i++) {
                        const PlanItem *item = &plan->items[i];
                        bool own = !item->droppable ||
                                   (item->reason != PLAN_REQUIRED && item->reason != PLAN_WANTED);

                        if (used[i] || strmap_contains(&b->dropped, item->module->name) ||
                            (!own && !is_asked_for(plan, used, item->module->name)))
                                continue;
                        used[i] = changed = true;
                }
        }
        for (size_t i = 0; i < plan->n_items; i++) {
                const char *name = plan->items[i].module->name;

                if (!used[i] && !strmap_contains(&b->dropped, name) &&
                    strmap_put(&b->dropped, name,
                               (void *) "nothing in the image has a use for it") < 0)
                        return report_oom(b->report);
        }
        return 0;
}

static int add_item(Build *b, Sum *sum, const Module *module, const Collected *c) {
        const Collection *parts[] = { c->shared, c->kernel };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                int r;

                if (!parts[i])
                        continue;
                r = fragments_add(b->fragments, b->report, module->fragment ?: module->name,
                                  i == 0 ? SCOPE_SHARED : SCOPE_KERNEL, module->name,
                                  parts[i]->manifest);
                if (r >= 0 && sum_add(sum, parts[i]) < 0)
                        r = report_oom(b->report);
                if (r < 0)
                        return r;
        }
        return 0;
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
                rule->key = forced ? "ForceDrivers" : "Drivers";
        }
        return 0;
}

/* Drivers= and ForceDrivers= of the profile, as the module that they stand for; NULL without any. */
static int collect_profile_drivers(Build *b, Module **ret_module, Collected *ret) {
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
        r = collect_item(b, &item, NULL, ret);
        if (r < 0)
                return r;
        *ret_module = TAKE_PTR(module);
        return 0;
}

static int collect_modules(Build *b, Ahead *ahead, Collected *collected) {
        const Plan *plan = b->plan;
        int r = 0;

        for (size_t i = 0; i < plan->n_items && r >= 0; i++) {
                const PlanItem *item = &plan->items[i];
                Collection *shared;

                report_progress(b->report, STAGE_COLLECT, (unsigned) (5 + 25 * i / plan->n_items),
                                item->module->name);
                r = ahead ? ahead_take(ahead, i, &shared) : add_shared(b, item, &shared);
                if (r >= 0)
                        r = collect_item(b, item, shared, &collected[i]);
        }
        return r < 0 ? r : drop_orphans(b);
}

int build_add_modules(Build *b, Sum *sum) {
        const Plan *plan = b->plan;
        _cleanup_free_ Collected *collected = calloc(plan->n_items + 1, sizeof(Collected));
        _cleanup_(module_freep) Module *profile = NULL;
        _cleanup_(ahead_freep) Ahead *ahead = NULL;
        Collected drivers;
        int r;

        if (!collected)
                return report_oom(b->report);
        r = ahead_new(&ahead, b);
        /* They wait for nobody, and the others then wait less. */
        if (r >= 0)
                r = collect_profile_drivers(b, &profile, &drivers);
        if (r >= 0)
                r = collect_modules(b, ahead, collected);
        for (size_t i = 0; i < plan->n_items && r >= 0; i++)
                if (!strmap_contains(&b->dropped, plan->items[i].module->name))
                        r = add_item(b, sum, plan->items[i].module, &collected[i]);
        if (r >= 0 && profile)
                r = add_item(b, sum, profile, &drivers);
        return r;
}
