/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One line at the bottom of a terminal that is drawn again and again; elsewhere, nothing. */

#include "macro.h"

typedef struct Progress {
        bool enabled;
        bool drawn;
        unsigned percent;
} Progress;

/* On standard error, if it is a terminal and nobody asked for quiet. */
Progress progress_begin(void);
void progress_draw(Progress *progress, unsigned percent, const char *what);
/* Makes room for other lines. */
void progress_clear(Progress *progress);
