/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* build and rebuild, when the service does it. */

#include "macro.h"

/*
 * `kernels` NULL: those of the machine that need it, or with `force` all. An exit status; or
 * STATUS_OFFLINE, when the service can't be had and root is to do what is left in `*kernels`.
 */
int build_over_bus(char ***kernels, bool force);
/* The kernel that `rebuild` means when none is named, as the service sees it. An exit status, or
 * STATUS_OFFLINE. The caller frees. */
int booted_kernel_over_bus(char ***ret);
