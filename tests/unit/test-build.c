/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the keys and traces of a build hold: when it may say that nothing changed, and take what is
 * kept. What the steps do is tested beside each of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "build.h"
#include "build-place.h"

static int setup(void **state) {
        BuildPlace *p;

        assert_int_equal(build_place_setup(state), 0);
        p = *state;
        assert_int_equal(chmod(p->tree.root, 0755), 0);
        assert_int_equal(chmod(p->t->path, 0777), 0);
        return 0;
}

static unsigned threads; /* BuildOptions.threads */

/* Builds `image` with the store of that name. */
static int run(BuildPlace *p, const char *store, const char *image, char *const *settings,
               const char *facts, BuildResult *ret) {
        _cleanup_free_ char *store_path = path_join(p->t->path, store);
        _cleanup_free_ char *output = path_join(p->t->path, image);
        _cleanup_free_ char *facts_path = facts ? path_join(p->t->path, facts) : NULL;
        BuildOptions options = {
                .root = p->tree.root,
                .kernel = KERNEL_VERSION,
                .store = store_path,
                .output = output,
                .settings = settings,
                .facts = facts_path,
                .threads = threads,
        };

        return build(&options, &p->told.report, ret);
}

static void expect(BuildPlace *p, const char *store, const char *image, char *const *settings,
                   const char *facts, BuildOutcome outcome, uint64_t n_files) {
        BuildResult result;

        if (run(p, store, image, settings, facts, &result) < 0)
                fail_msg("%s", p->told.report.failure.message);
        assert_int_equal(result.outcome, outcome);
        if (n_files > 0)
                assert_int_equal(result.record->n_files, n_files);
        build_result_done(&result);
}

static char *const none[] = { NULL };

static void change_module(BuildPlace *p) {
        kernel_tree_text(&p->tree, MODULES "base.module", BASE "Directory=/new\n");
}

static void add_module(BuildPlace *p) {
        kernel_tree_text(&p->tree, MODULES "other.module",
                         "[Module]\nAlways=yes\n[Content]\nDirectory=/other\n");
}

static void change_file(BuildPlace *p) {
        kernel_tree_text(&p->tree, "/etc/secret", "SECRET");
}

static void remove_file(BuildPlace *p) {
        kernel_tree_remove(&p->tree, "/etc/secret");
}

static void add_config(BuildPlace *p) {
        kernel_tree_text(&p->tree, "/etc/initrdd/initrdd.conf.d/x.conf",
                         "[Profile]\nCompression=xz\n");
}

static void change_image(BuildPlace *p) {
        conf_tree_put(p->t, "image", "somebody's");
}

static void remove_image(BuildPlace *p) {
        assert_int_equal(unlinkat(p->t->fd, "image", 0), 0);
}

static void add_unrelated(BuildPlace *p) {
        kernel_tree_text(&p->tree, "/etc/unrelated", "");
}

static void touch_file(BuildPlace *p) {
        _cleanup_free_ char *path = path_join(p->tree.root, "/etc/secret");

        assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
}

static void nothing(BuildPlace *p) {
}

/* Unchanged is what would come out the same, and nothing else. */
static void test_unchanged(void **state) {
        static const struct {
                void (*change)(BuildPlace *p);
                BuildOutcome outcome;
        } cases[] = {
                { nothing, BUILD_UNCHANGED },      { add_unrelated, BUILD_UNCHANGED },
                { touch_file, BUILD_UNCHANGED },   { change_file, BUILD_DONE },
                { remove_file, BUILD_DONE },       { change_module, BUILD_DONE },
                { add_module, BUILD_DONE },        { add_config, BUILD_DONE },
                { change_image, BUILD_DONE },      { remove_image, BUILD_DONE },
        };
        BuildPlace *p = *state;

        expect(p, "store", "image", none, NULL, BUILD_DONE, 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                cases[i].change(p);
                expect(p, "store", "image", none, NULL, cases[i].outcome, 0);
                expect(p, "store", "image", none, NULL, BUILD_UNCHANGED, 0);
        }
}

/* An image of a machine and one for all share a store, not what they have of it. */
static void test_microcode(void **state) {
        static const char facts[] = "{\"generic\": false, \"machine\": \"x86_64\","
                                    " \"microcode\": null, \"modaliases\": [], \"mounts\": [],"
                                    " \"tags\": []}";
        static char *const host[] = { (char *) "Mode=host", (char *) "Microcode=host", NULL };
        static char *const generic[] = { (char *) "Mode=generic", (char *) "Microcode=host", NULL };
        BuildPlace *p = *state;
        BuildResult result;
        uint64_t n;

        kernel_tree_text(&p->tree, "/usr/lib/firmware/intel-ucode/06-55-04", "microcode");
        conf_tree_put(p->t, "facts", facts);
        assert_int_equal(run(p, "alone", "image1", generic, NULL, &result), 0);
        n = result.record->n_files;
        build_result_done(&result);

        expect(p, "store", "image2", host, "facts", BUILD_DONE, 0);
        expect(p, "store", "image3", generic, NULL, BUILD_DONE, n);
}

/* Hardware that comes and goes: only a driver that the image lacks makes it another one. */
static void test_hardware(void **state) {
        static const struct {
                const char *modaliases;
                BuildOutcome outcome;
        } cases[] = {
                { "\"usb:disk\"", BUILD_DONE },
                { "\"usb:disk\", \"usb:toy\"", BUILD_UNCHANGED }, /* no module asks for toys */
                { "\"usb:disk\", \"usb:none\"", BUILD_UNCHANGED },
                { "\"usb:disk\", \"usb:omitted\"", BUILD_UNCHANGED },
                { "\"usb:disk\", \"pci:always\"", BUILD_UNCHANGED }, /* it has that anyway */
                { "\"usb:disk\", \"pci:card\"", BUILD_DONE },
                { "\"usb:disk\", \"pci:card\"", BUILD_UNCHANGED },
                { "\"pci:card\"", BUILD_UNCHANGED },
                { "", BUILD_UNCHANGED },
                { "\"pci:card\", \"usb:disk\"", BUILD_UNCHANGED },
        };
        static char *const host[] = { (char *) "Mode=host", (char *) "OmitDrivers=omitted", NULL };
        BuildPlace *p = *state;

        kernel_tree_text(&p->tree, MODULES "hardware.module",
                         "[Module]\nAlways=yes\n[Drivers]\nName=always\n"
                         "Match=kernel/drivers/storage/*\n");
        kernel_tree_driver(&p->tree, "kernel/drivers/storage/disk.ko", "alias=usb:disk\n", NULL);
        kernel_tree_driver(&p->tree, "kernel/drivers/storage/card.ko", "alias=pci:card\n", NULL);
        kernel_tree_driver(&p->tree, "kernel/drivers/storage/always.ko", "alias=pci:always\n", NULL);
        kernel_tree_driver(&p->tree, "kernel/drivers/storage/omitted.ko", "alias=usb:omitted\n", NULL);
        kernel_tree_driver(&p->tree, "kernel/drivers/toys/toy.ko", "alias=usb:toy\n", NULL);
        kernel_tree_depmod(&p->tree);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *facts = NULL;

                assert_true(str_printf(&facts,
                                       "{\"generic\": false, \"machine\": \"x86_64\","
                                       " \"microcode\": null, \"modaliases\": [%s],"
                                       " \"mounts\": [], \"tags\": []}",
                                       cases[i].modaliases) >= 0);
                conf_tree_put(p->t, "facts", facts);
                expect(p, "store", "image", host, "facts", cases[i].outcome, 0);
        }
        /* What is not known to be there is not believed. */
        conf_tree_put(p->t, "facts",
                      "{\"generic\": false, \"machine\": \"x86_64\", \"microcode\": null,"
                      " \"modaliases\": [\"pci:card\"], \"mounts\": [], \"tags\": []}");
        {
                _cleanup_free_ char *path = path_join(p->t->path, "store/collections");

                nftw(path, conf_tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
        expect(p, "store", "image", host, "facts", BUILD_DONE, 0);
}

/* What a user may not read is left out of the image of that user. */
static void read_as_two(BuildPlace *p) {
        static char *const locked[] = { (char *) "Emergency=locked", NULL };
        _cleanup_free_ char *secret = path_join(p->tree.root, "/etc/secret");
        BuildResult result;
        uint64_t n;
        int r;

        assert_int_equal(chmod(secret, 0600), 0);
        usleep(150 * 1000); /* until its times are believed */
        assert_int_equal(seteuid(65534), 0);
        r = run(p, "store", "image", locked, NULL, &result);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(r, 0);
        n = result.record->n_files;
        build_result_done(&result);
        assert_non_null(strstr(p->told.text, "may not be read by this user"));
        /* The file, and the directory if nothing else is in it. */
        assert_int_equal(run(p, "store", "image", locked, NULL, &result), 0);
        assert_true(result.record->n_files > n);
        build_result_done(&result);
}

static void test_reader(void **state) {
        if (geteuid() != 0) {
                print_message("skipped: only root can be two users\n");
                skip();
        }
        read_as_two(*state);
}

static void assert_same(BuildPlace *p, const char *a, const char *b) {
        _cleanup_free_ char *x = NULL, *y = NULL;
        size_t n, m;

        assert_int_equal(file_read_at(p->t->fd, a, 0, &x, &n), 0);
        assert_int_equal(file_read_at(p->t->fd, b, 0, &y, &m), 0);
        assert_int_equal(n, m);
        assert_memory_equal(x, y, n);
}

/* The image says which line asked for a file, whether that is kept from before or not. */
static void test_reasons(void **state) {
        static const struct {
                const char *path, *before, *after;
        } cases[] = {
                { MODULES "base.module", BASE, "# a comment\n" BASE },
                { "/etc/initrdd/initrdd.conf", "[Profile]\nInclude=/etc/secret:/a\n",
                  "[Profile]\n# a comment\nInclude=/etc/secret:/a\n" },
        };
        BuildPlace *p = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char fresh[] = "fresh0";

                fresh[5] += (char) i;
                kernel_tree_text(&p->tree, cases[i].path, cases[i].before);
                expect(p, "store", "image", none, NULL, BUILD_DONE, 0);
                kernel_tree_text(&p->tree, cases[i].path, cases[i].after);
                expect(p, "store", "image", none, NULL, BUILD_DONE, 0);
                expect(p, fresh, fresh + 1, none, NULL, BUILD_DONE, 0);
                assert_same(p, "image", fresh + 1);
        }
}

static bool has_file(const BuildPlace *p, const BuildResult *result, const char *text) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        assert_int_equal(result->outcome, BUILD_DONE);
        assert_int_equal(file_read_at(p->t->fd, "image", 0, &data, &size), 0);
        return memmem(data, size, text, strlen(text)) != NULL;
}

/* What was there for the sake of a module that can't be is not in the image, also when two of them
 * ask for one another; once the program is there, everything is. */
static void test_orphans(void **state) {
        static char *const settings[] = { (char *) "Mode=generic", (char *) "Compression=none",
                                          NULL };
        static const struct {
                const char *name, *text;
        } modules[] = {
                { "client", "[Module]\nNeeded=fs:net\nRequires=net\n[Content]\nFile=/etc/client\n" },
                { "net", "[Module]\nWants=cards\n[Content]\nText=/net:0644 the-net\n" },
                { "cards", "[Module]\nRequires=net\n[Content]\nText=/cards:0644 the-cards\n" },
                { "own", "[Module]\nNeeded=fs:x\n[Content]\nText=/own:0644 the-own\n" },
        };
        BuildPlace *p = *state;
        BuildResult result;

        for (size_t i = 0; i < ELEMENTSOF(modules); i++) {
                _cleanup_free_ char *path = NULL;

                assert_true(asprintf(&path, MODULES "%s.module", modules[i].name) > 0);
                kernel_tree_text(&p->tree, path, modules[i].text);
        }
        for (int there = 0; there < 2; there++) {
                assert_int_equal(run(p, "store", "image", settings, NULL, &result), 0);
                assert_true(has_file(p, &result, "the-own"));
                assert_int_equal(has_file(p, &result, "the-net"), there);
                assert_int_equal(has_file(p, &result, "the-cards"), there);
                build_result_done(&result);
                kernel_tree_text(&p->tree, "/etc/client", "client");
        }
}

/* Looks at everything with one thread and with two, from nothing and with what was kept, and gives what
 * was said: each time the same. */
static void look_twice(BuildPlace *p, int expected, Told *ret) {
        static const char *const stores[] = { "one", "two", "two" };

        for (size_t i = 0; i < ELEMENTSOF(stores); i++) {
                char image[] = "image-0";
                BuildResult result;
                int r;

                image[6] += (char) i;
                told_done(&p->told);
                told_init(&p->told);
                threads = i == 0 ? 1 : 2;
                r = run(p, stores[i], image, none, NULL, &result);
                threads = 0;
                assert_int_equal(r, expected);
                if (r >= 0) {
                        build_result_done(&result);
                        assert_same(p, "image-0", image);
                }
                if (i == 0) {
                        strcpy(ret->text, p->told.text);
                        ret->report.failure = p->told.report.failure;
                        p->told.report.failure = (Failure) {};
                        continue;
                }
                assert_string_equal(p->told.text, ret->text);
                if (r < 0) {
                        const Failure *f = &p->told.report.failure, *g = &ret->report.failure;

                        assert_string_equal(f->message, g->message);
                        assert_true(streq_ptr(f->path, g->path));
                        assert_int_equal(f->line, g->line);
                        assert_int_equal(f->kind, g->kind);
                        assert_int_equal(f->stage, g->stage);
                }
        }
}

/* What is collected by a thread of its own is told when it would have been told without one: in the order
 * of the modules, and only the first failure. */
static void test_threads(void **state) {
        static const struct {
                const char *name, *text;
        } modules[] = {
                { "a", "[Module]\nAlways=yes\n[Content]\nFile=-/etc/secret\n" },
                { "b", "[Module]\nAlways=yes\n[Content]\nText=/b:0644 b\n[Drivers]\nName=-no_such\n" },
                { "c", "[Module]\nAlways=yes\nRequires=b\n[Content]\nFile=-/etc/secret\n" },
                { "d", "[Module]\nAlways=yes\n[Content]\nFile=/etc/gone\n" },
                { "e", "[Module]\nAlways=yes\n[Content]\nFile=/etc/gone-too\n" },
        };
        BuildPlace *p = *state;
        _cleanup_free_ char *secret = path_join(p->tree.root, "/etc/secret");
        _cleanup_told_ Told told;
        uid_t uid = geteuid();

        told_init(&told);
        for (size_t i = 0; i < ELEMENTSOF(modules); i++) {
                _cleanup_free_ char *path = NULL;

                assert_true(asprintf(&path, MODULES "%s.module", modules[i].name) > 0);
                kernel_tree_text(&p->tree, path, modules[i].text);
                if (streq(modules[i].name, "c")) {
                        assert_int_equal(chmod(secret, 0), 0);
                        if (uid == 0)
                                assert_int_equal(seteuid(65534), 0);
                        look_twice(p, 0, &told);
                        assert_int_equal(seteuid(uid), 0);
                        assert_non_null(strstr(told.text, "a.module"));
                        assert_true(strstr(told.text, "c.module") > strstr(told.text, "a.module"));
                }
        }
        look_twice(p, -ENOENT, &told);
        assert_non_null(strstr(told.report.failure.message, "/etc/gone"));
        assert_null(strstr(told.report.failure.message, "/etc/gone-too"));
}

int main(void) {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, build_place_teardown)
        static const struct CMUnitTest tests[] = {
                IN_PLACE(test_unchanged),
                IN_PLACE(test_microcode),
                IN_PLACE(test_hardware),
                IN_PLACE(test_reader),
                IN_PLACE(test_reasons),
                IN_PLACE(test_orphans),
                IN_PLACE(test_threads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
