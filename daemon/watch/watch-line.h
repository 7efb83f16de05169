/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The lines of include/watch-protocol.h, for both ends. Nothing here allocates. */

#include "macro.h"
#include "watch-protocol.h"

typedef enum WatchLineKind {
        WATCH_LINE_KIND_CHANGED,
        WATCH_LINE_KIND_OVERFLOW,
        WATCH_LINE_KIND_LIMIT,
        WATCH_LINE_KIND_READY,
} WatchLineKind;

/* Lines as they come out of a descriptor. Large: not for the stack of a deep call. */
typedef struct LineBuffer {
        char data[WATCH_LINE_MAX];
        size_t begin, end;
} LineBuffer;

/* Reads once. How many bytes came, 0 at the end; -ENOBUFS when a line does not fit, or a negative
 * errno of read(2). All lines must have been taken before. */
ssize_t line_buffer_read(LineBuffer *b, int fd);
/* The next whole line without its newline, valid until the next read; NULL when there is none. */
char *line_buffer_next(LineBuffer *b);

/* Writes `name` escaped to `p`, which has room for four times its bytes and one. Returns where the
 * NUL byte is. */
char *watch_line_escape(char *p, const char *name);
/* In place. -EBADMSG for what watch_line_escape() would not have written. */
int watch_line_unescape(char *s);

/* A line of standard output, which is changed. `ret_path` and `ret_name` are pointers into it, set
 * for WATCH_LINE_KIND_CHANGED only. -EBADMSG. */
int watch_line_parse(char *line, WatchLineKind *ret_kind, const char **ret_path,
                     const char **ret_name);
/* A line of standard input, which is changed: 1 for a path, 0 for an empty line, -EBADMSG. */
int watch_line_parse_path(char *line);
