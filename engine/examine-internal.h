/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "examine.h"
#include "strmap.h"

/* Paths as a set, while they are gathered. */
int watches_add(Strmap *watches, const Build *b, const char *canonical);
/* The directories of a trace. */
int watches_add_trace(Strmap *watches, const Build *b, const Trace *trace);
/* Those that matter whatever is built, and the directories of the kernels. */
int watches_add_all(Strmap *watches, const Build *b);

/* Looks at the image of that profile and kernel, which is appended unless the kernel has vanished
 * meanwhile. */
int examine_image(Examination *x, Strmap *watches, Build *b, const ExamineOptions *o,
                  const char *profile, const char *kernel);
/* Those of the known ones that are no other image now. */
int examine_orphans(Examination *x, Strmap *watches, const ExamineOptions *o);

/* Where a path of the root is on the running system. The caller frees. */
char *examined_path(const Build *b, const char *path);
