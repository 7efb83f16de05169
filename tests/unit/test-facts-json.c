/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Facts as a file, and how tags are matched. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "machines.h"

static void test_match(void **state) {
        static const struct {
                const char *tag;
                bool match;
        } cases[] = {
                { "fs:ext4", true },  { "fs:xfs", false }, { "fs:*", true },   { "block:*", false },
                { "fs:ext[34]", true }, { "fs", false },   { "net", true },    { "", false },
        };
        char *tags[] = { (char *) "fs:ext4", (char *) "net", NULL };
        const Facts facts = { .tags = tags };
        _cleanup_(facts_freep) Facts *generic = NULL;

        assert_int_equal(facts_new_generic(&generic), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(facts_match(&facts, cases[i].tag), cases[i].match);
                assert_true(facts_match(generic, cases[i].tag));
        }
}

static void test_json(void **state) {
        static const char text[] =
                "{\n"
                "  \"crypt\": [\n    {\n"
                "      \"device\": \"UUID=2\",\n"
                "      \"key\": null,\n"
                "      \"name\": \"root\",\n"
                "      \"options\": \"luks,discard\"\n    }\n  ],\n"
                "  \"generic\": false,\n"
                "  \"iscsi\": [\n    {\n"
                "      \"address\": \"10.0.0.1\",\n"
                "      \"group\": null,\n"
                "      \"initiator\": \"iqn.a:us\",\n"
                "      \"port\": \"3260\",\n"
                "      \"target\": \"iqn.a:store\"\n    }\n  ],\n"
                "  \"machine\": \"x86_64\",\n"
                "  \"mapped\": [\n    \"checked\",\n    \"usr\"\n  ],\n"
                "  \"microcode\": null,\n"
                "  \"modaliases\": [\n    \"a:1\",\n    \"b:2\"\n  ],\n"
                "  \"mounts\": [\n    {\n"
                "      \"devices\": [\n        \"dm-0\",\n        \"sda\"\n      ],\n"
                "      \"options\": null,\n"
                "      \"type\": \"ext4\",\n"
                "      \"what\": \"UUID=1\",\n"
                "      \"where\": \"/\"\n    }\n  ],\n"
                "  \"tags\": [\n    \"block:dm\",\n    \"fs:ext4\"\n  ]\n"
                "}\n";
        _cleanup_(facts_freep) Facts *facts = NULL, *generic = NULL, *again = NULL;
        _cleanup_free_ char *out = NULL, *out_generic = NULL;
        char warnings[512] = "";
        _cleanup_(report_done) Report report = { .on_warning = machine_warning, .userdata = warnings };

        /* What is written is read, and comes out the same to the byte. */
        assert_int_equal(facts_from_json(text, sizeof(text) - 1, &report, "f", &facts), 0);
        assert_int_equal(facts_to_json(facts, &out), 0);
        assert_string_equal(out, text);
        assert_int_equal(facts_new_generic(&generic), 0);
        assert_int_equal(facts_to_json(generic, &out_generic), 0);
        assert_int_equal(facts_from_json(out_generic, strlen(out_generic), &report, "f", &again), 0);
        assert_true(again->generic);
        assert_string_equal(warnings, "");

        /* A name that is no UTF-8 doesn't keep the rest from being written. */
        free(facts->mounts[0].what);
        facts->mounts[0].what = strdup("LABEL=\xff\xfe");
        free(TAKE_PTR(out));
        assert_int_equal(facts_to_json(facts, &out), 0);
        assert_non_null(strstr(out, "LABEL=??"));
}

static void test_json_strict(void **state) {
        static const struct {
                const char *text;
                int r;
                const char *warnings;
                const char *message; /* part of it */
                unsigned line;
        } cases[] = {
                { "{\"tags\":[]}", 0, "", NULL, 0 },
                { "{\"generic\":true}", 0, "", NULL, 0 },
                { "{\"tags\":[\"b\",\"a\",\"b\"],\"new\":1}", 0, "f:0", NULL, 0 },
                { "{\"tags\":[],\"mounts\":[{\"where\":\"/\",\"what\":\"a\",\"type\":\"b\",\"x\":0}]}", 0,
                  "f:0", NULL, 0 },
                { "", -EINVAL, "", "Not JSON", 1 },
                { "{\n\n\"tags\": [", -EINVAL, "", "Not JSON", 3 },
                { "{\"tags\":[],\"tags\":[]}", -EINVAL, "", "Not JSON", 1 },
                { "[]", -EINVAL, "", "object", 0 },
                { "{}", -EINVAL, "", "\"tags\" is missing", 0 },
                { "{\"generic\":1}", -EINVAL, "", "\"generic\" must be", 0 },
                { "{\"tags\":\"a\"}", -EINVAL, "", "\"tags\" must be", 0 },
                { "{\"tags\":[1]}", -EINVAL, "", "\"tags\" must be", 0 },
                { "{\"tags\":[\"\"]}", -EINVAL, "", "\"tags\" must be", 0 },
                { "{\"tags\":[],\"modaliases\":{}}", -EINVAL, "", "\"modaliases\" must be", 0 },
                { "{\"tags\":[],\"mapped\":\"a\"}", -EINVAL, "", "\"mapped\" must be", 0 },
                { "{\"tags\":[],\"machine\":[]}", -EINVAL, "", "\"machine\" must be", 0 },
                { "{\"tags\":[],\"microcode\":1}", -EINVAL, "", "\"microcode\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\",\"device\":\"b\",\"x\":0}]}", 0, "f:0",
                  NULL, 0 },
                { "{\"tags\":[],\"crypt\":{}}", -EINVAL, "", "\"crypt\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[1]}", -EINVAL, "", "\"crypt\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\"}]}", -EINVAL, "", "\"crypt\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":1}]}", -EINVAL, "", "\"name\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\",\"device\":\"b c\"}]}", -EINVAL, "",
                  "white space", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\",\"device\":\"b\",\"options\":\"x\\ny\"}]}",
                  -EINVAL, "", "white space", 0 },
                { "{\"tags\":[],\"iscsi\":{}}", -EINVAL, "", "\"iscsi\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[1]}", -EINVAL, "", "\"iscsi\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":1}]}", -EINVAL, "", "\"target\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"a\",\"address\":\"b\"}]}", -EINVAL, "",
                  "\"iscsi\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"../a\",\"address\":\"b\",\"port\":\"1\"}]}",
                  -EINVAL, "", "which are names", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"a\",\"address\":\"b\",\"port\":\"1\","
                  "\"initiator\":\"a\\\"b\"}]}", -EINVAL, "", "which are names", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"a\",\"address\":\"b\",\"port\":\"1\","
                  "\"x\":0}]}", 0, "f:0", NULL, 0 },
                { "{\"tags\":[],\"mounts\":{}}", -EINVAL, "", "\"mounts\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[1]}", -EINVAL, "", "\"mounts\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[{\"where\":\"/\"}]}", -EINVAL, "", "\"mounts\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[{\"where\":1}]}", -EINVAL, "", "\"where\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[{\"devices\":1}]}", -EINVAL, "", "\"devices\" must be", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(facts_freep) Facts *facts = NULL;
                char warnings[512] = "";
                _cleanup_(report_done) Report report = { .on_warning = machine_warning,
                                                         .userdata = warnings };

                assert_int_equal(facts_from_json(cases[i].text, strlen(cases[i].text), &report, "f",
                                                 &facts), cases[i].r);
                assert_string_equal(warnings, cases[i].warnings);
                if (cases[i].r >= 0) {
                        assert_non_null(facts);
                        continue;
                }
                assert_null(facts);
                assert_int_equal(report.failure.kind, FAILURE_CONFIG_INVALID);
                assert_string_equal(report.failure.path, "f");
                assert_int_equal(report.failure.line, cases[i].line);
                assert_non_null(strstr(report.failure.message, cases[i].message));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_match),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_strict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
