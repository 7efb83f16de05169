/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What each compressor gives to the table in compress.c. Private to compress*.c. */

#include "pack/compress.h"

typedef int (*compress_func_t)(int level, const void *data, size_t size, char **ret,
                               size_t *ret_size);
typedef int (*decode_func_t)(const void *data, size_t size, decode_sink_t sink, void *userdata,
                             size_t *ret_consumed);

/* What an xz or lzma decoder may take of memory. The kernel has no such limit: more is not broken,
 * but -EOPNOTSUPP. */
#define DECODE_MEMORY_MAX (UINT64_C(160) << 20)

int zstd_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size);
int zstd_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                size_t *ret_consumed);

int xz_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size);
int xz_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
              size_t *ret_consumed);
int lzma_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                size_t *ret_consumed);

int gzip_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size);
int gzip_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                size_t *ret_consumed);

int lz4_compress(int level, const void *data, size_t size, char **ret, size_t *ret_size);
int lz4_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
               size_t *ret_consumed);

int bzip2_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
                 size_t *ret_consumed);

int lzo_decode(const void *data, size_t size, decode_sink_t sink, void *userdata,
               size_t *ret_consumed);

/* Gives a result buffer its final size; what is cut off goes back to the system. */
static inline char *shrink_result(char *buffer, size_t size) {
        char *p = realloc(buffer, size > 0 ? size : 1);

        return p ?: buffer;
}
