/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A request, and the wait for its end. The service may be restarted meanwhile (by its own upgrade,
 * say) and then knows nothing of the job: what is in place tells whether it is done, else the
 * request is made again.
 */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "build-bus.h"
#include "build-job.h"
#include "build-request.h"
#include "build-result.h"
#include "bus/bus-jobs.h"
#include "bus/bus-json.h"
#include "string-util.h"
#include "table.h"
#include "time-util.h"

#define ATTEMPTS_MAX 3

typedef struct BusBuild {
        sd_bus *bus;
        BusJobs jobs;
        Request request; /* for its absolute paths */
        bool force;
        uint64_t since_usec;
        int status;
} BusBuild;

/* The first that went wrong is what we end with. */
static void note_status(BusBuild *b, int status) {
        if (b->status == EXIT_STATUS_DONE)
                b->status = status;
}

static int add_all(BusBuild *b, sd_bus_message *reply, const json_t *jobs) {
        json_t *job;
        size_t i;
        int r;

        json_array_foreach(jobs, i, job) {
                r = bus_jobs_add(&b->jobs, reply,
                                 (uint64_t) json_integer_value(json_array_get(job, 1)),
                                 json_string_value(json_array_get(job, 2)) ?: "",
                                 json_string_value(json_array_get(job, 0)) ?: "");
                if (r < 0)
                        return r;
        }
        return 0;
}

/* BuildAll()'s are (kernel, id, path). */
static int add_reply(BusBuild *b, const char *kernel, sd_bus_message *reply) {
        _cleanup_json_ json_t *jobs = NULL;
        const char *path;
        uint64_t id;
        int r;

        if (!kernel) {
                r = bus_message_to_json(reply, &jobs);
                return r < 0 ? r : add_all(b, reply, jobs);
        }
        r = sym_sd_bus_message_read(reply, "to", &id, &path);
        return r < 0 ? r : bus_jobs_add(&b->jobs, reply, id, path, kernel);
}

/* An exit status, or STATUS_OFFLINE. */
static int request_job(BusBuild *b, const char *kernel) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        if (!text_is_utf8(kernel)) {
                say("There is no kernel \"%s\"; `initrdctl kernels` lists them.", kernel);
                return EXIT_STATUS_NOT_FOUND;
        }
        r = build_request_new(&m, b->bus, &b->request, kernel, b->force);
        if (r >= 0)
                r = bus_jobs_call(&b->jobs, m, &error, &reply);
        if (r >= 0)
                r = add_reply(b, kernel, reply);
        if (r >= 0)
                return EXIT_STATUS_DONE;
        if (r == -ECANCELED)
                return EXIT_STATUS_CANCELLED;
        if (bus_error_is_unavailable(&error, r))
                return service_unavailable(&error, r, true);
        return say_bus_error(kernel, &error, r);
}

static void show_request(const BusJob *j) {
        json_t *object;

        if (arg_json == JSON_MODE_OFF) {
                printf("%s: job %" PRIu64 "\n", j->kernel, j->id);
                return;
        }
        object = json_pack("{s:I, s:s, s:s}", "job", (json_int_t) j->id, "kernel", j->kernel,
                           "object", j->path);
        print_json(object);
        json_decref(object);
}

/* After a restart: whether the image is in place that was asked for. */
static bool is_in_place(BusBuild *b, const char *kernel) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *image = NULL, *result = NULL;
        const char *path;

        if (b->request.output || b->request.kernel_dir ||
            bus_read(b->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "GetImage", &error, &reply, "ss",
                     kernel, arg_profile ?: "default") < 0 ||
            sym_sd_bus_message_read(reply, "o", &path) < 0)
                return false;
        image = image_of_job(b->bus, path);
        if (!streq(member_text(image, "state"), "current") ||
            member_number(image, "built-usec") < b->since_usec)
                return false;
        result = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "result", "done", "kernel", kernel,
                           "profile", member_text(image, "profile"), "path",
                           member_text(image, "path"), "size",
                           (json_int_t) member_number(image, "size"), "usec",
                           (json_int_t) member_number(image, "build-duration-usec"));
        if (result)
                show_build_result(result);
        return result;
}

/* Makes the requests. Those of `*kernels` that are refused, or done already, go from it. */
static int request_all(BusBuild *b, char ***kernels, bool again) {
        _cleanup_strv_free_ char **asked = NULL;
        int r;

        if (!*kernels) {
                r = request_job(b, NULL);
                note_status(b, MAX_OF(r, 0));
                return r == STATUS_OFFLINE ? r : EXIT_STATUS_DONE;
        }
        STRV_FOREACH(kernel, *kernels) {
                if (again && is_in_place(b, *kernel))
                        continue;
                r = request_job(b, *kernel);
                if (r == STATUS_OFFLINE)
                        return r;
                if (r != EXIT_STATUS_DONE)
                        note_status(b, r);
                else if (strv_extend(&asked, *kernel) < 0)
                        return EXIT_STATUS_FAILED;
        }
        strv_free(*kernels);
        *kernels = TAKE_PTR(asked);
        return EXIT_STATUS_DONE;
}

/* What is finished, in the order in which it was asked for; the rest stays in `*kernels`. */
static int show_all(BusBuild *b, char ***kernels) {
        _cleanup_strv_free_ char **left = NULL;

        for (size_t i = 0; i < b->jobs.n; i++) {
                const BusJob *j = &b->jobs.jobs[i];

                if (j->finished)
                        note_status(b, show_job_result(b->bus, &b->request, j));
                else if (strv_extend(&left, j->kernel) < 0)
                        return EXIT_STATUS_FAILED;
        }
        if (*kernels) {
                strv_free(*kernels);
                *kernels = TAKE_PTR(left);
        }
        return EXIT_STATUS_DONE;
}

static int open_and_request(BusBuild *b, char ***kernels, bool again) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = bus_open(&b->bus, true);
        if (r != EXIT_STATUS_DONE)
                return r;
        r = bus_jobs_init(&b->jobs, b->bus, &error);
        if (r < 0)
                return service_unavailable(&error, r, true);
        return request_all(b, kernels, again);
}

static void close_all(BusBuild *b) {
        bus_jobs_done(&b->jobs);
        if (b->bus)
                b->bus = sym_sd_bus_flush_close_unref(b->bus);
}

/* An exit status or STATUS_OFFLINE; or `*ret_again`, when the service went away meanwhile. */
static int attempt(BusBuild *b, char ***kernels, bool again, bool *ret_again) {
        int r, status;

        r = open_and_request(b, kernels, again);
        if (r != EXIT_STATUS_DONE)
                return r;
        if (!arg_block) {
                for (size_t i = 0; i < b->jobs.n; i++)
                        show_request(&b->jobs.jobs[i]);
                return b->status;
        }
        if (b->jobs.n == 0 && b->status == EXIT_STATUS_DONE && !again && !arg_quiet &&
            arg_json == JSON_MODE_OFF)
                puts("Nothing to do: all images are current.");
        r = bus_jobs_wait(&b->jobs);
        status = show_all(b, kernels);
        if (r == -ECANCELED) {
                say("Left alone; the job goes on, `initrdctl jobs` shows what becomes of it.");
                return EXIT_STATUS_CANCELLED;
        }
        *ret_again = r == -ECONNRESET;
        if (r < 0 && r != -ECONNRESET) {
                say("The service can't be listened to: %s", strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        return MAX_OF(status, b->status);
}

int build_over_bus(char ***kernels, bool force) {
        BusBuild b = { .force = force, .since_usec = now_realtime_usec() };
        int status = EXIT_STATUS_FAILED;
        bool again = false;

        if (request_init_for_service(&b.request) < 0)
                return EXIT_STATUS_FAILED;
        for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
                bool before = again;

                again = false;
                status = attempt(&b, kernels, before, &again);
                close_all(&b);
                if (!again)
                        break;
                if (!arg_quiet)
                        say("The service went away meanwhile; asking again.");
        }
        if (again) {
                say("The service goes away again and again; `initrdctl log` may say why.");
                status = geteuid() == 0 && !service_is_remote() ? STATUS_OFFLINE
                                                                : EXIT_STATUS_FAILED;
        }
        request_done(&b.request);
        return status;
}

int booted_kernel_over_bus(char ***ret) {
        _cleanup_(service_view_done) ServiceView view = {};
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        const char *booted, *found = NULL;
        json_t *image;
        size_t i;
        int r;

        r = bus_open(&bus, true);
        if (r != EXIT_STATUS_DONE)
                return r;
        r = service_view_read(&view, bus, &error);
        if (r < 0)
                return bus_error_is_unavailable(&error, r) ? service_unavailable(&error, r, true)
                                                           : say_bus_error(NULL, &error, r);
        booted = member_text(view.manager, "booted-kernel");
        json_array_foreach(view.images, i, image)
                if (!found || streq(member_text(image, "kernel"), booted))
                        found = member_text(image, "kernel");
        if (!found || !*found) {
                say("The service knows of no kernel.");
                return EXIT_STATUS_NOT_FOUND;
        }
        return strv_extend(ret, found) < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
}
