/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What time it is, in microseconds. */

#include <stdint.h>

uint64_t now_realtime_usec(void); /* since 1970 */
uint64_t now_monotonic_usec(void); /* CLOCK_MONOTONIC */
