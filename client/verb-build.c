/* SPDX-License-Identifier: GPL-2.0-or-later */

/* build, rebuild, gc: what a worker does. */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "job-protocol.h"
#include "recompress.h"
#include "request.h"
#include "run-worker.h"
#include "string-util.h"
#include "table.h"

static void set(json_t *object, const char *key, const char *value) {
        if (value)
                json_object_set_new(object, key, json_string(value));
}

static int make_request(const char *kernel, bool force, json_t **ret) {
        json_t *request, *settings;
        Request q;
        int r;

        r = request_init(&q, kernel);
        if (r < 0)
                return r;
        request = json_pack("{s:s, s:b, s:b, s:i}", "type", JOB_TYPE_BUILD, "force", (int) force,
                            "best", (int) q.options.best, "threads", (int) q.options.threads);
        set(request, "root", q.root);
        set(request, "data-dir", q.data_dir);
        set(request, "kernel", kernel);
        set(request, "kernel-dir", q.kernel_dir);
        set(request, "profile", q.options.profile);
        set(request, "output", q.output);
        set(request, "store", q.store);
        set(request, "facts", q.facts);
        settings = json_array();
        STRV_FOREACH(s, q.options.settings)
                json_array_append_new(settings, json_string(*s));
        json_object_set_new(request, "settings", settings);
        request_done(&q);
        *ret = request;
        return 0;
}

static void show_names(json_t *array) {
        json_t *value;
        size_t i;

        json_array_foreach(array, i, value)
                printf("%s%s", i > 0 ? ", " : ": ", json_string_value(value));
}

static void show_result(json_t *result) {
        char size[SIZE_TEXT_MAX];
        const char *path = json_string_value(json_object_get(result, "path"));
        json_t *packed = json_object_get(result, "packed");
        double seconds = (double) json_integer_value(json_object_get(result, "usec")) / 1e6;

        if (arg_json != JSON_MODE_OFF) {
                json_object_del(result, "type");
                json_object_del(result, "description"); /* `initrdctl inspect` has it */
                print_json(result);
                return;
        }
        if (arg_quiet)
                return;
        size_to_text((uint64_t) json_integer_value(json_object_get(result, "size")), size);
        if (streq(json_string_value(json_object_get(result, "result")), JOB_RESULT_UNCHANGED)) {
                printf("%s: unchanged (%s, %.3f s)\n", path, size, seconds);
                return;
        }
        printf("%s: built (%s, %lld files, %lld drivers, %.3f s)\n", path, size,
               (long long) json_integer_value(json_object_get(result, "files")),
               (long long) json_integer_value(json_object_get(result, "drivers")), seconds);
        printf("  %lld fragments, %zu packed",
               (long long) json_integer_value(json_object_get(result, "fragments")),
               json_array_size(packed));
        if (json_array_size(packed) <= 6)
                show_names(packed);
        putchar('\n');
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
        else
                show_result(result);
        json_decref(result);
        return status;
}

int verb_build(int argc, char *argv[]) {
        _cleanup_strv_free_ char **kernels = NULL;
        bool rebuild = streq(argv[0], "rebuild");
        int status = EXIT_STATUS_DONE, r = 0;

        for (int i = 1; i < argc && r >= 0; i++)
                r = strv_extend(&kernels, argv[i]);
        if (r < 0)
                return EXIT_STATUS_FAILED;
        if (arg_all && kernels) {
                say("--all and the name of a kernel exclude each other.");
                return EXIT_STATUS_USAGE;
        }
        if (!kernels && arg_kernel_dir)
                return build_one(NULL, rebuild || arg_force);
        if (!kernels) {
                r = choose_kernels(arg_all || !rebuild, &kernels);
                if (r < 0)
                        return r == -ENOENT ? EXIT_STATUS_NOT_FOUND : EXIT_STATUS_FAILED;
        }
        if (arg_output && strv_length(kernels) > 1) {
                say("--output names one image, and there are %zu kernels; name the kernel.",
                    strv_length(kernels));
                return EXIT_STATUS_USAGE;
        }
        STRV_FOREACH(kernel, kernels) {
                int one = build_one(*kernel, rebuild || arg_force);

                if (one == EXIT_STATUS_CANCELLED)
                        return one;
                if (status == EXIT_STATUS_DONE)
                        status = one;
        }
        return status;
}

/* Exit status, and how many fragments there were. */
static int gc_recompress(const char *store, uint64_t *ret_n) {
        json_t *request, *result;
        int r;

        request = json_pack("{s:s, s:s}", "type", JOB_TYPE_RECOMPRESS, "store", store);
        r = run_worker(request, "recompress", &result);
        json_decref(request);
        if (r < 0)
                return r == -ECANCELED ? EXIT_STATUS_CANCELLED : EXIT_STATUS_FAILED;
        if (streq(json_string_value(json_object_get(result, "result")) ?: "", JOB_RESULT_FAILED))
                r = say_worker_failure(result);
        else {
                *ret_n = (uint64_t) json_integer_value(json_object_get(result, "fragments"));
                r = EXIT_STATUS_DONE;
        }
        json_decref(result);
        return r;
}

static void show_gc(const char *store, uint64_t bytes, uint64_t n) {
        char size[SIZE_TEXT_MAX];
        json_t *object;

        if (arg_json != JSON_MODE_OFF) {
                object = json_pack("{s:s, s:I, s:I}", "store", store, "freed", (json_int_t) bytes,
                                   "packed-harder", (json_int_t) n);
                print_json(object);
                json_decref(object);
                return;
        }
        if (arg_quiet)
                return;
        printf("%s: %s freed\n", store, size_to_text(bytes, size));
        if (n > 0)
                printf("  %" PRIu64 " fragments packed harder; the next build that has something "
                                    "to change uses them\n",
                       n);
        else if (arg_best)
                puts("  no fragment that is not packed hard already");
}

int verb_gc(int argc, char *argv[]) {
        uint64_t bytes = 0, n = 0;
        Report report = REPORT_INIT;
        Request q;
        int status = EXIT_STATUS_DONE;

        if (request_init(&q, NULL) < 0)
                return EXIT_STATUS_FAILED;
        if (access(q.store, F_OK) < 0 && errno == ENOENT) {
                say("%s: There is no store, so there is nothing to remove.", q.store);
                request_done(&q);
                return EXIT_STATUS_DONE;
        }
        if (collect_garbage(q.store, &report, &bytes) < 0)
                status = say_failure(&report);
        if (status == EXIT_STATUS_DONE && arg_best)
                status = gc_recompress(q.store, &n);
        if (status == EXIT_STATUS_DONE)
                show_gc(q.store, bytes, n);
        request_done(&q);
        report_done(&report);
        return status;
}
