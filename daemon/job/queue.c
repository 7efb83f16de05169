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

#include <inttypes.h>

#include "bus/bus.h"
#include "job-log.h"
#include "job-run.h"
#include "log.h"
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
        job->shared |= job->uid != request->uid;
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
        m->state_dirty = true; /* its id is used */
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

static void run_job(Manager *m, Job *job) {
        int r;

        m->running = job;
        job->state = JOB_RUNNING;
        job->started_usec = now_realtime_usec();
        job->progress = 0;
        job_log_begin(job);
        job_notify(job, JOB_CHANGED_STATE | JOB_CHANGED_PROGRESS);
        if (job_image(job))
                image_notify(job_image(job), IMAGE_CHANGED_STATE);
        r = job_start_worker(job);
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

static int on_run(sd_event_source *source, void *userdata) {
        queue_run(userdata);
        return 0;
}

void queue_run_soon(Manager *m) {
        int r;

        if (m->run_source)
                r = sd_event_source_set_enabled(m->run_source, SD_EVENT_ONESHOT);
        else
                r = sd_event_add_defer(m->event, &m->run_source, on_run, m);
        if (r < 0)
                queue_run(m);
}

/* ── the end ── */

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        drop_job(job->manager, job);
        return 0;
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

        if (job->type == JOB_REMOVE && image &&
            (job->result == JOB_RESULT_IS_DONE || job->result == JOB_RESULT_IS_UNCHANGED)) {
                /* Without its kernel nobody misses it. */
                if (!manager_find_kernel(m, image->kernel))
                        manager_drop_image(m, image);
                else {
                        if (image_set_removed(image) < 0)
                                log_error("Out of memory");
                        /* A look that began before found it still there. */
                        image->told_usec = now_monotonic_usec();
                }
                return;
        }
        if (job->type == JOB_RECOMPRESS)
                m->packed_enough = job->result != JOB_RESULT_IS_CANCELLED;
        if (job->type != JOB_BUILD)
                return;
        if (job->result == JOB_RESULT_IS_DONE)
                m->packed_enough = false;
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
        job_log_end(job, image ? image->path : job->output ?: "");
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
