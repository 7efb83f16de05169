/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Rows under headings, for people, or the same as JSON: libsmartcols does both. */

#include "macro.h"

typedef struct libscols_table Table;

/* `name` is that of the array in JSON, where headings are in lower case. 0 or -ENOMEM. */
int table_new(Table **ret, const char *name, const char *const *columns, size_t n);
void table_free(Table *table);
DEFINE_CLEANUP_FUNC(Table *, table_free);

/* As many strings as there are columns; they are copied. */
int table_add(Table *table, const char *const *cells);

/* To standard output, as --json= and --no-legend say. Returns an exit status. */
int table_print(Table *table);
