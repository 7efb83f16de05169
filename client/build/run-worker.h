/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Starts initrdd-worker, as the service does, and listens to it. */

#include <jansson.h>

/* Puts strings into a request; NULL is none. The request is JSON, so that what isn't UTF-8 has no place
 * there; and without it the worker would do something else. 0, or negative after having said so. */
int request_put(json_t *request, const char *key, const char *value);
int request_put_list(json_t *request, const char *key, char *const *values);

/*
 * Hands over `request` (borrowed), shows progress under `title`, and warnings. Gives the result
 * that the worker sent (the caller frees), of whatever kind, and 0; a negative errno after having
 * said why there is none.
 */
int run_worker(json_t *request, const char *title, json_t **ret);

/* The exit status of a result that is a failure, after its line was written. */
int say_worker_failure(json_t *result);
