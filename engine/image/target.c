/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The steps of a replacement, and what a crash after each leaves:
 *   1. the new file is written under its hidden name     old image; the next build removes the file
 *   2. fsync of the file                                 old image
 *   3. both names are exchanged                          new image; the old one has the hidden name
 *   4. the hidden name becomes NAME.old, or goes         new image
 *   5. fsync of the directory                            new image, and it stays so
 * Where names can't be exchanged (a file system without it, or no old image) step 3 is a rename.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/directory-lock.h"
#include "image/target.h"
#include "open-in-root.h"
#include "path-util.h"
#include "string-util.h"

struct Target {
        char *path, *shown; /* of the image and its directory on the running system, for people */
        char *directory; /* in the root */
        char *name, *new_name, *old_name;
        int dir_fd, fd, lock_fd;
        int previous_fd; /* of what NAME.old was, so that its blocks are freed when nobody waits */
        bool begun;
        bool waited; /* somebody else had the lock */
};

Target *target_free(Target *t) {
        if (!t)
                return NULL;
        if (t->begun)
                (void) unlinkat(t->dir_fd, t->new_name, 0);
        safe_close(t->fd);
        safe_close(t->previous_fd);
        directory_unlock(t->dir_fd, t->lock_fd);
        safe_close(t->dir_fd);
        free(t->path);
        free(t->shown);
        free(t->directory);
        free(t->name);
        free(t->new_name);
        free(t->old_name);
        free(t);
        return NULL;
}

static int open_directory(const char *root, const char *directory) {
        _cleanup_close_ int root_fd = -EBADF;
        int fd;

        if (streq(root, "/")) {
                fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                return fd < 0 ? -errno : fd;
        }
        root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return -errno;
        return open_in_root(root_fd, directory, O_RDONLY | O_DIRECTORY);
}

static int fail_directory(Report *report, const char *directory, int error) {
        if (error == -EACCES || error == -EPERM)
                return report_fail(report, FAILURE_NOT_PERMITTED, error, directory, 0,
                                   "The directory may not be written by this user; build as root, "
                                   "or name another place with --output");
        if (error == -EROFS)
                return report_fail(report, FAILURE_READ_ONLY_BOOT, error, directory, 0,
                                   "The directory is on a read-only file system; remount it "
                                   "writable, or name another place with --output");
        if (error == -ENOSPC || error == -EDQUOT)
                return report_fail(report, FAILURE_NO_SPACE, error, directory, 0,
                                   "The file system is full, not even an empty file can be made; "
                                   "remove kernels that are not used");
        if (error == -ENOENT || error == -ENOTDIR)
                return report_fail(report, FAILURE_BUILD_FAILED, error, directory, 0,
                                   "There is no such directory for the image; make or mount it, "
                                   "or name another place with --output");
        return report_fail(report, FAILURE_BUILD_FAILED, error, directory, 0,
                           "The directory for the image can't be used: %s", strerror(-error));
}

int target_new_name(const char *name, char **ret) {
        return str_printf(ret, ".%s.initrdd-new", name) < 0 ? -ENOMEM : 0;
}

static int target_names(Target *t, const char *root, const char *path) {
        t->path = path_join(root, path);
        t->shown = t->path ? path_dirname(t->path) : NULL;
        t->directory = path_dirname(path);
        t->name = strdup(path_basename(path));
        if (!t->path || !t->shown || !t->directory || !t->name ||
            target_new_name(t->name, &t->new_name) < 0 ||
            str_printf(&t->old_name, "%s.old", t->name) < 0)
                return -ENOMEM;
        return filename_is_valid(t->name) && strlen(t->new_name) <= 255 ? 0 : -EINVAL;
}

int target_open(Target **ret, Report *report, const char *root, const char *path) {
        _cleanup_(target_freep) Target *t = NULL;
        struct stat st;
        int r;

        t = malloc(sizeof(Target));
        if (!t)
                return report_oom(report);
        *t = (Target) { .dir_fd = -EBADF, .fd = -EBADF, .lock_fd = -EBADF, .previous_fd = -EBADF };
        r = target_names(t, root, path);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, path, 0,
                                   "This can't be the name of an image");

        t->dir_fd = open_directory(root, t->directory);
        if (t->dir_fd < 0)
                return fail_directory(report, t->shown, t->dir_fd);
        if (fstatat(t->dir_fd, t->name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISDIR(st.st_mode))
                return report_fail(report, FAILURE_BUILD_FAILED, -EISDIR, t->path, 0,
                                   "There is a directory where the image should go; name another "
                                   "place with --output");
        r = directory_lock(t->dir_fd, DIRECTORY_LOCK_WAIT, &t->waited, &t->lock_fd);
        if (r < 0)
                return fail_directory(report, t->shown, r);
        if (unlinkat(t->dir_fd, t->new_name, 0) < 0 && errno != ENOENT)
                return fail_directory(report, t->shown, -errno);
        *ret = TAKE_PTR(t);
        return 0;
}

void target_sweep(const char *root, const char *path) {
        _cleanup_(target_freep) Target *t = NULL;
        struct stat st;
        bool left;

        t = malloc(sizeof(Target));
        if (!t)
                return;
        *t = (Target) { .dir_fd = -EBADF, .fd = -EBADF, .lock_fd = -EBADF, .previous_fd = -EBADF };
        if (target_names(t, root, path) < 0)
                return;
        t->dir_fd = open_directory(root, t->directory);
        if (t->dir_fd < 0)
                return;
        left = fstatat(t->dir_fd, t->new_name, &st, AT_SYMLINK_NOFOLLOW) >= 0;
        /* Who was killed has left the file of the lock as well, most likely. */
        (void) directory_lock(t->dir_fd, left ? DIRECTORY_LOCK_TRY : DIRECTORY_LOCK_LEFT, NULL,
                              &t->lock_fd);
        if (t->lock_fd >= 0 && left)
                (void) unlinkat(t->dir_fd, t->new_name, 0);
}

/* 1 when it was there. */
static int remove_name(Target *t, const char *name) {
        struct stat st;

        if (fstatat(t->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
                return -EINVAL;
        if (unlinkat(t->dir_fd, name, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        return 1;
}

static int fail_removal(Report *report, const char *path, int error) {
        switch (error) {
        case -ENOMEM:
                return report_oom(report);
        case -EACCES:
        case -EPERM:
                return report_fail(report, FAILURE_NOT_PERMITTED, error, path, 0,
                                   "The image may not be removed by this user");
        case -EROFS:
                return report_fail(report, FAILURE_READ_ONLY_BOOT, error, path, 0,
                                   "The image is on a read-only file system; remount it writable");
        case -EISDIR:
        case -EINVAL:
                return report_fail(report, FAILURE_INVALID_ARGUMENT, error, path, 0,
                                   "This is no image, it is %s, and is left alone",
                                   error == -EISDIR ? "a directory" : "no file");
        default:
                return report_fail(report, FAILURE_BUILD_FAILED, error, path, 0,
                                   "The image can't be removed: %s", strerror(-error));
        }
}

static int remove_names(Target *t, Report *report, const char *root, char ***removed) {
        const char *const names[] = { t->name, t->old_name, t->new_name };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *inside = path_join(t->directory, names[i]), *path = NULL;
                int r;

                path = inside ? path_join(root, inside) : NULL;
                if (!path)
                        return report_oom(report);
                r = remove_name(t, names[i]);
                if (r > 0 && strv_extend(removed, path) < 0)
                        return report_oom(report);
                if (r < 0)
                        return fail_removal(report, path, r);
        }
        return 0;
}

int target_remove(Report *report, const char *root, const char *path, char ***removed) {
        _cleanup_(target_freep) Target *t = NULL;
        size_t n = strv_length(*removed);
        int r;

        t = malloc(sizeof(Target));
        if (!t)
                return report_oom(report);
        *t = (Target) { .dir_fd = -EBADF, .fd = -EBADF, .lock_fd = -EBADF, .previous_fd = -EBADF };
        r = target_names(t, root, path);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_INVALID_ARGUMENT, r, path, 0,
                                   "This can't be the name of an image");
        t->dir_fd = open_directory(root, t->directory);
        if (t->dir_fd == -ENOENT || t->dir_fd == -ENOTDIR)
                return 0;
        if (t->dir_fd < 0)
                return fail_removal(report, t->shown, t->dir_fd);
        /* Who builds there has the lock until the image is in its place. */
        r = directory_lock(t->dir_fd, DIRECTORY_LOCK_WAIT, NULL, &t->lock_fd);
        if (r < 0)
                return fail_removal(report, t->shown, r);
        r = remove_names(t, report, root, removed);
        if (strv_length(*removed) > n)
                (void) fsync(t->dir_fd);
        return r;
}

bool target_waited(const Target *t) {
        return t->waited;
}

int target_stat(const Target *t, struct stat *ret) {
        if (fstatat(t->dir_fd, t->name, ret, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        return 1;
}

static uint64_t free_bytes(const Target *t) {
        struct statvfs vfs;

        if (fstatvfs(t->dir_fd, &vfs) < 0)
                return 0;
        return (uint64_t) vfs.f_frsize * (geteuid() == 0 ? vfs.f_bfree : vfs.f_bavail);
}

/* Beside the content, room for what the file system itself writes down. */
static uint64_t needed_bytes(uint64_t size) {
        return ALIGN_TO(size, UINT64_C(65536)) + size / 256 + 65536;
}

bool target_has_room(const Target *t, uint64_t size) {
        return free_bytes(t) >= needed_bytes(size);
}

int target_begin(Target *t, Report *report, uint64_t size) {
        uint64_t available = free_bytes(t), needed = needed_bytes(size);
        struct stat st;

        if (available < needed && fstatat(t->dir_fd, t->old_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
            S_ISREG(st.st_mode) && available + (uint64_t) st.st_blocks * 512 >= needed) {
                (void) unlinkat(t->dir_fd, t->old_name, 0);
                available = free_bytes(t);
        }
        if (available < needed)
                return report_fail(
                                report, FAILURE_NO_SPACE, -ENOSPC, t->path, 0,
                                "The image needs %.1f MB and %s has %.1f MB free; remove kernels "
                                "that are not used, or make the image smaller with Mode=host",
                                (double) needed / 1e6, t->shown, (double) available / 1e6);

        t->fd = openat(t->dir_fd, t->new_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                       0600);
        if (t->fd < 0)
                return fail_directory(report, t->shown, -errno);
        t->begun = true;
        return 0;
}

int target_fd(const Target *t) {
        return t->fd;
}

int target_write_failed(Target *t, Report *report, int error) {
        if (error == -ENOSPC || error == -EDQUOT)
                return report_fail(report, FAILURE_NO_SPACE, error, t->path, 0,
                                   "The file system became full while the image was written; the "
                                   "old image is untouched");
        return report_fail(report, FAILURE_BUILD_FAILED, error, t->path, 0,
                           "The image can't be written: %s; the old one is untouched",
                           strerror(-error));
}

static int read_back(Target *t, Report *report, uint64_t size, const TargetMark *marks,
                     size_t n_marks) {
        struct stat st;

        if (fstat(t->fd, &st) < 0)
                return target_write_failed(t, report, -errno);
        if ((uint64_t) st.st_size != size)
                return report_fail(report, FAILURE_VERIFY_FAILED, -EIO, t->path, 0,
                                   "The image was not written whole; the old one is untouched");
        /* What was not copied is read from the disk: a page of each, all at once. */
        (void) posix_fadvise(t->fd, 0, 0, POSIX_FADV_RANDOM);
        for (size_t i = 0; i < n_marks; i++)
                (void) posix_fadvise(t->fd, (off_t) marks[i].offset, sizeof(marks[i].magic),
                                     POSIX_FADV_WILLNEED);
        for (size_t i = 0; i < n_marks; i++) {
                uint8_t magic[4];

                if (pread(t->fd, magic, sizeof(magic), (off_t) marks[i].offset) != sizeof(magic) ||
                    memcmp(magic, marks[i].magic, sizeof(magic)) != 0)
                        return report_fail(report, FAILURE_VERIFY_FAILED, -EIO, t->path, 0,
                                           "What was written is not what is read back at byte "
                                           "%llu; the old image is untouched",
                                           (unsigned long long) marks[i].offset);
        }
        return 0;
}

/* Who does not care for the lock may have put another file there, which nobody has looked at. */
static int check_hidden(Target *t, Report *report) {
        struct stat ours, there;

        if (fstat(t->fd, &ours) < 0)
                return target_write_failed(t, report, -errno);
        if (fstatat(t->dir_fd, t->new_name, &there, AT_SYMLINK_NOFOLLOW) >= 0 &&
            ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
                return 0;
        t->begun = false;
        return report_fail(report, FAILURE_VERIFY_FAILED, -ESTALE, t->path, 0,
                           "Another program is writing the image, too; the old one is untouched, "
                           "build again when that is done");
}

/* 1 when the old image now has the hidden name, 0 when there was none or it is gone. */
static int exchange(Target *t) {
        if (renameat2(t->dir_fd, t->new_name, t->dir_fd, t->name, RENAME_EXCHANGE) >= 0)
                return 1;
        if (errno != ENOENT && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
                return -errno;
        return renameat(t->dir_fd, t->new_name, t->dir_fd, t->name) < 0 ? -errno : 0;
}

int target_commit(Target *t, Report *report, uint64_t size, const TargetMark *marks,
                  size_t n_marks) {
        int r;

        if (fsync(t->fd) < 0)
                return target_write_failed(t, report, -errno);
        r = read_back(t, report, size, marks, n_marks);
        if (r >= 0)
                r = check_hidden(t, report);
        if (r < 0)
                return r;
        r = exchange(t);
        if (r < 0)
                return target_write_failed(t, report, r);
        t->begun = false;

        t->previous_fd = openat(t->dir_fd, t->old_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (r > 0 && (free_bytes(t) < needed_bytes(size) ||
                      renameat(t->dir_fd, t->new_name, t->dir_fd, t->old_name) < 0))
                (void) unlinkat(t->dir_fd, t->new_name, 0);
        /* Some file systems can't sync a directory; they have nothing to lose there. */
        if (fsync(t->dir_fd) < 0 && errno != EINVAL && errno != EOPNOTSUPP) {
                r = -errno;
                return report_fail(report, FAILURE_BUILD_FAILED, r, t->path, 0,
                                   "The new image is in its place, but the directory can't be "
                                   "synced (%s), so a power cut may bring back the old one; look "
                                   "after the disk and build again",
                                   strerror(-r));
        }
        return 0;
}

int target_take_previous(Target *t) {
        return TAKE_FD(t->previous_fd);
}
