/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The parts of an image: its modules (build-modules.c), and what belongs to the image as a whole:
 * drivers' indexes, accounts, microcode, an admin's own files. Each part comes from the store while
 * its trace holds.
 */

#include "build-collect.h"
#include "collect/accounts.h"
#include "collect/crypttab.h"
#include "collect/iscsi.h"
#include "collect/early.h"
#include "collect/hooks.h"
#include "collect/mapper-table.h"
#include "image/verify.h"
#include "pack/kept.h"
#include "path-util.h"
#include "string-util.h"

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

static int collect_part_mapper_tables(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_mapper_tables(p->build->collector, p->build->profile, ret);
}

static int collect_part_iscsi(void *userdata, Collection **ret) {
        Part *p = userdata;

        return collect_iscsi(p->build->collector, ret);
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

void build_hash_kernel(XXH3_state_t *state, const Build *b) {
        build_hash_string(state, b->kernel->version);
        build_hash_string(state, b->options->kernel_dir);
        build_hash_string(state, mode_to_string(b->profile->mode));
        build_hash_strings(state, b->profile->omit_drivers);
        build_hash_strings(state, b->facts->modaliases);
}

void build_hash_place(XXH3_state_t *state, const char *path, unsigned line) {
        build_hash_string(state, path ? path_basename(path) : NULL);
        XXH3_128bits_update(state, &line, sizeof(line));
}

int build_find_collection(const Build *b, const Side *side, XXH128_hash_t key, collect_t collect,
                          Part *part, Collection **ret) {
        int r;

        r = b->store ? kept_collection(b->store, side->source, side->collector, key, collect, part,
                                       ret)
                     : collect(part, ret);
        return r < 0 ? report_fail(side->report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "The files of the image can't be collected: %s", strerror(-r))
                     : 0;
}

int build_keep_collection(Build *b, XXH128_hash_t key, Collection *c) {
        if (!GREEDY_REALLOC(b->collections, b->allocated_collections, b->n_collections + 1) ||
            !GREEDY_REALLOC(b->keys, b->allocated_keys, b->n_collections + 1)) {
                collection_free(c);
                return report_oom(b->report);
        }
        b->collections[b->n_collections] = c;
        b->keys[b->n_collections++] = key;
        return 0;
}

int build_add_collection(Build *b, XXH3_state_t *state, collect_t collect, Part *part,
                         Collection **ret) {
        Side side = build_side(b);
        Collection *c;
        XXH128_hash_t key;
        int r;

        if (!state)
                return report_oom(b->report);
        key = build_hash_end(state);
        r = build_find_collection(b, &side, key, collect, part, &c);
        if (r >= 0)
                r = build_keep_collection(b, key, c);
        if (r < 0)
                return r;
        *ret = c;
        return 0;
}

static void sum_done(Sum *s) {
        strv_free(s->users);
        strv_free(s->groups);
        strv_free(s->drivers);
        strv_free(s->load);
}

static int add_whole(Build *b, const char *name, Scope scope, collect_t collect, Part *part,
                     XXH3_state_t *state) {
        Collection *c = NULL;
        int r;

        r = build_add_collection(b, state, collect, part, &c);
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
        build_hash_kernel(state, b);
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
                build_hash_place(state, include->path, include->line);
        }
        return add_whole(b, "includes", SCOPE_HOST, collect_part_includes, &part, state);
}

static int add_hooks(Build *b) {
        Part part = { .build = b };

        return add_whole(b, "hooks", SCOPE_HOST, collect_part_hooks, &part,
                         build_hash_begin(b, "hooks"));
}

/* What an admin includes stands before what would be made. */
static void hash_includes(XXH3_state_t *state, const Build *b) {
        for (size_t i = 0; i < b->profile->n_includes; i++)
                build_hash_string(state, b->profile->includes[i].source);
}

/* Whether the image has that module. */
static bool has_module(const Build *b, const char *name) {
        return plan_find(b->plan, name) && !strmap_contains(&b->dropped, name);
}

/* Who opens encrypted devices has to be told of them. */
static int add_crypttab(Build *b) {
        Part part = { .build = b };
        XXH3_state_t *state;

        if (!has_module(b, "crypt"))
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
        hash_includes(state, b);
        return add_whole(b, "crypttab", SCOPE_HOST, collect_part_crypttab, &part, state);
}

/* And who sets up devices with checksums. */
static int add_mapper_tables(Build *b) {
        Part part = { .build = b };
        XXH3_state_t *state;

        if (!has_module(b, "integrity") && !has_module(b, "verity"))
                return 0;
        state = build_hash_begin(b, "mapper-tables");
        if (!state)
                return report_oom(b->report);
        build_hash_string(state, b->facts->generic ? "generic" : "host");
        build_hash_strings(state, b->facts->mapped);
        hash_includes(state, b);
        return add_whole(b, "mapper-tables", SCOPE_HOST, collect_part_mapper_tables, &part, state);
}

/* Which targets this machine's disks are of, and the passwords for them. */
static int add_iscsi(Build *b) {
        Part part = { .build = b };
        XXH3_state_t *state;

        if (b->facts->n_iscsi == 0 || !has_module(b, "iscsi"))
                return 0;
        state = build_hash_begin(b, "iscsi");
        if (!state)
                return report_oom(b->report);
        for (size_t i = 0; i < b->facts->n_iscsi; i++) {
                const FactsIscsi *t = &b->facts->iscsi[i];

                build_hash_string(state, t->target);
                build_hash_string(state, t->address);
                build_hash_string(state, t->port);
                build_hash_string(state, t->group);
                build_hash_string(state, t->initiator);
        }
        return add_whole(b, "iscsi-targets", SCOPE_HOST, collect_part_iscsi, &part, state);
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
        if (r >= 0)
                r = build_add_modules(b, sum);
        /* What modules have, too, is theirs: another hook is then a small fragment. */
        if (r >= 0)
                r = add_hooks(b);
        if (r >= 0)
                r = add_crypttab(b);
        if (r >= 0)
                r = add_mapper_tables(b);
        if (r >= 0)
                r = add_iscsi(b);
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
