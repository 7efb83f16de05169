/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether the machine may be rebooted: the kernel that boots next has an image that would boot it,
 * and nobody is putting another in its place just now. */

#include "manager.h"

/* A sentence for each thing against it; none: it may. The caller frees. 0 or -ENOMEM. */
int safety_blockers(const Manager *m, char ***ret);
