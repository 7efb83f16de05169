/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The compressors, as two tables: one by what a profile asks for, one by what the kernel finds at
 * the start of a segment. Each compressor is a file of its own with two functions that match the
 * types in compressor.h; nothing else knows which library it is.
 *
 * What a segment is, is told by its first two bytes, since the kernel looks at no more
 * (compressed_formats in lib/decompress.c), and by a '0' for an archive that is not compressed.
 * Whether the rest fits is the decoder's to say.
 *
 * All input is in memory (images are mapped), so decoders take it whole; what comes out is
 * streamed in small pieces, since a small input may claim to be a large one.
 */

#include "pack/compressor.h"

static int copy_buffer(int level, const void *data, size_t size, char **ret, size_t *ret_size) {
        char *copy;

        if (level != 0)
                return -EINVAL;
        copy = malloc(size > 0 ? size : 1);
        if (!copy)
                return -ENOMEM;
        if (size > 0)
                memcpy(copy, data, size);
        *ret = copy;
        *ret_size = size;
        return 0;
}

static const struct {
        compress_func_t compress;
        Decoder decoder;
} compressors[_COMPRESSION_MAX] = {
        [COMPRESSION_NONE] = { copy_buffer, DECODER_CPIO },
        [COMPRESSION_ZSTD] = { zstd_compress, DECODER_ZSTD },
        [COMPRESSION_XZ] = { xz_compress, DECODER_XZ },
        [COMPRESSION_GZIP] = { gzip_compress, DECODER_GZIP },
        [COMPRESSION_LZ4] = { lz4_compress, DECODER_LZ4 },
};

static const struct {
        const char *name;
        const char *kernel_option;
        uint8_t magic[2];
        decode_func_t decode;
} decoders[_DECODER_MAX] = {
        [DECODER_CPIO] = { "cpio", NULL, { '0', '7' }, NULL },
        [DECODER_GZIP] = { "gzip", "RD_GZIP", { 0x1f, 0x8b }, gzip_decode },
        [DECODER_BZIP2] = { "bzip2", "RD_BZIP2", { 0x42, 0x5a }, bzip2_decode },
        [DECODER_LZMA] = { "lzma", "RD_LZMA", { 0x5d, 0x00 }, lzma_decode },
        [DECODER_XZ] = { "xz", "RD_XZ", { 0xfd, 0x37 }, xz_decode },
        [DECODER_LZO] = { "lzo", "RD_LZO", { 0x89, 0x4c }, lzo_decode },
        [DECODER_LZ4] = { "lz4", "RD_LZ4", { 0x02, 0x21 }, lz4_decode },
        [DECODER_ZSTD] = { "zstd", "RD_ZSTD", { 0x28, 0xb5 }, zstd_decode },
};

int compress_buffer(Compression compression, int level, const void *data, size_t size, char **ret,
                    size_t *ret_size) {
        if (compression < 0 || compression >= _COMPRESSION_MAX)
                return -EINVAL;
        return compressors[compression].compress(level, data, size, ret, ret_size);
}

const char *decoder_to_string(Decoder d) {
        return d >= 0 && d < _DECODER_MAX ? decoders[d].name : NULL;
}

const char *decoder_kernel_option(Decoder d) {
        return d >= 0 && d < _DECODER_MAX ? decoders[d].kernel_option : NULL;
}

Decoder compression_decoder(Compression c) {
        return c >= 0 && c < _COMPRESSION_MAX ? compressors[c].decoder : _DECODER_INVALID;
}

Decoder decoder_detect(const void *data, size_t size) {
        const uint8_t *p = data;

        if (size >= 1 && p[0] == '0')
                return DECODER_CPIO;
        if (size < 2)
                return _DECODER_INVALID;
        /* gzip of 1992 and before; the kernel knows it, to say that it does not take it. */
        if (p[0] == 0x1f && p[1] == 0x9e)
                return DECODER_GZIP;
        for (Decoder d = DECODER_CPIO + 1; d < _DECODER_MAX; d++)
                if (memcmp(p, decoders[d].magic, sizeof(decoders[d].magic)) == 0)
                        return d;
        return _DECODER_INVALID;
}

int decode_stream(Decoder decoder, const void *data, size_t size, decode_sink_t sink,
                  void *userdata, size_t *ret_consumed) {
        if (decoder < 0 || decoder >= _DECODER_MAX || !decoders[decoder].decode)
                return -EOPNOTSUPP;
        return decoders[decoder].decode(data, size, sink, userdata, ret_consumed);
}
