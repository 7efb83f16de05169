/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is used of libkmod, by the names that it has there without "kmod_". */

#include <libkmod.h>

#include "macro.h"

typedef struct KmodLibrary {
        __typeof__(&kmod_new) new;
        __typeof__(&kmod_unref) unref;
        __typeof__(&kmod_set_log_fn) set_log_fn;
        __typeof__(&kmod_load_resources) load_resources;
        __typeof__(&kmod_module_new_from_lookup) module_new_from_lookup;
        __typeof__(&kmod_list_next) list_next;
        __typeof__(&kmod_module_get_module) module_get_module;
        __typeof__(&kmod_module_get_name) module_get_name;
        __typeof__(&kmod_module_unref) module_unref;
        __typeof__(&kmod_module_unref_list) module_unref_list;
} KmodLibrary;

/* Loads it, if that was not done. -ENOPKG when it isn't there. */
int kmod_library_load(void);
extern KmodLibrary libkmod;
