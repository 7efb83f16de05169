/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Unit files and udev rules share one notion of a word, but differ in what a backslash does: in
 * command lines of units it begins a C escape, in dependencies it belongs to the unit's name
 * ("dev-disk-by\x2duuid.device"), in udev's programs it is handed on as it is. The flags say
 * which.
 *
 * strv_split_quoted() knows none of this, and splits a whole value at once; here a caller can stop
 * between two words, to see a ";" that ends a command.
 */

#include "collect/word.h"

#define SPACE " \t\n\r"

bool line_next(const char **p, const char *end, const char **ret, size_t *ret_size) {
        const char *begin = *p, *s = begin;

        if (s == end)
                return false;
        while (s < end && *s && *s != '\n' && *s != '\r')
                s++;
        *p = s < end ? s + 1 : end;
        if (end - s >= 2 && s[0] == '\r' && s[1] == '\n')
                (*p)++;
        while (begin < s && (*begin == ' ' || *begin == '\t'))
                begin++;
        *ret = begin;
        *ret_size = (size_t) (s - begin);
        return true;
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

/* Exactly `n` digits; a NUL is no digit, so nothing is read behind the end. */
static int parse_digits(const char *s, unsigned n, int base, uint32_t *ret) {
        uint32_t value = 0;

        for (unsigned i = 0; i < n; i++) {
                int digit = hex_digit(s[i]);

                if (digit < 0 || digit >= base)
                        return -EINVAL;
                value = value * (uint32_t) base + (uint32_t) digit;
        }
        *ret = value;
        return 0;
}

static size_t encode_utf8(uint32_t c, char *ret) {
        static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        if (n == 1) {
                ret[0] = (char) c;
                return 1;
        }
        for (size_t i = n - 1; i > 0; i--, c >>= 6)
                ret[i] = (char) (0x80 | (c & 0x3f));
        ret[0] = (char) (lead[n] | c);
        return n;
}

/* "x2d", "055", "u002d", "U0000002d". */
static int unescape_number(const char *s, char *ret, size_t *ret_size) {
        static const struct {
                char letter;
                unsigned skip, digits;
                int base;
        } forms[] = { { 'x', 1, 2, 16 }, { 'u', 1, 4, 16 }, { 'U', 1, 8, 16 }, { 0, 0, 3, 8 } };
        uint32_t value;
        size_t i = 0;

        while (forms[i].letter && forms[i].letter != *s)
                i++;
        if (parse_digits(s + forms[i].skip, forms[i].digits, forms[i].base, &value) < 0)
                return -EINVAL;
        if (value == 0)
                return -EINVAL;
        if (forms[i].digits >= 4) {
                if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
                        return -EINVAL;
                *ret_size = encode_utf8(value, ret);
        } else {
                if (value > 0xff)
                        return -EINVAL;
                *ret = (char) value;
                *ret_size = 1;
        }
        return (int) (forms[i].skip + forms[i].digits);
}

int unescape_c(const char *s, char ret[static UNESCAPED_MAX], size_t *ret_size) {
        static const char letters[] = "abfnrtvs\\\"'", meanings[] = "\a\b\f\n\r\t\v \\\"'";
        const char *found = *s ? strchr(letters, *s) : NULL;

        if (!found)
                return unescape_number(s, ret, ret_size);
        *ret = meanings[found - letters];
        *ret_size = 1;
        return 1;
}

/* Adds to `word` what the backslash at `p` and what is behind it stand for; returns how much of
 * `p` that was. The outcome is never longer than what it was made of. */
static int append_escape(char *word, size_t *n, const char *p, WordFlags flags) {
        size_t added = 0;
        int r = 1;

        if (!p[1]) {
                if (!(flags & WORD_OPEN_QUOTES))
                        return -EINVAL;
                word[(*n)++] = '\\';
                return 1;
        }
        if (flags & WORD_C_ESCAPES)
                r = unescape_c(p + 1, word + *n, &added);
        if (r < 0 || (flags & WORD_KEEP_ESCAPES)) {
                r = 1;
                word[*n] = '\\';
                word[*n + 1] = p[1];
                added = 2;
        } else if (!(flags & WORD_C_ESCAPES)) {
                word[*n] = p[1];
                added = 1;
        }
        *n += added;
        return 1 + r;
}

int word_next(const char **p, WordFlags flags, char **ret) {
        const char *s = *p + strspn(*p, SPACE);
        _cleanup_free_ char *word = NULL;
        size_t n = 0;
        char quote = 0;

        if (!*s) {
                *p = s;
                return 0;
        }
        /* The spare bytes are for unescape_c(), which may take a short escape at the very end. */
        word = malloc(strlen(s) + 1 + UNESCAPED_MAX);
        if (!word)
                return -ENOMEM;
        while (*s && (quote || !strchr(SPACE, *s))) {
                if (*s == '\\') {
                        int r = append_escape(word, &n, s, flags);

                        if (r < 0)
                                return r;
                        s += r;
                        continue;
                }
                if (quote ? *s == quote : *s == '"' || *s == '\'')
                        quote = quote ? 0 : *s;
                else
                        word[n++] = *s;
                s++;
        }
        if (quote && !(flags & WORD_OPEN_QUOTES))
                return -EINVAL;
        word[n] = '\0';
        *p = s;
        *ret = TAKE_PTR(word);
        return 1;
}
