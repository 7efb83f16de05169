/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What stands right of the "=" in [Content] and [Drivers]. All keys but Text= share one grammar,
 *
 *      ENTRY := ["-"] NAME *("|" NAME) [":" DESTINATION]
 *
 * and differ in what a NAME may be and whether a DESTINATION is wanted: that is a table. A name is
 * only ever judged by its form here, never by what exists; and by its form it must be what the key
 * says, so that a value that went to the wrong key is found when the file is read and not when an
 * image lacks it.
 */

#include <ctype.h>

#include "describe/conf-file.h"
#include "describe/module-entry.h"
#include "path-util.h"
#include "string-util.h"

typedef const char *(*complaint_t)(const char *name);

int module_line_fail(const ModuleLine *l, const char *what, const char *why) {
        return report_fail(l->report, FAILURE_CONFIG_INVALID, -EINVAL, l->path, l->line,
                           "%s=%s: %s", l->key, what, why);
}

int module_line_words(const ModuleLine *l, char ***ret) {
        int r;

        r = strv_split_quoted(ret, l->value);
        if (r == -EINVAL)
                return module_line_fail(l, l->value, "a quote is not closed");
        return r < 0 ? report_oom(l->report) : 0;
}

static bool specifiers_valid(const char *s) {
        for (; (s = strchr(s, '%')); s += 2)
                if (!s[1] || !strchr("vD%", s[1]))
                        return false;
        return true;
}

static bool has_wildcard(const char *s) {
        return strpbrk(s, "*?[");
}

static const char *glob_path_complaint(const char *name) {
        return conf_path_is_valid(startswith(name, "%D") ?: name)
                               ? NULL
                               : "it takes absolute paths, without \"..\"";
}

static const char *path_complaint(const char *name) {
        return has_wildcard(name) ? "it takes no wildcards" : glob_path_complaint(name);
}

/* A name without a slash, or a path. */
static const char *library_complaint(const char *name) {
        return strchr(name, '/') ? glob_path_complaint(name) : NULL;
}

static const char *binary_complaint(const char *name) {
        return has_wildcard(name) ? "it takes no wildcards" : library_complaint(name);
}

static const char *plain_complaint(const char *name) {
        return has_wildcard(name) || strchr(name, '/')
                               ? "it takes names, without slash or wildcard"
                               : NULL;
}

/* And something before it. */
static bool has_suffix(const char *name, const char *suffix) {
        const char *e = endswith(name, suffix);

        return e && e != name;
}

static const char *unit_complaint(const char *name) {
        static const char *const suffixes[] = {
                ".service", ".socket", ".target", ".mount", ".automount", ".swap",
                ".path",    ".slice",  ".timer",  ".scope", ".device",
        };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (has_suffix(name, suffixes[i]))
                        return plain_complaint(name);
        return "it takes names of units, with their suffix";
}

/* A unit, or a unit's directory of links. */
static const char *target_complaint(const char *name) {
        const char *end = endswith(name, ".wants") ?: endswith(name, ".requires");
        char unit[256];

        if (!end)
                return unit_complaint(name);
        if ((size_t) (end - name) >= sizeof(unit))
                return "the name is too long";
        *stpncpy(unit, name, (size_t) (end - name)) = '\0';
        return unit_complaint(unit);
}

static const char *udev_rule_complaint(const char *name) {
        return has_suffix(name, ".rules") ? plain_complaint(name)
                                          : "it takes names of udev rules that end in .rules";
}

static const char *account_complaint(const char *name) {
        for (const char *c = name; *c; c++)
                if (!isalnum((unsigned char) *c) && !strchr("_-.", *c))
                        return "it takes names of accounts";
        return NULL;
}

static const char *driver_complaint(const char *name) {
        if (strchr(name, '/'))
                return "it takes names of drivers; Path= takes paths";
        return endswith(name, ".ko") || strstr(name, ".ko.") ? "a driver is named without \".ko\""
                                                             : NULL;
}

static const char *below_complaint(const char *name) {
        _cleanup_free_ char *absolute = path_join("/", name);

        if (!absolute)
                return "there is no memory to look at it";
        return *name != '/' && conf_path_is_valid(absolute)
                               ? NULL
                               : "it takes paths that begin without a slash, without \"..\"";
}

static const char *driver_path_complaint(const char *name) {
        return strstr(name, ".ko.") ? "the compression's suffix is not part of it"
                                    : below_complaint(name);
}

typedef enum Second {
        SECOND_NONE,
        SECOND_OPTIONAL, /* ":DESTINATION" */
        SECOND_NEEDED,
        SECOND_MODE, /* ":MODE" */
} Second;

static const struct {
        const char *key;
        bool single; /* nothing that could exist or not: no alternatives */
        complaint_t complaint;
        Second second;
        complaint_t second_complaint;
} content_types[_CONTENT_MAX] = {
        [CONTENT_BINARY] = { "Binary", false, binary_complaint },
        [CONTENT_LIBRARY] = { "Library", false, library_complaint },
        [CONTENT_FILE] = { "File", false, glob_path_complaint, SECOND_OPTIONAL, path_complaint },
        [CONTENT_TREE] = { "Tree", false, path_complaint, SECOND_OPTIONAL, path_complaint },
        [CONTENT_DIRECTORY] = { "Directory", true, path_complaint, SECOND_MODE },
        [CONTENT_SYMLINK] = { "Symlink", true, path_complaint, SECOND_NEEDED },
        [CONTENT_TEXT] = { "Text", true, path_complaint, SECOND_MODE },
        [CONTENT_UNIT] = { "Unit", false, unit_complaint },
        [CONTENT_ENABLE] = { "Enable", false, unit_complaint, SECOND_NEEDED, target_complaint },
        [CONTENT_MASK] = { "Mask", true, unit_complaint },
        [CONTENT_UDEV_RULE] = { "UdevRule", false, udev_rule_complaint },
        [CONTENT_GENERATOR] = { "Generator", false, plain_complaint },
        [CONTENT_GENERATOR_ON_DEMAND] = { "GeneratorOnDemand", false, plain_complaint },
        [CONTENT_KEYMAP] = { "Keymap", false, path_complaint },
        [CONTENT_SPLASH_THEME] = { "SplashTheme", false, path_complaint },
        [CONTENT_USER] = { "User", false, account_complaint },
        [CONTENT_GROUP] = { "Group", false, account_complaint },
};

static const struct {
        const char *key;
        complaint_t complaint;
} driver_rule_types[_DRIVER_RULE_MAX] = {
        [DRIVER_RULE_NAME] = { "Name", driver_complaint },
        [DRIVER_RULE_PATH] = { "Path", driver_path_complaint },
        [DRIVER_RULE_ALIAS] = { "Alias", NULL },
        [DRIVER_RULE_MATCH] = { "Match", driver_path_complaint },
        [DRIVER_RULE_LOAD] = { "Load", driver_complaint },
        [DRIVER_RULE_FIRMWARE] = { "Firmware", below_complaint },
};

const char *content_type_to_string(ContentType t) {
        return t >= 0 && t < _CONTENT_MAX ? content_types[t].key : NULL;
}

ContentType content_type_from_string(const char *s) {
        for (ContentType t = 0; t < _CONTENT_MAX; t++)
                if (streq(content_types[t].key, s))
                        return t;
        return _CONTENT_INVALID;
}

const char *driver_rule_type_to_string(DriverRuleType t) {
        return t >= 0 && t < _DRIVER_RULE_MAX ? driver_rule_types[t].key : NULL;
}

DriverRuleType driver_rule_type_from_string(const char *s) {
        for (DriverRuleType t = 0; t < _DRIVER_RULE_MAX; t++)
                if (streq(driver_rule_types[t].key, s))
                        return t;
        return _DRIVER_RULE_INVALID;
}

void content_done(Content *content) {
        strv_free(content->alternatives);
        free(content->destination);
        free(content->text);
        free(content->path);
}

void driver_rule_done(DriverRule *rule) {
        strv_free(rule->alternatives);
        free(rule->path);
}

/* "a|b|c", each of which `complaint` accepts. `word` is what a message shows. */
static int split_alternatives(const ModuleLine *l, const char *word, const char *s,
                              complaint_t complaint, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;

        if (!specifiers_valid(s))
                return module_line_fail(l, word, "there are only %v, %D and %%");
        for (;;) {
                size_t n = strcspn(s, "|");
                _cleanup_free_ char *name = strndup(s, n);
                const char *why;

                if (!name)
                        return report_oom(l->report);
                if (n == 0)
                        return module_line_fail(l, word, "a name is missing");
                why = *name == '-' ? "the \"-\" stands before the whole entry"
                      : complaint  ? complaint(name)
                                   : NULL;
                if (why)
                        return module_line_fail(l, word, why);
                if (strchr(name, '/'))
                        path_simplify(name);
                if (strv_consume(&names, TAKE_PTR(name)) < 0)
                        return report_oom(l->report);
                if (!s[n])
                        break;
                s += n + 1;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

static int parse_mode(const ModuleLine *l, const char *word, const char *s, mode_t *ret) {
        size_t n = strspn(s, "01234567");

        if (n == 0 || n > 5 || s[n] || strtoul(s, NULL, 8) > 07777)
                return module_line_fail(l, word, "a mode is octal, as 0755");
        *ret = (mode_t) strtoul(s, NULL, 8);
        return 0;
}

/* What is behind the colon. */
static int parse_second(const ModuleLine *l, const char *word, const char *s, Content *c) {
        bool file = c->type == CONTENT_FILE;
        complaint_t complaint = content_types[c->type].second_complaint;
        bool slash = endswith(s, "/");
        const char *why;

        if (content_types[c->type].second == SECOND_MODE)
                return parse_mode(l, word, s, &c->mode);
        if (!*s)
                return module_line_fail(l, word, "nothing follows the \":\"");
        if (!specifiers_valid(s))
                return module_line_fail(l, word, "there are only %v, %D and %%");
        why = strpbrk(s, ":|") ? "only one \":\" may be in it, and no \"|\" behind that"
              : complaint      ? complaint(s)
                               : NULL;
        if (why)
                return module_line_fail(l, word, why);

        /* One more, for a slash that path_simplify() takes away. */
        c->destination = malloc(strlen(s) + 2);
        if (!c->destination)
                return report_oom(l->report);
        strcpy(c->destination, s);
        if (strchr(s, '/'))
                path_simplify(c->destination);
        if (file && slash && !streq(c->destination, "/"))
                strcat(c->destination, "/");
        return 0;
}

/* One entry; `c` has its type. */
static int parse_entry(const ModuleLine *l, const char *word, Content *c) {
        Second second = content_types[c->type].second;
        const char *s = word, *colon;
        _cleanup_free_ char *names = NULL;
        int r;

        if (*s == '-') {
                c->optional = true;
                s++;
        }
        colon = strchr(s, ':');
        if (colon && second == SECOND_NONE)
                return module_line_fail(l, word, "it takes no \":\"");
        if (!colon && second == SECOND_NEEDED)
                return module_line_fail(l, word, "a \":\" and what follows it are missing");

        names = colon ? strndup(s, (size_t) (colon - s)) : strdup(s);
        if (!names)
                return report_oom(l->report);
        if (content_types[c->type].single && strchr(names, '|'))
                return module_line_fail(l, word, "it takes no alternatives");
        r = split_alternatives(l, word, names, content_types[c->type].complaint, &c->alternatives);
        if (r < 0)
                return r;
        if (colon) {
                r = parse_second(l, word, colon + 1, c);
                if (r < 0)
                        return r;
        }
        if (c->type == CONTENT_FILE && c->destination && !endswith(c->destination, "/"))
                STRV_FOREACH(name, c->alternatives)
                        if (has_wildcard(*name))
                                return module_line_fail(l, word,
                                                        "several files go to a directory: "
                                                        "it ends in \"/\"");
        return 0;
}

/* The value of one digit, or of none. */
static int digit(char c) {
        return isdigit((unsigned char) c)    ? c - '0'
               : isxdigit((unsigned char) c) ? tolower((unsigned char) c) - 'a' + 10
                                             : -1;
}

/* The character that `*s`, behind the backslash, stands for; moves to the last one of it. 0 is for
 * no such escape, and the NUL character is none. */
static char unescape(const char **s) {
        static const char names[] = "abfnrtvs\\\"'", values[] = "\a\b\f\n\r\t\v \\\"'";
        const char *p = *s, *known = *p ? strchr(names, *p) : NULL;
        int a, b, c;

        if (known)
                return values[known - names];
        if (*p == 'x') {
                a = digit(p[1]);
                b = a < 0 ? -1 : digit(p[2]);
                if (b < 0)
                        return 0;
                *s = p + 2;
                return (char) (a << 4 | b);
        }
        a = digit(p[0]);
        b = a < 0 ? -1 : digit(p[1]);
        c = b < 0 ? -1 : digit(p[2]);
        if (c < 0 || a > 3 || b > 7 || c > 7)
                return 0;
        *s = p + 2;
        return (char) (a << 6 | b << 3 | c);
}

/* CONTENT of Text=, quoted or not, into `ret`. */
static int parse_text(const ModuleLine *l, const char *s, char **ret) {
        _cleanup_free_ char *text = malloc(strlen(s) + 2);
        bool quoted = *s == '"', closed = false;
        size_t n = 0;

        if (!text)
                return report_oom(l->report);
        for (s += quoted; *s && !closed; s++) {
                if (quoted && *s == '"') {
                        closed = true;
                } else if (*s == '\\') {
                        s++;
                        text[n] = unescape(&s);
                        if (!text[n++])
                                return module_line_fail(l, l->value,
                                                        "a \"\\\" is followed by what "
                                                        "is no escape");
                } else
                        text[n++] = *s;
        }
        if (quoted && !closed)
                return module_line_fail(l, l->value, "a quote is not closed");
        if (*s)
                return module_line_fail(l, l->value, "something follows the closing quote");
        if (n > 0 && text[n - 1] != '\n')
                text[n++] = '\n';
        text[n] = '\0';
        if (!specifiers_valid(text))
                return module_line_fail(l, l->value, "there are only %v, %D and %%");
        *ret = TAKE_PTR(text);
        return 0;
}

/* Takes what `c` owns, also on failure. */
static int add_content(const ModuleLine *l, Content *c) {
        Content *grown = NULL;

        c->path = strdup(l->path);
        c->line = l->line;
        if (c->path)
                grown = reallocarray(l->module->contents, l->module->n_contents + 1,
                                     sizeof(Content));
        if (!grown) {
                content_done(c);
                return report_oom(l->report);
        }
        l->module->contents = grown;
        l->module->contents[l->module->n_contents++] = *c;
        return 0;
}

static int add_text(const ModuleLine *l) {
        Content c = { .type = CONTENT_TEXT, .mode = (mode_t) -1 };
        size_t n = strcspn(l->value, " \t");
        _cleanup_free_ char *word = strndup(l->value, n);
        int r;

        if (!word)
                return report_oom(l->report);
        r = parse_entry(l, word, &c);
        if (r >= 0)
                r = parse_text(l, l->value + n + strspn(l->value + n, " \t"), &c.text);
        if (r < 0) {
                content_done(&c);
                return r;
        }
        return add_content(l, &c);
}

static void reset_contents(Module *m, ContentType type) {
        size_t k = 0;

        for (size_t i = 0; i < m->n_contents; i++) {
                if (m->contents[i].type == type)
                        content_done(&m->contents[i]);
                else
                        m->contents[k++] = m->contents[i];
        }
        m->n_contents = k;
}

int module_line_content(const ModuleLine *l) {
        ContentType type = content_type_from_string(l->key);
        _cleanup_strv_free_ char **words = NULL;
        int r;

        if (type < 0)
                return module_line_fail(l, "", "[Content] has no such key");
        if (!*l->value) {
                reset_contents(l->module, type);
                return 0;
        }
        if (type == CONTENT_TEXT)
                return add_text(l);

        r = module_line_words(l, &words);
        if (r < 0)
                return r;
        STRV_FOREACH(word, words) {
                Content c = { .type = type, .mode = (mode_t) -1 };

                r = parse_entry(l, *word, &c);
                if (r < 0) {
                        content_done(&c);
                        return r;
                }
                r = add_content(l, &c);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void reset_drivers(Module *m, DriverRuleType type) {
        size_t k = 0;

        for (size_t i = 0; i < m->n_drivers; i++) {
                if (m->drivers[i].type == type)
                        driver_rule_done(&m->drivers[i]);
                else
                        m->drivers[k++] = m->drivers[i];
        }
        m->n_drivers = k;
}

static int add_driver(const ModuleLine *l, DriverRuleType type, const char *word) {
        DriverRule rule = { .type = type, .optional = *word == '-' }, *grown;
        int r;

        r = split_alternatives(l, word, word + rule.optional, driver_rule_types[type].complaint,
                               &rule.alternatives);
        if (r < 0)
                return r;
        rule.line = l->line;
        rule.path = strdup(l->path);
        grown = rule.path ? reallocarray(l->module->drivers, l->module->n_drivers + 1,
                                         sizeof(DriverRule))
                          : NULL;
        if (!grown) {
                driver_rule_done(&rule);
                return report_oom(l->report);
        }
        l->module->drivers = grown;
        l->module->drivers[l->module->n_drivers++] = rule;
        return 0;
}

int module_line_driver(const ModuleLine *l) {
        DriverRuleType type = driver_rule_type_from_string(l->key);
        _cleanup_strv_free_ char **words = NULL;
        int r;

        if (type < 0)
                return module_line_fail(l, "", "[Drivers] has no such key");
        if (!*l->value) {
                reset_drivers(l->module, type);
                return 0;
        }
        r = module_line_words(l, &words);
        if (r < 0)
                return r;
        STRV_FOREACH(word, words) {
                r = add_driver(l, type, *word);
                if (r < 0)
                        return r;
        }
        return 0;
}
