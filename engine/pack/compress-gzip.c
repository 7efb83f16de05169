/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * gzip, as lib/decompress_inflate.c takes it: one member. Its header says nothing of a time or a
 * name, and the same of the system everywhere.
 *
 * The kernel skips a name in the header but knows none of the other optional fields: it would take
 * them for data. It doesn't look at the check sum; we do, since a wrong one is never good news.
 */

#define ZLIB_CONST
#include <zlib.h>

#include "pack/compressor.h"

#define BUFFER_SIZE (64U * 1024U)
#define WINDOW_BITS_GZIP (15 + 16)
#define OS_UNIX 3
/* zlib counts in unsigned int. */
#define PIECE_MAX (UINT32_C(1) << 30)

#define FLAGS_OFFSET 3
/* FTEXT and FNAME. */
#define FLAGS_KERNEL (0x01 | 0x08)

static void deflate_endp(z_stream *s) {
        (void) deflateEnd(s);
}

static void inflate_endp(z_stream *s) {
        (void) inflateEnd(s);
}

static int error_from_zlib(int code) {
        switch (code) {
        case Z_MEM_ERROR:
                return -ENOMEM;
        case Z_BUF_ERROR:
                return -ENODATA;
        default:
                return -EBADMSG;
        }
}

int gzip_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size) {
        _cleanup_(deflate_endp) z_stream s = {};
        _cleanup_free_ char *out = NULL;
        gz_header header = { .os = OS_UNIX };
        size_t bound, in_left = size, out_left;
        int r;

        if (level < Z_BEST_SPEED || level > Z_BEST_COMPRESSION)
                return -EINVAL;
        r = deflateInit2(&s, level, Z_DEFLATED, WINDOW_BITS_GZIP, MAX_MEM_LEVEL,
                         Z_DEFAULT_STRATEGY);
        if (r != Z_OK)
                return error_from_zlib(r);
        (void) deflateSetHeader(&s, &header);

        bound = out_left = deflateBound(&s, size);
        out = malloc(bound);
        if (!out)
                return -ENOMEM;
        s.next_in = data;
        s.next_out = (Bytef *) out;
        do {
                uInt in = MIN_OF(in_left, (size_t) PIECE_MAX);
                uInt room = MIN_OF(out_left, (size_t) PIECE_MAX);

                s.avail_in = in;
                s.avail_out = room;
                r = deflate(&s, in == in_left ? Z_FINISH : Z_NO_FLUSH);
                in_left -= in - s.avail_in;
                out_left -= room - s.avail_out;
        } while (r == Z_OK);
        if (r != Z_STREAM_END)
                return -EIO;

        *ret = shrink_result(TAKE_PTR(out), bound - out_left);
        *ret_size = bound - out_left;
        return 0;
}

int gzip_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                size_t *ret_consumed) {
        _cleanup_(inflate_endp) z_stream s = {};
        _cleanup_free_ uint8_t *buffer = NULL;
        size_t left = size;
        int r, status;

        if (size > FLAGS_OFFSET && (((const uint8_t *) data)[FLAGS_OFFSET] & ~FLAGS_KERNEL) != 0)
                return -EOPNOTSUPP;
        r = inflateInit2(&s, WINDOW_BITS_GZIP);
        if (r != Z_OK)
                return error_from_zlib(r);
        buffer = malloc(BUFFER_SIZE);
        if (!buffer)
                return -ENOMEM;

        s.next_in = data;
        do {
                uInt in = MIN_OF(left, (size_t) PIECE_MAX);

                s.avail_in = in;
                s.next_out = buffer;
                s.avail_out = BUFFER_SIZE;
                status = inflate(&s, Z_NO_FLUSH);
                left -= in - s.avail_in;
                if (s.avail_out < BUFFER_SIZE && (status == Z_OK || status == Z_STREAM_END)) {
                        r = sink(userdata, buffer, BUFFER_SIZE - s.avail_out);
                        if (r < 0)
                                return r;
                }
        } while (status == Z_OK);

        if (status != Z_STREAM_END)
                return error_from_zlib(status);
        *ret_consumed = size - left;
        return 0;
}
