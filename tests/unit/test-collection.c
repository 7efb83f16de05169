/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/collection.h"
#include "string-util.h"

/* Lists as words with a blank between them; NULL is no list. */
typedef struct Case {
        const char *drivers, *load, *users, *groups, *missing;
        bool full; /* with a manifest and a trace that have something in them */
} Case;

static char **words(const char *s) {
        char **l = NULL;

        if (s)
                assert_int_equal(strv_split(&l, s, " "), 0);
        return l;
}

static Collection *make(const Case *c) {
        Collection *out;

        assert_int_equal(collection_new(&out), 0);
        out->drivers = words(c->drivers);
        out->load = words(c->load);
        out->users = words(c->users);
        out->groups = words(c->groups);
        out->missing = c->missing ? strdup(c->missing) : NULL;
        if (c->full) {
                assert_int_equal(manifest_add_directory(out->manifest, "/etc", 0755, "test"), 1);
                assert_int_equal(manifest_add_data(out->manifest, "/etc/passwd", 0644,
                                                   strdup("root"), 4, "test", NULL),
                                 1);
                assert_int_equal(trace_add_missing(out->trace, "/etc/shadow"), 0);
        }
        return out;
}

static void assert_words(char *const *l, const char *expected) {
        _cleanup_free_ char *joined = strv_join(l, " ");

        assert_string_equal(joined, expected ?: "");
}

/* What is written comes back, and is written again as the same bytes. */
static void test_round_trip(void **state) {
        static const Case cases[] = {
                {},
                { .full = true },
                { .drivers = "ext4 nvme" },
                { .load = "nvme ext4" },
                { .users = "a" },
                { .groups = "disk tape" },
                { .missing = "Binary=x: there is no program x" },
                { "a b", "b", "systemd-network", "x", "no", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(collection_freep) Collection *c = make(&cases[i]), *back = NULL;
                _cleanup_free_ char *data = NULL, *again = NULL;
                size_t size, again_size;

                assert_int_equal(collection_serialize(c, &data, &size), 0);
                assert_int_equal(collection_deserialize(data, size, &back), 0);
                assert_words(back->drivers, cases[i].drivers);
                assert_words(back->load, cases[i].load);
                assert_words(back->users, cases[i].users);
                assert_words(back->groups, cases[i].groups);
                assert_true(streq_ptr(back->missing, cases[i].missing));
                assert_int_equal(back->manifest->entries.n, cases[i].full ? 2 : 0);
                assert_int_equal(trace_size(back->trace), cases[i].full ? 1 : 0);
                assert_int_equal(collection_serialize(back, &again, &again_size), 0);
                assert_int_equal(again_size, size);
                assert_memory_equal(again, data, size);
        }
}

static int read_back(const char *data, size_t size) {
        _cleanup_free_ char *copy = malloc(size);
        Collection *c;
        int r;

        memcpy(copy, data, size);
        r = collection_deserialize(copy, size, &c);
        if (r >= 0)
                collection_free(c);
        return r;
}

/* One that is cut short anywhere, or has one bit otherwise, is none. */
static void test_damaged(void **state) {
        static const Case all = { "a b", "b", "systemd-network", "x", "no", true };
        _cleanup_(collection_freep) Collection *c = make(&all);
        _cleanup_free_ char *data = NULL;
        size_t size;

        assert_int_equal(collection_serialize(c, &data, &size), 0);
        for (size_t i = 0; i < size; i++)
                assert_int_equal(read_back(data, i), -EBADMSG);
        for (size_t i = 0; i < size; i++) {
                data[i] ^= 1;
                assert_int_equal(read_back(data, size), -EBADMSG);
                data[i] ^= 1;
        }
        assert_int_equal(read_back(data, size), 0);
}

/* As collection.c has it. */
typedef struct Header {
        char magic[8];
        uint64_t trace_size, manifest_size, strings_size, checksum;
} Header;

/* Lists that don't end where they should, though the checksum holds. */
static void test_strings(void **state) {
        static const struct {
                const char *strings;
                size_t size;
                int r;
        } cases[] = {
                { "\0\0\0\0", 5, 0 },
                { "a\0b\0\0\0\0\0x\0", 11, 0 },
                { "\0\0\0", 4, -EBADMSG }, /* a list is missing */
                { "\0\0\0\0\0", 6, -EBADMSG }, /* one too many */
                { "\0\0\0\0x\0y\0", 9, -EBADMSG }, /* two sentences */
                { "a\0b\0\0\0\0\0x", 10, -EBADMSG }, /* no end */
                { "a", 2, -EBADMSG },
                { "a", 1, -EBADMSG },
                { "", 0, -EBADMSG },
        };
        static const Case none = {};
        _cleanup_(collection_freep) Collection *c = make(&none);
        _cleanup_free_ char *data = NULL;
        Header header;
        size_t size, before;

        assert_int_equal(collection_serialize(c, &data, &size), 0);
        memcpy(&header, data, sizeof(header));
        before = size - header.strings_size;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *other = malloc(before + cases[i].size);

                header.strings_size = cases[i].size;
                header.checksum = XXH3_64bits(cases[i].strings, cases[i].size);
                memcpy(other, data, before);
                memcpy(other, &header, sizeof(header));
                memcpy(other + before, cases[i].strings, cases[i].size);
                assert_int_equal(read_back(other, before + cases[i].size), cases[i].r);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_strings),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
