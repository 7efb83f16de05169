/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job.h"

/* Starts a worker for the job, which ends the job in queue_finish(). Negative when there can't be
 * one; the job is as it was then. */
int job_start_worker(Job *job);
