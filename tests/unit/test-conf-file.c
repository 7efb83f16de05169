/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "conf-tree.h"
#include "describe/conf-file.h"

static int write_down(void *userdata, const char *path, unsigned line, const char *section,
                      const char *key, const char *value) {
        char *out = userdata;

        if (streq(key, "Stop"))
                return -ECANCELED;
        sprintf(out + strlen(out), "%u:%s:%s=%s|", line, section, key, value);
        return 0;
}

/* What each text is read as, and what is said about it. */
static void test_parse(void **state) {
        static const struct {
                const char *text, *assignments, *warnings;
        } cases[] = {
                { "", "", "" },
                { "[A]\nb=c\n", "2:A:b=c|", "" },
                /* No line break at the end, line breaks of another system, a byte order mark. */
                { "\xef\xbb\xbf[A]\r\nb=c", "2:A:b=c|", "" },
                /* White space around everything, nothing inside touched; more "=" belong to the
                 * value; so do comment characters. */
                { "  [A]  \n\tb c =  d = \"e  f\" ; # g \n", "2:A:b c=d = \"e  f\" ; # g|", "" },
                { "[A]\nb=\nc =  \n", "2:A:b=|3:A:c=|", "" },
                { "a=b\n", "1::a=b|", "" },
                { "# a=b\n ; c=d\n[A]\n\n\n#\nb=c", "7:A:b=c|", "" },
                /* A comment is not looked at, not even for its bytes. */
                { "# caf\xe9 \x01\n", "", "" },
                /* Values go on behind a backslash, over comments; the first line counts. */
                { "[A]\nb=c \\\n  d\\\n# e\n f\ng=h\n", "2:A:b=c  d f|6:A:g=h|", "" },
                /* An empty line ends them, so does the end; a comment's backslash is no end. */
                { "[A]\nb=c\\\n\nd=e\\", "2:A:b=c|4:A:d=e|", "" },
                { "[A]\n# b\\\nc=d\n", "3:A:c=d|", "" },
                /* An escaped backslash is one of the value. */
                { "[A]\nb=c\\\\\nd=e\n", "2:A:b=c\\\\|3:A:d=e|", "" },
                { "[A]\nb=\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7\n",
                  "2:A:b=\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7|", "" },
                /* Every bad line is told of, and where it is. */
                { "[A]\nb\n=c\nd=e\n", "4:A:d=e|",
                  "/f:2: The line is neither [Section] nor Key=value, it is ignored\n"
                  "/f:3: There is no key before the \"=\", it is ignored\n" },
                /* Assignments of a section that nobody can name don't go to the one before. */
                { "[A]\nb=c\n[B\nd=e\nf\n[C]\ng=h\n", "2:A:b=c|7:C:g=h|",
                  "/f:3: The line is no section header, and what follows has no section, "
                  "it is ignored\n"
                  "/f:5: The line is neither [Section] nor Key=value, it is ignored\n" },
                { "[]\n", "",
                  "/f:1: The line is no section header, and what follows has no section, "
                  "it is ignored\n" },
                { "[A]\nb=\x1b[1mc\nd=e\x7f\n", "",
                  "/f:2: The line has a control character in it, it is ignored\n"
                  "/f:3: The line has a control character in it, it is ignored\n" },
                /* Alone, overlong, a surrogate, too high, cut off. */
                { "[A]\nb=\xe4\nc=\xc0\xaf\nd=\xed\xa0\x80\ne=\xf4\x90\x80\x80\nf=\xe2\x82\ng=h\n",
                  "7:A:g=h|",
                  "/f:2: The line is not UTF-8, it is ignored\n"
                  "/f:3: The line is not UTF-8, it is ignored\n"
                  "/f:4: The line is not UTF-8, it is ignored\n"
                  "/f:5: The line is not UTF-8, it is ignored\n"
                  "/f:6: The line is not UTF-8, it is ignored\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                char out[1024] = "";

                told_init(&told);
                assert_int_equal(conf_parse(&told.report, "/f", cases[i].text,
                                            strlen(cases[i].text), 0, write_down, out), 0);
                assert_string_equal(out, cases[i].assignments);
                assert_string_equal(told.text, cases[i].warnings);
        }
}

static void test_parse_nul(void **state) {
        static const char text[] = "[A]\nb=c\0d\ne=f\n";
        _cleanup_told_ Told told;
        char out[1024] = "";

        told_init(&told);
        assert_int_equal(conf_parse(&told.report, "/f", text, sizeof(text) - 1, 0, write_down, out),
                         0);
        assert_string_equal(out, "3:A:e=f|");
        assert_string_equal(told.text, "/f:2: The line has a NUL byte in it, it is ignored\n");
}

/* Lines have no longest length. */
static int take_length(void *userdata, const char *path, unsigned line, const char *section,
                       const char *key, const char *value) {
        *(size_t *) userdata += strlen(value);
        return 0;
}

static void test_parse_long(void **state) {
        enum { N = 1 << 20 };
        _cleanup_free_ char *text = malloc(N);
        _cleanup_told_ Told told;
        size_t length = 0;

        told_init(&told);
        memset(text, 'x', N);
        text[1] = '=';
        assert_int_equal(conf_parse(&told.report, "/f", text, N, 0, take_length, &length), 0);
        assert_int_equal(length, N - 2);
}

/* Strict: the first bad line is the failure and the end; so is a handler's error. */
static void test_parse_strict(void **state) {
        static const char bad[] = "[A]\nb=c\nd\ne=f\n", stop[] = "[A]\nb=c\nStop=\ne=f\n";
        _cleanup_told_ Told told, other;
        char out[1024] = "";

        told_init(&told);
        assert_int_equal(conf_parse(&told.report, "/f", bad, strlen(bad), CONF_STRICT, write_down,
                                    out), -EINVAL);
        assert_string_equal(out, "2:A:b=c|");
        told_failure(&told, "/f", 3, "The line is neither [Section] nor Key=value");

        told_init(&other);
        *out = '\0';
        assert_int_equal(conf_parse(&other.report, "/f", stop, strlen(stop), 0, write_down, out),
                         -ECANCELED);
        assert_string_equal(out, "2:A:b=c|");
        told_nothing(&other);
}

/* /etc before /run before /usr/lib; empty files and links to /dev/null mask; the device itself
 * needs not be in the tree. */
static void test_find(void **state) {
        static const struct {
                const char *name, *path;
                bool masked;
        } cases[] = {
                { "all.conf", "/etc/initrdd/all.conf", false },
                { "run.conf", "/run/initrdd/run.conf", false },
                { "lib.conf", "/usr/lib/initrdd/lib.conf", false },
                { "missing.conf", NULL, false },
                { "empty.conf", NULL, true },
                { "null.conf", NULL, true },
                { "relative.conf", NULL, true },
                { "dangling.conf", "/usr/lib/initrdd/dangling.conf", false },
                { "directory.conf", "/usr/lib/initrdd/directory.conf", false },
                { "linked.conf", "/etc/initrdd/linked.conf", false },
                { "sub.d/x.conf", "/usr/lib/initrdd/sub.d/x.conf", false },
                { "all.conf/below", NULL, false },
        };
        _cleanup_(source_freep) Source *source = NULL;
        ConfTree *t = *state;

        conf_tree_put(t, "etc/initrdd/all.conf", "#");
        conf_tree_put(t, "run/initrdd/all.conf", "#");
        conf_tree_put(t, "usr/lib/initrdd/all.conf", "#");
        conf_tree_put(t, "run/initrdd/run.conf", "#");
        conf_tree_put(t, "usr/lib/initrdd/run.conf", "#");
        conf_tree_put(t, "usr/lib/initrdd/lib.conf", "#");
        conf_tree_put(t, "run/initrdd/empty.conf", "");
        conf_tree_put(t, "usr/lib/initrdd/empty.conf", "#");
        conf_tree_link(t, "etc/initrdd/null.conf", "/dev/null");
        conf_tree_put(t, "usr/lib/initrdd/null.conf", "#");
        conf_tree_link(t, "etc/initrdd/relative.conf", "../../dev/null");
        conf_tree_link(t, "etc/initrdd/dangling.conf", "nowhere");
        conf_tree_put(t, "usr/lib/initrdd/dangling.conf", "#");
        conf_tree_put(t, "etc/initrdd/directory.conf/x", "");
        conf_tree_put(t, "usr/lib/initrdd/directory.conf", "#");
        conf_tree_link(t, "etc/initrdd/linked.conf", "/run/initrdd/run.conf");
        conf_tree_put(t, "usr/lib/initrdd/sub.d/x.conf", "#");

        source = conf_tree_source(t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = NULL;
                bool masked = !cases[i].masked;

                assert_int_equal(conf_find(source, NULL, cases[i].name, &path, &masked),
                                 cases[i].path ? 1 : 0);
                assert_true(streq_ptr(path, cases[i].path));
                assert_int_equal(masked, cases[i].masked);
        }
}

/* Names of all three directories, each once, with masked ones and without hidden ones; drop-ins in
 * the order of their names wherever they are, without the masked. */
static void test_dropins(void **state) {
        _cleanup_strv_free_ char **names = NULL, **none = NULL, **files = NULL;
        _cleanup_free_ char *joined_names = NULL, *joined_files = NULL;
        _cleanup_(source_freep) Source *source = NULL;
        ConfTree *t = *state;
        bool found, masked;

        conf_tree_put(t, "usr/lib/initrdd/a.conf.d/10-x.conf", "#");
        conf_tree_put(t, "usr/lib/initrdd/a.conf.d/30-y.conf", "#");
        conf_tree_put(t, "usr/lib/initrdd/a.conf.d/50-z.conf", "#");
        conf_tree_put(t, "run/initrdd/a.conf.d/20-r.conf", "#");
        conf_tree_put(t, "etc/initrdd/a.conf.d/30-y.conf", "#");
        conf_tree_put(t, "etc/initrdd/a.conf.d/.#hidden.conf", "#");
        conf_tree_put(t, "etc/initrdd/a.conf.d/40-old.conf~", "#");
        conf_tree_link(t, "etc/initrdd/a.conf.d/50-z.conf", "/dev/null");
        conf_tree_put(t, "etc/initrdd/a.conf", "#");
        source = conf_tree_source(t);

        assert_int_equal(conf_list(source, NULL, "a.conf.d", ".conf", &names), 0);
        joined_names = strv_join(names, " ");
        assert_string_equal(joined_names, "10-x.conf 20-r.conf 30-y.conf 50-z.conf");

        assert_int_equal(conf_files(source, NULL, "a.conf", &files, &found, &masked), 0);
        assert_true(found);
        assert_false(masked);
        joined_files = strv_join(files, " ");
        assert_string_equal(joined_files, "/etc/initrdd/a.conf "
                                          "/usr/lib/initrdd/a.conf.d/10-x.conf "
                                          "/run/initrdd/a.conf.d/20-r.conf "
                                          "/etc/initrdd/a.conf.d/30-y.conf");

        assert_int_equal(conf_files(source, NULL, "none.conf", &none, &found, &masked), 0);
        assert_false(found);
        assert_non_null(none);
        assert_int_equal(strv_length(none), 0);
}

/* What wasn't there is in the trace: files, and directories of drop-ins too. */
static void test_trace(void **state) {
        static const struct {
                const char *put, *link;
                int r;
        } cases[] = {
                { "etc/other", NULL, 1 },
                { "run/initrdd/a.conf", NULL, 0 },
                { "etc/initrdd/a.conf.d/x.conf", NULL, 0 },
                { "usr/lib/initrdd/a.conf.d/x.conf", NULL, 0 },
                { NULL, "etc/initrdd/a.conf", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(trace_freep) Trace *trace = NULL;
                _cleanup_strv_free_ char **files = NULL;
                void *own = NULL;
                ConfTree *t;

                conf_tree_setup(&own);
                t = own;
                conf_tree_put(t, "etc/there", "#");
                conf_tree_put(t, "usr/lib/initrdd/a.conf", "#");
                conf_tree_settle(t);
                source = conf_tree_source(t);
                assert_int_equal(trace_new(&trace), 0);
                assert_int_equal(conf_files(source, trace, "a.conf", &files, NULL, NULL), 0);
                assert_int_equal(conf_tree_check(t, trace), 1);
                if (cases[i].put)
                        conf_tree_put(t, cases[i].put, "#");
                if (cases[i].link)
                        conf_tree_link(t, cases[i].link, "/dev/null");
                assert_int_equal(conf_tree_check(t, trace), cases[i].r);
                conf_tree_teardown(&own);
        }
}

static void test_valid(void **state) {
        static const char *const names[] = { "a", "0", "a.b_c-d@e" };
        static const char *const no_names[] = { "", ".a", "-a", "a/b", "a b", "\xc3\xa4", "a*" };
        static const char *const paths[] = { "/", "/a", "/a/..b/c..", "/..." };
        static const char *const no_paths[] = { "", "a", "./a", "/..", "/a/..", "/a/../b", "%D/a" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_true(conf_name_is_valid(names[i]));
        for (size_t i = 0; i < ELEMENTSOF(no_names); i++)
                assert_false(conf_name_is_valid(no_names[i]));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                assert_true(conf_path_is_valid(paths[i]));
        for (size_t i = 0; i < ELEMENTSOF(no_paths); i++)
                assert_false(conf_path_is_valid(no_paths[i]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_parse_nul),
                cmocka_unit_test(test_parse_long),
                cmocka_unit_test(test_parse_strict),
                cmocka_unit_test_setup_teardown(test_find, conf_tree_setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_dropins, conf_tree_setup, conf_tree_teardown),
                cmocka_unit_test(test_trace),
                cmocka_unit_test(test_valid),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
