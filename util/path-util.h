/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Path names as text. Nothing here touches a file. */

#include "macro.h"

/* Newly allocated: `a`, one slash, `b`. Slashes at the seam are folded. NULL without memory. */
char *path_join(const char *a, const char *b);

/* In place: repeated slashes and "." components go, and a slash at the end; ".." stays. "" becomes
 * ".", for which there must be room. */
char *path_simplify(char *path);

/* Where the last component begins; a path that ends in a slash has the empty one. */
const char *path_basename(const char *path) _pure_;

/* Newly allocated; "/" of "/a", "." of "a". NULL without memory. */
char *path_dirname(const char *path);

/* Whether `path` is `prefix` or lies below it. Both simplified. "/" holds everything absolute. */
bool path_below(const char *path, const char *prefix) _pure_;

/* A name that can be one component: not empty, not "." or "..", no slash. */
bool filename_is_valid(const char *name) _pure_;
