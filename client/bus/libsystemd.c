/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "libsystemd.h"
#include "library.h"

#define LIBSYSTEMD_DEFINE(name) __typeof__(name) *sym_##name;
LIBSYSTEMD_FUNCTIONS(LIBSYSTEMD_DEFINE)
#undef LIBSYSTEMD_DEFINE

#define LIBSYSTEMD_ENTRY(name) { #name, &sym_##name },
static const LibraryFunction functions[] = { LIBSYSTEMD_FUNCTIONS(LIBSYSTEMD_ENTRY) };
#undef LIBSYSTEMD_ENTRY

int libsystemd_load(void) {
        static bool loaded;
        int r;

        if (loaded)
                return 0;
        r = library_load("libsystemd.so.0", functions, ELEMENTSOF(functions));
        if (r < 0)
                return -EOPNOTSUPP;
        loaded = true;
        return 0;
}
