/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * xz and the older lzma, as lib/decompress_unxz.c and lib/decompress_unlzma.c take them. The
 * kernel's xz has LZMA2 and checks CRC32 or nothing; xz's own default, CRC64, it refuses.
 *
 * The dictionary costs the kernel as much memory while it unpacks (it takes any size, by
 * XZ_DYNALLOC), and an image has many segments. So it is never more than 8 MiB, the size of
 * `xz -6`, nor more than the content needs. What levels 7 to 9 add in xz is only a larger one;
 * here they search harder instead (`xz -e`), which costs nothing at boot.
 *
 * The filters for machine code are left out: each needs a kernel option of its own (XZ_DEC_X86).
 */

#include <lzma.h>

#include "pack/compressor.h"

#define DICT_SIZE_MAX (UINT32_C(8) << 20)
#define LEVEL_MAX 9
#define LEVEL_EXTREME 7
#define BUFFER_SIZE (64U * 1024U)
/* Where the Stream Header names the check, and the largest that the kernel knows: none, CRC32. */
#define CHECK_OFFSET 7
#define CHECK_KERNEL_MAX LZMA_CHECK_CRC32

static int error_from_lzma(lzma_ret ret) {
        switch (ret) {
        case LZMA_MEM_ERROR:
                return -ENOMEM;
        case LZMA_MEMLIMIT_ERROR:
        case LZMA_OPTIONS_ERROR:
        case LZMA_UNSUPPORTED_CHECK:
                return -EOPNOTSUPP;
        case LZMA_BUF_ERROR:
                return -ENODATA;
        default:
                return -EBADMSG;
        }
}

/* Dictionary sizes that LZMA2 can name are 2^n and 2^n + 2^(n-1), from 4 KiB: the smallest of
 * them that holds `size`. */
static uint32_t dict_size_for(size_t size) {
        for (uint32_t n = LZMA_DICT_SIZE_MIN; n < DICT_SIZE_MAX; n *= 2) {
                if (size <= n)
                        return n;
                if (size <= n + n / 2)
                        return n + n / 2;
        }
        return DICT_SIZE_MAX;
}

int xz_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size) {
        _cleanup_free_ char *out = NULL;
        lzma_options_lzma options;
        lzma_filter filters[] = {
                { .id = LZMA_FILTER_LZMA2, .options = &options },
                { .id = LZMA_VLI_UNKNOWN },
        };
        size_t bound = lzma_stream_buffer_bound(size), n = 0;
        lzma_ret r;

        if (level < 0 || level > LEVEL_MAX)
                return -EINVAL;
        if (bound == 0)
                return -EFBIG;
        if (lzma_lzma_preset(&options,
                             (uint32_t) level |
                                             (level >= LEVEL_EXTREME ? LZMA_PRESET_EXTREME : 0)))
                return -EINVAL;
        options.dict_size = MIN_OF(options.dict_size, dict_size_for(size));

        out = malloc(bound);
        if (!out)
                return -ENOMEM;
        r = lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, data, size, (uint8_t *) out,
                                      &n, bound);
        if (r != LZMA_OK)
                return r == LZMA_MEM_ERROR ? -ENOMEM : -EIO;

        *ret = shrink_result(TAKE_PTR(out), n);
        *ret_size = n;
        return 0;
}

static int run(lzma_stream *s, const void *data, size_t size, decode_sink_t sink, void *userdata,
               size_t *ret_consumed) {
        _cleanup_free_ uint8_t *buffer = NULL;
        lzma_ret status;

        buffer = malloc(BUFFER_SIZE);
        if (!buffer)
                return -ENOMEM;
        s->next_in = data;
        s->avail_in = size;

        do {
                size_t n;
                int r;

                s->next_out = buffer;
                s->avail_out = BUFFER_SIZE;
                status = lzma_code(s, LZMA_RUN);
                n = BUFFER_SIZE - s->avail_out;
                if (n > 0 && (status == LZMA_OK || status == LZMA_STREAM_END)) {
                        r = sink(userdata, buffer, n);
                        if (r < 0)
                                return r;
                }
        } while (status == LZMA_OK);

        if (status != LZMA_STREAM_END)
                return error_from_lzma(status);
        *ret_consumed = size - s->avail_in;
        return 0;
}

int xz_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
              size_t *ret_consumed) {
        _cleanup_(lzma_end) lzma_stream s = LZMA_STREAM_INIT;
        lzma_ret r;

        if (size > CHECK_OFFSET &&
            memcmp(data,
                   "\xfd"
                   "7zXZ\0",
                   6) == 0 &&
            ((const uint8_t *) data)[CHECK_OFFSET] > CHECK_KERNEL_MAX)
                return -EOPNOTSUPP;
        r = lzma_stream_decoder(&s, DECODE_MEMORY_MAX, LZMA_TELL_UNSUPPORTED_CHECK);
        if (r != LZMA_OK)
                return error_from_lzma(r);
        return run(&s, data, size, sink, userdata, ret_consumed);
}

int lzma_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                size_t *ret_consumed) {
        _cleanup_(lzma_end) lzma_stream s = LZMA_STREAM_INIT;
        lzma_ret r;

        r = lzma_alone_decoder(&s, DECODE_MEMORY_MAX);
        if (r != LZMA_OK)
                return error_from_lzma(r);
        return run(&s, data, size, sink, userdata, ret_consumed);
}
