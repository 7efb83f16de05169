/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "conf-tree.h"
#include "image/target.h"
#include "path-util.h"
#include "scratch-mount.h"

#define NEW "boot/.image.initrdd-new"

static Target *open_target(ConfTree *t) {
        _cleanup_free_ char *path = path_join(t->path, "boot/image");
        _cleanup_told_ Told told;
        Target *target;

        told_init(&told);
        assert_int_equal(target_open(&target, &told.report, "/", path), 0);
        told_nothing(&told);
        return target;
}

static bool is_there(ConfTree *t, const char *path) {
        return faccessat(t->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* NULL: not there. */
static void assert_content(ConfTree *t, const char *path, const char *content) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        if (!content)
                assert_false(is_there(t, path));
        else {
                assert_int_equal(file_read_at(t->fd, path, 0, &data, &size), 0);
                assert_string_equal(data, content);
        }
}

/* A whole replacement by `content`. */
static int replace(Target *target, Report *report, const char *content) {
        size_t size = strlen(content);
        TargetMark marks[2] = { { .offset = 0 }, { .offset = size - 4 } };
        int r;

        memcpy(marks[0].magic, content, 4);
        memcpy(marks[1].magic, content + size - 4, 4);
        r = target_begin(target, report, size);
        if (r < 0)
                return r;
        assert_int_equal(fd_write_all(target_fd(target), content, size), 0);
        return target_commit(target, report, size, marks, 2);
}

/* Each image takes the place of the one before it, which stays as ".old". */
static void test_replace(void **state) {
        static const char *const images[] = { "first image", "second image", "third image" };
        ConfTree *t = *state;

        conf_tree_put(t, "boot/other", "somebody's");
        for (size_t i = 0; i < ELEMENTSOF(images); i++) {
                _cleanup_(target_freep) Target *target = open_target(t);
                _cleanup_told_ Told told;
                struct stat st;

                told_init(&told);
                assert_int_equal(target_stat(target, &st), i > 0);
                if (i > 0)
                        assert_int_equal(st.st_size, strlen(images[i - 1]));
                assert_int_equal(replace(target, &told.report, images[i]), 0);
                assert_content(t, "boot/image", images[i]);
                assert_content(t, "boot/image.old", i > 0 ? images[i - 1] : NULL);
                assert_content(t, NEW, NULL);
                assert_int_equal(target_stat(target, &st), 1);
                assert_int_equal(st.st_mode & 07777, 0600);
                told_nothing(&told);
        }
        assert_content(t, "boot/other", "somebody's");
}

/* What is in the way of the old image under its other name: it goes, or the old image does. */
static void test_old_in_the_way(void **state) {
        ConfTree *t = *state;
        struct stat st;

        conf_tree_put(t, "boot/image", "old image");
        conf_tree_put(t, "boot/image.old/file", "a directory");
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(target_freep) Target *target = open_target(t);
                _cleanup_told_ Told told;

                told_init(&told);
                assert_int_equal(replace(target, &told.report, "new image"), 0);
                assert_content(t, "boot/image", "new image");
                assert_content(t, NEW, NULL);
        }
        assert_int_equal(fstatat(t->fd, "boot/image.old", &st, 0), 0);
        assert_true(S_ISDIR(st.st_mode));
}

/* A link is replaced, not what it leads to. */
static void test_link(void **state) {
        ConfTree *t = *state;
        _cleanup_(target_freep) Target *target = NULL;
        _cleanup_told_ Told told;
        struct stat st;

        told_init(&told);
        conf_tree_put(t, "elsewhere", "precious");
        conf_tree_link(t, "boot/image", "../elsewhere");
        target = open_target(t);
        assert_int_equal(replace(target, &told.report, "new image"), 0);
        assert_int_equal(target_stat(target, &st), 1);
        assert_true(S_ISREG(st.st_mode));
        assert_content(t, "elsewhere", "precious");
}

/* Whoever gives up leaves the old image and nothing else. */
static void test_give_up(void **state) {
        ConfTree *t = *state;
        Target *target;

        conf_tree_put(t, "boot/image", "old image");
        for (unsigned begun = 0; begun < 2; begun++) {
                _cleanup_told_ Told told;

                told_init(&told);
                target = open_target(t);
                if (begun) {
                        assert_int_equal(target_begin(target, &told.report, 3), 0);
                        assert_int_equal(fd_write_all(target_fd(target), "new", 3), 0);
                }
                assert_null(target_free(target));
                assert_content(t, "boot/image", "old image");
                assert_content(t, "boot/image.old", NULL);
                assert_content(t, NEW, NULL);
        }
        assert_null(target_free(NULL));
}

/* What a killed build left under the hidden name goes first. */
static void test_stale(void **state) {
        ConfTree *t = *state;
        _cleanup_(target_freep) Target *target = NULL;

        conf_tree_put(t, "boot/image", "old image");
        conf_tree_put(t, NEW, "half an im");
        target = open_target(t);
        assert_content(t, NEW, NULL);
        assert_content(t, "boot/image", "old image");
}

/* What is not whole, or not what was written, does not take the place of the old one. */
static void test_read_back(void **state) {
        static const struct {
                uint64_t size;
                TargetMark mark;
                FailureKind kind;
        } cases[] = {
                { 9, { .offset = 4, .magic = "imag" }, FAILURE_NONE },
                { 8, { .offset = 4, .magic = "imag" }, FAILURE_VERIFY_FAILED },
                { 10, { .offset = 4, .magic = "imag" }, FAILURE_VERIFY_FAILED },
                { 9, { .offset = 4, .magic = "IMAG" }, FAILURE_VERIFY_FAILED },
                { 9, { .offset = 3, .magic = "imag" }, FAILURE_VERIFY_FAILED },
                { 9, { .offset = 6, .magic = "age" }, FAILURE_VERIFY_FAILED },
                { 9, { .offset = 4096, .magic = "imag" }, FAILURE_VERIFY_FAILED },
        };
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                Target *target;
                int r;

                told_init(&told);
                conf_tree_put(t, "boot/image", "old image");
                target = open_target(t);
                assert_int_equal(target_begin(target, &told.report, 9), 0);
                assert_int_equal(fd_write_all(target_fd(target), "new image", 9), 0);
                r = target_commit(target, &told.report, cases[i].size, &cases[i].mark, 1);
                target_free(target);
                assert_int_equal(r, cases[i].kind == FAILURE_NONE ? 0 : -EIO);
                assert_int_equal(told.report.failure.kind, cases[i].kind);
                assert_content(t, "boot/image",
                               cases[i].kind == FAILURE_NONE ? "new image" : "old image");
                assert_content(t, NEW, NULL);
        }
}

/* Why an image can't go there. */
static void test_errors(void **state) {
        static const struct {
                const char *path;
                int r;
                FailureKind kind;
        } cases[] = {
                { "missing/image", -ENOENT, FAILURE_BUILD_FAILED },
                { "file/image", -ENOTDIR, FAILURE_BUILD_FAILED },
                { "directory", -EISDIR, FAILURE_BUILD_FAILED },
                { "directory/", -EINVAL, FAILURE_CONFIG_INVALID },
                { "directory/..", -EINVAL, FAILURE_CONFIG_INVALID },
                { "secret/image", -EACCES, FAILURE_NOT_PERMITTED },
                { "leftover/image", -EACCES, FAILURE_NOT_PERMITTED },
                { "hidden/image", -EISDIR, FAILURE_BUILD_FAILED },
        };
        ConfTree *t = *state;
        char lengthy[300] = "directory/";

        conf_tree_put(t, "file", "");
        conf_tree_put(t, "directory/x", "");
        conf_tree_put(t, "secret/x", "");
        conf_tree_put(t, "leftover/.image.initrdd-new", "");
        conf_tree_put(t, "hidden/.image.initrdd-new/x", "");
        assert_int_equal(chmod(t->path, 0755), 0);
        assert_int_equal(fchmodat(t->fd, "hidden", 0777, 0), 0);
        assert_int_equal(fchmodat(t->fd, "secret", 0, 0), 0);
        assert_int_equal(fchmodat(t->fd, "leftover", 0555, 0), 0);
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = path_join(t->path, cases[i].path);
                _cleanup_(target_freep) Target *target = NULL;
                _cleanup_told_ Told told;

                told_init(&told);
                assert_int_equal(target_open(&target, &told.report, "/", path), cases[i].r);
                assert_int_equal(told.report.failure.kind, cases[i].kind);
                assert_non_null(told.report.failure.path);
        }
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(fchmodat(t->fd, "secret", 0755, 0), 0);
        assert_int_equal(fchmodat(t->fd, "leftover", 0755, 0), 0);

        memset(lengthy + 10, 'x', 245);
        for (unsigned one = 255; one <= 256; one++) {
                _cleanup_(target_freep) Target *target = NULL;
                _cleanup_free_ char *path = NULL;
                _cleanup_told_ Told told;

                /* The hidden name is 13 bytes longer. */
                lengthy[one - 3] = '\0';
                path = path_join(t->path, lengthy);
                told_init(&told);
                assert_int_equal(target_open(&target, &told.report, "/", path), one == 255 ? 0 : -EINVAL);
                lengthy[one - 3] = 'x';
        }
}

/* Nobody builds there but us: said when the file is to be made, if not before. */
static void test_not_writable(void **state) {
        ConfTree *t = *state;
        Target *target;
        Told told;
        int r;

        told_init(&told);
        conf_tree_put(t, "boot/image", "old image");
        target = open_target(t);
        assert_int_equal(fchmodat(t->fd, "boot", 0555, 0), 0);
        assert_int_equal(chmod(t->path, 0755), 0);
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
        r = target_begin(target, &told.report, 9);
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(fchmodat(t->fd, "boot", 0755, 0), 0);
        assert_int_equal(r, -EACCES);
        assert_int_equal(told.report.failure.kind, FAILURE_NOT_PERMITTED);
        target_free(target);
        told_done(&told);
}

/* Absolute links are of the root, not of the machine that builds. */
static void test_root(void **state) {
        static const struct {
                const char *path;
                int r;
        } cases[] = {
                { "/boot/image", 0 },
                { "/link/image", 0 },
                { "/upwards/image", 0 },
                { "/tmp/image", -ENOENT }, /* where the machine has one */
                { "/../../boot/image", 0 },
        };
        ConfTree *t = *state;

        conf_tree_put(t, "boot/x", "");
        conf_tree_link(t, "link", "/boot");
        conf_tree_link(t, "upwards", "../../../../boot");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(target_freep) Target *target = NULL;
                _cleanup_told_ Told told;

                told_init(&told);
                assert_int_equal(target_open(&target, &told.report, t->path, cases[i].path),
                                 cases[i].r);
                if (cases[i].r < 0) {
                        /* Which directory it is, is told as the running system has it. */
                        assert_true(path_below(told.report.failure.path, t->path));
                        continue;
                }
                assert_int_equal(replace(target, &told.report, "new image"), 0);
                assert_content(t, "boot/image", "new image");
                assert_int_equal(unlinkat(t->fd, "boot/image", 0), 0);
        }
}

static int lock_fd = -EBADF;

static void unlock(int signal) {
        flock(lock_fd, LOCK_UN);
}

#define LOCK "boot/.initrdd-lock"

/* One builds there at a time; the other waits, also across a signal. */
static void test_lock(void **state) {
        struct sigaction action = { .sa_handler = unlock }, before;
        struct itimerval timer = { .it_value.tv_usec = 50 * 1000 };
        _cleanup_free_ char *path = NULL;
        ConfTree *t = *state;
        Target *target;

        path = path_join(t->path, "boot/image");
        conf_tree_put(t, "boot/x", "");
        target = open_target(t);
        lock_fd = openat(t->fd, LOCK, O_RDWR | O_CLOEXEC);
        assert_int_equal(flock(lock_fd, LOCK_EX | LOCK_NB), -1);
        conf_tree_put(t, NEW, "of a build that is at work");
        target_sweep("/", path);
        assert_true(is_there(t, NEW));
        target_free(target);
        assert_false(is_there(t, LOCK));
        close(lock_fd);

        /* What a crash has left is taken, and goes. */
        conf_tree_put(t, LOCK, "");
        lock_fd = openat(t->fd, LOCK, O_RDWR | O_CLOEXEC);
        assert_int_equal(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
        assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
        target = open_target(t);
        assert_true(target_waited(target));
        assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
        target_free(target);
        assert_false(is_there(t, LOCK));
        close(lock_fd);
        conf_tree_put(t, LOCK, "");
        conf_tree_put(t, NEW, "x");
        target_sweep("/", path);
        assert_false(is_there(t, LOCK));
        assert_false(is_there(t, NEW));
        conf_tree_put(t, LOCK, "");
        target_sweep("/", path);
        assert_false(is_there(t, LOCK));
}

/* Who may only read the directory can't make others wait. */
static void test_lock_of_readers(void **state) {
        ConfTree *t = *state;
        Target *target;

        conf_tree_put(t, "boot/x", "");
        lock_fd = openat(t->fd, "boot", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
        target = open_target(t);
        assert_false(target_waited(target));
        {
                struct stat st;

                assert_int_equal(fstatat(t->fd, LOCK, &st, AT_SYMLINK_NOFOLLOW), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
        }
        target_free(target);
        close(lock_fd);
}

/* What somebody else has put under the hidden name is not installed. */
static void test_not_ours(void **state) {
        ConfTree *t = *state;
        _cleanup_(target_freep) Target *target = NULL;
        TargetMark mark = { .magic = "new " };
        _cleanup_told_ Told told;

        told_init(&told);
        conf_tree_put(t, "boot/image", "old image");
        target = open_target(t);
        assert_int_equal(target_begin(target, &told.report, 9), 0);
        assert_int_equal(fd_write_all(target_fd(target), "new image", 9), 0);
        assert_int_equal(unlinkat(t->fd, NEW, 0), 0);
        assert_int_equal(target_commit(target, &told.report, 9, &mark, 1), -ESTALE);
        report_done(&told.report);

        target_free(TAKE_PTR(target));
        target = open_target(t);
        assert_int_equal(target_begin(target, &told.report, 9), 0);
        assert_int_equal(fd_write_all(target_fd(target), "new image", 9), 0);
        assert_int_equal(unlinkat(t->fd, NEW, 0), 0);
        conf_tree_put(t, NEW, "half of another");
        assert_int_equal(target_commit(target, &told.report, 9, &mark, 1), -ESTALE);
        assert_non_null(strstr(told.report.failure.message, "Another program"));
        target_free(TAKE_PTR(target));
        assert_content(t, "boot/image", "old image");
        assert_content(t, NEW, "half of another");
}

static void write_image(Target *target, Report *report, size_t size) {
        _cleanup_free_ char *bytes = calloc(1, size);
        TargetMark mark = {};

        assert_int_equal(target_begin(target, report, size), 0);
        assert_int_equal(fd_write_all(target_fd(target), bytes, size), 0);
        assert_int_equal(target_commit(target, report, size, &mark, 1), 0);
}

/* Where there is no room for old and new, it says so before a byte is written; an older image still
 * is given up if that is enough, and not otherwise. */
static void test_no_space(void **state) {
        enum { KIB = 1024 };
        static const struct {
                const char *options;
                size_t old, image, size; /* of what is there and of the new one; 0: none */
                int r;
                bool keeps_old; /* what was .old is still there before the image is installed */
                bool has_old; /* something is .old at the end */
        } cases[] = {
                { "size=1000k", 0, 0, 300 * KIB, 0, false, false },
                { "size=380k", 0, 0, 300 * KIB, -ENOSPC, false, false },
                { "size=1200k", 0, 200 * KIB, 300 * KIB, 0, false, true },
                /* Room for it, but not for the next one beside both. */
                { "size=800k", 0, 200 * KIB, 300 * KIB, 0, false, false },
                { "size=800k", 300 * KIB, 200 * KIB, 300 * KIB, 0, false, false },
                { "size=560k", 100 * KIB, 200 * KIB, 300 * KIB, -ENOSPC, true, true },
        };

        scratch_or_skip();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                static char zeros[300 * KIB];
                ConfTree *t = NULL;
                char *path;
                Told told;
                Target *target;

                assert_int_equal(conf_tree_setup((void **) &t), 0);
                told_init(&told);
                path = path_join(t->path, "boot");
                assert_int_equal(mkdirat(t->fd, "boot", 0755), 0);
                scratch_mount(path, cases[i].options);
                if (cases[i].old > 0) {
                        conf_tree_put(t, "boot/image.old", "");
                        assert_int_equal(file_replace_at(t->fd, "boot/image.old", zeros,
                                                         cases[i].old, 0600),
                                         0);
                }
                if (cases[i].image > 0)
                        assert_int_equal(file_replace_at(t->fd, "boot/image", zeros,
                                                         cases[i].image, 0600),
                                         0);
                target = open_target(t);
                if (cases[i].r < 0) {
                        assert_false(target_has_room(target, cases[i].size));
                        assert_int_equal(target_begin(target, &told.report, cases[i].size),
                                         cases[i].r);
                        assert_int_equal(told.report.failure.kind, FAILURE_NO_SPACE);
                        assert_int_equal(is_there(t, "boot/image.old"), cases[i].keeps_old);
                } else {
                        write_image(target, &told.report, cases[i].size);
                        told_nothing(&told);
                }
                assert_int_equal(is_there(t, "boot/image.old"), cases[i].has_old);
                assert_int_equal(is_there(t, "boot/image"), cases[i].image > 0 || cases[i].r >= 0);
                assert_false(is_there(t, NEW));
                target_free(target);
                told_done(&told);
                scratch_umount(path);
                free(path);
                conf_tree_teardown((void **) &t);
        }
}

/* A boot partition that is read-only is told from one that isn't ours. */
static void read_only(ConfTree *t) {
        _cleanup_free_ char *path = path_join(t->path, "boot");
        _cleanup_free_ char *image = path_join(path, "image");
        _cleanup_(target_freep) Target *target = NULL;
        _cleanup_told_ Told told;

        told_init(&told);
        assert_int_equal(mkdirat(t->fd, "boot", 0755), 0);
        scratch_mount(path, "size=64k");
        scratch_read_only(path, true);
        assert_int_equal(target_open(&target, &told.report, "/", image), -EROFS);
        assert_int_equal(told.report.failure.kind, FAILURE_READ_ONLY_BOOT);
        scratch_umount(path);
}

static void test_read_only(void **state) {
        scratch_or_skip();
        read_only(*state);
}

/* What a failed write means. */
static void test_write_failed(void **state) {
        static const struct {
                int error;
                FailureKind kind;
        } cases[] = {
                { -ENOSPC, FAILURE_NO_SPACE },
                { -EDQUOT, FAILURE_NO_SPACE },
                { -EIO, FAILURE_BUILD_FAILED },
                { -EFBIG, FAILURE_BUILD_FAILED },
        };
        ConfTree *t = *state;
        _cleanup_(target_freep) Target *target = NULL;

        conf_tree_put(t, "boot/image", "old image");
        target = open_target(t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;

                told_init(&told);
                assert_int_equal(target_write_failed(target, &told.report, cases[i].error),
                                 cases[i].error);
                assert_int_equal(told.report.failure.kind, cases[i].kind);
        }
}

static int boot_setup(void **state) {
        int r = conf_tree_setup(state);

        if (r >= 0)
                conf_tree_put(*state, "boot/readme", "");
        return r;
}

int main(void) {
#define IN_TREE(f) cmocka_unit_test_setup_teardown(f, conf_tree_setup, conf_tree_teardown)
#define WITH_BOOT(f) cmocka_unit_test_setup_teardown(f, boot_setup, conf_tree_teardown)
        static const struct CMUnitTest tests[] = {
                WITH_BOOT(test_replace),    WITH_BOOT(test_old_in_the_way),
                WITH_BOOT(test_link),       WITH_BOOT(test_give_up),
                WITH_BOOT(test_stale),      WITH_BOOT(test_read_back),
                IN_TREE(test_errors),       WITH_BOOT(test_not_writable),
                IN_TREE(test_root),         WITH_BOOT(test_lock), WITH_BOOT(test_lock_of_readers), IN_TREE(test_not_ours),
                cmocka_unit_test(test_no_space), IN_TREE(test_read_only),
                WITH_BOOT(test_write_failed),
        };

        scratch_begin();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
