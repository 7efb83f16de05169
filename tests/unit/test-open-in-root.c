/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Both ways of opening a path below a root come to the same file, or to the same error. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "open-in-root.h"
#include "string-util.h"

#define TEMPLATE "/tmp/test-open-in-root.XXXXXX"

static char directory[] = TEMPLATE;

static const struct {
        const char *path, *target; /* no target: a directory with "/" at its end, else a file */
} tree[] = {
        { "root/" },
        { "outside" },
        { "root/file" },
        { "root/usr/" },
        { "root/usr/lib/" },
        { "root/usr/lib/a" },
        { "root/lib", "usr/lib" },
        { "root/absolute", "/usr/lib/a" },
        { "root/up", "../../../../file" },
        { "root/usr/up", "../lib/./a" },
        { "root/out", "/../outside" },
        { "root/dangling", "nowhere/at/all" },
        { "root/loop", "loop" },
        { "root/chain", "lib/" },
        { "root/to-root", "/" },
};

static int setup(void **state) {
        int *root_fd = malloc(sizeof(int));

        if (!root_fd || !mkdtemp(directory) || chdir(directory) < 0)
                return -1;
        for (size_t i = 0; i < ELEMENTSOF(tree); i++) {
                const char *path = tree[i].path;

                if (tree[i].target)
                        assert_int_equal(symlink(tree[i].target, path), 0);
                else if (path[strlen(path) - 1] == '/')
                        assert_int_equal(mkdir(path, 0755), 0);
                else
                        assert_int_equal(file_replace_at(AT_FDCWD, path, path, strlen(path), 0644), 0);
        }
        *root_fd = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        *state = root_fd;
        return *root_fd >= 0 ? 0 : -1;
}

static int teardown(void **state) {
        int *root_fd = *state;

        close(*root_fd);
        free(root_fd);
        for (size_t i = ELEMENTSOF(tree); i > 0; i--)
                (void) remove(tree[i - 1].path);
        return chdir("/") < 0 ? -1 : rmdir(directory);
}

static void check(int root_fd, const char *path, int flags, int expected) {
        _cleanup_close_ int a = -EBADF, b = -EBADF;
        struct stat s, t;

        a = open_in_root(root_fd, path, flags);
        b = open_in_root_by_steps(root_fd, path, flags);
        if (expected < 0 || a < 0 || b < 0) {
                assert_int_equal(b, a);
                assert_int_equal(a, expected);
                return;
        }
        assert_int_equal(fstat(a, &s), 0);
        assert_int_equal(fstat(b, &t), 0);
        assert_int_equal(s.st_ino, t.st_ino);
        assert_int_equal(s.st_mode, t.st_mode);
        assert_int_equal(fcntl(b, F_GETFD), FD_CLOEXEC);
}

static void test_same(void **state) {
        static const struct {
                const char *path;
                int flags, expected;
        } cases[] = {
                { "/file", O_RDONLY, 0 },
                { "file", O_RDONLY, 0 },
                { "//usr//lib///a", O_RDONLY, 0 },
                { "/lib/a", O_RDONLY, 0 },
                { "/absolute", O_RDONLY, 0 },
                { "/up", O_RDONLY, 0 },
                { "/usr/up", O_RDONLY, 0 },
                { "/usr/lib/../../lib/../lib/a", O_RDONLY, 0 },
                { "/../../..", O_RDONLY, 0 },
                { "/", O_RDONLY | O_DIRECTORY, 0 },
                { ".", O_PATH, 0 },
                { "/to-root/usr/up", O_RDONLY, 0 },
                { "/chain/a", O_RDONLY, 0 },
                { "/chain", O_RDONLY | O_DIRECTORY, 0 },
                { "/lib/", O_RDONLY, 0 },
                { "/lib", O_PATH, 0 },
                /* What isn't followed at the end is followed on the way. */
                { "/lib", O_PATH | O_NOFOLLOW, 0 },
                { "/lib/a", O_PATH | O_NOFOLLOW, 0 },
                { "/dangling", O_PATH | O_NOFOLLOW, 0 },
                { "/lib", O_RDONLY | O_NOFOLLOW, -ELOOP },
                /* Beneath the root there is no such file, though outside there is. */
                { "/out", O_RDONLY, -ENOENT },
                { "/../outside", O_RDONLY, -ENOENT },
                { "/dangling", O_RDONLY, -ENOENT },
                { "/nowhere", O_PATH, -ENOENT },
                { "", O_RDONLY, -ENOENT },
                { "/loop", O_RDONLY, -ELOOP },
                { "/loop/x", O_RDONLY, -ELOOP },
                { "/file/x", O_RDONLY, -ENOTDIR },
                { "/file/", O_RDONLY, -ENOTDIR },
                { "/file/..", O_RDONLY, -ENOTDIR },
                { "/file", O_RDONLY | O_DIRECTORY, -ENOTDIR },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                print_message("%s, %o\n", cases[i].path, (unsigned) cases[i].flags);
                check(*(int *) *state, cases[i].path, cases[i].flags, cases[i].expected);
        }
}

static void test_long(void **state) {
        char path[8192];

        memset(path, 'x', sizeof(path));
        path[300] = '\0';
        check(*(int *) *state, path, O_RDONLY, -ENAMETOOLONG);
        path[300] = 'x';
        for (size_t i = 0; i < sizeof(path); i += 2)
                path[i] = '/';
        path[sizeof(path) - 1] = '\0';
        check(*(int *) *state, path, O_RDONLY, -ENAMETOOLONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same),
                cmocka_unit_test(test_long),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
