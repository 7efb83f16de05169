/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * When to look, and when to build without having been asked.
 *
 * A change is looked at within a fraction of a second, and what was found is told; it is built from
 * when nothing has changed for a while, the kernel is whole, no package manager is at work and nobody
 * holds it up. So one upgrade is one build, however many files it has.
 */

#include "manager.h"

/* Something changed. */
void settle_event(Manager *m);
/* A look is over: builds what is due, or comes back when it may be. */
void settle_consider(Manager *m);
/* A build of an image ended well, or not: then it isn't tried again and again for the same reason. */
void settle_built(Manager *m, Image *image);
void settle_failed(Manager *m, Image *image);
