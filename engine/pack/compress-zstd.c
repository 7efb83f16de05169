/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * zstd, as lib/decompress_unzstd.c of the kernel takes it: one frame, no dictionary, a window of
 * at most 128 MiB (ZSTD_WINDOWLOG_MAX of the kernel's copy is 27). Levels 1 to 22 stay below that
 * by themselves: it is the library's own limit for decoders that were not told otherwise.
 *
 * A frame carries the size of its content, so that who decodes it knows what to expect, and a
 * checksum. It is made by one thread: with workers, where the input is cut depends on their
 * number only by accident of the version. Parallel is what packs several fragments at once.
 *
 * The level that idle packs at looks further back than its own 8 MiB: by hashes of long matches, since a
 * search tree of that size would take 256 MiB to pack. The kernel takes the window of a frame from
 * vmalloc() while it unpacks it, and so does whoever reads the image: with 16 MiB that stays below the 32 MiB
 * that reading may take, and 32 MiB would save no more than another 0.3 %.
 *
 * Each call makes its own context, so threads share nothing. That costs little: 4 KiB at level 3
 * take 0.05 ms with all that is around them.
 */

#include <zstd.h>
#include <zstd_errors.h>

#include "pack/compressor.h"

#define WINDOW_LOG_MAX 27
#define MAGIC_SIZE 4
#define HARD_LEVEL 19 /* higher ones look further back by themselves */
#define HARD_WINDOW_LOG 24

DEFINE_CLEANUP_FUNC(ZSTD_CCtx *, ZSTD_freeCCtx);
DEFINE_CLEANUP_FUNC(ZSTD_DCtx *, ZSTD_freeDCtx);

static bool is_set(ZSTD_CCtx *c, ZSTD_cParameter parameter, int value) {
        return !ZSTD_isError(ZSTD_CCtx_setParameter(c, parameter, value));
}

static bool set_parameters(ZSTD_CCtx *c, int level) {
        return is_set(c, ZSTD_c_compressionLevel, level) && is_set(c, ZSTD_c_contentSizeFlag, 1) &&
               is_set(c, ZSTD_c_checksumFlag, 1) &&
               (level != HARD_LEVEL || (is_set(c, ZSTD_c_windowLog, HARD_WINDOW_LOG) &&
                                        is_set(c, ZSTD_c_enableLongDistanceMatching, 1)));
}

int zstd_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size) {
        _cleanup_(ZSTD_freeCCtxp) ZSTD_CCtx *c = NULL;
        _cleanup_free_ char *out = NULL;
        size_t bound = ZSTD_compressBound(size), n;

        if (level < 1 || level > ZSTD_maxCLevel())
                return -EINVAL;
        if (ZSTD_isError(bound))
                return -EFBIG;
        c = ZSTD_createCCtx();
        out = malloc(bound);
        if (!c || !out)
                return -ENOMEM;

        if (!set_parameters(c, level))
                return -EINVAL;
        n = ZSTD_compress2(c, out, bound, data, size);
        if (ZSTD_isError(n))
                return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;

        *ret = shrink_result(TAKE_PTR(out), n);
        *ret_size = n;
        return 0;
}

static int error_from_zstd(size_t code) {
        switch (ZSTD_getErrorCode(code)) {
        case ZSTD_error_memory_allocation:
                return -ENOMEM;
        case ZSTD_error_frameParameter_windowTooLarge:
        case ZSTD_error_frameParameter_unsupported:
        case ZSTD_error_version_unsupported:
        case ZSTD_error_dictionary_wrong:
                return -EOPNOTSUPP;
        default:
                return -EBADMSG;
        }
}

/* Frames that hold no data: 0x184D2A50 to 0x184D2A5F, little endian. The kernel has no magic
 * for them. */
static bool is_skippable(const void *data, size_t size) {
        const uint8_t *p = data;

        return size >= MAGIC_SIZE && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d &&
               p[3] == 0x18;
}

int zstd_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                size_t *ret_consumed) {
        _cleanup_(ZSTD_freeDCtxp) ZSTD_DCtx *d = NULL;
        _cleanup_free_ char *buffer = NULL;
        ZSTD_inBuffer in = { .src = data, .size = size };
        size_t n, more;
        int r;

        if (is_skippable(data, size))
                return -EOPNOTSUPP;

        n = ZSTD_DStreamOutSize();
        d = ZSTD_createDCtx();
        buffer = malloc(n);
        if (!d || !buffer)
                return -ENOMEM;
        if (ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
                return -EINVAL;

        do {
                ZSTD_outBuffer out = { .dst = buffer, .size = n };
                size_t before = in.pos;

                more = ZSTD_decompressStream(d, &out, &in);
                if (ZSTD_isError(more))
                        return error_from_zstd(more);
                if (out.pos > 0) {
                        r = sink(userdata, buffer, out.pos);
                        if (r < 0)
                                return r;
                } else if (more > 0 && in.pos == before)
                        return -ENODATA;
        } while (more > 0);

        *ret_consumed = in.pos;
        return 0;
}
