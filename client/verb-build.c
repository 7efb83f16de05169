/* SPDX-License-Identifier: GPL-2.0-or-later */

/* build, rebuild: by the service, or by a worker of our own. */

#include "build/build-bus.h"
#include "build/build-result.h"
#include "build/post-update.h"
#include "build/run-worker.h"
#include "bus/bus.h"
#include "client.h"
#include "job-protocol.h"
#include "request.h"
#include "string-util.h"

static int make_request(const char *kernel, bool force, json_t **ret) {
        json_t *request;
        Request q;
        int r;

        r = request_init(&q, kernel);
        if (r < 0)
                return r;
        request = json_pack("{s:s, s:b, s:b, s:i}", "type", JOB_TYPE_BUILD, "force", (int) force,
                            "best", (int) q.options.best, "threads", (int) q.options.threads);
        if (request_put(request, "root", q.root) < 0 ||
            request_put(request, "data-dir", q.data_dir) < 0 ||
            request_put(request, "kernel", kernel) < 0 ||
            request_put(request, "kernel-dir", q.kernel_dir) < 0 ||
            request_put(request, "profile", q.options.profile) < 0 ||
            request_put(request, "output", q.output) < 0 ||
            request_put(request, "store", q.store) < 0 ||
            request_put(request, "facts", q.facts) < 0)
                r = -EINVAL;
        else
                r = request_put_list(request, "settings", q.options.settings);
        request_done(&q);
        if (r < 0) {
                json_decref(request);
                return r;
        }
        *ret = request;
        return 0;
}

/* Where there was something to do, boot loaders must know. */
static int run_hooks(const json_t *result) {
        if (!post_update_is_wanted())
                return EXIT_STATUS_DONE;
        return post_update_run(json_string_value(json_object_get(result, "kernel")) ?: "",
                               json_string_value(json_object_get(result, "path")) ?: "");
}

static int build_one(const char *kernel, bool force) {
        json_t *request, *result;
        const char *outcome;
        int r, status = EXIT_STATUS_DONE;

        r = make_request(kernel, force, &request);
        if (r < 0)
                return EXIT_STATUS_FAILED;
        r = run_worker(request, kernel ?: "image", &result);
        json_decref(request);
        if (r == -ECANCELED)
                return EXIT_STATUS_CANCELLED;
        if (r < 0)
                return EXIT_STATUS_FAILED;
        outcome = json_string_value(json_object_get(result, "result"));
        if (!outcome || streq(outcome, JOB_RESULT_FAILED))
                status = say_worker_failure(result);
        else {
                bool built = streq(outcome, JOB_RESULT_DONE);

                show_build_result(result);
                if (built)
                        status = run_hooks(result);
        }
        json_decref(result);
        return status;
}

static int build_offline(char **kernels, bool force) {
        int status = EXIT_STATUS_DONE;

        STRV_FOREACH(kernel, kernels) {
                int one = build_one(*kernel, force);

                if (one == EXIT_STATUS_CANCELLED)
                        return one;
                if (status == EXIT_STATUS_DONE)
                        status = one;
        }
        return status;
}

static int check_arguments(char *const *kernels) {
        if (arg_all && kernels)
                say("--all and the name of a kernel exclude each other.");
        else if (arg_output && strv_length(kernels) > 1)
                say("--output names one image, and there are %zu kernels; name the kernel.",
                    strv_length(kernels));
        else if (arg_detached && !arg_output)
                say("--detached takes the image away from the machine's own; say where to with "
                    "--output.");
        else if (arg_reason && !streq(arg_reason, "admin") && !streq(arg_reason, "package"))
                say("--reason of a build is admin or package, not \"%s\".", arg_reason);
        else
                return EXIT_STATUS_DONE;
        return EXIT_STATUS_USAGE;
}

/* Without a service: of those that are here. */
static int choose(bool all, char ***ret) {
        int r = choose_kernels(all, ret);

        if (r < 0)
                return r == -ENOENT ? EXIT_STATUS_NOT_FOUND : EXIT_STATUS_FAILED;
        return check_arguments(arg_output ? *ret : NULL);
}

int verb_build(int argc, char *argv[]) {
        bool rebuild = streq(argv[0], "rebuild"), all = arg_all || !rebuild;
        bool force = rebuild || arg_force;
        _cleanup_strv_free_ char **kernels = NULL;
        int r = 0;

        for (int i = 1; i < argc && r >= 0; i++)
                r = strv_extend(&kernels, argv[i]);
        if (r < 0)
                return EXIT_STATUS_FAILED;
        r = check_arguments(kernels);
        if (r == EXIT_STATUS_DONE && service_is_wanted()) {
                /* Which kernels it would be, the service knows; what was named on top is one's. */
                if (!kernels && (arg_output || arg_kernel_dir))
                        r = choose(all, &kernels);
                else if (!kernels && !all)
                        r = booted_kernel_over_bus(&kernels);
                if (r == EXIT_STATUS_DONE)
                        r = build_over_bus(&kernels, force);
                if (r != STATUS_OFFLINE)
                        return r;
                r = EXIT_STATUS_DONE;
        }
        if (r != EXIT_STATUS_DONE)
                return r;
        if (!kernels && arg_kernel_dir)
                return build_one(NULL, force);
        if (!kernels)
                r = choose(all, &kernels);
        return r == EXIT_STATUS_DONE ? build_offline(kernels, force) : r;
}
