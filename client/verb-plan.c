/* SPDX-License-Identifier: GPL-2.0-or-later */

/* plan: everything up to the packing, and nothing written but what the store keeps anyway. */

#include <inttypes.h>
#include <stdio.h>

#include "client.h"
#include "request.h"
#include "string-util.h"
#include "table.h"

static bool is_stored(const Build *b, const Fragment *f) {
        Compression c = f->scope == SCOPE_EARLY ? COMPRESSION_NONE : b->profile->compression;
        StoredFragment stored;

        return store_find(b->store, f->content, c, f->scope == SCOPE_EARLY ? 0 : b->profile->level,
                          &stored) ||
               store_find(b->store, f->content, c, b->profile->idle_level, &stored);
}

static const char *why_left_out(const Build *b, const PlanItem *item) {
        return strmap_get(&b->dropped, item->module->name);
}

/* For people, what is left out comes behind the table: its reasons are long. */
static void show_left_out(const Build *b) {
        bool first = true;

        for (size_t i = 0; i < b->plan->n_items; i++) {
                const PlanItem *item = &b->plan->items[i];

                if (!why_left_out(b, item))
                        continue;
                printf("%s  %s: %s\n", first ? "\nLeft out:\n" : "", item->module->name,
                       why_left_out(b, item));
                first = false;
        }
}

static int make_modules(const Build *b, Table **ret) {
        static const char *const columns[] = { "MODULE", "WHY", "DESCRIPTION" };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        r = table_new(&table, "modules", columns, ELEMENTSOF(columns));
        for (size_t i = 0; i < b->plan->n_items && r >= 0; i++) {
                const PlanItem *item = &b->plan->items[i];
                _cleanup_free_ char *why = NULL, *left_out = NULL;

                if (why_left_out(b, item) && arg_json == JSON_MODE_OFF)
                        continue;
                r = plan_item_describe(item, &why);
                if (r >= 0 && why_left_out(b, item))
                        r = str_printf(&left_out, "left out: %s", why_left_out(b, item));
                if (r >= 0)
                        r = table_add(table,
                                      (const char *[]) { item->module->name, left_out ?: why,
                                                         item->module->description ?: "" });
        }
        if (r >= 0)
                *ret = TAKE_PTR(table);
        return r;
}

static int make_fragments(const Build *b, Table **ret) {
        static const char *const columns[] = { "FRAGMENT", "SCOPE", "ENTRIES", "SIZE", "CACHED" };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        r = table_new(&table, "fragments", columns, ELEMENTSOF(columns));
        if (r >= 0) {
                table_set_number(table, 2);
                table_set_number(table, 3);
        }
        for (size_t i = 0; i < b->fragments->n && r >= 0; i++) {
                const Fragment *f = b->fragments->fragments[i];
                char size[SIZE_TEXT_MAX];
                char entries[24];

                snprintf(entries, sizeof(entries), "%zu", f->n_entries);
                r = table_add(table, (const char *[]) { f->name, scope_to_string(f->scope),
                                                        entries, table_size(f->raw_size, size),
                                                        is_stored(b, f) ? "yes" : "no" });
        }
        if (r >= 0)
                *ret = TAKE_PTR(table);
        return r;
}

static void show_sum(const Build *b) {
        char total[SIZE_TEXT_MAX];
        uint64_t sum = 0;

        for (size_t i = 0; i < b->fragments->n; i++)
                sum += b->fragments->fragments[i]->raw_size;
        printf("\n%s for %s: %" PRIu64 " files, %" PRIu64 " drivers, %s unpacked\n", b->output,
               b->kernel->version, b->n_files, b->n_drivers, size_to_text(sum, total));
}

/* One object with both tables. */
static int show_json(Table *modules, Table *fragments) {
        json_t *object, *more;
        int r;

        r = table_to_json(modules, &object);
        if (r < 0)
                return EXIT_STATUS_FAILED;
        r = table_to_json(fragments, &more);
        if (r >= 0) {
                json_object_update(object, more);
                json_decref(more);
                print_json(object);
        }
        json_decref(object);
        return r < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
}

static int show(const Build *b) {
        _cleanup_(table_freep) Table *modules = NULL, *fragments = NULL;
        int r;

        r = make_modules(b, &modules);
        if (r >= 0)
                r = make_fragments(b, &fragments);
        if (r < 0)
                return EXIT_STATUS_FAILED;
        if (arg_json != JSON_MODE_OFF)
                return show_json(modules, fragments);
        r = table_print(modules);
        if (r != EXIT_STATUS_DONE)
                return r;
        show_left_out(b);
        putchar('\n');
        r = table_print(fragments);
        if (r == EXIT_STATUS_DONE)
                show_sum(b);
        return r;
}

int verb_plan(int argc, char *argv[]) {
        _cleanup_strv_free_ char **kernels = NULL;
        _cleanup_(build_freep) Build *b = NULL;
        Report report = REPORT_INIT;
        Request q;
        int r, status;

        if (argc > 1)
                r = strv_extend(&kernels, argv[1]);
        else
                r = arg_kernel_dir ? 0 : choose_kernels(false, &kernels);
        if (r < 0)
                return r == -ENOENT ? EXIT_STATUS_NOT_FOUND : EXIT_STATUS_FAILED;
        if (request_init(&q, kernels ? kernels[0] : NULL) < 0)
                return EXIT_STATUS_FAILED;

        r = build_new(&b, &q.options, &report);
        if (r >= 0)
                r = build_open(b);
        if (r >= 0)
                r = build_plan(b);
        if (r >= 0)
                r = build_collect(b);
        if (r < 0)
                status = say_failure(&report);
        else
                status = show(b);
        request_done(&q);
        report_done(&report);
        return status;
}
