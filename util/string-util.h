/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Strings, and NULL-terminated arrays of them (`char **`, called strv). A NULL strv is empty. */

#include "macro.h"

/* The rest of `s` after `prefix`, or NULL when it does not begin so. */
const char *startswith(const char *s, const char *prefix) _pure_;
/* Where `suffix` begins in `s`, or NULL when it does not end so. */
const char *endswith(const char *s, const char *suffix) _pure_;

/* Newly allocated; negative errno on failure. */
int str_printf(char **ret, const char *format, ...) _printf_(2, 3) _must_check_;

/* A copy of bytes that need not end in NUL, with a NUL byte behind them. NULL without memory. */
char *bytes_to_string(const char *bytes, size_t size);

/* Removes white space from both ends, in place; returns a pointer into `s`. */
char *str_strip(char *s);

/* yes/true/on/1 and no/false/off/0, as systemd reads them. 1, 0 or -EINVAL. */
int parse_boolean(const char *s) _pure_;
/* A decimal number in full, nothing around it. -EINVAL, -ERANGE. */
int parse_unsigned(const char *s, unsigned *ret);
int parse_int(const char *s, int *ret);

size_t strv_length(char *const *l) _pure_;
char **strv_free(char **l); /* returns NULL */
char **strv_copy(char *const *l);
/* Frees all but the first `n`. */
void strv_truncate(char **l, size_t n);
bool strv_equal(char *const *a, char *const *b) _pure_; /* NULL is an empty one */
bool strv_contains(char *const *l, const char *s) _pure_;
/* Appends a copy of `s`. 0 or -ENOMEM. */
int strv_extend(char ***l, const char *s) _must_check_;
/* Appends a copy of `s` unless it is there already. */
int strv_extend_unique(char ***l, const char *s) _must_check_;
/* Takes `s`, also on failure. */
int strv_consume(char ***l, char *s) _must_check_;
/* strcmp() order. */
void strv_sort(char **l);
/* strcmp() order, equal neighbours dropped. Returns `l`. */
char **strv_uniq(char **l);
/* Words separated by any of `separators`; no quoting. 0 or -ENOMEM. */
int strv_split(char ***ret, const char *s, const char *separators) _must_check_;
/* Words as systemd's configuration has them: white space, "..." and '...' quotes, backslash
 * escapes the next character. -EINVAL on an unterminated quote. */
int strv_split_quoted(char ***ret, const char *s) _must_check_;
/* Newly allocated, or NULL when memory could not be had. */
char *strv_join(char *const *l, const char *separator);

#define STRV_FOREACH(s, l) for (char *const *s = (l); s && *s; s++)

DEFINE_CLEANUP_FUNC(char **, strv_free);
#define _cleanup_strv_free_ _cleanup_(strv_freep)
