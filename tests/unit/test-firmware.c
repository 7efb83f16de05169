/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "kernel-tree.h"
#include "string-util.h"

#define CARD "kernel/drivers/net/card.ko"

static int setup(void **state) {
        KernelTree *t = malloc(sizeof(KernelTree));

        kernel_tree_new(t);
        *state = t;
        return 0;
}

static int teardown(void **state) {
        kernel_tree_done(*state);
        free(*state);
        return 0;
}

/* The manifest below /usr/lib/firmware: "PATH" of files, "PATH>TARGET" of links, sorted. */
static char *firmware_of(const KernelTree *t) {
        static const char prefix[] = "/usr/lib/firmware/";
        _cleanup_strv_free_ char **names = NULL;
        char *joined;

        STRMAP_FOREACH(m, &t->manifest->entries) {
                const Entry *e = m->value;
                const char *name = startswith(e->path, prefix);
                _cleanup_free_ char *link = NULL;

                assert_true(e->kernel);
                if (!name || e->type == ENTRY_DIRECTORY)
                        continue;
                if (e->type == ENTRY_SYMLINK)
                        assert_int_equal(str_printf(&link, "%s>%s", name, e->target), 0);
                assert_int_equal(strv_extend(&names, link ?: name), 0);
        }
        strv_uniq(names);
        joined = strv_join(names, " ");
        assert_non_null(joined);
        return joined;
}

/* What a driver asks for, and what of it the image gets. */
static void test_names(void **state) {
        static const struct {
                const char *modinfo, *firmware;
        } cases[] = {
                { "firmware=plain.bin", "plain.bin" },
                { "firmware=none.bin", "" },
                { "firmware=none.bin\nfirmware=dir/a.bin", "dir/a.bin" },
                { "firmware=packed-xz.bin", "packed-xz.bin" },
                { "firmware=packed-zst.bin", "packed-zst.bin" },
                /* As it is comes before compressed, even from a directory that comes later. */
                { "firmware=both.bin", "both.bin" },
                { "firmware=newer.bin", "updates/newer.bin" },
                { "firmware=newest.bin", "updates/" KERNEL_VERSION "/newest.bin" },
                { "firmware=versioned.bin", KERNEL_VERSION "/versioned.bin" },
                /* Links, to a file, to a compressed one, of a directory, of links. */
                { "firmware=link.bin", "link.bin>plain.bin plain.bin" },
                { "firmware=link-xz.bin", "link-xz.bin>packed-xz.bin packed-xz.bin" },
                { "firmware=dirlink/a.bin", "dir/a.bin dirlink>dir" },
                { "firmware=link2.bin", "link.bin>plain.bin link2.bin>link.bin plain.bin" },
                { "firmware=up/link.bin", "plain.bin up/link.bin>../plain.bin" },
                { "firmware=dangling.bin", "" },
                { "firmware=self.bin", "" },
                { "firmware=dir", "" },
                /* Globs take everything, with or without suffix, of all directories. */
                { "firmware=dir/*.bin", "dir/a.bin dir/b.bin" },
                { "firmware=d*/c*", "dir/c.txt dirlink>dir" },
                { "firmware=both*", "both.bin updates/both.bin" },
                { "firmware=nothing-*", "" },
                /* Nobody gets out of these directories by name. */
                { "firmware=../../../etc/secret", "" },
                { "firmware=/etc/secret", "" },
                { "firmware=", "" },
        };
        KernelTree *t = *state;

        kernel_tree_text(t, "/etc/secret", "secret");
        kernel_tree_text(t, "/lib/firmware/plain.bin", "plain");
        kernel_tree_text(t, "/lib/firmware/dir/a.bin", "a");
        kernel_tree_text(t, "/lib/firmware/dir/b.bin", "b");
        kernel_tree_compress(t, "/lib/firmware/dir/b.bin", ".xz");
        kernel_tree_text(t, "/lib/firmware/dir/c.txt", "c");
        kernel_tree_text(t, "/lib/firmware/packed-xz.bin", "packed");
        kernel_tree_compress(t, "/lib/firmware/packed-xz.bin", ".xz");
        kernel_tree_text(t, "/lib/firmware/packed-zst.bin", "packed");
        kernel_tree_compress(t, "/lib/firmware/packed-zst.bin", ".zst");
        kernel_tree_text(t, "/lib/firmware/updates/both.bin", "both");
        kernel_tree_compress(t, "/lib/firmware/updates/both.bin", ".xz");
        kernel_tree_text(t, "/lib/firmware/both.bin", "both");
        kernel_tree_text(t, "/lib/firmware/newer.bin", "old");
        kernel_tree_text(t, "/lib/firmware/updates/newer.bin", "new");
        kernel_tree_text(t, "/lib/firmware/updates/newest.bin", "new");
        kernel_tree_text(t, "/lib/firmware/updates/" KERNEL_VERSION "/newest.bin", "newest");
        kernel_tree_text(t, "/lib/firmware/" KERNEL_VERSION "/versioned.bin", "versioned");
        kernel_tree_link(t, "/lib/firmware/link.bin", "plain.bin");
        kernel_tree_link(t, "/lib/firmware/link2.bin", "link.bin");
        kernel_tree_link(t, "/lib/firmware/link-xz.bin.xz", "packed-xz.bin.xz");
        kernel_tree_link(t, "/lib/firmware/dirlink", "dir");
        kernel_tree_link(t, "/lib/firmware/up/link.bin", "../plain.bin");
        kernel_tree_link(t, "/lib/firmware/dangling.bin", "none");
        kernel_tree_link(t, "/lib/firmware/self.bin", "self.bin");

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *firmware = NULL;

                kernel_tree_driver(t, CARD, cases[i].modinfo, NULL);
                kernel_tree_depmod(t);
                assert_int_equal(kernel_tree_open(t), 0);
                assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "card"), 0);
                firmware = firmware_of(t);
                assert_string_equal(firmware, cases[i].firmware);
                kernel_tree_close(t);
        }
}

/* Decompressed in the image, because of the driver. */
static void test_entry(void **state) {
        KernelTree *t = *state;
        const Entry *e;

        kernel_tree_driver(t, CARD, "firmware=dir/a.bin", NULL);
        kernel_tree_text(t, "/lib/firmware/dir/a.bin", "content");
        kernel_tree_compress(t, "/lib/firmware/dir/a.bin", ".xz");
        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "card"), 0);
        e = manifest_get(t->manifest, "/usr/lib/firmware/dir/a.bin");
        assert_non_null(e);
        assert_true(e->decompress);
        assert_string_equal(e->source, "/usr/lib/firmware/dir/a.bin.xz");
        assert_string_equal(e->why, KERNEL_DIRECTORY "/" CARD);
        assert_int_equal(e->size, 7);
        assert_true(XXH128_isEqual(e->hash, XXH3_128bits("content", 7)));
        /* The loader says /lib/firmware. */
        e = manifest_get(t->manifest, "/lib");
        assert_int_equal(e->type, ENTRY_SYMLINK);
        e = manifest_get(t->manifest, "/usr/lib/firmware/dir");
        assert_int_equal(e->type, ENTRY_DIRECTORY);
}

/* A module asks by itself: the first alternative that is there; and a built-in driver does. */
static void test_rule(void **state) {
        KernelTree *t = *state;
        _cleanup_free_ char *firmware = NULL;

        kernel_tree_text(t, "/lib/firmware/a/1.bin", "1");
        kernel_tree_text(t, "/lib/firmware/b/1.bin", "1");
        kernel_tree_text(t, "/lib/firmware/builtin.bin", "1");
        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_FIRMWARE, "none/*|a/*|b/*"), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_FIRMWARE, "-none"), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "virtio_blk"), 0);
        firmware = firmware_of(t);
        assert_string_equal(firmware, "a/1.bin builtin.bin");

        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_FIRMWARE, "none|nor-this"), -ENOENT);
        assert_int_equal(t->report.failure.kind, FAILURE_INCOMPLETE);
        assert_non_null(strstr(t->report.failure.message, "none' or 'nor-this"));
}

/* Missing firmware is said of hardware that is there, once, and not where some of it was found. */
static void test_warning(void **state) {
        KernelTree *t = *state;
        char *modaliases[] = { (char *) "acpi:CARD1", (char *) "acpi:CARD3", NULL };

        kernel_tree_driver(t, "kernel/card1.ko", "alias=acpi:CARD1\nfirmware=no1\nfirmware=no2", NULL);
        kernel_tree_driver(t, "kernel/card2.ko", "alias=acpi:CARD2\nfirmware=no3", NULL);
        kernel_tree_driver(t, "kernel/card3.ko", "alias=acpi:CARD3\nfirmware=no4\nfirmware=yes", NULL);
        kernel_tree_text(t, "/lib/firmware/yes", "1");
        kernel_tree_depmod(t);
        t->facts.modaliases = modaliases;
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "card*"), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "card*"), 0);
        assert_int_equal(t->report.n_warnings, 1);
        assert_non_null(strstr(t->warnings, "/kernel/card1.ko"));
        assert_non_null(strstr(t->warnings, "no1"));
        t->facts.modaliases = NULL;
}

/* A root without any firmware: nothing is looked for in what isn't there. */
static void test_none(void **state) {
        KernelTree *t = *state;
        size_t before;

        kernel_tree_driver(t, CARD, "firmware=a\nfirmware=b\nfirmware=c\nfirmware=d*", NULL);
        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "ext4"), 0);
        before = trace_size(t->trace);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "card"), 0);
        /* Of the driver and its directories a few; of the firmware that its directory is missing. */
        assert_true(trace_size(t->trace) < before + 12);
        kernel_tree_text(t, "/lib/firmware/a", "1");
        assert_int_equal(trace_check(t->trace, t->source, NULL, NULL), 0);
}

/* Broken firmware is a failure that names it. */
static void test_broken(void **state) {
        KernelTree *t = *state;

        kernel_tree_driver(t, CARD, "firmware=a", NULL);
        kernel_tree_text(t, "/lib/firmware/a.xz", "not xz");
        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "card"), -EBADMSG);
        assert_int_equal(t->report.failure.kind, FAILURE_INCOMPLETE);
        assert_string_equal(t->report.failure.path, "/usr/lib/firmware/a.xz");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_entry, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rule, setup, teardown),
                cmocka_unit_test_setup_teardown(test_warning, setup, teardown),
                cmocka_unit_test_setup_teardown(test_none, setup, teardown),
                cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
