/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "pack/cpio.h"
#include "pack/fragment.h"
#include "pack/join.h"
#include "pack/pack.h"
#include "string-util.h"

/* An entry in short: the path, and "/" for a directory, "-> TARGET" for a link, else content. */
typedef struct Item {
        const char *path, *what;
        mode_t mode; /* 0: as is usual */
} Item;

static void add_item(Manifest *m, const Item *item) {
        int r;

        if (streq(item->what, "/"))
                r = manifest_add_directory(m, item->path, item->mode ?: 0755, "test");
        else if (startswith(item->what, "-> "))
                r = manifest_add_symlink(m, item->path, item->what + 3, "test");
        else
                r = manifest_add_data(m, item->path, item->mode ?: 0644, strdup(item->what),
                                      strlen(item->what), "test", NULL);
        assert_int_equal(r, 1);
}

static Manifest *make(const Item *items) {
        Manifest *m;

        assert_int_equal(manifest_new(&m), 0);
        for (; items->path; items++)
                add_item(m, items);
        return m;
}

static int add(Fragments *fs, const char *name, const char *module, const Manifest *m) {
        Report report = {};
        int r;

        r = fragments_add(fs, &report, name, SCOPE_SHARED, module, m);
        report_done(&report);
        return r;
}

/* The paths of a fragment, one a line, and the modes of directories. */
static char *listing(const Fragment *f) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        for (size_t i = 0; i < f->n_entries; i++)
                if (f->entries[i]->type == ENTRY_DIRECTORY)
                        fprintf(out, "%s/ %o\n", f->entries[i]->path, f->entries[i]->mode);
                else
                        fprintf(out, "%s\n", f->entries[i]->path);
        fclose(out);
        return text;
}

static const Item base[] = {
        { "/usr", "/" },
        { "/usr/bin", "/", 0711 },
        { "/usr/bin/a", "program a", 0755 },
        { "/usr/lib", "/" },
        { "/usr/lib/shared", "library" },
        { "/bin", "-> usr/bin" },
        {},
};
static const Item other[] = {
        { "/usr", "/", 0700 },
        { "/usr/bin", "/", 0777 },
        { "/usr/bin/b", "program b", 0755 },
        { "/usr/lib", "/" },
        { "/usr/lib/shared", "library", 0600 },
        { "/bin", "-> usr/bin" },
        { "/etc", "/" },
        {},
};
static const Item nothing_new[] = { { "/usr", "/" }, { "/usr/lib", "/" }, {} };

/* The first module that wants a path owns it; its directories are repeated in the fragments of
 * others, with the mode that the owner wants. A fragment that owns nothing isn't there. */
static void test_ownership(void **state) {
        _cleanup_(manifest_freep) Manifest *a = make(base), *b = make(other), *c = make(nothing_new);
        _cleanup_(fragments_freep) Fragments *fs = NULL;
        _cleanup_free_ char *first = NULL, *second = NULL;

        assert_int_equal(fragments_new(&fs), 0);
        assert_int_equal(add(fs, "one", "a", a), 0);
        assert_int_equal(add(fs, "none", "c", c), 0);
        assert_int_equal(add(fs, "two", "b", b), 0);
        assert_int_equal(add(fs, "two", "b", c), 0);
        assert_int_equal(fragments_finish(fs), 0);
        assert_int_equal(fs->n, 2);
        assert_string_equal(fs->fragments[0]->name, "one");
        assert_string_equal(fs->fragments[1]->name, "two");
        assert_int_equal(strv_length(fs->fragments[1]->modules), 1);
        first = listing(fs->fragments[0]);
        second = listing(fs->fragments[1]);
        assert_string_equal(first, "/bin\n/usr/ 755\n/usr/bin/ 711\n/usr/bin/a\n/usr/lib/ 755\n"
                                   "/usr/lib/shared\n");
        assert_string_equal(second, "/etc/ 755\n/usr/ 755\n/usr/bin/ 711\n/usr/bin/b\n");
        assert_int_equal(fragments_get(fs, "/usr/lib/shared")->mode, 0644);
}

/* The same name in two scopes is two fragments. */
static void test_scopes(void **state) {
        _cleanup_(manifest_freep) Manifest *a = make(base), *b = make(other);
        _cleanup_(fragments_freep) Fragments *fs = NULL;
        Report report = {};

        assert_int_equal(fragments_new(&fs), 0);
        assert_int_equal(fragments_add(fs, &report, "x", SCOPE_SHARED, "a", a), 0);
        assert_int_equal(fragments_add(fs, &report, "x", SCOPE_KERNEL, "b", b), 0);
        assert_int_equal(fs->n, 2);
        assert_string_equal(scope_to_string(fs->fragments[0]->scope), "user");
        assert_string_equal(scope_to_string(fs->fragments[1]->scope), "kernel");
        assert_null(scope_to_string(_SCOPE_INVALID));
        assert_null(scope_to_string(_SCOPE_MAX));
}

static void add_large(Manifest *m, const char *path, size_t size) {
        char *data = calloc(1, size);

        assert_non_null(data);
        assert_int_equal(manifest_add_data(m, path, 0644, data, size, "test", NULL), 1);
}

/* What kernels share is cut into 2^n parts by the hash of the path: each entry once, a part without
 * entries is none, and one that grows or goes moves no other. The drivers of a kernel stay whole. */
static void test_parts(void **state) {
        static const size_t MiB = 1024 * 1024;
        char seen[4][64] = {};

        for (size_t round = 0; round < 4; round++) {
                _cleanup_(manifest_freep) Manifest *m = NULL;
                _cleanup_(fragments_freep) Fragments *fs = NULL;
                Report report = {};
                size_t n = 0;

                assert_int_equal(manifest_new(&m), 0);
                add_item(m, &(Item) { "/usr", "/" });
                for (char c = 'a'; c < 'i'; c++) {
                        char path[] = { '/', 'u', 's', 'r', '/', c, '\0' };

                        /* In round 1 one is larger, in round 2 one is missing. */
                        if (round == 2 && c == 'c')
                                continue;
                        add_large(m, path, MiB + (round == 1 && c == 'a' ? MiB / 2 : 0));
                }
                assert_int_equal(fragments_new(&fs), 0);
                assert_int_equal(fragments_add(fs, &report, "x",
                                               round == 3 ? SCOPE_KERNEL : SCOPE_SHARED, "a", m),
                                 0);
                assert_int_equal(fragments_finish(fs), 0);
                if (round == 3) {
                        assert_int_equal(fs->n, 1);
                        assert_string_equal(fs->fragments[0]->name, "x");
                        continue;
                }
                assert_in_range(fs->n, 2, 8);
                for (size_t i = 0; i < fs->n; i++)
                        for (size_t k = 0; k < fs->fragments[i]->n_entries; k++) {
                                const Entry *e = fs->fragments[i]->entries[k];

                                if (e->type == ENTRY_DIRECTORY)
                                        continue;
                                n++;
                                /* "x-1" and so on: the part that the path was in before. */
                                if (round == 0)
                                        seen[0][(int) e->path[5] - 'a'] =
                                                fs->fragments[i]->name[2];
                                else
                                        assert_int_equal(seen[0][(int) e->path[5] - 'a'],
                                                         fs->fragments[i]->name[2]);
                        }
                assert_int_equal(n, round == 2 ? 7 : 8);
        }
}

/* What can't be in one image: a directory for the one, something else for the other; and something
 * below what is no directory. */
static void test_conflicts(void **state) {
        static const struct {
                Item first[3], second[3];
                int add, finish;
        } cases[] = {
                { { { "/x", "/" } }, { { "/x", "file" } }, -EEXIST, 0 },
                { { { "/x", "file" } }, { { "/x", "/" } }, -EEXIST, 0 },
                { { { "/x", "/" } }, { { "/x", "-> y" } }, -EEXIST, 0 },
                { { { "/x", "-> y" } }, { { "/x", "/" } }, -EEXIST, 0 },
                /* No conflict: the first one has it. */
                { { { "/x", "-> y" } }, { { "/x", "file" } }, 0, 0 },
                { { { "/x", "file" } }, { { "/x", "other" } }, 0, 0 },
                { { { "/x", "-> y" } }, { { "/x/z", "file" } }, 0, -ENOTDIR },
                { { { "/x", "file" } }, { { "/x/z", "file" } }, 0, -ENOTDIR },
                { { { "/x", "/" } }, { { "/x/y/z", "file" } }, 0, -ENOTDIR },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(manifest_freep) Manifest *a = make(cases[i].first);
                _cleanup_(manifest_freep) Manifest *b = make(cases[i].second);
                _cleanup_(fragments_freep) Fragments *fs = NULL;
                Report report = {};

                assert_int_equal(fragments_new(&fs), 0);
                assert_int_equal(fragments_add(fs, &report, "a", SCOPE_SHARED, "a", a), 0);
                assert_int_equal(fragments_add(fs, &report, "b", SCOPE_HOST, "b", b), cases[i].add);
                if (cases[i].add < 0) {
                        assert_int_equal(report.failure.kind, FAILURE_CONFIG_INVALID);
                        assert_string_equal(report.failure.path, "/x");
                } else
                        assert_int_equal(fragments_finish(fs), cases[i].finish);
                report_done(&report);
        }
}

static XXH128_hash_t content_of(const Manifest *m, const char *name, Scope scope) {
        _cleanup_(fragments_freep) Fragments *fs = NULL;
        Report report = {};

        assert_int_equal(fragments_new(&fs), 0);
        assert_int_equal(fragments_add(fs, &report, name, scope, name, m), 0);
        assert_int_equal(fragments_finish(fs), 0);
        return fs->fragments[0]->content;
}

/* The content is named alike whatever the order in which it was found, the name of the fragment,
 * and the reasons; */
static void test_same_content(void **state) {
        _cleanup_(manifest_freep) Manifest *m = make(base), *reverse = NULL, *back = NULL;
        _cleanup_free_ char *data = NULL;
        XXH128_hash_t hash = content_of(m, "a", SCOPE_SHARED);
        size_t size;

        assert_int_equal(manifest_new(&reverse), 0);
        for (size_t i = ELEMENTSOF(base) - 1; i > 0; i--)
                add_item(reverse, &base[i - 1]);
        assert_true(XXH128_isEqual(content_of(reverse, "b", SCOPE_KERNEL), hash));
        assert_int_equal(manifest_serialize(m, &data, &size), 0);
        assert_int_equal(manifest_deserialize(data, size, &back), 0);
        assert_true(XXH128_isEqual(content_of(back, "c", SCOPE_HOST), hash));
}

/* and another content otherwise, whatever it is that differs. */
static void test_other_content(void **state) {
        static const Item cases[][4] = {
                { { "/d", "/" }, { "/d/f", "file" }, { "/l", "-> d/f" } },
                { { "/d", "/", 0700 }, { "/d/f", "file" }, { "/l", "-> d/f" } },
                { { "/d", "/" }, { "/d/f", "file", 0755 }, { "/l", "-> d/f" } },
                { { "/d", "/" }, { "/d/f", "File" }, { "/l", "-> d/f" } },
                { { "/d", "/" }, { "/d/f", "" }, { "/l", "-> d/f" } },
                { { "/d", "/" }, { "/d/g", "file" }, { "/l", "-> d/f" } },
                { { "/d", "/" }, { "/d/f", "file" }, { "/l", "-> d/g" } },
                { { "/d", "/" }, { "/d/f", "file" }, { "/l", "d/f" } },
                { { "/d", "/" }, { "/d/f", "file" } },
        };
        XXH128_hash_t hashes[ELEMENTSOF(cases)];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(manifest_freep) Manifest *m = make(cases[i]);

                hashes[i] = content_of(m, "x", SCOPE_SHARED);
                for (size_t k = 0; k < i; k++)
                        assert_false(XXH128_isEqual(hashes[i], hashes[k]));
        }
}

/* The size that is told before anything is packed is that of the archive, to the byte: names and
 * targets of every length modulo four. */
static void test_raw_size(void **state) {
        static const char *const names[] = { "/a", "/bb", "/ccc", "/dddd", "/eeeee" };
        static const char *const contents[] = { "", "1", "22", "333", "4444", "-> t", "-> tt",
                                                "-> ttt", "-> tttt" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (size_t k = 0; k < ELEMENTSOF(contents); k++) {
                        Item items[] = { { names[i], contents[k] }, { "/dir", "/" }, {} };
                        _cleanup_(manifest_freep) Manifest *m = make(items);
                        _cleanup_(fragments_freep) Fragments *fs = NULL;
                        _cleanup_free_ char *data = NULL;
                        const char *path;
                        size_t size;

                        assert_int_equal(fragments_new(&fs), 0);
                        assert_int_equal(add(fs, "x", "x", m), 0);
                        assert_int_equal(fragments_finish(fs), 0);
                        assert_int_equal(fragment_archive(fs->fragments[0], NULL, &data, &size,
                                                          &path),
                                         0);
                        assert_int_equal(size, fs->fragments[0]->raw_size);
                }
}

/* The links of the image itself, as the kernel would follow them. */
static void test_resolve(void **state) {
        static const Item items[] = {
                { "/usr", "/" },
                { "/usr/lib", "/" },
                { "/usr/lib/systemd", "file" },
                { "/lib", "-> usr/lib" },
                { "/init", "-> /lib/systemd" },
                { "/absolute", "-> /usr" },
                { "/usr/lib/up", "-> ../../init" },
                { "/usr/lib/beyond", "-> ../../../../init" },
                { "/circle", "-> circle" },
                { "/dangling", "-> nowhere" },
                { "/root", "-> /" },
                {},
        };
        static const struct {
                const char *path, *found;
        } cases[] = {
                { "/usr/lib/systemd", "/usr/lib/systemd" },
                { "/lib/systemd", "/usr/lib/systemd" },
                { "/init", "/usr/lib/systemd" },
                { "//lib/./systemd", "/usr/lib/systemd" },
                { "/absolute/lib/systemd", "/usr/lib/systemd" },
                { "/lib/up", "/usr/lib/systemd" },
                { "/lib/beyond", "/usr/lib/systemd" },
                { "/lib/../lib/systemd", "/usr/lib/systemd" },
                { "/lib", "/usr/lib" },
                { "/root/usr", "/usr" },
                { "/circle", NULL },
                { "/dangling", NULL },
                { "/missing", NULL },
                { "/init/x", NULL },
                { "/", NULL },
                { "", NULL },
        };
        _cleanup_(manifest_freep) Manifest *m = make(items);
        _cleanup_(fragments_freep) Fragments *fs = NULL;
        char lengthy[8192];

        assert_int_equal(fragments_new(&fs), 0);
        assert_int_equal(add(fs, "x", "x", m), 0);
        assert_int_equal(fragments_finish(fs), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Entry *e = fragments_resolve(fs, cases[i].path);

                assert_true(streq_ptr(e ? e->path : NULL, cases[i].found));
        }
        memset(lengthy, '/', sizeof(lengthy));
        lengthy[sizeof(lengthy) - 1] = '\0';
        assert_null(fragments_resolve(fs, lengthy));
        assert_null(fragments_get(fs, "/lib/systemd"));
        assert_non_null(fragments_get(fs, "/lib"));
}

static char *archive(const Fragment *f, size_t *ret_size) {
        const char *path;
        char *data;

        assert_int_equal(fragment_archive(f, NULL, &data, ret_size, &path), 0);
        assert_int_equal(*ret_size, f->raw_size);
        return data;
}

/* Neighbours of one scope become one, whose archive is theirs one behind the other and whose content
 * is told by theirs; what is early or the host's never does, nor what is alone. */
static void test_join(void **state) {
        static const Scope scopes[] = { SCOPE_EARLY,  SCOPE_EARLY,  SCOPE_KERNEL, SCOPE_SHARED,
                                        SCOPE_SHARED, SCOPE_SHARED, SCOPE_HOST,   SCOPE_HOST };
        _cleanup_(fragments_freep) Fragments *fs = NULL;
        _cleanup_free_ char *expected = NULL, *joined = NULL;
        Manifest *manifests[ELEMENTSOF(scopes)];
        size_t expected_size = 0, size;
        Report report = {};
        Run run, again;

        assert_int_equal(fragments_new(&fs), 0);
        for (size_t i = 0; i < ELEMENTSOF(scopes); i++) {
                char name[] = { 'a' + (char) i, '\0' }, path[] = { '/', 'a' + (char) i, '\0' };
                Item items[] = { { path, name }, {} };

                manifests[i] = make(items);
                assert_int_equal(fragments_add(fs, &report, name, scopes[i], name, manifests[i]),
                                 0);
        }
        assert_int_equal(fragments_finish(fs), 0);
        assert_true(run_find(fs, 0, &run));
        assert_int_equal(run.first, 3);
        assert_int_equal(run.n, 3);
        assert_true(run_find(fs, 4, &again));
        assert_int_equal(again.n, 2);
        assert_false(XXH128_isEqual(run.content, again.content));
        assert_false(run_find(fs, 5, &again));
        for (size_t i = 3; i < 6; i++) {
                _cleanup_free_ char *part = archive(fs->fragments[i], &size);

                expected = realloc(expected, expected_size + size);
                memcpy(expected + expected_size, part, size);
                expected_size += size;
        }

        assert_int_equal(fragments_join(fs, &run), 0);
        assert_int_equal(fs->n, ELEMENTSOF(scopes) - 2);
        assert_string_equal(fs->fragments[3]->name, "d+2");
        assert_int_equal(strv_length(fs->fragments[3]->modules), 3);
        assert_int_equal(fs->fragments[3]->n_entries, 3);
        assert_string_equal(fs->fragments[4]->name, "g");
        assert_true(XXH128_isEqual(fs->fragments[3]->content, run.content));
        assert_false(run_find(fs, 0, &run));
        joined = archive(fs->fragments[3], &size);
        assert_int_equal(size, expected_size);
        assert_memory_equal(joined, expected, size);
        for (size_t i = 0; i < ELEMENTSOF(scopes); i++)
                manifest_free(manifests[i]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ownership),     cmocka_unit_test(test_scopes),
                cmocka_unit_test(test_conflicts),     cmocka_unit_test(test_same_content),
                cmocka_unit_test(test_other_content), cmocka_unit_test(test_raw_size),
                cmocka_unit_test(test_resolve),       cmocka_unit_test(test_parts),
                cmocka_unit_test(test_join),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
