/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A disk that is the root as DHCP names it: initrdd-attach root PATH DIRECTORY. */

#include "generator/generator.h"
#include "string-util.h"

/* Whether the root's path in a lease names a disk. */
static inline bool attach_root_is_disk(const char *path) {
        return startswith(path, "iscsi:") || startswith(path, "nbd:");
}

/* Puts root=PATH in place of what the words say of the root. They are changed, also on failure. */
int attach_root_set(char ***words, const char *path);
/* Loads what the kernel needs to attach it. */
void attach_root_load(const Generator *g, const char *path);
/* Mounts what was attached, once udev has found it. Words are what attach_root_set() has left. 0, or an
 * error that was told. */
int attach_root_mount(const Generator *g, const char *directory);
