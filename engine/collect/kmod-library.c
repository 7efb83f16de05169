/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libkmod is loaded when a kernel's aliases are first looked up, which most runs never do: it brings
 * libcrypto, and loading the two was a third of the time that a program of ours took to start. Since
 * the linker then can't tell anybody that it is needed, a note does (.note.dlopen, as elf.h has it).
 */

#include <dlfcn.h>

#include "collect/kmod-library.h"

#define SONAME "libkmod.so.2"
#define NOTE                                                                                      \
        "[{\"feature\":\"drivers\",\"description\":\"Choosing a kernel's drivers\","              \
        "\"priority\":\"required\",\"soname\":[\"" SONAME "\"]}]"

static const struct {
        uint32_t name_size, size, type;
        char name[4];
        char data[ALIGN_TO(sizeof(NOTE), 4)];
} note __attribute__((section(".note.dlopen"), used, aligned(4))) = {
        .name_size = 4,
        .size = sizeof(NOTE),
        .type = 0x407c0c0a,
        .name = "FDO",
        .data = NOTE,
};

/* Where each function goes. */
static KmodLibrary library;
static const struct {
        const char *name;
        void *function;
} functions[] = {
        { "kmod_new", &library.new },
        { "kmod_unref", &library.unref },
        { "kmod_set_log_fn", &library.set_log_fn },
        { "kmod_load_resources", &library.load_resources },
        { "kmod_module_new_from_lookup", &library.module_new_from_lookup },
        { "kmod_list_next", &library.list_next },
        { "kmod_module_get_module", &library.module_get_module },
        { "kmod_module_get_name", &library.module_get_name },
        { "kmod_module_unref", &library.module_unref },
        { "kmod_module_unref_list", &library.module_unref_list },
};

int kmod_library(const KmodLibrary **ret, const char **ret_why) {
        static bool loaded;
        void *handle;

        if (!loaded) {
                handle = dlopen(SONAME, RTLD_NOW | RTLD_NODELETE);
                if (!handle) {
                        *ret_why = SONAME " is not installed, or can't be loaded";
                        return -ENOPKG;
                }
                for (size_t i = 0; i < ELEMENTSOF(functions); i++) {
                        void *symbol = dlsym(handle, functions[i].name);

                        if (!symbol) {
                                *ret_why = SONAME " is of another version";
                                return -ENOPKG;
                        }
                        memcpy(functions[i].function, &symbol, sizeof(symbol));
                }
                loaded = true;
        }
        *ret = &library;
        return 0;
}
