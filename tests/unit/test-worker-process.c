/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Workers as the service has them: how they end, and that the service does not wait for one that it
 * has let go. The workers are scripts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child-signals.h"
#include "fd-util.h"
#include "string-util.h"
#include "job/worker-process.h"

enum { TICK_USEC = 100 * 1000, TICKS = 600 };

typedef struct Fixture {
        char program[40];
        sd_event *event;
        json_t *request;
        char *types, *failure;
        bool ended, hung;
} Fixture;

static void on_report(void *userdata, const char *type, json_t *report) {
        Fixture *f = userdata;
        char *longer = NULL;

        assert_true(str_printf(&longer, "%s%s ", f->types ?: "", type) >= 0);
        free(f->types);
        f->types = longer;
}

static void on_end(void *userdata, const char *failure) {
        Fixture *f = userdata;

        assert_false(f->ended);
        f->ended = true;
        f->failure = failure ? strdup(failure) : NULL;
}

static void on_hung(void *userdata) {
        Fixture *f = userdata;

        f->hung = true;
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        int fd;

        strcpy(f->program, "/tmp/test-worker-process-XXXXXX");
        fd = mkstemp(f->program);
        assert_true(fd >= 0);
        assert_int_equal(fchmod(fd, 0700), 0);
        close(fd);
        assert_int_equal(sd_event_new(&f->event), 0);
        f->request = json_pack("{s:s}", "operation", "none");
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        unlink(f->program);
        sd_event_unref(f->event);
        json_decref(f->request);
        free(f->types);
        free(f->failure);
        free(f);
        return 0;
}

static Worker *start(Fixture *f, const char *script, uint64_t silence_usec) {
        WorkerHandler handler = { on_report, on_end, on_hung, f };
        Worker *w = NULL;
        FILE *file = fopen(f->program, "we");

        assert_non_null(file);
        fprintf(file, "#!/bin/sh\n%s\n", script);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(
                worker_start(&w, f->event, f->program, f->request, -EBADF, silence_usec, &handler), 0);
        return w;
}

static void run_until(Fixture *f, const bool *what) {
        for (unsigned i = 0; i < TICKS && !*what; i++)
                assert_true(sd_event_run(f->event, TICK_USEC) >= 0);
        assert_true(*what);
}

static void test_ends(void **state) {
        static const struct {
                const char *script, *types, *failure;
        } cases[] = {
                { "echo '{\"type\":\"result\"}'", "result ", NULL },
                { "exit 3", NULL, "The worker ended with status 3 and without a result" },
                { "kill -TERM $$", NULL, "The worker was ended by signal 15 (Terminated)" },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Worker *w = start(f, cases[i].script, 0);

                run_until(f, &f->ended);
                assert_false(worker_is_running(w));
                assert_true(streq_ptr(f->types, cases[i].types));
                assert_true(streq_ptr(f->failure, cases[i].failure));
                worker_free(w);
                f->ended = false;
                free(TAKE_PTR(f->types));
                free(TAKE_PTR(f->failure));
        }
}

static void test_hung(void **state) {
        Fixture *f = *state;
        Worker *w = start(f, "exec sleep 600", 50 * 1000);

        run_until(f, &f->ended);
        assert_true(f->hung);
        assert_non_null(strstr(f->failure, "was killed"));
        worker_free(w);
}

/* It may take as long to end as it will: the loop reaps it, and tells nobody. */
static void test_freed(void **state) {
        Fixture *f = *state;
        Worker *w = start(f, "exec sleep 600", 0);
        siginfo_t info = {};
        bool gone = false;

        assert_true(worker_is_running(w));
        worker_free(w);
        for (unsigned i = 0; i < TICKS && !gone; i++) {
                gone = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
                if (!gone)
                        assert_true(sd_event_run(f->event, TICK_USEC) >= 0);
        }
        assert_true(gone);
        assert_false(f->ended);
        assert_false(f->hung);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
                cmocka_unit_test_setup_teardown(test_hung, setup, teardown),
                cmocka_unit_test_setup_teardown(test_freed, setup, teardown),
        };

        set_child_signals();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
