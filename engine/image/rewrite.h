/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The archive of a segment without some of its entries. */

#include "image/read.h"
#include "pack/cpio.h"

/* Writes what stays, and the trailer. `goes` is asked about each name as the archive has it; how many
 * go is added to *n_gone. The writer is the caller's, also after a failure. */
int rewrite_segment(Image *image, const ImageSegment *segment,
                    bool (*goes)(void *userdata, const char *name), void *userdata,
                    CpioWriter *writer, uint64_t *n_gone);
