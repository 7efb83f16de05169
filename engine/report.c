/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdio.h>

#include "report.h"

static const char *const stages[_STAGE_MAX] = {
        [STAGE_PLAN] = "plan",         [STAGE_COLLECT] = "collect", [STAGE_PACK] = "pack",
        [STAGE_ASSEMBLE] = "assemble", [STAGE_VERIFY] = "verify",   [STAGE_INSTALL] = "install",
};

const char *stage_to_string(Stage stage) {
        return stage >= 0 && stage < _STAGE_MAX ? stages[stage] : NULL;
}

void report_done(Report *report) {
        free(report->failure.path);
        free(report->failure.message);
        report->failure = (Failure) {};
}

/* One line is promised, and names of files may have anything in them. */
static char *one_line(char *message) {
        for (char *p = message; p && *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = ' ';
        return message;
}

int report_fail(Report *report, FailureKind kind, int error, const char *path, unsigned line,
                const char *format, ...) {
        Failure *f = &report->failure;
        va_list ap;

        if (f->error < 0)
                return error;

        va_start(ap, format);
        if (vasprintf(&f->message, format, ap) < 0)
                f->message = NULL;
        va_end(ap);
        one_line(f->message);
        /* Whatever it was for: who may do it gets further. */
        f->kind = error == -EACCES ? FAILURE_NOT_PERMITTED : kind;
        f->error = error;
        f->stage = report->stage;
        f->path = path ? strdup(path) : NULL;
        f->line = line;
        return error;
}

int report_oom(Report *report) {
        return report_fail(report, FAILURE_BUILD_FAILED, -ENOMEM, NULL, 0, "Out of memory");
}

void report_warn(Report *report, const char *path, unsigned line, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list ap;
        int r;

        report->n_warnings++;
        if (!report->on_warning)
                return;
        va_start(ap, format);
        r = vasprintf(&message, format, ap);
        va_end(ap);
        if (r < 0) {
                message = NULL;
                return;
        }
        report->on_warning(report->userdata, path, line, one_line(message));
}

void report_progress(Report *report, Stage stage, unsigned percent, const char *what) {
        report->stage = stage;
        if (report->on_progress)
                report->on_progress(report->userdata, stage, percent, what);
}
