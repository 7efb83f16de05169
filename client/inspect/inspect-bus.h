/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* inspect, when the service is asked: who may not read an image may still know what it is made of. */

#include "macro.h"

/* The image of a kernel, and of the profile of --profile=. An exit status, or STATUS_OFFLINE. */
int inspect_over_bus(const char *kernel);
