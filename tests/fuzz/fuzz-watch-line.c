/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What comes from initrdd-watch, and what it is told: a stream in pieces, cut into lines, each read
 * both ways. A line that is accepted must be the one that its names are written as.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd-util.h"
#include "string-util.h"
#include "watch/watch-line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line) {
        _cleanup_free_ char *copy = strdup(line), *again = NULL;
        const char *path, *name;
        WatchLineKind kind;
        char *p;

        if (!copy)
                return;
        if (watch_line_parse(copy, &kind, &path, &name) < 0 || kind != WATCH_LINE_KIND_CHANGED)
                return;
        if (strlen(path) >= PATH_MAX || strlen(name) > NAME_MAX || path[0] != '/' ||
            strchr(name, '/'))
                abort();
        again = malloc(WATCH_LINE_MAX);
        if (!again)
                return;
        p = stpcpy(again, WATCH_LINE_CHANGED "\t");
        p = watch_line_escape(p, path);
        *p++ = '\t';
        p = watch_line_escape(p, name);
        if ((size_t) (p - again) >= WATCH_LINE_MAX || !streq(again, line))
                abort();
}

static void check_path(const char *line) {
        _cleanup_free_ char *copy = strdup(line), *again = malloc(WATCH_LINE_MAX);

        if (!copy || !again || watch_line_parse_path(copy) <= 0)
                return;
        (void) watch_line_escape(again, copy);
        if (!streq(again, line))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static LineBuffer buffer;
        _cleanup_close_ int fd = memfd_create("lines", MFD_CLOEXEC);
        ssize_t n;
        char *line;

        if (fd < 0 || fd_write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
                return 0;
        buffer.begin = buffer.end = 0;
        while ((n = line_buffer_read(&buffer, fd)) > 0)
                while ((line = line_buffer_next(&buffer))) {
                        if (strlen(line) >= WATCH_LINE_MAX || strchr(line, '\n'))
                                abort();
                        check_line(line);
                        check_path(line);
                }
        if (n < 0 && n != -ENOBUFS)
                abort();
        return 0;
}
