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

#include "build-internal.h"
#include "fd-util.h"
#include "image/assemble.h"
#include "image/description.h"
#include "pack/join.h"
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

int build_plan(Build *b) {
        int r;

        r = modules_load(b->source, b->trace, b->report, &b->modules);
        if (r < 0)
                return r;
        return plan_new(&b->plan, b->modules, b->profile, b->facts, b->report);
}

static int describe(void *userdata, char **ret, size_t *ret_size) {
        Build *b = userdata;

        return description_pack(b->fragments, b->plan, b->profile, b->kernel, ret, ret_size);
}

PackOptions build_pack_options(const Build *b) {
        bool best = b->options->best && b->profile->idle_level > 0;

        return (PackOptions) {
                .compression = b->profile->compression,
                .level = best ? b->profile->idle_level : b->profile->level,
                .better_level = b->profile->idle_level,
                .threads = b->options->threads,
        };
}

bool build_joins(const Build *b) {
        return b->profile->idle_level > 0 && compression_joins(b->profile->compression);
}

/* One segment of what the store has as one; of all that can be, where an admin wants the best. */
static int join(Build *b) {
        StoredFragment known;
        Run run;
        int r = 0;

        if (!build_joins(b))
                return 0;
        for (size_t at = 0; r >= 0 && run_find(b->fragments, at, &run);) {
                bool joins = b->options->best ||
                             (b->store &&
                              store_find(b->store, run.content, b->profile->compression,
                                         b->profile->idle_level, &known));

                if (joins)
                        r = fragments_join(b->fragments, &run);
                at = run.first + (joins ? 1 : run.n);
        }
        return r < 0 ? report_oom(b->report) : 0;
}

/* The image stays, only what is known of it is new. */
static int keep_image(Build *b, Target *target, ImageRecord **ret) {
        if (build_merge_traces(b) < 0 || build_make_record(b, target, ret) < 0)
                return report_oom(b->report);
        (void) build_save_record(b, *ret);
        return 1;
}

int build_write(Build *b, ImageRecord **ret, int *ret_previous) {
        _cleanup_(target_freep) Target *target = NULL;
        _cleanup_(packer_freep) Packer *packer = NULL;
        PackOptions pack = build_pack_options(b);
        uint64_t size;
        int r;

        r = target_open(&target, b->report, build_output_root(b), b->output);
        if (r < 0)
                return r;
        /* Who was there before us may have been asked for the same. */
        if (target_waited(target) && !b->options->force) {
                source_remember(b->source, true); /* anew */
                r = build_is_current(b, ret);
                if (r != 0)
                        return r;
        }
        report_progress(b->report, STAGE_PACK, 30, NULL);
        r = build_is_same(b);
        if (r != 0)
                return r < 0 ? r : keep_image(b, target, ret);
        r = join(b);
        if (r >= 0)
                r = packer_new(&packer, b->source, b->store, b->report, b->fragments, &pack);
        if (r < 0)
                return r;
        /* For the record, which is made when everybody waits for it; now there is time. */
        if (build_merge_traces(b) < 0)
                return report_oom(b->report);
        r = assemble(target, b->report, b->fragments, packer, describe, b, &size);
        if (r < 0)
                return r;
        r = build_make_record(b, target, ret);
        if (r < 0)
                return report_oom(b->report);
        (void) build_save_record(b, *ret);
        *ret_previous = target_take_previous(target);
        report_progress(b->report, STAGE_INSTALL, 100, NULL);
        return 0;
}

void build_result_done(BuildResult *result) {
        image_record_free(result->record);
        strv_free(result->packed);
        strv_free(result->left_out);
        safe_close(result->previous_fd);
        *result = (BuildResult) { .previous_fd = -EBADF };
}

int build_list_packed(const Build *b, char ***packed) {
        for (size_t i = 0; i < b->fragments->n; i++) {
                const Fragment *f = b->fragments->fragments[i];
                char *name;
                int r;

                if (f->cached)
                        continue;
                r = str_printf(&name, "%s/%s", scope_to_string(f->scope), f->name);
                if (r >= 0)
                        r = strv_consume(packed, name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fill_result(const Build *b, BuildResult *ret) {
        int r;

        r = build_list_packed(b, &ret->packed);
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
        BuildResult result = { .previous_fd = -EBADF };
        int r;

        r = build_new(&b, options, report);
        if (r >= 0)
                r = build_open(b);
        if (r >= 0 && !options->force) {
                r = build_is_current(b, &result.record);
                if (r > 0) {
                        target_sweep(build_output_root(b), b->output);
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
                r = build_write(b, &result.record, &result.previous_fd);
        if (r > 0)
                result.outcome = BUILD_UNCHANGED;
        else if (r == 0)
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
