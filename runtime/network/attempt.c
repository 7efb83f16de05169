/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The program is the leader of a process group of its own, so that its children can be ended with
 * it: iscsistart has one that does the work. Once it has ended by itself the group is nobody's
 * business any more: nbd-client may have left a process that keeps the device.
 *
 * The pipe may stay open in that process, so its end is not waited for; the program's is, by looking at
 * it now and then.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attempt.h"
#include "fd-util.h"
#include "generator/generator.h"
#include "string-util.h"

#define TICK_MSEC 50

/* Of the program that runs, or 0. */
static volatile sig_atomic_t running;

typedef struct Output {
        char line[512]; /* what was said of the line that is not at its end */
        size_t n;
        char last[512]; /* the last whole one that isn't empty */
} Output;

unsigned long long attempt_now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (unsigned long long) ts.tv_sec;
}

unsigned long long attempt_limit(const Generator *g) {
        unsigned seconds;

        (void) option_patience(g, ATTEMPT_LIMIT_SECONDS, &seconds);
        return seconds == 0 ? (unsigned long long) -1 : seconds;
}

static void end_line(Output *o) {
        o->line[o->n] = '\0';
        /* What iscsistart does comes behind what went wrong: it goes through a buffer. nbd-client says
         * good-bye, and curl where more can be read of it. */
        if (*str_strip(o->line) && !strstr(o->line, ": Logging into ") &&
            !streq(str_strip(o->line), "Exiting.") && !startswith(o->last, "curl: ("))
                strcpy(o->last, str_strip(o->line));
        o->n = 0;
}

/* 0 at the end, or when there is nothing to read now. */
static ssize_t read_output(int fd, Output *o) {
        char buffer[1024];
        ssize_t n = read(fd, buffer, sizeof(buffer));

        for (ssize_t i = 0; i < n; i++) {
                if (buffer[i] == '\n')
                        end_line(o);
                else if (o->n + 1 < sizeof(o->line))
                        o->line[o->n++] = buffer[i];
        }
        if (n > 0 && fd_write_all(STDOUT_FILENO, buffer, (size_t) n) < 0)
                return n; /* nobody listens */
        return n > 0 ? n : 0;
}

static void on_sigterm(int signo) {
        (void) signo;
        if (running > 0)
                kill(-(pid_t) running, SIGKILL);
        _exit(EXIT_SUCCESS);
}

void attempt_end_on_sigterm(void) {
        struct sigaction action = { .sa_handler = on_sigterm };

        sigaction(SIGTERM, &action, NULL);
}

static int start(const char *program, char *const argv[], int *ret_fd) {
        int fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                int r = -errno;

                safe_close(fds[0]);
                safe_close(fds[1]);
                return r;
        }
        if (pid == 0) {
                signal(SIGTERM, SIG_DFL);
                setpgid(0, 0);
                dup2(fds[1], STDOUT_FILENO);
                dup2(fds[1], STDERR_FILENO);
                execv(program, argv);
                fprintf(stderr, "%s can't be run: %s\n", program, strerror(errno));
                _exit(127);
        }
        setpgid(pid, pid);
        safe_close(fds[1]);
        *ret_fd = fds[0];
        return pid;
}

/* Its status as wait(2) has it. */
static int wait_for(pid_t pid, int fd, unsigned long long until, Output *o) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int status;

        for (;;) {
                pid_t ended = waitpid(pid, &status, WNOHANG);

                if (ended == pid)
                        return status;
                if (attempt_now() > until) {
                        kill(-pid, SIGKILL);
                        if (waitpid(pid, &status, 0) == pid)
                                strcpy(o->last, "there was no answer in time");
                        return status;
                }
                /* At the end of the pipe the program is about to end, too. */
                if (poll(&p, 1, p.fd < 0 ? 1 : TICK_MSEC) > 0 && read_output(fd, o) == 0)
                        p.fd = -1;
        }
}

int attempt_run(const char *program, char *const argv[], unsigned long long until,
                char **ret_reason) {
        _cleanup_close_ int fd = -EBADF;
        Output o = {};
        int pid, status;
        char *reason;

        pid = start(program, argv, &fd);
        if (pid < 0)
                return pid;
        running = pid;
        status = wait_for(pid, fd, until, &o);
        running = 0;
        if (fcntl(fd, F_SETFL, O_NONBLOCK) >= 0)
                while (read_output(fd, &o) > 0)
                        ;
        if (o.n > 0)
                end_line(&o);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (!*o.last && WIFSIGNALED(status))
                snprintf(o.last, sizeof(o.last), "it was killed by signal %d", WTERMSIG(status));
        else if (!*o.last)
                snprintf(o.last, sizeof(o.last), "it failed with %d", WEXITSTATUS(status));
        reason = strdup(o.last);
        if (!reason)
                return -ENOMEM;
        *ret_reason = reason;
        return 1;
}
