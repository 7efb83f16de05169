/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-worker: runs the engine once, as include/job-protocol.h says, and ends. It starts no
 * other program. Whoever started it can kill it at any time: the old image stays as it is until
 * the new one takes its place in one step.
 */

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build.h"
#include "fd-util.h"
#include "job-protocol.h"
#include "recompress.h"
#include "string-util.h"

static uint64_t now_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

/* A line to whoever listens. When nobody does any more, the work goes on. */
static void send_report(json_t *report) {
        _cleanup_free_ char *text = NULL, *line = NULL;

        text = json_dumps(report, JSON_COMPACT);
        json_decref(report);
        if (text && str_printf(&line, "%s\n", text) >= 0)
                (void) fd_write_all(STDOUT_FILENO, line, strlen(line));
}

/* Names of files are bytes, JSON is UTF-8: what isn't is shown with question marks. */
static json_t *json_text(const char *s) {
        json_t *string = json_string(s);
        char *copy;

        if (string)
                return string;
        copy = strdup(s);
        if (!copy)
                return json_null();
        for (char *p = copy; *p; p++)
                if ((unsigned char) *p >= 0x80)
                        *p = '?';
        string = json_string(copy);
        free(copy);
        return string ?: json_null();
}

static void set_place(json_t *object, const char *path, unsigned line) {
        if (path)
                json_object_set_new(object, "path", json_text(path));
        if (line > 0)
                json_object_set_new(object, "line", json_integer(line));
}

static void on_warning(void *userdata, const char *path, unsigned line, const char *message) {
        json_t *report = json_pack("{s:s, s:o}", "type", JOB_REPORT_WARNING, "message",
                                   json_text(message));

        set_place(report, path, line);
        send_report(report);
}

/* A build that begins again does not go back. */
static void on_progress(void *userdata, Stage stage, unsigned percent, const char *what) {
        unsigned *highest = userdata;
        json_t *report = json_pack("{s:s, s:s}", "type", JOB_REPORT_PROGRESS, "stage",
                                   stage_to_string(stage));

        *highest = MAX_OF(*highest, percent);
        json_object_set_new(report, "percent", json_integer(*highest));
        if (what)
                json_object_set_new(report, "what", json_text(what));
        send_report(report);
}

static int send_failure(const Report *report) {
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

static json_t *strings(char *const *l) {
        json_t *array = json_array();

        STRV_FOREACH(s, l)
                json_array_append_new(array, json_text(*s));
        return array;
}

static int send_result(const BuildResult *result, uint64_t usec) {
        const ImageRecord *record = result->record;

        send_report(json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:I}",
                              "type", JOB_REPORT_RESULT, "result",
                              result->outcome == BUILD_UNCHANGED ? JOB_RESULT_UNCHANGED
                                                                 : JOB_RESULT_DONE,
                              "kernel", record->kernel, "profile", record->profile, "path",
                              json_text(record->output), "size", (json_int_t) record->size,
                              "files", (json_int_t) record->n_files, "drivers",
                              (json_int_t) record->n_drivers, "fragments",
                              (json_int_t) record->n_fragments, "packed", strings(result->packed),
                              "left-out", strings(result->left_out), "usec", (json_int_t) usec));
        return EXIT_STATUS_DONE;
}

static const char *get_string(json_t *request, const char *key) {
        return json_string_value(json_object_get(request, key));
}

static int run_build(json_t *request, Report *report) {
        _cleanup_strv_free_ char **settings = NULL;
        BuildOptions options = {
                .root = get_string(request, "root"),
                .data_dir = get_string(request, "data-dir"),
                .kernel = get_string(request, "kernel"),
                .kernel_dir = get_string(request, "kernel-dir"),
                .profile = get_string(request, "profile"),
                .output = get_string(request, "output"),
                .store = get_string(request, "store"),
                .facts = get_string(request, "facts"),
                .force = json_is_true(json_object_get(request, "force")),
                .best = json_is_true(json_object_get(request, "best")),
                .threads = (unsigned) json_integer_value(json_object_get(request, "threads")),
        };
        uint64_t begin = now_usec();
        BuildResult result;
        json_t *value;
        size_t i;
        int r;

        json_array_foreach(json_object_get(request, "settings"), i, value)
                if (strv_extend(&settings, json_string_value(value) ?: "") < 0)
                        return EXIT_STATUS_FAILED;
        options.settings = settings;
        if (!options.store) {
                report_fail(report, FAILURE_CONFIG_INVALID, -EINVAL, NULL, 0,
                            "The request names no store");
                return send_failure(report);
        }

        r = build(&options, report, &result);
        if (r < 0)
                return send_failure(report);
        r = send_result(&result, now_usec() - begin);
        /* Nobody need wait for the blocks of an image that is two builds old. */
        fflush(stdout);
        close(STDOUT_FILENO);
        build_result_done(&result);
        return r;
}

static int run_recompress(json_t *request, Report *report) {
        uint64_t n = 0;

        if (recompress(get_string(request, "store"), report, &n) < 0)
                return send_failure(report);
        send_report(json_pack("{s:s, s:s, s:I}", "type", JOB_REPORT_RESULT, "result",
                              n > 0 ? JOB_RESULT_DONE : JOB_RESULT_UNCHANGED, "fragments",
                              (json_int_t) n));
        return EXIT_STATUS_DONE;
}

/* Every driver is a file, and many are open at once. */
static void raise_limits(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) >= 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
}

int main(int argc, char *argv[]) {
        _cleanup_free_ char *text = NULL;
        unsigned highest = 0;
        Report report = {
                .on_warning = on_warning,
                .on_progress = on_progress,
                .userdata = &highest,
        };
        json_t *request;
        const char *type;
        size_t size;
        int status;

        if (argc > 1) {
                fprintf(stderr,
                        "%s is started by initrdd and initrdctl, and takes no arguments.\n",
                        program_invocation_short_name);
                return EXIT_STATUS_USAGE;
        }
        signal(SIGPIPE, SIG_IGN);
        umask(0077);
        /* libkmod complains on standard error of an index before it can be told not to. */
        (void) setenv("KMOD_LOG", "0", 1);
        raise_limits();
        if (fd_read_all(STDIN_FILENO, 1024 * 1024, &text, &size) < 0 ||
            !(request = json_loads(text, 0, NULL))) {
                fprintf(stderr, "%s: no request could be read from standard input.\n",
                        program_invocation_short_name);
                return EXIT_STATUS_USAGE;
        }

        type = get_string(request, "type");
        if (type && streq(type, JOB_TYPE_BUILD))
                status = run_build(request, &report);
        else if (type && streq(type, JOB_TYPE_RECOMPRESS))
                status = run_recompress(request, &report);
        else {
                report_fail(&report, FAILURE_CONFIG_INVALID, -EINVAL, NULL, 0,
                            "There is no request of that type");
                status = send_failure(&report);
        }
        json_decref(request);
        report_done(&report);
        return status;
}
