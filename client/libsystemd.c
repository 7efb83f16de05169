/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <dlfcn.h>

#include "libsystemd.h"

#define LIBSYSTEMD_DEFINE(name) __typeof__(name) *sym_##name;
LIBSYSTEMD_FUNCTIONS(LIBSYSTEMD_DEFINE)
#undef LIBSYSTEMD_DEFINE

#define LIBSYSTEMD_ENTRY(name) { #name, (void **) &sym_##name },
static const struct {
        const char *name;
        void **function;
} functions[] = { LIBSYSTEMD_FUNCTIONS(LIBSYSTEMD_ENTRY) };
#undef LIBSYSTEMD_ENTRY

int libsystemd_load(void) {
        static void *library;

        if (library)
                return 0;
        library = dlopen("libsystemd.so.0", RTLD_LAZY | RTLD_NODELETE);
        if (!library)
                return -EOPNOTSUPP;
        for (size_t i = 0; i < ELEMENTSOF(functions); i++) {
                *functions[i].function = dlsym(library, functions[i].name);
                if (!*functions[i].function) {
                        dlclose(library);
                        library = NULL;
                        return -EOPNOTSUPP;
                }
        }
        return 0;
}
