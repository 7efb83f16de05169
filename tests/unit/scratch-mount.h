/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* File systems that are full or read-only, for who may mount: in a name space of the test's own, so
 * that nothing stays mounted whatever happens to the test. */

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

static bool scratch_possible;

/* Before anything is opened: descriptors of before don't see what is mounted later. */
static inline void scratch_begin(void) {
        scratch_possible = unshare(CLONE_NEWNS) >= 0 &&
                           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0;
}

/* To be called while a test owns nothing yet. */
static inline void scratch_or_skip(void) {
        if (scratch_possible)
                return;
        print_message("skipped: this user may not mount a tmpfs\n");
        skip();
}

/* A tmpfs at `path` with these options ("size=64k"). */
static inline void scratch_mount(const char *path, const char *options) {
        assert_int_equal(mount("tmpfs", path, "tmpfs", 0, options), 0);
}

static inline void scratch_read_only(const char *path, bool yes) {
        assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT | (yes ? MS_RDONLY : 0), NULL), 0);
}

/* Fills it until `left` bytes are free. */
static inline void scratch_fill(const char *path, size_t left) {
        char name[128];
        struct statvfs vfs;
        int fd;

        snprintf(name, sizeof(name), "%s/ballast", path);
        fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fstatvfs(fd, &vfs), 0);
        assert_true(vfs.f_bavail * vfs.f_frsize >= left);
        assert_int_equal(posix_fallocate(fd, 0, (off_t) (vfs.f_bavail * vfs.f_frsize - left)), 0);
        close(fd);
}

static inline void scratch_umount(const char *path) {
        assert_int_equal(umount2(path, MNT_DETACH), 0);
}
