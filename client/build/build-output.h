/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The image of a detached job, which the service hands out as a descriptor. */

#include "bus/bus.h"

/* Copies it to `output`: whole, or not at all. An exit status. */
int fetch_output(sd_bus *bus, const char *job, const char *output);
