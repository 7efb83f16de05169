/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How drivers and aliases are called. Source: kmod's own rules, modprobe(8). */

#include "macro.h"

#define DRIVER_NAME_MAX 256 /* with NUL; a name is part of a file name */

/* "-" is "_", except in a "[…]". In place; the length stays. -EINVAL when a bracket has no partner:
 * kmod knows no such alias. */
int driver_alias_normalize(char *alias);

/* As in /proc/modules. -EINVAL when it is empty or too long. */
int driver_name_normalize(const char *name, char ret[static DRIVER_NAME_MAX]);

/* The name of the driver at "kernel/drivers/nvme/host/nvme-core.ko.xz". -EINVAL when the last
 * component isn't NAME.ko with at most a suffix that says how it is compressed. */
int driver_name_of_path(const char *path, char ret[static DRIVER_NAME_MAX]);
