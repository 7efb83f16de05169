/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A worker as its starter sees it: a process that is given one request and sends reports
 * (include/job-protocol.h). The service never waits for it, and outlives whatever becomes of it.
 */

#include <jansson.h>
#include <systemd/sd-event.h>

#include "macro.h"

typedef struct Worker Worker;

typedef struct WorkerHandler {
        /* Every report, "result" as well; borrowed for the call. */
        void (*on_report)(void *userdata, const char *type, json_t *report);
        /* The process has ended. `failure` is a sentence if it did so without a result, else NULL. Must
         * not free the worker. May be NULL. */
        void (*on_end)(void *userdata, const char *failure);
        /* Nothing was heard for too long, and it was killed; on_end follows. May be NULL. */
        void (*on_hung)(void *userdata);
        void *userdata;
} WorkerHandler;

/* Starts the program at `path` with the request. `output` becomes its descriptor JOB_OUTPUT_FD; -EBADF:
 * it gets none. `silence_usec`: after which it counts as hung; 0 never. SIGCHLD must be blocked. The caller owns the worker, and what its handlers are given must
 * live as long. */
int worker_start(Worker **ret, sd_event *event, const char *path, json_t *request, int output,
                 uint64_t silence_usec, const WorkerHandler *handler);
/* Kills it if it still runs; its handlers are not called any more. */
Worker *worker_free(Worker *w);
DEFINE_CLEANUP_FUNC(Worker *, worker_free);

bool worker_is_running(const Worker *w) _pure_;
/* Asks it to end, and after five seconds makes it. */
void worker_stop(Worker *w);
