/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For tests of what is configured: a tree below a temporary directory with a few files in it, and a
 * Report that writes down what it was told, a "PATH:LINE: MESSAGE" each line. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "report.h"
#include "source/source.h"
#include "source/trace.h"
#include "string-util.h"

typedef struct ConfTree {
        char path[64];
        int fd;
} ConfTree;

static inline int conf_tree_setup(void **state) {
        ConfTree *t = calloc(1, sizeof(ConfTree));

        strcpy(t->path, "/tmp/test-conf-XXXXXX");
        if (!mkdtemp(t->path))
                return -1;
        t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = t;
        return 0;
}

static inline int conf_tree_remove_one(const char *path, const struct stat *st, int type,
                                       struct FTW *ftw) {
        return remove(path);
}

static inline int conf_tree_teardown(void **state) {
        ConfTree *t = *state;

        close(t->fd);
        nftw(t->path, conf_tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(t);
        return 0;
}

static inline void conf_tree_parents(ConfTree *t, const char *path) {
        for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
                _cleanup_free_ char *directory = strndup(path, (size_t) (slash - path));

                if (mkdirat(t->fd, directory, 0755) < 0)
                        assert_int_equal(errno, EEXIST);
        }
}

/* `path` without a slash at its beginning. */
static inline void conf_tree_put(ConfTree *t, const char *path, const char *content) {
        _cleanup_close_ int fd = -EBADF;

        conf_tree_parents(t, path);
        fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, content, strlen(content)), 0);
}

static inline void conf_tree_link(ConfTree *t, const char *path, const char *target) {
        conf_tree_parents(t, path);
        assert_int_equal(symlinkat(target, t->fd, path), 0);
}

/* A Source that has seen nothing yet. */
static inline Source *conf_tree_source(ConfTree *t) {
        Source *source;

        assert_int_equal(source_new(&source, t->path), 0);
        return source;
}

static inline int conf_tree_age_one(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw) {
        struct timespec ts[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

        return utimensat(AT_FDCWD, path, ts, AT_SYMLINK_NOFOLLOW);
}

/* Makes files old enough for a trace to believe their times. */
static inline void conf_tree_settle(ConfTree *t) {
        nftw(t->path, conf_tree_age_one, 16, FTW_PHYS);
        usleep(150 * 1000); /* ctime can't be set: let it become old */
}

/* Whether a trace still holds, for a program that starts now. */
static inline int conf_tree_check(ConfTree *t, const Trace *trace) {
        _cleanup_(source_freep) Source *source = conf_tree_source(t);
        _cleanup_(trace_freep) Trace *copy = NULL;

        assert_int_equal(trace_new(&copy), 0);
        assert_int_equal(trace_merge(copy, trace), 0);
        return trace_check(copy, source, NULL, NULL);
}

typedef struct Told {
        Report report;
        char text[4096]; /* of warnings */
} Told;

static inline void told_warning(void *userdata, const char *path, unsigned line,
                                const char *message) {
        Told *told = userdata;
        size_t n = strlen(told->text);

        snprintf(told->text + n, sizeof(told->text) - n, "%s:%u: %s\n", path ?: "-", line, message);
}

static inline void told_init(Told *told) {
        *told = (Told) { .report = { .on_warning = told_warning } };
        told->report.userdata = told;
}

static inline void told_done(Told *told) {
        report_done(&told->report);
}
#define _cleanup_told_ _cleanup_(told_done)

/* Nothing was said at all. */
static inline void told_nothing(const Told *told) {
        assert_string_equal(told->text, "");
        assert_null(told->report.failure.message);
}

static inline void told_failure(const Told *told, const char *path, unsigned line,
                                const char *message) {
        const Failure *f = &told->report.failure;

        assert_non_null(f->message);
        assert_string_equal(f->message, message);
        assert_int_equal(f->kind, FAILURE_CONFIG_INVALID);
        assert_int_equal(f->line, line);
        assert_true(streq_ptr(f->path, path));
}
