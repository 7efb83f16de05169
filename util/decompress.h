/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whole files that were compressed on their own: drivers and firmware as distributions ship them. */

#include "macro.h"

/* The suffix that says how a file is compressed (".xz", ".zst", ".gz"): where it begins in `path`,
 * or NULL when there is none. */
const char *compression_suffix(const char *path) _pure_;

/*
 * Decompresses a file that is xz, zstd or gzip by its first bytes, whatever its name says, and may
 * consist of several streams one after another. `max` bounds the result. The caller frees; there is
 * a NUL byte behind the result that `ret_size` does not count.
 *
 * -EBADMSG when it is none of them, damaged, cut short, has something else behind it, or asks for
 * more than 128 MiB of dictionary (the kernel's own limit); -EFBIG when there would be more than
 * `max` bytes; -ENOMEM.
 */
int decompress_file(const void *data, size_t size, size_t max, char **ret, size_t *ret_size);
