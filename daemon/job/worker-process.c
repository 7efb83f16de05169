/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The request goes into a memfd, which becomes the worker's standard input: nothing is ever written
 * to a pipe that might be full. Its standard output is read as it comes; a line of more than a
 * MiB is none of the protocol, and ends the worker. It is in a process group of its own, so that what
 * is typed at a console where the service runs does not reach it.
 *
 * A worker may go on for a while after its result: it frees the blocks of an old image and tells the
 * digest of the new one.
 */

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "job-protocol.h"
#include "log.h"
#include "string-util.h"
#include "worker-process.h"

#define LINE_MAX_BYTES (1024 * 1024)
#define STOP_USEC (5 * 1000 * 1000)

extern char **environ;

struct Worker {
        WorkerHandler handler;
        sd_event *event;
        pid_t pid; /* 0: it has ended */
        int out;
        sd_event_source *out_source, *child_source, *silence_source, *stop_source;
        uint64_t silence_usec;
        char *buffer;
        size_t size, allocated;
        bool got_result, hung;
};

static int request_to_fd(json_t *request) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        int r;

        text = json_dumps(request, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        fd = memfd_create("initrdd-request", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text, strlen(text));
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int spawn(const char *path, int in, int out, int output, pid_t *ret) {
        char *argv[] = { (char *) "initrdd-worker", NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (output >= 0)
                posix_spawn_file_actions_adddup2(&actions, output, JOB_OUTPUT_FD);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                              POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setpgroup(&attributes, 0);
        r = posix_spawn(ret, path, &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static void handle_line(Worker *w, const char *line, size_t size) {
        json_t *report = json_loadb(line, size, 0, NULL);
        const char *type = json_string_value(json_object_get(report, "type"));

        if (!type)
                log_debug("The worker said what is no report: %.*s", (int) MIN_OF(size, 80u),
                          line);
        else if (!streq(type, JOB_REPORT_RESULT) || !w->got_result) {
                if (streq(type, JOB_REPORT_RESULT))
                        w->got_result = true;
                w->handler.on_report(w->handler.userdata, type, report);
        }
        json_decref(report);
}

static void handle_lines(Worker *w) {
        char *begin = w->buffer, *end = w->buffer + w->size, *p;

        while ((p = memchr(begin, '\n', (size_t) (end - begin)))) {
                handle_line(w, begin, (size_t) (p - begin));
                begin = p + 1;
        }
        w->size = (size_t) (end - begin);
        memmove(w->buffer, begin, w->size);
}

/* 1 when there was something, 0 at the end, -EAGAIN when there is nothing as yet. */
static int read_some(Worker *w) {
        ssize_t n;

        if (w->size >= LINE_MAX_BYTES || !GREEDY_REALLOC(w->buffer, w->allocated, w->size + 16384))
                return -EMSGSIZE;
        n = read(w->out, w->buffer + w->size, w->allocated - w->size);
        if (n < 0)
                return errno == EINTR ? -EAGAIN : -errno;
        if (n == 0)
                return 0;
        w->size += (size_t) n;
        handle_lines(w);
        return 1;
}

static void close_output(Worker *w) {
        w->out_source = sd_event_source_disable_unref(w->out_source);
        w->out = safe_close(w->out);
        free(w->buffer);
        w->buffer = NULL;
        w->size = w->allocated = 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Worker *w = userdata;
        int r;

        if (w->silence_source)
                (void) sd_event_source_set_time_relative(w->silence_source, w->silence_usec);
        r = read_some(w);
        if (r > 0 || r == -EAGAIN)
                return 0;
        if (r < 0) {
                log_warning("What the worker says can't be read: %s", strerror(-r));
                worker_stop(w);
        }
        close_output(w);
        return 0;
}

static int on_silence(sd_event_source *source, uint64_t usec, void *userdata) {
        Worker *w = userdata;

        if (w->pid <= 0)
                return 0;
        w->hung = true;
        (void) kill(w->pid, SIGKILL);
        if (w->handler.on_hung)
                w->handler.on_hung(w->handler.userdata);
        return 0;
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Worker *w = userdata;

        if (w->pid > 0)
                (void) kill(w->pid, SIGKILL);
        return 0;
}

static char *describe_end(const Worker *w, const siginfo_t *si) {
        char *text = NULL;
        int r;

        if (w->hung)
                r = str_printf(&text, "The worker said nothing for %u s and was killed",
                               (unsigned) (w->silence_usec / 1000000));
        else if (si->si_code == CLD_EXITED)
                r = str_printf(&text, "The worker ended with status %d and without a result",
                               si->si_status);
        else
                r = str_printf(&text, "The worker was ended by signal %d (%s)", si->si_status,
                               strsignal(si->si_status));
        return r < 0 ? NULL : text;
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *si, void *userdata) {
        _cleanup_free_ char *text = NULL;
        Worker *w = userdata;

        w->pid = 0;
        /* What it still said before it ended is in the pipe. */
        while (w->out >= 0 && read_some(w) > 0)
                ;
        w->silence_source = sd_event_source_disable_unref(w->silence_source);
        w->stop_source = sd_event_source_disable_unref(w->stop_source);
        if (!w->got_result)
                text = describe_end(w, si) ?: strdup("The worker failed");
        if (w->handler.on_end)
                w->handler.on_end(w->handler.userdata, text);
        return 0;
}

static int start(Worker *w, const char *path, json_t *request, int output) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        int p[2], r;

        if (json_object_set_new(request, "parent", json_integer(getpid())) < 0)
                return -ENOMEM;
        in = request_to_fd(request);
        if (in < 0)
                return in;
        if (pipe2(p, O_CLOEXEC) < 0)
                return -errno;
        w->out = p[0];
        out = p[1];
        if (fcntl(w->out, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(w->event, &w->out_source, w->out, EPOLLIN, on_output, w);
        if (r >= 0)
                r = spawn(path, in, out, output, &w->pid);
        if (r < 0)
                return r;
        r = sd_event_add_child(w->event, &w->child_source, w->pid, WEXITED, on_exit_of_child, w);
        if (r < 0)
                return r;
        /* What it said is read before its end is seen to. */
        (void) sd_event_source_set_priority(w->child_source, SD_EVENT_PRIORITY_NORMAL + 10);
        if (w->silence_usec == 0)
                return 0;
        return sd_event_add_time_relative(w->event, &w->silence_source, CLOCK_MONOTONIC,
                                          w->silence_usec, 250 * 1000, on_silence, w);
}

int worker_start(Worker **ret, sd_event *event, const char *path, json_t *request, int output,
                 uint64_t silence_usec, const WorkerHandler *handler) {
        _cleanup_(worker_freep) Worker *w = NULL;
        int r;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->handler = *handler;
        w->event = sd_event_ref(event);
        w->out = -EBADF;
        w->silence_usec = silence_usec;
        r = start(w, path, request, output);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

/* One that a disk holds up is not gone at once, and must not hold up the service as well. */
static int on_end_of_freed(sd_event_source *source, const siginfo_t *si, void *userdata) {
        return sd_event_source_set_floating(source, false); /* which frees it */
}

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;
        close_output(w);
        sd_event_source_disable_unref(w->silence_source);
        sd_event_source_disable_unref(w->stop_source);
        sd_event_source_disable_unref(w->child_source);
        if (w->pid > 0) {
                (void) kill(w->pid, SIGKILL);
                (void) sd_event_add_child(w->event, NULL, w->pid, WEXITED, on_end_of_freed, NULL);
        }
        sd_event_unref(w->event);
        free(w);
        return NULL;
}

bool worker_is_running(const Worker *w) {
        return w && w->pid > 0;
}

void worker_stop(Worker *w) {
        if (!worker_is_running(w) || w->stop_source)
                return;
        (void) kill(w->pid, SIGTERM);
        (void) sd_event_add_time_relative(w->event, &w->stop_source, CLOCK_MONOTONIC, STOP_USEC,
                                          250 * 1000, on_stop_timeout, w);
}
