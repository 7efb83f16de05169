/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a person must be told of a piece of work. The engine never prints: it fills a Report, and
 * the program at the boundary turns that into a line, a bus error or a journal entry.
 *
 * A Report belongs to one thread at a time; the callbacks are called from the thread that reports.
 */

#include <stdarg.h>

#include "initrdd-failure.h"
#include "macro.h"

/* The stages of a build, in their order. */
typedef enum Stage {
        STAGE_PLAN,
        STAGE_COLLECT,
        STAGE_PACK,
        STAGE_ASSEMBLE,
        STAGE_VERIFY,
        STAGE_INSTALL,
        _STAGE_MAX,
        _STAGE_INVALID = -EINVAL,
} Stage;

const char *stage_to_string(Stage stage);

/* Why the work failed: the first failure wins, what comes after is its consequence. */
typedef struct Failure {
        FailureKind kind;
        int error; /* negative errno */
        Stage stage;
        char *path; /* the file that the sentence is about, or NULL */
        unsigned line; /* 0: the whole file */
        char *message; /* one sentence, no line break, no full stop; says what to do if it can */
} Failure;

typedef struct Report {
        Failure failure;
        Stage stage; /* where the work is now */
        unsigned n_warnings;

        /* Each may be NULL. Strings are borrowed for the call. */
        void (*on_warning)(void *userdata, const char *path, unsigned line, const char *message);
        /* percent: 0 to 100 of the whole work, never less than before. */
        void (*on_progress)(void *userdata, Stage stage, unsigned percent, const char *what);
        void *userdata;
} Report;

void report_done(Report *report);

/* Records a failure unless there is one, and returns `error` in any case: `return report_fail(…)`.
 * `path` may be NULL. `error` must be negative; for -EACCES the kind is always NotPermitted. */
int report_fail(Report *report, FailureKind kind, int error, const char *path, unsigned line,
                const char *format, ...) _printf_(6, 7);
/* Without memory there is nothing to say about any file. */
int report_oom(Report *report);

void report_warn(Report *report, const char *path, unsigned line, const char *format, ...)
                _printf_(4, 5);
void report_progress(Report *report, Stage stage, unsigned percent, const char *what);
