/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "describe/kernel.h"
#include "recorded.h"

#define MERGED                                                                                    \
        "dir /usr/lib/modules\n"                                                                  \
        "link /lib usr/lib\n"
#define KERNEL_AT(directory) "file " directory "/modules.dep x\nfile " directory "/modules.order x\n"
#define KERNEL(version) KERNEL_AT("/usr/lib/modules/" version)

static void test_list(void **state) {
        static const struct {
                const char *tree, *versions;
        } cases[] = {
                { "dir /usr\n", "" },
                { MERGED, "" },
                /* Newest first as versions go, not as text does. */
                { MERGED KERNEL("6.1.9") KERNEL("6.1.10") KERNEL("6.10.1") "dir /lib/modules/6.2/kernel\n",
                  "6.10.1 6.2 6.1.10 6.1.9" },
                /* What a removed kernel leaves behind, and files. */
                { MERGED KERNEL("6.1") "dir /lib/modules/6.0/updates\nlink /lib/modules/5.9/build /usr/src\n"
                  "file /lib/modules/README x\n", "6.1" },
                /* The same of depmod: Debian's packages leave that until they are purged. */
                { MERGED KERNEL("6.1") "file /lib/modules/6.0/modules.dep x\n"
                  "file /lib/modules/6.0/modules.dep.bin x\nfile /lib/modules/6.0/modules.devname x\n",
                  "6.1" },
                /* No merged /usr: both places are asked. */
                { KERNEL_AT("/lib/modules/6.1") KERNEL("6.2"), "6.2 6.1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_strv_free_ char **versions = NULL;
                _cleanup_free_ char *joined = NULL;

                recorded_new(&m);
                recorded_add(&m, cases[i].tree);
                assert_int_equal(source_new(&source, m.root), 0);
                assert_int_equal(kernel_list(source, NULL, &versions), 0);
                joined = strv_join(versions, " ");
                assert_string_equal(joined, cases[i].versions);
        }
}

static void test_open(void **state) {
        static const struct {
                const char *tree, *version;
                int r;
                FailureKind kind;
                const char *directory, *config_path, *image;
        } cases[] = {
                { MERGED KERNEL("6.1"), "6.1", 0, 0, "/usr/lib/modules/6.1", NULL, NULL },
                { KERNEL_AT("/lib/modules/6.1"), "6.1", 0, 0, "/lib/modules/6.1", NULL, NULL },
                /* The kernel's own directory comes before /boot, and that before the headers. */
                { MERGED KERNEL("6.1") "file /boot/config-6.1 CONFIG_A=y\nfile /boot/vmlinuz-6.1 x\n"
                  "file /usr/src/h/.config CONFIG_A=m\nlink /usr/lib/modules/6.1/build /usr/src/h\n",
                  "6.1", 0, 0, "/usr/lib/modules/6.1", "/boot/config-6.1", "/boot/vmlinuz-6.1" },
                { MERGED KERNEL("6.1") "file /boot/config-6.1 x\nfile /boot/vmlinuz-6.1 x\n"
                  "file /lib/modules/6.1/config x\nfile /lib/modules/6.1/vmlinuz x\n",
                  "6.1", 0, 0, "/usr/lib/modules/6.1", "/usr/lib/modules/6.1/config",
                  "/usr/lib/modules/6.1/vmlinuz" },
                { MERGED KERNEL("6.1") "file /usr/src/h/.config CONFIG_A=m\n"
                  "link /usr/lib/modules/6.1/build /usr/src/h\n",
                  "6.1", 0, 0, "/usr/lib/modules/6.1", "/usr/lib/modules/6.1/build/.config", NULL },
                /* A config that can't be read is as none. */
                { MERGED KERNEL("6.1") "dir /boot/config-6.1\n", "6.1", 0, 0, "/usr/lib/modules/6.1" },
                { MERGED KERNEL("6.1"), "6.2", -ENOENT, FAILURE_NO_SUCH_KERNEL },
                { MERGED KERNEL("6.1"), "../modules/6.1", -ENOENT, FAILURE_NO_SUCH_KERNEL },
                { MERGED KERNEL("6.1"), "", -ENOENT, FAILURE_NO_SUCH_KERNEL },
                { MERGED "file /lib/modules/6.1 x\n", "6.1", -ENOTDIR, FAILURE_NO_SUCH_KERNEL },
                { MERGED "dir /lib/modules/6.1/kernel\n", "6.1", -ENOENT, FAILURE_KERNEL_INCOMPLETE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(kernel_freep) Kernel *k = NULL;
                _cleanup_(report_done) Report report = {};

                recorded_new(&m);
                recorded_add(&m, cases[i].tree);
                assert_int_equal(source_new(&source, m.root), 0);
                assert_int_equal(kernel_open(source, NULL, &report, cases[i].version, &k), cases[i].r);
                assert_int_equal(report.failure.kind, cases[i].kind);
                if (cases[i].r < 0) {
                        assert_null(k);
                        continue;
                }
                assert_string_equal(k->version, cases[i].version);
                assert_string_equal(k->directory, cases[i].directory);
                assert_true(streq_ptr(k->config_path, cases[i].config_path));
                assert_true(streq_ptr(k->image, cases[i].image));
        }
}

static void test_option(void **state) {
        static const struct {
                const char *option;
                KernelOption value;
        } cases[] = {
                { "FIRST", KERNEL_OPTION_YES },   { "EXT4_FS", KERNEL_OPTION_MODULE },
                { "EXT4", KERNEL_OPTION_NO },     { "OFF", KERNEL_OPTION_NO },
                { "OFF_TOO", KERNEL_OPTION_NO },  { "STRING", KERNEL_OPTION_YES },
                { "HZ", KERNEL_OPTION_YES },      { "LAST", KERNEL_OPTION_YES },
                { "", KERNEL_OPTION_NO },
        };
        char config[] = "CONFIG_FIRST=y\n#\n\n# comment CONFIG_EXT4=y\nCONFIG_EXT4_FS=m\n"
                        "# CONFIG_OFF is not set\nCONFIG_OFF_TOO=n\nCONFIG_STRING=\"x\"\n"
                        "CONFIG_HZ=250\nCONFIG_LAST=y";
        const Kernel k = { .config = config }, unknown = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(kernel_option(&k, cases[i].option), cases[i].value);
                assert_int_equal(kernel_option(&unknown, cases[i].option), KERNEL_OPTION_UNKNOWN);
        }
}

/* A kernel from elsewhere becomes one of the tree's. */
static void test_bind(void **state) {
        static const struct {
                const char *tree, *directory, *version;
                int r;
                const char *chosen;
        } cases[] = {
                { KERNEL_AT("/6.5"), "/6.5", NULL, 0, "6.5" },
                { KERNEL_AT("/6.5"), "/6.5", "mine", 0, "mine" },
                { KERNEL_AT("/lib/modules/6.5"), "/", NULL, 0, "6.5" },
                { KERNEL_AT("/usr/lib/modules/6.5") "link /lib usr/lib\n", "/", "6.5", 0, "6.5" },
                { KERNEL_AT("/lib/modules/6.5") KERNEL_AT("/lib/modules/6.6"), "/",
                  "6.5", 0, "6.5" },
                /* A link within the tree, absolute, means that tree and not this machine. */
                { KERNEL_AT("/store/k") "link /lib/modules/6.5 /store/k\n", "/", NULL, 0, "6.5" },
                { KERNEL_AT("/lib/modules/6.5") KERNEL_AT("/lib/modules/6.6"), "/",
                  NULL, -ENOTUNIQ, NULL },
                { KERNEL_AT("/lib/modules/6.5"), "/", "6.6", -ENOENT, NULL },
                { KERNEL_AT("/6.5"), "/6.5", "a/b", -EINVAL, NULL },
                { "dir /empty\n", "/empty", NULL, -ENOENT, NULL },
                { "dir /empty\n", "/none", NULL, -ENOENT, NULL },
                { "file /file x\n", "/file", NULL, -ENOTDIR, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded root = {}, elsewhere = {};
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(kernel_freep) Kernel *k = NULL;
                _cleanup_(report_done) Report report = {};
                _cleanup_free_ char *directory = NULL, *chosen = NULL;
                _cleanup_strv_free_ char **versions = NULL;

                recorded_new(&root);
                recorded_new(&elsewhere);
                recorded_add(&root, MERGED KERNEL("6.1"));
                recorded_add(&elsewhere, cases[i].tree);
                directory = path_join(elsewhere.root, cases[i].directory);
                assert_int_equal(source_new(&source, root.root), 0);
                assert_int_equal(kernel_bind_directory(source, &report, directory, cases[i].version,
                                                       &chosen), cases[i].r);
                if (cases[i].r < 0) {
                        assert_null(chosen);
                        assert_int_equal(report.failure.kind, FAILURE_NO_SUCH_KERNEL);
                        continue;
                }
                assert_string_equal(chosen, cases[i].chosen);
                assert_int_equal(kernel_list(source, NULL, &versions), 0);
                assert_true(strv_contains(versions, chosen));
                assert_true(strv_contains(versions, "6.1"));
                assert_int_equal(kernel_open(source, NULL, &report, chosen, &k), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_open),
                cmocka_unit_test(test_option),
                cmocka_unit_test(test_bind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
