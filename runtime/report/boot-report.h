/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* initrdd-report: what there is to know of a boot that failed, in one file. One file for each part. */

#include <stdio.h>

#include "macro.h"

/* boot-report-mask.c: what on the kernel command line, or in another text of words, is nobody's business,
 * wherever else it turns up. */
typedef struct Mask {
        char *find, *put;
} Mask;

typedef struct Masks {
        Mask *masks;
        size_t n, allocated;
} Masks;

/* Adds to what is there. */
int masks_of_words(Masks *masks, const char *text);
void masks_done(Masks *masks);
/* Writes the text with every secret in it replaced. */
void masks_write(const Masks *masks, FILE *f, const char *text, size_t size);

/* boot-report-block.c: disks and what lies on them, as the kernel and udev have it. `root` is "" or where
 * /sys and /run are, for tests. */
void report_block_devices(const char *root, FILE *f);
/* The same in some words, for the console. */
void report_block_summary(const char *root, FILE *f);

/* boot-report-run.c: what a program prints on both its outputs, with a line behind it if it did not end
 * well. Its exit status; 126 if it has none. -ENOENT where the image does not have it, -ETIME when the
 * programs before it have taken too long. The caller frees. */
int report_run(const char *const argv[], char **ret, size_t *ret_size);
