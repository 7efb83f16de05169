/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "string-util.h"

const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

const char *endswith(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && memcmp(s + n - m, suffix, m) == 0 ? s + n - m : NULL;
}

int str_printf(char **ret, const char *format, ...) {
        va_list ap;
        char *s;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        *ret = s;
        return 0;
}

char *bytes_to_string(const char *bytes, size_t size) {
        char *s = malloc(size + 1);

        if (!s)
                return NULL;
        memcpy(s, bytes, size);
        s[size] = '\0';
        return s;
}

char *str_strip(char *s) {
        size_t n;

        while (isspace((unsigned char) *s))
                s++;
        for (n = strlen(s); n > 0 && isspace((unsigned char) s[n - 1]); n--)
                ;
        s[n] = '\0';
        return s;
}

int parse_boolean(const char *s) {
        static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
        static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(s, yes[i]) == 0)
                        return 1;
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (strcasecmp(s, no[i]) == 0)
                        return 0;
        return -EINVAL;
}

int parse_int(const char *s, int *ret) {
        char *end;
        long l;

        if (!isdigit((unsigned char) *s) && !(*s == '-' && isdigit((unsigned char) s[1])))
                return -EINVAL;
        errno = 0;
        l = strtol(s, &end, 10);
        if (*end)
                return -EINVAL;
        if (errno == ERANGE || l > INT_MAX || l < INT_MIN)
                return -ERANGE;
        *ret = (int) l;
        return 0;
}

int parse_unsigned(const char *s, unsigned *ret) {
        char *end;
        unsigned long l;

        if (!isdigit((unsigned char) *s))
                return -EINVAL;
        errno = 0;
        l = strtoul(s, &end, 10);
        if (*end)
                return -EINVAL;
        if (errno == ERANGE || l > UINT_MAX)
                return -ERANGE;
        *ret = (unsigned) l;
        return 0;
}

size_t strv_length(char *const *l) {
        size_t n = 0;

        STRV_FOREACH(s, l)
                n++;
        return n;
}

char **strv_free(char **l) {
        STRV_FOREACH(s, l)
                free(*s);
        free(l);
        return NULL;
}

void strv_truncate(char **l, size_t n) {
        for (size_t i = strv_length(l); i > n; i--) {
                free(l[i - 1]);
                l[i - 1] = NULL;
        }
}

char **strv_copy(char *const *l) {
        size_t n = strv_length(l), i;
        char **copy = calloc(n + 1, sizeof(char *));

        if (!copy)
                return NULL;
        for (i = 0; i < n; i++) {
                copy[i] = strdup(l[i]);
                if (!copy[i])
                        return strv_free(copy);
        }
        return copy;
}

bool strv_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

bool strv_contains(char *const *l, const char *s) {
        STRV_FOREACH(i, l)
                if (streq(*i, s))
                        return true;
        return false;
}

int strv_consume(char ***l, char *s) {
        size_t n = strv_length(*l), room = 4;
        char **m = *l;

        if (!s)
                return -ENOMEM;

        /* Always by a power of two, so that most calls cost realloc() nothing. */
        while (room < n + 2)
                room *= 2;
        m = reallocarray(m, room, sizeof(char *));
        if (!m) {
                free(s);
                return -ENOMEM;
        }
        m[n] = s;
        m[n + 1] = NULL;
        *l = m;
        return 0;
}

int strv_extend(char ***l, const char *s) {
        return strv_consume(l, strdup(s));
}

int strv_extend_unique(char ***l, const char *s) {
        return strv_contains(*l, s) ? 0 : strv_extend(l, s);
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void strv_sort(char **l) {
        if (l)
                qsort(l, strv_length(l), sizeof(char *), compare);
}

char **strv_uniq(char **l) {
        size_t k = 0;

        strv_sort(l);
        STRV_FOREACH(s, l) {
                if (k > 0 && streq(l[k - 1], *s))
                        free(*s);
                else
                        l[k++] = *s;
        }
        if (l)
                l[k] = NULL;
        return l;
}

int strv_split(char ***ret, const char *s, const char *separators) {
        _cleanup_strv_free_ char **l = NULL;
        int r;

        for (;;) {
                size_t n;

                s += strspn(s, separators);
                n = strcspn(s, separators);
                if (n == 0)
                        break;
                r = strv_consume(&l, strndup(s, n));
                if (r < 0)
                        return r;
                s += n;
        }
        if (!l) {
                l = calloc(1, sizeof(char *));
                if (!l)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

int strv_split_quoted(char ***ret, const char *s) {
        _cleanup_strv_free_ char **l = NULL;
        int r;

        for (;;) {
                _cleanup_free_ char *word = NULL;
                size_t n = 0;
                char quote = 0;

                s += strspn(s, " \t\n\r");
                if (!*s)
                        break;

                word = malloc(strlen(s) + 1);
                if (!word)
                        return -ENOMEM;
                for (; *s && (quote || !strchr(" \t\n\r", *s)); s++) {
                        if (quote && *s == quote)
                                quote = 0;
                        else if (!quote && (*s == '"' || *s == '\''))
                                quote = *s;
                        else if (*s == '\\' && s[1])
                                word[n++] = *++s;
                        else
                                word[n++] = *s;
                }
                if (quote)
                        return -EINVAL;
                word[n] = '\0';
                r = strv_consume(&l, TAKE_PTR(word));
                if (r < 0)
                        return r;
        }
        if (!l) {
                l = calloc(1, sizeof(char *));
                if (!l)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

char *strv_join(char *const *l, const char *separator) {
        size_t n = 1, k = strlen(separator);
        char *joined, *p;

        STRV_FOREACH(s, l)
                n += strlen(*s) + k;
        p = joined = malloc(n);
        if (!joined)
                return NULL;
        *p = '\0';
        STRV_FOREACH(s, l) {
                if (s != l)
                        p = stpcpy(p, separator);
                p = stpcpy(p, *s);
        }
        return joined;
}
