/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the store has of images that are not there any more. */

#include "report.h"

/* Removes what no image on record is made of; records of images that are gone or were replaced by
 * somebody else go first. Gives what was freed, in bytes. */
int collect_garbage(const char *store_path, Report *report, uint64_t *ret_bytes);
