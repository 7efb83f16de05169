/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * bzip2, as lib/decompress_bunzip2.c takes it: one stream. Decoding only, initrdd never writes it.
 * A decoder needs 4 MB at most, whatever the stream claims.
 */

#include <bzlib.h>

#include "pack/compressor.h"

#define BUFFER_SIZE (64U * 1024U)
/* libbz2 counts in unsigned int. */
#define PIECE_MAX (UINT32_C(1) << 30)

static void decompress_endp(bz_stream *s) {
        (void) BZ2_bzDecompressEnd(s);
}

int bzip2_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                 size_t *ret_consumed) {
        _cleanup_(decompress_endp) bz_stream s = {};
        _cleanup_free_ char *buffer = NULL;
        size_t left = size;
        int r, status;

        r = BZ2_bzDecompressInit(&s, 0, 0);
        if (r != BZ_OK)
                return r == BZ_MEM_ERROR ? -ENOMEM : -EIO;
        buffer = malloc(BUFFER_SIZE);
        if (!buffer)
                return -ENOMEM;

        s.next_in = (char *) data;
        do {
                unsigned in = (unsigned) MIN_OF(left, (size_t) PIECE_MAX), n;

                s.avail_in = in;
                s.next_out = buffer;
                s.avail_out = BUFFER_SIZE;
                status = BZ2_bzDecompress(&s);
                left -= in - s.avail_in;
                n = BUFFER_SIZE - s.avail_out;
                if (n > 0 && (status == BZ_OK || status == BZ_STREAM_END)) {
                        r = sink(userdata, buffer, n);
                        if (r < 0)
                                return r;
                }
                /* There is no status for it: nothing more goes in, and nothing comes out. */
                if (status == BZ_OK && n == 0 && left == 0)
                        return -ENODATA;
        } while (status == BZ_OK);

        if (status != BZ_STREAM_END)
                return status == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
        *ret_consumed = size - left;
        return 0;
}
