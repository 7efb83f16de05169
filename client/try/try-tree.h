/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The files of a scratch root. */

#include "macro.h"

/* Makes them below `tree`; those of /usr below `usr`, unless that is NULL. A root that says `marker` when
 * it is started, and ends the machine. An exit status, having said why. */
int try_tree_make(const char *tree, const char *usr, const char *marker);
/* Writes a tree down as mkfs.xfs(8) wants it described. 0 or a negative errno. */
int try_tree_describe(const char *tree, const char *path);
