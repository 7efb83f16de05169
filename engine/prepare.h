/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a build would be made of, packed into the store before anybody waits for it. */

#include "build.h"

/* As build() up to the fragments; nothing is written but to the store, which must be named. Of a
 * kernel that isn't ready depmod is run in a scratch directory below the store. `ret_packed`: the
 * names of the fragments that had to be packed, NULL if there were none; the caller frees. */
int prepare(const BuildOptions *options, Report *report, char ***ret_packed);

/* Removes what a prepare() that was killed left in the store; for who holds its lock exclusively. */
void prepare_sweep(const char *store_path);
