/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is said of jobs and images in the journal, with the fields of initrdd-messages.h. */

#include <inttypes.h>
#include <stdio.h>

#include "initrdd-messages.h"
#include "job-log.h"
#include "log.h"
#include "string-util.h"

/* "KEY=VALUE", for as many as have a value. */
typedef struct Fields {
        char *strings[8];
        const char *list[8];
        size_t n;
} Fields;

static void fields_done(Fields *f) {
        for (size_t i = 0; i < f->n; i++)
                free(f->strings[i]);
}

static void fields_add(Fields *f, const char *key, const char *value) {
        if (value && *value && str_printf(&f->strings[f->n], "%s=%s", key, value) >= 0) {
                f->list[f->n] = f->strings[f->n];
                f->n++;
        }
}

void image_log(const Image *image, int level, const char *message_id, const char *message) {
        _cleanup_(fields_done) Fields f = {};

        fields_add(&f, "KERNEL", image->kernel);
        fields_add(&f, "PROFILE", image->profile);
        fields_add(&f, "IMAGE", image->path);
        log_full(level, message_id, f.list, "%s: %s", image->path, message);
}

static void log_job(const Job *job, int level, const char *message_id, const char *path,
                    const char *message) {
        _cleanup_(fields_done) Fields f = {};
        char id[32];

        (void) snprintf(id, sizeof(id), "%" PRIu64, job->id);
        fields_add(&f, "JOB_ID", id);
        fields_add(&f, "JOB_TYPE", job_kind_to_string(job->type));
        fields_add(&f, "KERNEL", job->kernel);
        fields_add(&f, "PROFILE", job->profile);
        fields_add(&f, "REASON", job_reason_to_string(job->reason));
        fields_add(&f, "IMAGE", path);
        fields_add(&f, "ERROR", job->error_name);
        log_full(level, message_id, f.list, "%s", message);
}

void job_log_begin(const Job *job) {
        _cleanup_free_ char *text = NULL;

        if (str_printf(&text, "Job %" PRIu64 " begins: %s %s %s (%s)", job->id,
                       job_kind_to_string(job->type), job->kernel, job->profile,
                       job_reason_to_string(job->reason)) >= 0)
                log_job(job, LOG_INFO, MESSAGE_ID_JOB_STARTED, NULL, text);
}

void job_log_failed_hook(const Job *job, const char *failure) {
        _cleanup_free_ char *text = NULL;

        if (str_printf(&text, "Kernel %s: %s", job->kernel, failure) >= 0)
                log_job(job, LOG_WARNING, MESSAGE_ID_HOOK_FAILED, NULL, text);
}

void job_log_hung(const Job *job) {
        _cleanup_free_ char *text = NULL;

        if (str_printf(&text,
                       "The worker of job %" PRIu64 " said nothing for too long; it is killed",
                       job->id) >= 0)
                log_job(job, LOG_ERR, MESSAGE_ID_WORKER_HUNG, NULL, text);
}

static void log_failure(const Job *job, const char *path) {
        bool no_space = streq(job->error_name, "NoSpace");
        _cleanup_free_ char *text = NULL;

        if (str_printf(&text, "%s of kernel %s, profile %s, failed: %s",
                       job_kind_to_string(job->type), job->kernel, job->profile,
                       job->error_message) >= 0)
                log_job(job, job->type == JOB_PREPARE ? LOG_INFO : LOG_ERR,
                        no_space ? MESSAGE_ID_NO_SPACE : MESSAGE_ID_JOB_FAILED, path, text);
}

static void log_built(const Job *job, const char *path) {
        _cleanup_free_ char *text = NULL, *packed = strv_join(job->packed, ", ");

        if (str_printf(&text, "%s: built for kernel %s, profile %s; packed: %s", path, job->kernel,
                       job->profile, packed && *packed ? packed : "nothing") >= 0)
                log_job(job, LOG_NOTICE, MESSAGE_ID_IMAGE_BUILT, path, text);
}

void job_log_end(const Job *job, const char *path) {
        _cleanup_free_ char *text = NULL;

        if (job->result == JOB_RESULT_IS_FAILED)
                log_failure(job, path);
        else if (job->result == JOB_RESULT_IS_CANCELLED) {
                if (str_printf(&text, "Job %" PRIu64 " was cancelled", job->id) >= 0)
                        log_job(job, LOG_INFO, MESSAGE_ID_JOB_CANCELLED, path, text);
        } else if (job->type == JOB_BUILD && job->result == JOB_RESULT_IS_DONE)
                log_built(job, path);
        else if (job->type == JOB_BUILD || job->type == JOB_REMOVE) {
                bool build = job->type == JOB_BUILD;

                if (str_printf(&text, "%s: %s", path, build ? "unchanged" : "removed") >= 0)
                        log_job(job, build ? LOG_INFO : LOG_NOTICE,
                                build ? MESSAGE_ID_IMAGE_UNCHANGED : MESSAGE_ID_IMAGE_REMOVED,
                                path, text);
        }
}
