/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "examine.h"
#include "job-protocol.h"
#include "json-text.h"
#include "string-util.h"
#include "worker.h"

static int get_number(const json_t *object, const char *key, json_int_t *ret) {
        const json_t *value = json_object_get(object, key);

        if (!json_is_integer(value))
                return -EINVAL;
        *ret = json_integer_value(value);
        return 0;
}

static int read_known_one(const json_t *object, KnownImage *ret) {
        json_int_t inode, size, mtime;

        *ret = (KnownImage) {
                .kernel = request_string(object, "kernel"),
                .profile = request_string(object, "profile"),
                .path = request_string(object, "path"),
        };
        if (!ret->kernel || !ret->profile || !ret->path ||
            get_number(object, "inode", &inode) < 0 || get_number(object, "size", &size) < 0 ||
            get_number(object, "mtime", &mtime) < 0)
                return -EINVAL;
        ret->inode = (uint64_t) inode;
        ret->size = (uint64_t) size;
        ret->mtime = mtime;
        return 0;
}

/* The strings are the request's own. The caller frees. */
static int read_known(const json_t *request, Report *report, KnownImage **ret, size_t *ret_n) {
        const json_t *array = json_object_get(request, "known"), *value;
        KnownImage *known = calloc(json_array_size(array) + 1, sizeof(KnownImage));
        size_t i;

        if (!known)
                return report_oom(report);
        json_array_foreach(array, i, value)
                if (read_known_one(value, &known[i]) < 0) {
                        free(known);
                        return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                                           "Number %zu of the request's \"known\" images lacks "
                                           "something, or has something else in its place",
                                           i + 1);
                }
        *ret = known;
        *ret_n = json_array_size(array);
        return 0;
}

static void send_kernel(const ExaminedKernel *k) {
        json_t *report = json_pack("{s:s, s:o, s:s}", "type", JOB_REPORT_KERNEL, "kernel",
                                   json_text(k->version), "state",
                                   kernel_state_to_string(k->state));

        if (k->reason)
                json_object_set_new(report, "reason", json_text(k->reason));
        if (k->image)
                json_object_set_new(report, "image", json_text(k->image));
        send_report(report);
}

static void send_image(const ExaminedImage *i) {
        json_t *description = i->description ? json_loads(i->description, 0, NULL) : NULL;
        json_t *report = json_pack(
                        "{s:s, s:o, s:o, s:o, s:s, s:o, s:b, s:b, s:b}", "type", JOB_REPORT_IMAGE,
                        "kernel", json_text(i->kernel), "profile", json_text(i->profile), "path",
                        json_text(i->path), "state", image_state_to_string(i->state), "reasons",
                        json_texts(i->reasons), "kernel-changed", (int) i->kernel_changed,
                        "damaged", (int) i->damaged, "packed-hard", (int) i->packed_hard);

        if (i->exists) {
                json_object_set_new(report, "inode", json_integer((json_int_t) i->inode));
                json_object_set_new(report, "size", json_integer((json_int_t) i->size));
                json_object_set_new(report, "mtime", json_integer(i->mtime));
        }
        if (description)
                json_object_set_new(report, "description", description);
        send_report(report);
}

static void send_module(const Module *m, const char *path) {
        json_t *needed = m->always ? json_pack("[s]", "*") : json_texts(m->needed);

        send_report(json_pack("{s:s, s:o, s:o, s:o, s:o}", "type", JOB_REPORT_MODULE, "name",
                              json_text(m->name), "description", json_text(m->description ?: ""),
                              "path", json_text(path), "needed", needed));
}

static void send_service(const ServiceConfig *s) {
        send_report(json_pack("{s:s, s:b, s:b, s:I, s:I, s:I}", "type", JOB_REPORT_SERVICE,
                              "automatic", (int) s->automatic, "pack-ahead", (int) s->pack_ahead,
                              "settle-usec", (json_int_t) s->settle_usec, "job-timeout-usec",
                              (json_int_t) s->job_timeout_usec, "idle-recompress-usec",
                              (json_int_t) s->idle_recompress_usec));
}

static void send_examination(const Examination *x) {
        json_t *result;

        send_service(&x->config->service);
        for (size_t i = 0; i < x->n_kernels; i++)
                send_kernel(&x->kernels[i]);
        for (size_t i = 0; i < x->n_images; i++)
                send_image(&x->images[i]);
        for (size_t i = 0; i < x->modules->n_modules; i++)
                send_module(x->modules->modules[i], x->module_paths[i]);
        STRV_FOREACH(path, x->watches)
                send_report(json_pack("{s:s, s:o}", "type", JOB_REPORT_WATCH, "path",
                                      json_text(*path)));
        result = json_pack("{s:s, s:s}", "type", JOB_REPORT_RESULT, "result", JOB_RESULT_DONE);
        if (x->default_kernel)
                json_object_set_new(result, "default", json_text(x->default_kernel));
        send_report(result);
}

int run_examine(const json_t *request, Report *report) {
        _cleanup_(examination_freep) Examination *x = NULL;
        _cleanup_free_ KnownImage *known = NULL;
        ExamineOptions options = {
                .build = {
                        .root = request_string(request, "root"),
                        .data_dir = request_string(request, "data-dir"),
                        .store = request_string(request, "store"),
                },
        };
        int r;

        r = read_known(request, report, &known, &options.n_known);
        options.known = known;
        if (r >= 0)
                r = examine(&options, report, &x);
        if (r < 0)
                return send_failure(report);
        send_examination(x);
        return EXIT_STATUS_DONE;
}
