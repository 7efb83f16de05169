/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The boot loaders' hooks in /etc/initramfs/post-update.d, where no service is there to start them. */

#include "macro.h"

/* Whether an image that is built now is one of this machine's, for which they are meant. */
bool post_update_is_wanted(void);
/* Runs them all, each with the kernel's version and the image's path. An exit status; that one
 * failed was said. */
int post_update_run(const char *kernel, const char *image);
