/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <endian.h>
#include <fcntl.h>
#include <libkmod.h>

#include "collect/driver-index.h"
#include "fd-util.h"
#include "kernel-tree.h"
#include "string-util.h"

static uint32_t read_u32(const char *data, size_t size, size_t *at) {
        uint32_t n;

        assert_true(*at + sizeof(n) <= size);
        memcpy(&n, data + *at, sizeof(n));
        *at += sizeof(n);
        return be32toh(n);
}

/* Every key with its values, "KEY PRIORITY VALUE", read as the format says. */
static void dump_node(const char *data, size_t size, uint32_t offset, char *key, size_t n,
                      char ***lines) {
        size_t at = offset & 0x0FFFFFFF, children = 0;
        uint8_t first = 0, last = 0;

        assert_true(at < size);
        if (offset & 0x80000000) {
                strcpy(key + n, data + at);
                assert_true(key[n]);
                n += strlen(key + n);
                at += strlen(data + at) + 1;
        }
        key[n] = '\0';
        if (offset & 0x20000000) {
                first = (uint8_t) data[at++];
                last = (uint8_t) data[at++];
                assert_true(first <= last && last < 128);
                children = at;
                at += (size_t) (last - first + 1) * 4;
        }
        if (offset & 0x40000000)
                for (uint32_t k = read_u32(data, size, &at); k > 0; k--) {
                        uint32_t priority = read_u32(data, size, &at);
                        char *line;

                        assert_int_equal(str_printf(&line, "%s %u %s", key, priority, data + at), 0);
                        assert_int_equal(strv_consume(lines, line), 0);
                        at += strlen(data + at) + 1;
                }
        for (unsigned c = first; children > 0 && c <= last; c++) {
                uint32_t child = read_u32(data, size, &children);

                if (c == first || c == last)
                        assert_int_not_equal(child, 0);
                if (child == 0)
                        continue;
                key[n] = (char) c;
                dump_node(data, size, child, key, n + 1, lines);
                if (c == last)
                        break;
        }
}

static char *dump(const char *data, size_t size) {
        _cleanup_strv_free_ char **lines = NULL;
        char key[8192], *joined;
        size_t at = 0;
        uint32_t root;

        assert_int_equal(read_u32(data, size, &at), 0xB007F457);
        assert_int_equal(read_u32(data, size, &at), 0x00020001);
        root = read_u32(data, size, &at);
        assert_false(root & 0x80000000);
        if (root & 0xF0000000)
                dump_node(data, size, root, key, 0, &lines);
        else
                assert_int_equal(size, 12);
        joined = strv_join(lines, "\n");
        assert_non_null(joined);
        return joined;
}

/* What is written can be read, in the order of keys and then priorities. */
static void test_write(void **state) {
        static const struct {
                IndexEntry entries[8];
                const char *dump;
        } cases[] = {
                { { { NULL } }, "" },
                { { { "", "v", 0 } }, " 0 v" },
                { { { "a", "v", 0 } }, "a 0 v" },
                { { { "abc", "v", 7 } }, "abc 7 v" },
                { { { "b", "1", 0 }, { "a", "2", 0 } }, "a 0 2\nb 0 1" },
                { { { "abc", "1", 0 }, { "ab", "2", 0 }, { "abcd", "3", 0 }, { "abx", "4", 0 } },
                  "ab 0 2\nabc 0 1\nabcd 0 3\nabx 0 4" },
                /* The lower priority first, and the same twice twice, as depmod has it. */
                { { { "k", "low", 9 }, { "k", "high", 1 }, { "k", "low", 9 } },
                  "k 1 high\nk 9 low\nk 9 low" },
                { { { "k", "", 0 } }, "k 0 " },
                /* The root has no prefix, whatever the keys have in common. */
                { { { "xa", "1", 0 }, { "xb", "2", 0 } }, "xa 0 1\nxb 0 2" },
                { { { "\x01", "1", 0 }, { "\x7f", "2", 0 } }, "\x01 0 1\n\x7f 0 2" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *data = NULL, *text = NULL;
                IndexEntry entries[8];
                size_t n = 0, size;

                memcpy(entries, cases[i].entries, sizeof(entries));
                while (n < ELEMENTSOF(entries) && entries[n].key)
                        n++;
                assert_int_equal(driver_index_write(entries, n, &data, &size), 0);
                text = dump(data, size);
                assert_string_equal(text, cases[i].dump);
        }
}

/* Byte for byte, what the format in driver-index.c says. */
static void test_bytes(void **state) {
        static const char expected[] =
                        "\xB0\x07\xF4\x57" "\x00\x02\x00\x01" "\x20\x00\x00\x0C" /* root: children */
                        "aa" "\xE0\x00\x00\x12" /* 'a' to 'a': prefix, children, values */
                        "b\0" "cd" "\x40\x00\x00\x28" "\x40\x00\x00\x32"
                        "\0\0\0\1" "\0\0\0\3" "x\0" /* "ab" */
                        "\0\0\0\1" "\0\0\0\0" "y\0" /* "abc" */
                        "\0\0\0\1" "\0\0\0\0" "z\0"; /* "abd" */
        IndexEntry entries[] = { { "abc", "y", 0 }, { "abd", "z", 0 }, { "ab", "x", 3 } };
        _cleanup_free_ char *data = NULL;
        size_t size;

        assert_int_equal(driver_index_write(entries, 3, &data, &size), 0);
        assert_int_equal(size, 60);
        assert_memory_equal(data, expected, size);
}

static void test_write_errors(void **state) {
        _cleanup_free_ char *longest = malloc(5000), *data = NULL;
        IndexEntry ascii = { "caf\xc3\xa9", "v", 0 }, large = { longest, "v", 0 };
        size_t size;

        memset(longest, 'x', 4999);
        longest[4999] = '\0';
        assert_int_equal(driver_index_write(&ascii, 1, &data, &size), -EINVAL);
        assert_int_equal(driver_index_write(&large, 1, &data, &size), -EINVAL);
        assert_null(data);
        longest[4096] = '\0';
        assert_int_equal(driver_index_write(&large, 1, &data, &size), 0);
}

/* The content of an entry, as it is in the image. */
static char *content_of(KernelTree *t, const Entry *e, size_t *ret_size) {
        char *data;

        if (!e->data) {
                assert_int_equal(source_read(t->source, NULL, e->source, &data, ret_size), 0);
                return data;
        }
        data = malloc(e->size + 1);
        assert_non_null(data);
        memcpy(data, e->data, e->size);
        data[e->size] = '\0';
        *ret_size = e->size;
        return data;
}

/* A kernel with drivers whose aliases share beginnings in many ways. */
static void make_kernel(KernelTree *t) {
        uint32_t x = 1;

        kernel_tree_new(t);
        kernel_tree_driver(t, "kernel/drivers/base.ko", "softdep=pre: m3\nweakdep=m4", NULL);
        for (int i = 0; i < 40; i++) {
                _cleanup_free_ char *path = NULL, *info = NULL;

                assert_int_equal(str_printf(&path, "kernel/drivers/m%d.ko", i), 0);
                assert_int_equal(str_printf(&info, "alias=char-major-%d-0\nalias=devname:m%d\n"
                                                   "alias=bad]\nalias=of:N*T*C[a-c]-%d",
                                            i + 200, i, i), 0);
                for (int k = 0; k < 20; k++) {
                        char *longer;

                        x = x * 1664525 + 1013904223;
                        assert_int_equal(str_printf(&longer, "%s\nalias=pci:v%04Xd%02X*", info,
                                                    x >> 28, (x >> 20) & 0xff), 0);
                        free(info);
                        info = longer;
                }
                kernel_tree_driver(t, path, info, "kernel/drivers/base.ko");
        }
        kernel_tree_depmod(t);
}

/* The indexes of some of a kernel's drivers are those that depmod makes for a tree with these. */
static void test_like_depmod(void **state) {
        static const char *const names[] = {
                "modules.alias", "modules.alias.bin", "modules.builtin.bin", "modules.builtin",
                "modules.builtin.alias.bin", "modules.builtin.modinfo", "modules.devname",
                "modules.order", "modules.softdep", "modules.dep", "modules.dep.bin",
                "modules.symbols", "modules.symbols.bin",
        };
        KernelTree all, some;

        make_kernel(&all);
        assert_int_equal(kernel_tree_open(&all), 0);
        assert_int_equal(kernel_tree_collect(&all, DRIVER_RULE_NAME, "m?"), 0);
        assert_int_equal(strv_length(all.selected), 11);
        assert_int_equal(drivers_collect_indexes(all.drivers, all.trace, all.selected, all.manifest),
                         0);

        /* The same drivers in a tree of their own. */
        kernel_tree_new(&some);
        STRMAP_FOREACH(m, &all.manifest->entries) {
                const Entry *e = m->value;
                _cleanup_free_ char *data = NULL;
                size_t size;

                assert_true(e->kernel);
                if (e->type != ENTRY_FILE)
                        continue;
                data = content_of(&all, e, &size);
                assert_true(XXH128_isEqual(e->hash, XXH3_128bits(data, size)));
                assert_int_equal(e->size, size);
                kernel_tree_write(&some, e->path, data, size);
        }
        free(some.dependencies);
        some.dependencies = strdup("");
        kernel_tree_depmod(&some);
        assert_int_equal(source_new(&some.source, some.root), 0);

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = NULL, *ours = NULL, *theirs = NULL, *a = NULL, *b = NULL;
                size_t size, their_size;
                bool binary = endswith(names[i], ".bin");

                assert_int_equal(str_printf(&path, "%s/%s", KERNEL_DIRECTORY, names[i]), 0);
                if (startswith(names[i], "modules.dep"))
                        continue; /* depmod doesn't know of the dependencies that the test made up */
                ours = content_of(&all, manifest_get(all.manifest, path), &size);
                assert_int_equal(source_read(some.source, NULL, path, &theirs, &their_size), 0);
                a = binary ? dump(ours, size) : strdup(ours);
                b = binary ? dump(theirs, their_size) : strdup(theirs);
                assert_string_equal(a, b);
        }
        kernel_tree_done(&all);
        kernel_tree_done(&some);
}

/* libkmod finds drivers, dependencies and aliases in what was made, and nothing else. */
static void test_libkmod(void **state) {
        static const char *const no_config[] = { NULL };
        struct kmod_list *dependencies = NULL, *found = NULL;
        struct kmod_module *module = NULL;
        _cleanup_free_ char *directory = NULL;
        struct kmod_ctx *ctx;
        KernelTree t;

        make_kernel(&t);
        kernel_tree_compress(&t, KERNEL_DIRECTORY "/kernel/drivers/m5.ko", ".xz");
        assert_int_equal(kernel_tree_open(&t), 0);
        assert_int_equal(kernel_tree_collect(&t, DRIVER_RULE_NAME, "m5"), 0);
        assert_int_equal(drivers_collect_indexes(t.drivers, t.trace, t.selected, t.manifest), 0);
        STRMAP_FOREACH(m, &t.manifest->entries) {
                const Entry *e = m->value;
                _cleanup_free_ char *to = NULL;

                assert_int_equal(str_printf(&to, "/image%s", e->path), 0);
                if (e->type == ENTRY_FILE) /* of drivers it is enough that they are there */
                        kernel_tree_write(&t, to, e->data ?: "", e->data ? e->size : 0);
        }
        assert_int_equal(str_printf(&directory, "%s/image%s", t.root, KERNEL_DIRECTORY), 0);

        ctx = kmod_new(directory, no_config);
        assert_non_null(ctx);
        assert_int_equal(kmod_module_new_from_name(ctx, "m5", &module), 0);
        assert_non_null(strstr(kmod_module_get_path(module), "/kernel/drivers/m5.ko"));
        assert_null(endswith(kmod_module_get_path(module), ".xz"));
        dependencies = kmod_module_get_dependencies(module);
        assert_non_null(dependencies);
        kmod_module_unref(module);
        module = kmod_module_get_module(dependencies);
        assert_string_equal(kmod_module_get_name(module), "base");
        kmod_module_unref(module);
        kmod_module_unref_list(dependencies);

        assert_int_equal(kmod_module_new_from_lookup(ctx, "char-major-205-0", &found), 0);
        assert_non_null(found);
        kmod_module_unref_list(found);
        found = NULL;
        assert_int_equal(kmod_module_new_from_lookup(ctx, "char-major-206-0", &found), 0);
        assert_null(found);
        kmod_unref(ctx);
        kernel_tree_done(&t);
}

/* The same names in any order, and twice, give the same bytes; no name gives empty indexes; what
 * the kernel doesn't have the image doesn't either. */
static void test_same(void **state) {
        static const char dep[] = "kernel/drivers/base.ko:\n"
                                  "kernel/drivers/m1.ko: kernel/drivers/base.ko\n"
                                  "kernel/drivers/m2.ko: kernel/drivers/base.ko\n";
        char *forward[] = { (char *) "m1", (char *) "m2", (char *) "base", NULL };
        char *backward[] = { (char *) "base", (char *) "m2", (char *) "m1", (char *) "m1",
                             (char *) "unknown", NULL };
        char *none[] = { NULL };
        Manifest *first, *second, *third;
        const Entry *e;
        KernelTree t;

        make_kernel(&t);
        kernel_tree_remove(&t, KERNEL_DIRECTORY "/modules.devname");
        assert_int_equal(kernel_tree_open(&t), 0);
        assert_int_equal(manifest_new(&first), 0);
        assert_int_equal(manifest_new(&second), 0);
        assert_int_equal(manifest_new(&third), 0);
        assert_int_equal(drivers_collect_indexes(t.drivers, t.trace, forward, first), 0);
        assert_int_equal(drivers_collect_indexes(t.drivers, t.trace, backward, second), 0);
        assert_int_equal(drivers_collect_indexes(t.drivers, t.trace, none, third), 0);
        STRMAP_FOREACH(m, &first->entries) {
                const Entry *a = m->value, *b = manifest_get(second, m->key);

                assert_non_null(b);
                assert_true(XXH128_isEqual(a->hash, b->hash));
        }
        assert_int_equal(first->entries.n, second->entries.n);

        e = manifest_get(first, KERNEL_DIRECTORY "/modules.dep");
        assert_int_equal(e->mode, 0644);
        assert_int_equal(e->size, sizeof(dep) - 1);
        assert_memory_equal(e->data, dep, sizeof(dep) - 1);
        assert_null(manifest_get(first, KERNEL_DIRECTORY "/modules.devname"));
        e = manifest_get(third, KERNEL_DIRECTORY "/modules.dep");
        assert_int_equal(e->size, 0);
        e = manifest_get(third, KERNEL_DIRECTORY "/modules.alias.bin");
        assert_int_equal(e->size, 12);
        manifest_free(first);
        manifest_free(second);
        manifest_free(third);
        kernel_tree_done(&t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_write),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_write_errors),
                cmocka_unit_test(test_like_depmod),
                cmocka_unit_test(test_libkmod),
                cmocka_unit_test(test_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
