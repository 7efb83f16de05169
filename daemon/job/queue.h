/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Jobs in their order: one runs at a time, since a worker uses all processors by itself; what
 * somebody waits for goes before what the service thought of itself, and a job that packs ahead or
 * harder makes room for any other. For one image at most one job waits behind one that runs.
 */

#include "manager.h"

/* The most jobs that may wait; beyond that a request is LimitsExceeded. */
#define QUEUE_MAX 256

/* 1: an equal one was there; 0: a new one; -E2BIG: too many. */
int queue_add(Manager *m, const JobRequest *request, Job **ret);
/* Starts what is next, if nothing runs. */
void queue_run(Manager *m);
/* The same when the caller is done: what it holds of jobs stays valid until then. */
void queue_run_soon(Manager *m);
/* Ends a job that waits, or begins to end the one that runs. */
void queue_cancel(Manager *m, Job *job);
/* The job's end; `result` is the worker's, or NULL. */
void queue_finish(Manager *m, Job *job, JobResult result, const char *error_name,
                  const char *error_message);
Job *queue_find(const Manager *m, uint64_t id);
/* Jobs that have not ended. */
unsigned queue_count(const Manager *m) _pure_;
/* Whether a job of this type for this image waits or runs. */
bool queue_has(const Manager *m, JobType type, const char *kernel, const char *profile);
