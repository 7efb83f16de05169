/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * All images are looked at through one Source, one configuration and one machine's facts, so that
 * they are held against one moment, and what is the same for all is read once.
 */

#include "describe/boot-default.h"
#include "examine-internal.h"
#include "path-util.h"
#include "string-util.h"

static const char *const states[] = {
        [IMAGE_CURRENT] = "current", [IMAGE_STALE] = "stale",
        [IMAGE_MISSING] = "missing", [IMAGE_INCOMPLETE] = "incomplete",
        [IMAGE_FOREIGN] = "foreign", [IMAGE_ORPHANED] = "orphaned",
};

const char *image_state_to_string(ImageState state) {
        return states[state];
}

Examination *examination_free(Examination *x) {
        if (!x)
                return NULL;
        for (size_t i = 0; i < x->n_kernels; i++) {
                free(x->kernels[i].version);
                free(x->kernels[i].reason);
                free(x->kernels[i].image);
        }
        for (size_t i = 0; i < x->n_images; i++) {
                free(x->images[i].kernel);
                free(x->images[i].profile);
                free(x->images[i].path);
                free(x->images[i].description);
                strv_free(x->images[i].reasons);
        }
        free(x->kernels);
        free(x->images);
        config_free(x->config);
        modules_free(x->modules);
        strv_free(x->module_paths);
        free(x->default_kernel);
        strv_free(x->watches);
        free(x);
        return NULL;
}

static int examine_kernel(Examination *x, const Build *b, const char *version) {
        _cleanup_free_ char *directory = NULL, *image = NULL;
        ExaminedKernel *k;
        const char *reason;
        KernelState state;
        int r;

        r = kernel_state(b->source, version, &state, &reason);
        if (r >= 0)
                r = kernel_find_directory(b->source, NULL, version, &directory);
        if (r >= 0)
                r = kernel_find_image(b->source, NULL, directory, version, &image);
        if (r < 0) /* it has vanished meanwhile */
                return r == -ENOMEM ? r : 0;
        if (!GREEDY_REALLOC(x->kernels, x->allocated_kernels, x->n_kernels + 1))
                return -ENOMEM;
        k = &x->kernels[x->n_kernels++];
        *k = (ExaminedKernel) { .version = strdup(version), .state = state };
        if (reason)
                k->reason = strdup(reason);
        if (image)
                k->image = examined_path(b, image);
        return k->version && (!reason || k->reason) && (!image || k->image) ? 0 : -ENOMEM;
}

/* The kernels that there are, or the one that was asked for. The caller frees. */
static int list_kernels(Build *b, char ***ret) {
        char *bound;
        int r;

        if (b->options->kernel_dir) {
                r = kernel_bind_directory(b->source, b->report, b->options->kernel_dir,
                                          b->options->kernel, &bound);
                return r < 0 ? r : strv_consume(ret, bound);
        }
        r = kernel_list(b->source, b->trace, ret);
        if (r == -ENOMEM)
                return report_oom(b->report);
        if (r < 0)
                return report_fail(b->report, FAILURE_NO_SUCH_KERNEL, r, "/lib/modules", 0,
                                   "The kernels can't be listed: %s", strerror(-r));
        return 0;
}

static int examine_kernels(Examination *x, Strmap *watches, const Build *b,
                           char *const *versions) {
        _cleanup_strv_free_ char **directories = NULL;
        const char *chosen = NULL;
        int r;

        STRV_FOREACH(version, versions) {
                r = examine_kernel(x, b, *version);
                if (r < 0)
                        return r;
        }
        r = boot_default_kernel(b->source, versions, &chosen, &directories);
        STRV_FOREACH(directory, directories)
                if (r >= 0)
                        r = watches_add(watches, b, *directory);
        if (r < 0)
                return r;
        if (chosen) {
                x->default_kernel = strdup(chosen);
                return x->default_kernel ? 0 : -ENOMEM;
        }
        return 0;
}

static int examine_images(Examination *x, Strmap *watches, Build *b, const ExamineOptions *o,
                          char *const *versions) {
        for (size_t i = 0; i < b->config->n_profiles; i++) {
                const Profile *profile = b->config->profiles[i];

                if (o->build.profile && !streq(o->build.profile, profile->name))
                        continue;
                STRV_FOREACH(version, versions) {
                        int r;

                        if (!profile_has_kernel(profile, *version) && !o->build.kernel_dir)
                                continue;
                        r = examine_image(x, watches, b, o, profile->name, *version);
                        if (r < 0)
                                return r;
                }
        }
        return examine_orphans(x, watches, o);
}

static int open_all(Build *b, const ExamineOptions *o, Examination *x) {
        int r;

        r = build_open_root(b);
        if (r < 0)
                return r;
        if (o->build.profile && !config_find_profile(b->config, o->build.profile))
                return report_fail(b->report, FAILURE_INVALID_ARGUMENT, -ENOENT, NULL, 0,
                                   "There is no profile %s; profiles.d/%s.conf would be one",
                                   o->build.profile, o->build.profile);
        r = modules_load(b->source, b->trace, b->report, &x->modules);
        for (size_t i = 0; r >= 0 && i < x->modules->n_modules; i++) {
                char *path = examined_path(b, x->modules->modules[i]->path);

                if (!path || strv_consume(&x->module_paths, path) < 0)
                        return report_oom(b->report);
        }
        if (r >= 0 && o->build.store) {
                r = store_open(&b->store, b->report, o->build.store, STORE_LOOK);
                if (r == -ENOENT)
                        r = 0;
        }
        return r;
}

static int take_watches(Examination *x, const Strmap *watches) {
        STRMAP_FOREACH(e, watches)
                if (strv_extend(&x->watches, e->key) < 0)
                        return -ENOMEM;
        if (x->watches)
                strv_sort(x->watches);
        return 0;
}

int examine(const ExamineOptions *options, Report *report, Examination **ret) {
        _cleanup_(examination_freep) Examination *x = calloc(1, sizeof(Examination));
        _cleanup_(build_freep) Build *b = NULL;
        _cleanup_strmap_ Strmap watches = STRMAP_INIT(NULL);
        _cleanup_strv_free_ char **versions = NULL;
        int r;

        if (!x)
                return report_oom(report);
        r = build_new(&b, &options->build, report);
        if (r >= 0)
                r = open_all(b, options, x);
        if (r >= 0)
                r = list_kernels(b, &versions);
        if (r < 0)
                return r;
        r = examine_kernels(x, &watches, b, versions);
        if (r >= 0)
                r = examine_images(x, &watches, b, options, versions);
        if (r >= 0)
                r = watches_add_all(&watches, b);
        if (r >= 0)
                r = take_watches(x, &watches);
        if (r < 0)
                return r == -ENOMEM ? report_oom(report)
                                    : report_fail(report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                                  "The images can't be examined: %s",
                                                  strerror(-r));
        x->config = TAKE_PTR(b->config);
        *ret = TAKE_PTR(x);
        return 0;
}
