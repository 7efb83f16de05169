/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where one loader of a root looks for what has no runpath, in which order. Private to ldso.c.
 */

#include "collect/ldso-directory.h"
#include "collect/ldso-loader.h"

typedef struct LdsoPlace {
        char *path; /* as the loader has it */
        bool builtin; /* looked at without ld.so.cache */
} LdsoPlace;

typedef struct LdsoPlaces {
        LdsoLoader *loader;
        LdsoPlace *places;
        size_t n;
        char *builtin; /* canonical: where what lies elsewhere can be linked from */
        Trace *trace; /* what the above rests on, the loader's too */
} LdsoPlaces;

/* As ldso_loader_new(). */
int ldso_places_new(LdsoPlaces **ret, LdsoDirectories *directories, const LdsoKind *kind,
                    const char *interpreter, bool musl);
void ldso_places_free(void *places);

static inline void ldso_places_freep(LdsoPlaces **places) {
        if (*places)
                ldso_places_free(*places);
}
