/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * lzo in the file format of lzop, as lib/decompress_unlzo.c takes it. Decoding only, initrdd never
 * writes it. All numbers are big endian:
 *
 *   1. nine bytes of magic;
 *   2. the version (16 bits), those of the library and of who can read it, a byte for the method,
 *      and from version 0x0940 on a byte for the level;
 *   3. 32 bits of flags, and if these tell of one, 32 bits for a filter;
 *   4. mode, time, and from version 0x0940 on the upper half of the time;
 *   5. a byte for the length of the name, the name, and the header's check sum;
 *   6. for each block: its size unpacked (0 is the end) and packed, the check sum of what is
 *      unpacked, and the block, which is as it is where both sizes are the same.
 *
 * The kernel steps over exactly one check sum of a block without asking the flags, so a file
 * with two of them, or none, it can't read. It doesn't look at the sum; we do.
 */

#include <lzo/lzo1x.h>
#include <zlib.h>

#include "pack/compressor.h"

#define MAGIC "\x89LZO\0\r\n\x1a\n"
#define MAGIC_SIZE 9U
#define BLOCK_SIZE (256U << 10)
#define VERSION_WITH_LEVEL 0x0940

#define FLAG_ADLER32 0x1U
#define FLAG_ADLER32_PACKED 0x2U
#define FLAG_CRC32 0x100U
#define FLAG_CRC32_PACKED 0x200U
#define FLAG_FILTER 0x800U

typedef struct Input {
        const uint8_t *p;
        size_t left;
} Input;

static int take(Input *in, size_t n, const uint8_t **ret) {
        if (n > in->left)
                return -ENODATA;
        *ret = in->p;
        in->p += n, in->left -= n;
        return 0;
}

static int take_u32(Input *in, uint32_t *ret) {
        const uint8_t *p;
        int r = take(in, 4, &p);

        if (r < 0)
                return r;
        *ret = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
        return 0;
}

static int take_header(Input *in, uint32_t *ret_flags) {
        const uint8_t *p;
        uint32_t flags;
        bool with_level;
        int r;

        r = take(in, MAGIC_SIZE, &p);
        if (r < 0)
                return r;
        if (memcmp(p, MAGIC, MAGIC_SIZE) != 0)
                return -EBADMSG;
        r = take(in, 7, &p);
        if (r < 0)
                return r;
        with_level = (p[0] << 8 | p[1]) >= VERSION_WITH_LEVEL;
        r = take(in, with_level ? 1 : 0, &p);
        if (r >= 0)
                r = take_u32(in, &flags);
        if (r < 0)
                return r;
        r = take(in, (flags & FLAG_FILTER ? 4 : 0) + 8 + (with_level ? 4 : 0), &p);
        if (r >= 0)
                r = take(in, 1, &p);
        if (r >= 0)
                r = take(in, (size_t) *p + 4, &p);
        if (r < 0)
                return r;
        *ret_flags = flags;
        return 0;
}

static int decode_block(uint32_t flags, const uint8_t *block, uint32_t packed, uint8_t *buffer,
                        uint32_t size, uint32_t sum) {
        lzo_uint n = size;
        uLong found;

        if (packed == size)
                memcpy(buffer, block, size);
        else if (lzo1x_decompress_safe(block, packed, buffer, &n, NULL) != LZO_E_OK || n != size)
                return -EBADMSG;
        found = flags & FLAG_ADLER32 ? adler32(1, buffer, size) : crc32(0, buffer, size);
        return found == sum ? 0 : -EBADMSG;
}

int lzo_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
               size_t *ret_consumed) {
        _cleanup_free_ uint8_t *buffer = NULL;
        Input in = { data, size };
        uint32_t flags, sums;
        int r;

        r = take_header(&in, &flags);
        if (r < 0)
                return r;
        sums = flags & (FLAG_ADLER32 | FLAG_ADLER32_PACKED | FLAG_CRC32 | FLAG_CRC32_PACKED);
        if (sums != FLAG_ADLER32 && sums != FLAG_CRC32)
                return -EOPNOTSUPP;
        if (flags & FLAG_FILTER)
                return -EOPNOTSUPP;
        buffer = malloc(BLOCK_SIZE);
        if (!buffer)
                return -ENOMEM;

        for (;;) {
                uint32_t unpacked, packed, sum;
                const uint8_t *block;

                r = take_u32(&in, &unpacked);
                if (r < 0)
                        return r;
                if (unpacked == 0)
                        break;
                r = take_u32(&in, &packed);
                if (r < 0)
                        return r;
                if (unpacked > BLOCK_SIZE || packed == 0 || packed > unpacked)
                        return -EBADMSG;
                r = take_u32(&in, &sum);
                if (r >= 0)
                        r = take(&in, packed, &block);
                if (r >= 0)
                        r = decode_block(flags, block, packed, buffer, unpacked, sum);
                if (r >= 0)
                        r = sink(userdata, buffer, unpacked);
                if (r < 0)
                        return r;
        }
        *ret_consumed = size - in.left;
        return 0;
}
