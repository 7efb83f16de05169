/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * openat2(2) with RESOLVE_IN_ROOT is all that is needed, where it is to be had. Kernels before 5.6
 * have none, and a filter may answer in its place: systemd's RestrictSUIDSGID= can't look into its
 * arguments and has it fail with ENOSYS, for the service above all. Then the path is walked a
 * component at a time, links are read and put in front of what is left of it, and ".." stops at
 * the root. What that does not have is openat2()'s answer to a directory that is moved out of the
 * root in the middle of the walk.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd-util.h"
#include "open-in-root.h"

/* As many as the kernel follows. */
#define LINKS_MAX 40

typedef struct Walk {
        int fd; /* where it is; owned unless it is the root */
        int root_fd;
        unsigned depth; /* below the root */
        unsigned n_links;
        char rest[PATH_MAX];
} Walk;

static void walk_to(Walk *w, int fd) {
        if (w->fd != w->root_fd)
                safe_close(w->fd);
        w->fd = fd;
}

static void walk_done(Walk *w) {
        walk_to(w, w->root_fd);
}

/* Puts the target of a link in front of what is left. */
static int walk_link(Walk *w, const char *target, size_t n, const char *rest) {
        char path[PATH_MAX];
        size_t length = strlen(rest);

        if (++w->n_links > LINKS_MAX)
                return -ELOOP;
        if (n + 1 + length + 1 > sizeof(path))
                return -ENAMETOOLONG;
        memcpy(path, target, n);
        path[n] = '/';
        memcpy(path + n + 1, rest, length + 1);
        if (length == 0)
                path[n] = '\0';
        strcpy(w->rest, path);
        if (target[0] == '/') {
                walk_to(w, w->root_fd);
                w->depth = 0;
        }
        return 0;
}

static int walk_up(Walk *w) {
        int fd;

        if (w->depth == 0)
                return 0;
        fd = openat(w->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        walk_to(w, fd);
        w->depth--;
        return 0;
}

/* One step. 1 with the descriptor when it was the last. */
static int walk_step(Walk *w, int flags, int *ret) {
        char name[NAME_MAX + 1], target[PATH_MAX];
        const char *start = w->rest + strspn(w->rest, "/"), *rest;
        size_t n = strcspn(start, "/");
        bool last;
        ssize_t size;
        int fd, r;

        if (n > NAME_MAX)
                return -ENAMETOOLONG;
        memcpy(name, start, n);
        name[n] = '\0';
        rest = start + n + strspn(start + n, "/");
        last = *rest == '\0';

        if (strcmp(name, "..") == 0) {
                r = walk_up(w);
                if (r < 0)
                        return r;
                strcpy(name, ".");
        }
        if (n > 0 && strcmp(name, ".") != 0 &&
            !(last && start[n] == '\0' && (flags & O_NOFOLLOW))) {
                size = readlinkat(w->fd, name, target, sizeof(target));
                if (size >= 0)
                        return walk_link(w, target, (size_t) size, rest);
        }
        fd = openat(w->fd, n > 0 ? name : ".",
                    (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC |
                                    (last && n > 0 && start[n] == '/' ? O_DIRECTORY : 0));
        if (fd < 0)
                return -errno;
        if (last) {
                *ret = fd;
                return 1;
        }
        if (strcmp(name, ".") != 0)
                w->depth++;
        walk_to(w, fd);
        memmove(w->rest, rest, strlen(rest) + 1);
        return 0;
}

int open_in_root_by_steps(int root_fd, const char *path, int flags) {
        _cleanup_(walk_done) Walk w = { .fd = root_fd, .root_fd = root_fd };
        int fd = -EBADF, r;

        if (*path == '\0')
                return -ENOENT;
        if (strlen(path) >= sizeof(w.rest))
                return -ENAMETOOLONG;
        strcpy(w.rest, path);
        do
                r = walk_step(&w, flags, &fd);
        while (r == 0);
        return r < 0 ? r : fd;
}

int open_in_root(int root_fd, const char *path, int flags) {
        const struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int fd;

        do
                fd = (int) syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        while (fd < 0 && (errno == EINTR || errno == EAGAIN));
        if (fd < 0 && (errno == ENOSYS || errno == EPERM))
                return open_in_root_by_steps(root_fd, path, flags);
        return fd < 0 ? -errno : fd;
}
