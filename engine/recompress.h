/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a machine does with its idle time: pack harder what its images are made of, for the next
 * build that has something else to change. */

#include "image/record.h"
#include "report.h"

/* Packs the fragments of every image on record at its idle level. Gives how many there were. */
int recompress(const char *store_path, Report *report, uint64_t *ret_n);

/* Whether it would find nothing in this image. */
bool recompress_is_done(Store *store, const ImageRecord *record);
