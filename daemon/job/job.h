/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One request: who asked for what, how far it is, what came of it. A Job belongs to the Manager's
 * queue; it is there until ten minutes after its end, so that who asks late is told.
 */

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "macro.h"

typedef struct Manager Manager;
typedef struct Image Image;
typedef struct Worker Worker;

typedef enum JobType {
        JOB_BUILD,
        JOB_VERIFY,
        JOB_REMOVE,
        JOB_PREPARE, /* pack ahead */
        JOB_RECOMPRESS,
        _JOB_TYPE_MAX,
        _JOB_TYPE_INVALID = -22, /* -EINVAL */
} JobType;
const char *job_kind_to_string(JobType type);

typedef enum JobReason {
        REASON_ADMIN,
        REASON_PACKAGE,
        REASON_WATCH,
        REASON_BOOT, /* found out of date when the service started */
        _REASON_MAX,
        _REASON_INVALID = -22, /* -EINVAL */
} JobReason;
const char *job_reason_to_string(JobReason reason);

typedef enum JobState {
        JOB_QUEUED,
        JOB_RUNNING,
        JOB_CANCELLING,
        JOB_FINISHED,
        _JOB_STATE_MAX,
} JobState;
const char *job_state_to_string(JobState state);

typedef enum JobResult {
        JOB_RESULT_IS_NONE,
        JOB_RESULT_IS_DONE,
        JOB_RESULT_IS_UNCHANGED,
        JOB_RESULT_IS_CANCELLED,
        JOB_RESULT_IS_FAILED,
        _JOB_RESULT_MAX,
} JobResult;
const char *job_result_to_string(JobResult result); /* "" for none */

/* What is asked for. Strings are borrowed until job_new() copied them. */
typedef struct JobRequest {
        JobType type;
        const char *kernel, *profile; /* "" where it has none */
        const char *kernel_dir, *output; /* NULL; root's alone */
        char *const *settings;
        bool force, best, detached;
        bool no_hooks; /* who asks runs the boot loader's hooks */
        bool cancel_on_disconnect;
        JobReason reason;
        uid_t uid;
} JobRequest;

enum {
        JOB_CHANGED_STATE = 1 << 0, /* State, StartedUSec, FinishedUSec, Cancellable */
        JOB_CHANGED_PROGRESS = 1 << 1, /* Stage, Progress, Cancellable */
        JOB_CHANGED_RESULT = 1 << 2, /* Result, Error, Packed */
};

typedef struct Job {
        Manager *manager;
        uint64_t id;
        char *bus_path;
        JobType type;
        char *kernel, *profile; /* "" where it has none */
        char *kernel_dir, *output;
        char **settings;
        bool force, best, detached, no_hooks, cancel_on_disconnect;
        bool again; /* somebody joined it while it ran: once more, for what changed meanwhile */
        bool urgent; /* somebody waits for what the service thought of itself */
        bool changed; /* a run of the worker made a new image */
        JobReason reason;
        uid_t uid;
        bool shared; /* somebody else asked for it, too */

        JobState state;
        char *stage; /* "" before it runs */
        char *detail; /* what the stage is at, or "" */
        int progress; /* 0 to 100; -1 unknown */
        uint64_t queued_usec, started_usec, finished_usec; /* since 1970 */
        char **packed; /* names of fragments */
        JobResult result;
        char *error_name, *error_message; /* the word of an error of ours, and a sentence */

        Worker *worker; /* of the last run */
        Worker *previous_worker; /* gave its result, and may be at its last words */
        char *finding; /* of a verification: the first that is an error, or NULL */
        int output_fd; /* of a detached image, or -EBADF */
        sd_bus_track *track; /* of those to end with, or NULL */
        sd_event_source *expiry;
        unsigned notify;
} Job;

int job_new(Job **ret, Manager *m, const JobRequest *request);
Job *job_free(Job *job);
DEFINE_CLEANUP_FUNC(Job *, job_free);

/* Whether this would do just what is asked for, so that who asks can have it. */
bool job_is_equal(const Job *job, const JobRequest *request);
/* The image that it is about: NULL for one that goes elsewhere, or has none. */
Image *job_image(const Job *job);
/* False while an image is being put in its place, and at the end. */
bool job_is_cancellable(const Job *job) _pure_;
/* Its image is in its place, and the boot loader's hooks are at work. */
bool job_runs_hooks(const Job *job) _pure_;
/* Who goes down now may not come up again: an image is put in its place, or the boot loader told of it. */
bool job_is_replacing(const Job *job) _pure_;
