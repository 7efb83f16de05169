/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is known of an image beside what it has: which of its fragments a build would find in the
 * store, and what a boot would miss. */

#include <jansson.h>

#include "image/described.h"

typedef struct ImageState {
        bool *cached; /* for each fragment; NULL where nobody knows */
        json_t *missing; /* what verify_file() finds: objects of step, path (or null), message */
} ImageState;

/* `described` is NULL for an image of another tool. 0, -ENOMEM. */
int image_state_init(ImageState *ret, const Described *described, Image *image);
void image_state_done(ImageState *state);
