/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Descriptors: closing, whole reads and writes. */

#include <sys/stat.h>
#include <sys/types.h>

#include "macro.h"

/* Closes `fd` if it is one; keeps errno. Returns -EBADF, to assign. */
int safe_close(int fd);

static inline void closep(int *fd) {
        safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

/* Everything from the current position to the end, with a NUL byte behind it that `ret_size` does
 * not count. `max` bytes at most (0: 1 GiB), else -EFBIG. The caller frees. */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_size);

/* All of it, or a negative errno. */
int fd_write_all(int fd, const void *data, size_t size);

/* The file at `path` below `dir_fd`, as fd_read_all(). */
int file_read_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size);

/* Writes a file whole: to a temporary name beside it, then renamed. Not synced. `mode` is not
 * subject to the umask. */
int file_replace_at(int dir_fd, const char *name, const void *data, size_t size, mode_t mode);

/* mkdir -p, with `mode` for what is made. */
int mkdir_parents(const char *path, mode_t mode);
