/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What examine() finds, and what remove_image() takes away, on a small tree; with real drivers and
 * through the worker both are tested by tests/engine/test-worker. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "build-place.h"
#include "describe/boot-default.h"
#include "examine.h"
#include "json-text.h"
#include "prepare.h"
#include "remove.h"

static int setup(void **state) {
        BuildPlace *p;

        assert_int_equal(build_place_setup(state), 0);
        p = *state;
        kernel_tree_driver(&p->tree, "kernel/fs/some", "license=GPL\n", NULL);
        kernel_tree_depmod(&p->tree);
        kernel_tree_text(&p->tree, "/boot/vmlinuz-" KERNEL_VERSION, "MZ");
        usleep(150 * 1000); /* until its times are believed */
        return 0;
}

static BuildOptions options_of(const BuildPlace *p) {
        return (BuildOptions) {
                .root = p->tree.root,
                .kernel = KERNEL_VERSION,
                .store = p->store,
        };
}

static void build_image(BuildPlace *p, KnownImage *known) {
        BuildOptions options = options_of(p);
        BuildResult result;

        if (build(&options, &p->told.report, &result) < 0)
                fail_msg("%s", p->told.report.failure.message);
        *known = (KnownImage) {
                .kernel = KERNEL_VERSION,
                .profile = "default",
                .path = p->image,
                .inode = result.record->ino,
                .size = result.record->size,
                .mtime = result.record->mtime,
        };
        build_result_done(&result);
}

static Examination *look(BuildPlace *p, const KnownImage *known) {
        ExamineOptions options = { .build = options_of(p), .known = known, .n_known = known != NULL };
        Examination *x;

        options.build.kernel = NULL;
        if (examine(&options, &p->told.report, &x) < 0)
                fail_msg("%s", p->told.report.failure.message);
        return x;
}

static void expect(BuildPlace *p, const KnownImage *known, ImageState state, const char *reason) {
        _cleanup_(examination_freep) Examination *x = look(p, known);

        assert_int_equal(x->n_images, 1);
        assert_string_equal(image_state_to_string(x->images[0].state),
                            image_state_to_string(state));
        assert_string_equal(x->images[0].path, p->image);
        assert_int_equal(strv_length(x->images[0].reasons), reason != NULL);
        if (reason)
                assert_string_equal(x->images[0].reasons[0], reason);
}

static void remove_it(BuildPlace *p, int result, size_t n_files) {
        _cleanup_strv_free_ char **removed = NULL;
        RemoveOptions options = {
                .root = p->tree.root,
                .store = p->store,
                .kernel = KERNEL_VERSION,
                .profile = "default",
                .path = p->image,
        };
        Report report = {};

        assert_int_equal(remove_image(&options, &report, &removed), result);
        assert_int_equal(strv_length(removed), n_files);
        report_done(&report);
}

/* From nothing to an image that is removed again. */
static void test_life(void **state) {
        BuildPlace *p = *state;
        KnownImage known;

        expect(p, NULL, IMAGE_MISSING, "There is no image");
        assert_int_equal(faccessat(p->t->fd, "store", F_OK, 0), -1);
        remove_it(p, -ENOENT, 0);

        build_image(p, &known);
        expect(p, NULL, IMAGE_CURRENT, NULL);
        kernel_tree_text(&p->tree, "/etc/secret", "SECRET");
        expect(p, NULL, IMAGE_STALE, "/etc/secret changed");
        kernel_tree_remove(&p->tree, "/etc/secret");
        expect(p, NULL, IMAGE_STALE, "/etc/secret is gone");
        build_image(p, &known);
        kernel_tree_text(&p->tree, "/etc/secret", "secret");
        expect(p, NULL, IMAGE_STALE, "/etc/secret is new");
        build_image(p, &known);
        kernel_tree_text(&p->tree, MODULES "new.module", "[Module]\nNeeded=fs:none\n");
        expect(p, NULL, IMAGE_STALE,
               "The configuration changed: /usr/lib/initrdd/modules.d has other files in it");
        build_image(p, &known);

        kernel_tree_remove(&p->tree, KERNEL_DIRECTORY "/modules.dep");
        {
                _cleanup_(examination_freep) Examination *x = look(p, &known);

                assert_int_equal(x->images[0].state, IMAGE_INCOMPLETE);
                assert_true(x->images[0].exists);
                assert_int_equal(x->kernels[0].state, KERNEL_INCOMPLETE);
        }
        remove_it(p, 0, 2);
        remove_it(p, -ENOENT, 0);
}

/* Whose the image is when the store has no record of it. */
static void test_lost_record(void **state) {
        static const char gone[] = "The record of what it was made of is gone from the store";
        BuildPlace *p = *state;
        KnownImage known;

        build_image(p, &known);
        nftw(p->store, conf_tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        expect(p, NULL, IMAGE_STALE, gone);
        expect(p, &known, IMAGE_STALE, gone);
        kernel_tree_text(&p->tree, "/boot/initrd.img-" KERNEL_VERSION, "070701");
        expect(p, &known, IMAGE_FOREIGN, "Another program made it");
        remove_it(p, 0, 1);
        expect(p, &known, IMAGE_MISSING, "There is no image");
}

static void expect_damaged(BuildPlace *p, ImageState state, const char *reason) {
        _cleanup_(examination_freep) Examination *x = look(p, NULL);

        assert_int_equal(x->n_images, 1);
        assert_int_equal(x->images[0].state, state);
        assert_true(x->images[0].damaged);
        assert_string_equal(x->images[0].reasons[0], reason);
}

/* What is there, and what nothing boots with. */
static void test_damaged(void **state) {
        static const char no_image[] = "It is no image, whoever made it";
        static const char *const good[] = { "070701", "\x1f\x8b\x08", ("\xfd" "7zXZ") };
        const char *path = "/boot/initrd.img-" KERNEL_VERSION;
        char zeros[100000] = {};
        BuildPlace *p = *state;
        KnownImage known;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_(examination_freep) Examination *x = NULL;

                kernel_tree_text(&p->tree, path, good[i]);
                x = look(p, NULL);
                assert_int_equal(x->images[0].state, IMAGE_FOREIGN);
                assert_false(x->images[0].damaged);
        }
        kernel_tree_text(&p->tree, path, "");
        expect_damaged(p, IMAGE_FOREIGN, no_image);
        kernel_tree_text(&p->tree, path, "somebody's");
        expect_damaged(p, IMAGE_FOREIGN, no_image);
        kernel_tree_write(&p->tree, path, zeros, sizeof(zeros));
        expect_damaged(p, IMAGE_FOREIGN, no_image);
        kernel_tree_remove(&p->tree, path);
        kernel_tree_link(&p->tree, path, "nowhere");
        expect_damaged(p, IMAGE_FOREIGN, "It is no file");
        kernel_tree_remove(&p->tree, path);

        /* Another program that does not care for the file that is there. */
        build_image(p, &known);
        kernel_tree_text(&p->tree, path, "070701");
        expect(p, NULL, IMAGE_FOREIGN, "Another program made it");

        build_image(p, &known);
        assert_int_equal(truncate(p->image, (off_t) known.size - 1), 0);
        expect_damaged(p, IMAGE_STALE, "It was cut short since it was built");
        assert_int_equal(truncate(p->image, 10), 0);
        expect_damaged(p, IMAGE_STALE, "It was cut short since it was built");
        assert_int_equal(truncate(p->image, 0), 0);
        expect_damaged(p, IMAGE_FOREIGN, no_image);
        build_image(p, &known);
        expect(p, &known, IMAGE_CURRENT, NULL);
}

static void set_hardware(BuildPlace *p, const char *modaliases) {
        _cleanup_free_ char *facts = NULL;

        assert_true(str_printf(&facts,
                               "{\"generic\": false, \"machine\": null, \"microcode\": null,"
                               " \"modaliases\": [%s], \"mounts\": [], \"tags\": []}",
                               modaliases) >= 0);
        conf_tree_put(p->t, "facts", facts);
}

/* A stick that is plugged in makes no image stale, unless it lacks the driver. */
static void test_hardware(void **state) {
        BuildPlace *p = *state;
        _cleanup_free_ char *facts = path_join(p->t->path, "facts");
        ExamineOptions options = { .build = options_of(p) };
        BuildResult result;

        kernel_tree_text(&p->tree, MODULES "storage.module",
                         "[Module]\nAlways=yes\n[Drivers]\nMatch=kernel/drivers/usb/*\n");
        kernel_tree_text(&p->tree, "/etc/initrdd/initrdd.conf", "[Profile]\nMode=host\n");
        kernel_tree_driver(&p->tree, "kernel/drivers/usb/stick.ko", "alias=usb:stick\n", NULL);
        kernel_tree_driver(&p->tree, "kernel/drivers/toys/toy.ko", "alias=usb:toy\n", NULL);
        kernel_tree_depmod(&p->tree);
        options.build.facts = facts;
        set_hardware(p, "");
        assert_int_equal(build(&options.build, &p->told.report, &result), 0);
        build_result_done(&result);
        options.build.kernel = NULL;
        for (size_t i = 0; i < 2; i++) {
                Examination *x;

                set_hardware(p, i == 0 ? "\"usb:toy\"" : "\"usb:stick\"");
                assert_int_equal(examine(&options, &p->told.report, &x), 0);
                assert_int_equal(x->images[0].state, i == 0 ? IMAGE_CURRENT : IMAGE_STALE);
                assert_int_equal(strv_length(x->images[0].reasons), i);
                if (i > 0)
                        assert_string_equal(x->images[0].reasons[0],
                                            "This machine has hardware for which it lacks the "
                                            "driver stick");
                examination_free(x);
        }
}

/* Without a store nothing can be prepared; with one, the build finds all there. */
static void test_prepare(void **state) {
        _cleanup_strv_free_ char **packed = NULL, **again = NULL;
        BuildPlace *p = *state;
        BuildOptions options = options_of(p);
        BuildResult result;

        kernel_tree_text(&p->tree, KERNEL_DIRECTORY "/.fresh-install", "");
        assert_int_equal(prepare(&options, &p->told.report, &packed), 0);
        assert_non_null(packed);
        assert_int_equal(prepare(&options, &p->told.report, &again), 0);
        assert_null(again);
        kernel_tree_remove(&p->tree, KERNEL_DIRECTORY "/.fresh-install");
        assert_int_equal(build(&options, &p->told.report, &result), 0);
        assert_null(result.packed);
        build_result_done(&result);
        prepare_sweep(p->store);
}

static void put_kernel(ConfTree *t, const char *version, bool bootable) {
        _cleanup_free_ char *modules = NULL, *image = NULL;

        assert_true(str_printf(&modules, "usr/lib/modules/%s/x", version) >= 0);
        assert_true(str_printf(&image, "boot/vmlinuz-%s", version) >= 0);
        conf_tree_put(t, modules, "");
        if (bootable)
                conf_tree_put(t, image, "");
}

static void test_boot_default(void **state) {
        static const struct {
                const char *grubenv, *grub, *expected;
        } cases[] = {
                { NULL, NULL, "6.10-b" },
                { "saved_entry=x-6.9-b-y\n", NULL, "6.10-b" },
                { "saved_entry=x-6.9-b-y\n", "GRUB_DEFAULT=saved\n", "6.9-b" },
                { "saved_entry=\n", "GRUB_DEFAULT=saved\n", "6.10-b" },
                { "next_entry=6.9-b\nsaved_entry=6.10-b\n", "GRUB_DEFAULT=saved\n", "6.9-b" },
                { "next_entry=16.9-b\n", NULL, "6.10-b" },
                { "next_entry=6.9-bc\n", NULL, "6.10-b" },
                { "next_entry=6.9-b.1\n", NULL, "6.10-b" },
                { "", "GRUB_DEFAULT=\"Linux 6.9-b\"\n", "6.9-b" },
                { "", "GRUB_DEFAULT='Linux 6.9-b'\n", "6.9-b" },
                { "", "GRUB_DEFAULT=0\n", "6.10-b" },
                { "", "GRUB_DEFAULT=\"\n", "6.10-b" },
        };
        static char *const versions[] = { (char *) "6.11-c", (char *) "6.10-b", (char *) "6.9-b",
                                          NULL };
        ConfTree *t = NULL;

        assert_int_equal(conf_tree_setup((void **) &t), 0);
        put_kernel(t, versions[0], false);
        put_kernel(t, versions[1], true);
        put_kernel(t, versions[2], true);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_strv_free_ char **directories = NULL;
                _cleanup_(source_freep) Source *source = NULL;
                const char *found = NULL;

                if (cases[i].grubenv)
                        conf_tree_put(t, "boot/grub/grubenv", cases[i].grubenv);
                if (cases[i].grub)
                        conf_tree_put(t, "etc/default/grub", cases[i].grub);
                else
                        (void) unlinkat(t->fd, "etc/default/grub", 0);
                source = conf_tree_source(t);
                assert_int_equal(boot_default_kernel(source, versions, &found, &directories), 0);
                assert_string_equal(found, cases[i].expected);
                assert_int_equal(strv_contains(directories, "/boot/grub"),
                                 cases[i].grubenv != NULL);
        }
        conf_tree_teardown((void **) &t);
}

/* Of systemd-boot, in a root that doesn't run: there are no EFI variables. */
static void test_boot_systemd(void **state) {
        static const struct {
                const char *place, *conf, *expected;
                bool listed; /* all entries */
        } cases[] = {
                { "boot", "timeout 3\n", "6.10-b", false },
                { "boot", "default token-6.9-b.conf\n", "6.9-b", true },
                { "boot/efi", "default TOKEN-6.9-b.conf\n", "6.9-b", true },
                { "efi", "#default x\n \tdefault\t token-6.9-b* \ntimeout 4\n", "6.9-b", true },
                { "boot", "default token-*\n", "6.10-b", true }, /* the newest of them */
                { "boot", "default other-*\n", "6.9-b", true },
                { "boot", "default counted-*.conf\n", "6.9-b", true },
                { "boot", "default token-6.9-b.efi\n", "6.9-b", true },
                { "boot", "default token-6.9-b.conf\ndefault token-6.10-b.conf\n", "6.10-b", true },
                { "boot", "default none-6.9-b.conf\n", "6.10-b", true }, /* there is no such entry */
                { "boot", "default token-6.9\n", "6.10-b", true },
                { "boot", "default\n", "6.10-b", false },
                { "boot", "defaults token-6.9-b.conf\n", "6.10-b", false },
                { "boot", "default @saved\n", "6.10-b", false },
        };
        static char *const versions[] = { (char *) "6.10-b", (char *) "6.9-b", NULL };
        static const char *const entries[] = {
                "boot/loader/entries/token-6.10-b.conf", "boot/loader/entries/token-6.9-b.conf",
                "boot/loader/entries/other-6.9-b.conf",  "boot/loader/entries/counted-6.9-b+2-1.conf",
                "efi/EFI/Linux/token-6.9-b.efi",
        };
        ConfTree *t = NULL;

        assert_int_equal(conf_tree_setup((void **) &t), 0);
        put_kernel(t, versions[0], true);
        put_kernel(t, versions[1], true);
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                conf_tree_put(t, entries[i], "");
        for (size_t i = 0; i <= ELEMENTSOF(cases); i++) {
                _cleanup_strv_free_ char **directories = NULL;
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_free_ char *path = NULL;
                const char *found = NULL;
                bool last = i == ELEMENTSOF(cases);

                /* In the end GRUB is there as well, and what systemd-boot has is left over. */
                if (last)
                        conf_tree_put(t, "boot/grub/grub.cfg", "");
                assert_true(str_printf(&path, "%s/loader/loader.conf",
                                       cases[last ? 1 : i].place) >= 0);
                conf_tree_put(t, path, cases[last ? 1 : i].conf);
                source = conf_tree_source(t);
                assert_int_equal(boot_default_kernel(source, versions, &found, &directories), 0);
                assert_string_equal(found, last ? "6.10-b" : cases[i].expected);
                assert_int_equal(strv_contains(directories, "/boot/loader/entries"),
                                 !last && cases[i].listed);
                assert_int_equal(unlinkat(t->fd, path, 0), 0);
        }
        conf_tree_teardown((void **) &t);
}

static void test_json_text(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "", "" },
                { "a\xc3\xa4", "a\xc3\xa4" },
                { "a\xff\xfe\n", "a\\xff\\xfe\n" },
                { "\xc3", "\\xc3" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                json_t *text = json_text(cases[i].text);

                assert_string_equal(json_string_value(text), cases[i].expected);
                json_decref(text);
        }
}

int main(void) {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, build_place_teardown)
        static const struct CMUnitTest tests[] = {
                IN_PLACE(test_life),
                IN_PLACE(test_lost_record),
                IN_PLACE(test_damaged),
                IN_PLACE(test_hardware),
                IN_PLACE(test_prepare),
                cmocka_unit_test(test_boot_default),
                cmocka_unit_test(test_boot_systemd),
                cmocka_unit_test(test_json_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
