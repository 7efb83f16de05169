/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-worker: runs the engine once, as include/job-protocol.h says, and ends. Whoever started
 * it can kill it at any time: the old image stays as it is until the new one takes its place in one
 * step.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "job-protocol.h"
#include "worker.h"

#define REQUEST_MAX ((size_t) 4 * 1024 * 1024)

static const struct {
        const char *type;
        int (*run)(const json_t *request, Report *report);
} works[] = {
        { JOB_TYPE_BUILD, run_build },     { JOB_TYPE_CONTENTS, run_contents },
        { JOB_TYPE_COPY, run_copy },       { JOB_TYPE_EXAMINE, run_examine },
        { JOB_TYPE_PREPARE, run_prepare }, { JOB_TYPE_RECOMPRESS, run_recompress },
        { JOB_TYPE_REMOVE, run_remove },   { JOB_TYPE_VERIFY, run_verify },
};

/* Else workers of a service that was killed would queue up for what the next one wants. Returns false
 * if it is gone already. */
static bool stay_with_parent(const json_t *request) {
        const json_t *parent = json_object_get(request, "parent");

        if (!parent)
                return true;
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        return getppid() == (pid_t) json_integer_value(parent);
}

static int run(const json_t *request, Report *report) {
        const char *type;

        if (request_check(request, report) < 0 || request_need(request, report, "type", &type) < 0)
                return send_failure(report);
        if (!stay_with_parent(request))
                return EXIT_STATUS_CANCELLED;
        if (request_boolean(request, "idle"))
                become_idle();
        for (size_t i = 0; i < ELEMENTSOF(works); i++)
                if (streq(works[i].type, type))
                        return works[i].run(request, report);
        report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                    "There is no request of type \"%s\"", type);
        return send_failure(report);
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
        if (fd_read_all(STDIN_FILENO, REQUEST_MAX, &text, &size) < 0 ||
            !(request = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL))) {
                fprintf(stderr, "%s: no request could be read from standard input.\n",
                        program_invocation_short_name);
                return EXIT_STATUS_USAGE;
        }
        status = run(request, &report);
        json_decref(request);
        report_done(&report);
        return status;
}
