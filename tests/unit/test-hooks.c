/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/hooks.h"
#include "conf-tree.h"

#define SH "#!/bin/sh -e\nexit 0\n"
#define ETC "etc/initrdd/hooks/"
#define RUN "run/initrdd/hooks/"
#define USR "usr/lib/initrdd/hooks/"

static void put(ConfTree *t, const char *path, const char *content, mode_t mode) {
        conf_tree_put(t, path, content);
        assert_int_equal(fchmodat(t->fd, path, mode, 0), 0);
}

/* What a root has that could run hooks. */
static int setup(void **state) {
        int r = conf_tree_setup(state);

        if (r < 0)
                return r;
        put(*state, "bin/sh", "a shell", 0755);
        put(*state, "usr/lib/initrdd/initrdd-hooks", "a program", 0755);
        return 0;
}

/* The hooks of the image in their order, "STEP.d/NAME …"; NULL: a failure. */
static char *collect(ConfTree *t, Told *told) {
        static char found[512];
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(collector_freep) Collector *collector = NULL;
        _cleanup_(collection_freep) Collection *out = NULL;
        Facts facts = { .generic = true };
        Profile profile = {};
        const Entry *e;

        conf_tree_settle(t);
        source = conf_tree_source(t);
        told_init(told);
        assert_int_equal(
                        collector_new(&collector, source, &told->report, NULL, &profile, &facts),
                        0);
        if (collect_hooks(collector, &out) < 0)
                return NULL;
        *found = '\0';
        for (size_t i = 0; i < out->manifest->entries.n; i++) {
                const char *name;

                e = out->manifest->entries.entries[i].value;
                name = e->type == ENTRY_FILE ? startswith(e->path, HOOKS_PLACE "/") : NULL;
                if (!name)
                        continue;
                assert_int_equal(e->mode & 07777, 0755);
                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s",
                         *found ? " " : "", name);
        }
        /* With them, what they need; without, nothing. */
        e = manifest_get(out->manifest, "/usr/lib/initrdd/initrdd-hooks");
        assert_int_equal(e != NULL, *found != '\0');
        assert_int_equal(manifest_get(out->manifest, "/bin/sh") != NULL, *found != '\0');
        assert_int_equal(conf_tree_check(t, out->trace), 1);
        return found;
}

static void test_none(void **state) {
        _cleanup_told_ Told told;

        assert_string_equal(collect(*state, &told), "");
        told_nothing(&told);
}

/* Three directories, by step and by name. */
static void test_places(void **state) {
        ConfTree *t = *state;
        _cleanup_told_ Told told;

        put(t, ETC "pre-mount.d/20-b", SH, 0755);
        put(t, RUN "pre-mount.d/10-a", SH, 0755);
        put(t, USR "pre-mount.d/30-c", SH, 0755);
        put(t, USR "cleanup.d/z", SH, 0755);
        put(t, USR "cmdline.d/z.required", SH, 0755);
        /* The same name, what is masked, and what only looks like a hook. */
        put(t, USR "pre-mount.d/20-b", "#!/nowhere\n", 0755);
        put(t, USR "pre-mount.d/40-masked", SH, 0755);
        conf_tree_link(t, ETC "pre-mount.d/40-masked", "/dev/null");
        put(t, USR "pre-mount.d/50-empty", SH, 0755);
        put(t, RUN "pre-mount.d/50-empty", "", 0644);
        put(t, ETC "pre-mount.d/60-old~", SH, 0755);
        put(t, ETC "pre-mount.d/60-old.dpkg-dist", SH, 0755);
        put(t, ETC "pre-mount.d/.hidden", SH, 0755);
        assert_string_equal(collect(t, &told), "cmdline.d/z.required pre-mount.d/10-a "
                                               "pre-mount.d/20-b pre-mount.d/30-c cleanup.d/z");
        told_nothing(&told);
}

static void test_warnings(void **state) {
        ConfTree *t = *state;
        _cleanup_told_ Told told;

        put(t, ETC "mount.d/README", "text", 0644);
        put(t, ETC "mount.d/hook", SH, 0755);
        put(t, ETC "premount.d/hook", SH, 0755);
        put(t, ETC "mounted.d/hook", SH, 0755);
        assert_string_equal(collect(t, &told), "mount.d/hook");
        assert_string_equal(told.text,
                            "/etc/initrdd/hooks:0: mounted.d belongs to no step of the boot, and "
                            "nothing in it is run\n"
                            "/etc/initrdd/hooks:0: premount.d belongs to no step of the boot, and "
                            "nothing in it is run\n"
                            "/etc/initrdd/hooks/mount.d/README:0: It is not executable, so it is no "
                            "hook and not in the image\n");
}

/* What could not run is refused, and the sentence says why. */
static void test_refused(void **state) {
        static const struct {
                const char *content, *why;
        } cases[] = {
                { "#!/usr/bin/perl\n", "/usr/bin/perl, which is not there" },
                { "#!/usr/bin/env python3\n", "The script needs python3, which is not there" },
                { "echo no interpreter is named\n", "neither a program nor a script" },
                { "#!", "neither a program nor a script" },
                { "\177ELF\1\1", "is a broken ELF file" },
        };
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                const Failure *f = &told.report.failure;

                put(t, ETC "pre-pivot.d/hook", cases[i].content, 0755);
                assert_null(collect(t, &told));
                assert_int_equal(f->kind, FAILURE_INCOMPLETE);
                assert_string_equal(f->path, "/etc/initrdd/hooks/pre-pivot.d/hook");
                if (!strstr(f->message, cases[i].why))
                        fail_msg("%s", f->message);
                assert_non_null(startswith(f->message, "The hook could not run in the image: "));
        }
}

static void test_no_runner(void **state) {
        ConfTree *t = *state;
        _cleanup_told_ Told told;

        put(t, ETC "mount.d/hook", SH, 0755);
        assert_int_equal(unlinkat(t->fd, "usr/lib/initrdd/initrdd-hooks", 0), 0);
        assert_null(collect(t, &told));
        assert_int_equal(told.report.failure.kind, FAILURE_INCOMPLETE);
        assert_non_null(strstr(told.report.failure.message, "nothing that runs them"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_none, setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_places, setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_warnings, setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_refused, setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_no_runner, setup, conf_tree_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
