/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Jobs of the service that somebody waits for. */

#include <signal.h>

#include "build/progress.h"
#include "bus.h"

typedef struct BusJob {
        uint64_t id;
        char *path, *kernel;
        char *stage, *detail; /* or NULL */
        int percent; /* -1: unknown */
        bool running, finished;
        char *result, *error, *message; /* as JobRemoved has them */
} BusJob;

typedef struct BusJobs {
        sd_bus *bus; /* borrowed */
        char *owner; /* the service's own name on the bus: a restart is another one */
        BusJob *jobs;
        size_t n, allocated;
        sd_bus_message **early; /* what came before the reply of a call */
        size_t n_early, allocated_early;
        int signals; /* Ctrl-C */
        sigset_t signals_before;
        unsigned interrupts;
        bool lost;
        Progress progress;
} BusJobs;

/* Has the service's signals sent to us from now on. 0 or a negative errno. */
int bus_subscribe(sd_bus *bus, sd_bus_error *error);

/* Listens from now on: before the call that makes a job, or its end could be missed. Ctrl-C no longer
 * ends the program. 0 or a negative errno. */
int bus_jobs_init(BusJobs *ret, sd_bus *bus, sd_bus_error *error);
void bus_jobs_done(BusJobs *jobs);

/* A call that makes jobs, for as long as it takes to type a password. A Ctrl-C meanwhile cancels what
 * comes of it, a second one is -ECANCELED. 0 or a negative errno, with `error`. */
int bus_jobs_call(BusJobs *jobs, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret);

/* A job that `reply` told of. One that is there already is not added again. */
int bus_jobs_add(BusJobs *jobs, sd_bus_message *reply, uint64_t id, const char *path,
                 const char *kernel);

/*
 * Waits for all, drawing progress. Ctrl-C cancels them, a second one leaves them alone. 0 when all
 * are finished; -ECANCELED when they were left; -ECONNRESET when the service went away meanwhile,
 * which leaves those unfinished that were; another negative errno.
 */
int bus_jobs_wait(BusJobs *jobs);
