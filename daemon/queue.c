/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The life of a job:
 *
 *   queued → running → finished
 *               ↓ ↑ once more, when somebody joined it and so may know of a change that it did not see
 *               ↓ → hooks (the boot loader's, in a unit of their own) → finished
 *            cancelling → finished
 *
 * A job that joins a running one gets its result only after a second run of the worker, which is a
 * matter of milliseconds where nothing changed: what it asked for was asked after the first look.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "fd-util.h"
#include "initrdd-failure.h"
#include "initrdd-messages.h"
#include "job-protocol.h"
#include "log.h"
#include "path-util.h"
#include "queue.h"
#include "settle.h"
#include "string-util.h"
#include "time-util.h"
#include "worker-process.h"

/* How long a finished job can be asked about, and how many at most. */
#define KEEP_USEC (UINT64_C(600) * 1000 * 1000)
#define KEEP_MAX 64

Job *queue_find(const Manager *m, uint64_t id) {
        for (size_t i = 0; i < m->n_jobs; i++)
                if (m->jobs[i]->id == id)
                        return m->jobs[i];
        return NULL;
}

unsigned queue_count(const Manager *m) {
        unsigned n = 0;

        for (size_t i = 0; i < m->n_jobs; i++)
                n += m->jobs[i]->state != JOB_FINISHED;
        return n;
}

bool queue_has(const Manager *m, JobType type, const char *kernel, const char *profile) {
        for (size_t i = 0; i < m->n_jobs; i++) {
                const Job *job = m->jobs[i];

                if (job->state != JOB_FINISHED && job->type == type &&
                    (!kernel || streq(job->kernel, kernel)) &&
                    (!profile || streq(job->profile, profile)))
                        return true;
        }
        return false;
}

/* ── order ── */

/* The less, the earlier. */
static int rank(const Job *job) {
        if (job->type == JOB_RECOMPRESS)
                return 3;
        if (job->type == JOB_PREPARE)
                return 2;
        return job->urgent || job->reason == REASON_ADMIN || job->reason == REASON_PACKAGE ? 0 : 1;
}

static Job *next_job(Manager *m) {
        Job *best = NULL;

        for (size_t i = 0; i < m->n_jobs; i++) {
                Job *job = m->jobs[i];

                if (job->state == JOB_QUEUED && (!best || rank(job) < rank(best)))
                        best = job;
        }
        return best;
}

/* What packs ahead or harder ends for anything else; its work so far is in the store. What packs
 * ahead for the very kernel that is to be built does just what the build would begin with. */
static void make_room(Manager *m, const Job *next) {
        Job *running = m->running;

        if (!running || !next || rank(running) < 2 || rank(next) >= rank(running))
                return;
        if (running->type == JOB_PREPARE && streq(running->kernel, next->kernel))
                return;
        queue_cancel(m, running);
}

static int append_job(Manager *m, Job *job) {
        if (!GREEDY_REALLOC(m->jobs, m->allocated_jobs, m->n_jobs + 1))
                return -ENOMEM;
        m->jobs[m->n_jobs++] = job;
        return 0;
}

static void drop_job(Manager *m, Job *job) {
        bus_job_removed(job);
        for (size_t i = 0; i < m->n_images; i++)
                if (m->images[i]->job == job)
                        m->images[i]->job = NULL;
        for (size_t i = 0; i < m->n_jobs; i++)
                if (m->jobs[i] == job) {
                        memmove(m->jobs + i, m->jobs + i + 1,
                                (m->n_jobs - i - 1) * sizeof(*m->jobs));
                        m->n_jobs--;
                        break;
                }
        job_free(job);
}

static void drop_oldest(Manager *m, const Job *keep) {
        size_t finished = m->n_jobs - queue_count(m);

        for (size_t i = 0; i < m->n_jobs && finished > KEEP_MAX;) {
                Job *job = m->jobs[i];

                if (job != keep && job->state == JOB_FINISHED && !worker_is_running(job->worker) &&
                    !worker_is_running(job->previous_worker)) {
                        drop_job(m, job);
                        finished--;
                } else
                        i++;
        }
}

static Job *find_equal(const Manager *m, const JobRequest *request) {
        for (size_t i = 0; i < m->n_jobs; i++) {
                Job *job = m->jobs[i];

                if ((job->state == JOB_QUEUED || job->state == JOB_RUNNING) &&
                    job_is_equal(job, request) && !streq(job->stage, "hooks"))
                        return job;
        }
        return NULL;
}

static void join(Job *job, const JobRequest *request) {
        if (job->state == JOB_QUEUED)
                job->force |= request->force;
        else if (job->type == JOB_BUILD)
                job->again = true;
        /* Somebody promised to run them. */
        job->no_hooks |= request->no_hooks;
        /* Who asked without that flag wants it to go on. */
        job->cancel_on_disconnect &= request->cancel_on_disconnect;
        if (request->reason == REASON_ADMIN || request->reason == REASON_PACKAGE)
                job->urgent = true;
}

int queue_add(Manager *m, const JobRequest *request, Job **ret) {
        Job *job;
        Image *image;
        int r;

        job = find_equal(m, request);
        if (job) {
                join(job, request);
                *ret = job;
                return 1;
        }
        if (queue_count(m) >= QUEUE_MAX)
                return -E2BIG;
        r = job_new(&job, m, request);
        if (r < 0)
                return r;
        r = append_job(m, job);
        if (r < 0) {
                job_free(job);
                return r;
        }
        image = job_image(job);
        if (image && !image->job) {
                image->job = job;
                image_notify(image, IMAGE_CHANGED_JOB);
        }
        bus_job_added(job);
        manager_update(m);
        make_room(m, job);
        *ret = job;
        return 0;
}

/* ── running ── */

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
                log_full(LOG_WARNING, MESSAGE_ID_HOOK_FAILED, NULL, "Kernel %s: %s", job->kernel,
                         failure);
                queue_finish(job->manager, job, JOB_RESULT_IS_FAILED, "HookFailed", failure);
        } else
                queue_finish(job->manager, job, JOB_RESULT_IS_DONE, "", "");
}

static void set_stage(Job *job, const char *stage, int progress) {
        if (!streq(job->stage, stage)) {
                char *copy = strdup(stage);

                if (copy) {
                        free(job->stage);
                        job->stage = copy;
                }
        }
        job->progress = MAX_OF(job->progress, progress);
        job_notify(job, JOB_CHANGED_PROGRESS);
}

static int start_worker(Job *job);

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
                if (start_worker(job) >= 0)
                        return;
        }
        if (job->changed && image && !job->no_hooks) {
                set_stage(job, "hooks", 100);
                if (post_update_start(m, job->kernel, path, on_hooks_done, job) > 0) {
                        /* A hook may ask for a build itself, which must not wait for the hook. */
                        m->running = NULL;
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

        /* Not if the image was replaced meanwhile, or is about to be. */
        if (!digest || !image || image->last_job != job->id || (image->job && image->job != job))
                return;
        copy = strdup(digest);
        if (!copy)
                return;
        free(image->digest);
        image->digest = copy;
        image_notify(image, IMAGE_CHANGED_FILE);
        job->manager->state_dirty = true;
}

static void handle_finding(Job *job, json_t *report) {
        const char *message = json_string_value(json_object_get(report, "message"));
        const char *severity = json_string_value(json_object_get(report, "severity")) ?: "";
        bool error = streq(severity, "error");

        if (!message)
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
        Job *job = userdata;

        log_full(LOG_ERR, MESSAGE_ID_WORKER_HUNG, NULL,
                 "The worker of job %" PRIu64 " said nothing for too long; it is killed", job->id);
}

static int start_worker(Job *job) {
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
        r = worker_start(&worker, m->event, program, request, m->settings.job_timeout_usec,
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

static void run_job(Manager *m, Job *job) {
        int r;

        m->running = job;
        job->state = JOB_RUNNING;
        job->started_usec = now_realtime_usec();
        job->progress = 0;
        log_full(LOG_DEBUG, MESSAGE_ID_JOB_STARTED, NULL, "Job %" PRIu64 " begins: %s %s %s (%s)",
                 job->id, job_kind_to_string(job->type), job->kernel, job->profile,
                 job_reason_to_string(job->reason));
        job_notify(job, JOB_CHANGED_STATE | JOB_CHANGED_PROGRESS);
        if (job_image(job))
                image_notify(job_image(job), IMAGE_CHANGED_STATE);
        r = start_worker(job);
        if (r < 0) {
                _cleanup_free_ char *message = NULL;

                if (str_printf(&message, "The worker can't be started: %s", strerror(-r)) < 0)
                        message = NULL;
                queue_finish(m, job, JOB_RESULT_IS_FAILED, "BuildFailed",
                             message ?: "Out of memory");
        } else
                manager_update(m);
}

void queue_run(Manager *m) {
        Job *next;

        while (!m->running && !m->stopping && (next = next_job(m)))
                run_job(m, next);
}

/* ── the end ── */

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        drop_job(job->manager, job);
        return 0;
}

static void log_end(const Job *job, const Image *image) {
        const char *path = image ? image->path : job->output ?: "";
        _cleanup_free_ char *id = NULL, *kernel = NULL, *profile = NULL, *file = NULL,
                            *error = NULL, *type = NULL;
        const char *fields[7] = {};
        size_t n = 0;

        if (str_printf(&id, "JOB_ID=%" PRIu64, job->id) < 0 ||
            str_printf(&type, "JOB_TYPE=%s", job_kind_to_string(job->type)) < 0 ||
            str_printf(&kernel, "KERNEL=%s", job->kernel) < 0 ||
            str_printf(&profile, "PROFILE=%s", job->profile) < 0 ||
            str_printf(&file, "IMAGE=%s", path) < 0 ||
            str_printf(&error, "ERROR=%s", job->error_name) < 0)
                return;
        fields[n++] = id;
        fields[n++] = type;
        fields[n++] = kernel;
        fields[n++] = profile;
        fields[n++] = *path ? file : error;
        if (*path && *job->error_name)
                fields[n++] = error;
        if (job->result == JOB_RESULT_IS_FAILED)
                log_full(job->type == JOB_PREPARE ? LOG_INFO : LOG_ERR,
                         streq(job->error_name, "NoSpace") ? MESSAGE_ID_NO_SPACE
                                                           : MESSAGE_ID_JOB_FAILED,
                         fields, "%s of kernel %s, profile %s, failed: %s",
                         job_kind_to_string(job->type), job->kernel, job->profile,
                         job->error_message);
        else if (job->result == JOB_RESULT_IS_CANCELLED)
                log_full(LOG_INFO, MESSAGE_ID_JOB_CANCELLED, fields,
                         "Job %" PRIu64 " was cancelled", job->id);
        else if (job->type == JOB_BUILD && job->result == JOB_RESULT_IS_DONE) {
                _cleanup_free_ char *packed = strv_join(job->packed, ", ");

                log_full(LOG_NOTICE, MESSAGE_ID_IMAGE_BUILT, fields,
                         "%s: built for kernel %s, profile %s; packed: %s", path, job->kernel,
                         job->profile, packed && *packed ? packed : "nothing");
        } else if (job->type == JOB_BUILD)
                log_full(LOG_INFO, MESSAGE_ID_IMAGE_UNCHANGED, fields, "%s: unchanged", path);
        else if (job->type == JOB_REMOVE)
                log_full(LOG_NOTICE, MESSAGE_ID_IMAGE_REMOVED, fields, "%s: removed", path);
}

static void set_result(Job *job, JobResult result, const char *name, const char *message) {
        char *n = strdup(name), *s = strdup(message);

        job->result = result;
        if (n && s) {
                free(job->error_name);
                job->error_name = TAKE_PTR(n);
                free(job->error_message);
                job->error_message = TAKE_PTR(s);
        }
        free(n);
        free(s);
        job->state = JOB_FINISHED;
        job->finished_usec = now_realtime_usec();
        if (result == JOB_RESULT_IS_DONE || result == JOB_RESULT_IS_UNCHANGED)
                job->progress = 100;
}

/* What an image's build says of the image, and of the service. */
static void keep_result(Manager *m, Job *job, Image *image) {
        const char *result = job_result_to_string(job->result);

        if (job->type == JOB_REMOVE && image && job->result != JOB_RESULT_IS_FAILED) {
                manager_drop_image(m, image);
                return;
        }
        if (job->type != JOB_BUILD)
                return;
        if (image && job->result != JOB_RESULT_IS_CANCELLED) {
                (void) image_set_error(image, result, job->error_name, job->error_message);
                if (job->result == JOB_RESULT_IS_FAILED)
                        settle_failed(m, image);
        }
        free(m->last_result);
        m->last_result = strdup(result);
        m->last_finished_usec = job->finished_usec;
        manager_notify(m, MANAGER_CHANGED_LAST);
}

/* The next one in line for the same image. */
static void pass_image_on(Manager *m, Job *job, Image *image) {
        if (!image || image->job != job)
                return;
        image->job = NULL;
        for (size_t i = 0; i < m->n_jobs && !image->job; i++)
                if (m->jobs[i]->state != JOB_FINISHED && job_image(m->jobs[i]) == image)
                        image->job = m->jobs[i];
        image_notify(image, IMAGE_CHANGED_JOB | IMAGE_CHANGED_STATE);
}

void queue_finish(Manager *m, Job *job, JobResult result, const char *error_name,
                  const char *error_message) {
        Image *image = job_image(job);

        if (job->state == JOB_FINISHED)
                return;
        set_result(job, result, error_name, error_message);
        if (m->running == job)
                m->running = NULL;
        job_notify(job, JOB_CHANGED_STATE | JOB_CHANGED_PROGRESS | JOB_CHANGED_RESULT);
        log_end(job, image);
        pass_image_on(m, job, image);
        keep_result(m, job, image);
        m->state_dirty = true;
        manager_update(m);
        bus_job_ended(job);
        (void) sd_event_add_time_relative(m->event, &job->expiry, CLOCK_MONOTONIC, KEEP_USEC,
                                          60 * 1000 * 1000, on_expiry, job);
        drop_oldest(m, job);
        if (m->stopping) {
                manager_stop(m);
                return;
        }
        queue_run(m);
        if (!m->running)
                manager_look(m);
}

void queue_cancel(Manager *m, Job *job) {
        if (job->state == JOB_QUEUED)
                queue_finish(m, job, JOB_RESULT_IS_CANCELLED, "Cancelled",
                             "The job was cancelled before it began");
        else if (job->state == JOB_RUNNING) {
                job->state = JOB_CANCELLING;
                job_notify(job, JOB_CHANGED_STATE);
                worker_stop(job->worker);
        }
}
