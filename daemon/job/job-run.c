/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A running job: what its worker is asked, and what is made of its reports. */

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/bus.h"
#include "bus/post-update.h"
#include "fd-util.h"
#include "initrdd-failure.h"
#include "job-log.h"
#include "job-protocol.h"
#include "job-run.h"
#include "log.h"
#include "path-util.h"
#include "queue.h"
#include "settle.h"
#include "string-util.h"
#include "worker-process.h"

static void set(json_t *object, const char *key, const char *value) {
        if (value)
                json_object_set_new(object, key, json_string(value) ?: json_null());
}

/* Where a detached image is made; it is taken away from there when it is ready. */
static int detached_path(const Job *job, char **ret) {
        _cleanup_free_ char *directory = NULL;
        int r;

        directory = path_join(job->manager->options.state_dir, "output");
        if (!directory)
                return -ENOMEM;
        r = mkdir_parents(directory, 0700);
        if (r < 0)
                return r;
        return str_printf(ret, "%s/%s.%s.img", directory, job->kernel, job->profile);
}

static int make_request(Job *job, json_t **ret) {
        Manager *m = job->manager;
        _cleanup_free_ char *detached = NULL;
        Image *image = job_image(job);
        json_t *request, *settings;
        int r;

        if (job->detached) {
                r = detached_path(job, &detached);
                if (r < 0)
                        return r;
        }
        request = json_pack("{s:s, s:b, s:b, s:b, s:b}", "type", job_kind_to_string(job->type),
                            "force", (int) job->force, "best", (int) job->best, "digest",
                            (int) (job->type == JOB_BUILD && !job->detached), "idle",
                            (int) (job->type == JOB_RECOMPRESS));
        settings = json_array();
        if (!request || !settings) {
                json_decref(request);
                json_decref(settings);
                return -ENOMEM;
        }
        set(request, "root", m->options.root);
        set(request, "data-dir", m->options.data_dir);
        set(request, "store", m->options.store);
        if (*job->kernel)
                set(request, "kernel", job->kernel);
        if (*job->profile)
                set(request, "profile", job->profile);
        set(request, "kernel-dir", job->kernel_dir);
        set(request, "output", detached ?: job->output);
        if ((job->type == JOB_VERIFY || job->type == JOB_REMOVE) && image)
                set(request, "path", image->path);
        STRV_FOREACH(s, job->settings)
                json_array_append_new(settings, json_string(*s) ?: json_null());
        json_object_set_new(request, "settings", settings);
        *ret = request;
        return 0;
}

/* "/a/b:3: what is wrong", as a person is told. */
static char *describe_error(json_t *error) {
        const char *path = json_string_value(json_object_get(error, "path"));
        const char *message = json_string_value(json_object_get(error, "message")) ?: "It failed";
        unsigned line = (unsigned) json_integer_value(json_object_get(error, "line"));
        char *text = NULL;
        int r;

        if (path && line > 0)
                r = str_printf(&text, "%s:%u: %s", path, line, message);
        else if (path)
                r = str_printf(&text, "%s: %s", path, message);
        else
                r = str_printf(&text, "%s", message);
        return r < 0 ? NULL : text;
}

static void take_packed(Job *job, json_t *array) {
        json_t *value;
        size_t i;

        json_array_foreach(array, i, value)
                if (json_is_string(value) &&
                    strv_extend_unique(&job->packed, json_string_value(value)) < 0)
                        log_error("Out of memory");
}

static void take_detached(Job *job) {
        _cleanup_free_ char *path = NULL;

        if (detached_path(job, &path) < 0)
                return;
        safe_close(job->output_fd);
        job->output_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        (void) unlink(path);
}

static void on_hooks_done(void *userdata, const char *failure) {
        Job *job = userdata;

        if (failure) {
                job_log_failed_hook(job, failure);
                queue_finish(job->manager, job, JOB_RESULT_IS_FAILED, "HookFailed", failure);
        } else
                queue_finish(job->manager, job,
                             job->changed ? JOB_RESULT_IS_DONE : JOB_RESULT_IS_UNCHANGED, "", "");
}

static void set_text(char **p, const char *text) {
        char *copy = streq(*p, text) ? NULL : strdup(text);

        if (copy) {
                free(*p);
                *p = copy;
        }
}

static void set_stage(Job *job, const char *stage, const char *detail, int progress) {
        set_text(&job->stage, stage);
        set_text(&job->detail, detail);
        job->progress = MAX_OF(job->progress, progress);
        job_notify(job, JOB_CHANGED_PROGRESS);
}

/* An image is in its place. */
static void handle_built(Job *job, json_t *result) {
        Manager *m = job->manager;
        Image *image = job_image(job);
        bool unchanged = streq(json_string_value(json_object_get(result, "result")),
                               JOB_RESULT_UNCHANGED);
        const char *path = json_string_value(json_object_get(result, "path")) ?: "";

        take_packed(job, json_object_get(result, "packed"));
        if (job->detached)
                take_detached(job);
        else if (!job->output && !job->kernel_dir) {
                if (!image && manager_add_image(m, job->kernel, job->profile, &image) >= 0 &&
                    !image->job)
                        image->job = job;
                if (image && image_take_result(image, result) < 0)
                        log_error("Out of memory");
                if (image) {
                        image->last_job = job->id;
                        settle_built(m, image);
                }
        }
        job->changed |= !unchanged;
        if (job->again && job->state == JOB_RUNNING) {
                job->again = job->force = false;
                if (job_start_worker(job) >= 0)
                        return;
        }
        /* Those that failed are run again, though the image is what it was. */
        if (image && !job->no_hooks && (job->changed || image_hooks_failed(image))) {
                set_stage(job, "hooks", "", 100);
                if (post_update_start(m, job->kernel, path, on_hooks_done, job) > 0) {
                        /* A hook may ask for a build itself, which must not wait for the hook. */
                        m->running = NULL;
                        manager_update(m);
                        queue_run(m);
                        return;
                }
        }
        queue_finish(m, job, job->changed ? JOB_RESULT_IS_DONE : JOB_RESULT_IS_UNCHANGED, "", "");
}

static void handle_result(Job *job, json_t *result) {
        const char *outcome = json_string_value(json_object_get(result, "result")) ?: "";
        json_t *error = json_object_get(result, "error");
        Manager *m = job->manager;

        if (job->state == JOB_FINISHED)
                return;
        if (streq(outcome, JOB_RESULT_FAILED)) {
                _cleanup_free_ char *message = describe_error(error);
                const char *kind = json_string_value(json_object_get(error, "kind"));

                queue_finish(m, job, JOB_RESULT_IS_FAILED,
                             failure_kind_from_string(kind ?: "") > FAILURE_NONE ? kind
                                                                                 : "BuildFailed",
                             message ?: "Out of memory");
        } else if (job->type == JOB_BUILD)
                handle_built(job, result);
        else if (job->type == JOB_VERIFY &&
                 json_integer_value(json_object_get(result, "errors")) > 0)
                queue_finish(m, job, JOB_RESULT_IS_FAILED, "VerifyFailed",
                             job->finding ?: "The image would not boot");
        else {
                take_packed(job, json_object_get(result, "packed"));
                queue_finish(m, job,
                             streq(outcome, JOB_RESULT_UNCHANGED) ? JOB_RESULT_IS_UNCHANGED
                                                                  : JOB_RESULT_IS_DONE,
                             "", "");
        }
}

static void handle_digest(Job *job, json_t *report) {
        const char *digest = json_string_value(json_object_get(report, "digest"));
        Image *image = job_image(job);
        char *copy;

        /* Not if the image was replaced meanwhile, by this very job, too, or is about to be. */
        if (!digest || !image || image->last_job != job->id || (image->job && image->job != job) ||
            json_integer_value(json_object_get(report, "mtime")) != image->mtime ||
            (uint64_t) json_integer_value(json_object_get(report, "size")) != image->size)
                return;
        copy = strdup(digest);
        if (!copy)
                return;
        free(image->digest);
        image->digest = copy;
        image_notify(image, IMAGE_CHANGED_FILE);
        job->manager->state_dirty = true;
}

/* "[init] /init: There is none…", as `initrdctl verify` prints it. */
static void handle_finding(Job *job, json_t *report) {
        const char *step = json_string_value(json_object_get(report, "step"));
        _cleanup_free_ char *told = describe_error(report), *message = NULL;
        const char *severity = json_string_value(json_object_get(report, "severity")) ?: "";
        bool error = streq(severity, "error");

        if (!told || str_printf(&message, "[%s] %s", step ?: "boot", told) < 0)
                return;
        if (error && !job->finding)
                job->finding = strdup(message);
        bus_job_log(job, error ? LOG_ERR : LOG_WARNING, message);
}

static void on_report(void *userdata, const char *type, json_t *report) {
        Job *job = userdata;

        if (streq(type, JOB_REPORT_PROGRESS)) {
                if (job->state == JOB_RUNNING)
                        set_stage(job, json_string_value(json_object_get(report, "stage")) ?: "",
                                  json_string_value(json_object_get(report, "what")) ?: "",
                                  (int) json_integer_value(json_object_get(report, "percent")));
                manager_update(job->manager);
        } else if (streq(type, JOB_REPORT_WARNING)) {
                _cleanup_free_ char *text = describe_error(report);

                if (text) {
                        log_info("%s", text);
                        bus_job_log(job, LOG_WARNING, text);
                }
        } else if (streq(type, JOB_REPORT_FINDING))
                handle_finding(job, report);
        else if (streq(type, JOB_REPORT_DIGEST))
                handle_digest(job, report);
        else if (streq(type, JOB_REPORT_RESULT))
                handle_result(job, report);
}

static void on_end(void *userdata, const char *failure) {
        Job *job = userdata;

        if (!failure || job->state == JOB_FINISHED || streq(job->stage, "hooks"))
                return;
        if (job->state == JOB_CANCELLING)
                queue_finish(job->manager, job, JOB_RESULT_IS_CANCELLED, "Cancelled",
                             "The job was cancelled; what was in place before still is");
        else
                queue_finish(job->manager, job, JOB_RESULT_IS_FAILED, "BuildFailed", failure);
}

static void on_hung(void *userdata) {
        job_log_hung(userdata);
}

int job_start_worker(Job *job) {
        Manager *m = job->manager;
        WorkerHandler handler = { on_report, on_end, on_hung, job };
        _cleanup_free_ char *program = NULL;
        json_t *request;
        Worker *worker;
        int r;

        program = path_join(m->options.data_dir, "initrdd-worker");
        if (!program)
                return -ENOMEM;
        r = make_request(job, &request);
        if (r < 0)
                return r;
        r = worker_start(&worker, m->event, program, request, -EBADF, m->settings.job_timeout_usec,
                         &handler);
        json_decref(request);
        if (r < 0)
                return r;
        /* The one before gave its result, and may be the very one that is being listened to. */
        worker_free(job->previous_worker);
        job->previous_worker = job->worker;
        job->worker = worker;
        return 0;
}
