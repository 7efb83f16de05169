/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A piece of an image: what some modules bring, as one list of entries, named by its content.
 *
 * Libraries (*.so*) that kernels share are in a fragment of their own, "libraries", whoever needs them.
 * A fragment of what kernels share that gets larger than 1.5 MiB is cut into 2, 4 or 8 parts by the hash
 * of the paths: "systemd-1", "systemd-2".
 * A path has one owner, the first module of the plan that wants it; in the fragments of the others
 * it does not appear. Directories are repeated in each fragment that has something in them, always
 * with the mode that their first owner wants, since the kernel lets the last one win.
 */

#include "collect/collection.h"
#include "pack/store.h"
#include "report.h"

/* In the order of the image: what seldom changes is written while what does is packed. */
typedef enum Scope {
        SCOPE_EARLY, /* read by the kernel before it unpacks anything; never compressed */
        SCOPE_KERNEL, /* drivers and firmware of one kernel */
        SCOPE_SHARED, /* the same for every kernel ("user") */
        SCOPE_HOST, /* this machine's or this admin's own: small and volatile */
        _SCOPE_MAX,
        _SCOPE_INVALID = -EINVAL,
} Scope;
const char *scope_to_string(Scope scope); /* "early", "user", "kernel", "host" */

typedef struct Fragment {
        char *name;
        Scope scope;
        char **modules; /* whose content it has, in the order of the plan */
        const Entry **entries; /* sorted by path; borrowed from the collections */
        size_t n_entries, allocated_entries;
        XXH128_hash_t content; /* of all of the above but the name */
        uint64_t raw_size; /* of the archive */
        StoredFragment stored; /* once packed or found */
        bool cached; /* was found, not packed */
        int fd; /* the file in the store: whoever empties the store doesn't take it away */
        char *data; /* the packed bytes when the store could not keep them */
        struct Fragment **parts; /* of a joined one (pack/join.h); its entries are theirs */
        size_t n_parts;
} Fragment;
void fragment_free(Fragment *f);

typedef struct Fragments {
        Fragment **fragments;
        size_t n, allocated;
        Strmap owners; /* path → const Entry *, over all fragments */
} Fragments;

int fragments_new(Fragments **ret);
Fragments *fragments_free(Fragments *fragments);
DEFINE_CLEANUP_FUNC(Fragments *, fragments_free);

/* Gives the entries of `manifest` that nobody owns yet to the fragment `name` of that scope, which
 * is made at its first mention. The manifest must outlive the Fragments. A path that is a directory
 * here and something else there is a failure. */
int fragments_add(Fragments *fragments, Report *report, const char *name, Scope scope,
                  const char *module, const Manifest *manifest);

/* When everything was added: cuts what is large, adds the directories that each needs, sorts, drops
 * empty ones, orders them by scope, and computes `content` and `raw_size`. */
int fragments_finish(Fragments *fragments);

/* The entry of the image at `path`, which has no links in it; NULL. */
const Entry *fragments_get(const Fragments *fragments, const char *path);
/* Follows the links of the image itself from `path`, and gives the entry; NULL when it leads
 * nowhere. */
const Entry *fragments_resolve(const Fragments *fragments, const char *path);
