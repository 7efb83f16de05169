/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whether dpkg, rpm or pacman is at work in a root: then more is going to change, and an automatic
 * build waits. Their locks are only looked at, never taken.
 */

/* 1 and the name of the program ("dpkg", static); 0 if none is; negative errno. Does not block. */
int package_manager_busy(const char *root, const char **ret_who);
