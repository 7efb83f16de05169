/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/manifest.h"
#include "string-util.h"

/* One entry of each kind, the directory last. */
static Manifest *example(void) {
        Manifest *m = NULL;
        Entry *e;

        assert_int_equal(manifest_new(&m), 0);
        assert_int_equal(manifest_add_file(m, "/usr/sbin/lvm", 0755, "/usr/sbin/lvm",
                                           "lvm.module:9 Binary=/usr/sbin/lvm", &e),
                         1);
        e->size = 123456789012;
        e->hash = (XXH128_hash_t) { .low64 = 0x0123456789abcdef, .high64 = 0xfedcba9876543210 };
        assert_int_equal(manifest_add_symlink(m, "/usr/sbin/vgchange", "lvm", "lvm.module:10"), 1);
        assert_int_equal(manifest_add_file(m, "/usr/lib/modules/6/x.ko", 0644,
                                           "/usr/lib/modules/6/x.ko.xz", "x", &e),
                         1);
        e->decompress = e->kernel = true;
        assert_int_equal(manifest_add_data(m, "/etc/data", 0600, strdup("a\0b"), 1, "d", &e), 1);
        assert_int_equal(manifest_add_data(m, "/etc/empty", 0600, NULL, 0, "", NULL), 1);
        assert_int_equal(manifest_add_directory(m, "/etc", 0755, "parent"), 1);
        return m;
}

static void assert_same(const Entry *a, const Entry *b) {
        assert_non_null(b);
        assert_string_equal(a->path, b->path);
        assert_string_equal(a->why, b->why);
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->mode, b->mode);
        assert_true(streq_ptr(a->target, b->target));
        assert_true(streq_ptr(a->source, b->source));
        assert_true(!a->data == !b->data);
        if (a->data)
                assert_memory_equal(a->data, b->data, a->size);
        assert_int_equal(a->size, b->size);
        assert_true(XXH128_isEqual(a->hash, b->hash));
        assert_int_equal(a->decompress, b->decompress);
        assert_int_equal(a->kernel, b->kernel);
}

/* What is there stays; what would be something else is refused. */
static void test_add(void **state) {
        _cleanup_(manifest_freep) Manifest *m = example();
        Entry *e = NULL, *lvm = manifest_get(m, "/usr/sbin/lvm");
        size_t n = m->entries.n;

        assert_int_equal(manifest_add_directory(m, "/etc", 0700, "later"), 0);
        assert_string_equal(manifest_get(m, "/etc")->why, "parent");
        assert_int_equal(manifest_get(m, "/etc")->mode, 0755);
        assert_int_equal(manifest_add_directory(m, "/usr/sbin/lvm", 0755, ""), -EEXIST);
        assert_int_equal(manifest_add_directory(m, "/usr/sbin/vgchange", 0755, ""), -EEXIST);

        assert_int_equal(manifest_add_symlink(m, "/usr/sbin/vgchange", "lvm", "later"), 0);
        assert_int_equal(manifest_add_symlink(m, "/usr/sbin/vgchange", "lvm2", ""), -EEXIST);
        assert_int_equal(manifest_add_symlink(m, "/etc", "lvm", ""), -EEXIST);

        assert_int_equal(manifest_add_file(m, "/usr/sbin/lvm", 0700, "/usr/sbin/lvm", "", &e), 0);
        assert_ptr_equal(e, lvm);
        assert_string_equal(lvm->why, "lvm.module:9 Binary=/usr/sbin/lvm");
        e = NULL;
        assert_int_equal(manifest_add_file(m, "/usr/sbin/lvm", 0755, "/bin/lvm", "", &e), -EEXIST);
        assert_int_equal(manifest_add_file(m, "/etc/data", 0600, "/etc/data", "", &e), -EEXIST);
        assert_int_equal(manifest_add_file(m, "/etc", 0600, "/etc", "", &e), -EEXIST);
        assert_null(e);

        assert_int_equal(manifest_add_data(m, "/etc/data", 0600, strdup("a"), 1, "", &e), 0);
        assert_ptr_equal(e, manifest_get(m, "/etc/data"));
        assert_int_equal(manifest_add_data(m, "/etc/empty", 0600, NULL, 0, "", NULL), 0);
        assert_int_equal(manifest_add_data(m, "/etc/data", 0600, strdup("b"), 1, "", NULL), -EEXIST);
        assert_int_equal(manifest_add_data(m, "/etc/data", 0600, strdup("ab"), 2, "", NULL),
                         -EEXIST);
        assert_int_equal(manifest_add_data(m, "/usr/sbin/lvm", 0600, NULL, 0, "", NULL), -EEXIST);
        assert_int_equal(m->entries.n, n);
        assert_null(manifest_get(m, "/nowhere"));
}

/* Data is hashed and measured here, a source by whoever reads it. */
static void test_data(void **state) {
        _cleanup_(manifest_freep) Manifest *m = example();
        const Entry *e = manifest_get(m, "/etc/data");

        assert_int_equal(e->size, 1);
        assert_true(XXH128_isEqual(e->hash, XXH3_128bits("a", 1)));
        e = manifest_get(m, "/etc/empty");
        assert_non_null(e->data);
        assert_int_equal(e->size, 0);
        assert_true(XXH128_isEqual(e->hash, XXH3_128bits("", 0)));
}

/* No path gets in that a segment could not hold as it is. */
static void test_paths(void **state) {
        static const struct {
                const char *path;
                int r;
        } cases[] = {
                { "/a", 1 },
                { "/", 1 },
                { "/a/...", 1 },
                { "/a/.b", 1 },
                { "", -EINVAL },
                { "a", -EINVAL },
                { "./a", -EINVAL },
                { "//", -EINVAL },
                { "/a/", -EINVAL },
                { "/a//b", -EINVAL },
                { "/.", -EINVAL },
                { "/..", -EINVAL },
                { "/a/../b", -EINVAL },
                { "/a/.", -EINVAL },
        };
        _cleanup_(manifest_freep) Manifest *m = NULL;

        assert_int_equal(manifest_new(&m), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(manifest_add_directory(m, cases[i].path, 0755, NULL), cases[i].r);
        assert_int_equal(manifest_add_symlink(m, "/l", "", ""), -EINVAL);
        assert_int_equal(manifest_add_file(m, "/f", 0644, "", "", NULL), -EINVAL);
        assert_int_equal(manifest_add_data(m, "f", 0644, strdup("x"), 1, "", NULL), -EINVAL);
        assert_string_equal(manifest_get(m, "/a")->why, "");
}

static void test_sorted(void **state) {
        static const char *const paths[] = { "/b/c", "/a-b", "/b", "/a", "/a/z", "/ab", "/a/b" };
        static const char *const expected[] = { "/a", "/a-b", "/a/b", "/a/z", "/ab", "/b", "/b/c" };
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_free_ Entry **sorted = NULL;
        size_t n;

        assert_int_equal(manifest_new(&m), 0);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                assert_int_equal(manifest_add_directory(m, paths[i], 0755, ""), 1);
        assert_int_equal(manifest_sorted(m, &sorted, &n), 0);
        assert_int_equal(n, ELEMENTSOF(expected));
        for (size_t i = 0; i < n; i++)
                assert_string_equal(sorted[i]->path, expected[i]);
}

static void test_round_trip(void **state) {
        _cleanup_(manifest_freep) Manifest *m = example(), *back = NULL, *empty = NULL;
        _cleanup_free_ char *bytes = NULL, *again = NULL, *none = NULL;
        size_t size, again_size, none_size;

        assert_int_equal(manifest_serialize(m, &bytes, &size), 0);
        assert_int_equal(manifest_deserialize(bytes, size, &back), 0);
        assert_int_equal(back->entries.n, m->entries.n);
        STRMAP_FOREACH(item, &m->entries)
                assert_same(item->value, manifest_get(back, item->key));

        /* The order of insertion is another now, the bytes are the same. */
        assert_string_equal(((Entry *) back->entries.entries[0].value)->path, "/etc");
        assert_int_equal(manifest_serialize(back, &again, &again_size), 0);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, bytes, size);

        assert_int_equal(manifest_new(&empty), 0);
        assert_int_equal(manifest_serialize(empty, &none, &none_size), 0);
        manifest_freep(&empty);
        empty = NULL;
        assert_int_equal(manifest_deserialize(none, none_size, &empty), 0);
        assert_int_equal(empty->entries.n, 0);
}

static void test_damage(void **state) {
        _cleanup_(manifest_freep) Manifest *m = example(), *back = NULL;
        _cleanup_free_ char *bytes = NULL;
        size_t size;

        assert_int_equal(manifest_serialize(m, &bytes, &size), 0);

        /* Cut anywhere, or with any one byte another. */
        for (size_t n = 0; n < size; n++) {
                assert_int_equal(manifest_deserialize(bytes, n, &back), -EBADMSG);
                bytes[n] ^= 1;
                assert_int_equal(manifest_deserialize(bytes, size, &back), -EBADMSG);
                bytes[n] ^= 1;
        }
        assert_null(back);

        /* The same with a checksum that holds: whatever it says then, nothing is read beyond. */
        for (size_t n = 24; n < size; n++) {
                _cleanup_free_ char *cut = malloc(n);
                XXH64_hash_t hash = XXH3_64bits(bytes + 24, n - 24);

                assert_non_null(cut);
                memcpy(cut, bytes, n);
                memcpy(cut + 16, &hash, sizeof(hash));
                assert_int_equal(manifest_deserialize(cut, n, &back), -EBADMSG);
        }
}

/* What a valid checksum does not excuse. The first entry is /etc: header 24, record 40, "/etc". */
static void test_nonsense(void **state) {
        static const struct {
                size_t at;
                char value;
        } cases[] = {
                { 8, 9 },             /* version */
                { 12, 99 },           /* more entries than there are */
                { 12, 5 },            /* fewer */
                { 24, ENTRY_FILE },   /* a file without content */
                { 24, 7 },            /* no such type */
                { 25, 1 << 7 },       /* no such flag */
                { 25, 1 << 2 },       /* a directory with content */
                { 27, 0x41 },         /* a mode with a file type */
                { 28 + 3, 0x7f },     /* a path of 2 GiB */
                { 28, 3 },            /* "/et", no NUL behind it */
                { 24 + 40, 'e' },     /* relative */
                { 24 + 40 + 1, 0 },   /* NUL within */
                { 24 + 40 + 1, 'f' }, /* after /etc/data, which comes next */
        };
        _cleanup_(manifest_freep) Manifest *m = example(), *back = NULL;
        _cleanup_free_ char *bytes = NULL;
        size_t size;

        assert_int_equal(manifest_serialize(m, &bytes, &size), 0);
        assert_memory_equal(bytes + 24 + 40, "/etc", 5);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char old = bytes[cases[i].at];
                XXH64_hash_t hash;

                bytes[cases[i].at] = cases[i].value;
                hash = XXH3_64bits(bytes + 24, size - 24);
                memcpy(bytes + 16, &hash, sizeof(hash));
                assert_int_equal(manifest_deserialize(bytes, size, &back), -EBADMSG);
                bytes[cases[i].at] = old;
        }
        assert_null(back);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_add),        cmocka_unit_test(test_data),
                cmocka_unit_test(test_paths),      cmocka_unit_test(test_sorted),
                cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage),
                cmocka_unit_test(test_nonsense),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
