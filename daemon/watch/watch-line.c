/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading and writing lines of names. Strict, so that a line has one meaning and a name one
 * spelling: what could not have been written by watch_line_escape() is refused.
 */

#include <unistd.h>

#include "path-util.h"
#include "string-util.h"
#include "watch-line.h"

ssize_t line_buffer_read(LineBuffer *b, int fd) {
        ssize_t n;

        memmove(b->data, b->data + b->begin, b->end - b->begin);
        b->end -= b->begin;
        b->begin = 0;
        if (b->end == sizeof(b->data))
                return -ENOBUFS;
        n = read(fd, b->data + b->end, sizeof(b->data) - b->end);
        if (n < 0)
                return -errno;
        b->end += (size_t) n;
        return n;
}

char *line_buffer_next(LineBuffer *b) {
        char *line = b->data + b->begin, *newline, *nul;

        newline = memchr(line, '\n', b->end - b->begin);
        if (!newline)
                return NULL;
        *newline = '\0';
        /* Would end the line early, and is as wrong in it as any other control character. */
        while ((nul = memchr(line, '\0', (size_t) (newline - line))))
                *nul = '\1';
        b->begin = (size_t) (newline + 1 - b->data);
        return line;
}

static bool needs_escape(unsigned char c) {
        return c < ' ' || c == '\\' || c == 0x7f;
}

char *watch_line_escape(char *p, const char *name) {
        for (; *name; name++) {
                unsigned char c = (unsigned char) *name;

                if (needs_escape(c)) {
                        *p++ = '\\';
                        *p++ = (char) ('0' + (c >> 6));
                        *p++ = (char) ('0' + ((c >> 3) & 7));
                        *p++ = (char) ('0' + (c & 7));
                } else
                        *p++ = (char) c;
        }
        *p = '\0';
        return p;
}

int watch_line_unescape(char *s) {
        char *to = s;

        while (*s) {
                unsigned c = 0;

                if (*s != '\\') {
                        if (needs_escape((unsigned char) *s))
                                return -EBADMSG;
                        *to++ = *s++;
                        continue;
                }
                s++;
                for (int i = 0; i < 3; i++, s++) {
                        if (*s < '0' || *s > '7')
                                return -EBADMSG;
                        c = c * 8 + (unsigned) (*s - '0');
                }
                if (c == 0 || c > 0xff || !needs_escape((unsigned char) c))
                        return -EBADMSG;
                *to++ = (char) c;
        }
        *to = '\0';
        return 0;
}

/* Absolute and as path_simplify() leaves it. */
static bool path_is_valid(const char *path) {
        size_t size = strlen(path);

        if (path[0] != '/' || size >= PATH_MAX)
                return false;
        if (size == 1)
                return true;
        for (const char *p = path; *p; p++) {
                size_t n;

                if (*p != '/')
                        continue;
                n = strcspn(p + 1, "/");
                if (n == 0 || (n == 1 && p[1] == '.'))
                        return false;
        }
        return true;
}

int watch_line_parse_path(char *line) {
        if (!line[0])
                return 0;
        if (watch_line_unescape(line) < 0 || !path_is_valid(line))
                return -EBADMSG;
        return 1;
}

int watch_line_parse(char *line, WatchLineKind *ret_kind, const char **ret_path,
                     const char **ret_name) {
        static const char *const words[] = {
                [WATCH_LINE_KIND_OVERFLOW] = WATCH_LINE_OVERFLOW,
                [WATCH_LINE_KIND_LIMIT] = WATCH_LINE_LIMIT,
                [WATCH_LINE_KIND_READY] = WATCH_LINE_READY,
        };
        char *path, *name;

        for (size_t i = WATCH_LINE_KIND_OVERFLOW; i < ELEMENTSOF(words); i++)
                if (streq(line, words[i])) {
                        *ret_kind = (WatchLineKind) i;
                        return 0;
                }
        path = (char *) startswith(line, WATCH_LINE_CHANGED "\t");
        name = path ? strchr(path, '\t') : NULL;
        if (!name)
                return -EBADMSG;
        *name++ = '\0';
        if (watch_line_unescape(path) < 0 || !path_is_valid(path) ||
            watch_line_unescape(name) < 0 || strlen(name) > NAME_MAX ||
            (*name && !filename_is_valid(name)))
                return -EBADMSG;
        *ret_kind = WATCH_LINE_KIND_CHANGED;
        *ret_path = path;
        *ret_name = name;
        return 0;
}
