/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What root= says of an image, for the generator and for who fetches it. */

#include "generator.h"

/* What is behind "live:", however it is said; borrowed; NULL when the root is something else. */
const char *live_find_spec(const Generator *g);
/* Whether it is a file on the network, of a kind that can be fetched. */
bool live_spec_is_url(const char *spec);
/* A URL as it may be shown: without a login. -EINVAL: it names no file of a server. The caller
 * frees. */
int live_url_to_shown(const char *url, char **ret);
