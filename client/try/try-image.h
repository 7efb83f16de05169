/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What an image that is to be tried has, and what it is for. `described` is NULL for one of another
 * tool. */

#include "images/image-tree.h"
#include "image/described.h"

/* As a file, or in the image's own list of what the kernel has built in. */
bool has_driver(const ImageTree *t, const char *driver);
/* Whether a file's name begins so. */
bool has_library(const ImageTree *t, const char *name);

/* The tag of facts.h that a module is in the image for; NULL. */
const char *fact_of(const DescribedModule *module);
/* Whether a tag begins so. */
bool has_fact(const Described *d, const char *prefix);
/* The tag itself: "block:md-raid1" is none of RAID10. */
bool has_whole_fact(const Described *d, const char *tag);
