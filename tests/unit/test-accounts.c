/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who has an account in an image, and who gets a shell. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/accounts.h"
#include "collect-place.h"

/* Accounts have the numbers that the root gives them, or sysusers.d does, or the next free one. */
static void test_accounts(void **state) {
        static const char *const users[] = { "alice", "dynamic", "fixed", "nobody-here", "root", NULL };
        static const char *const groups[] = { "disk", "dynamic2", "nobody-here", "root", "tape", NULL };
        _cleanup_(collection_freep) Collection *c = NULL;
        Place *p = *state;

        conf_tree_put(p->t, "etc/passwd",
                      "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:100:Alice:/home/alice:/bin/zsh\n");
        conf_tree_put(p->t, "etc/group", "root:x:0:\ndisk:x:6:alice\nalice:x:100:\n");
        conf_tree_put(p->t, "usr/lib/sysusers.d/a.conf",
                      "# comment\nu dynamic - \"Some one\" /\ng tape 26\nu fixed 77\ng dynamic2 -\n");
        assert_int_equal(collect_accounts(p->collector, (char **) users, (char **) groups,
                                          p->profile, &c),
                         0);
        assert_string_equal(content_of(c, "/etc/passwd"),
                            "root:x:0:0:root:/root:/bin/sh\n"
                            "alice:x:1000:100:alice:/:/usr/sbin/nologin\n"
                            "dynamic:x:999:999:dynamic:/:/usr/sbin/nologin\n"
                            "fixed:x:77:77:fixed:/:/usr/sbin/nologin\n");
        assert_string_equal(content_of(c, "/etc/group"),
                            "root:x:0:\nalice:x:100:\ndynamic:x:999:\nfixed:x:77:\ndisk:x:6:\n"
                            "dynamic2:x:998:\ntape:x:26:\n");
        assert_string_equal(content_of(c, "/etc/shadow"), "root:*:::::::\nalice:!*:::::::\n"
                                                          "dynamic:!*:::::::\nfixed:!*:::::::\n");
        assert_int_equal(manifest_get(c->manifest, "/etc/shadow")->mode, 0600);
        told_nothing(&p->told);
}

/* Fields may be empty, and numbers that the root has given away are not given away again. */
static void test_account_numbers(void **state) {
        static const char *const users[] = { "empty", "new", "pair", NULL };
        static const char *const groups[] = { "noword", "newgroup", NULL };
        _cleanup_(collection_freep) Collection *c = NULL;
        Place *p = *state;

        conf_tree_put(p->t, "etc/passwd", "root:x:0:0:::\nempty::10:11:::\nother:x:999:999:::\nshort:x\n");
        conf_tree_put(p->t, "etc/group", "noword::12:\nempty:x:11:\nused:x:998:\nshort\n");
        conf_tree_put(p->t, "usr/lib/sysusers.d/a.conf", "u new -\nu pair 70:71\ng newgroup -\n");
        assert_int_equal(collect_accounts(p->collector, (char **) users, (char **) groups,
                                          p->profile, &c),
                         0);
        assert_string_equal(content_of(c, "/etc/passwd"),
                            "root:x:0:0:root:/root:/bin/sh\n"
                            "empty:x:10:11:empty:/:/usr/sbin/nologin\n"
                            "new:x:997:997:new:/:/usr/sbin/nologin\n"
                            "pair:x:70:71:pair:/:/usr/sbin/nologin\n");
        assert_string_equal(content_of(c, "/etc/group"),
                            "root:x:0:\nempty:x:11:\nnew:x:997:\npair:x:71:\nnoword:x:12:\n"
                            "newgroup:x:996:\n");
}

#define HASH "$y$j9T$abcdefghijklmnop$0123456789"

/* Who gets a shell in an emergency. */
static void test_emergency(void **state) {
        static const struct {
                Emergency emergency;
                const char *given, *shadow;
                const char *root; /* its line in the image; NULL: a failure */
                FailureKind kind;
        } cases[] = {
                { EMERGENCY_LOCKED, NULL, NULL, "root:*:::::::\n", FAILURE_NONE },
                { EMERGENCY_LOCKED, HASH, "root:" HASH ":1::::::\n", "root:*:::::::\n", FAILURE_NONE },
                { EMERGENCY_OPEN, NULL, NULL, "root:*:::::::\n", FAILURE_NONE },
                { EMERGENCY_PASSWORD, HASH, NULL, "root:" HASH ":::::::\n", FAILURE_NONE },
                { EMERGENCY_PASSWORD, NULL, "root:" HASH ":1::::::\n", "root:" HASH ":::::::\n",
                  FAILURE_NONE },
                { EMERGENCY_PASSWORD, NULL, NULL, NULL, FAILURE_CONFIG_INVALID },
                { EMERGENCY_PASSWORD, NULL, "root:*:1::::::\n", NULL, FAILURE_CONFIG_INVALID },
                { EMERGENCY_PASSWORD, NULL, "root::1::::::\n", NULL, FAILURE_CONFIG_INVALID },
                { EMERGENCY_PASSWORD, NULL, "root:!" HASH ":1::::::\n", NULL, FAILURE_CONFIG_INVALID },
                { EMERGENCY_PASSWORD, NULL, "toor:" HASH ":1::::::\n", NULL, FAILURE_CONFIG_INVALID },
                { EMERGENCY_PASSWORD, "secret", "root:" HASH ":1::::::\n", NULL,
                  FAILURE_CONFIG_INVALID },
                { EMERGENCY_PASSWORD, "$6$a:b$0123456789abcdefghi", NULL, NULL,
                  FAILURE_CONFIG_INVALID },
        };
        static const char *const none[] = { NULL };
        Place *p = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Profile profile = { .emergency = cases[i].emergency,
                                    .emergency_password = (char *) cases[i].given };
                Collection *c;
                int r;

                if (cases[i].shadow)
                        conf_tree_put(p->t, "etc/shadow", cases[i].shadow);
                else
                        (void) unlinkat(p->t->fd, "etc/shadow", 0);
                place_begin(p);
                r = collect_accounts(p->collector, (char **) none, (char **) none, &profile, &c);
                assert_int_equal(p->told.report.failure.kind, cases[i].kind);
                assert_int_equal(r, cases[i].root ? 0 : -EINVAL);
                if (cases[i].root) {
                        assert_string_equal(content_of(c, "/etc/shadow"), cases[i].root);
                        assert_int_equal(content_of(c, "/etc/systemd/system/emergency.service.d/"
                                                       "50-initrdd-open.conf") != NULL,
                                         cases[i].emergency == EMERGENCY_OPEN);
                        collection_free(c);
                }
                report_done(&p->told.report);
        }
}

int main(void) {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)
        static const struct CMUnitTest tests[] = {
                IN_PLACE(test_accounts),
                IN_PLACE(test_account_numbers),
                IN_PLACE(test_emergency),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
