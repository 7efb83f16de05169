/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The kernel that an image is started with. */

#include "image/described.h"
#include "images/image-tree.h"

/*
 * The kernel that --kernel= names, a file or a version; else the one in the unified kernel image,
 * else that of the version the image is for, in the system or in --kernel-dir=. What is in the
 * unified image is written below `directory`. 0 or an exit status, having said why. The caller
 * frees.
 */
int try_kernel_find(const Image *image, const ImageTree *tree, const Described *described,
                    const char *directory, char **ret);

/* Takes the ELF program out of a bzImage, below `directory`, so that an emulated machine need not
 * unpack it: 1. 0 when there is none that QEMU starts; the file is then to be used as it is. A
 * negative errno. The caller frees. */
int try_kernel_unpack(const char *kernel, const char *directory, char **ret);
