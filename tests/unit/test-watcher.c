/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The real program and real directories. Nothing sleeps: the loop runs until what must come came. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child-signals.h"
#include "fd-util.h"
#include "log.h"
#include "path-util.h"
#include "string-util.h"
#include "watch/watch-line.h"
#include "watch/watcher.h"

enum { DEADLINE_SEC = 60 };

typedef struct Fixture {
        char root[32];
        sd_event *event;
        sd_event_source *deadline;
        Watcher *watcher;
        unsigned n[WATCH_READY + 1];
        unsigned n_none;
        char **changed; /* PATH:NAME without the root, as they came */
        char **set_on_change; /* what the handler sets, once */
} Fixture;

static void on_watch(void *userdata, WatchEvent event, const char *directory, const char *name) {
        Fixture *f = userdata;

        f->n[event]++;
        if (event == WATCH_CHANGED) {
                char *line = NULL;

                assert_non_null(startswith(directory, f->root));
                assert_true(asprintf(&line, "%s:%s", directory + strlen(f->root), name) > 0);
                assert_int_equal(strv_consume(&f->changed, line), 0);
                if (f->set_on_change) {
                        char **set = TAKE_PTR(f->set_on_change);

                        assert_int_equal(watcher_set(f->watcher, set), 1);
                        strv_free(set);
                }
        } else {
                assert_null(directory);
                assert_null(name);
        }
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Fixture *f = userdata;

        STRV_FOREACH(s, f->changed)
                print_message("%s\n", *s);
        fail_msg("%s", "nothing came in time, but the above");
        return 0;
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        strcpy(f->root, "/tmp/test-watcher-XXXXXX");
        assert_non_null(mkdtemp(f->root));
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_true(sd_event_add_time_relative(f->event, &f->deadline, CLOCK_MONOTONIC,
                                               DEADLINE_SEC * UINT64_C(1000000), 0, on_deadline,
                                               f) >= 0);
        assert_int_equal(watcher_new(&f->watcher, f->event, WATCH, on_watch, f), 0);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        _cleanup_free_ Fixture *f = *state;
        char command[64];

        watcher_free(f->watcher);
        /* Nothing is left behind. */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        sd_event_source_disable_unref(f->deadline);
        sd_event_unref(f->event);
        strv_free(f->changed);
        strv_free(f->set_on_change);
        snprintf(command, sizeof(command), "rm -rf '%s'", f->root);
        return system(command);
}

static void run_until(Fixture *f, const unsigned *counter, unsigned n) {
        while (*counter < n)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void run_until_changed(Fixture *f, const char *what) {
        while (!strv_contains(f->changed, what))
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void forget(Fixture *f) {
        f->changed = strv_free(f->changed);
        memset(f->n, 0, sizeof(f->n));
}

static char *at(const Fixture *f, const char *path) {
        char *whole = path_join(f->root, path);

        assert_non_null(whole);
        return whole;
}

static void make_directory(const Fixture *f, const char *path) {
        _cleanup_free_ char *whole = at(f, path);

        assert_int_equal(mkdir_parents(whole, 0755), 0);
}

static void touch(const Fixture *f, const char *path) {
        _cleanup_free_ char *whole = at(f, path);
        int fd = open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        close(fd);
}

static void move(const Fixture *f, const char *from, const char *to) {
        _cleanup_free_ char *a = at(f, from), *b = at(f, to);

        assert_int_equal(rename(a, b), 0);
}

static void remove_tree(const Fixture *f, const char *path) {
        _cleanup_free_ char *command = NULL;

        assert_true(asprintf(&command, "rm -r '%s/%s'", f->root, path) > 0);
        assert_int_equal(system(command), 0);
}

/* Sets, and waits until it is so, and until everything was told that happened before: for that, one
 * directory is always new. */
static void watch_from_now(Fixture *f, const char *const *paths) {
        _cleanup_strv_free_ char **set = NULL;
        unsigned before = f->n[WATCH_READY] + f->n[WATCH_RESTARTED];
        char name[16];

        for (; *paths; paths++)
                assert_int_equal(strv_consume(&set, at(f, *paths)), 0);
        snprintf(name, sizeof(name), "none-%u", f->n_none++);
        assert_int_equal(strv_consume(&set, at(f, name)), 0);
        assert_int_equal(watcher_set(f->watcher, set), 1);
        while (f->n[WATCH_READY] + f->n[WATCH_RESTARTED] == before)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}
#define watch_all(f, ...) watch_from_now(f, (const char *const[]) { __VA_ARGS__, NULL })

/* The only child that there is. */
static pid_t child_of_ours(void) {
        _cleanup_free_ char *text = NULL;
        char path[64];
        int pid;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int) getpid());
        assert_int_equal(file_read_at(AT_FDCWD, path, 0, &text, NULL), 0);
        assert_int_equal(sscanf(text, "%d", &pid), 1);
        return pid;
}

static unsigned count_changed(const Fixture *f, const char *prefix) {
        unsigned n = 0;

        STRV_FOREACH(s, f->changed)
                if (startswith(*s, prefix))
                        n++;
        return n;
}

/* All that can happen to a file is told with its directory as it was asked for; temporary names
 * aren't. */
static void test_changes(void **state) {
        static const char *const ignored[] = {
                "a/x.ko.dpkg-new", "a/x.ko.dpkg-tmp", "a/x;5f3e", "a/.x.swp", "a/.x.swx", "a/4913",
                "a/x.pacnew", "a/x.pacsave.1", "a/.initrd.img.initrdd-new",
                "a/modules.dep.bin.10248.330391.1795413914",
        };
        Fixture *f = *state;
        _cleanup_free_ char *path = NULL;

        make_directory(f, "a");
        make_directory(f, "b");
        watch_all(f, "a//./", "b");
        assert_int_equal(f->n[WATCH_READY], 1);
        assert_null(f->changed);

        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                touch(f, ignored[i]);
        touch(f, "a/.fresh-install");
        touch(f, "a/modules.1.2");
        touch(f, "a/x");
        run_until_changed(f, "/a:x");
        watch_all(f, "a", "b");
        assert_string_equal(f->changed[0], "/a:.fresh-install");
        assert_true(strv_contains(f->changed, "/a:modules.1.2"));
        assert_int_equal(count_changed(f, "/a:.fresh-install") +
                                 count_changed(f, "/a:modules.1.2") + count_changed(f, "/a:x"),
                         strv_length(f->changed));
        forget(f);

        move(f, "a/x.ko.dpkg-new", "b/x.ko");
        run_until_changed(f, "/b:x.ko");
        assert_int_equal(strv_length(f->changed), 1);
        move(f, "a/x", "b/y");
        run_until_changed(f, "/a:x");
        run_until_changed(f, "/b:y");
        watch_all(f, "a", "b");
        forget(f);
        path = at(f, "b/y");
        assert_int_equal(chmod(path, 0600), 0);
        run_until_changed(f, "/b:y");
        forget(f);
        assert_int_equal(unlink(path), 0);
        run_until_changed(f, "/b:y");

        /* Any name at all. */
        touch(f, "a/new\nline\\ \x1b\t\xff");
        run_until_changed(f, "/a:new\nline\\ \x1b\t\xff");
}

/* What isn't there is waited for through its nearest parent, however it comes. */
static void test_missing(void **state) {
        Fixture *f = *state;

        make_directory(f, "lib");
        watch_all(f, "lib/modules/6.1/updates", "lib/modules/6.1");
        make_directory(f, "lib/modules/other");
        touch(f, "lib/noise");
        make_directory(f, "lib/modules/6.1.dpkg-new/updates");
        touch(f, "lib/modules/6.1.dpkg-new/modules.order");
        move(f, "lib/modules/6.1.dpkg-new", "lib/modules/6.1");
        run_until_changed(f, "/lib/modules/6.1/updates:");
        run_until_changed(f, "/lib/modules/6.1:");
        /* Nothing is said of the parents, which nobody asked for. */
        assert_int_equal(strv_length(f->changed), 2);
        forget(f);
        touch(f, "lib/modules/6.1/updates/x");
        run_until_changed(f, "/lib/modules/6.1/updates:x");
        touch(f, "lib/modules/6.1/modules.dep");
        run_until_changed(f, "/lib/modules/6.1:modules.dep");
}

/* A kernel that is removed and installed again, and one whose directory another takes. */
static void test_again(void **state) {
        Fixture *f = *state;

        make_directory(f, "m/k/kernel");
        watch_all(f, "m", "m/k", "m/k/kernel");
        for (unsigned i = 0; i < 20; i++) {
                remove_tree(f, "m/k");
                run_until_changed(f, "/m:k");
                run_until_changed(f, "/m/k:");
                run_until_changed(f, "/m/k/kernel:");
                watch_all(f, "m", "m/k", "m/k/kernel");
                forget(f);
                make_directory(f, "m/k/kernel");
                run_until_changed(f, "/m:k");
                run_until_changed(f, "/m/k/kernel:");
                touch(f, "m/k/kernel/x");
                run_until_changed(f, "/m/k/kernel:x");
                watch_all(f, "m", "m/k", "m/k/kernel");
                forget(f);
        }

        make_directory(f, "m/new/kernel");
        move(f, "m/k", "m/old");
        move(f, "m/new", "m/k");
        run_until_changed(f, "/m/k:");
        /* Which may have been of the first of the two. */
        watch_all(f, "m", "m/k", "m/k/kernel");
        touch(f, "m/k/kernel/y");
        run_until_changed(f, "/m/k/kernel:y");
        /* The old one is somewhere else now. */
        watch_all(f, "m", "m/k", "m/k/kernel");
        forget(f);
        touch(f, "m/old/kernel/x");
        touch(f, "m/old/x");
        touch(f, "m/end");
        run_until_changed(f, "/m:end");
        watch_all(f, "m", "m/k", "m/k/kernel");
        assert_int_equal(count_changed(f, "/m/k"), 0);
}

/* One directory by two names, as /lib is /usr/lib. */
static void test_two_names(void **state) {
        Fixture *f = *state;
        _cleanup_free_ char *link = at(f, "lib");

        make_directory(f, "usr/lib/modules");
        assert_int_equal(symlink("usr/lib", link), 0);
        watch_all(f, "lib/modules", "usr/lib/modules", "lib/modules/k", "usr/lib/modules/k");
        make_directory(f, "lib/modules/k");
        run_until_changed(f, "/lib/modules/k:");
        run_until_changed(f, "/usr/lib/modules/k:");
        touch(f, "lib/modules/k/x");
        run_until_changed(f, "/lib/modules/k:x");
        run_until_changed(f, "/usr/lib/modules/k:x");
        run_until_changed(f, "/lib/modules:k");
        run_until_changed(f, "/usr/lib/modules:k");
        remove_tree(f, "usr/lib/modules/k");
        watch_all(f, "lib/modules", "usr/lib/modules", "lib/modules/k", "usr/lib/modules/k");
        forget(f);
        make_directory(f, "usr/lib/modules/k");
        run_until_changed(f, "/lib/modules/k:");
        run_until_changed(f, "/usr/lib/modules/k:");
}

/* A smaller set is silent about the rest; a much smaller one has a program of its own, and then all
 * must be looked at. */
static void test_smaller(void **state) {
        _cleanup_strv_free_ char **set = NULL;
        Fixture *f = *state;
        pid_t pid;

        for (unsigned i = 0; i < 500; i++) {
                char name[16];

                snprintf(name, sizeof(name), "d%u", i);
                make_directory(f, name);
                assert_int_equal(strv_consume(&set, at(f, name)), 0);
        }
        assert_int_equal(watcher_set(f->watcher, set), 1);
        run_until(f, &f->n[WATCH_READY], 1);
        assert_int_equal(watcher_set(f->watcher, set), 0);
        pid = child_of_ours();
        touch(f, "d499/x");
        run_until_changed(f, "/d499:x");

        strv_truncate(set, 400);
        assert_int_equal(watcher_set(f->watcher, set), 0);
        assert_int_equal(child_of_ours(), pid);
        forget(f);
        touch(f, "d499/y");
        touch(f, "d0/x");
        run_until_changed(f, "/d0:x");
        assert_int_equal(count_changed(f, "/d499"), 0);

        /* From within the handler. */
        strv_truncate(set, 20);
        f->set_on_change = strv_copy(set);
        forget(f);
        touch(f, "d0/y");
        run_until(f, &f->n[WATCH_RESTARTED], 1);
        assert_int_equal(f->n[WATCH_READY], 0);
        assert_int_not_equal(child_of_ours(), pid);
        forget(f);
        touch(f, "d20/x");
        touch(f, "d1/x");
        run_until_changed(f, "/d1:x");
        assert_int_equal(count_changed(f, "/d20"), 0);
        /* And it is wanted again. */
        watch_all(f, "d20");
        touch(f, "d20/y");
        run_until_changed(f, "/d20:y");
}

/* Whatever happens at once is told, or that it was too much; and then it goes on. */
static void test_storm(void **state) {
        Fixture *f = *state;

        make_directory(f, "a");
        make_directory(f, "b");
        watch_all(f, "a", "b");
        for (unsigned i = 0; i < 20000; i++) {
                char name[16];

                snprintf(name, sizeof(name), "a/%u", i);
                touch(f, name);
        }
        touch(f, "b/end");
        while (f->n[WATCH_OVERFLOW] == 0 && !strv_contains(f->changed, "/b:end"))
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        if (f->n[WATCH_OVERFLOW] == 0)
                for (unsigned i = 0; i < 20000; i += 997) {
                        char line[16];

                        snprintf(line, sizeof(line), "/a:%u", i);
                        assert_true(strv_contains(f->changed, line));
                }
        forget(f);
        watch_all(f, "a", "b");
        forget(f);
        touch(f, "b/after");
        run_until_changed(f, "/b:after");
}

/* A program that is killed comes back, and says so when it watches again. */
static void test_killed(void **state) {
        Fixture *f = *state;

        make_directory(f, "a");
        watch_all(f, "a");
        log_set_target(LOG_TARGET_NULL);
        for (unsigned i = 1; i <= 3; i++) {
                pid_t pid = child_of_ours();

                assert_int_equal(kill(pid, SIGKILL), 0);
                run_until(f, &f->n[WATCH_RESTARTED], i);
                assert_int_not_equal(child_of_ours(), pid);
                touch(f, "a/x");
                run_until_changed(f, "/a:x");
                f->changed = strv_free(f->changed);
        }
        /* In the middle of a storm, and with a set that is new meanwhile. */
        for (unsigned i = 0; i < 2000; i++)
                touch(f, i % 2 == 0 ? "a/x" : "a/y");
        assert_int_equal(kill(child_of_ours(), SIGKILL), 0);
        make_directory(f, "b");
        watch_all(f, "a", "b");
        run_until(f, &f->n[WATCH_RESTARTED], 4);
        touch(f, "b/z");
        run_until_changed(f, "/b:z");
        log_set_target(LOG_TARGET_AUTO);
        assert_int_equal(f->n[WATCH_LIMIT], 0);
}

/* What can't be started is an error; what doesn't stay, or talks nonsense, is told of once. */
static void test_broken(void **state) {
        static const char *const programs[] = { "/bin/false", "/usr/bin/yes" };
        Fixture *f = *state;
        char *set[] = { f->root, NULL }, *relative[] = { (char *) "tmp", NULL };

        assert_int_equal(watcher_set(f->watcher, relative), -EINVAL);
        watcher_free(f->watcher);
        assert_int_equal(watcher_new(&f->watcher, f->event, "/no/such/program", on_watch, f), 0);
        assert_int_equal(watcher_set(f->watcher, set), -ENOENT);
        assert_int_equal(watcher_set(f->watcher, set), -ENOENT);

        log_set_target(LOG_TARGET_NULL);
        for (size_t i = 0; i < ELEMENTSOF(programs); i++) {
                forget(f);
                watcher_free(f->watcher);
                assert_int_equal(watcher_new(&f->watcher, f->event, programs[i], on_watch, f), 0);
                assert_int_equal(watcher_set(f->watcher, set), 1);
                run_until(f, &f->n[WATCH_LIMIT], 1);
                assert_int_equal(f->n[WATCH_READY] + f->n[WATCH_RESTARTED], 0);
        }
        log_set_target(LOG_TARGET_AUTO);
}

/* There are three watches for what needs four: it is told once, and the rest works. */
static void test_limit(void **state) {
        static const char script[] = "#!/bin/sh\nexec unshare -Ur sh -c "
                                     "'echo 3 >/proc/sys/user/max_inotify_watches && exec " WATCH
                                     "'\n";
        Fixture *f = *state;
        _cleanup_free_ char *program = at(f, "limited");

        if (system("unshare -Ur sh -c 'echo 3 >/proc/sys/user/max_inotify_watches' 2>/dev/null"))
                skip();
        assert_int_equal(file_replace_at(AT_FDCWD, program, script, strlen(script), 0755), 0);
        watcher_free(f->watcher);
        assert_int_equal(watcher_new(&f->watcher, f->event, program, on_watch, f), 0);
        make_directory(f, "a");
        make_directory(f, "b");
        make_directory(f, "d");
        watch_all(f, "a", "b", "c/missing", "d");
        assert_int_equal(f->n[WATCH_LIMIT], 1);
        watch_all(f, "a", "b", "c/missing", "d", "a/missing");
        assert_int_equal(f->n[WATCH_LIMIT], 1);
        touch(f, "b/x");
        run_until_changed(f, "/b:x");

        /* What makes room is used by who asks next. */
        remove_tree(f, "a");
        watch_all(f, "a", "b", "c/missing", "d");
        watch_all(f, "a", "b", "c/missing", "d");
        forget(f);
        touch(f, "d/x");
        run_until_changed(f, "/d:x");
        assert_int_equal(f->n[WATCH_RESTARTED], 0);
}

/* The program has nothing of ours but the ends of two pipes, and its own descriptor isn't for
 * children of its own, would it have any. */
static void test_descriptors(void **state) {
        Fixture *f = *state;
        char path[64];
        struct dirent *de;
        unsigned n = 0;
        DIR *d;

        watch_all(f, "");
        snprintf(path, sizeof(path), "/proc/%d/fd", (int) child_of_ours());
        d = opendir(path);
        assert_non_null(d);
        while ((de = readdir(d))) {
                _cleanup_free_ char *info = NULL;
                char target[64] = {};
                unsigned flags;

                if (de->d_name[0] == '.')
                        continue;
                n++;
                if (readlinkat(dirfd(d), de->d_name, target, sizeof(target) - 1) < 0 ||
                    atoi(de->d_name) <= STDERR_FILENO)
                        continue;
                assert_string_equal(target, "anon_inode:inotify");
                snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int) child_of_ours(),
                         atoi(de->d_name));
                assert_int_equal(file_read_at(AT_FDCWD, path, 0, &info, NULL), 0);
                assert_int_equal(sscanf(strstr(info, "flags:"), "flags: %o", &flags), 1);
                assert_true(flags & O_CLOEXEC);
                assert_true(flags & O_NONBLOCK);
        }
        closedir(d);
        assert_int_equal(n, 4);
}

static void test_lines(void **state) {
        static const struct {
                const char *line;
                int r;
                WatchLineKind kind;
                const char *path, *name;
        } cases[] = {
                { "overflow", 0, WATCH_LINE_KIND_OVERFLOW },
                { "limit", 0, WATCH_LINE_KIND_LIMIT },
                { "ready", 0, WATCH_LINE_KIND_READY },
                { "changed\t/a\tb c", 0, WATCH_LINE_KIND_CHANGED, "/a", "b c" },
                { "changed\t/\t", 0, WATCH_LINE_KIND_CHANGED, "/", "" },
                { "changed\t/a\\012\\134\tb\\011", 0, WATCH_LINE_KIND_CHANGED, "/a\n\\", "b\t" },
                { "", -EBADMSG },
                { "Ready", -EBADMSG },
                { "ready ", -EBADMSG },
                { "changed\t/a", -EBADMSG },
                { "changed\ta\tb", -EBADMSG },
                { "changed\t/a/\tb", -EBADMSG },
                { "changed\t/a//b\tb", -EBADMSG },
                { "changed\t/./b\tb", -EBADMSG },
                { "changed\t/a\tb/c", -EBADMSG },
                { "changed\t/a\t..", -EBADMSG },
                { "changed\t/a\tb\tc", -EBADMSG },
                { "changed\t/a\tb\\", -EBADMSG },
                { "changed\t/a\tb\\01", -EBADMSG },
                { "changed\t/a\tb\\000", -EBADMSG },
                { "changed\t/a\tb\\777", -EBADMSG },
                { "changed\t/a\tb\\141", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *line = strdup(cases[i].line);
                const char *path = NULL, *name = NULL;
                WatchLineKind kind;

                assert_int_equal(watch_line_parse(line, &kind, &path, &name), cases[i].r);
                if (cases[i].r < 0)
                        continue;
                assert_int_equal(kind, cases[i].kind);
                assert_true(streq_ptr(path, cases[i].path));
                assert_true(streq_ptr(name, cases[i].name));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_again, setup, teardown),
                cmocka_unit_test_setup_teardown(test_two_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_smaller, setup, teardown),
                cmocka_unit_test_setup_teardown(test_storm, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
                cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
        };

        set_child_signals();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
