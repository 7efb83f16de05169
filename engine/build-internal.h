/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of the line share: names for what is kept, and the image's record. */

#include "build.h"
#include "image/target.h"
#include "pack/pack.h"

/* A hash that begins with what everything of this root depends on; NULL without memory. What is
 * added to it must be all that the thing with that key depends on and that no trace has. */
XXH3_state_t *build_hash_begin(const Build *b, const char *what);
void build_hash_string(XXH3_state_t *state, const char *s);
void build_hash_strings(XXH3_state_t *state, char *const *l);
/* Frees the state. */
XXH128_hash_t build_hash_end(XXH3_state_t *state);

/* Fills in `key`: what asks for the same image has the same record. */
int build_image_key(Build *b);

/* Whether this machine's hardware asks for a driver that the image of the record lacks: 1, and its name,
 * which the caller frees; 0; a negative errno where that can't be told. */
int build_find_missing_driver(Build *b, const ImageRecord *record, char **ret);

/* Where the output path begins: a path from the command line is the running system's. */
const char *build_output_root(const Build *b);
/* 1 when what was collected is what the image in place is made of, byte for byte, though something
 * that was looked at is not as it was; else 0. */
int build_is_same(Build *b);
/* Makes the trace of the build that of all there is. 0 or -ENOMEM. */
int build_merge_traces(Build *b);
/* The record of what was just put in place; takes the trace of the build. The caller frees. */
int build_make_record(Build *b, Target *target, ImageRecord **ret);
int build_save_record(Build *b, const ImageRecord *record);

/* How the fragments of this build are packed. */
PackOptions build_pack_options(const Build *b);
/* Whether idle makes one segment of several fragments. */
bool build_joins(const Build *b);
/* The names of those that had to be packed are appended. 0 or -ENOMEM. */
int build_list_packed(const Build *b, char ***packed);
