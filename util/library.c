/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <dlfcn.h>

#include "library.h"

int library_load(const char *soname, const LibraryFunction *functions, size_t n) {
        void *library;

        library = dlopen(soname, RTLD_NOW | RTLD_NODELETE);
        if (!library)
                return -ENOPKG;
        for (size_t i = 0; i < n; i++) {
                void *symbol = dlsym(library, functions[i].name);

                if (!symbol)
                        return -ENOPKG;
                memcpy(functions[i].pointer, &symbol, sizeof(symbol));
        }
        return 0;
}
