/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* An image that the service reads for us: on another machine, or one that we may not open. */

#include "image/read.h"
#include "libsystemd.h"

/*
 * The image that `argument` names: a kernel, with the profile of --profile=, or the path of an image that
 * the service knows. polkit may ask for a password. 0 with the image and its path for people; or an
 * exit status or STATUS_OFFLINE, having said why. The caller frees both. `perhaps`: when the service has
 * no such image that is STATUS_OFFLINE without a word.
 */
int image_over_bus(const char *argument, bool perhaps, Image **ret, char **ret_path);

/* The object of a kernel's image, in a message that the caller frees. Negative errno, with `error`. */
int bus_find_image(sd_bus *bus, const char *kernel, sd_bus_error *error, sd_bus_message **ret,
                   const char **ret_object);
