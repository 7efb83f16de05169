/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Wildcards as [Drivers] lines have them. */

#include "macro.h"

/* Whether there is any wildcard in `s`. */
bool glob_has_wildcard(const char *s) _pure_;
/* How many bytes at the start of `pattern` stand for themselves. */
size_t glob_literal_prefix(const char *pattern) _pure_;

/* '*' and '?' and "[…]" match no slash, "**" matches anything, and "**" followed by a slash, at the
 * start of a component, also nothing at all. The time is bounded by a polynomial in the lengths. */
bool glob_match(const char *pattern, const char *path) _pure_;
