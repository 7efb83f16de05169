/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <inttypes.h>
#include <stdio.h>

#include "bus/post-update.h"
#include "fd-util.h"
#include "initrdd-bus.h"
#include "job-protocol.h"
#include "job.h"
#include "manager.h"
#include "string-util.h"
#include "time-util.h"
#include "worker-process.h"

static const char *const type_names[_JOB_TYPE_MAX] = {
        [JOB_BUILD] = JOB_TYPE_BUILD,           [JOB_VERIFY] = JOB_TYPE_VERIFY,
        [JOB_REMOVE] = JOB_TYPE_REMOVE,         [JOB_PREPARE] = JOB_TYPE_PREPARE,
        [JOB_RECOMPRESS] = JOB_TYPE_RECOMPRESS,
};

const char *job_kind_to_string(JobType type) {
        return type >= 0 && type < _JOB_TYPE_MAX ? type_names[type] : NULL;
}

const char *job_reason_to_string(JobReason reason) {
        static const char *const names[_REASON_MAX] = {
                [REASON_ADMIN] = "admin",
                [REASON_PACKAGE] = "package",
                [REASON_WATCH] = "watch",
                [REASON_BOOT] = "boot",
        };

        return reason >= 0 && reason < _REASON_MAX ? names[reason] : NULL;
}

const char *job_state_to_string(JobState state) {
        static const char *const names[_JOB_STATE_MAX] = {
                [JOB_QUEUED] = "queued",
                [JOB_RUNNING] = "running",
                [JOB_CANCELLING] = "cancelling",
                [JOB_FINISHED] = "finished",
        };

        return state < _JOB_STATE_MAX ? names[state] : NULL;
}

const char *job_result_to_string(JobResult result) {
        static const char *const names[_JOB_RESULT_MAX] = {
                [JOB_RESULT_IS_NONE] = "",
                [JOB_RESULT_IS_DONE] = "done",
                [JOB_RESULT_IS_UNCHANGED] = "unchanged",
                [JOB_RESULT_IS_CANCELLED] = "cancelled",
                [JOB_RESULT_IS_FAILED] = "failed",
        };

        return result < _JOB_RESULT_MAX ? names[result] : NULL;
}

static int copy_string(char **ret, const char *s) {
        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

static int copy_request(Job *job, const JobRequest *q) {
        int r;

        job->type = q->type;
        job->force = q->force;
        job->best = q->best;
        job->detached = q->detached;
        job->no_hooks = q->no_hooks;
        job->cancel_on_disconnect = q->cancel_on_disconnect;
        job->reason = q->reason;
        job->uid = q->uid;
        r = copy_string(&job->kernel, q->kernel ?: "");
        if (r >= 0)
                r = copy_string(&job->profile, q->profile ?: "");
        if (r >= 0)
                r = copy_string(&job->kernel_dir, q->kernel_dir);
        if (r >= 0)
                r = copy_string(&job->output, q->output);
        if (r >= 0)
                r = copy_string(&job->stage, "");
        if (r >= 0)
                r = copy_string(&job->detail, "");
        if (r >= 0)
                r = copy_string(&job->error_name, "");
        if (r >= 0)
                r = copy_string(&job->error_message, "");
        STRV_FOREACH(s, q->settings)
                if (r >= 0)
                        r = strv_extend(&job->settings, *s);
        return r;
}

int job_new(Job **ret, Manager *m, const JobRequest *request) {
        _cleanup_(job_freep) Job *job = NULL;
        char id[32];
        int r;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->manager = m;
        job->output_fd = -EBADF;
        job->progress = -1;
        job->queued_usec = now_realtime_usec();
        r = copy_request(job, request);
        if (r < 0)
                return r;
        job->id = m->last_id + 1;
        (void) snprintf(id, sizeof(id), "%" PRIu64, job->id);
        r = sd_bus_path_encode(BUS_PATH_JOBS, id, &job->bus_path);
        if (r < 0)
                return r;
        m->last_id = job->id;
        *ret = TAKE_PTR(job);
        return 0;
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        if (job->manager->bus_private)
                post_update_forget(job->manager, job);
        worker_free(job->worker);
        worker_free(job->previous_worker);
        free(job->finding);
        sd_event_source_disable_unref(job->expiry);
        sd_bus_track_unref(job->track);
        safe_close(job->output_fd);
        free(job->bus_path);
        free(job->kernel);
        free(job->profile);
        free(job->kernel_dir);
        free(job->output);
        strv_free(job->settings);
        free(job->stage);
        free(job->detail);
        strv_free(job->packed);
        free(job->error_name);
        free(job->error_message);
        free(job);
        return NULL;
}

bool job_is_equal(const Job *job, const JobRequest *q) {
        return job->type == q->type && streq(job->kernel, q->kernel ?: "") &&
               streq(job->profile, q->profile ?: "") &&
               streq_ptr(job->kernel_dir, q->kernel_dir) && streq_ptr(job->output, q->output) &&
               strv_equal(job->settings, q->settings) && job->best == q->best &&
               job->detached == q->detached &&
               /* What runs already was not told to build in any case; what waits can be. */
               (job->force || !q->force || job->state == JOB_QUEUED);
}

Image *job_image(const Job *job) {
        if (!*job->kernel || !*job->profile || job->output || job->kernel_dir || job->detached)
                return NULL;
        return manager_find_image(job->manager, job->kernel, job->profile);
}

bool job_runs_hooks(const Job *job) {
        return job->state == JOB_RUNNING && streq(job->stage, "hooks");
}

bool job_is_replacing(const Job *job) {
        return job->type == JOB_BUILD && (job_runs_hooks(job) || (job->manager->running == job &&
                                                                  streq(job->stage, "install")));
}

bool job_is_cancellable(const Job *job) {
        if (job->state == JOB_FINISHED || job->type == JOB_REMOVE)
                return job->state == JOB_QUEUED;
        return !streq(job->stage, "install") && !streq(job->stage, "hooks");
}
