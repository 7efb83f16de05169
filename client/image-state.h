/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is known of an image beside what it has: which of its fragments a build would find in the
 * store, and what a boot would miss. */

#include <jansson.h>

#include "image/described.h"

/* A bool for each fragment; NULL where there is no store that could be looked at. The caller
 * frees. */
int image_find_cached(const Described *described, bool **ret);

/* An array of what verify_file() finds: objects of step, path (or null), message. NULL without
 * memory. */
json_t *image_find_missing(Image *image);
