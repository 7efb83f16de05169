/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* IMAGE on the command line. */

#include <jansson.h>

#include "image/read.h"

/* Opens the image that `argument` names: a path, or a kernel version, which stands for the image of
 * that kernel and the profile of --profile=. One that may not be opened, or is on the machine of -H or
 * -M, the service reads. 0 with the image and its path; or an exit status, having said why. The
 * caller frees both. */
int image_from_argument(const char *argument, Image **ret, char **ret_path);

/* Where reading stopped, as one line on standard error. Returns an exit status. */
int say_fault(const char *path, const ImageFault *fault);

/* As ls has it: "-rwxr-xr-x". */
#define MODE_TEXT_MAX 11
const char *mode_to_text(uint32_t mode, char ret[static MODE_TEXT_MAX]);
