/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* remove, where there is no service: in a chroot a kernel's package goes as well. */

#include "macro.h"

/* All images of ours that profiles have for a kernel, which may be gone already. An exit status. */
int remove_offline(const char *kernel);
/* What is gone now, for people or as JSON. */
void show_removed(const char *kernel, const char *profile, const char *path);
