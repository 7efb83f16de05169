/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What in an image somebody who reads it should not get to know. */

#include "macro.h"

/* By its place and name: "a key", "a password"; static, or NULL. Of the file of passwords (see below)
 * NULL: what is in it tells. */
const char *secret_by_path(const char *path);
/* /etc/shadow and its like, in which there may be no password at all. */
bool secret_is_shadow(const char *path);
/* Whether a line of it has a password. */
bool secret_in_shadow(const char *text);
