/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "image/record.h"
#include "string-util.h"

enum { CHECKSUM_AT = 8, BODY_AT = 16 };

static ImageRecord *make(size_t n_fragments, size_t n_collections, bool traced) {
        ImageRecord *r;

        assert_int_equal(image_record_new(&r), 0);
        r->output = strdup("/boot/initrd.img-6.1");
        r->kernel = strdup("6.1");
        r->profile = strdup("default");
        r->ino = 4711;
        r->size = UINT64_C(5) << 32;
        r->mtime = -1;
        r->facts = (XXH128_hash_t) { .low64 = 1, .high64 = 2 };
        r->level = 3;
        r->idle_level = 19;
        r->n_files = 2000;
        r->n_drivers = 1000;
        r->n_fragments = n_fragments;
        r->n_collections = n_collections;
        r->fragments = calloc(n_fragments + 1, sizeof(StoredFragment));
        r->collections = calloc(n_collections + 1, sizeof(XXH128_hash_t));
        for (size_t i = 0; i < n_fragments; i++)
                r->fragments[i] = (StoredFragment) {
                        .content = { .low64 = i },
                        .compression = (Compression) (i % _COMPRESSION_MAX),
                        .level = (int) i,
                        .raw_size = 3 * i,
                        .size = 2 * i,
                        .hash = i + 1,
                };
        for (size_t i = 0; i < n_collections; i++)
                r->collections[i].high64 = i;
        /* Each two fragments are a run. */
        r->n_runs = n_fragments / 2;
        r->n_parts = 2 * r->n_runs;
        r->runs = calloc(r->n_runs + 1, sizeof(ImageRun));
        r->parts = calloc(r->n_parts + 1, sizeof(StoredFragment));
        for (size_t i = 0; i < r->n_runs; i++)
                r->runs[i] = (ImageRun) { { .low64 = 1000 + i }, i, 2, i % 2 };
        for (size_t i = 0; i < r->n_parts; i++)
                r->parts[i] = r->fragments[i];
        assert_int_equal(trace_new(&r->trace), 0);
        if (traced) {
                assert_int_equal(trace_add_missing(r->trace, "/usr/lib/nothing"), 0);
                assert_int_equal(trace_add_link(r->trace, "/lib", "usr/lib"), 0);
        }
        return r;
}

/* What is written comes back, and is written again as the same bytes. */
static void test_round_trip(void **state) {
        static const struct {
                size_t n_fragments, n_collections;
                bool traced;
        } cases[] = { { 0, 0, false }, { 1, 0, true }, { 0, 1, false }, { 40, 90, true } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(image_record_freep) ImageRecord *r = make(
                                cases[i].n_fragments, cases[i].n_collections, cases[i].traced);
                _cleanup_(image_record_freep) ImageRecord *back = NULL;
                _cleanup_free_ char *data = NULL, *again = NULL;
                size_t size, again_size;

                assert_int_equal(image_record_serialize(r, &data, &size), 0);
                assert_int_equal(image_record_deserialize(data, size, &back), 0);
                assert_string_equal(back->output, r->output);
                assert_string_equal(back->kernel, r->kernel);
                assert_string_equal(back->profile, r->profile);
                assert_true(back->ino == r->ino && back->size == r->size);
                assert_true(back->mtime == r->mtime && XXH128_isEqual(back->facts, r->facts));
                assert_int_equal(back->level, 3);
                assert_int_equal(back->idle_level, 19);
                assert_int_equal(back->n_files, 2000);
                assert_int_equal(back->n_drivers, 1000);
                assert_int_equal(back->n_fragments, cases[i].n_fragments);
                assert_int_equal(back->n_collections, cases[i].n_collections);
                for (size_t k = 0; k < back->n_fragments; k++) {
                        assert_int_equal(back->fragments[k].compression, k % _COMPRESSION_MAX);
                        assert_int_equal(back->fragments[k].hash, k + 1);
                }
                assert_int_equal(back->n_runs, r->n_runs);
                assert_int_equal(back->n_parts, r->n_parts);
                for (size_t k = 0; k < back->n_runs; k++) {
                        assert_int_equal(back->runs[k].content.low64, 1000 + k);
                        assert_int_equal(back->runs[k].kernel, k % 2);
                        assert_int_equal(back->parts[2 * k + 1].raw_size, 3 * (2 * k + 1));
                }
                assert_int_equal(trace_size(back->trace), cases[i].traced ? 2 : 0);
                assert_int_equal(image_record_serialize(back, &again, &again_size), 0);
                assert_int_equal(again_size, size);
                assert_memory_equal(again, data, size);
        }
}

static int read_back(const char *data, size_t size) {
        /* A block of its own, so that the sanitizer sees a byte too many. */
        _cleanup_free_ char *copy = malloc(size);
        ImageRecord *record;
        int r;

        memcpy(copy, data, size);
        r = image_record_deserialize(copy, size, &record);
        if (r >= 0)
                image_record_free(record);
        return r;
}

/* A record that is cut short anywhere, or has one bit otherwise, is none. */
static void test_damaged(void **state) {
        _cleanup_(image_record_freep) ImageRecord *r = make(2, 2, true);
        _cleanup_free_ char *data = NULL;
        size_t size;

        assert_int_equal(image_record_serialize(r, &data, &size), 0);
        for (size_t i = 0; i < size; i++)
                assert_int_equal(read_back(data, i), -EBADMSG);
        for (size_t i = 0; i < size; i++) {
                data[i] ^= 1;
                assert_int_equal(read_back(data, size), -EBADMSG);
                data[i] ^= 1;
        }
        assert_int_equal(read_back(data, size), 0);
}

/* One byte more, or one of the fragments with a compressor that there is not, though the checksum
 * holds. */
static void test_surplus(void **state) {
        _cleanup_(image_record_freep) ImageRecord *r = make(1, 0, true);
        _cleanup_free_ char *data = NULL, *more = NULL;
        uint64_t hash, strings;
        size_t size;

        assert_int_equal(image_record_serialize(r, &data, &size), 0);
        more = calloc(1, size + 1);
        memcpy(more, data, size);
        /* The size of the strings is the last number of the header: before the fragment. */
        for (size_t i = BODY_AT; i < size - 8; i += 8) {
                memcpy(&strings, data + i, 8);
                if (strings != strlen(r->output) + strlen(r->kernel) + strlen(r->profile) + 3)
                        continue;
                strings++;
                memcpy(more + i, &strings, 8);
        }
        hash = XXH3_64bits(more + BODY_AT, size + 1 - BODY_AT);
        memcpy(more + CHECKSUM_AT, &hash, 8);
        assert_int_equal(read_back(more, size + 1), -EBADMSG);

        free(TAKE_PTR(data));
        r->fragments[0].compression = _COMPRESSION_MAX;
        assert_int_equal(image_record_serialize(r, &data, &size), 0);
        assert_int_equal(read_back(data, size), -EBADMSG);
}

/* A run of more parts than there are, or of none, or a part with a compressor that there is not. */
static void test_runs(void **state) {
        _cleanup_(image_record_freep) ImageRecord *r = make(4, 0, true);
        _cleanup_free_ char *more = NULL, *none = NULL, *unknown = NULL;
        size_t size;

        assert_ptr_equal(image_record_parts(r, &r->runs[0]), r->parts);
        assert_ptr_equal(image_record_parts(r, &r->runs[1]), r->parts + 2);
        assert_false(image_record_is_joined(r, &r->runs[1]));
        r->fragments[0].content = r->runs[1].content;
        assert_true(image_record_is_joined(r, &r->runs[1]));
        r->runs[1].n_parts = 3;
        assert_int_equal(image_record_serialize(r, &more, &size), 0);
        assert_int_equal(read_back(more, size), -EBADMSG);
        r->runs[0].n_parts = 4;
        r->runs[1].n_parts = 0;
        assert_int_equal(image_record_serialize(r, &none, &size), 0);
        assert_int_equal(read_back(none, size), -EBADMSG);
        r->runs[0].n_parts = r->runs[1].n_parts = 2;
        r->parts[3].compression = _COMPRESSION_MAX;
        assert_int_equal(image_record_serialize(r, &unknown, &size), 0);
        assert_int_equal(read_back(unknown, size), -EBADMSG);
}

/* Whether the image is the one that was written: by all that tells of it. */
static void test_is(void **state) {
        static const struct stat written = {
                .st_mode = S_IFREG | 0600,
                .st_ino = 12,
                .st_size = 1000,
                .st_mtim = { .tv_sec = 1700000000, .tv_nsec = 999999999 },
        };
        struct stat cases[6];
        _cleanup_(image_record_freep) ImageRecord *r = make(0, 0, false);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                cases[i] = written;
        cases[1].st_ino++;
        cases[2].st_size--;
        cases[3].st_mtim.tv_sec++;
        cases[4].st_mtim.tv_nsec--;
        cases[5].st_mode = S_IFLNK | 0777;
        image_record_set(r, &written);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(image_record_is(r, &cases[i]), i == 0);
        /* On vfat a file has another number at each mount. */
        r->ino = 0;
        assert_true(image_record_is(r, &cases[1]));
        assert_false(image_record_is(r, &cases[2]));
        image_record_set(r, &written);
        /* Rights are the admin's business. */
        cases[0].st_mode = S_IFREG | 0644;
        assert_true(image_record_is(r, &cases[0]));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_surplus),
                cmocka_unit_test(test_runs),
                cmocka_unit_test(test_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
