/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <unistd.h>

#include "fd-util.h"
#include "job-protocol.h"
#include "json-text.h"
#include "string-util.h"
#include "worker.h"

void send_report(json_t *report) {
        _cleanup_free_ char *text = NULL, *line = NULL;

        text = json_dumps(report, JSON_COMPACT);
        json_decref(report);
        if (text && str_printf(&line, "%s\n", text) >= 0)
                (void) fd_write_all(STDOUT_FILENO, line, strlen(line));
}

static void set_place(json_t *object, const char *path, unsigned line) {
        if (path)
                json_object_set_new(object, "path", json_text(path));
        if (line > 0)
                json_object_set_new(object, "line", json_integer(line));
}

void on_warning(void *userdata, const char *path, unsigned line, const char *message) {
        json_t *report = json_pack("{s:s, s:o}", "type", JOB_REPORT_WARNING, "message",
                                   json_text(message));

        set_place(report, path, line);
        send_report(report);
}

/* A build that begins again does not go back. */
void on_progress(void *userdata, Stage stage, unsigned percent, const char *what) {
        unsigned *highest = userdata;
        json_t *report = json_pack("{s:s, s:s}", "type", JOB_REPORT_PROGRESS, "stage",
                                   stage_to_string(stage));

        *highest = MAX_OF(*highest, percent);
        json_object_set_new(report, "percent", json_integer(*highest));
        if (what)
                json_object_set_new(report, "what", json_text(what));
        send_report(report);
}

int send_failure(const Report *report) {
        const Failure *f = &report->failure;
        json_t *error;

        error = json_pack("{s:s, s:s, s:o}", "kind", failure_kind_to_string(f->kind), "stage",
                          stage_to_string(f->stage), "message",
                          json_text(f->message ?: "Out of memory"));
        set_place(error, f->path, f->line);
        send_report(json_pack("{s:s, s:s, s:o}", "type", JOB_REPORT_RESULT, "result",
                              JOB_RESULT_FAILED, "error", error));
        return failure_kind_to_exit_status(f->kind);
}

void close_reports(void) {
        close(STDOUT_FILENO);
}
