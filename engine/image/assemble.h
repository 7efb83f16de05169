/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Fragments, one behind the other, and the description: the image. */

#include "image/target.h"
#include "pack/pack.h"

/*
 * Writes the image to the target and puts it in place. Fragments are written as they become
 * ready, where they surely fit, else once the size is known. `describe` makes the last segment
 * when everything is packed (the caller of it frees). Gives the size of the image.
 */
typedef int (*describe_t)(void *userdata, char **ret, size_t *ret_size);
int assemble(Target *target, Report *report, const Fragments *fragments, Packer *packer,
             describe_t describe, void *userdata, uint64_t *ret_size);
