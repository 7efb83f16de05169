/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/mapper-table.h"
#include "conf-tree.h"

#define INTEGRITY                                                                                 \
        "# a comment\n\n"                                                                         \
        "checked\tUUID=1\n"                                                                       \
        "data UUID=2 - allow-discards\n"                                                          \
        "short\n"                                                                                 \
        "marked UUID=3 - allow-discards,x-initrd.attach\n"                                        \
        "keyed UUID=4 /etc/key mode=journal\n"                                                    \
        "device UUID=5 /dev/sdb\n"
#define VERITY "usr /dev/sda /dev/sdb 1234\nother /dev/sdc /dev/sdd 1234 nofail"

/* Which lines of both tables there are, joined by "|"; NULL: no table. */
static void test_lines(void **state) {
        static const struct {
                const char *name;
                bool generic;
                const char *mapped[3], *include;
                const char *integrity, *verity, *warning;
        } cases[] = {
                { "a generic image has what there is", true, {}, NULL,
                  "checked\tUUID=1|data UUID=2 - allow-discards|"
                  "marked UUID=3 - allow-discards,x-initrd.attach|keyed UUID=4 /etc/key mode=journal|"
                  "device UUID=5 /dev/sdb|",
                  "usr /dev/sda /dev/sdb 1234|other /dev/sdc /dev/sdd 1234 nofail|", "/etc/key" },
                { "a host has the lines of its root, and what is marked", false, { "checked" }, NULL,
                  "checked\tUUID=1|marked UUID=3 - allow-discards,x-initrd.attach|", NULL, NULL },
                { "of a table that has none there is none", false, { "usr" }, NULL,
                  "marked UUID=3 - allow-discards,x-initrd.attach|", "usr /dev/sda /dev/sdb 1234|",
                  NULL },
                { "a key that nobody takes", false, { "keyed" }, NULL,
                  "marked UUID=3 - allow-discards,x-initrd.attach|keyed UUID=4 /etc/key mode=journal|",
                  NULL, "The key /etc/key of keyed is not taken" },
                { "one that a profile takes", false, { "keyed" }, "/etc/key",
                  "marked UUID=3 - allow-discards,x-initrd.attach|keyed UUID=4 /etc/key mode=journal|",
                  NULL, NULL },
                { "one that is a device", false, { "device", "gone" }, NULL,
                  "marked UUID=3 - allow-discards,x-initrd.attach|device UUID=5 /dev/sdb|", NULL, NULL },
        };
        ConfTree *t = *state;

        conf_tree_put(t, "etc/integritytab", INTEGRITY);
        conf_tree_put(t, "etc/veritytab", VERITY);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *paths[] = { "/etc/integritytab", "/etc/veritytab" };
                const char *texts[] = { cases[i].integrity, cases[i].verity };
                Facts facts = { .generic = cases[i].generic, .mapped = (char **) cases[i].mapped };
                Include include = { .source = (char *) cases[i].include };
                Profile profile = { .includes = &include, .n_includes = cases[i].include ? 1 : 0 };
                _cleanup_(source_freep) Source *source = conf_tree_source(t);
                _cleanup_(collector_freep) Collector *collector = NULL;
                _cleanup_(collection_freep) Collection *out = NULL;
                _cleanup_told_ Told told;

                print_message("%s\n", cases[i].name);
                told_init(&told);
                assert_int_equal(
                        collector_new(&collector, source, &told.report, NULL, &profile, &facts), 0);
                assert_int_equal(collect_mapper_tables(collector, &profile, &out), 0);
                for (size_t j = 0; j < ELEMENTSOF(paths); j++) {
                        const Entry *e = manifest_get(out->manifest, paths[j]);
                        _cleanup_free_ char *text = NULL;

                        assert_int_equal(e != NULL, texts[j] != NULL);
                        if (!e)
                                continue;
                        text = strndup(e->data, e->size);
                        for (char *p = text; (p = strchr(p, '\n'));)
                                *p = '|';
                        assert_string_equal(text, texts[j]);
                }
                if (cases[i].warning)
                        assert_non_null(strstr(told.text, cases[i].warning));
                else
                        told_nothing(&told);
        }
}

/* Neither table: nothing at all. */
static void test_none(void **state) {
        ConfTree *t = *state;
        Facts facts = { .generic = true };
        Profile profile = {};
        _cleanup_(source_freep) Source *source = conf_tree_source(t);
        _cleanup_(collector_freep) Collector *collector = NULL;
        _cleanup_(collection_freep) Collection *out = NULL;
        _cleanup_told_ Told told;

        told_init(&told);
        assert_int_equal(collector_new(&collector, source, &told.report, NULL, &profile, &facts), 0);
        assert_int_equal(collect_mapper_tables(collector, &profile, &out), 0);
        assert_int_equal(out->manifest->entries.n, 0);
        told_nothing(&told);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_lines, conf_tree_setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_none, conf_tree_setup, conf_tree_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
