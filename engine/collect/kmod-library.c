/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libkmod is loaded when a kernel's aliases are first looked up, which most runs never do: it brings
 * libcrypto, and loading the two was a third of the time that a program of ours took to start.
 */

#include "collect/kmod-library.h"
#include "library.h"

#define SONAME "libkmod.so.2"

LIBRARY_NOTE("drivers", "Choosing a kernel's drivers", SONAME);

KmodLibrary libkmod;

int kmod_library_load(void) {
        static const LibraryFunction functions[] = {
                { "kmod_new", &libkmod.new },
                { "kmod_unref", &libkmod.unref },
                { "kmod_set_log_fn", &libkmod.set_log_fn },
                { "kmod_load_resources", &libkmod.load_resources },
                { "kmod_module_new_from_lookup", &libkmod.module_new_from_lookup },
                { "kmod_list_next", &libkmod.list_next },
                { "kmod_module_get_module", &libkmod.module_get_module },
                { "kmod_module_get_name", &libkmod.module_get_name },
                { "kmod_module_unref", &libkmod.module_unref },
                { "kmod_module_unref_list", &libkmod.module_unref_list },
        };

        return libkmod.module_unref_list ? 0
                                         : library_load(SONAME, functions, ELEMENTSOF(functions));
}
