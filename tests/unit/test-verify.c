/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "image/verify.h"
#include "string-util.h"

/* An entry: the path, its mode, and its target if it is a link; a mode of 0 is a directory. */
typedef struct Item {
        const char *path;
        mode_t mode;
        const char *target;
} Item;

static Manifest *make(const Item *items) {
        Manifest *m;
        int r;

        assert_int_equal(manifest_new(&m), 0);
        for (; items->path; items++) {
                if (items->target)
                        r = manifest_add_symlink(m, items->path, items->target, "test");
                else if (items->mode == 0)
                        r = manifest_add_directory(m, items->path, 0755, "test");
                else
                        r = manifest_add_data(m, items->path, items->mode, NULL, 0, "test", NULL);
                assert_int_equal(r, 1);
        }
        return m;
}

typedef struct Case {
        const Item *items;
        const char *tags[4]; /* what the machine needs; none: generic */
        const char *needed[4]; /* Needed= of the one module of the plan */
        const char *config; /* of the kernel */
        Compression compression;
        Emergency emergency;
        FailureKind kind; /* FAILURE_NONE: it would boot */
        const char *says; /* what the sentence has in it */
} Case;

static void run(const Case *c) {
        _cleanup_(manifest_freep) Manifest *m = make(c->items);
        _cleanup_(fragments_freep) Fragments *fs = NULL;
        Module module = { .name = (char *) "test", .needed = (char **) c->needed };
        PlanItem item = { .module = &module };
        Plan plan = { .items = &item, .n_items = 1 };
        Profile profile = { .compression = c->compression, .emergency = c->emergency };
        Facts facts = { .generic = !c->tags[0], .tags = (char **) c->tags };
        Kernel kernel = { .version = (char *) "6.1",
                          .config = (char *) c->config,
                          .config_path = (char *) "/boot/config-6.1" };
        Report report = {};
        int r;

        assert_int_equal(fragments_new(&fs), 0);
        assert_int_equal(fragments_add(fs, &report, "x", SCOPE_SHARED, "x", m), 0);
        assert_int_equal(fragments_finish(fs), 0);
        r = verify_contents(fs, &plan, &profile, &facts, &kernel, &report);
        assert_int_equal(report.failure.kind, c->kind);
        assert_int_equal(r < 0, c->kind != FAILURE_NONE);
        if (c->says && !strstr(report.failure.message, c->says))
                fail_msg("%s", report.failure.message);
        report_done(&report);
}

static void run_all(const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                run(&cases[i]);
}

static const Item plain[] = { { "/init", 0755 }, {} };

/* The kernel finds something that it can start. */
static void test_init(void **state) {
        static const Item linked[] = { { "/usr" },
                                       { "/usr/lib" },
                                       { "/usr/lib/systemd", 0755 },
                                       { "/lib", 0777, "usr/lib" },
                                       { "/init", 0777, "lib/systemd" },
                                       {} },
                          none[] = { { "/sbin" }, { "/sbin/init", 0755 }, {} },
                          data[] = { { "/init", 0644 }, {} }, directory[] = { { "/init" }, {} },
                          dangling[] = { { "/init", 0777, "lib/systemd" }, {} };
        static const Case cases[] = {
                { plain },
                { linked },
                { none, .kind = FAILURE_VERIFY_FAILED, .says = "has no /init" },
                { dangling, .kind = FAILURE_VERIFY_FAILED, .says = "has no /init" },
                { data, .kind = FAILURE_VERIFY_FAILED, .says = "can't be executed" },
                { directory, .kind = FAILURE_VERIFY_FAILED, .says = "can't be executed" },
        };

        run_all(cases, ELEMENTSOF(cases));
}

/* Each layer that the machine's root lies on has somebody who brings it up. */
static void test_layers(void **state) {
        static const Case cases[] = {
                { plain, { "fs:ext4" }, { "fs:ext4" } },
                { plain, { "fs:ext4" }, { "fs:*" } },
                { plain, { "fs:ext4", "block:part", "net", "tpm2" }, { "fs:ext4" } },
                { plain, { "block:dm", "block:loop", "block:zram", "fs:tmpfs" }, { "net" } },
                { plain, { "fs:ext4" }, { "fs:xfs" }, .kind = FAILURE_INCOMPLETE,
                  .says = "needs fs:ext4" },
                { plain, { "fs:ext4", "block:lvm" }, { "fs:ext4" }, .kind = FAILURE_INCOMPLETE,
                  .says = "needs block:lvm" },
                /* What is for every machine is for none of its layers. */
                { plain, { "block:crypt" }, { "*" }, .kind = FAILURE_INCOMPLETE,
                  .says = "needs block:crypt" },
                /* Of a machine that isn't known, nothing is. */
                { plain, {}, {} },
        };

        run_all(cases, ELEMENTSOF(cases));
}

/* The kernel can unpack it; where its configuration isn't to be had, it is believed to. */
static void test_kernel(void **state) {
        static const Case cases[] = {
                { plain, .compression = COMPRESSION_ZSTD },
                { plain, .config = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_ZSTD=y\n",
                  .compression = COMPRESSION_ZSTD },
                { plain, .config = "CONFIG_BLK_DEV_INITRD=y\n# CONFIG_RD_ZSTD is not set\n",
                  .compression = COMPRESSION_ZSTD, .kind = FAILURE_CONFIG_INVALID,
                  .says = "CONFIG_RD_ZSTD" },
                { plain, .config = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_ZSTD=y\n",
                  .compression = COMPRESSION_LZ4, .kind = FAILURE_CONFIG_INVALID,
                  .says = "can't decompress lz4" },
                { plain, .config = "CONFIG_BLK_DEV_INITRD=y\n", .compression = COMPRESSION_NONE },
                { plain, .config = "CONFIG_RD_ZSTD=y\n", .compression = COMPRESSION_ZSTD,
                  .kind = FAILURE_CONFIG_INVALID, .says = "CONFIG_BLK_DEV_INITRD" },
        };

        run_all(cases, ELEMENTSOF(cases));
}

/* A shell that was promised can be entered. */
static void test_emergency(void **state) {
        static const Item all[] = { { "/init", 0755 },         { "/usr" },
                                    { "/usr/sbin" },           { "/usr/sbin/sulogin", 0755 },
                                    { "/bin" },                { "/bin/sh", 0755 },
                                    {} },
                          old[] = { { "/init", 0755 },     { "/sbin" },
                                    { "/sbin/sulogin", 0755 }, { "/bin" },
                                    { "/bin/sh", 0755 },   {} },
                          no_shell[] = { { "/init", 0755 }, { "/sbin" }, { "/sbin/sulogin", 0755 }, {} },
                          no_login[] = { { "/init", 0755 }, { "/bin" }, { "/bin/sh", 0755 }, {} };
        static const Case cases[] = {
                { plain, .emergency = EMERGENCY_LOCKED },
                { all, .emergency = EMERGENCY_OPEN },
                { all, .emergency = EMERGENCY_PASSWORD },
                { old, .emergency = EMERGENCY_OPEN },
                { no_shell, .emergency = EMERGENCY_OPEN, .kind = FAILURE_VERIFY_FAILED,
                  .says = "shell" },
                { no_login, .emergency = EMERGENCY_PASSWORD, .kind = FAILURE_VERIFY_FAILED,
                  .says = "sulogin" },
        };

        run_all(cases, ELEMENTSOF(cases));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_init),
                cmocka_unit_test(test_layers),
                cmocka_unit_test(test_kernel),
                cmocka_unit_test(test_emergency),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
