/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <inttypes.h>

#include "initrdd-messages.h"
#include "job-run.h"
#include "log.h"
#include "string-util.h"

void job_log_end(const Job *job, const char *path) {
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
