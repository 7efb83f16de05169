/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What kernels share of the modules, collected by another thread, ahead of the one that builds. */

#include "build-collect.h"

typedef struct Ahead Ahead;

/* Begins with the first module of the plan. `ret` is NULL where that would save no time: one processor,
 * or an image whose record was looked at, so that most is known. 0, or a failure that is reported. */
int ahead_new(Ahead **ret, Build *b);
/* Waits for what module number `i` of the plan shares, which is the build's then, and borrowed; NULL of a
 * module that has none. To be called for each, in their order. Failures and warnings are reported now. */
int ahead_take(Ahead *ahead, size_t i, Collection **ret);
/* Stops what is going on and waits for it. */
Ahead *ahead_free(Ahead *ahead);
DEFINE_CLEANUP_FUNC(Ahead *, ahead_free);
