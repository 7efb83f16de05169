/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A unit, and onto it the same bytes as a drop-in, under the names where specifiers matter. Whatever
 * is said of it must be what the header promises. */

#include "collect/unit.h"
#include "string-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const names[] = { "a-b.service", "a@.socket", "a@b-c.service", "@" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(unit_freep) Unit *unit = NULL;

                if (unit_new(&unit) < 0)
                        return 0;
                (void) unit_parse(unit, names[i], (const char *) data, size);
                (void) unit_parse(unit, names[i], (const char *) data, size);
                for (size_t k = 0; k < unit->n_programs; k++) {
                        const char *path = unit->programs[k].path;

                        require(*path && (path[0] == '/' || !strchr(path, '/')));
                }
                STRV_FOREACH(name, unit->needs)
                        require(unit_name_is_valid(*name));
                STRV_FOREACH(name, unit->aliases)
                        require(unit_name_is_valid(*name));
                STRV_FOREACH(path, unit->environment_files)
                        require(**path == '/');
                STRV_FOREACH(name, unit->users)
                        require(**name);
        }
        return 0;
}
