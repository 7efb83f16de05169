/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a build would make now in the place of an image that describes itself. */

#include "image/described.h"
#include "request.h"

typedef struct ImageNow {
        Request request;
        Report report;
        Build *build;
} ImageNow;

/* Everything up to the packing, for the kernel, profile and mode of the image, with what the
 * command line says of root, facts and settings. 0, or an exit status after having said why, unless
 * `quiet`. It must stay where it is. */
int image_now_init(ImageNow *now, const Described *described, bool quiet);
void image_now_done(ImageNow *now);

/* A line, unless the image at `path` is one of this machine's own: that a build for another system was
 * perhaps meant, and which options say so. */
void image_now_hint(const ImageNow *now, const char *path);
