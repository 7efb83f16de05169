/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What an image says of itself: the last segment, with two files.
 *
 * /.initrdd/image.json   an object: "format" 1; "tool", "version"; "kernel", "profile", "mode";
 *                        "settings": an object of keys of the profile with the values that they had
 *                        in the end, as text, where that is not empty; "modules": [{"name", "reason"}]; "fragments", in the order of the image:
 *                        [{"name", "scope", "modules", "size", "raw-size", "compression", "level",
 *                        "content"}]. The first begins at 0, each next one behind the last;
 *                        this segment follows them.
 * /.initrdd/manifest     a line an entry, fields separated by tabs: number of the fragment (from
 *                        0), type (d, f, l), mode (octal), size, path, and why it is there. Tabs,
 *                        line breaks and backslashes are written \t, \n, \\.
 *
 * Nothing in it depends on where or when the image was built.
 */

#include <stdio.h>

#include "describe/kernel.h"
#include "describe/plan.h"
#include "pack/fragment.h"

/* A path or reason in the manifest, as above. */
void description_write_escaped(FILE *f, const char *s);
/* The segment with these two files, packed and padded. The caller frees. */
int description_pack_texts(const char *json, const char *manifest, size_t manifest_size,
                           Compression compression, int level, char **ret, size_t *ret_size);

/* The segment, packed and padded. The caller frees. */
int description_pack(const Fragments *fragments, const Plan *plan, const Profile *profile,
                     const Kernel *kernel, char **ret, size_t *ret_size);
