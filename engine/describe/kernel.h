/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A kernel that images are made for: a directory of drivers, its indexes, its configuration. */

#include "macro.h"
#include "report.h"
#include "source/source.h"

typedef struct Kernel {
        char *version; /* the name of its directory */
        char *directory; /* canonical path in the Source: /usr/lib/modules/VERSION */
        char *image; /* path of vmlinuz, or NULL when there is none to be found */
        char *config; /* text of its .config, or NULL when it isn't to be had */
        char *config_path; /* where from */
} Kernel;

/* The versions below /lib/modules of the Source (and what was bound there), newest first (as
 * strverscmp() has it): directories with a modules.dep or a kernel/ in them. */
int kernel_list(Source *source, Trace *trace, char ***ret);

/*
 * Finds out what there is to know. FAILURE_NO_SUCH_KERNEL when there is no such directory,
 * FAILURE_KERNEL_INCOMPLETE when modules.dep is missing ("run depmod -a VERSION").
 * The configuration is looked for at DIRECTORY/config, /boot/config-VERSION and
 * DIRECTORY/build/.config; the image at DIRECTORY/vmlinuz and /boot/vmlinuz-VERSION.
 */
int kernel_open(Source *source, Trace *trace, Report *report, const char *version, Kernel **ret);
Kernel *kernel_free(Kernel *kernel);
DEFINE_CLEANUP_FUNC(Kernel *, kernel_free);

/* Its directory, canonical, and its vmlinuz (NULL when there is none to be found), whatever state it
 * is in. The caller frees. */
int kernel_find_directory(Source *source, Trace *trace, const char *version, char **ret);
int kernel_find_image(Source *source, Trace *trace, const char *directory, const char *version,
                      char **ret);

typedef enum KernelState {
        KERNEL_READY,
        KERNEL_UNPACKING, /* its files come and go, or depmod is at work */
        KERNEL_UNPACKED, /* its files are all there; its package isn't configured, or depmod hasn't
                          * run since it changed */
        KERNEL_INCOMPLETE, /* no modules.dep, and nobody at work that could be seen */
} KernelState;
const char *kernel_state_to_string(KernelState state); /* "ready"… */
/* kernel-state.c. -ENOENT when there is no such kernel. `ret_reason`: a sentence, or NULL for a
 * kernel that is ready; static. */
int kernel_state(Source *source, const char *version, KernelState *ret, const char **ret_reason);

typedef enum KernelOption {
        KERNEL_OPTION_UNKNOWN,
        KERNEL_OPTION_NO,
        KERNEL_OPTION_MODULE,
        KERNEL_OPTION_YES
} KernelOption;
/* `option` without CONFIG_. UNKNOWN where the configuration isn't to be had. */
KernelOption kernel_option(const Kernel *kernel, const char *option);

/* The kernel in the directory `directory` of the running system, which is bound into the Source
 * at /usr/lib/modules/VERSION: either that very directory, or an INSTALL_MOD_PATH that has
 * lib/modules/VERSION; `version` may be NULL where only one is there. Gives the version. The
 * caller frees. */
int kernel_bind_directory(Source *source, Report *report, const char *directory,
                          const char *version, char **ret_version);
