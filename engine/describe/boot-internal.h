/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What boot-default.c and boot-systemd.c share. */

#include "describe/boot-default.h"

/* The longest of the versions that is in the text, by itself; borrowed, or NULL. */
const char *boot_version_in(const char *text, char *const *versions);
/* NULL text when it can't be had. 0 or -ENOMEM. */
int boot_read_text(Source *source, const char *path, char **ret, size_t *ret_size);

/* What systemd-boot would start; NULL when it isn't there, or says nothing. Directories are appended.
 * `other`: another boot loader is there as well. */
int boot_ask_systemd(Source *source, char *const *versions, bool other, const char **ret,
                     char ***directories);
