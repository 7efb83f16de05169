/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a build is asked for: the root, the profile, the kernel, the facts, the store. */

#include "build-internal.h"
#include "string-util.h"

/* Our data is the root's own, if it has it; else ours is shown in its place. */
static int bind_data(Build *b) {
        int r;

        if (!b->options->data_dir)
                return 0;
        r = source_exists(b->source, NULL, "/usr/lib/initrdd/modules.d");
        if (r == 0) {
                r = source_bind(b->source, "/usr/lib/initrdd", b->options->data_dir);
                b->data_dir = b->options->data_dir;
        }
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
        r = bind_data(b);
        source_remember(b->source, true);
        return r;
}

static int open_profile(Build *b, const char *name) {
        const Profile *profile;
        int r;

        profile = config_find_profile(b->config, name);
        if (!profile)
                return report_fail(b->report, FAILURE_INVALID_ARGUMENT, -ENOENT, NULL, 0,
                                   "There is no profile %s; profiles.d/%s.conf would be one", name,
                                   name);
        b->profile = profile_free(b->profile);
        r = profile_copy(profile, &b->profile);
        if (r < 0)
                return report_oom(b->report);
        STRV_FOREACH(setting, b->options->settings) {
                _cleanup_free_ char *key = strndup(*setting, strcspn(*setting, "="));
                const char *equals = strchr(*setting, '=');

                if (!key)
                        return report_oom(b->report);
                r = profile_set(b->profile, b->report, key, equals ? equals + 1 : "");
                if (r < 0) {
                        if (b->report->failure.kind == FAILURE_CONFIG_INVALID)
                                b->report->failure.kind = FAILURE_INVALID_ARGUMENT;
                        return r;
                }
        }
        return 0;
}

static int find_output(Build *b, const char *version) {
        char *output;
        int r;

        if (b->options->output) {
                output = strdup(b->options->output);
                r = output ? 0 : -ENOMEM;
        } else
                r = profile_output_path(b->profile, version, &output);
        if (r == -EINVAL)
                return report_fail(b->report, FAILURE_CONFIG_INVALID, r, b->profile->path, 0,
                                   "Output=%s: only %%v, %%p and %%%% have a meaning there",
                                   b->profile->output);
        if (r < 0)
                return report_oom(b->report);
        free(b->output);
        b->output = output;
        return 0;
}

static int open_kernel(Build *b, const char *version) {
        _cleanup_free_ char *bound = NULL;
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
        b->kernel = kernel_free(b->kernel);
        r = find_output(b, version);
        return r < 0 ? r : kernel_open(b->source, b->trace, b->report, version, &b->kernel);
}

/* Apart: that hardware came or went may be no matter (build-hardware.c). */
static int hash_facts(Build *b) {
        _cleanup_free_ char *json = NULL, *hardware = NULL;
        Facts rest = *b->facts;

        rest.modaliases = NULL;
        hardware = strv_join(b->facts->modaliases, "\n");
        if (!hardware || facts_to_json(&rest, &json) < 0)
                return -ENOMEM;
        b->facts_hash = XXH3_128bits(json, strlen(json));
        b->hardware_hash = XXH3_128bits(hardware, strlen(hardware));
        return 0;
}

/* A machine that isn't this one can be described by a file; otherwise nothing is known of it. */
static int open_facts(Build *b) {
        _cleanup_free_ char *json = NULL;
        bool generic = b->profile->mode == MODE_GENERIC;
        int r;

        /* The machine is still the one that it was for the image before. */
        if (b->facts && !b->facts->generic && !generic)
                return 0;
        b->facts = facts_free(b->facts);
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
                        return report_fail(b->report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                                           "Mode=%s for another root needs to know its machine; "
                                           "give --facts, or Mode=generic",
                                           mode_to_string(b->profile->mode));
                r = facts_new_generic(&b->facts);
                if (r >= 0)
                        r = facts_find_arch(b->facts, b->source);
        }
        if (r < 0)
                return r == -ENOMEM ? report_oom(b->report) : r;
        if (b->facts->generic) {
                b->profile->mode = MODE_GENERIC;
                if (!b->profile->microcode_set)
                        b->profile->microcode = MICROCODE_ALL;
                json = strv_join(b->facts->tags, " ");
                if (!json)
                        return report_oom(b->report);
                b->facts_hash = XXH3_128bits(json, strlen(json));
                b->hardware_hash = (XXH128_hash_t) {};
                return 0;
        }
        return hash_facts(b) < 0 ? report_oom(b->report) : 0;
}

/* Where there is no room for a store, an image can still be made. */
static int open_store(Build *b) {
        int r;

        r = store_open(&b->store, b->report, b->options->store, STORE_SHARED);
        if (r != -ENOSPC && r != -EDQUOT && r != -EROFS)
                return r;
        report_done(b->report);
        report_warn(b->report, b->options->store, 0,
                    "There can be no store here (%s): everything is packed, and the next build "
                    "will take as long",
                    strerror(-r));
        return 0;
}

int build_open_root(Build *b) {
        int r;

        r = open_source(b);
        return r < 0 ? r : config_load(b->source, b->trace, b->report, &b->config);
}

int build_open_image(Build *b, const char *profile, const char *kernel) {
        int r;

        r = open_profile(b, profile ?: "default");
        if (r >= 0)
                r = open_kernel(b, kernel);
        if (r >= 0)
                r = open_facts(b);
        return r < 0 ? r : build_image_key(b);
}

int build_open(Build *b) {
        int r;

        report_progress(b->report, STAGE_PLAN, 0, NULL);
        r = build_open_root(b);
        if (r >= 0)
                r = build_open_image(b, b->options->profile, b->options->kernel);
        if (r >= 0 && b->options->store)
                r = open_store(b);
        return r < 0 ? r : 0;
}
