/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One at a time puts images into a directory. The lock is a file in it, ".initrdd-lock", 0600: the
 * directory itself anybody could lock who may read it, and make root wait for ever. It goes with who
 * has the lock; what a crash leaves of it is taken by the next one.
 */

#include "macro.h"

#define DIRECTORY_LOCK_NAME ".initrdd-lock"

typedef enum DirectoryLock {
        DIRECTORY_LOCK_WAIT,
        DIRECTORY_LOCK_TRY, /* -EAGAIN if somebody else has it */
        DIRECTORY_LOCK_LEFT, /* the same, and -ENOENT where no file of one is left */
} DirectoryLock;

/* 0, and the lock, which directory_unlock() gives back; -EBADF in its place where no file can be made
 * in that directory, so that nobody else puts anything there. `ret_waited` (may be NULL): whether
 * somebody had it. */
int directory_lock(int directory, DirectoryLock how, bool *ret_waited, int *ret);
/* Gives -EBADF. Takes -EBADF. */
int directory_unlock(int directory, int lock);
