/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What `inspect` says of an image: for people, as JSON, and as a page. */

#include <jansson.h>

#include "image-state.h"
#include "inspection.h"

/* How many of the largest files, and drivers. */
#define INSPECT_FILES_MAX 8

typedef struct Inspected {
        const char *path; /* for people */
        const Image *image;
        const Inspection *inspection;
        const ImageState *state;
} Inspected;

/* An exit status. */
int inspect_print(const Inspected *inspected);
/* The caller frees. */
json_t *inspect_json(const Inspected *inspected);
/* All files, too. An exit status. */
int inspect_write_page(const Inspected *inspected, const char *path);

/* Whether a build would find the fragment of a segment; NULL where nobody knows. */
const bool *inspect_cached(const Inspected *inspected, const InspectedSegment *segment);
/* The `max` largest files or drivers, largest first. */
json_t *inspect_files_json(const Inspection *inspection, bool drivers, size_t max);
/* A section that is text, up to the NUL bytes and line breaks at its end; NULL when it isn't there. The
 * caller frees. */
char *inspect_section_text(const UkiSection *section);
