/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who has the lock removes the file before letting go of it, so that nothing is left in /boot. Who has
 * waited for it may therefore have one that is gone by name, and begins again.
 */

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/directory-lock.h"

static int lock_file(int fd, bool wait, bool *waited) {
        if (flock(fd, LOCK_EX | LOCK_NB) >= 0)
                return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
                return -errno;
        if (!wait)
                return -EAGAIN;
        *waited = true;
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

/* Whether the file still has its name. */
static int check_name(int directory, int fd) {
        struct stat ours, there;

        if (fstat(fd, &ours) < 0)
                return -errno;
        if (!S_ISREG(ours.st_mode))
                return -EINVAL;
        if (fstatat(directory, DIRECTORY_LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static bool nothing_can_be_made(int error) {
        return error == EROFS || error == EACCES || error == EPERM || error == ENOSPC ||
               error == EDQUOT;
}

int directory_lock(int directory, DirectoryLock how, bool *ret_waited, int *ret) {
        bool waited = false;

        for (;;) {
                _cleanup_close_ int fd = -EBADF;
                int r;

                fd = openat(directory, DIRECTORY_LOCK_NAME,
                            O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
                                            (how == DIRECTORY_LOCK_LEFT ? 0 : O_CREAT),
                            0600);
                if (fd < 0 && !nothing_can_be_made(errno))
                        return -errno;
                r = fd < 0 ? 1 : lock_file(fd, how == DIRECTORY_LOCK_WAIT, &waited);
                if (r == 0)
                        r = check_name(directory, fd);
                if (r < 0)
                        return r;
                if (r > 0) {
                        if (ret_waited)
                                *ret_waited = waited;
                        *ret = TAKE_FD(fd);
                        return 0;
                }
        }
}

int directory_unlock(int directory, int lock) {
        if (lock >= 0)
                (void) unlinkat(directory, DIRECTORY_LOCK_NAME, 0);
        return safe_close(lock);
}
