/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Paths of a system in a directory. */

/* Opens `path`, absolute or not, as a process would whose root is `root_fd`: neither ".." nor a
 * link leads out of it. `flags` are those of open(); O_CLOEXEC is added. A descriptor or a negative
 * errno. */
int open_in_root(int root_fd, const char *path, int flags);

/* The same without openat2(), for open_in_root() and its tests. */
int open_in_root_by_steps(int root_fd, const char *path, int flags);
