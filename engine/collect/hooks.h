/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What an admin has run at the steps of the boot: initrdd-hooks(7). */

#include "collect/collect.h"

/* Where they are in the image: HOOKS_PLACE/STEP.d/NAME. runtime/step.c and runtime/hooks.c look
 * there. */
#define HOOKS_PLACE "/usr/lib/initrdd/hooks"

/* Empty when there are none. One that could not run is a failure (Incomplete). */
int collect_hooks(Collector *collector, Collection **ret);
