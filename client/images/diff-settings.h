/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How two images were made: what is different beside their files. */

#include <jansson.h>

#include "image-side.h"

/* An array of objects: what (kernel, profile, mode, version, setting, module), name (of a setting
 * or module, else null), old, new (null: there is none; of a module why it is there). Of an image of
 * another tool only the kernel is known, of one that says no settings none is compared. 0,
 * -ENOMEM. */
int diff_settings(const Side *a, const Side *b, json_t **ret);
