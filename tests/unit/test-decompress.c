/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "decompress.h"
#include "string-util.h"

typedef enum Format { XZ, ZSTD, GZIP, _FORMAT_MAX } Format;

static size_t compress_as(Format format, const void *data, size_t size, uint8_t *out, size_t room) {
        size_t n = 0;

        switch (format) {
        case XZ:
                assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, data, size, out,
                                                         &n, room),
                                 LZMA_OK);
                return n;
        case ZSTD:
                n = ZSTD_compress(out, room, data, size, 3);
                assert_false(ZSTD_isError(n));
                return n;
        default: {
                z_stream s = { .next_in = (Bytef *) data, .avail_in = (uInt) size,
                               .next_out = out, .avail_out = (uInt) room };

                assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
                assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
                n = s.total_out;
                deflateEnd(&s);
                return n;
        }
        }
}

/* Text that compresses a little, or zeros, which compress a lot. */
static char *make_data(size_t size, bool zeros) {
        char *data = malloc(size + 1);
        uint32_t x = 1;

        assert_non_null(data);
        for (size_t i = 0; i < size; i++) {
                x = x * 1664525 + 1013904223;
                data[i] = zeros ? 0 : (char) ('a' + (x >> 28));
        }
        return data;
}

/* What goes in comes out, at sizes around the first guess and far beyond it. */
static void test_whole(void **state) {
        static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 100000, 3000000 };

        for (Format f = 0; f < _FORMAT_MAX; f++)
                for (size_t i = 0; i < ELEMENTSOF(sizes) * 2; i++) {
                        size_t size = sizes[i / 2], room = size + 100000, n, n_back;
                        _cleanup_free_ char *data = make_data(size, i % 2), *back = NULL;
                        _cleanup_free_ uint8_t *packed = malloc(room);

                        n = compress_as(f, data, size, packed, room);
                        assert_int_equal(decompress_file(packed, n, 10000000, &back, &n_back), 0);
                        assert_int_equal(n_back, size);
                        assert_memory_equal(back, data, size);
                        assert_int_equal(back[size], 0);
                }
}

/* `cat a.xz b.xz` is a file too. */
static void test_two_streams(void **state) {
        for (Format f = 0; f < _FORMAT_MAX; f++) {
                _cleanup_free_ char *back = NULL;
                uint8_t packed[1024];
                size_t n, n_back;

                n = compress_as(f, "hello ", 6, packed, sizeof(packed));
                n += compress_as(f, "world", 5, packed + n, sizeof(packed) - n);
                assert_int_equal(decompress_file(packed, n, 100, &back, &n_back), 0);
                assert_string_equal(back, "hello world");
        }
}

/* The limit is exact, and a failure leaves the outputs alone. */
static void test_limit(void **state) {
        for (Format f = 0; f < _FORMAT_MAX; f++)
                for (int zeros = 0; zeros < 2; zeros++) {
                        static const size_t sizes[] = { 1, 4095, 4096, 4097, 8192, 200000 };

                        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                                _cleanup_free_ char *data = make_data(sizes[i], zeros), *back = NULL;
                                _cleanup_free_ uint8_t *packed = malloc(300000);
                                size_t n, n_back = 77;

                                n = compress_as(f, data, sizes[i], packed, 300000);
                                assert_int_equal(decompress_file(packed, n, sizes[i] - 1, &back,
                                                                 &n_back),
                                                 -EFBIG);
                                assert_null(back);
                                assert_int_equal(n_back, 77);
                                assert_int_equal(decompress_file(packed, n, sizes[i], &back,
                                                                 &n_back),
                                                 0);
                        }
                }
}

/* Cut anywhere, with something behind it, or damaged: never taken for whole. */
static void test_broken(void **state) {
        _cleanup_free_ char *data = make_data(5000, false);

        for (Format f = 0; f < _FORMAT_MAX; f++) {
                _cleanup_free_ char *back = NULL;
                uint8_t packed[8000];
                size_t n, n_back;

                n = compress_as(f, data, 5000, packed, sizeof(packed) - 4);
                for (size_t cut = 0; cut < n; cut++)
                        assert_int_equal(decompress_file(packed, cut, 10000, &back, &n_back),
                                         -EBADMSG);

                memcpy(packed + n, "junk", 4);
                assert_int_equal(decompress_file(packed, n + 4, 10000, &back, &n_back), -EBADMSG);

                if (f != ZSTD) { /* which has no checksum unless asked */
                        packed[n / 2] ^= 0x10;
                        assert_int_equal(decompress_file(packed, n, 100000, &back, &n_back),
                                         -EBADMSG);
                }
        }
}

static void test_not_compressed(void **state) {
        static const char *const inputs[] = { "", "\x1f", "\x7f" "ELF", "\xfd" "7zX", "plain text" };

        for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
                char *back = NULL;
                size_t n;

                assert_int_equal(decompress_file(inputs[i], strlen(inputs[i]), 100, &back, &n),
                                 -EBADMSG);
        }
}

static void test_suffix(void **state) {
        static const struct {
                const char *path, *suffix;
        } cases[] = {
                { "a.ko", NULL },       { "a.ko.xz", ".xz" }, { "a.ko.zst", ".zst" },
                { "/b/a.ko.gz", ".gz" }, { "/b/.xz", NULL },   { ".gz", NULL },
                { "a.xzz", NULL },      { "", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *s = compression_suffix(cases[i].path);

                assert_true(streq_ptr(s, cases[i].suffix));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_two_streams),
                cmocka_unit_test(test_limit),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_not_compressed),
                cmocka_unit_test(test_suffix),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
