/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What came of a build, for people or as JSON: the same, whoever built. */

#include <jansson.h>

/* `result` is a worker's, or has what is known of its keys. */
void show_build_result(json_t *result);
