/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Hardware comes and goes: a stick, a dock, a virtual disk. An image is what a build would make as long as
 * it has each driver that the hardware of now asks for; one too many does no harm. So a record has the
 * modaliases apart from the other facts, and where they are others this tells what they come to: what
 * Match= lines of the plan's modules mean now is held against the drivers of the collections that
 * the image was made of. The kernel's indexes are read for it, which is some milliseconds; then the
 * record is brought up to date.
 */

#include "build-internal.h"
#include "collect/collection.h"
#include "string-util.h"

/* The names of the drivers that the image has. -ENOENT when the store does not know all of them. */
static int find_drivers(const Build *b, const ImageRecord *record, Strmap *drivers) {
        for (size_t i = 0; i < record->n_collections; i++) {
                _cleanup_(collection_freep) Collection *c = NULL;
                _cleanup_free_ char *data = NULL;
                size_t size;
                int r;

                r = store_get(b->store, STORE_COLLECTIONS, record->collections[i], &data, &size);
                if (r >= 0)
                        r = collection_deserialize(data, size, &c);
                STRV_FOREACH(name, r >= 0 ? c->drivers : NULL) {
                        r = strmap_put(drivers, *name, NULL);
                        if (r == -ENOMEM)
                                break;
                        r = 0;
                }
                if (r < 0)
                        return r == -ENOMEM ? r : -ENOENT;
        }
        return 0;
}

static int look_at_plan(Build *b, const Plan *plan, const Strmap *have, Report *report,
                        char **ret) {
        _cleanup_(drivers_freep) Drivers *drivers = NULL;
        int r;

        r = drivers_new(&drivers, b->source, report, b->kernel, b->profile, b->facts);
        for (size_t i = 0; i < plan->n_items && r == 0; i++) {
                const Module *module = plan->items[i].module;

                for (size_t k = 0; k < module->n_drivers && r == 0; k++) {
                        const char *name;

                        r = drivers_lack(drivers, &module->drivers[k], have, &name);
                        if (r > 0)
                                r = str_printf(ret, "%s", name) < 0 ? -ENOMEM : 1;
                }
        }
        return r;
}

int build_find_missing_driver(Build *b, const ImageRecord *record, char **ret) {
        _cleanup_strmap_ Strmap have = STRMAP_INIT(NULL);
        _cleanup_(modules_freep) Modules *modules = NULL;
        _cleanup_(trace_freep) Trace *trace = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        /* Whoever builds is told what is wrong there. */
        Report quiet = {};
        int r;

        r = find_drivers(b, record, &have);
        if (r >= 0)
                r = trace_new(&trace);
        if (r >= 0)
                r = modules_load(b->source, trace, &quiet, &modules);
        if (r >= 0)
                r = plan_new(&plan, modules, b->profile, b->facts, &quiet);
        if (r >= 0)
                r = look_at_plan(b, plan, &have, &quiet, ret);
        report_done(&quiet);
        return r;
}
