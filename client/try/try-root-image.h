/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A disk that somebody has, to try an image with: --root-image=. */

#include "macro.h"

/* How QEMU is to read it ("raw", "qcow2"), and, where it can be told, what root= is on it ("UUID=…",
 * "PARTUUID=…"), else NULL. A negative errno. The caller frees `ret_root`. */
int root_image_look(const char *path, const char **ret_format, char **ret_root);
