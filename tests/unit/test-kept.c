/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is kept of a module, after each kind of change: brought up to date or collected anew, it must
 * be what collecting it anew gives, byte for byte; and a change that costs no new collecting must
 * cost none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect-place.h"
#include "pack/kept.h"

/* What lives for one build. */
typedef struct Run {
        Source *source;
        Collector *collector;
        Module *module;
        bool droppable;
        unsigned n_collected;
} Run;

static void make_root(ConfTree *t) {
        put_loader(t, LOADER_PATHS, sizeof(LOADER_PATHS));
        conf_tree_link(t, "usr/lib64/ld-linux-x86-64.so.2",
                       "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
        conf_tree_link(t, "bin", "usr/bin");
        conf_tree_link(t, "lib", "usr/lib");
        conf_tree_link(t, "lib64", "usr/lib64");
        put_library(t, LIB "libc.so.6", NULL, "");
        put_library(t, LIB "liba.so.1.0", "libc.so.6", "");
        conf_tree_link(t, LIB "liba.so.1", "liba.so.1.0");
        put_library(t, LIB "libother.so", "libc.so.6", "");
        put_program(t, "usr/bin/prog", "liba.so.1", "old");
        put_program(t, "usr/bin/other", "libc.so.6", "");
        put_program(t, "usr/bin/needy", "libmissing.so", "old");
        put_program(t, "usr/bin/dash", "libc.so.6", "");
        conf_tree_link(t, "usr/bin/sh", "dash");
        conf_tree_put(t, "usr/bin/script", "#!/bin/sh -e\nold\n");
        conf_tree_put(t, "etc/a.conf", "old\n");
        conf_tree_put(t, "usr/lib/systemd/system/u.service", "[Service]\nExecStart=/usr/bin/prog\n");
        conf_tree_put(t, "usr/lib/udev/rules.d/50-u.rules", "PROGRAM==\"/usr/bin/prog\"\n");
}

static int setup(void **state) {
        _cleanup_free_ char *store = NULL;
        Place *p;

        place_new(&p, make_root);
        store = path_join(p->t->path, "var/store");
        assert_int_equal(store_open(&p->store, &p->told.report, store, STORE_SHARED), 0);
        *state = p;
        return 0;
}

static void run_begin(Place *p, Run *run, const char *content) {
        *run = (Run) {
                .source = conf_tree_source(p->t),
                .module = place_parse(p, content),
                .droppable = true,
        };
        assert_int_equal(collector_new(&run->collector, run->source, &p->told.report, &p->kernel,
                                       p->profile, p->facts),
                         0);
}

static void run_end(Run *run) {
        module_free(run->module);
        collector_free(run->collector);
        source_free(run->source);
}

static int collect(void *userdata, Collection **ret) {
        Run *run = userdata;

        run->n_collected++;
        return collect_shared(run->collector, run->module, run->droppable, ret);
}

/* As the next build has it. How often something was collected. */
static unsigned get_kept(Place *p, const char *content, Collection **ret) {
        XXH128_hash_t key = XXH3_128bits(content, strlen(content));
        Run run;

        run_begin(p, &run, content);
        assert_int_equal(kept_collection(p->store, run.source, run.collector, key, collect, &run,
                                         ret),
                         0);
        run_end(&run);
        return run.n_collected;
}

static void assert_same(const Collection *a, const Collection *b) {
        _cleanup_free_ char *data_a = NULL, *data_b = NULL, *users_a = NULL, *users_b = NULL;
        size_t size_a, size_b;

        assert_true(streq_ptr(a->missing, b->missing));
        users_a = strv_join(a->users, " ");
        users_b = strv_join(b->users, " ");
        assert_string_equal(users_a, users_b);
        assert_int_equal(manifest_serialize(a->manifest, &data_a, &size_a), 0);
        assert_int_equal(manifest_serialize(b->manifest, &data_b, &size_b), 0);
        assert_int_equal(size_a, size_b);
        assert_memory_equal(data_a, data_b, size_a);
        assert_int_equal(trace_size(a->trace), trace_size(b->trace));
}

/* What is kept is what somebody who never saw the tree before finds. */
static void assert_right(Place *p, const char *content, const Collection *kept) {
        _cleanup_(collection_freep) Collection *fresh = NULL;
        Run run;

        run_begin(p, &run, content);
        assert_int_equal(collect(&run, &fresh), 0);
        assert_same(kept, fresh);
        run_end(&run);
}

static void program_changes(ConfTree *t) {
        put_program(t, "usr/bin/prog", "liba.so.1", "new");
}

static void program_grows(ConfTree *t) {
        put_program(t, "usr/bin/prog", "liba.so.1", "new and longer");
}

static void program_is_replaced(ConfTree *t) {
        assert_int_equal(unlinkat(t->fd, "usr/bin/prog", 0), 0);
        program_grows(t);
}

static void program_needs_another(ConfTree *t) {
        put_program(t, "usr/bin/prog", "libother.so", "old");
}

static void program_needs_nothing(ConfTree *t) {
        put_program(t, "usr/bin/prog", NULL, "old");
}

static void program_needs_what_is_not_there(ConfTree *t) {
        put_program(t, "usr/bin/prog", "libmissing.so", "old");
}

static void program_breaks(ConfTree *t) {
        conf_tree_put(t, "usr/bin/prog", "\177ELF broken");
}

static void program_becomes_script(ConfTree *t) {
        conf_tree_put(t, "usr/bin/prog", "#!/usr/bin/other\n");
}

static void program_becomes_data(ConfTree *t) {
        conf_tree_put(t, "usr/bin/prog", "nothing that runs");
}

static void program_becomes_link(ConfTree *t) {
        assert_int_equal(renameat(t->fd, "usr/bin/prog", t->fd, "usr/bin/prog-1"), 0);
        conf_tree_link(t, "usr/bin/prog", "prog-1");
}

static void program_goes(ConfTree *t) {
        assert_int_equal(unlinkat(t->fd, "usr/bin/prog", 0), 0);
}

static void program_gets_mode(ConfTree *t) {
        program_changes(t);
        assert_int_equal(fchmodat(t->fd, "usr/bin/prog", 0700, 0), 0);
}

static void program_gets_dlopen(ConfTree *t) {
        put_elf(t, "usr/bin/prog", &(ElfSpec) {
                .interpreter = INTERPRETER,
                .needed = (const char *const[]) { "liba.so.1", NULL },
                .dlopen = (const char *const[]) {
                        "[{\"soname\":[\"libother.so\"],\"priority\":\"recommended\"}]", NULL },
        });
}

static void program_gets_runpath(ConfTree *t) {
        put_elf(t, "usr/bin/prog", &(ElfSpec) {
                .interpreter = INTERPRETER,
                .needed = (const char *const[]) { "liba.so.1", NULL },
                .runpath = "/usr/lib/prog",
        });
}

static void library_changes(ConfTree *t) {
        put_library(t, LIB "liba.so.1.0", "libc.so.6", "new");
}

static void library_needs_another(ConfTree *t) {
        put_library(t, LIB "liba.so.1.0", "libother.so", "");
}

static void library_gets_soname(ConfTree *t) {
        put_elf(t, LIB "liba.so.1.0", &(ElfSpec) {
                .soname = "liba.so.2",
                .needed = (const char *const[]) { "libc.so.6", NULL },
        });
}

static void library_is_of_another_machine(ConfTree *t) {
        put_elf(t, LIB "liba.so.1.0", &(ElfSpec) {
                .class = 1,
                .needed = (const char *const[]) { "libc.so.6", NULL },
        });
}

static void library_is_upgraded(ConfTree *t) {
        put_library(t, LIB "liba.so.1.1", "libc.so.6", "new");
        assert_int_equal(unlinkat(t->fd, LIB "liba.so.1", 0), 0);
        assert_int_equal(unlinkat(t->fd, LIB "liba.so.1.0", 0), 0);
        conf_tree_link(t, LIB "liba.so.1", "liba.so.1.1");
}

static void loader_has_other_places(ConfTree *t) {
        static const char paths[] = "/usr/lib/x86_64-linux-gnu/\0/usr/lib/";

        put_loader(t, paths, sizeof(paths));
}

static void two_change(ConfTree *t) {
        program_grows(t);
        library_changes(t);
}

static void one_of_two_needs_another(ConfTree *t) {
        program_grows(t);
        library_needs_another(t);
}

static void needy_changes(ConfTree *t) {
        put_program(t, "usr/bin/needy", "libmissing.so", "new and longer");
}

static void script_changes(ConfTree *t) {
        conf_tree_put(t, "usr/bin/script", "#!/bin/sh -e\nnew and longer\n");
}

static void script_has_another_interpreter(ConfTree *t) {
        conf_tree_put(t, "usr/bin/script", "#!/usr/bin/other\nold\n");
}

static void data_changes(ConfTree *t) {
        conf_tree_put(t, "etc/a.conf", "new and longer\n");
}

static void data_becomes_script(ConfTree *t) {
        conf_tree_put(t, "etc/a.conf", "#!/usr/bin/other\n");
}

static void data_becomes_empty(ConfTree *t) {
        conf_tree_put(t, "etc/a.conf", "");
}

static void unit_starts_another(ConfTree *t) {
        conf_tree_put(t, "usr/lib/systemd/system/u.service",
                      "[Service]\nExecStart=/usr/bin/other\n");
}

static void unit_has_user(ConfTree *t) {
        conf_tree_put(t, "usr/lib/systemd/system/u.service",
                      "[Service]\nExecStart=/usr/bin/prog\nUser=alice\n");
}

static void rule_starts_another(ConfTree *t) {
        conf_tree_put(t, "usr/lib/udev/rules.d/50-u.rules", "PROGRAM==\"/usr/bin/other\"\n");
}

typedef struct Change {
        const char *content; /* of the module */
        void (*change)(ConfTree *t);
        unsigned n_collected;
} Change;

static const Change changes[] = {
        { "Binary=prog", program_changes, 0 },
        { "Binary=prog", program_grows, 0 },
        { "Binary=prog", program_is_replaced, 0 },
        { "Binary=prog", library_changes, 0 },
        { "Binary=prog", two_change, 0 },
        { "Binary=script", script_changes, 0 },
        { "Binary=script\nBinary=prog", program_grows, 0 },
        { "File=/etc/a.conf", data_changes, 0 },
        { "File=/etc/a.conf", data_becomes_empty, 0 },
        { "File=/etc/a.conf:/etc/b.conf\nFile=/etc/a.conf", data_changes, 0 },
        { "Unit=u.service", program_grows, 0 },
        { "UdevRule=50-u.rules", program_grows, 0 },
        /* Of what can't be in the image, it is known why. */
        { "Binary=needy", needy_changes, 0 },

        { "Binary=prog", program_needs_another, 1 },
        { "Binary=prog", program_needs_nothing, 1 },
        { "Binary=prog", program_needs_what_is_not_there, 1 },
        { "Binary=prog", program_breaks, 1 },
        { "Binary=prog", program_becomes_script, 1 },
        { "Binary=prog", program_becomes_data, 1 },
        { "Binary=prog", program_becomes_link, 1 },
        { "Binary=prog", program_goes, 1 },
        { "Binary=-prog", program_goes, 1 },
        { "Binary=prog", program_gets_mode, 1 },
        { "Binary=prog", program_gets_dlopen, 1 },
        { "Binary=prog", program_gets_runpath, 1 },
        { "Binary=prog", library_needs_another, 1 },
        { "Binary=prog", library_gets_soname, 1 },
        { "Binary=prog", library_is_of_another_machine, 1 },
        { "Binary=prog", library_is_upgraded, 1 },
        { "Binary=prog", loader_has_other_places, 1 },
        { "Binary=prog", one_of_two_needs_another, 1 },
        { "Binary=script", script_has_another_interpreter, 1 },
        { "File=/etc/a.conf", data_becomes_script, 1 },
        { "Unit=u.service", unit_starts_another, 1 },
        { "Unit=u.service", unit_has_user, 1 },
        { "UdevRule=50-u.rules", rule_starts_another, 1 },
        /* A file that is both read and put in as it is, whichever comes first. */
        { "File=/usr/lib/systemd/system/u.service\nUnit=u.service", unit_has_user, 1 },
        { "Unit=u.service\nFile=/usr/lib/systemd/system/u.service", unit_has_user, 1 },
};

static void test_changes(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(changes); i++)
                for (unsigned settled = 0; settled < 2; settled++) {
                        const Change *change = &changes[i];
                        _cleanup_(collection_freep) Collection *before = NULL, *after = NULL,
                                                               *again = NULL;
                        unsigned n;
                        Place *p;

                        assert_int_equal(setup((void **) &p), 0);
                        if (settled)
                                conf_tree_settle(p->t);
                        assert_int_equal(get_kept(p, change->content, &before), 1);
                        change->change(p->t);
                        if (settled)
                                usleep(150 * 1000); /* so that what is only looked at is believed */
                        n = get_kept(p, change->content, &after);
                        if (n != change->n_collected)
                                fail_msg("change %zu: collected %u times", i, n);
                        assert_right(p, change->content, after);
                        assert_true(get_kept(p, change->content, &again) <= !settled);
                        assert_same(again, after);
                        place_free(p);
                }
}

/* One change after the other on the same tree, each on top of what was brought up to date before. */
static void test_in_a_row(void **state) {
        static const struct {
                void (*change)(ConfTree *t);
                unsigned n_collected;
        } row[] = {
                { program_grows, 0 },
                { program_changes, 0 },
                { library_changes, 0 },
                { program_gets_mode, 1 },
                { program_grows, 1 }, /* it gets its mode back */
                { library_needs_another, 1 },
                { program_changes, 0 },
                { program_needs_nothing, 1 },
                { library_changes, 0 }, /* nobody has it any more */
                { program_grows, 1 },
                { two_change, 0 },
                { program_becomes_script, 1 },
                { program_grows, 1 },
        };
        static const char content[] = "Binary=prog\nUnit=u.service";
        _cleanup_(collection_freep) Collection *first = NULL;
        Place *p = *state;

        get_kept(p, content, &first);
        for (size_t i = 0; i < ELEMENTSOF(row); i++) {
                _cleanup_(collection_freep) Collection *c = NULL;
                unsigned n;

                row[i].change(p->t);
                n = get_kept(p, content, &c);
                if (n != row[i].n_collected)
                        fail_msg("change %zu: collected %u times", i, n);
                assert_right(p, content, c);
        }
}

/* A file that several modules have is the same in all of them. */
static void test_shared(void **state) {
        static const char *const contents[] = { "Binary=prog", "Library=liba.so.1",
                                                "Unit=u.service" };
        Place *p = *state;

        for (unsigned round = 0; round < 2; round++) {
                Run run;

                run_begin(p, &run, "");
                for (size_t i = 0; i < ELEMENTSOF(contents); i++) {
                        _cleanup_(collection_freep) Collection *c = NULL;
                        XXH128_hash_t key = XXH3_128bits(contents[i], strlen(contents[i]));
                        Run one = run;

                        run_begin(p, &one, contents[i]);
                        assert_int_equal(kept_collection(p->store, run.source, run.collector, key,
                                                         collect, &one, &c),
                                         0);
                        assert_int_equal(one.n_collected, round == 0);
                        assert_right(p, contents[i], c);
                        run_end(&one);
                }
                run_end(&run);
                two_change(p->t);
        }
}

int main(void) {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, place_teardown)
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_changes),
                IN_PLACE(test_in_a_row),
                IN_PLACE(test_shared),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
