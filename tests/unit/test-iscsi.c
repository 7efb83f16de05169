/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/iscsi.h"
#include "conf-tree.h"

#define T(...) { .target = (char *) "iqn.a:store", .address = (char *) "10.0.0.1",                \
                 .port = (char *) "3260", __VA_ARGS__ }
#define RECORD "etc/iscsi/nodes/iqn.a:store/10.0.0.1,3260,1/default"
#define LINE "\"iqn.a:store\" \"10.0.0.1\" \"3260\" \"\" \"\""

/* A line for each target, with the passwords of its own record, and nothing of other targets. */
static void test_targets(void **state) {
        static const struct {
                const char *path, *record;
                FactsIscsi targets[2];
                const char *text;
        } cases[] = {
                { NULL, NULL, { T() }, LINE "\n" },
                { NULL, NULL, { T(.group = (char *) "2", .initiator = (char *) "iqn.a:us") },
                  "\"iqn.a:store\" \"10.0.0.1\" \"3260\" \"2\" \"iqn.a:us\"\n" },
                { RECORD, "# BEGIN RECORD\nnode.session.auth.username = me\n"
                  "node.session.auth.password = a \"b\\c\nnode.session.scan = auto\n", { T() },
                  LINE " \"me\" \"a \\\"b\\\\c\"\n" },
                { RECORD, "node.session.auth.username = me\nnode.session.auth.password = x\n"
                  "node.session.auth.username_in = it\nnode.session.auth.password_in = y", { T() },
                  LINE " \"me\" \"x\" \"it\" \"y\"\n" },
                { RECORD, "node.session.auth.username = me\nnode.session.auth.username_in = it\n",
                  { T() }, LINE "\n" },
                { "var/lib/iscsi/nodes/iqn.a:store/10.0.0.1,3260,7/default",
                  "node.session.auth.username=me\nnode.session.auth.password=x\n",
                  { T(.group = (char *) "7") },
                  "\"iqn.a:store\" \"10.0.0.1\" \"3260\" \"7\" \"\" \"me\" \"x\"\n" },
                { "etc/iscsi/nodes/iqn.a:other/10.0.0.1,3260,1/default",
                  "node.session.auth.username = me\nnode.session.auth.password = x\n", { T() },
                  LINE "\n" },
                { NULL, NULL, { T(), { (char *) "iqn.b:c", (char *) "fd00::1", (char *) "1" } },
                  LINE "\n\"iqn.b:c\" \"fd00::1\" \"1\" \"\" \"\"\n" },
        };
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Facts facts = { .iscsi = (FactsIscsi *) cases[i].targets,
                                .n_iscsi = cases[i].targets[1].target ? 2 : 1 };
                Profile profile = {};
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(collector_freep) Collector *collector = NULL;
                _cleanup_(collection_freep) Collection *out = NULL;
                _cleanup_told_ Told told;
                const Entry *e;

                if (cases[i].path)
                        conf_tree_put(t, cases[i].path, cases[i].record);
                source = conf_tree_source(t);
                told_init(&told);
                assert_int_equal(
                        collector_new(&collector, source, &told.report, NULL, &profile, &facts), 0);
                assert_int_equal(collect_iscsi(collector, &out), 0);
                e = manifest_get(out->manifest, "/etc/initrdd/iscsi");
                assert_non_null(e);
                assert_int_equal(e->mode & 07777, 0600);
                assert_int_equal(e->size, strlen(cases[i].text));
                assert_memory_equal(e->data, cases[i].text, e->size);
                told_nothing(&told);
                if (cases[i].path)
                        assert_int_equal(unlinkat(t->fd, cases[i].path, 0), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_targets, conf_tree_setup, conf_tree_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
