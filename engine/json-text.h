/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Names of files are bytes, JSON is UTF-8: what isn't is shown as \xNN, so that no name can break
 * what is written. */

#include <jansson.h>

/* A string. NULL without memory. */
json_t *json_text(const char *s);
/* NULL becomes null. */
json_t *json_text_or_null(const char *s);
/* An array of strings. */
json_t *json_texts(char *const *l);
