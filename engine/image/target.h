/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The place that an image goes to, and the change from the old image to the new: at any instant
 * one of the two is there, whole.
 *
 * The new image is written beside the old one, as ".NAME.initrdd-new" (hidden, 0600: no boot
 * loader takes it for an image, nobody reads a key in it), synced, and exchanged with the old one,
 * which stays as "NAME.old" where there is room for the next build beside it. Who builds holds the
 * lock of the directory (directory-lock.h).
 */

#include "macro.h"
#include "report.h"

typedef struct Target Target;

/* The name of the new image while it is written; `name` is that of the image. The caller frees. */
int target_new_name(const char *name, char **ret);

/*
 * Takes the lock, waiting for it, and removes what an interrupted build left behind. `root` is the
 * directory beneath which `path` is resolved ("/" for the running system). Failures: the directory
 * is missing, read-only (ReadOnlyBoot), not writable (NotPermitted); the path is a directory.
 */
int target_open(Target **ret, Report *report, const char *root, const char *path);
Target *target_free(Target *target);
DEFINE_CLEANUP_FUNC(Target *, target_free);

/* Removes what an interrupted build left behind, unless that build is still at work. For who finds
 * that nothing is to be done; a failure is the next build's to tell. */
void target_sweep(const char *root, const char *path);

/* Removes the image, NAME.old and what an interrupted build left behind, each only if it is a file
 * or a link (which is not followed). The names of those that were there, on the running system, are
 * appended to `removed`. For a directory that can't be used, or an image that is none, a failure;
 * nothing there is none. */
int target_remove(Report *report, const char *root, const char *path, char ***removed);

/* Whether somebody else was at work there, who may have put another image in place. */
bool target_waited(const Target *target) _pure_;

/* The stat of the image that is there now: 1, or 0 when there is none. */
struct stat;
int target_stat(const Target *target, struct stat *ret);

/* Whether `size` bytes certainly fit beside what is there. */
bool target_has_room(const Target *target, uint64_t size);
/* Makes sure that they do, giving up NAME.old if that helps; NoSpace with the numbers if not.
 * Then opens the new file, which target_fd() gives. */
int target_begin(Target *target, Report *report, uint64_t size);
int target_fd(const Target *target);
/* What a failed write to target_fd() means for a person. */
int target_write_failed(Target *target, Report *report, int error);

/* A segment boundary that must be found again in what was written. */
typedef struct TargetMark {
        uint64_t offset;
        uint8_t magic[4];
} TargetMark;

/* Syncs, reads back size and marks, and puts the new image in the place of the old one. */
int target_commit(Target *target, Report *report, uint64_t size, const TargetMark *marks,
                  size_t n_marks);

/* A descriptor of the image that had been NAME.old until the commit, or -EBADF. It is gone by name;
 * its blocks are freed when this is closed, which takes as long as writing them. The caller closes
 * it, after having said that the image is in place. */
int target_take_previous(Target *target);
