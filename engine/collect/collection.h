/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What one module brings to an image, and the trace of how that was found out: the unit in which
 * work is kept from one build to the next. A module has two of them: what any kernel can share,
 * and what belongs to one kernel (drivers, firmware, and whatever has %v in its path).
 */

#include "collect/manifest.h"
#include "source/trace.h"

typedef struct Collection {
        Manifest *manifest;
        Trace *trace;
        char **drivers; /* names of the drivers in the manifest, sorted */
        char **load; /* those of them that are loaded before udev starts, in order */
        char **users, **groups; /* accounts that the content refers to, sorted */
        char *missing; /* NULL, or a sentence: what mandatory thing is not there, so that the
                        * module can't be in the image; the manifest is empty then */
} Collection;

int collection_new(Collection **ret);
Collection *collection_free(Collection *collection);
DEFINE_CLEANUP_FUNC(Collection *, collection_free);

/* As bytes for a file, and back: -EBADMSG when damaged or of another version. */
int collection_serialize(const Collection *collection, char **ret, size_t *ret_size);
int collection_deserialize(const char *data, size_t size, Collection **ret);
