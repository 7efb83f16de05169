/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A look at every kernel and every image: a worker does it ("examine" in include/job-protocol.h), so
 * that the service never waits for a disk. What it reports of images is believed at once; kernels,
 * modules and what is to be watched are exchanged when it is through.
 */

#include "manager.h"

/* Begins, or has it done once more when the one under way is through. */
void manager_examine(Manager *m);
Examination *examination_free(Examination *e);
