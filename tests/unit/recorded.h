/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Machines for tests, declared as text and made as a tree of files in a temporary directory. One
 * line is one thing:
 *
 *   block PATH MAJOR:MINOR   a device at /sys/devices/PATH, with its links in /sys/class/block and
 *                            /sys/dev/block, and a file for its node in /dev
 *   slave UPPER LOWER        UPPER is made of LOWER
 *   file PATH TEXT           a line of a file; another with the same PATH appends
 *   link PATH TARGET         a symbolic link
 *   dir PATH                 a directory
 *   mount TEXT               a line of /proc/self/mountinfo
 *   fstab TEXT, crypttab TEXT
 */

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"

typedef struct Recorded {
        char root[64];
} Recorded;

/* Makes the directories above `full`, which mostly are there already. */
static inline void recorded_parent(const char *full) {
        _cleanup_free_ char *parent = path_dirname(full);

        if (access(parent, F_OK) < 0)
                assert_int_equal(mkdir_parents(parent, 0755), 0);
}

static inline void recorded_dir(Recorded *m, const char *path) {
        _cleanup_free_ char *full = path_join(m->root, path);

        assert_int_equal(mkdir_parents(full, 0755), 0);
}

static inline void recorded_file(Recorded *m, const char *path, const char *text) {
        _cleanup_free_ char *full = path_join(m->root, path), *line = NULL;
        _cleanup_close_ int fd = -EBADF;

        recorded_parent(full);
        fd = open(full, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_true(str_printf(&line, "%s\n", text) >= 0);
        assert_int_equal(fd_write_all(fd, line, strlen(line)), 0);
}

static inline void recorded_link(Recorded *m, const char *path, const char *target) {
        _cleanup_free_ char *full = path_join(m->root, path);

        recorded_parent(full);
        assert_int_equal(symlink(target, full), 0);
}

static inline void recorded_block(Recorded *m, const char *path, const char *devno) {
        const char *name = path_basename(path);
        char at[512], target[512];

        snprintf(at, sizeof(at), "/sys/devices/%s/dev", path);
        recorded_file(m, at, devno);
        snprintf(target, sizeof(target), "../../devices/%s", path);
        snprintf(at, sizeof(at), "/sys/class/block/%s", name);
        recorded_link(m, at, target);
        snprintf(at, sizeof(at), "/sys/dev/block/%s", devno);
        recorded_link(m, at, target);
        snprintf(at, sizeof(at), "/dev/%s", name);
        for (char *p = at; (p = strchr(p, '!'));)
                *p = '/';
        recorded_file(m, at, "");
}

static inline void recorded_line(Recorded *m, const char *line) {
        char verb[16] = "", path[256] = "", rest[1024] = "";
        const char *text = strchr(line, ' ');

        if (!text)
                return;
        text++;
        assert_true(sscanf(line, "%15s %255s %1023[^\n]", verb, path, rest) >= 2);
        if (streq(verb, "block"))
                recorded_block(m, path, rest);
        else if (streq(verb, "slave")) {
                char at[512], target[512];

                snprintf(at, sizeof(at), "/sys/class/block/%s/slaves/%s", path, rest);
                snprintf(target, sizeof(target), "../%s", rest);
                recorded_link(m, at, target);
        } else if (streq(verb, "file"))
                recorded_file(m, path, rest);
        else if (streq(verb, "link"))
                recorded_link(m, path, rest);
        else if (streq(verb, "dir"))
                recorded_dir(m, path);
        else if (streq(verb, "mount"))
                recorded_file(m, "/proc/self/mountinfo", text);
        else if (streq(verb, "fstab"))
                recorded_file(m, "/etc/fstab", text);
        else if (streq(verb, "crypttab"))
                recorded_file(m, "/etc/crypttab", text);
        else
                fail_msg("What is \"%s\"?", line);
}

static inline void recorded_add(Recorded *m, const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        char *save = NULL;

        for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
                recorded_line(m, l);
}

static inline void recorded_new(Recorded *m) {
        /* Thousands of small files: in memory where that can be had. */
        strcpy(m->root, access("/dev/shm", W_OK | X_OK) >= 0 ? "/dev/shm/test-recorded-XXXXXX"
                                                             : "/tmp/test-recorded-XXXXXX");
        assert_non_null(mkdtemp(m->root));
}

static inline int recorded_remove(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw) {
        return remove(path);
}

static inline void recorded_done(Recorded *m) {
        nftw(m->root, recorded_remove, 32, FTW_DEPTH | FTW_PHYS);
}
#define _cleanup_recorded_ _cleanup_(recorded_done)
