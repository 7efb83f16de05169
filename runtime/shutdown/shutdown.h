/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* initrdd-shutdown: takes apart what the root lay on, once nothing runs from there. One file for
 * each part. */

#include "macro.h"

/* A line in the kernel's log, on the console unless it is quiet; `good` or an error. */
void shutdown_log(bool good, const char *format, ...) _printf_(2, 3);

/* shutdown-keep.c: puts this program where systemd-shutdown(8) looks for it, with its libraries, if
 * the root at /sysroot lies on anything that has to be taken apart. 0 or an error. */
int shutdown_keep(void);

/* shutdown-detach.c: one pass over everything that is left: how many went, or are out of each other's
 * way now; 0 when nothing has changed. What is left then is told in `ret_left` (the caller frees), "" when that is nothing. */
unsigned shutdown_detach(char **ret_left);
