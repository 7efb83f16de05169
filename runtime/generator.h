/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * initrdd-generator: what users of dracut and of initramfs-tools type on the kernel command line,
 * turned into units, drop-ins and udev rules before PID 1 and udev look for any. One file for each
 * noun; man/initrdd-cmdline.7 has the options.
 *
 * An option that can't be understood is a line in the journal and nothing else: what the others
 * ask for is still done.
 */

#include <stdbool.h>
#include <stddef.h>

#include "macro.h"

typedef struct Generator {
        /* systemd.generator(7): between /etc and /usr, before /etc, behind all others. */
        const char *normal, *early, *late;
        const char *root; /* "" or where /etc and /run are, for tests */
        char **words; /* of the kernel command line, in their order */
} Generator;

/* generator.c: a line in the journal, or where tests look for it. */
void generator_warn(const Generator *g, const char *format, ...) _printf_(2, 3);
/* Writes DIRECTORY/NAME whole, with the directories above it. `directory` is one of the three, or
 * an absolute path that is meant below g->root. 0, or an error that was logged. */
int generator_write(const Generator *g, const char *directory, const char *name, const char *text);
int generator_link(const Generator *g, const char *directory, const char *name,
                   const char *target);
/* TARGET.KIND/UNIT in the normal directory, so that TARGET wants or requires it. */
int generator_add_symlink(const Generator *g, const char *target, const char *kind,
                          const char *unit);

/* option.c: what a word is about. The value of "KEY=VALUE" that word i is, "" of a bare "KEY", else
 * NULL. */
const char *option_value(const char *word, const char *key);
/* The last one's value, borrowed; NULL: not there. */
const char *option_get(const Generator *g, const char *key);
/* The last one that is understood. A bare word is true; others are a line in the journal. */
bool option_bool(const Generator *g, const char *key, bool otherwise);
/* Whether the word is there and false, or true. */
bool option_is(const Generator *g, const char *key, bool value);
/* Seconds, digits alone. -ENOENT when no word says any that is understood. */
int option_seconds(const Generator *g, const char *key, unsigned *ret);

/* One for each noun. 0 or an error that was logged. */
int generate_lvm(const Generator *g);
int generate_md(const Generator *g);
int generate_crypt(const Generator *g);
int generate_device(const Generator *g);
int generate_console(const Generator *g);
int generate_network(const Generator *g);
int generate_nfs(const Generator *g);

/* device.c: /dev/disk/by-uuid/a-b → "dev-disk-by\x2duuid-a\x2db". The caller frees. */
char *unit_escape_path(const char *path);
