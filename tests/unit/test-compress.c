/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <lzma.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <zstd.h>
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
        { COMPRESSION_XZ, 0, 9 },
        { COMPRESSION_GZIP, 1, 9 },
        { COMPRESSION_LZ4, 1, 12 },
};

static const size_t sizes[] = { 0, 1, 4096, 300 * 1000 };

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

/* Nothing but a copy. */
static void test_none(void **state) {
        _cleanup_free_ char *out = NULL, *empty = NULL;
        size_t size;

        assert_int_equal(compress_buffer(COMPRESSION_NONE, 0, "070701", 6, &out, &size), 0);
        assert_int_equal(size, 6);
        assert_memory_equal(out, "070701", 6);
        assert_int_equal(compress_buffer(COMPRESSION_NONE, 0, NULL, 0, &empty, &size), 0);
        assert_int_equal(size, 0);
        assert_int_equal(compress_buffer(COMPRESSION_NONE, 1, "x", 1, &out, &size), -EINVAL);
        assert_int_equal(decoder_detect(out, 6), compression_decoder(COMPRESSION_NONE));
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

/* The same bytes each time, also from two threads at once. */
typedef struct Twin {
        Compression compression;
        int level;
        const char *in;
        size_t in_size;
        char *out;
        size_t out_size;
} Twin;

static void *compress_twin(void *userdata) {
        Twin *t = userdata;

        assert_int_equal(compress_buffer(t->compression, t->level, t->in, t->in_size, &t->out,
                                         &t->out_size),
                         0);
        return NULL;
}

static void test_deterministic(void **state) {
        size_t large = 9 << 20; /* more than one block of lz4 */
        _cleanup_free_ char *in = sample(large), *again = sample(large);

        for (size_t i = 0; i < ELEMENTSOF(compressors); i++) {
                size_t size = compressors[i].compression == COMPRESSION_LZ4 ? large : 1 << 20;
                Twin a = { compressors[i].compression, 3, in, size }, b = a, c = a;
                pthread_t thread;

                /* Elsewhere in memory, after other work, at the same time. */
                b.in = again;
                compress_twin(&c);
                assert_int_equal(pthread_create(&thread, NULL, compress_twin, &b), 0);
                compress_twin(&a);
                assert_int_equal(pthread_join(thread, NULL), 0);
                assert_int_equal(a.out_size, b.out_size);
                assert_memory_equal(a.out, b.out, a.out_size);
                assert_int_equal(a.out_size, c.out_size);
                assert_memory_equal(a.out, c.out, a.out_size);
                free(a.out);
                free(b.out);
                free(c.out);
        }
}

/* What the headers say, which is what a kernel without patience looks at: for zstd the size of
 * the content and a checksum, for xz CRC32, for gzip no name, no time and a constant system. */
static void test_headers(void **state) {
        _cleanup_free_ char *zstd = NULL, *xz = NULL, *gzip = NULL, *lz4 = NULL;
        size_t size;

        assert_int_equal(compress_buffer(COMPRESSION_ZSTD, 3, "hello", 5, &zstd, &size), 0);
        assert_int_equal(ZSTD_getFrameContentSize(zstd, size), 5);
        assert_memory_equal(zstd, "\x28\xb5\x2f\xfd\x24", 5); /* one segment, checksum */
        assert_int_equal(compress_buffer(COMPRESSION_XZ, 6, "hello", 5, &xz, &size), 0);
        assert_memory_equal(xz, "\xfd" "7zXZ\0\0\1", 8);
        assert_int_equal(compress_buffer(COMPRESSION_GZIP, 6, "hello", 5, &gzip, &size), 0);
        assert_memory_equal(gzip, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
        assert_int_equal(compress_buffer(COMPRESSION_LZ4, 1, "hello", 5, &lz4, &size), 0);
        assert_memory_equal(lz4, "\x02\x21\x4c\x18\x06\0\0\0\x50hello", 14);
        assert_int_equal(size, 14);
}

/* The kernel allocates the dictionary that an xz segment names: no more than is of use. */
static void test_xz_dictionary(void **state) {
        static const struct {
                int level;
                size_t size;
                uint32_t dict_size;
        } cases[] = {
                { 6, 5, 4096 }, { 6, 4097, 6144 }, { 6, 100 * 1000, 128 << 10 },
                { 0, 1 << 20, 256 << 10 }, { 9, (6 << 20) + 1, 8 << 20 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *in = calloc(1, cases[i].size), *out = NULL;
                lzma_filter filters[LZMA_FILTERS_MAX + 1];
                lzma_block block = { .check = LZMA_CHECK_CRC32, .filters = filters };
                size_t size;

                assert_int_equal(compress_buffer(COMPRESSION_XZ, cases[i].level, in,
                                                 cases[i].size, &out, &size),
                                 0);
                block.header_size = lzma_block_header_size_decode((uint8_t) out[12]);
                assert_int_equal(
                        lzma_block_header_decode(&block, NULL, (const uint8_t *) out + 12),
                        LZMA_OK);
                assert_int_equal(filters[0].id, LZMA_FILTER_LZMA2);
                assert_int_equal(filters[1].id, LZMA_VLI_UNKNOWN);
                assert_int_equal(((lzma_options_lzma *) filters[0].options)->dict_size,
                                 cases[i].dict_size);
                free(filters[0].options);
        }
}

static void test_detect(void **state) {
        static const struct {
                const char *data;
                size_t size;
                Decoder decoder;
                const char *name, *option;
        } cases[] = {
                { "070701", 6, DECODER_CPIO, "cpio", NULL },
                { "0", 1, DECODER_CPIO, "cpio", NULL },
                { "\x1f\x8b", 2, DECODER_GZIP, "gzip", "RD_GZIP" },
                { "\x1f\x9e", 2, DECODER_GZIP, "gzip", "RD_GZIP" },
                { "BZh9", 4, DECODER_BZIP2, "bzip2", "RD_BZIP2" },
                { "\x5d\0\0", 3, DECODER_LZMA, "lzma", "RD_LZMA" },
                { "\xfd" "7zXZ", 5, DECODER_XZ, "xz", "RD_XZ" },
                { "\x89LZO", 4, DECODER_LZO, "lzo", "RD_LZO" },
                { "\x02\x21\x4c\x18", 4, DECODER_LZ4, "lz4", "RD_LZ4" },
                { "\x28\xb5\x2f\xfd", 4, DECODER_ZSTD, "zstd", "RD_ZSTD" },
                { "", 0, _DECODER_INVALID, NULL, NULL },
                { "\x28", 1, _DECODER_INVALID, NULL, NULL },
                { "\x7f" "ELF", 4, _DECODER_INVALID, NULL, NULL },
                { "\x04\x22\x4d\x18", 4, _DECODER_INVALID, NULL, NULL }, /* an lz4 frame */
                { "\x50\x2a\x4d\x18", 4, _DECODER_INVALID, NULL, NULL }, /* skippable */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Decoder d = decoder_detect(cases[i].data, cases[i].size);

                assert_int_equal(d, cases[i].decoder);
                assert_true(streq_ptr(decoder_to_string(d), cases[i].name));
                assert_true(streq_ptr(decoder_kernel_option(d), cases[i].option));
        }
        assert_int_equal(compression_decoder(_COMPRESSION_MAX), _DECODER_INVALID);
}

#define ZSTD_MAGIC "\x28\xb5\x2f\xfd"
#define LZ4_MAGIC "\x02\x21\x4c\x18"
#define RAW_BLOCK "\x09\0\0x" /* zstd: the last block, raw, one byte */

/* Magic, version, flags, mode, time, no name, no sum. */
#define LZO_HEADER(flags)                                                                         \
        "\x89LZO\0\r\n\x1a\n" "\x10\x40\x20\xa0\x09\x40\1\5" flags "\0\0\0\0\0\0\0\0\0\0\0\0" "\0" "\0\0\0\0"

/* By hand: what the kernel refuses, what is broken, what is cut short. */
static void test_decode_errors(void **state) {
        static const struct {
                Decoder decoder;
                const char *data;
                size_t size;
                int r;
        } cases[] = {
                /* A window of 128 MiB, just above, of 256 MiB. */
                { DECODER_ZSTD, ZSTD_MAGIC "\0\x88" RAW_BLOCK, 10, 0 },
                { DECODER_ZSTD, ZSTD_MAGIC "\0\x89" RAW_BLOCK, 10, -EOPNOTSUPP },
                { DECODER_ZSTD, ZSTD_MAGIC "\0\x90" RAW_BLOCK, 10, -EOPNOTSUPP },
                { DECODER_ZSTD, "\x50\x2a\x4d\x18\0\0\0\0" ZSTD_MAGIC "\0\x88" RAW_BLOCK, 18,
                  -EOPNOTSUPP },
                { DECODER_ZSTD, ZSTD_MAGIC "\1\x88\7" RAW_BLOCK, 11, -EOPNOTSUPP }, /* dictionary */
                { DECODER_ZSTD, ZSTD_MAGIC "\0\x88\x0f\0\0x", 10, -EBADMSG }, /* kind of block */
                { DECODER_ZSTD, ZSTD_MAGIC "\4\x88" RAW_BLOCK "abcd", 14, -EBADMSG }, /* sum */
                { DECODER_ZSTD, "\x28\xb5xx", 4, -EBADMSG },
                { DECODER_ZSTD, "", 0, -ENODATA },
                { DECODER_XZ, "\xfd" "7zXX\0\0\1abcd", 12, -EBADMSG },
                { DECODER_XZ, "", 0, -ENODATA },
                { DECODER_GZIP, "\x1f\x8b\x07\0\0\0\0\0\0\3", 10, -EBADMSG }, /* method */
                { DECODER_GZIP, "\x1f\x9e\x08\0\0\0\0\0\0\3", 10, -EBADMSG },
                /* Header fields that the kernel takes for data: sum, extra, comment. */
                { DECODER_GZIP, "\x1f\x8b\x08\2\0\0\0\0\0\3\xaa\xaa\3\0\0\0\0\0\0\0\0\0", 22,
                  -EOPNOTSUPP },
                { DECODER_GZIP, "\x1f\x8b\x08\4\0\0\0\0\0\3\0\0\3\0\0\0\0\0\0\0\0\0", 22,
                  -EOPNOTSUPP },
                { DECODER_GZIP, "\x1f\x8b\x08\x10\0\0\0\0\0\3c\0\3\0\0\0\0\0\0\0\0\0", 22,
                  -EOPNOTSUPP },
                /* A name it skips. */
                { DECODER_GZIP, "\x1f\x8b\x08\x08\0\0\0\0\0\3n\0\3\0\0\0\0\0\0\0\0\0", 22, 0 },
                { DECODER_GZIP, "", 0, -ENODATA },
                { DECODER_LZ4, "\x04\x22\x4d\x18", 4, -EBADMSG },
                { DECODER_LZ4, LZ4_MAGIC, 3, -ENODATA },
                { DECODER_LZ4, LZ4_MAGIC "\1\0\0\0", 8, -ENODATA },
                /* Another segment right behind is taken for the size of a block. */
                { DECODER_LZ4, LZ4_MAGIC "\2\0\0\0\x10x" ZSTD_MAGIC "\0\x88", 16, -EBADMSG },
                { DECODER_LZ4, LZ4_MAGIC "\2\0\0\0\x10x" "070701", 16, -EBADMSG },
                { DECODER_LZ4, LZ4_MAGIC "\2\0\0\0\xf0x", 10, -EBADMSG },
                /* Two streams in a row are one; what is too short for a size is left alone. */
                { DECODER_LZ4, LZ4_MAGIC "\2\0\0\0\x10x" LZ4_MAGIC "\2\0\0\0\x10y", 20, 0 },
                { DECODER_LZMA, "\x5d\0\0\0", 4, -ENODATA },
                /* A dictionary of 1 GiB. */
                { DECODER_LZMA, "\x5d\0\0\0\x40\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0", 18,
                  -EOPNOTSUPP },
                { DECODER_LZMA, "\xff\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 18, -EBADMSG },
                { DECODER_CPIO, "070701", 6, -EOPNOTSUPP },
                { DECODER_BZIP2, "BZh9", 4, -ENODATA },
                { DECODER_BZIP2, "BZh01AY&SY", 10, -EBADMSG }, /* the size of its blocks */
                { DECODER_BZIP2, "BZh9abcdef", 10, -EBADMSG },
                /* Nothing in it. */
                { DECODER_BZIP2, "BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0", 14, 0 },
                { DECODER_LZO, "\x89LZO", 4, -ENODATA },
                { DECODER_LZO, "\x89LZO\0\r\n\x1a\0", 9, -EBADMSG },
                { DECODER_LZO, LZO_HEADER("\0\0\0\1") "\0\0\0\0", 42, 0 },
                { DECODER_LZO, LZO_HEADER("\0\0\0\1") "\0\0\0\1\0\0\0\1\0\x79\0\x79x\0\0\0\0",
                  55, 0 },
                { DECODER_LZO, LZO_HEADER("\0\0\0\1") "\0\0\0\1\0\0\0\1\0\x79\0\x78x\0\0\0\0",
                  55, -EBADMSG }, /* sum */
                { DECODER_LZO, LZO_HEADER("\0\0\0\1") "\0\0\0\1\0\0\0\1\0\x79\0\x79x", 51,
                  -ENODATA },
                { DECODER_LZO, LZO_HEADER("\0\0\0\1") "\0\0\0\1\0\0\0\2\0\x79\0\x79xx", 52,
                  -EBADMSG }, /* larger than what it makes */
                { DECODER_LZO, LZO_HEADER("\0\0\0\1") "\0\4\0\1\0\0\0\2\0\x79\0\x79xx", 52,
                  -EBADMSG }, /* a block of more than 256 KiB */
                { DECODER_LZO, LZO_HEADER("\0\0\0\0") "\0\0\0\0", 42, -EOPNOTSUPP }, /* no sum */
                { DECODER_LZO, LZO_HEADER("\0\0\0\3") "\0\0\0\0", 42, -EOPNOTSUPP }, /* two */
                { _DECODER_INVALID, "x", 1, -EOPNOTSUPP },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_collected_ Collected c = {};
                size_t consumed = SIZE_MAX;
                int r = decode_stream(cases[i].decoder, cases[i].data, cases[i].size, collect, &c,
                                      &consumed);

                if (r != cases[i].r)
                        print_error("case %zu\n", i);
                assert_int_equal(r, cases[i].r);
                assert_int_equal(consumed, r < 0 ? SIZE_MAX : cases[i].size);
        }
}

/* Trailing bytes that are no size of an lz4 block: up to three, or NUL. */
static void test_lz4_end(void **state) {
        static const char data[] = LZ4_MAGIC "\2\0\0\0\x10x" "\0\0\0\0\0\0";

        for (size_t size = 10; size < sizeof(data); size++) {
                _cleanup_collected_ Collected c = {};
                size_t consumed;

                assert_int_equal(decode_stream(DECODER_LZ4, data, size, collect, &c, &consumed),
                                 0);
                assert_int_equal(consumed, 10);
                assert_int_equal(c.size, 1);
        }
}

/* Of liblzma: the checks that there are, and the older format with and without its size. */
static size_t make_xz(lzma_check check, const char *in, size_t size, uint8_t *out, size_t room) {
        size_t n = 0;

        assert_int_equal(lzma_easy_buffer_encode(6, check, NULL, (const uint8_t *) in, size, out,
                                                 &n, room),
                         LZMA_OK);
        return n;
}

static size_t make_lzma(const char *in, size_t size, uint8_t *out, size_t room) {
        lzma_stream s = LZMA_STREAM_INIT;
        lzma_options_lzma options;
        size_t n;

        assert_false(lzma_lzma_preset(&options, 6));
        assert_int_equal(lzma_alone_encoder(&s, &options), LZMA_OK);
        s.next_in = (const uint8_t *) in;
        s.avail_in = size;
        s.next_out = out;
        s.avail_out = room;
        assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
        n = room - s.avail_out;
        lzma_end(&s);
        return n;
}

static void test_xz_checks(void **state) {
        static const struct {
                lzma_check check;
                int r;
        } cases[] = {
                { LZMA_CHECK_NONE, 0 }, { LZMA_CHECK_CRC32, 0 },
                { LZMA_CHECK_CRC64, -EOPNOTSUPP }, { LZMA_CHECK_SHA256, -EOPNOTSUPP },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_collected_ Collected c = {};
                uint8_t data[4096];
                size_t consumed, size = make_xz(cases[i].check, "hello", 5, data, sizeof(data));

                assert_int_equal(decode_stream(DECODER_XZ, data, size, collect, &c, &consumed),
                                 cases[i].r);
        }
}

/* A small stream of each kind that there is a decoder for. */
static size_t make(Decoder d, const char *in, size_t size, uint8_t *out, size_t room) {
        _cleanup_free_ char *p = NULL;
        Compression c = COMPRESSION_NONE;
        size_t n;

        if (d == DECODER_LZMA)
                return make_lzma(in, size, out, room);
        while (compression_decoder(c) != d)
                c++;
        assert_int_equal(compress_buffer(c, 3, in, size, &p, &n), 0);
        assert_true(n <= room);
        memcpy(out, p, n);
        return n;
}

static const Decoder all_decoders[] = {
        DECODER_ZSTD, DECODER_XZ, DECODER_GZIP, DECODER_LZ4, DECODER_LZMA,
};

/* Cut short at each place; then with each byte changed, which is found, or doesn't matter, or is
 * in a format without sums. */
static void test_damaged(void **state) {
        _cleanup_free_ char *in = sample(400);

        for (size_t i = 0; i < ELEMENTSOF(all_decoders); i++) {
                Decoder d = all_decoders[i];
                uint8_t data[4096];
                size_t size = make(d, in, 400, data, sizeof(data));

                for (size_t n = 0; n <= size; n++) {
                        _cleanup_collected_ Collected c = {};
                        _cleanup_free_ uint8_t *exact = malloc(n + 1);
                        size_t consumed;
                        /* lz4 has no end: up to the size of its first block, it may be all. */
                        bool whole = n == size || (d == DECODER_LZ4 && n >= 4 && n < 8);

                        memcpy(exact, data, n);
                        exact = realloc(exact, n);
                        assert_int_equal(decode_stream(d, exact, n, collect, &c, &consumed),
                                         whole ? 0 : -ENODATA);
                        if (whole)
                                assert_int_equal(consumed, n < size ? 4 : size);
                }
                for (size_t n = 0; n < size; n++) {
                        _cleanup_collected_ Collected c = {};
                        size_t consumed;
                        int r;

                        data[n] ^= 0x55;
                        r = decode_stream(d, data, size, collect, &c, &consumed);
                        data[n] ^= 0x55;
                        if (r < 0) {
                                assert_true(r == -EBADMSG || r == -ENODATA || r == -EOPNOTSUPP);
                                continue;
                        }
                        assert_true(consumed <= size);
                        if (d == DECODER_LZ4 || d == DECODER_LZMA)
                                continue;
                        assert_int_equal(c.size, 400);
                        assert_memory_equal(c.data, in, 400);
                }
        }
}

/* The sink's word is final. */
static void test_sink_fails(void **state) {
        _cleanup_free_ char *in = sample(400);

        for (size_t i = 0; i < ELEMENTSOF(all_decoders); i++) {
                _cleanup_collected_ Collected c = { .error = -ECANCELED };
                uint8_t data[4096];
                size_t consumed, size = make(all_decoders[i], in, 400, data, sizeof(data));

                assert_int_equal(
                        decode_stream(all_decoders[i], data, size, collect, &c, &consumed),
                        -ECANCELED);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_none),
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_deterministic),
                cmocka_unit_test(test_headers),
                cmocka_unit_test(test_xz_dictionary),
                cmocka_unit_test(test_detect),
                cmocka_unit_test(test_decode_errors),
                cmocka_unit_test(test_lz4_end),
                cmocka_unit_test(test_xz_checks),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_sink_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
