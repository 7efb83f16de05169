/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The disks of a scratch root. */

#include "try-root.h"

/* Makes them below `directory`, in their order: a root that says `marker` when it is started, and
 * ends the machine. `key` opens what is encrypted. An exit status, having said why. The caller frees
 * the paths. */
int try_disk_make(const char *directory, const TryRoot *root, const char *marker, const char *key,
                  size_t key_size, char ***ret);
