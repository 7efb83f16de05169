/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A rule is a line of tokens: key, operator, quoted value. What a rule matches is decided by
 * devices that no one knows here, so conditions, GOTO= and LABEL= are passed over, and every
 * assignment counts. A line with a mistake in it is ignored as a whole, as udev does: it is walked
 * through once to see whether it is sound, and once more for what is in it. A key that is not
 * known here is no mistake: another version of udev may have it.
 *
 * Substitutions ($env{…}, %k) have no value here. A program, driver or owner that has one can't be
 * told; of a unit, the template can.
 *
 * udev runs an IMPORT{program} that has the name of one of its builtins as that builtin.
 */

#include <ctype.h>

#include "collect/udev-rule.h"
#include "collect/unit-name.h"
#include "collect/word.h"
#include "string-util.h"

#define SPACE " \t\n\r\v\f"

enum {
        /* udev's own rules are below 64 KiB; tables of cameras and players come to some 300. */
        RULES_SIZE_MAX = 4 * 1024 * 1024,
        /* The lists are searched from their beginning: no file may make that slow. */
        LIST_MAX = 4096,
};

typedef struct Token {
        char *key; /* without attribute, within the line */
        char *attribute; /* what is in {…}, or "" */
        char op; /* '=', '+', '-' and ':' assign; 'e' and '!' compare */
        char *value; /* unescaped, within the line */
} Token;

UdevRule *udev_rule_free(UdevRule *rule) {
        if (!rule)
                return NULL;
        strv_free(rule->programs);
        strv_free(rule->units);
        strv_free(rule->owners);
        strv_free(rule->groups);
        strv_free(rule->drivers);
        free(rule);
        return NULL;
}

static int list_add(char ***list, const char *s) {
        if (strv_contains(*list, s))
                return 0;
        if (strv_length(*list) >= LIST_MAX)
                return -E2BIG;
        return strv_extend(list, s);
}

/* e"…": C escapes. In place. */
static int read_escaped_value(char **p) {
        char *from = *p, *to = *p;

        while (*from != '"') {
                char bytes[UNESCAPED_MAX];
                size_t n = 1;
                int r = 0;

                if (!*from)
                        return -EINVAL;
                bytes[0] = *from++;
                if (bytes[0] == '\\')
                        r = unescape_c(from, bytes, &n);
                if (r < 0)
                        return r;
                from += r;
                memcpy(to, bytes, n);
                to += n;
        }
        *to = '\0';
        *p = from + 1;
        return 0;
}

/* "…": a backslash is one, except before the quote. In place. */
static int read_plain_value(char **p) {
        char *from = *p, *to = *p;

        while (*from != '"') {
                if (!*from)
                        return -EINVAL;
                if (from[0] == '\\' && from[1] == '"')
                        from++;
                *to++ = *from++;
        }
        *to = '\0';
        *p = from + 1;
        return 0;
}

/* What is between "{" and "}" at the end of the key, which loses it. */
static int split_attribute(Token *token, char *end) {
        char *brace;

        *end = '\0';
        brace = strchr(token->key, '{');
        token->attribute = end;
        if (!brace)
                return 0;
        if (end[-1] != '}')
                return -EINVAL;
        end[-1] = '\0';
        *brace = '\0';
        token->attribute = brace + 1;
        return 0;
}

/* Takes the next token off the line, which is written to. 1, 0 at the end, -EINVAL for what udev
 * would not take. */
static int next_token(char **p, Token *ret) {
        Token token = { .key = *p + strspn(*p, SPACE ",") };
        char *s = token.key, *end;
        bool escaped = false;
        int r;

        if (!*s)
                return 0;
        /* An operator's first character may be in an attribute: ATTR{a-b}, ENV{x+y}. */
        while (*s && *s != '=' && !isspace((unsigned char) *s) &&
               !(strchr("+-!:", *s) && s[1] == '='))
                s++;
        end = s;
        s += strspn(s, SPACE);
        token.op = *s == '=' ? (s[1] == '=' ? 'e' : '=') : *s;
        if (!*s || end == token.key || (token.op != '=' && s[1] != '='))
                return -EINVAL;
        s += token.op == '=' ? 1 : 2;
        s += strspn(s, SPACE);

        /* i"…" compares without regard to case. */
        for (; *s == 'e' || *s == 'i'; s++)
                escaped |= *s == 'e';
        if (*s != '"')
                return -EINVAL;
        token.value = ++s;
        r = split_attribute(&token, end);
        if (r < 0)
                return r;
        r = escaped ? read_escaped_value(&s) : read_plain_value(&s);
        if (r < 0)
                return r;
        *p = s;
        *ret = token;
        return 1;
}

/* In place: "$$" and "%%" become one. Returns where the first substitution begins, the end of the
 * text when there is none. What is behind it stays as it is. */
static char *undo_substitutions(char *s) {
        char *to = s, *first;

        while (*s && !((*s == '$' || *s == '%') && s[1] != *s)) {
                s += *s == '$' || *s == '%';
                *to++ = *s++;
        }
        first = to;
        memmove(to, s, strlen(s) + 1);
        return first;
}

/* What a comparison says is no assignment. */
static bool token_assigns(const Token *token) {
        return strchr("=+:", token->op);
}

static bool is_builtin(const char *name) {
        static const char *const builtins[] = {
                "blkid",    "btrfs",   "dissect_image", "hwdb",   "input_id",
                "keyboard", "kmod",    "net_driver",    "net_id", "net_setup_link",
                "path_id",  "uaccess", "usb_id",
        };

        for (size_t i = 0; i < ELEMENTSOF(builtins); i++)
                if (streq(name, builtins[i]))
                        return true;
        return false;
}

/* "kmod load NAME…"; without a name it goes by the device's modalias. */
static int add_drivers(UdevRule *rule, const char *command) {
        static const char *const verbs[] = { "kmod", "load" };

        for (size_t i = 0;; i++) {
                _cleanup_free_ char *word = NULL;
                int r = word_next(&command, WORD_KEEP_ESCAPES | WORD_OPEN_QUOTES, &word);

                if (r <= 0)
                        return r;
                if (i < ELEMENTSOF(verbs)) {
                        if (!streq(word, verbs[i]))
                                return 0;
                        continue;
                }
                r = *undo_substitutions(word) || !*word ? 0 : list_add(&rule->drivers, word);
                if (r < 0)
                        return r;
        }
}

static int add_program(UdevRule *rule, const char *command, bool prefer_builtin) {
        _cleanup_free_ char *word = NULL;
        const char *rest = command;
        int r = word_next(&rest, WORD_KEEP_ESCAPES | WORD_OPEN_QUOTES, &word);

        if (r <= 0)
                return r;
        if (*undo_substitutions(word) || !*word)
                return 0;
        if (prefer_builtin && is_builtin(word))
                return add_drivers(rule, command);
        return list_add(&rule->programs, word);
}

static int add_units(UdevRule *rule, const char *value) {
        for (;;) {
                _cleanup_free_ char *word = NULL, *name = NULL;
                const char *substitution;
                int r = word_next(&value, WORD_KEEP_ESCAPES | WORD_OPEN_QUOTES, &word);

                if (r <= 0)
                        return r;
                substitution = undo_substitutions(word);
                if (*substitution) {
                        r = unit_name_from_unknown_instance(word, (size_t) (substitution - word),
                                                            &name);
                        if (r < 0)
                                return r;
                } else if (unit_name_is_valid(word))
                        name = TAKE_PTR(word);
                r = name ? list_add(&rule->units, name) : 0;
                if (r < 0)
                        return r;
        }
}

/* A number needs no line in /etc/passwd or /etc/group. */
static int add_owner(char ***list, char *value) {
        if (*undo_substitutions(value) || strspn(value, "0123456789") == strlen(value))
                return 0;
        return list_add(list, value);
}

static int add_token(UdevRule *rule, const Token *token) {
        const char *key = token->key, *attribute = token->attribute;
        bool program = streq(attribute, "program"), builtin = streq(attribute, "builtin");

        if (streq(key, "RUN") && token_assigns(token)) {
                if (builtin)
                        return add_drivers(rule, token->value);
                if (program || !*attribute)
                        return add_program(rule, token->value, false);
        } else if (streq(key, "PROGRAM"))
                return add_program(rule, token->value, false);
        else if (streq(key, "IMPORT") && builtin)
                return add_drivers(rule, token->value);
        else if (streq(key, "IMPORT") && program)
                return add_program(rule, token->value, true);
        else if (streq(key, "ENV") && streq(attribute, "SYSTEMD_WANTS") && token_assigns(token))
                return add_units(rule, token->value);
        else if (streq(key, "OWNER") && token_assigns(token))
                return add_owner(&rule->owners, token->value);
        else if (streq(key, "GROUP") && token_assigns(token))
                return add_owner(&rule->groups, token->value);
        return 0;
}

/* A whole rule. With `rule` NULL only says whether it is sound. */
static int parse_rule(UdevRule *rule, const char *line) {
        _cleanup_free_ char *copy = strdup(line);
        char *p = copy;

        if (!copy)
                return -ENOMEM;
        for (;;) {
                Token token;
                int r = next_token(&p, &token);

                if (r <= 0)
                        return r;
                r = rule ? add_token(rule, &token) : 0;
                if (r < 0)
                        return r;
        }
}

static int parse_line(UdevRule *rule, const char *line) {
        int r = parse_rule(NULL, line);

        if (r >= 0)
                r = parse_rule(rule, line);
        return r == -EINVAL ? 0 : r;
}

int udev_rule_parse(const char *text, size_t size, UdevRule **ret) {
        _cleanup_(udev_rule_freep) UdevRule *rule = NULL;
        _cleanup_free_ char *line = NULL;
        const char *end = text + size, *begin;
        size_t n = 0, length;
        int r;

        if (size > RULES_SIZE_MAX)
                return -EFBIG;
        rule = calloc(1, sizeof(UdevRule));
        line = malloc(size + 1);
        if (!rule || !line)
                return -ENOMEM;

        /* Comments are dropped even where a rule goes on behind them. */
        while (line_next(&text, end, &begin, &length)) {
                if (length > 0 && *begin == '#')
                        continue;
                memcpy(line + n, begin, length);
                n += length;
                if (length > 0 && line[n - 1] == '\\') {
                        n--;
                        continue;
                }
                line[n] = '\0';
                n = 0;
                r = parse_line(rule, line);
                if (r < 0)
                        return r;
        }
        /* A rule that would go on behind the end of the file. */
        line[n] = '\0';
        r = parse_line(rule, line);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(rule);
        return 0;
}
