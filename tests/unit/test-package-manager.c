/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "package-manager.h"
#include "path-util.h"

typedef struct Fixture {
        char root[32];
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        strcpy(f->root, "/tmp/test-locks-XXXXXX");
        assert_non_null(mkdtemp(f->root));
        *state = f;
        return 0;
}

static int teardown(void **state) {
        _cleanup_free_ Fixture *f = *state;
        char command[64];

        snprintf(command, sizeof(command), "rm -rf '%s'", f->root);
        return system(command);
}

static void make_file(const char *root, const char *path) {
        _cleanup_free_ char *whole = path_join(root, path), *directory = path_dirname(whole);
        _cleanup_close_ int fd = -EBADF;

        assert_int_equal(mkdir_parents(directory, 0755), 0);
        fd = open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        assert_true(fd >= 0);
}

/* A process that holds the lock when this returns, until it is killed. */
static pid_t hold(const char *root, const char *path, short type) {
        _cleanup_free_ char *whole = path_join(root, path);
        int ready[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
                int fd = open(whole, O_RDWR | O_CLOEXEC);

                if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(ready[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        return pid;
}

static void let_go(pid_t pid) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A lock file alone means nothing; one that a process holds means that it works. */
static void test_locks(void **state) {
        static const struct {
                const char *path, *who;
        } cases[] = {
                { "var/lib/dpkg/lock", "dpkg" },
                { "var/lib/dpkg/lock-frontend", "dpkg" },
                { "var/lib/rpm/.rpm.lock", "rpm" },
                { "usr/lib/sysimage/rpm/.rpm.lock", "rpm" },
        };
        Fixture *f = *state;

        assert_int_equal(package_manager_busy(f->root, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *who = NULL;
                pid_t pid;

                make_file(f->root, cases[i].path);
                assert_int_equal(package_manager_busy(f->root, &who), 0);
                assert_null(who);

                pid = hold(f->root, cases[i].path, F_WRLCK);
                assert_int_equal(package_manager_busy(f->root, &who), 1);
                assert_string_equal(who, cases[i].who);
                let_go(pid);
                assert_int_equal(package_manager_busy(f->root, &who), 0);

                /* Who only reads changes nothing. */
                pid = hold(f->root, cases[i].path, F_RDLCK);
                assert_int_equal(package_manager_busy(f->root, &who), 0);
                let_go(pid);
        }
}

static void test_presence(void **state) {
        Fixture *f = *state;
        const char *who;

        make_file(f->root, "var/lib/pacman/db.lck");
        assert_int_equal(package_manager_busy(f->root, &who), 1);
        assert_string_equal(who, "pacman");
}

/* Links are those of the root; what isn't a file does not stop anybody. */
static void test_strange_roots(void **state) {
        Fixture *f = *state;
        _cleanup_free_ char *var = path_join(f->root, "var"), *data = path_join(f->root, "data"),
                            *lock = path_join(f->root, "data/lib/dpkg/lock");
        pid_t pid;

        make_file(f->root, "data/lib/dpkg/lock-frontend");
        assert_int_equal(symlink("/data", var), 0);
        assert_int_equal(mkfifo(lock, 0600), 0);
        assert_int_equal(package_manager_busy(f->root, NULL), 0);
        pid = hold(f->root, "data/lib/dpkg/lock-frontend", F_WRLCK);
        assert_int_equal(package_manager_busy(f->root, NULL), 1);
        let_go(pid);

        assert_int_equal(unlink(var), 0);
        make_file(f->root, "var");
        assert_int_equal(package_manager_busy(f->root, NULL), 0);
        assert_int_equal(unlink(var), 0);
        assert_int_equal(symlink("var", var), 0);
        assert_int_equal(package_manager_busy(f->root, NULL), -ELOOP);
        assert_int_equal(package_manager_busy(data, NULL), 0);
        assert_int_equal(package_manager_busy("/tmp/no/such/root", NULL), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
                cmocka_unit_test_setup_teardown(test_presence, setup, teardown),
                cmocka_unit_test_setup_teardown(test_strange_roots, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
