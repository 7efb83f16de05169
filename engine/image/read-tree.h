/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* All of an image as a tree, without content. */

#include "image/read.h"
#include "image/tree.h"

/* What stands before a fault is in the tree. 0 or -ENOMEM. */
int image_read_tree(Image *image, Tree **ret, ImageFault *ret_fault);
