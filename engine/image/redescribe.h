/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The description of an image that was made of another one. */

#include "describe/profile.h"
#include "image/read.h"

/*
 * Reads the image in `fd` and appends what it says of itself: of each segment what the description
 * of the old image says of the one with the same number in `origins`, and where that is
 * negative, or the bytes are not the same, that it was repacked; of each file the old reason, or
 * that one. `json` and `manifest` are the texts of the old one; the latter is changed. -EBADMSG
 * when they can't be understood: nothing is written then.
 */
int redescribe(int fd, const char *json, char *manifest, const int *origins, size_t n_origins,
               Compression compression, int level);
