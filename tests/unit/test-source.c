/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "source/source.h"
#include "source/trace.h"
#include "string-util.h"

/* A tree below a temporary directory, and the Source that shows it. */
typedef struct Tree {
        char path[64];
        int fd;
        Source *source;
        Trace *trace;
} Tree;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void put(Tree *t, const char *path, const char *content) {
        _cleanup_close_ int fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, content, strlen(content)), 0);
}

/* Makes every file old enough for its times to be believed. */
static int age_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        struct timespec ts[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

        return utimensat(AT_FDCWD, path, ts, AT_SYMLINK_NOFOLLOW);
}

static void settle(Tree *t) {
        nftw(t->path, age_one, 16, FTW_PHYS);
        usleep(150 * 1000); /* ctime can't be set: let it become old */
}

static int setup(void **state) {
        Tree *t = calloc(1, sizeof(Tree));

        strcpy(t->path, "/tmp/test-source-XXXXXX");
        assert_non_null(mkdtemp(t->path));
        t->fd = open(t->path, O_RDONLY | O_DIRECTORY);
        assert_int_equal(mkdirat(t->fd, "usr", 0755), 0);
        assert_int_equal(mkdirat(t->fd, "usr/lib", 0755), 0);
        assert_int_equal(mkdirat(t->fd, "etc", 0755), 0);
        put(t, "usr/lib/a", "a");
        put(t, "usr/lib/b.so.1", "b");
        put(t, "etc/passwd", "inside");
        assert_int_equal(symlinkat("usr/lib", t->fd, "lib"), 0);
        assert_int_equal(symlinkat("/etc/passwd", t->fd, "usr/lib/absolute"), 0);
        assert_int_equal(symlinkat("../../../../etc/passwd", t->fd, "usr/lib/upwards"), 0);
        assert_int_equal(symlinkat("circle-b", t->fd, "circle-a"), 0);
        assert_int_equal(symlinkat("circle-a", t->fd, "circle-b"), 0);
        assert_int_equal(symlinkat("nowhere", t->fd, "dangling"), 0);
        assert_int_equal(source_new(&t->source, t->path), 0);
        assert_int_equal(trace_new(&t->trace), 0);
        *state = t;
        return 0;
}

static int teardown(void **state) {
        Tree *t = *state;

        source_free(t->source);
        trace_free(t->trace);
        close(t->fd);
        nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(t);
        return 0;
}

/* A program that starts after the change: what this Source has seen is not known to it. */
static int check_anew(Tree *t, char **ret_path, bool *ret_refreshed) {
        _cleanup_(source_freep) Source *fresh = NULL;
        _cleanup_(trace_freep) Trace *trace = NULL;
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        assert_int_equal(source_new(&fresh, t->path), 0);
        assert_int_equal(trace_serialize(t->trace, &data, &size), 0);
        assert_int_equal(trace_deserialize(data, size, &trace), 0);
        r = trace_check(trace, fresh, ret_path, ret_refreshed);
        return r;
}

static void test_resolve(void **state) {
        static const struct {
                const char *path;
                int r;
                const char *canonical;
        } cases[] = {
                { "/", 0, "/" },
                { "/lib/a", 0, "/usr/lib/a" },
                { "/lib/../lib//./a", 0, "/usr/lib/a" }, /* ".." of the link's target */
                { "/usr/lib/../lib/a", 0, "/usr/lib/a" },
                { "/../../etc/passwd", 0, "/etc/passwd" },
                { "/lib/absolute", 0, "/etc/passwd" },
                { "/lib/upwards", 0, "/etc/passwd" },
                { "/circle-a", -ELOOP, NULL },
                { "/dangling", -ENOENT, NULL },
                { "/etc/passwd/x", -ENOTDIR, NULL },
                { "relative", -EINVAL, NULL },
        };
        Tree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *canonical = NULL;
                int r = source_resolve(t->source, t->trace, cases[i].path, &canonical, NULL, NULL);

                assert_int_equal(r, cases[i].r);
                if (r == 0)
                        assert_string_equal(canonical, cases[i].canonical);
        }
}

static void test_links(void **state) {
        SourceLinks links = {};
        Tree *t = *state;

        assert_int_equal(source_resolve(t->source, NULL, "/lib/absolute", NULL, NULL, &links), 0);
        assert_int_equal(links.n, 2);
        assert_string_equal(links.links[0].path, "/lib");
        assert_string_equal(links.links[0].target, "usr/lib");
        assert_string_equal(links.links[1].path, "/usr/lib/absolute");
        source_links_done(&links);
}

static void test_list_and_glob(void **state) {
        _cleanup_strv_free_ char **names = NULL, **paths = NULL, **none = NULL;
        Tree *t = *state;

        assert_int_equal(source_list(t->source, t->trace, "/lib", "*.so*", &names), 0);
        assert_int_equal(strv_length(names), 1);
        assert_int_equal(source_glob(t->source, t->trace, "/u*/lib/?", &paths), 0);
        assert_int_equal(strv_length(paths), 1);
        assert_string_equal(paths[0], "/usr/lib/a");
        assert_int_equal(source_glob(t->source, t->trace, "/no*/x", &none), 0);
        assert_int_equal(strv_length(none), 0);
}

/* A directory from elsewhere is seen at its place, its invented parents too, and it hides what was
 * there before. */
static void test_bind(void **state) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *content = NULL, *canonical = NULL, *direct = NULL;
        char other[] = "/tmp/test-bind-XXXXXX";
        Tree *t = *state;
        struct stat st;
        int fd;

        assert_non_null(mkdtemp(other));
        fd = open(other, O_RDONLY | O_DIRECTORY);
        close(openat(fd, "modules.dep", O_CREAT | O_WRONLY, 0644));
        assert_int_equal(source_bind(t->source, "/lib/modules/6.1", other), 0);
        assert_int_equal(source_resolve(t->source, t->trace, "/lib/modules/6.1/modules.dep", &canonical, &st, NULL), 0);
        assert_string_equal(canonical, "/usr/lib/modules/6.1/modules.dep");
        assert_int_equal(source_list(t->source, t->trace, "/lib/modules", NULL, &names), 0);
        assert_int_equal(strv_length(names), 1);
        assert_string_equal(names[0], "6.1");
        assert_int_equal(source_read(t->source, t->trace, "/usr/lib/modules/6.1/modules.dep", &content, NULL), 0);
        assert_int_equal(source_directory_path(t->source, "/lib/modules/6.1", &direct), 0);
        assert_non_null(startswith(direct, "/proc/self/fd/"));
        assert_int_equal(access(direct, F_OK), 0);
        close(fd);

        /* What is bound below it stays, whoever asks for the path. */
        assert_int_equal(source_bind(t->source, "/lib/modules/6.1/kernel", other), 0);
        free(direct);
        assert_int_equal(source_directory_path(t->source, "/lib/modules/6.1", &direct), 0);
        assert_int_equal(source_exists(t->source, t->trace, "/lib/modules/6.1/kernel/modules.dep"),
                         1);
        nftw(other, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Another one shows the same tree, with what was bound, also when the first is gone; what each remembers
 * is its own. */
static void test_copy(void **state) {
        Tree *t = *state;
        _cleanup_free_ char *etc = path_join(t->path, "etc");
        _cleanup_(source_freep) Source *copy = NULL;
        struct stat before, after;

        assert_non_null(etc);
        assert_int_equal(source_bind(t->source, "/bound", etc), 0);
        source_remember(t->source, true);
        assert_int_equal(source_resolve(t->source, NULL, "/etc/passwd", NULL, &before, NULL), 0);
        put(t, "etc/passwd", "longer than before");
        assert_int_equal(source_copy(&copy, t->source), 0);
        assert_int_equal(source_resolve(copy, NULL, "/etc/passwd", NULL, &after, NULL), 0);
        assert_int_not_equal(after.st_size, before.st_size);
        assert_int_equal(source_resolve(t->source, NULL, "/etc/passwd", NULL, &after, NULL), 0);
        assert_int_equal(after.st_size, before.st_size);
        assert_string_equal(source_root(copy), source_root(t->source));

        t->source = source_free(t->source);
        assert_int_equal(source_exists(copy, NULL, "/bound/passwd"), 1);
        put(t, "etc/passwd", "");
        assert_int_equal(source_resolve(copy, NULL, "/etc/passwd", NULL, &after, NULL), 0);
        assert_int_not_equal(after.st_size, 0);
        source_remember(copy, true);
        assert_int_equal(source_resolve(copy, NULL, "/etc/passwd", NULL, &after, NULL), 0);
        assert_int_equal(after.st_size, 0);
}

/* For each kind of entry: it holds, then what it speaks of changes, and it says so. */
static void test_trace(void **state) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *content = NULL;
        bool refreshed = true;
        Tree *t = *state;

        settle(t);
        assert_int_equal(source_read(t->source, t->trace, "/lib/a", &content, NULL), 0);
        assert_int_equal(source_list(t->source, t->trace, "/lib", "*.so*", &names), 0);
        assert_int_equal(source_exists(t->source, t->trace, "/etc/missing/deep"), 0);
        assert_int_equal(source_resolve(t->source, t->trace, "/etc", NULL, NULL, NULL), 0);
        assert_int_equal(check_anew(t, NULL, &refreshed), 1);
        assert_false(refreshed);

        /* Other times, same content: holds, and wants to be written anew. */
        put(t, "usr/lib/a", "a");
        assert_int_equal(check_anew(t, NULL, &refreshed), 1);
        assert_true(refreshed);

        /* A new name that the pattern doesn't match changes the directory, not the list. */
        put(t, "usr/lib/c", "c");
        assert_int_equal(check_anew(t, NULL, NULL), 1);
}

#define CHECK_CHANGE(name, prepare, change, expected)                                             \
        static void test_change_##name(void **state) {                                           \
                _cleanup_free_ char *path = NULL, *content = NULL;                                \
                _cleanup_strv_free_ char **names = NULL;                                          \
                Tree *t = *state;                                                                 \
                                                                                                  \
                (void) content;                                                                   \
                (void) names;                                                                     \
                settle(t);                                                                        \
                prepare;                                                                          \
                assert_int_equal(check_anew(t, NULL, NULL), 1);                                   \
                change;                                                                           \
                assert_int_equal(check_anew(t, &path, NULL), 0);                                  \
                assert_string_equal(path, expected);                                              \
        }

CHECK_CHANGE(content, assert_int_equal(source_read(t->source, t->trace, "/lib/a", &content, NULL), 0),
             put(t, "usr/lib/a", "A"), "/usr/lib/a")
CHECK_CHANGE(size, assert_int_equal(source_exists(t->source, t->trace, "/lib/a"), 1),
             put(t, "usr/lib/a", "longer"), "/usr/lib/a")
CHECK_CHANGE(mode, assert_int_equal(source_read(t->source, t->trace, "/lib/a", &content, NULL), 0),
             fchmodat(t->fd, "usr/lib/a", 0755, 0), "/usr/lib/a")
CHECK_CHANGE(gone, assert_int_equal(source_exists(t->source, t->trace, "/lib/a"), 1),
             unlinkat(t->fd, "usr/lib/a", 0), "/usr/lib/a")
CHECK_CHANGE(appears, assert_int_equal(source_exists(t->source, t->trace, "/etc/x/y"), 0),
             mkdirat(t->fd, "etc/x", 0755), "/etc/x")
CHECK_CHANGE(list, assert_int_equal(source_list(t->source, t->trace, "/lib", "*.so*", &names), 0),
             put(t, "usr/lib/c.so", ""), "/usr/lib")
CHECK_CHANGE(directory, assert_int_equal(source_exists(t->source, t->trace, "/etc"), 1),
             fchmodat(t->fd, "etc", 0700, 0), "/etc")
CHECK_CHANGE(link, assert_int_equal(source_exists(t->source, t->trace, "/lib/a"), 1),
             (unlinkat(t->fd, "lib", 0), symlinkat("usr", t->fd, "lib")), "/lib")

/* A directory on the way that becomes a link is a change, wherever the link leads. */
CHECK_CHANGE(ancestor, assert_int_equal(source_exists(t->source, t->trace, "/usr/lib/no/such"), 0),
             (renameat(t->fd, "usr/lib", t->fd, "usr/moved"),
              symlinkat("moved", t->fd, "usr/lib")), "/usr/lib")

/* What was written a moment ago could be written again in the same tick: only content counts. */
static void test_racy(void **state) {
        _cleanup_free_ char *content = NULL;
        Tree *t = *state;

        put(t, "usr/lib/a", "x");
        assert_int_equal(source_read(t->source, t->trace, "/usr/lib/a", &content, NULL), 0);
        put(t, "usr/lib/a", "y");
        assert_int_equal(check_anew(t, NULL, NULL), 0);
}

typedef enum Look { READ, STAT, MERGE_READ, MERGE_STAT } Look;

/* Looks at /usr/lib/a as another program would, which knows nothing of before. */
static void look_at(Tree *t, Trace *trace, Look look) {
        _cleanup_(source_freep) Source *fresh = NULL;
        _cleanup_(trace_freep) Trace *other = NULL;
        _cleanup_free_ char *data = NULL;
        bool merge = look == MERGE_READ || look == MERGE_STAT;

        assert_int_equal(source_new(&fresh, t->path), 0);
        assert_int_equal(trace_new(&other), 0);
        if (look == READ || look == MERGE_READ)
                assert_int_equal(source_read(fresh, merge ? other : trace, "/usr/lib/a", &data, NULL),
                                 0);
        else
                assert_int_equal(source_resolve(fresh, merge ? other : trace, "/usr/lib/a", NULL,
                                                NULL, NULL),
                                 0);
        if (merge)
                assert_int_equal(trace_merge(trace, other), 0);
}

/* What was made of a file that changed while it was made does not hold, whoever looked again; and
 * who looks twice at the same is believed. */
static void test_two_looks(void **state) {
        static const struct {
                Look first, second;
        } cases[] = {
                { READ, STAT }, { READ, READ },       { READ, MERGE_STAT },
                { READ, MERGE_READ }, { MERGE_READ, MERGE_STAT }, { MERGE_READ, STAT },
                { STAT, STAT }, { MERGE_STAT, MERGE_STAT },
        };
        Tree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (unsigned changed = 0; changed < 2; changed++) {
                        trace_free(t->trace);
                        assert_int_equal(trace_new(&t->trace), 0);
                        put(t, "usr/lib/a", "old");
                        settle(t);
                        look_at(t, t->trace, cases[i].first);
                        if (changed)
                                put(t, "usr/lib/a", "new");
                        look_at(t, t->trace, cases[i].second);
                        assert_int_equal(check_anew(t, NULL, NULL), !changed);
                }
}

/* What was read before the last look at it is what counts. */
static void test_read_before(void **state) {
        _cleanup_(trace_freep) Trace *before = NULL;
        Tree *t = *state;

        settle(t);
        assert_int_equal(trace_new(&before), 0);
        look_at(t, before, READ);
        put(t, "usr/lib/a", "b");
        settle(t);
        look_at(t, t->trace, STAT);
        assert_int_equal(check_anew(t, NULL, NULL), 1);
        assert_int_equal(trace_merge(t->trace, before), 0);
        assert_int_equal(check_anew(t, NULL, NULL), 0);
}

/* What the file at /usr/lib/a needs is its first byte. */
static int first_byte(void *userdata, const char *path, struct stat *ret_stat,
                      XXH128_hash_t *ret_hash, uint64_t *ret_needs) {
        _cleanup_close_ int fd = -EBADF;
        Tree *t = userdata;
        char data[64];
        ssize_t n;

        assert_string_equal(path, "/usr/lib/a");
        fd = openat(t->fd, "usr/lib/a", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        n = read(fd, data, sizeof(data));
        assert_true(n > 0);
        assert_int_equal(fstat(fd, ret_stat), 0);
        *ret_hash = XXH3_128bits(data, (size_t) n);
        *ret_needs = (uint64_t) data[0];
        return 1;
}

static void look_for_needs(Tree *t, Trace *trace) {
        _cleanup_(source_freep) Source *fresh = NULL;
        XXH128_hash_t hash;
        uint64_t needs;
        struct stat st;

        assert_int_equal(source_new(&fresh, t->path), 0);
        assert_int_equal(source_resolve(fresh, trace, "/usr/lib/a", NULL, NULL, NULL), 0);
        first_byte(t, "/usr/lib/a", &st, &hash, &needs);
        assert_int_equal(trace_set_needs(trace, "/usr/lib/a", hash, needs), 0);
}

/* Another content doesn't matter to who wanted the needs alone, but to everybody else who was there,
 * in whatever order they came, and to who saw two contents. */
static void test_needs(void **state) {
        static const char *const looks[] = { "n", "nn", "N", "Nn",  "s",  "sn", "ns",
                                             "r", "nr", "rn", "nR", "Rn", "nS", "nc" };
        Tree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(looks); i++) {
                bool alone = strspn(looks[i], "nNsS") == strlen(looks[i]) &&
                             strcspn(looks[i], "nN") < strlen(looks[i]);
                static const char *const contents[] = { "needs and more", "needs, other",
                                                        "another need" };

                for (size_t k = 0; k < ELEMENTSOF(contents); k++) {
                        _cleanup_(source_freep) Source *fresh = NULL;
                        _cleanup_(trace_freep) Trace *read_back = NULL;
                        _cleanup_free_ char *data = NULL;
                        bool refreshed;
                        size_t size;

                        trace_free(t->trace);
                        assert_int_equal(trace_new(&t->trace), 0);
                        put(t, "usr/lib/a", "needs, all");
                        for (const char *look = looks[i]; *look; look++) {
                                _cleanup_(trace_freep) Trace *other = NULL;
                                bool merge = *look < 'a';

                                assert_int_equal(trace_new(&other), 0);
                                if (*look == 'c') /* it changes between two looks */
                                        put(t, "usr/lib/a", "needs, then"),
                                                        look_for_needs(t, t->trace);
                                else if (*look == 'n' || *look == 'N')
                                        look_for_needs(t, merge ? other : t->trace);
                                else
                                        look_at(t, merge ? other : t->trace,
                                                *look == 's' || *look == 'S' ? STAT : READ);
                                assert_int_equal(trace_merge(t->trace, other), 0);
                        }
                        put(t, "usr/lib/a", contents[k]);
                        assert_int_equal(trace_serialize(t->trace, &data, &size), 0);
                        assert_int_equal(trace_deserialize(data, size, &read_back), 0);
                        assert_int_equal(source_new(&fresh, t->path), 0);
                        assert_int_equal(trace_check(read_back, fresh, NULL, NULL), 0);
                        assert_int_equal(trace_check_needs(read_back, fresh, first_byte, t,
                                                           &refreshed),
                                         alone && contents[k][0] == 'n');
                        /* Brought up to date, it holds for everybody. */
                        if (alone && contents[k][0] == 'n')
                                assert_int_equal(trace_check(read_back, fresh, NULL, NULL), 1);
                }
        }
}

/* Who checks many traces checks them against one moment, if he wants that. */
static void test_remember(void **state) {
        _cleanup_strv_free_ char **names = NULL;
        Tree *t = *state;

        settle(t);
        assert_int_equal(source_exists(t->source, t->trace, "/lib/a"), 1);
        assert_int_equal(source_exists(t->source, t->trace, "/etc/missing"), 0);
        assert_int_equal(source_list(t->source, t->trace, "/usr/lib", NULL, &names), 0);
        for (unsigned change = 0; change < 3; change++) {
                source_remember(t->source, true);
                assert_int_equal(trace_check(t->trace, t->source, NULL, NULL), 1);
                if (change == 0)
                        put(t, "usr/lib/a", "another");
                else if (change == 1)
                        put(t, "etc/missing", "");
                else {
                        assert_int_equal(unlinkat(t->fd, "lib", 0), 0);
                        assert_int_equal(symlinkat("usr", t->fd, "lib"), 0);
                }
                assert_int_equal(trace_check(t->trace, t->source, NULL, NULL), 1);
                source_remember(t->source, true);
                assert_int_equal(trace_check(t->trace, t->source, NULL, NULL), 0);
                source_remember(t->source, false);
                assert_int_equal(trace_check(t->trace, t->source, NULL, NULL), 0);
                if (change == 0) { /* as it was */
                        trace_free(t->trace);
                        assert_int_equal(trace_new(&t->trace), 0);
                        settle(t);
                        assert_int_equal(source_exists(t->source, t->trace, "/lib/a"), 1);
                        assert_int_equal(source_exists(t->source, t->trace, "/etc/missing"), 0);
                } else if (change == 1)
                        assert_int_equal(unlinkat(t->fd, "etc/missing", 0), 0);
        }
}

static void test_damaged(void **state) {
        _cleanup_free_ char *data = NULL;
        Trace *trace = NULL;
        Tree *t = *state;
        size_t size;

        assert_int_equal(source_exists(t->source, t->trace, "/lib/a"), 1);
        assert_int_equal(trace_serialize(t->trace, &data, &size), 0);
        for (size_t i = 0; i < size; i++) {
                data[i] ^= 1;
                assert_int_equal(trace_deserialize(data, size, &trace), -EBADMSG);
                data[i] ^= 1;
                assert_int_equal(trace_deserialize(data, i, &trace), -EBADMSG);
        }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_resolve),       TEST(test_links),          TEST(test_list_and_glob),
                TEST(test_bind), TEST(test_copy),         TEST(test_trace),          TEST(test_change_content),
                TEST(test_change_size),   TEST(test_change_mode),    TEST(test_change_gone),
                TEST(test_change_appears), TEST(test_change_list),   TEST(test_change_directory),
                TEST(test_change_link),   TEST(test_change_ancestor), TEST(test_racy), TEST(test_two_looks), TEST(test_read_before),           TEST(test_needs), TEST(test_remember), TEST(test_damaged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
