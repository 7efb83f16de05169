/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the trace needs of a Source to look at a canonical path again. */

#include "source/source.h"

/* The descriptor and the path below it that stand for a canonical path. `ret_name` is borrowed
 * from `canonical`, or "" for the descriptor itself. */
void source_at(const Source *source, const char *canonical, int *ret_fd, const char **ret_name);

/* lstat() of a canonical path, with the directories that a bind invents. 0 or negative errno. */
int source_lstat(const Source *source, const char *canonical, struct stat *ret);

/* source_list() of a canonical path, untraced; the stat is from before the names were read. */
int source_list_canonical(const Source *source, const char *canonical, const char *pattern,
                          char ***ret, struct stat *ret_stat);
