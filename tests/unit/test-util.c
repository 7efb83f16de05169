/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "path-util.h"
#include "string-util.h"
#include "strmap.h"

static void test_strv(void **state) {
        _cleanup_strv_free_ char **l = NULL, **copy = NULL;

        /* Growing past each power of two, also from a copy that has no spare room. */
        for (int i = 0; i < 100; i++) {
                char name[8];

                snprintf(name, sizeof(name), "%d", i);
                assert_int_equal(strv_extend(&l, name), 0);
                strv_freep(&copy);
                copy = strv_copy(l);
                assert_int_equal(strv_extend(&copy, "end"), 0);
                assert_int_equal(strv_length(copy), (size_t) i + 2);
        }
        assert_string_equal(l[99], "99");
}

static void test_split_quoted(void **state) {
        static const struct {
                const char *in;
                int r;
                const char *out;
        } cases[] = {
                { "", 0, "" },
                { "  a b\tc ", 0, "a|b|c" },
                { "\"a b\" 'c d'e", 0, "a b|c de" },
                { "a\\ b", 0, "a b" },
                { "''", 0, "" },
                { "\"open", -EINVAL, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_strv_free_ char **l = NULL;
                _cleanup_free_ char *joined = NULL;

                assert_int_equal(strv_split_quoted(&l, cases[i].in), cases[i].r);
                if (cases[i].r < 0)
                        continue;
                joined = strv_join(l, "|");
                assert_string_equal(joined, cases[i].out);
        }
}

static void test_path(void **state) {
        static const char *const simplify[][2] = {
                { "/", "/" }, { "//a///b/", "/a/b" }, { "/./a/./.", "/a" }, { "", "." },
                { "./a", "a" }, { "/a/../b", "/a/../b" },
        };

        for (size_t i = 0; i < ELEMENTSOF(simplify); i++) {
                char path[64];

                strcpy(path, simplify[i][0]);
                assert_string_equal(path_simplify(path), simplify[i][1]);
        }
        assert_true(path_below("/usr/lib", "/usr"));
        assert_true(path_below("/usr", "/usr"));
        assert_false(path_below("/usrx", "/usr"));
        assert_true(path_below("/x", "/"));
}

static void test_strmap(void **state) {
        _cleanup_strmap_ Strmap map = STRMAP_INIT(free);

        for (int i = 0; i < 1000; i++) {
                char name[8];

                snprintf(name, sizeof(name), "%d", i);
                assert_int_equal(strmap_put(&map, name, strdup(name)), 0);
                assert_int_equal(strmap_put(&map, name, NULL), -EEXIST);
        }
        assert_string_equal(strmap_get(&map, "517"), "517");
        assert_null(strmap_get(&map, "1000"));
        /* The order of insertion is kept. */
        assert_string_equal(map.entries[999].key, "999");
        assert_int_equal(strmap_replace(&map, "517", strdup("new")), 0);
        assert_string_equal(strmap_get(&map, "517"), "new");

        strmap_truncate(&map, 2000);
        assert_int_equal(map.n, 1000);
        strmap_truncate(&map, 500);
        assert_int_equal(map.n, 500);
        assert_false(strmap_contains(&map, "500"));
        assert_true(strmap_contains(&map, "499"));
        assert_int_equal(strmap_put(&map, "500", strdup("again")), 0);
        assert_string_equal(strmap_get(&map, "500"), "again");
        strmap_truncate(&map, 0);
        assert_null(strmap_get(&map, "0"));
        assert_int_equal(strmap_put(&map, "0", NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_strv),
                cmocka_unit_test(test_split_quoted),
                cmocka_unit_test(test_path),
                cmocka_unit_test(test_strmap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
