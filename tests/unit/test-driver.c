/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <time.h>
#include <unistd.h>

#include "collect/driver-name.h"
#include "collect/driver-relation.h"
#include "collect/glob.h"
#include "kernel-tree.h"
#include "string-util.h"

#define NVME "kernel/drivers/nvme/host/nvme.ko"
#define NVME_CORE "kernel/drivers/nvme/host/nvme-core.ko"
#define LIBATA "kernel/drivers/ata/libata.ko"
#define AHCI "kernel/drivers/ata/ahci.ko"
#define XFS "kernel/fs/xfs/xfs.ko"
#define CRC "kernel/lib/libcrc32c.ko"
#define CRC_GENERIC "kernel/crypto/crc32c_generic.ko"
#define CRC_INTEL "kernel/arch/x86/crypto/crc32c-intel.ko"
#define NOUVEAU "kernel/drivers/gpu/drm/nouveau/nouveau.ko"

static int setup(void **state) {
        KernelTree *t = malloc(sizeof(KernelTree));

        kernel_tree_new(t);
        kernel_tree_driver(t, NVME_CORE, "license=GPL", NULL);
        kernel_tree_driver(t, NVME, "alias=pci:v*d*sv*sd*bc01sc08i02*", NVME_CORE);
        kernel_tree_driver(t, LIBATA, "license=GPL", NULL);
        kernel_tree_driver(t, AHCI, "alias=pci:v*d*sv*sd*bc01sc06i01*", LIBATA);
        kernel_tree_driver(t, CRC_GENERIC, "alias=crypto-crc32c", NULL);
        kernel_tree_driver(t, CRC_INTEL, "alias=crypto-crc32c", NULL);
        kernel_tree_driver(t, CRC, "softdep=pre: crypto-crc32c post: no-such-driver", NULL);
        kernel_tree_driver(t, XFS, "alias=fs-xfs", CRC);
        kernel_tree_driver(t, NOUVEAU, "alias=pci:v000010DEd*", NULL);
        *state = t;
        return 0;
}

static int teardown(void **state) {
        kernel_tree_done(*state);
        free(*state);
        return 0;
}

/* A driver comes with what it depends on, each with its reason, in the kernel's directory. */
static void test_name(void **state) {
        char directory[] = KERNEL_DIRECTORY "/kernel/drivers/nvme/host";
        KernelTree *t = *state;
        const Entry *e;

        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "nvme"), 0);
        assert_string_equal(kernel_tree_selected(t), "nvme nvme_core");

        e = manifest_get(t->manifest, KERNEL_DIRECTORY "/" NVME);
        assert_non_null(e);
        assert_int_equal(e->type, ENTRY_FILE);
        assert_int_equal(e->mode, 0644);
        assert_string_equal(e->why, "test.module:1");
        assert_true(e->kernel);
        assert_false(e->decompress);
        assert_true(e->size > 64);
        e = manifest_get(t->manifest, KERNEL_DIRECTORY "/" NVME_CORE);
        assert_non_null(e);
        assert_string_equal(e->why, KERNEL_DIRECTORY "/" NVME);

        /* The directories above are there, and are the kernel's. */
        for (char *slash; (slash = strrchr(directory, '/')) != directory; *slash = '\0') {
                e = manifest_get(t->manifest, directory);
                assert_non_null(e);
                assert_int_equal(e->type, ENTRY_DIRECTORY);
                assert_int_equal(e->mode, 0755);
                assert_true(e->kernel);
        }
        assert_null(manifest_get(t->manifest, "/"));

        /* Asked for again by another name, nothing changes but who selected it. */
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "nvme-core"), 0);
        assert_string_equal(kernel_tree_selected(t), "nvme_core");
        e = manifest_get(t->manifest, KERNEL_DIRECTORY "/" NVME);
        assert_string_equal(e->why, "test.module:1");
}

/* What the lines mean. Drivers of the kernel: see setup(); ext4 and virtio_blk are built in. */
static void test_rules(void **state) {
        static const struct {
                DriverRuleType type;
                const char *value;
                const char *selected, *load;
        } cases[] = {
                { DRIVER_RULE_NAME, "n*me", "nvme nvme_core", "" },
                { DRIVER_RULE_NAME, "nvme-*", "nvme_core", "" },
                { DRIVER_RULE_NAME, "crc32c-intel", "crc32c_intel", "" },
                { DRIVER_RULE_NAME, "crc32c_intel", "crc32c_intel", "" },
                /* modprobe takes an alias for a name too. */
                { DRIVER_RULE_NAME, "fs-xfs", "crc32c_generic crc32c_intel libcrc32c xfs", "" },
                { DRIVER_RULE_NAME, "ext4", "", "" },
                { DRIVER_RULE_NAME, "virtio-*", "", "" },
                { DRIVER_RULE_NAME, "-no_such", "", "" },
                { DRIVER_RULE_NAME, "no_such|ahci|nvme", "ahci libata", "" },
                { DRIVER_RULE_NAME, "virtio_blk|nvme", "", "" },
                { DRIVER_RULE_PATH, NVME, "nvme nvme_core", "" },
                { DRIVER_RULE_PATH, "kernel/drivers/nvme/host/nvme", "nvme nvme_core", "" },
                { DRIVER_RULE_PATH, "kernel/drivers/nvme/host/nvm", NULL, "" },
                { DRIVER_RULE_PATH, "kernel/drivers/nvme/*", NULL, "" },
                { DRIVER_RULE_PATH, "kernel/drivers/nvme/**", "nvme nvme_core", "" },
                { DRIVER_RULE_PATH, "kernel/**/crypto/*.ko", "crc32c_generic crc32c_intel", "" },
                { DRIVER_RULE_PATH, "kernel/fs/ext4/*", "", "" },
                { DRIVER_RULE_ALIAS, "crypto-crc32c", "crc32c_generic crc32c_intel", "" },
                { DRIVER_RULE_ALIAS, "crypto_crc32c", "crc32c_generic crc32c_intel", "" },
                { DRIVER_RULE_ALIAS, "fs-ext4", "", "" },
                { DRIVER_RULE_ALIAS, "fs-nothing", NULL, "" },
                { DRIVER_RULE_ALIAS, "pci:v00001022d00000001sv0sd0bc01sc06i01", "ahci libata", "" },
                { DRIVER_RULE_MATCH, "kernel/drivers/ata/**", "ahci libata", "" },
                { DRIVER_RULE_MATCH, "kernel/drivers/ata/ahci", "ahci libata", "" },
                { DRIVER_RULE_LOAD, "ahci", "ahci libata", "ahci" },
                { DRIVER_RULE_LOAD, "fs-xfs", "crc32c_generic crc32c_intel libcrc32c xfs", "xfs" },
                { DRIVER_RULE_LOAD, "ext4", "", "" },
                { DRIVER_RULE_NAME, "", NULL, "" },
                { DRIVER_RULE_ALIAS, "broken]", NULL, "" },
        };
        KernelTree *t = *state;

        t->facts.generic = true;
        t->profile.mode = MODE_GENERIC;
        kernel_tree_depmod(t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *load = NULL;
                int r;

                assert_int_equal(kernel_tree_open(t), 0);
                r = kernel_tree_collect(t, cases[i].type, cases[i].value);
                if (cases[i].selected) {
                        assert_int_equal(r, 0);
                        assert_string_equal(kernel_tree_selected(t), cases[i].selected);
                        load = strv_join(t->load, " ");
                        assert_string_equal(load, cases[i].load);
                } else {
                        assert_int_equal(r, -ENOENT);
                        assert_int_equal(t->report.failure.kind, FAILURE_INCOMPLETE);
                        assert_string_equal(t->report.failure.path, "test.module");
                        assert_int_equal(t->report.failure.line, 1);
                        assert_int_equal(t->manifest->entries.n, 0);
                }
                kernel_tree_close(t);
        }
}

/* Match= is about the hardware that is there, except in an image for any. */
static void test_match(void **state) {
        static const struct {
                Mode mode;
                bool generic_facts;
                const char *modalias;
                const char *pattern, *selected;
        } cases[] = {
                { MODE_HOST, false, "pci:v0d0sv0sd0bc01sc06i01", "kernel/drivers/**", "ahci libata" },
                { MODE_STRICT, false, "pci:v0d0sv0sd0bc01sc08i02", "kernel/drivers/**",
                  "nvme nvme_core" },
                { MODE_STRICT, false, "pci:v0d0sv0sd0bc01sc08i02", "kernel/drivers/ata/**", "" },
                { MODE_HOST, false, "acpi:NOTHING", "kernel/drivers/**", "" },
                /* Never mandatory, not even where there is no such place. */
                { MODE_HOST, false, "acpi:NOTHING", "kernel/nowhere/**", "" },
                { MODE_GENERIC, true, "acpi:NOTHING", "kernel/nowhere/**", "" },
                { MODE_GENERIC, false, "acpi:NOTHING", "kernel/drivers/ata/**", "ahci libata" },
                { MODE_HOST, true, "acpi:NOTHING", "kernel/drivers/ata/**", "ahci libata" },
                /* udev would not load it either. */
                { MODE_HOST, false, "pci:v000010DEd0", "kernel/drivers/**", "" },
        };
        KernelTree *t = *state;

        kernel_tree_text(t, "/etc/modprobe.d/local.conf", "blacklist nouveau\n");
        kernel_tree_depmod(t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *modaliases[] = { (char *) cases[i].modalias, NULL };

                t->profile.mode = cases[i].mode;
                t->facts = (Facts) { .generic = cases[i].generic_facts, .modaliases = modaliases };
                assert_int_equal(kernel_tree_open(t), 0);
                assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_MATCH, cases[i].pattern), 0);
                assert_string_equal(kernel_tree_selected(t), cases[i].selected);
                kernel_tree_close(t);
        }
        t->facts = (Facts) {};
}

/* Soft and weak dependencies of the kernel's indexes, of drivers whose depmod knew none, and of
 * modprobe.d, where a name in /etc hides the same in /usr/lib. */
static void test_relations(void **state) {
        KernelTree *t = *state;

        kernel_tree_driver(t, "kernel/net/weak.ko", "weakdep=nvme", NULL);
        kernel_tree_text(t, "/etc/modprobe.d/a.conf",
                         "# softdep nouveau pre: xfs\nsoftdep  nouveau\tpre: libata \\\n post: ahci\n"
                         "alias my-disk nvme\nalias pci:v0000FFFFd* ahci\n");
        kernel_tree_text(t, "/usr/lib/modprobe.d/a.conf", "softdep nouveau pre: nvme\n");
        kernel_tree_text(t, "/usr/lib/modprobe.d/b.conf", "softdep ahci post: nvme-core");
        kernel_tree_text(t, "/usr/lib/modprobe.d/ignored", "softdep ahci post: xfs");
        kernel_tree_depmod(t);

        for (int i = 0; i < 3; i++) {
                const Entry *e;

                /* First with or without modules.weakdep, as this machine's depmod has it, then
                 * with, then without both, so that only the drivers themselves know. */
                if (i == 1)
                        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.weakdep",
                                         "# comment\nweakdep weak nvme\n");
                if (i == 2) {
                        kernel_tree_remove(t, KERNEL_DIRECTORY "/modules.weakdep");
                        kernel_tree_remove(t, KERNEL_DIRECTORY "/modules.softdep");
                }
                assert_int_equal(kernel_tree_open(t), 0);
                assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "xfs"), 0);
                assert_string_equal(kernel_tree_selected(t),
                                    "crc32c_generic crc32c_intel libcrc32c xfs");
                e = manifest_get(t->manifest, KERNEL_DIRECTORY "/" CRC_INTEL);
                assert_string_equal(e->why, KERNEL_DIRECTORY "/" CRC);
                assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "weak"), 0);
                assert_string_equal(kernel_tree_selected(t), "nvme nvme_core weak");
                assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "nouveau"), 0);
                assert_string_equal(kernel_tree_selected(t), "ahci libata nouveau nvme_core");
                assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_ALIAS, "my-disk"), 0);
                assert_string_equal(kernel_tree_selected(t), "nvme nvme_core");
                /* modprobe.d comes before the drivers' own aliases. */
                assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_ALIAS,
                                                     "pci:v0000FFFFd0sv0sd0bc01sc08i02"), 0);
                assert_string_equal(kernel_tree_selected(t), "ahci libata nvme_core");
                kernel_tree_close(t);
        }
}

/* Whoever asks, and whatever can't do without; that is no failure. */
static void test_omit(void **state) {
        KernelTree *t = *state;
        char *omit[] = { (char *) "libat?", (char *) "crc32c-*", NULL };

        t->profile.omit_drivers = omit;
        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_LOAD, "ahci"), 0);
        assert_string_equal(kernel_tree_selected(t), "");
        assert_null(t->load);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_PATH, "kernel/**"), 0);
        assert_string_equal(kernel_tree_selected(t), "libcrc32c nouveau nvme nvme_core xfs");
        t->profile.omit_drivers = NULL;
}

/* A driver in updates/ is meant by a glob over the place of the one that it replaces. */
static void test_replaced(void **state) {
        KernelTree *t = *state;

        kernel_tree_driver(t, "updates/dkms/ahci.ko", "version=2", NULL);
        kernel_tree_driver(t, "updates/dkms/zfs.ko", "version=2", NULL);
        free(t->dependencies);
        t->dependencies = strdup("updates/dkms/ahci.ko: " LIBATA "\n");
        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_PATH, "kernel/drivers/ata/a*"), 0);
        assert_string_equal(kernel_tree_selected(t), "ahci libata");
        assert_non_null(manifest_get(t->manifest, KERNEL_DIRECTORY "/updates/dkms/ahci.ko"));
        assert_null(manifest_get(t->manifest, KERNEL_DIRECTORY "/" AHCI));
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_PATH, "updates/**"), 0);
        assert_string_equal(kernel_tree_selected(t), "ahci libata zfs");
}

/* Compressed drivers are the same drivers in the image. */
static void test_compressed(void **state) {
        KernelTree *t = *state;
        XXH128_hash_t plain[3];
        static const char *const drivers[] = { NVME, AHCI, LIBATA };
        static const char *const suffixes[] = { ".xz", ".zst", ".gz" };
        char path[256];

        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_PATH, "kernel/**"), 0);
        for (size_t i = 0; i < 3; i++) {
                snprintf(path, sizeof(path), KERNEL_DIRECTORY "/%s", drivers[i]);
                plain[i] = manifest_get(t->manifest, path)->hash;
        }
        kernel_tree_close(t);

        for (size_t i = 0; i < 3; i++) {
                snprintf(path, sizeof(path), KERNEL_DIRECTORY "/%s", drivers[i]);
                kernel_tree_compress(t, path, suffixes[i]);
        }
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_PATH, "kernel/drivers/**"), 0);
        assert_string_equal(kernel_tree_selected(t), "ahci libata nouveau nvme nvme_core");
        for (size_t i = 0; i < 3; i++) {
                _cleanup_free_ char *data = NULL;
                char source[300];
                const Entry *e;
                size_t size;

                snprintf(path, sizeof(path), KERNEL_DIRECTORY "/%s", drivers[i]);
                snprintf(source, sizeof(source), "%s%s", path, suffixes[i]);
                e = manifest_get(t->manifest, path);
                assert_non_null(e);
                assert_true(e->decompress);
                assert_string_equal(e->source, source);
                assert_true(XXH128_isEqual(e->hash, plain[i]));
                assert_null(manifest_get(t->manifest, source));

                /* The trace is about the file as it is: the same bytes at another time will do. */
                assert_int_equal(source_read(t->source, NULL, source, &data, &size), 0);
                kernel_tree_write(t, source, data, size);
                assert_int_equal(trace_check(t->trace, t->source, NULL, NULL), 1);
        }
}

/* More files than there are threads; all of them right, whoever reads them. */
static void test_many(void **state) {
        KernelTree *t = *state;

        for (int i = 0; i < 300; i++) {
                char path[64], info[64];

                snprintf(path, sizeof(path), "kernel/many/m%d.ko", i);
                snprintf(info, sizeof(info), "alias=many:%d", i);
                kernel_tree_driver(t, path, info, NULL);
        }
        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_PATH, "kernel/many/*"), 0);
        for (int i = 0; i < 300; i++) {
                _cleanup_free_ char *data = NULL;
                const Entry *e;
                char path[128];
                size_t size;

                snprintf(path, sizeof(path), KERNEL_DIRECTORY "/kernel/many/m%d.ko", i);
                e = manifest_get(t->manifest, path);
                assert_non_null(e);
                assert_int_equal(source_read(t->source, NULL, path, &data, &size), 0);
                assert_int_equal(e->size, size);
                assert_true(XXH128_isEqual(e->hash, XXH3_128bits(data, size)));
        }
        assert_int_equal(strv_length(t->selected), 300);
}

static void test_have(void **state) {
        static const struct {
                const char *name;
                int have;
        } cases[] = {
                { "nvme", 1 },    { "nvme-core", 1 }, { "fs-xfs", 1 },  { "ext4", 2 },
                { "fs-ext4", 2 }, { "virtio-blk", 2 }, { "btrfs", 0 }, { "fs-btrfs", 0 },
                { "", 0 },
        };
        KernelTree *t = *state;

        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(drivers_have(t->drivers, cases[i].name), cases[i].have);
}

/* The trace holds as long as nothing that was looked at changes, the indexes too. */
static void test_trace(void **state) {
        static const char *const touched[] = {
                "/" AHCI, "/" LIBATA, "/modules.softdep", "/modules.alias.bin", "/modules.builtin",
        };
        KernelTree *t = *state;
        _cleanup_free_ char *changed = NULL;
        bool refreshed;

        kernel_tree_depmod(t);
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "ahci"), 0);
        assert_int_equal(trace_check(t->trace, t->source, &changed, &refreshed), 1);

        for (size_t i = 0; i < ELEMENTSOF(touched); i++) {
                _cleanup_free_ char *data = NULL, *path = NULL;
                size_t size;

                assert_int_equal(str_printf(&path, KERNEL_DIRECTORY "%s", touched[i]), 0);
                assert_int_equal(source_read(t->source, NULL, path, &data, &size), 0);
                data[size - 1] ^= 1;
                kernel_tree_write(t, path, data, size);
                free(changed);
                changed = NULL;
                assert_int_equal(trace_check(t->trace, t->source, &changed, &refreshed), 0);
                assert_string_equal(changed, path);
                data[size - 1] ^= 1;
                kernel_tree_write(t, path, data, size);
                assert_int_equal(trace_check(t->trace, t->source, NULL, &refreshed), 1);
        }
        /* So does a file that comes to be: another modprobe.d, an index that was missing. */
        kernel_tree_text(t, "/etc/modprobe.d/new.conf", "");
        assert_int_equal(trace_check(t->trace, t->source, NULL, &refreshed), 0);
}

static void break_missing(KernelTree *t) {
        kernel_tree_remove(t, KERNEL_DIRECTORY "/" LIBATA);
}

static void break_text(KernelTree *t) {
        kernel_tree_text(t, KERNEL_DIRECTORY "/" LIBATA, "no driver");
}

static void break_xz(KernelTree *t) {
        kernel_tree_compress(t, KERNEL_DIRECTORY "/" LIBATA, ".xz");
        kernel_tree_text(t, KERNEL_DIRECTORY "/" LIBATA ".xz", "\xfd" "7zXZ");
}

static void break_directory(KernelTree *t) {
        kernel_tree_remove(t, KERNEL_DIRECTORY "/" LIBATA);
        kernel_tree_text(t, KERNEL_DIRECTORY "/" LIBATA "/x", "");
}

static void break_dep(KernelTree *t) {
        kernel_tree_remove(t, KERNEL_DIRECTORY "/modules.dep");
}

static void break_dep_line(KernelTree *t) {
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.dep", "# comment\n\nkernel/a.ko:\nno colon.ko\n");
}

static void break_dep_name(KernelTree *t) {
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.dep", "kernel/not-a-driver:\n");
}

static void break_dep_dots(KernelTree *t) {
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.dep", "kernel/../../../../etc/a.ko:\n");
}

static void break_alias(KernelTree *t) {
        kernel_tree_remove(t, KERNEL_DIRECTORY "/modules.alias.bin");
}

static void break_alias_link(KernelTree *t) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s" KERNEL_DIRECTORY "/modules.alias.bin", t->root);
        f = fopen(path, "r");
        data = malloc(65536);
        size = fread(data, 1, 65536, f);
        fclose(f);
        kernel_tree_write(t, "/elsewhere", data, size);
        kernel_tree_link(t, KERNEL_DIRECTORY "/modules.alias.bin", "/elsewhere");
}

/* What can be wrong with a kernel, and what is said of it. */
static void test_broken(void **state) {
        static const struct {
                void (*break_it)(KernelTree *t);
                bool opens;
                FailureKind kind;
                int error;
                const char *path;
                unsigned line;
        } cases[] = {
                { break_missing, true, FAILURE_KERNEL_INCOMPLETE, -ENOENT, "/" LIBATA, 0 },
                { break_text, true, FAILURE_INCOMPLETE, -EBADMSG, "/" LIBATA, 0 },
                { break_xz, true, FAILURE_INCOMPLETE, -EBADMSG, "/" LIBATA ".xz", 0 },
                { break_directory, true, FAILURE_INCOMPLETE, -ENXIO, "/" LIBATA, 0 },
                { break_dep, false, FAILURE_KERNEL_INCOMPLETE, -ENOENT, "/modules.dep", 0 },
                { break_dep_line, false, FAILURE_KERNEL_INCOMPLETE, -EBADMSG, "/modules.dep", 4 },
                { break_dep_name, false, FAILURE_KERNEL_INCOMPLETE, -EBADMSG, "/modules.dep", 1 },
                { break_dep_dots, false, FAILURE_KERNEL_INCOMPLETE, -EBADMSG, "/modules.dep", 1 },
                { break_alias, false, FAILURE_KERNEL_INCOMPLETE, -ENOENT, "/modules.alias.bin", 0 },
                { break_alias_link, false, FAILURE_KERNEL_INCOMPLETE, -ELOOP, "/modules.alias.bin",
                  0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                KernelTree t;
                char path[256];
                int r;

                kernel_tree_new(&t);
                kernel_tree_driver(&t, LIBATA, "license=GPL", NULL);
                kernel_tree_driver(&t, AHCI, "license=GPL", LIBATA);
                kernel_tree_depmod(&t);
                cases[i].break_it(&t);
                r = kernel_tree_open(&t);
                if (cases[i].opens) {
                        assert_int_equal(r, 0);
                        r = kernel_tree_collect(&t, DRIVER_RULE_NAME, "ahci");
                }
                assert_int_equal(r, cases[i].error);
                assert_int_equal(t.report.failure.kind, cases[i].kind);
                assert_int_equal(t.report.failure.line, cases[i].line);
                snprintf(path, sizeof(path), KERNEL_DIRECTORY "%s", cases[i].path);
                assert_string_equal(t.report.failure.path, path);
                kernel_tree_done(&t);
        }
}

/* A driver that is a link out of the root leads to what the root has there. */
static void test_link(void **state) {
        KernelTree *t = *state;
        const Entry *e;

        kernel_tree_driver(t, "../other/nvme.ko", "version=2", NULL);
        kernel_tree_depmod(t);
        kernel_tree_link(t, KERNEL_DIRECTORY "/" NVME, "/../usr/lib/modules/other/nvme.ko");
        assert_int_equal(kernel_tree_open(t), 0);
        assert_int_equal(kernel_tree_collect(t, DRIVER_RULE_NAME, "nvme"), 0);
        e = manifest_get(t->manifest, KERNEL_DIRECTORY "/" NVME);
        assert_int_equal(e->type, ENTRY_FILE);
        assert_string_equal(e->source, "/usr/lib/modules/other/nvme.ko");
}

static void test_names(void **state) {
        static const struct {
                const char *path, *name;
        } paths[] = {
                { "kernel/a/b-c.ko", "b_c" }, { "b_c.ko.xz", "b_c" }, { "b.ko.zst", "b" },
                { "/lib/x.ko.gz", "x" },      { "b.ko.bz2", NULL },   { ".ko", NULL },
                { "b", NULL },                { "", NULL },           { "a/", NULL },
        };
        static const char *const aliases[][2] = {
                { "a-b", "a_b" }, { "a[0-9]-b", "a[0-9]_b" }, { "[-", NULL }, { "-]", NULL },
        };
        char name[DRIVER_NAME_MAX], longest[DRIVER_NAME_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                assert_int_equal(driver_name_of_path(paths[i].path, name),
                                 paths[i].name ? 0 : -EINVAL);
                if (paths[i].name)
                        assert_string_equal(name, paths[i].name);
        }
        for (size_t i = 0; i < ELEMENTSOF(aliases); i++) {
                assert_int_equal(driver_name_normalize(aliases[i][0], name),
                                 aliases[i][1] ? 0 : -EINVAL);
                if (aliases[i][1])
                        assert_string_equal(name, aliases[i][1]);
        }
        memset(longest, 'x', sizeof(longest));
        longest[DRIVER_NAME_MAX] = '\0';
        assert_int_equal(driver_name_normalize(longest, name), -EINVAL);
        assert_int_equal(driver_name_normalize(longest + 1, name), 0);
}

static void test_glob(void **state) {
        static const struct {
                const char *pattern, *path;
                bool matches;
        } cases[] = {
                { "a", "a", true },          { "a", "b", false },        { "", "", true },
                { "a*", "abc", true },       { "*c", "abc", true },      { "a*c", "ac", true },
                { "a*", "a/b", false },      { "*", "", true },          { "a/*", "a/b", true },
                { "a/*", "a/b/c", false },   { "a/**", "a/b/c", true },  { "**", "a/b", true },
                { "a**c", "a/b/c", true },   { "**/c", "c", true },      { "**/c", "a/b/c", true },
                { "a/**/c", "a/c", true },   { "a/**/c", "a/b/c", true }, { "a/**/c", "ac", false },
                { "a/**/c", "a/xc", false }, { "a**/c", "ax/c", true },  { "a**/c", "a", false },
                { "?", "a", true },          { "?", "/", false },        { "?", "", false },
                { "[a-c]x", "bx", true },    { "[a-c]x", "dx", false },  { "[!a]", "b", true },
                { "[!a]", "/", false },      { "[]a]", "]", true },      { "[a", "[a", true },
                { "[a-]", "-", true },       { "a*b*c*d", "axbxcxd", true },
                { "a*b*c*d", "axbxcx", false }, { "a/*/b/**/c/*", "a/x/b/y/z/c/w", true },
                { "a/*/b/**/c/*", "a/x/y/b/z/c/w", false }, { "**/a*/**/b", "x/ay/b", true },
                { "**/*.ko", "a.ko", true }, { "k/**/x*/*.ko", "k/a/xb/xc/d.ko", true },
        };
        char pattern[256] = "", path[256] = "";

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(glob_match(cases[i].pattern, cases[i].path), cases[i].matches);

        /* A pattern that would take a naive matcher longer than there is time. */
        for (int i = 0; i < 30; i++) {
                strcat(pattern, "**/a*");
                strcat(path, "aa/aa/");
        }
        strcat(pattern, "b");
        assert_false(glob_match(pattern, path));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_name, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
                cmocka_unit_test_setup_teardown(test_match, setup, teardown),
                cmocka_unit_test_setup_teardown(test_relations, setup, teardown),
                cmocka_unit_test_setup_teardown(test_omit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
                cmocka_unit_test_setup_teardown(test_compressed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many, setup, teardown),
                cmocka_unit_test_setup_teardown(test_have, setup, teardown),
                cmocka_unit_test_setup_teardown(test_trace, setup, teardown),
                cmocka_unit_test(test_broken),
                cmocka_unit_test_setup_teardown(test_link, setup, teardown),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_glob),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
