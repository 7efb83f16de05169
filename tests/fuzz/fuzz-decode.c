/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The decoders, on what an image of unknown origin may hold: as a segment, by its magic, and as a
 * file. What comes out is bounded here, since a small input may well make gigabytes.
 */

#include "decompress.h"
#include "pack/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUTPUT_MAX (4U << 20)

static int count(void *userdata, const void *data, size_t size) {
        size_t *n = userdata;

        if (size == 0)
                abort();
        *n += size;
        return *n > OUTPUT_MAX ? -EFBIG : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *file = NULL;
        size_t n = 0, consumed = SIZE_MAX, file_size;
        Decoder d = decoder_detect(data, size);

        if (d >= 0) {
                int r = decode_stream(d, data, size, count, &n, &consumed);

                if (r < 0 ? consumed != SIZE_MAX : consumed > size || consumed == 0)
                        abort();
        }
        if (decompress_file(data, size, OUTPUT_MAX, &file, &file_size) >= 0 &&
            file_size > OUTPUT_MAX)
                abort();
        return 0;
}
