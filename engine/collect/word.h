/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Lines and words as systemd and udev read them. Words are separated by white space, with "…" and
 * '…' quotes anywhere in a word. Source: systemd.syntax(7), "Quoting"; systemd.service(5),
 * "Command lines".
 */

#include "macro.h"

/* The next physical line of the text from `*p` to `end`, without white space in front of it. LF,
 * CR, CR LF and NUL end it. It is borrowed, and no NUL is behind it. False at the end. */
bool line_next(const char **p, const char *end, const char **ret, size_t *ret_size);

typedef enum WordFlags {
        WORD_C_ESCAPES = 1 << 0, /* \n, \x2d, \101, \u00e4…; one that is unknown stays as it is */
        WORD_KEEP_ESCAPES = 1 << 1, /* backslashes stay; an escaped quote is none */
        WORD_OPEN_QUOTES = 1 << 2, /* what nothing closes goes to the end */
} WordFlags;

/* Takes the next word off `*p`. 1 and the word (the caller frees), 0 at the end, -EINVAL for a
 * quote that nothing closes or a backslash with nothing behind it, -ENOMEM. With neither of the
 * first two flags, a backslash makes the next character an ordinary one and goes. */
int word_next(const char **p, WordFlags flags, char **ret);

enum { UNESCAPED_MAX = 4 };
/* What the C escape at `s`, behind the backslash, stands for: writes `*ret_size` bytes to `ret`
 * and returns how many of `s` it took. -EINVAL for no escape, or one that stands for NUL. */
int unescape_c(const char *s, char ret[static UNESCAPED_MAX], size_t *ret_size);
