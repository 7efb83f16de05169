/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One compressed segment as the kernel's decompressors take it. What they do not take is never
 * made: an xz check other than CRC32, a zstd window over 128 MiB, lz4 frames (only its legacy
 * format). The same input at the same level gives the same bytes, however many threads there are;
 * on another machine too, where it has the same versions of the libraries.
 * Sources: the kernel's lib/decompress_*.c, Documentation/driver-api/early-userspace.
 */

#include "describe/config.h"
#include "macro.h"

/* Compresses one buffer into a new one that the caller frees. `level` must be in range for the
 * compressor. COMPRESSION_NONE copies. -ENOMEM. */
int compress_buffer(Compression compression, int level, const void *data, size_t size, char **ret,
                    size_t *ret_size);

/* What the bytes at the start of a segment are: also bzip2, lzma and lzo, which initrdd itself
 * never writes. DECODER_CPIO for an uncompressed newc archive. */
typedef enum Decoder {
        DECODER_CPIO,
        DECODER_GZIP,
        DECODER_BZIP2,
        DECODER_LZMA,
        DECODER_XZ,
        DECODER_LZO,
        DECODER_LZ4,
        DECODER_ZSTD,
        _DECODER_MAX,
        _DECODER_INVALID = -EINVAL,
} Decoder;
const char *decoder_to_string(Decoder d);
/* By the magic, as init/initramfs.c and lib/decompress.c do. `size` may be small. */
/* _DECODER_INVALID when it is none of them. */
Decoder decoder_detect(const void *data, size_t size);
/* CONFIG_ option, without prefix, that the kernel needs for it: "RD_ZSTD". NULL for cpio. */
const char *decoder_kernel_option(Decoder d);
Decoder compression_decoder(Compression c);

/* Called with decoded bytes, in order. A negative errno ends the decoding with it. */
typedef int (*decode_sink_t)(void *userdata, const void *data, size_t size);

/*
 * Decodes the one compressed stream that starts at `data`, keeping to the kernel's limits. Memory
 * stays bounded whatever the input claims. Gives how many bytes of input the stream took, so that
 * the caller can go on behind it. -EBADMSG on broken input, -ENODATA where it is cut short,
 * -EOPNOTSUPP for what this build can't decode (DECODER_CPIO is the caller's own business) or the
 * kernel would refuse.
 */
int decode_stream(Decoder decoder, const void *data, size_t size, decode_sink_t sink,
                  void *userdata, size_t *ret_consumed);
