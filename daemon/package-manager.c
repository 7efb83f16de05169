/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * dpkg and apt write-lock a file while they work, and rpm does for a transaction: record locks of
 * fcntl(2), which F_GETLK tells of without taking anything. It asks for a read lock, so that who
 * only reads (rpm's queries do under a lock) is not taken for work. pacman makes a file and removes
 * it; one that a crash left behind counts as work, too, so nobody may wait for ever.
 *
 * A root's own links are followed within it. Locks of this very process don't show, and closing one
 * of these files would drop them: it must not hold any.
 */

#include <fcntl.h>
#include <unistd.h>

#include "fd-util.h"
#include "open-in-root.h"
#include "package-manager.h"

static const struct {
        const char *path, *who;
        bool mere_presence;
} locks[] = {
        { "var/lib/dpkg/lock-frontend", "dpkg" },    { "var/lib/dpkg/lock", "dpkg" },
        { "usr/lib/sysimage/rpm/.rpm.lock", "rpm" }, { "var/lib/rpm/.rpm.lock", "rpm" },
        { "var/lib/pacman/db.lck", "pacman", true },
};

static int is_held(int root_fd, const char *path, bool mere_presence) {
        struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
        _cleanup_close_ int fd = -EBADF;

        /* Without waiting for the writer of a FIFO that somebody put there. */
        fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd == -ENOENT || fd == -ENOTDIR)
                return 0;
        if (fd < 0)
                return fd;
        if (mere_presence)
                return 1;
        if (fcntl(fd, F_GETLK, &lock) < 0)
                return -errno;
        return lock.l_type != F_UNLCK;
}

int package_manager_busy(const char *root, const char **ret_who) {
        _cleanup_close_ int root_fd = -EBADF;
        int error = 0;

        root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(locks); i++) {
                int r = is_held(root_fd, locks[i].path, locks[i].mere_presence);

                if (r > 0) {
                        if (ret_who)
                                *ret_who = locks[i].who;
                        return 1;
                }
                if (r < 0 && error == 0)
                        error = r;
        }
        return error;
}
