/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is said of jobs and images in the journal. */

#include "image.h"
#include "job.h"

void job_log_begin(const Job *job);
void job_log_hung(const Job *job);
void job_log_failed_hook(const Job *job, const char *failure);
/* What came of a job that has ended. `path`: of its image, or "". */
void job_log_end(const Job *job, const char *path);

/* "PATH: message" */
void image_log(const Image *image, int level, const char *message_id, const char *message);
