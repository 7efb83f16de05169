/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Why something is not in an image. */

#include "build.h"

typedef enum WhyNot {
        WHY_NOT_STALE, /* a build would put it there now */
        WHY_NOT_BUILT_IN, /* the kernel has it by itself */
        WHY_NOT_OMITTED, /* the admin left it out */
        WHY_NOT_MASKED, /* what would bring it is masked */
        WHY_NOT_MISSING, /* the system or the kernel has no such thing */
        WHY_NOT_DROPPED, /* what would bring it lacks something itself */
        WHY_NOT_NEEDED, /* nothing asks for it */
        _WHY_NOT_MAX,
} WhyNot;
const char *why_not_to_string(WhyNot w);

/* `what` is a path, or the name of a driver or file; `build` knows what would be built now. Gives a
 * sentence without a stop; the caller frees. A WhyNot, or a negative errno. */
int why_not(const Build *build, const char *what, char **ret);
