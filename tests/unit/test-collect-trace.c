/* SPDX-License-Identifier: GPL-2.0-or-later */

/* When what was collected is still right. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect-place.h"

/* The trace of a Collection: what would make it another one is in it, whoever asked first. */
typedef struct Change {
        const char *content;
        void (*change)(ConfTree *t);
        int holds;
} Change;

static void change_nothing(ConfTree *t) {
}

static void change_library(ConfTree *t) {
        put_library(t, LIB "libb.so", NULL, NULL);
}

static void touch_library(ConfTree *t) {
        assert_int_equal(utimensat(t->fd, LIB "libb.so", NULL, 0), 0);
}

static void add_missing_library(ConfTree *t) {
        put_library(t, LIB "libmissing.so", NULL, NULL);
}

static void add_perl(ConfTree *t) {
        put_program(t, "usr/bin/perl", NULL, NULL);
}

static void add_program(ConfTree *t) {
        put_program(t, "usr/sbin/nothing", NULL, NULL);
}

static void add_earlier(ConfTree *t) {
        put_program(t, "usr/sbin/prog", NULL, NULL);
}

static void add_later(ConfTree *t) {
        put_program(t, "usr/local/prog", NULL, NULL);
}

static void add_conf(ConfTree *t) {
        conf_tree_put(t, "etc/conf.d/c.conf", "c");
}

static void turn_link(ConfTree *t) {
        assert_int_equal(unlinkat(t->fd, "usr/bin/sh", 0), 0);
        conf_tree_link(t, "usr/bin/sh", "prog");
}

static void change_parent(ConfTree *t) {
        assert_int_equal(fchmodat(t->fd, "etc/conf.d", 0700, 0), 0);
}

static void add_vendor_dropin(ConfTree *t) {
        conf_tree_put(t, "usr/lib/systemd/system/u.service.d/x.conf", "[Unit]\n");
}

static void add_wanted(ConfTree *t) {
        conf_tree_link(t, "usr/lib/systemd/system/x.target.wants/u.service", "../u.service");
}

static void add_to_tree(ConfTree *t) {
        conf_tree_put(t, "usr/share/tree/sub/another", "");
}

static void test_trace(void **state) {
        static const Change cases[] = {
                { "Binary=prog", change_nothing, 1 },
                { "Binary=prog", change_library, 0 },
                { "Binary=prog", touch_library, 1 },
                { "Binary=prog", add_earlier, 0 },
                { "Binary=prog", add_later, 1 },
                { "Binary=-nothing", add_program, 0 },
                { "Binary=nothing|sh", add_program, 0 },
                { "Binary=nothing", add_program, 0 },
                { "Binary=-broken", add_missing_library, 0 },
                { "Binary=broken", add_missing_library, 0 },
                /* What is missing of a library that is there. */
                { "Binary=-deep", add_missing_library, 0 },
                { "Binary=deep", add_missing_library, 0 },
                { "Binary=-needs-script", add_perl, 0 },
                { "Binary=/bin/sh", turn_link, 0 },
                { "Binary=script", turn_link, 0 },
                { "File=/etc/conf.d/*.conf", add_conf, 0 },
                { "File=/etc/conf.d/a.conf", add_conf, 1 },
                { "File=/etc/conf.d/a.conf", change_parent, 0 },
                { "Tree=/etc/conf.d", add_conf, 0 },
                { "Tree=/usr/share/tree", add_to_tree, 0 },
                { "Unit=u.service", add_vendor_dropin, 0 },
                { "Unit=u.service", add_wanted, 0 },
                { "Unit=u.service", change_library, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Collection *c;
                Place *p;

                place_new(&p, place_make_root);
                conf_tree_put(p->t, "usr/lib/systemd/system/u.service", "[Unit]\n");
                conf_tree_settle(p->t);
                place_begin(p);
                assert_int_equal(place_collect(p, cases[i].content, true, &c), 0);
                cases[i].change(p->t);
                assert_int_equal(conf_tree_check(p->t, c->trace), cases[i].holds);
                collection_free(c);
                place_free(p);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_trace),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
