/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A build, from what is wanted to an image in its place. ARCHITECTURE.md tells its life. */

#include "collect/collect.h"
#include "describe/config.h"
#include "describe/kernel.h"
#include "describe/module.h"
#include "describe/plan.h"
#include "facts/facts.h"
#include "image/record.h"
#include "pack/fragment.h"
#include "pack/store.h"
#include "report.h"
#include "source/source.h"

typedef struct BuildOptions {
        const char *root; /* "/": the running system */
        const char *data_dir; /* our own data, for a root that has none (or is to use these) */
        const char *kernel; /* version; may be NULL with kernel_dir */
        const char *kernel_dir; /* a kernel from elsewhere, or NULL */
        const char *profile; /* NULL: "default" */
        const char *output; /* a path of the running system; NULL: as the profile says, in the root */
        const char *store;
        const char *facts; /* a file of facts, or NULL */
        char *const *settings; /* KEY=VALUE on top of the profile */
        bool force; /* also when nothing changed */
        bool best; /* pack at the idle level at once */
        unsigned threads; /* 0: as many as there are processors */
} BuildOptions;

/* What a build knows, filled in step by step. Owned by it, for others to read. */
typedef struct Build {
        const BuildOptions *options;
        Report *report;
        Source *source;
        const char *data_dir; /* that of the options, where the root doesn't have its own */
        Config *config;
        Profile *profile;
        Kernel *kernel;
        Facts *facts;
        Modules *modules;
        Plan *plan;
        Trace *trace; /* of everything up to the plan; at the end of all there is */
        Store *store;
        Collector *collector;
        bool looked; /* the image's record was, so that the Source remembers most of what there is */
        Collection **collections;
        size_t n_collections, allocated_collections;
        XXH128_hash_t *keys; /* of the collections */
        size_t allocated_keys;
        Fragments *fragments;
        Strmap dropped; /* name of a module that can't be in the image → why; borrowed */
        char *output; /* where the image goes, as the profile has it */
        XXH128_hash_t facts_hash, hardware_hash; /* as an ImageRecord has them */
        XXH128_hash_t key; /* of the image's record */
        uint64_t n_drivers, n_files;
} Build;

int build_new(Build **ret, const BuildOptions *options, Report *report);
Build *build_free(Build *build);
DEFINE_CLEANUP_FUNC(Build *, build_free);

/* The steps, in their order. The first opens what is asked for; 1 from build_is_current() means
 * that the image is what a build would make, and `ret` (may be NULL) is its record. */
int build_open(Build *build);
/* For who looks at many images: what they have in common, without the store; then one of them,
 * which takes the place of the one before. The path is known also where the kernel can't be used. */
int build_open_root(Build *build);
int build_open_image(Build *build, const char *profile, const char *kernel);
int build_is_current(Build *build, ImageRecord **ret);
/* What the last build of this image left: -ENOENT. The caller frees. */
int build_load_record(Build *build, ImageRecord **ret);
/* The path of the image on the running system. The caller frees. */
int build_output_path(const Build *build, char **ret);
int build_plan(Build *build);
int build_collect(Build *build);
/* Packs, writes, checks, installs, and keeps the record. 1 when somebody else did so meanwhile.
 * `ret_previous` is as target_take_previous() has it. */
int build_write(Build *build, ImageRecord **ret, int *ret_previous);

typedef enum BuildOutcome { BUILD_DONE, BUILD_UNCHANGED } BuildOutcome;

typedef struct BuildResult {
        BuildOutcome outcome;
        ImageRecord *record;
        char **packed; /* names of the fragments that had to be packed */
        char **left_out; /* "module: why", of what a generic image does without */
        int previous_fd; /* closing it takes time: say first what came of the build */
} BuildResult;
void build_result_done(BuildResult *result);

/* All of it. When files change meanwhile it begins again, once. */
int build(const BuildOptions *options, Report *report, BuildResult *ret);
