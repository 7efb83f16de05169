/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The images of a machine as JSON objects, from the service or from the engine: "kernel", "profile",
 * "state", "size", "path", and of the service all other properties. */

#include <jansson.h>

/* What the engine finds. `ret_default` is the kernel that boots next, or NULL. An exit status. The
 * caller frees both. */
int images_offline(json_t **ret, char **ret_default);

/* What update tools make of the states: 10 when one isn't current, 11 when that is the one that
 * boots next and it is missing or failed, 0 otherwise. */
int images_to_exit_status(const json_t *images, const char *default_kernel);

/* The table of `list`. An exit status. */
int images_print(const json_t *images);
