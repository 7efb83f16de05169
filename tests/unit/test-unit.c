/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/unit.h"
#include "collect/word.h"
#include "string-util.h"

/* Everything that a unit says, in one line: "-" before an optional program, "|" between names. */
static char *describe(const Unit *unit) {
        char *const *const lists[] = { unit->needs, unit->environment_files, unit->aliases, unit->users,
                                       unit->groups };
        static const char *const titles[] = { "needs", "env", "alias", "users", "groups" };
        _cleanup_strv_free_ char **words = NULL;

        for (size_t i = 0; i < unit->n_programs; i++) {
                char *s;

                assert_int_equal(str_printf(&s, "%s%s", unit->programs[i].optional ? "-" : "",
                                            unit->programs[i].path),
                                 0);
                assert_int_equal(strv_consume(&words, s), 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_free_ char *joined = strv_join(lists[i], "|");
                char *s;

                if (!*joined)
                        continue;
                assert_int_equal(str_printf(&s, "%s:%s", titles[i], joined), 0);
                assert_int_equal(strv_consume(&words, s), 0);
        }
        return strv_join(words, " ");
}

typedef struct Case {
        const char *text, *dropin; /* NULL: no drop-in */
        const char *expected;
} Case;

static void check(const char *name, const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(unit_freep) Unit *unit = NULL;
                _cleanup_free_ char *said = NULL;

                assert_int_equal(unit_new(&unit), 0);
                assert_int_equal(unit_parse(unit, name, cases[i].text, strlen(cases[i].text)), 0);
                if (cases[i].dropin)
                        assert_int_equal(unit_parse(unit, name, cases[i].dropin,
                                                    strlen(cases[i].dropin)),
                                         0);
                said = describe(unit);
                assert_string_equal(said, cases[i].expected);
        }
}

#define S "[Service]\n"

static void test_lines(void **state) {
        static const Case cases[] = {
                { "", NULL, "" },
                { "\xef\xbb\xbf[Service]\nExecStart=/a", NULL, "/a" },
                { " [Service] \n\t ExecStart \t=  /a  \n", NULL, "/a" },
                /* No section, another, one that is not closed, an own one, the wrong one. */
                { "ExecStart=/a", NULL, "" },
                { "[Unit]\nExecStart=/a", NULL, "" },
                { "[Service\nExecStart=/a", NULL, "" },
                { "[X-Service]\nExecStart=/a", NULL, "" },
                { "[]\nExecStart=/a", NULL, "" },
                { "[Service]\n[Install]\nExecStart=/a\n[Service]\nExecStop=/b", NULL, "/b" },
                /* Comments, lines that say nothing. */
                { S "#ExecStart=/a\n ;ExecStart=/b\nExecStart\n\nExecStop=/c", NULL, "/c" },
                { S "execstart=/a\nExecStart=/b=c\n", NULL, "/b=c" },
                /* Lines that go on; a comment within does not end them, an empty line does. */
                { S "ExecStart=/a \\\n# comment\\\n ; \\\n  /b ; \\\n/c\n", NULL, "/a /c" },
                { S "ExecStart=/a ; \\\n\nExecStop=/b", NULL, "/a /b" },
                { S "ExecStart=/a ; \\\n/b\\", NULL, "/a /b" },
                { S "ExecStart=/a ; \\\n/b\\\n#", NULL, "/a /b" },
                { S "ExecStart=/a \\\\\nExecStop=/b", NULL, "/a /b" },
                { S "ExecStart\\\n=/a", NULL, "/a" },
                { "[Service]\r\nExecStart=/a ; \\\r\n/b\r\nExecStop=/c\r", NULL, "/a /b /c" },
        };
        static const char nul[] = S "ExecStart=/a\0ExecStop=/b\0";
        _cleanup_(unit_freep) Unit *unit = NULL;
        _cleanup_free_ char *said = NULL;

        check("x.service", cases, ELEMENTSOF(cases));

        assert_int_equal(unit_new(&unit), 0);
        assert_int_equal(unit_parse(unit, "x.service", nul, sizeof(nul)), 0);
        said = describe(unit);
        assert_string_equal(said, "/a /b");
}

static void test_exec(void **state) {
        static const Case cases[] = {
                /* Every key, each path once. */
                { S "ExecCondition=/a\nExecStartPre=/b\nExecStart=/c\nExecStartPost=/d\nExecReload=/e\n"
                    "ExecStop=/f\nExecStopPost=/g\nExecPaths=/h\nExecSearchPath=/i\nExecStop=/a",
                  NULL, "/a /b /c /d /e /f /g" },
                { "[Socket]\nExecStartPre=/a\nExecStopPost=/b\n[Mount]\nExecStart=/c\n"
                  "[Swap]\nExecStart=/d\n",
                  NULL, "/a /b /c /d needs:x.service" },
                { S "Type=oneshot\nExecStart=/a\nExecStart=/b\n", NULL, "/a /b" },
                /* Several commands; what is not a word of its own, or quoted, separates nothing. */
                { S "ExecStart=/a x ; /b;/c ; ; -/d ;", NULL, "/a /b;/c -/d" },
                { S "ExecStart=/a ';' /b \\; /c \" ; \" /d", NULL, "/a" },
                /* Prefixes in any order, each once, in quotes too. */
                { S "ExecStart=-/a\nExecStart=@/b argv0\nExecStart=:/c\nExecStart=+/d\nExecStart=!/e\n"
                    "ExecStart=!!/f\nExecStart=|/g\nExecStart=@-+/h argv0\nExecStart=!!:@-/i x",
                  NULL, "-/a /b /c /d /e /f /g -/h -/i" },
                { S "ExecStart=--/a\nExecStart=!!!/b\nExecStart=\"-/c d\" e\nExecStart=- /f", NULL,
                  "-/c d" },
                /* Quotes, escapes. */
                { S "ExecStart=\"/a b\" c ; '/d\\x2de' ; /f\\x20g ; /h\\sj ; /k\\101 ; /\\u00e4", NULL,
                  "/a b /d-e /f g /h j /kA /\xc3\xa4" },
                { S "ExecStart=/a ; \"/b\nExecStop=/c 'x", NULL, "/a" },
                { S "ExecStart=/a\\q ; /b\\x00 ; /c\\ud800", NULL, "/a\\q /b\\x00 /c\\ud800" },
                /* Specifiers can't be told. */
                { S "ExecStart=/a/%i ; /b/100%% ; /c% ; /d/%%i ; /e %i", NULL, "/b/100% /d/%i /e" },
                /* Bare names; relative paths and directories are none. */
                { S "ExecStart=udevadm settle ; ./a ; b/c ; /d/ ; . ; //e//./f", NULL, "udevadm /e/f" },
                /* Optional only when it is each time. */
                { S "ExecStart=-/a\nExecStop=/a\nExecStart=-/b\nExecStop=-/b", NULL, "/a -/b" },
        };

        check("x.service", cases, ELEMENTSOF(cases));
}

static void test_reset(void **state) {
        static const Case cases[] = {
                { S "ExecStart=/a\nExecStart=\nExecStart=/b\n", NULL, "/b" },
                /* A drop-in takes back its own key alone. */
                { S "ExecStart=/a ; /b\nExecStop=/c\n", S "ExecStart=\nExecStart=/d", "/c /d" },
                { S "ExecStart=/a", S "ExecStart=/b", "/a /b" },
                /* It has to name its section again. */
                { S "ExecStart=/a", "ExecStart=/b", "/a" },
                { S "EnvironmentFile=/a", S "EnvironmentFile=\nEnvironmentFile=-/b", "env:/b" },
                { S "User=a\nSupplementaryGroups=b c", S "User=d\nSupplementaryGroups=\nGroup=e",
                  "users:d groups:e" },
                { S "User=a", S "User=", "" },
                { "[Install]\nAlias=a.service", "[Install]\nAlias=\nAlias=b.service",
                  "alias:b.service" },
                /* Dependencies can only grow. */
                { "[Unit]\nWants=a.service", "[Unit]\nWants=\nWants=b.service",
                  "needs:a.service|b.service" },
                /* A Condition makes a program optional, and another takes that back. */
                { S "ExecStart=/a", "[Unit]\nConditionPathExists=/a", "-/a" },
                { "[Unit]\nConditionPathExists=/a\n" S "ExecStart=/a",
                  "[Unit]\nConditionFirstBoot=", "/a" },
                { "[Unit]\nConditionPathExists=/a\n" S "ExecStart=/a", "[Unit]\nAssertPathExists=",
                  "-/a" },
                { "[Unit]\nAssertPathExists=/a\n" S "ExecStart=/a", "[Unit]\nAssertPathExists=", "/a" },
        };

        check("x.service", cases, ELEMENTSOF(cases));
}

static void test_conditions(void **state) {
        static const Case cases[] = {
                { "[Unit]\nConditionFileIsExecutable=/a\nAssertPathExists=/b\nConditionFileNotEmpty=/c\n" S
                  "ExecStart=/a ; /b ; /c ; /d",
                  NULL, "-/a -/b -/c /d" },
                { "[Unit]\nConditionPathExists=!/a\nConditionPathExists=|/b\nConditionPathExists=/%i\n"
                  "ConditionPathIsDirectory=/c\n" S "ExecStart=/a ; /b ; /c",
                  NULL, "/a /b /c" },
        };

        check("x.service", cases, ELEMENTSOF(cases));
}

static void test_needs(void **state) {
        static const Case cases[] = {
                { "[Unit]\nRequires=a.service b.socket\nRequisite=c.target\nBindsTo=d.device\n"
                  "Wants=e.path a.service\nUpholds=f.service\nOnFailure=g.service\nOnSuccess=h.service\n"
                  "After=i.service\nConflicts=j.service\nBefore=k.service\nPartOf=l.service\n" S
                  "Sockets=m.socket\n",
                  NULL,
                  "needs:a.service|b.socket|c.target|d.device|e.path|f.service|g.service|h.service|"
                  "m.socket" },
                /* Escapes belong to the name, quotes do not. */
                { "[Unit]\nWants=dev-disk-by\\x2duuid.device 'a.service' \"b.mount\"", NULL,
                  "needs:dev-disk-by\\x2duuid.device|a.service|b.mount" },
                /* Names that are none. */
                { "[Unit]\nWants=a a.b .service @x.service a/b.service a.service' $x.service", NULL,
                  "" },
                { "[Unit]\nWants=a$.service b.service", NULL, "needs:b.service" },
                { "[Install]\nAlias=dbus-x.service 'y.service'\nWantedBy=z.target\nAlso=q.service", NULL,
                  "alias:dbus-x.service|y.service" },
        };
        static const Case instance[] = {
                { "[Unit]\nWants=%i.mount a@%i.service b@%n.service c-%p.service %N.socket %j.path",
                  NULL,
                  "needs:tty-1.mount|a@tty-1.service|b@my-getty@tty-1.service.service|"
                  "c-my-getty.service|my-getty@tty-1.socket|getty.path" },
                /* What only the boot can tell leaves the template, or nothing. */
                { "[Unit]\nWants=a@%I.service a@%f.service b@x%H.socket %H.service c-%b@.service", NULL,
                  "needs:a@.service|b@.socket" },
        };
        static const Case template[] = {
                { "[Unit]\nBindsTo=%i.device\nWants=fail@%i.service other@x-%n.socket %p.target "
                  "%%.service",
                  NULL, "needs:fail@.service|other@.socket|getty.target" },
        };

        check("x.service", cases, ELEMENTSOF(cases));
        check("my-getty@tty-1.service", instance, ELEMENTSOF(instance));
        check("getty@.service", template, ELEMENTSOF(template));
}

/* What a socket, a timer, a path and an automount are there to start. */
static void test_started(void **state) {
        static const struct {
                const char *name, *text, *expected;
        } cases[] = {
                { "a.socket", "[Socket]\n", "needs:a.service" },
                { "a.socket", "[Socket]\nAccept=yes", "needs:a@.service" },
                { "a.socket", "[Socket]\nAccept=no", "needs:a.service" },
                { "a.socket", "[Socket]\nAccept=maybe", "needs:a.service" },
                { "a@b.socket", "[Socket]\n", "needs:a@b.service" },
                { "a@.socket", "[Socket]\n", "needs:a@.service" },
                { "a.socket", "[Socket]\nService=b.service", "needs:b.service" },
                { "a@.socket", "[Socket]\nService=b@%i.service", "needs:b@.service" },
                { "a.socket", "[Unit]\nWants=a.service\n[Socket]\n", "needs:a.service" },
                { "a.timer", "[Timer]\n", "needs:a.service" },
                { "a.timer", "[Timer]\nUnit=b.target", "needs:b.target" },
                { "a.path", "[Path]\nUnit=b.service", "needs:b.service" },
                { "a-b.automount", "[Automount]\n", "needs:a-b.mount" },
                { "a.service", "[Service]\nUnit=b.service", "" },
                { "a.mount", "[Mount]\nWhat=/dev/b", "" },
                /* A masked one starts nothing, nor is a name without any letters one. */
                { "a.socket", "", "" },
                { ".socket", "[Socket]\n", "" },
        };
        _cleanup_(unit_freep) Unit *unit = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case one = { cases[i].text, NULL, cases[i].expected };

                check(cases[i].name, &one, 1);
        }

        /* The last drop-in decides. */
        assert_int_equal(unit_new(&unit), 0);
        assert_int_equal(unit_parse(unit, "a.socket", "[Socket]", 8), 0);
        assert_string_equal(unit->needs[0], "a.service");
        assert_int_equal(unit_parse(unit, "a.socket", "[Socket]\nAccept=1", 17), 0);
        assert_string_equal(unit->needs[0], "a@.service");
        assert_null(unit->needs[1]);
}

static void test_owners(void **state) {
        static const Case cases[] = {
                { S "User=a\nGroup=b\nSupplementaryGroups=c 'd' 5 %i b", NULL, "users:a groups:b|c|d" },
                { S "User=0\nGroup=65534", NULL, "" },
                { S "User=a%i", NULL, "" },
                { S "DynamicUser=yes\nUser=a\nGroup=b\nSupplementaryGroups=c", NULL, "groups:c" },
                { S "DynamicUser=yes\nUser=a", S "DynamicUser=no", "users:a" },
                { "[Socket]\nSocketUser=a\nSocketGroup=b\nUser=c", NULL,
                  "needs:x.service users:c|a groups:b" },
                { S "EnvironmentFile=-/a\nEnvironmentFile=/b/*.conf\nEnvironmentFile=/c/%i\n"
                    "EnvironmentFile=d\nEnvironmentFile=/a\nEnvironmentFile=//e/%%\n",
                  NULL, "env:/a|/b/*.conf|/e/%" },
        };

        check("x.service", cases, ELEMENTSOF(cases));
}

static void test_limits(void **state) {
        _cleanup_(unit_freep) Unit *unit = NULL;
        _cleanup_free_ char *big = calloc(1, 1024 * 1024 + 1), *many = malloc(5000 * 16 + 64);
        char *p;

        assert_int_equal(unit_new(&unit), 0);
        assert_non_null(big);
        assert_int_equal(unit_parse(unit, "x.service", big, 1024 * 1024), 0);
        assert_int_equal(unit_parse(unit, "x.service", big, 1024 * 1024 + 1), -EFBIG);

        assert_non_null(many);
        p = stpcpy(many, "[Unit]\nWants=");
        for (unsigned i = 0; i < 5000; i++)
                p += sprintf(p, "a%u.service ", i);
        assert_int_equal(unit_parse(unit, "x.service", many, strlen(many)), -E2BIG);

        p = stpcpy(many, "[Service]\nExecStart=");
        for (unsigned i = 0; i < 5000; i++)
                p = stpcpy(p, "/a ; ");
        assert_int_equal(unit_parse(unit, "x.service", many, strlen(many)), -E2BIG);
}

static void test_names(void **state) {
        static const struct {
                const char *name, *template;
        } cases[] = {
                { "getty@tty1.service", "getty@.service" },
                { "a@b@c.d.service", "a@.service" },
                { "getty@.service", NULL },
                { "getty.service", NULL },
                { "@tty1.service", NULL },
                { "getty@tty1", NULL },
                { "", NULL },
        };
        _cleanup_free_ char *long_name = malloc(300);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *template = (char *) 1;

                assert_int_equal(unit_name_template(cases[i].name, &template), 0);
                assert_true(streq_ptr(template, cases[i].template));
        }
        assert_true(unit_name_is_valid("a.service"));
        assert_true(unit_name_is_valid("a@.service"));
        assert_true(unit_name_is_valid("-.mount"));
        assert_false(unit_name_is_valid("a"));
        assert_false(unit_name_is_valid("a.conf"));
        assert_non_null(long_name);
        memset(long_name, 'a', 300);
        strcpy(long_name + 255 - strlen(".service"), ".service");
        assert_true(unit_name_is_valid(long_name));
        strcpy(long_name + 256 - strlen(".service"), ".service");
        assert_false(unit_name_is_valid(long_name));
}

/* What the flags change, and what no caller above reaches. */
static void test_words(void **state) {
        static const struct {
                const char *in;
                int flags, r;
                const char *out;
        } cases[] = {
                { "", 0, 0, NULL },
                { " \t\n", 0, 0, NULL },
                { " a\\ b c", 0, 1, "a b" },
                { "a\\\"b c", WORD_KEEP_ESCAPES, 1, "a\\\"b" },
                { "\"a 'b\"' c'", WORD_KEEP_ESCAPES, 1, "a 'b c" },
                { "\"a b", 0, -EINVAL, NULL },
                { "\"a b", WORD_OPEN_QUOTES, 1, "a b" },
                { "a\\", 0, -EINVAL, NULL },
                { "a\\", WORD_OPEN_QUOTES, 1, "a\\" },
                { "''", 0, 1, "" },
                { "\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\'", WORD_C_ESCAPES, 1, "\a\b\f\n\r\t\v\\\"'" },
                { "\\U0001f600\\u20ac\\xfF", WORD_C_ESCAPES, 1, "\xf0\x9f\x98\x80\xe2\x82\xac\xff" },
                /* Cut short, out of range, NUL. */
                { "\\x4", WORD_C_ESCAPES, 1, "\\x4" },
                { "\\400", WORD_C_ESCAPES, 1, "\\400" },
                { "\\000", WORD_C_ESCAPES, 1, "\\000" },
                { "\\U00110000", WORD_C_ESCAPES, 1, "\\U00110000" },
                { "\\8", WORD_C_ESCAPES, 1, "\\8" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *word = NULL;
                const char *p = cases[i].in;

                assert_int_equal(word_next(&p, (WordFlags) cases[i].flags, &word), cases[i].r);
                assert_true(streq_ptr(word, cases[i].out));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),   cmocka_unit_test(test_exec),
                cmocka_unit_test(test_reset),   cmocka_unit_test(test_conditions),
                cmocka_unit_test(test_needs),   cmocka_unit_test(test_started),
                cmocka_unit_test(test_owners),  cmocka_unit_test(test_limits),
                cmocka_unit_test(test_names),   cmocka_unit_test(test_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
