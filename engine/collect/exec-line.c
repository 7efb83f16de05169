/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A line is one command or several with ";" between them, each of a program behind its prefixes
 * and of arguments. Arguments matter only for where they end: a ";" is a separator when it is a
 * word of its own as it is written, so one in quotes or behind a backslash is none. The prefixes
 * are looked for once the first word's quotes and escapes are undone.
 */

#include "collect/exec-line.h"
#include "collect/word.h"
#include "path-util.h"
#include "string-util.h"

#define SPACE " \t\n\r"

bool specifiers_undo(char *s) {
        char *to = s;

        for (; *s; *to++ = *s++)
                if (*s == '%' && *++s != '%')
                        return false;
        *to = '\0';
        return true;
}

/* Each of "-@:+|!" may be there once, "!" twice. */
static char *skip_prefixes(char *word, bool *ret_optional) {
        static const char prefixes[] = "-@:+|!!";
        unsigned seen = 0;
        bool optional = false;

        for (;; word++) {
                const char *p = *word ? strchr(prefixes, *word) : NULL;
                unsigned bit = p ? 1U << (p - prefixes) : 0;

                if (p && *p == '!' && (seen & bit))
                        bit <<= 1;
                if (!p || (seen & bit))
                        break;
                seen |= bit;
                optional |= *p == '-';
        }
        *ret_optional = optional;
        return word;
}

/* Whether the word at `p` is a ";" as it is written. */
static bool at_separator(const char *p) {
        return p[0] == ';' && (!p[1] || strchr(SPACE, p[1]));
}

/* Passes over arguments, and over the ";" behind them. */
static int skip_arguments(const char **p) {
        for (;;) {
                _cleanup_free_ char *argument = NULL;
                int r;

                *p += strspn(*p, SPACE);
                if (at_separator(*p)) {
                        (*p)++;
                        return 0;
                }
                r = word_next(p, WORD_C_ESCAPES, &argument);
                if (r <= 0)
                        return r;
        }
}

int exec_line_next(const char **p, char **ret_program, bool *ret_optional) {
        for (;;) {
                _cleanup_free_ char *word = NULL;
                bool optional;
                char *path;
                int r;

                *p += strspn(*p, SPACE);
                if (at_separator(*p)) {
                        (*p)++;
                        continue;
                }
                r = word_next(p, WORD_C_ESCAPES, &word);
                if (r <= 0)
                        return r;
                r = skip_arguments(p);
                if (r < 0)
                        return r;
                path = skip_prefixes(word, &optional);
                /* systemd takes neither a relative path nor a directory. */
                if (!specifiers_undo(path) || endswith(path, "/") ||
                    (path[0] != '/' && !filename_is_valid(path)))
                        continue;
                path = strdup(path[0] == '/' ? path_simplify(path) : path);
                if (!path)
                        return -ENOMEM;
                *ret_program = path;
                *ret_optional = optional;
                return 1;
        }
}
