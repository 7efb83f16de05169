/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Programs of other packages, and the directory that all of one try lies in. */

#include "macro.h"

/* Where a program is: in $PATH, /usr/sbin, /sbin or /usr/libexec. -ENOENT. The caller frees. */
int tool_find(const char *name, char **ret);
/* Runs one to its end; `argv[0]` is its path. What it says is kept back, and the last line of it said
 * when it fails. 0, or negative after having said why. */
int tool_run(char *const argv[]);

/* A new directory in $TMPDIR or /var/tmp. Negative after having said why. The caller frees. */
int scratch_make(char **ret);
/* With all that is in it. NULL is none. */
void scratch_remove(char *path);
