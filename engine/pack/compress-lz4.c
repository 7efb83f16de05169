/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * lz4 in its "legacy" format, the only one that lib/decompress_unlz4.c of the kernel knows:
 *
 *   1. the magic 0x184C2102, little endian;
 *   2. for each 8 MiB of content (the last is shorter): the size of the block, 32 bits little
 *      endian, and the block.
 *
 * Nothing says where it ends. The kernel reads on as long as there is something: it stops at the
 * end of the image, or (since July 2021) at four NUL bytes where a size should be, and takes
 * anything else for a block. So at least four NUL bytes must follow (with three it fails, "Decoding
 * failed"); segment_pack() sees to that.
 * The magic where a size should be begins another stream, which is then part of this one.
 *
 * There is no check sum either.
 */

#include <endian.h>
#include <lz4.h>
#include <lz4hc.h>

#include "pack/compressor.h"

#define MAGIC UINT32_C(0x184C2102)
#define BLOCK_SIZE (8U << 20)
#define LEVEL_HC 3

static void put_u32(char *p, uint32_t value) {
        value = htole32(value);
        memcpy(p, &value, sizeof(value));
}

static uint32_t get_u32(const char *p) {
        uint32_t value;

        memcpy(&value, p, sizeof(value));
        return le32toh(value);
}

int lz4_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size) {
        size_t n_blocks = size / BLOCK_SIZE + (size % BLOCK_SIZE > 0);
        int bound = LZ4_compressBound(BLOCK_SIZE);
        _cleanup_free_ char *out = NULL;
        const char *in = data;
        char *p;

        if (level < 1 || level > LZ4HC_CLEVEL_MAX)
                return -EINVAL;
        out = malloc(4 + n_blocks * (4 + (size_t) bound));
        if (!out)
                return -ENOMEM;

        put_u32(out, MAGIC);
        p = out + 4;
        for (size_t left = size; left > 0;) {
                int block = MIN_OF(left, (size_t) BLOCK_SIZE), n;

                if (level < LEVEL_HC)
                        n = LZ4_compress_default(in, p + 4, block, bound);
                else
                        n = LZ4_compress_HC(in, p + 4, block, bound, level);
                /* There is room in any case: it did not get the memory for its tables. */
                if (n <= 0)
                        return -ENOMEM;
                put_u32(p, n);
                p += 4 + n;
                in += block;
                left -= block;
        }

        *ret_size = p - out;
        *ret = shrink_result(TAKE_PTR(out), *ret_size);
        return 0;
}

int lz4_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
               size_t *ret_consumed) {
        _cleanup_free_ char *buffer = NULL;
        const char *p = data;
        size_t left = size;
        int r;

        if (size < 4)
                return -ENODATA;
        if (get_u32(p) != MAGIC)
                return -EBADMSG;
        buffer = malloc(BLOCK_SIZE);
        if (!buffer)
                return -ENOMEM;
        p += 4, left -= 4;

        /* Up to three bytes at the end of an image are no size, and the kernel lets them be. */
        while (left >= 4) {
                uint32_t n = get_u32(p);

                if (n == 0)
                        break;
                p += 4, left -= 4;
                if (n == MAGIC)
                        continue;
                if (n > (uint32_t) LZ4_compressBound(BLOCK_SIZE))
                        return -EBADMSG;
                if (n > left)
                        return -ENODATA;
                r = LZ4_decompress_safe(p, buffer, n, BLOCK_SIZE);
                if (r < 0)
                        return -EBADMSG;
                if (r > 0) {
                        r = sink(userdata, buffer, r);
                        if (r < 0)
                                return r;
                }
                p += n, left -= n;
        }

        *ret_consumed = size - left;
        return 0;
}
