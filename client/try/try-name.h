/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Names of disks and what is on them. All give 1 when the name is taken, 0 when it is none that
 * something can be made for, -ENOMEM. */

#include "try-root.h"

/* A UUID, behind a prefix that it may have; what was there before is freed. */
int name_take_uuid(const char *value, const char *prefix, char **ret);
/* `n` bytes of text: 0 for none of them. */
int name_take_text(const char *value, size_t n, char **ret);
/* "GROUP/VOLUME". */
int name_take_volume(const char *text, TryRoot *root);
/* Makes the scratch root what root= names. */
int name_take_root(TryRoot *root, const char *value);
