/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The line of a build, without its end: what is collected and packed is the same, so a build finds
 * the fragments by their content. Nobody is told when it comes to nothing, since the build that
 * follows would say why.
 */

#include "pack/pack.h"
#include "prepare.h"
#include "prepare-internal.h"
#include "string-util.h"

/* A kernel that isn't ready is made to look so. */
static int open_kernel(Build *b, Indexes *indexes) {
        const char *version = b->options->kernel, *reason;
        KernelState state;
        int r;

        if (b->options->kernel_dir || !version ||
            kernel_state(b->source, version, &state, &reason) < 0 || state == KERNEL_READY)
                return 0;
        r = indexes_make(indexes, b, version);
        if (r == -ENOMEM)
                return report_oom(b->report);
        if (r < 0)
                return report_fail(b->report,
                                   r == -ENOSPC ? FAILURE_NO_SPACE : FAILURE_KERNEL_INCOMPLETE, r,
                                   NULL, 0, "The drivers of kernel %s can't be indexed: %s",
                                   version, strerror(-r));
        return 0;
}

static int pack(Build *b) {
        _cleanup_(packer_freep) Packer *packer = NULL;
        PackOptions options = build_pack_options(b);
        int r;

        report_progress(b->report, STAGE_PACK, 30, NULL);
        r = packer_new(&packer, b->source, b->store, b->report, b->fragments, &options);
        for (size_t i = 0; i < b->fragments->n && r >= 0; i++) {
                r = packer_wait(packer, i);
                report_progress(b->report, STAGE_PACK,
                                (unsigned) (30 + 70 * (i + 1) / b->fragments->n),
                                b->fragments->fragments[i]->name);
        }
        return r;
}

static int prepare_once(const BuildOptions *options, Report *report, char ***ret_packed) {
        _cleanup_(build_freep) Build *b = NULL;
        _cleanup_(indexes_done) Indexes indexes = INDEXES_INIT;
        _cleanup_strv_free_ char **packed = NULL;
        int r;

        r = build_new(&b, options, report);
        if (r < 0)
                return r;
        report_progress(report, STAGE_PLAN, 0, NULL);
        r = store_open(&b->store, report, options->store, STORE_SHARED);
        if (r >= 0)
                r = build_open_root(b);
        if (r >= 0)
                r = open_kernel(b, &indexes);
        if (r >= 0)
                r = build_open_image(b, options->profile, options->kernel);
        if (r >= 0)
                r = build_plan(b);
        if (r >= 0)
                r = build_collect(b);
        if (r >= 0)
                r = pack(b);
        if (r < 0)
                return r;
        r = build_list_packed(b, &packed);
        if (r < 0)
                return report_oom(report);
        *ret_packed = TAKE_PTR(packed);
        return 0;
}

int prepare(const BuildOptions *options, Report *report, char ***ret_packed) {
        int r;

        r = prepare_once(options, report, ret_packed);
        if (r != -ESTALE)
                return r;
        report_done(report);
        return prepare_once(options, report, ret_packed);
}
