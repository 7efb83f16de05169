/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The options of the command line; what they set is in client.h. */

#include <stddef.h>

/* 1: go on with the words from `ret_first` on; 0: all is done (--help); negative: it is wrong, and was
 * said to be. */
int options_parse(int argc, char *argv[], int *ret_first);

/* The long name of the next option that was given, from number *n on, which moves on; or NULL. */
const char *option_given(size_t *n);
