/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the service remembers from one start to the next: STATE/state.json, an object:
 *
 *   "format"         1
 *   "last-result", "last-finished-usec"   of the last build
 *   "last-id"        of a job, so that ids are never used twice
 *   "images"         as image_to_json() has them, without what is only found by looking
 *
 * It says what was built, by which right an image is ours, and what came of it; whether that still
 * holds is looked at each time. A damaged file is put aside, and the service knows less.
 */

#include "manager.h"

/* 0 also when there is none, or it was damaged. */
int state_load(Manager *m);
/* Writes it if anything changed; in one step, so that one or the other is there. */
int state_save(Manager *m);
