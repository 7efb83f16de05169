/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For the programs that bring up a root: what they tell, mounts, and memory. */

#include "macro.h"

/* A line for the journal; all but the first are on the console, too. */
void tell(const char *format, ...) _printf_(1, 2);
void tell_notice(const char *format, ...) _printf_(1, 2);
void tell_warning(const char *format, ...) _printf_(1, 2);
void tell_error(const char *format, ...) _printf_(1, 2);

/* mount(8), which knows file systems by their content and makes loop devices. The directory is made.
 * 0; -EIO when it fails, and it has said why. */
int mount_device(const char *options, const char *what, const char *where);
/* One directory at another place, too. The place is made. 0, or an error that was told. */
int mount_bind(const char *what, const char *where);
/* Memory. `options` are added to ours. */
int mount_memory(const char *where, const char *options);
/* proc_meminfo(5): what a line that begins with, say, "MemTotal:" tells, in bytes; 0 if it can't be told. */
unsigned long long memory_get(const char *what);
/* Whether `path` is a directory. */
bool is_directory(const char *path);
