/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "report.h"

/* The first failure stays, with the stage where it was; what comes after is its consequence. */
static void test_first_failure(void **state) {
        Report report = {};

        report_progress(&report, STAGE_PACK, 40, NULL);
        assert_int_equal(report_fail(&report, FAILURE_NO_SPACE, -ENOSPC, "/boot", 7, "No %s", "room"),
                         -ENOSPC);
        report_progress(&report, STAGE_INSTALL, 90, NULL);
        assert_int_equal(report_fail(&report, FAILURE_BUILD_FAILED, -EIO, "/other", 1, "x"), -EIO);
        assert_int_equal(report_oom(&report), -ENOMEM);
        assert_int_equal(report.failure.kind, FAILURE_NO_SPACE);
        assert_int_equal(report.failure.error, -ENOSPC);
        assert_int_equal(report.failure.stage, STAGE_PACK);
        assert_int_equal(report.failure.line, 7);
        assert_string_equal(report.failure.path, "/boot");
        assert_string_equal(report.failure.message, "No room");

        report_done(&report);
        report_done(&report);
        assert_int_equal(report.failure.kind, FAILURE_NONE);
        assert_int_equal(report_oom(&report), -ENOMEM);
        assert_string_equal(report.failure.message, "Out of memory");
        assert_null(report.failure.path);
        assert_int_equal(report.failure.stage, STAGE_INSTALL);
        report_done(&report);
}

typedef struct Heard {
        char warning[128];
        unsigned percent;
        Stage stage;
} Heard;

static void on_warning(void *userdata, const char *path, unsigned line, const char *message) {
        Heard *heard = userdata;

        snprintf(heard->warning, sizeof(heard->warning), "%s:%u: %s", path ?: "-", line, message);
}

static void on_progress(void *userdata, Stage stage, unsigned percent, const char *what) {
        Heard *heard = userdata;

        heard->stage = stage;
        heard->percent = percent;
}

/* Warnings and progress reach who listens, and nobody need. */
static void test_listening(void **state) {
        Heard heard = {};
        Report deaf = {}, report = { .on_warning = on_warning, .on_progress = on_progress };

        report.userdata = &heard;
        report_warn(&deaf, "/x", 1, "%d", 1);
        assert_int_equal(deaf.n_warnings, 1);
        report_progress(&deaf, STAGE_VERIFY, 1, "what");
        assert_int_equal(deaf.stage, STAGE_VERIFY);

        report_warn(&report, "/x", 3, "%s is %s", "this", "odd");
        assert_string_equal(heard.warning, "/x:3: this is odd");
        report_warn(&report, NULL, 0, "that");
        assert_string_equal(heard.warning, "-:0: that");
        assert_int_equal(report.n_warnings, 2);
        report_progress(&report, STAGE_COLLECT, 12, NULL);
        assert_int_equal(heard.stage, STAGE_COLLECT);
        assert_int_equal(heard.percent, 12);
        assert_null(report.failure.message);
}

/* What a person is told is one line, whatever name a file has. */
static void test_one_line(void **state) {
        Heard heard = {};
        Report report = { .on_warning = on_warning };

        report.userdata = &heard;
        report_warn(&report, NULL, 0, "%s", "a\nb");
        assert_null(strchr(heard.warning, '\n'));
        report_fail(&report, FAILURE_BUILD_FAILED, -EIO, NULL, 0, "a\nb\n");
        assert_null(strchr(report.failure.message, '\n'));
        report_done(&report);
}

/* Names of stages; of failures, there and back; each failure has an exit status. */
static void test_names(void **state) {
        for (Stage s = 0; s < _STAGE_MAX; s++)
                assert_non_null(stage_to_string(s));
        assert_null(stage_to_string(_STAGE_MAX));
        assert_null(stage_to_string(_STAGE_INVALID));

        for (FailureKind k = 0; k < _FAILURE_MAX; k++) {
                assert_int_equal(failure_kind_from_string(failure_kind_to_string(k)), k);
                assert_int_equal(failure_kind_to_exit_status(k) == EXIT_STATUS_DONE,
                                 k == FAILURE_NONE);
        }
        assert_null(failure_kind_to_string(_FAILURE_MAX));
        assert_null(failure_kind_to_string(_FAILURE_INVALID));
        assert_int_equal(failure_kind_from_string("nospace"), _FAILURE_INVALID);
        assert_int_equal(failure_kind_to_exit_status(_FAILURE_INVALID), EXIT_STATUS_FAILED);
        assert_int_equal(failure_kind_to_exit_status(FAILURE_NO_SPACE), EXIT_STATUS_NO_SPACE);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first_failure),
                cmocka_unit_test(test_listening),
                cmocka_unit_test(test_one_line),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
