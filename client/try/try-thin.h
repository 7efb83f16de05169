/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The metadata of a pool with one thin volume, which has the pool's first chunks for its own. */

#include "macro.h"

/* Makes them below `directory`, for what the file `content` is put on. An exit status, having said why. */
int try_thin_make(const char *directory, const char *content, int *ret_fd);
