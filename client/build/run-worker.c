/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "job-protocol.h"
#include "path-util.h"
#include "process-util.h"
#include "progress.h"
#include "run-worker.h"
#include "string-util.h"

extern char **environ;

static int check_put(int r, const char *key, const char *value) {
        if (r < 0)
                say("The %s \"%s\" is not UTF-8, as all must be that the worker is told.", key,
                    value);
        return r < 0 ? -EINVAL : 0;
}

int request_put(json_t *request, const char *key, const char *value) {
        return value ? check_put(json_object_set_new(request, key, json_string(value)), key, value)
                     : 0;
}

int request_put_list(json_t *request, const char *key, char *const *values) {
        json_t *array = json_array();

        if (json_object_set_new(request, key, array) < 0)
                return -ENOMEM;
        STRV_FOREACH(value, values) {
                int r = check_put(json_array_append_new(array, json_string(*value)), key, *value);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int start(pid_t *ret_pid, int *ret_in, int *ret_out) {
        _cleanup_process_pipes_ ProcessPipes pipes = PROCESS_PIPES_NONE;
        _cleanup_free_ char *data = NULL, *path = NULL;
        posix_spawn_file_actions_t actions;
        char *argv[] = { (char *) "initrdd-worker", NULL };
        int r;

        r = data_directory(&data);
        if (r < 0)
                return r;
        path = path_join(data, "initrdd-worker");
        if (!path)
                return -ENOMEM;
        r = process_pipes_open(&pipes);
        if (r < 0)
                return r;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipes.child_in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, pipes.child_out, STDOUT_FILENO);
        r = posix_spawn(ret_pid, path, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0) {
                say("%s can't be started: %s", path, strerror(r));
                return -r;
        }
        *ret_in = TAKE_FD(pipes.in);
        *ret_out = TAKE_FD(pipes.out);
        return 0;
}

static void handle_warning(json_t *report, Progress *progress) {
        progress_clear(progress);
        say_warning(NULL, json_string_value(json_object_get(report, "path")),
                    (unsigned) json_integer_value(json_object_get(report, "line")),
                    json_string_value(json_object_get(report, "message")) ?: "");
}

static void handle_progress(json_t *report, const char *title, Progress *progress) {
        _cleanup_free_ char *text = NULL;
        const char *what = json_string_value(json_object_get(report, "what"));
        const char *stage = json_string_value(json_object_get(report, "stage"));

        if (str_printf(&text, "%s: %s%s%s", title, stage ?: "", what ? " " : "", what ?: "") < 0)
                return;
        progress_draw(progress, (unsigned) json_integer_value(json_object_get(report, "percent")),
                      text);
}

/* Reads reports until the worker closes its end; keeps the result. */
static json_t *listen_to(int fd, const char *title) {
        _cleanup_free_ char *line = NULL;
        Progress progress = progress_begin();
        json_t *result = NULL;
        size_t allocated = 0;
        FILE *f;

        f = fdopen(fd, "r");
        if (!f) {
                safe_close(fd);
                return NULL;
        }
        while (getline(&line, &allocated, f) > 0) {
                json_t *report = json_loads(line, 0, NULL);
                const char *type = json_string_value(json_object_get(report, "type"));

                if (type && streq(type, JOB_REPORT_WARNING))
                        handle_warning(report, &progress);
                else if (type && streq(type, JOB_REPORT_PROGRESS))
                        handle_progress(report, title, &progress);
                else if (type && streq(type, JOB_REPORT_RESULT) && !result)
                        result = json_incref(report);
                json_decref(report);
        }
        fclose(f);
        progress_clear(&progress);
        return result;
}

static volatile sig_atomic_t interrupted;
static volatile pid_t worker;

/* Ctrl-C reaches the worker by itself, other signals are passed on. Who waits for it must outlive
 * it, to say what came of it. */
static void on_interrupt(int signal) {
        interrupted = signal;
        if (signal != SIGINT && worker > 0)
                (void) kill(worker, signal);
}

int run_worker(json_t *request, const char *title, json_t **ret) {
        struct sigaction interrupt = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
        _cleanup_free_ char *text = NULL;
        json_t *result;
        int in = -EBADF, out = -EBADF, status = 0, r;
        pid_t pid = 0;

        text = json_dumps(request, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        r = start(&pid, &in, &out);
        if (r < 0)
                return r;
        signal(SIGPIPE, SIG_IGN);
        worker = pid;
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGTERM, &interrupt, NULL);
        sigaction(SIGHUP, &interrupt, NULL);
        (void) fd_write_all(in, text, strlen(text));
        safe_close(in);
        result = listen_to(out, title);
        if (result) {
                /* What the worker still does after its result is nobody's business. */
                (void) waitpid(pid, &status, WNOHANG);
                worker = 0;
                *ret = result;
                return 0;
        }
        status = process_wait(pid);
        worker = 0;
        if (interrupted) {
                say("Cancelled; what is in place is a whole image, the old one or the new.");
                return -ECANCELED;
        }
        if (status < 0)
                say("How the worker ended can't be told: %s; what is in place is a whole image.",
                    strerror(-status));
        else if (WIFSIGNALED(status))
                say("The worker was ended by signal %d (%s); what is in place is a whole image.",
                    WTERMSIG(status), strsignal(WTERMSIG(status)));
        else
                say("The worker ended with status %d and without a result; what is in place is a "
                    "whole image.",
                    WEXITSTATUS(status));
        return -EIO;
}

int say_worker_failure(json_t *result) {
        json_t *error = json_object_get(result, "error");
        const char *kind = json_string_value(json_object_get(error, "kind"));
        const char *message = json_string_value(json_object_get(error, "message"));
        const char *path = json_string_value(json_object_get(error, "path"));
        unsigned line = (unsigned) json_integer_value(json_object_get(error, "line"));
        FailureKind k = failure_kind_from_string(kind ?: "");

        if (path && line > 0)
                say("%s:%u: %s", path, line, message ?: "failed");
        else if (path)
                say("%s: %s", path, message ?: "failed");
        else
                say("%s", message ?: "failed");
        return k > FAILURE_NONE ? failure_kind_to_exit_status(k) : EXIT_STATUS_FAILED;
}
