/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Without the service nobody remembers what was installed: an image is where a profile would have
 * it, and is ours if it says so itself.
 */

#include <stdio.h>
#include <sys/utsname.h>

#include "build/run-worker.h"
#include "client.h"
#include "image/described.h"
#include "job-protocol.h"
#include "path-util.h"
#include "remove-offline.h"
#include "request.h"
#include "string-util.h"
#include "table.h"

static bool is_ours(const char *path, const char *kernel) {
        _cleanup_(described_freep) Described *d = NULL;
        _cleanup_(image_freep) Image *image = NULL;

        return image_open(&image, path) >= 0 && described_find(image, &d) >= 0 &&
               streq(d->kernel, kernel);
}

void show_removed(const char *kernel, const char *profile, const char *path) {
        json_t *object;

        if (arg_json != JSON_MODE_OFF) {
                object = json_pack("{s:s, s:s, s:s, s:s}", "result", JOB_RESULT_DONE, "kernel",
                                   kernel, "profile", profile, "path", path);
                print_json(object);
                json_decref(object);
        } else if (!arg_quiet)
                printf("%s: removed\n", path);
}

static int remove_image_of(const Request *q, const char *kernel, const char *profile,
                           const char *path) {
        json_t *request, *result;
        const char *outcome;
        int r, status = EXIT_STATUS_DONE;

        request = json_pack("{s:s}", "type", JOB_TYPE_REMOVE);
        if (request_put(request, "kernel", kernel) < 0 ||
            request_put(request, "profile", profile) < 0 ||
            request_put(request, "path", path) < 0 ||
            request_put(request, "store", q->store) < 0 ||
            request_put(request, "root", q->root) < 0)
                r = -EINVAL;
        else
                r = run_worker(request, kernel, &result);
        json_decref(request);
        if (r < 0)
                return r == -ECANCELED ? EXIT_STATUS_CANCELLED : EXIT_STATUS_FAILED;
        outcome = json_string_value(json_object_get(result, "result"));
        if (!outcome || streq(outcome, JOB_RESULT_FAILED))
                status = say_worker_failure(result);
        else
                show_removed(kernel, profile, path);
        json_decref(result);
        return status;
}

/* Of all profiles, or of the one that was named. Gives how many there were. */
static int remove_of_profiles(const Request *q, const Config *config, const char *kernel,
                              size_t *ret_n) {
        int status = EXIT_STATUS_DONE;

        for (size_t i = 0; i < config->n_profiles; i++) {
                const Profile *profile = config->profiles[i];
                _cleanup_free_ char *inside = NULL, *path = NULL;
                int one;

                if (arg_profile && !streq(arg_profile, profile->name))
                        continue;
                if (profile_output_path(profile, kernel, &inside) < 0)
                        continue;
                path = path_join(q->root ?: "/", inside);
                if (!path)
                        return EXIT_STATUS_FAILED;
                if (!is_ours(path, kernel))
                        continue;
                (*ret_n)++;
                one = remove_image_of(q, kernel, profile->name, path);
                if (status == EXIT_STATUS_DONE)
                        status = one;
        }
        return status;
}

int remove_offline(const char *kernel) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(config_freep) Config *config = NULL;
        Report report = REPORT_INIT;
        struct utsname u;
        size_t n = 0;
        int status;
        Request q;

        if (!filename_is_valid(kernel)) {
                say("There is no kernel \"%s\".", kernel);
                return EXIT_STATUS_NOT_FOUND;
        }
        if (!arg_force && !arg_root && uname(&u) >= 0 && streq(u.release, kernel)) {
                say("%s: This kernel runs; its image is removed only with --force.", kernel);
                return EXIT_STATUS_FAILED;
        }
        if (request_init(&q, NULL) < 0)
                return EXIT_STATUS_FAILED;
        if (source_new(&source, q.root ?: "/") < 0) {
                say("%s: The root can't be opened.", q.root ?: "/");
                status = EXIT_STATUS_FAILED;
        } else if (config_load(source, NULL, &report, &config) < 0)
                status = say_failure(&report);
        else {
                status = remove_of_profiles(&q, config, kernel, &n);
                if (n == 0) {
                        say("There is no image of ours for kernel %s.", kernel);
                        status = EXIT_STATUS_NOT_FOUND;
                }
        }
        report_done(&report);
        request_done(&q);
        return status;
}
