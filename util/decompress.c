/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Three decoders behind one call. Each is driven by the same loop: it gets the rest of the input
 * and some room, and says how much of both it used and whether the input may end here. The room
 * grows geometrically, from what the file is likely to become, and never past the caller's limit;
 * so a small file that claims to be huge costs no more than it really holds.
 *
 * All three formats allow several streams in one file (`cat a.xz b.xz`), and a file counts as
 * whole only when a stream ends exactly where the file does.
 */

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "decompress.h"
#include "string-util.h"

#define DICTIONARY_MAX_LOG 27 /* 128 MiB */

/* One turn of a decoder. `eof`: on return, whether a stream ends at `in`. */
typedef struct Turn {
        const uint8_t *in, *in_end;
        uint8_t *out, *out_end;
        bool eof;
} Turn;

typedef int (*turn_t)(void *decoder, Turn *turn);

const char *compression_suffix(const char *path) {
        static const char *const suffixes[] = { ".xz", ".zst", ".gz" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                const char *s = endswith(path, suffixes[i]);

                if (s && s > path && s[-1] != '/')
                        return s;
        }
        return NULL;
}

static int turn_xz(void *decoder, Turn *t) {
        lzma_stream *s = decoder;
        lzma_ret r;

        s->next_in = t->in;
        s->avail_in = (size_t) (t->in_end - t->in);
        s->next_out = t->out;
        s->avail_out = (size_t) (t->out_end - t->out);
        r = lzma_code(s, LZMA_FINISH);
        t->in = s->next_in;
        t->out = s->next_out;
        t->eof = r == LZMA_STREAM_END;
        if (r == LZMA_MEM_ERROR)
                return -ENOMEM;
        /* LZMA_BUF_ERROR: twice no progress, which is what the end of the input looks like. */
        return r == LZMA_OK || r == LZMA_STREAM_END || r == LZMA_BUF_ERROR ? 0 : -EBADMSG;
}

static int turn_gzip(void *decoder, Turn *t) {
        z_stream *s = decoder;
        const size_t most = UINT32_MAX / 2;
        int r;

        if (t->eof && inflateReset(s) != Z_OK)
                return -EBADMSG;
        s->next_in = (Bytef *) t->in;
        s->avail_in = (uInt) MIN_OF((size_t) (t->in_end - t->in), most);
        s->next_out = t->out;
        s->avail_out = (uInt) MIN_OF((size_t) (t->out_end - t->out), most);
        r = inflate(s, Z_NO_FLUSH);
        t->in = s->next_in;
        t->out = s->next_out;
        t->eof = r == Z_STREAM_END;
        if (r == Z_MEM_ERROR)
                return -ENOMEM;
        return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static int turn_zstd(void *decoder, Turn *t) {
        ZSTD_inBuffer in = { t->in, (size_t) (t->in_end - t->in), 0 };
        ZSTD_outBuffer out = { t->out, (size_t) (t->out_end - t->out), 0 };
        size_t r;

        r = ZSTD_decompressStream(decoder, &out, &in);
        t->in += in.pos;
        t->out += out.pos;
        t->eof = r == 0;
        return ZSTD_isError(r) ? -EBADMSG : 0;
}

static int decode(void *decoder, turn_t turn, const void *data, size_t size, size_t max,
                  size_t guess, char **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *buffer = NULL;
        size_t n = 0, allocated = 0;
        Turn t = { .in = data, .in_end = (const uint8_t *) data + size };
        int r;

        guess = MIN_OF(guess, max);
        guess = MAX_OF(guess, (size_t) 4096);
        for (;;) {
                const uint8_t *before = t.in;
                size_t n_before = n;

                /* One byte of room more than the limit, to see that there is more; one for NUL. */
                if (allocated - n < 2) {
                        if (n > max)
                                return -EFBIG;
                        if (!GREEDY_REALLOC(buffer, allocated, n == 0 ? guess / 2 + 2 : n + 2))
                                return -ENOMEM;
                }
                t.out = buffer + n;
                t.out_end = buffer + MIN_OF(allocated - 1, max + 1);
                if (t.out >= t.out_end)
                        return -EFBIG;
                r = turn(decoder, &t);
                if (r < 0)
                        return r;
                n = (size_t) (t.out - buffer);
                if (n > max)
                        return -EFBIG;
                if (t.eof && t.in == t.in_end)
                        break;
                if (t.in == before && n == n_before)
                        return -EBADMSG; /* cut short */
        }

        buffer[n] = '\0';
        *ret = (char *) TAKE_PTR(buffer);
        *ret_size = n;
        return 0;
}

static int decode_xz(const void *data, size_t size, size_t max, char **ret, size_t *ret_size) {
        lzma_stream s = LZMA_STREAM_INIT;
        int r;

        /* The dictionary, and a little for the decoder itself. */
        if (lzma_stream_decoder(&s, (UINT64_C(1) << DICTIONARY_MAX_LOG) + 1024 * 1024,
                                LZMA_CONCATENATED) != LZMA_OK)
                return -ENOMEM;
        r = decode(&s, turn_xz, data, size, max, size * 4, ret, ret_size);
        lzma_end(&s);
        return r;
}

static int decode_gzip(const void *data, size_t size, size_t max, char **ret, size_t *ret_size) {
        z_stream s = {};
        int r;

        if (inflateInit2(&s, 15 + 16) != Z_OK) /* 16: a gzip header, and no other */
                return -ENOMEM;
        r = decode(&s, turn_gzip, data, size, max, size * 3, ret, ret_size);
        inflateEnd(&s);
        return r;
}

static int decode_zstd(const void *data, size_t size, size_t max, char **ret, size_t *ret_size) {
        unsigned long long claim = ZSTD_getFrameContentSize(data, size);
        ZSTD_DCtx *s = ZSTD_createDCtx();
        int r;

        if (!s)
                return -ENOMEM;
        if (ZSTD_isError(ZSTD_DCtx_setParameter(s, ZSTD_d_windowLogMax, DICTIONARY_MAX_LOG)))
                r = -EINVAL;
        else
                /* A claim is only believed as far as it is likely. */
                r = decode(s, turn_zstd, data, size, max,
                           claim <= size * 16 ? (size_t) claim : size * 4, ret, ret_size);
        ZSTD_freeDCtx(s);
        return r;
}

int decompress_file(const void *data, size_t size, size_t max, char **ret, size_t *ret_size) {
        static const struct {
                const char *magic;
                size_t n;
                int (*decode)(const void *data, size_t size, size_t max, char **ret,
                              size_t *ret_size);
        } formats[] = {
                { "\xfd"
                  "7zXZ\0",
                  6, decode_xz },
                { "\x28\xb5\x2f\xfd", 4, decode_zstd },
                { "\x1f\x8b", 2, decode_gzip },
        };

        max = MIN_OF(max, SIZE_MAX / 4);
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (size >= formats[i].n && memcmp(data, formats[i].magic, formats[i].n) == 0)
                        return formats[i].decode(data, size, max, ret, ret_size);
        return -EBADMSG;
}
