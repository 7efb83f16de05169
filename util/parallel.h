/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Many small pieces of work that know nothing of each other, done by a few threads. */

#include <stddef.h>

/*
 * Calls `work` once for each number below `n`, each from any thread, this one among them, and returns
 * when all are done. There are as many threads as processors, eight at most, and no more than
 * one for `per_thread` pieces; where none can be started this thread does everything.
 */
void parallel_each(size_t n, size_t per_thread, void (*work)(void *userdata, size_t i),
                   void *userdata);
