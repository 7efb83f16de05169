/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "log.h"
#include "string-util.h"

/* What is written to standard error from here to said(). */
static int listen_in(int *ret_saved) {
        int fd = memfd_create("stderr", MFD_CLOEXEC);

        assert_true(fd >= 0);
        *ret_saved = dup(STDERR_FILENO);
        assert_true(dup2(fd, STDERR_FILENO) >= 0);
        return fd;
}

static char *said(int fd, int saved) {
        char *text = NULL;

        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        close(saved);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(fd_read_all(fd, 0, &text, NULL), 0);
        close(fd);
        return text;
}

static void test_names(void **state) {
        for (LogTarget t = 0; t < _LOG_TARGET_MAX; t++)
                assert_int_equal(log_target_from_string(log_target_to_string(t)), t);
        assert_int_equal(log_target_from_string("syslog"), _LOG_TARGET_INVALID);
        assert_int_equal(log_target_from_string(NULL), _LOG_TARGET_INVALID);
        assert_null(log_target_to_string(_LOG_TARGET_MAX));

        for (int level = LOG_EMERG; level <= LOG_DEBUG; level++)
                assert_int_equal(log_level_from_string(log_level_to_string(level)), level);
        assert_int_equal(log_level_from_string("7"), LOG_DEBUG);
        assert_int_equal(log_level_from_string("warning"), LOG_WARNING);
        assert_int_equal(log_level_from_string("8"), -EINVAL);
        assert_int_equal(log_level_from_string("warn"), -EINVAL);
        assert_int_equal(log_level_from_string(""), -EINVAL);
        assert_int_equal(log_level_from_string(NULL), -EINVAL);
}

/* Level and target decide what is said; errno is left alone; a message is a line. */
static void test_console(void **state) {
        static const char *const fields[] = { "KERNEL=6.1", NULL };
        _cleanup_free_ char *text = NULL;
        int fd, saved;

        unsetenv("JOURNAL_STREAM");
        fd = listen_in(&saved);
        errno = ENOSPC;
        log_info("one %d", 1);
        log_debug("not this");
        log_set_level(LOG_DEBUG);
        log_debug("now\nthis\tand %s", "\x1b[31mthat");
        log_set_target(LOG_TARGET_NULL);
        log_error("nor this");
        log_set_target(LOG_TARGET_CONSOLE);
        log_full(LOG_ERR, "00000000000000000000000000000000", fields, "with fields");
        assert_int_equal(errno, ENOSPC);
        log_set_level(LOG_INFO);
        log_set_target(LOG_TARGET_AUTO);
        text = said(fd, saved);
        assert_string_equal(text, "one 1\nnow?this?and ?[31mthat\nwith fields\n");
}

/* A level is written where the journal reads it, and only there. */
static void test_prefix(void **state) {
        static const char *const elsewhere[] = { "%llu:0", "0:%llu", "%llu", "x%llu", "" };
        _cleanup_free_ char *text = NULL, *stream = NULL;
        struct stat st;
        int fd, saved;

        log_set_target(LOG_TARGET_CONSOLE);
        fd = listen_in(&saved);
        assert_int_equal(fstat(fd, &st), 0);
        assert_true(asprintf(&stream, "%llu:%llu", (unsigned long long) st.st_dev,
                             (unsigned long long) st.st_ino) > 0);
        setenv("JOURNAL_STREAM", stream, 1);
        log_warning("connected");
        for (size_t i = 0; i < ELEMENTSOF(elsewhere); i++) {
                setenv("JOURNAL_STREAM", elsewhere[i], 1);
                log_warning("elsewhere");
        }
        unsetenv("JOURNAL_STREAM");
        log_set_target(LOG_TARGET_AUTO);
        text = said(fd, saved);
        assert_string_equal(text, "<4>connected\nelsewhere\nelsewhere\nelsewhere\nelsewhere\n"
                                  "elsewhere\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_console),
                cmocka_unit_test(test_prefix),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
