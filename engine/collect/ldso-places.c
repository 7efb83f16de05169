/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The directories that are configured, then those that are built in: ld.so.cache has both, with
 * the configured ones first, and what it doesn't have is looked for in the built-in ones. Most
 * are the same directory by several ways (/lib is a link to /usr/lib, Debian configures what is
 * built in), and these count once, by the first path; a configured one that is built in too needs
 * no cache. Directories that aren't there are left out, which the trace says.
 */

#include "collect/ldso-places.h"
#include "source/trace.h"
#include "string-util.h"

void ldso_places_free(void *p) {
        LdsoPlaces *places = p;

        for (size_t i = 0; i < places->n; i++)
                free(places->places[i].path);
        free(places->places);
        ldso_loader_free(places->loader);
        free(places->builtin);
        trace_free(places->trace);
        free(places);
}

/* Appends `paths` to the places, except what is the same directory as an earlier one. */
static int add_places(LdsoPlaces *places, LdsoDirectories *directories, char *const *paths,
                      Strmap *seen, const Strmap *builtins) {
        STRV_FOREACH(path, paths) {
                const LdsoDirectory *d;
                int r;

                if (**path != '/')
                        continue;
                r = ldso_directories_get(directories, places->trace, *path, &d);
                if (r < 0)
                        return r;
                if (!d->canonical)
                        continue;
                r = strmap_put(seen, d->canonical, NULL);
                if (r == -EEXIST)
                        continue;
                if (r < 0)
                        return r;
                places->places[places->n] = (LdsoPlace) {
                        .path = strdup(*path),
                        .builtin = strmap_contains(builtins, d->canonical),
                };
                if (!places->places[places->n++].path)
                        return -ENOMEM;
        }
        return 0;
}

static int find_builtins(LdsoPlaces *places, LdsoDirectories *directories, Strmap *builtins) {
        STRV_FOREACH(path, places->loader->builtins) {
                const LdsoDirectory *d;
                int r;

                r = ldso_directories_get(directories, places->trace, *path, &d);
                if (r >= 0 && d->canonical)
                        r = strmap_put(builtins, d->canonical, NULL);
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        places->builtin = strdup(builtins->n > 0 ? builtins->entries[0].key
                                                 : places->loader->builtins[0]);
        return places->builtin ? 0 : -ENOMEM;
}

int ldso_places_new(LdsoPlaces **ret, LdsoDirectories *directories, const LdsoKind *kind,
                    const char *interpreter, bool musl) {
        _cleanup_(ldso_places_freep) LdsoPlaces *places = NULL;
        _cleanup_strmap_ Strmap seen = STRMAP_INIT(NULL), builtins = STRMAP_INIT(NULL);
        LdsoLoader *loader;
        int r;

        places = calloc(1, sizeof(LdsoPlaces));
        if (!places)
                return -ENOMEM;
        r = trace_new(&places->trace);
        if (r >= 0)
                r = ldso_loader_new(&places->loader, directories->source, kind, interpreter, musl);
        if (r < 0)
                return r;
        loader = places->loader;
        r = trace_merge(places->trace, loader->trace);
        if (r < 0)
                return r;

        places->places = calloc(strv_length(loader->configured) + strv_length(loader->builtins),
                                sizeof(LdsoPlace));
        if (!places->places)
                return -ENOMEM;
        r = find_builtins(places, directories, &builtins);
        if (r >= 0)
                r = add_places(places, directories, loader->configured, &seen, &builtins);
        /* musl's file of paths is instead of what is built in. */
        if (r >= 0 && !(loader->musl && loader->configured))
                r = add_places(places, directories, loader->builtins, &seen, &builtins);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(places);
        return 0;
}
