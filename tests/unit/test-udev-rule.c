/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/udev-rule.h"
#include "string-util.h"

/* "programs;units;owners;groups;drivers", names of a kind with "|" between them. */
static char *describe(const UdevRule *rule) {
        char *const *const lists[] = { rule->programs, rule->units, rule->owners, rule->groups,
                                       rule->drivers };
        _cleanup_strv_free_ char **words = NULL;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                assert_int_equal(strv_consume(&words, strv_join(lists[i], "|")), 0);
        return strv_join(words, ";");
}

typedef struct Case {
        const char *text, *expected;
} Case;

static void check(const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(udev_rule_freep) UdevRule *rule = NULL;
                _cleanup_free_ char *said = NULL;

                assert_int_equal(udev_rule_parse(cases[i].text, strlen(cases[i].text), &rule), 0);
                said = describe(rule);
                assert_string_equal(said, cases[i].expected);
        }
}

static void test_lines(void **state) {
        static const Case cases[] = {
                { "", ";;;;" },
                { "\n \n# RUN+=\"/a\"\n  #RUN+=\"/b\"\n", ";;;;" },
                { "RUN+=\"/a\"", "/a;;;;" },
                { "\tRUN+=\"/a\"\r\nRUN+=\"/b\"", "/a|/b;;;;" },
                /* A rule goes on behind a backslash, comments between notwithstanding. */
                { "SUBSYSTEM==\"x\", \\\n# no \\\n  RUN+=\"/a\"\nRUN+=\"/b\"\n", "/a|/b;;;;" },
                { "RUN+=\"/a\\\n b\"\n", "/ab;;;;" },
                { "RUN+=\"/a\", \\", "/a;;;;" },
                { "RUN+=\"/a\", \\\n\nRUN+=\"/b\"", "/a|/b;;;;" },
                /* A mistake anywhere in a rule takes all of it, and nothing else. */
                { "RUN+=\"/a\", FOO\nRUN+=\"/b\"", "/b;;;;" },
                { "RUN+=\"/a\", RUN+=/b\nRUN+=\"/c\"", "/c;;;;" },
                { "RUN+=\"/a\", RUN+=\"/b\nRUN+=\"/c\"", "/c;;;;" },
                { "RUN+=\"/a\", =\"b\"", ";;;;" },
                { "RUN+=\"/a\", RUN+ x\"b\"", ";;;;" },
                { "RUN+=\"/a\", ENV{x=\"b\"", ";;;;" },
                { "RUN+=\"/a\", RUN+", ";;;;" },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_tokens(void **state) {
        static const Case cases[] = {
                /* Separators, and room around the operator. */
                { "ACTION==\"add\",,RUN = \"/a\" RUN:=\"/b\"\t,\tRUN+= \"/c\"", "/a|/b|/c;;;;" },
                /* Quotes in the value; any other backslash is one. */
                { "RUN+=\"\\\"/a b\\\" c\"", "/a b;;;;" },
                { "RUN+=\"'/a b' c\"", "/a b;;;;" },
                { "RUN+=\"'/a b c\"", "/a b c;;;;" },
                { "RUN+=\"/a\\x20b\"", "/a\\x20b;;;;" },
                { "RUN+=\"/a\\\\b\"", "/a\\\\b;;;;" },
                /* Nor can it be escaped, so this value ends behind RUN+=, and the rule is none. */
                { "RUN+=\"/a\\\\\", RUN+=\"/b\"", ";;;;" },
                /* e"…" has C escapes, i"…" does not matter here. */
                { "RUN+=e\"/a\\x2db\\\"c d\\\"\", RUN+=\"/e\"", "/a-bc d|/e;;;;" },
                { "RUN+=e\"/a\\q\"", ";;;;" },
                { "RUN+=e\"/a\\\"", ";;;;" },
                { "ATTR{x}==i\"y\", RUN+=\"/a\"", "/a;;;;" },
                { "RUN+=x\"/a\"", ";;;;" },
                /* Operators that are part of a key. */
                { "ATTR{a-b}==\"c\", ENV{d+e:f!g}!=\"h\", ATTR{/x/[a]}=\"1\", RUN+=\"/a\"", "/a;;;;" },
                { "ENV{SYSTEMD_WANTS}-=\"a.service\", RUN+=\"/a\"", "/a;;;;" },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_programs(void **state) {
        static const Case cases[] = {
                { "RUN+=\"/a x\", RUN{program}+=\"/b\", PROGRAM=\"/c\", PROGRAM==\"/d %k\", "
                  "PROGRAM!=\"/e\", IMPORT{program}=\"f/g --export\", IMPORT{program}!=\"/h\"",
                  "/a|/b|/c|/d|/e|f/g|/h;;;;" },
                { "RUN+=\"/a\", RUN+=\"/a b\", RUN+=\"\", RUN+=\" \"", "/a;;;;" },
                /* Not programs. */
                { "RUN==\"/a\", RUN{x}+=\"/b\", IMPORT{file}=\"/c\", IMPORT=\"/d\", IMPORT{db}=\"E\", "
                  "TEST==\"/f\", NAME=\"g\", RESULT==\"/h\"",
                  ";;;;" },
                /* Substitutions can't be told in the first word, and do not matter behind it. */
                { "RUN+=\"/a/$env{B}\", RUN+=\"$tempnode\", RUN+=\"/c%k\", RUN+=\"/d %k $name\"",
                  "/d;;;;" },
                { "RUN+=\"/a$$b\", RUN+=\"/c%%d\", RUN+=\"/e$\"", "/a$b|/c%d;;;;" },
                /* A builtin goes before a program of its name, for IMPORT alone. */
                { "IMPORT{program}=\"usb_id --export\", IMPORT{program}=\"kmod load x\", "
                  "IMPORT{program}=\"/sbin/blkid\", RUN+=\"kmod load y\"",
                  "/sbin/blkid|kmod;;;;x" },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_drivers(void **state) {
        static const Case cases[] = {
                { "IMPORT{builtin}=\"kmod load a\", RUN{builtin}+=\"kmod load b c\"", ";;;;a|b|c" },
                { "RUN{builtin}+=\"kmod load\", RUN{builtin}+=\"kmod load $env{MODALIAS}\", "
                  "RUN{builtin}=\"kmod unload x\", RUN{builtin}=\"path_id\", RUN{builtin}=\"\"",
                  ";;;;" },
                { "RUN{builtin}+=\"kmod load '$env{X}' pci:* a\"", ";;;;pci:*|a" },
                { "RUN{builtin}==\"kmod load a\"", ";;;;" },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_units(void **state) {
        static const Case cases[] = {
                { "ENV{SYSTEMD_WANTS}=\"a.service b.target\", ENV{SYSTEMD_WANTS}+=\"c@.service\", "
                  "ENV{SYSTEMD_WANTS}:=\"a.service\"",
                  ";a.service|b.target|c@.service;;;" },
                { "ENV{SYSTEMD_WANTS}+=\"a@$env{X}.timer b@%k.service c@$major:$minor.service\"",
                  ";a@.timer|b@.service|c@.service;;;" },
                { "ENV{SYSTEMD_WANTS}+=\"a@b-$name.service c@100%%%k.service\"",
                  ";a@.service|c@.service;;;" },
                { "ENV{SYSTEMD_WANTS}+=\"$env{X} $env{Y}.service a$name@.service b@$env{Z} c@x.$y\"",
                  ";;;;" },
                { "ENV{SYSTEMD_WANTS}+=\"a@dev-x\\x2dy.service 'b.socket'\"",
                  ";a@dev-x\\x2dy.service|b.socket;;;" },
                { "ENV{SYSTEMD_WANTS}==\"a.service\", ENV{SYSTEMD_USER_WANTS}=\"b.target\", "
                  "ENV{SYSTEMD_WANTS}=\"c d.e\", ATTR{SYSTEMD_WANTS}=\"f.service\"",
                  ";;;;" },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_owners(void **state) {
        static const Case cases[] = {
                { "OWNER=\"a\", GROUP=\"b\", MODE=\"0660\", GROUP:=\"c\", GROUP=\"b\"", ";;a;b|c;" },
                { "OWNER=\"0\", GROUP=\"%c\", GROUP=\"$attr{gid}\", GROUP=\"\"", ";;;;" },
                { "OWNER==\"a\", GROUP!=\"b\"", ";;;;" },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_limits(void **state) {
        UdevRule *rule = NULL;
        size_t max = 4 * 1024 * 1024;
        _cleanup_free_ char *big = malloc(max + 1), *many = malloc(5000 * 24);
        char *p = many;

        assert_non_null(big);
        assert_non_null(many);
        memset(big, 'x', max + 1);
        assert_int_equal(udev_rule_parse(big, max + 1, &rule), -EFBIG);
        for (unsigned i = 0; i < 5000; i++)
                p += sprintf(p, "RUN+=\"/a%u\"\n", i);
        assert_int_equal(udev_rule_parse(many, strlen(many), &rule), -E2BIG);
        assert_null(rule);

        assert_int_equal(udev_rule_parse(big, max, &rule), 0);
        udev_rule_free(rule);
        /* NUL ends a line. */
        assert_int_equal(udev_rule_parse("RUN+=\"/a\"\0RUN+=\"/b\"", 19, &rule), 0);
        assert_int_equal(strv_length(rule->programs), 2);
        udev_rule_free(rule);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),   cmocka_unit_test(test_tokens),
                cmocka_unit_test(test_programs), cmocka_unit_test(test_drivers),
                cmocka_unit_test(test_units),   cmocka_unit_test(test_owners),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
