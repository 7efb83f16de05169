/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Rows under headings, for people, or the same as JSON: libsmartcols does both. */

#include <jansson.h>

#include "client.h"
#include "macro.h"

typedef struct libscols_table Table;

/* `name` is that of the array in JSON, where headings are in lower case. 0 or -ENOMEM. */
int table_new(Table **ret, const char *name, const char *const *columns, size_t n);
void table_free(Table *table);
DEFINE_CLEANUP_FUNC(Table *, table_free);

/* The cells of this column are numbers, in JSON too. */
void table_set_number(Table *table, size_t column);
/* "52.3 MB" for people, bytes in JSON. */
const char *table_size(uint64_t bytes, char ret[static SIZE_TEXT_MAX]);

/* As many strings as there are columns; they are copied. NULL is an empty cell, null in JSON. */
int table_add(Table *table, const char *const *cells);

/* {"NAME": [{"heading": "cell", …}, …]}, for a table that was made with --json=. The caller frees. */
int table_to_json(Table *table, json_t **ret);
/* To standard output, short or pretty as --json= says. Returns an exit status. */
int print_json(const json_t *object);
/* The same, and the object is given away; NULL is no memory. */
int give_json(json_t *object);

/* To standard output, as --json= and --no-legend say. Returns an exit status. */
int table_print(Table *table);
