/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether an image, of any tool, would boot: all of it is decoded as the kernel does it, and what
 * it has is looked at. verify.h is about what an image will have, before it is made. */

#include "image/read.h"

/* Something that keeps it from booting, or from doing all that it was made for. `path` is that of
 * a file in the image, or NULL; `message` a sentence that says what is wrong and what to do. A
 * negative errno ends the verification. */
typedef int (*finding_t)(void *userdata, const char *path, const char *message);

/* 1 when there were findings, 0 when it would boot. -ENOMEM, or what `on_finding` gave. */
int verify_file(Image *image, finding_t on_finding, void *userdata);
