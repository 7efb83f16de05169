/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "pack/compress.h"

/* Text that compresses, the same each time. */
static char *sample(size_t size) {
        char *p = malloc(size + 1);
        uint32_t x = 1;

        assert_non_null(p);
        for (size_t i = 0; i < size; i++) {
                x = x * 1103515245 + 12345;
                p[i] = (i / 64) % 3 == 0 ? (char) (x >> 24) : (char) ('a' + i % 17);
        }
        return p;
}

typedef struct Collected {
        char *data;
        size_t size, allocated;
        int error; /* what the sink gives back once it has something */
} Collected;

static void collected_done(Collected *c) {
        free(c->data);
        *c = (Collected) {};
}
#define _cleanup_collected_ _cleanup_(collected_done)

static int collect(void *userdata, const void *data, size_t size) {
        Collected *c = userdata;

        assert_true(size > 0);
        assert_non_null(GREEDY_REALLOC(c->data, c->allocated, c->size + size));
        memcpy(c->data + c->size, data, size);
        c->size += size;
        return c->error;
}

static const struct {
        Compression compression;
        int min, max;
} compressors[] = {
        { COMPRESSION_ZSTD, 1, 22 },
};

static const size_t sizes[] = { 0, 1, 4096, 1000 * 1000 };

/* What went in comes out, at the lowest, a middle and the highest level; the stream ends where it
 * ends, whatever stands behind it. */
static void test_round_trip(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(compressors); i++)
                for (size_t j = 0; j < ELEMENTSOF(sizes); j++) {
                        Compression c = compressors[i].compression;
                        int levels[] = { compressors[i].min,
                                         (compressors[i].min + compressors[i].max) / 2,
                                         compressors[i].max };
                        _cleanup_free_ char *in = sample(sizes[j]);

                        for (size_t k = 0; k < ELEMENTSOF(levels); k++) {
                                _cleanup_collected_ Collected back = {};
                                _cleanup_free_ char *out = NULL;
                                size_t size, consumed = 0;

                                assert_int_equal(
                                        compress_buffer(c, levels[k], in, sizes[j], &out, &size),
                                        0);
                                out = realloc(out, size + 8);
                                assert_non_null(out);
                                memset(out + size, 0, 8);
                                assert_int_equal(decoder_detect(out, size),
                                                 compression_decoder(c));
                                assert_int_equal(decode_stream(compression_decoder(c), out,
                                                               size + 8, collect, &back,
                                                               &consumed),
                                                 0);
                                assert_int_equal(consumed, size);
                                assert_int_equal(back.size, sizes[j]);
                                if (back.size > 0)
                                        assert_memory_equal(back.data, in, back.size);
                        }
                }
}

/* Levels that there are not. */
static void test_levels(void **state) {
        char *out;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(compressors); i++) {
                assert_int_equal(compress_buffer(compressors[i].compression,
                                                 compressors[i].min - 1, "x", 1, &out, &size),
                                 -EINVAL);
                assert_int_equal(compress_buffer(compressors[i].compression,
                                                 compressors[i].max + 1, "x", 1, &out, &size),
                                 -EINVAL);
        }
        assert_int_equal(compress_buffer(_COMPRESSION_MAX, 1, "x", 1, &out, &size), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_levels),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
