/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which kernel boots next, as far as can be told: boot loaders have many ways to decide that. */

#include "source/source.h"

/* `versions` are the kernels that there are, newest first. Gives one of them, borrowed, or NULL
 * when there is none with a vmlinuz. `ret_directories` (the caller frees) are the canonical
 * directories whose files decide it. 0 or -ENOMEM. */
int boot_default_kernel(Source *source, char *const *versions, const char **ret,
                        char ***ret_directories);
