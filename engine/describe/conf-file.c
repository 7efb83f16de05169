/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ini files in systemd's dialect. The text is read one physical line at a time; what ends in a
 * backslash is joined with the next by a space, comments in between fall out, and each logical line
 * is a section or an assignment.
 *
 * Why not libinih: its handler isn't told the line, and every warning of ours has one; only the
 * first line that it can't read is reported; it takes "key: value" for an assignment, an indented
 * line for a continuation and " ;" for the start of a comment, none of which systemd does, and it
 * knows no backslash. Its lines end at 200 bytes, the rest silently becoming the next line. Debian
 * has made some of this run-time options, but as writable globals that no other distribution has.
 *
 * Which file a name stands for is decided here too: the first of three directories has it, and an
 * empty file or a link to /dev/null there means that there is none. Every miss goes through the
 * Source and so into the trace: creating a file, or a directory of drop-ins, is a change.
 */

#include <ctype.h>

#include "describe/conf-file.h"
#include "path-util.h"
#include "string-util.h"

const char *const conf_directories[] = { "/etc/initrdd", "/run/initrdd", "/usr/lib/initrdd",
                                         NULL };

typedef struct Parser {
        Report *report;
        const char *path;
        ConfFlags flags;
        conf_handler_t handler;
        void *userdata;

        char *section;
        bool lost; /* the last section header couldn't be read */

        char *text; /* the logical line so far */
        size_t length, allocated;
        unsigned line; /* where it began; 0: none has begun */
        const char *bad; /* why it can't be used, or NULL */
} Parser;

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. The length, 0 if it is none. */
static size_t utf8_length(const unsigned char *s, size_t n) {
        unsigned char low = 0x80, high = 0xbf;
        size_t length;

        if (s[0] < 0x80)
                return 1;
        if (s[0] >= 0xc2 && s[0] <= 0xdf)
                length = 2;
        else if ((s[0] & 0xf0) == 0xe0)
                length = 3;
        else if (s[0] >= 0xf0 && s[0] <= 0xf4)
                length = 4;
        else
                return 0;

        switch (s[0]) {
        case 0xe0:
                low = 0xa0;
                break;
        case 0xed:
                high = 0x9f;
                break;
        case 0xf0:
                low = 0x90;
                break;
        case 0xf4:
                high = 0x8f;
                break;
        }
        if (length > n || s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        return length;
}

/* What is wrong with the characters of a line, or NULL. Control characters have no business in a
 * configuration, and would end up in what a terminal shows. */
static const char *text_complaint(const char *text, size_t n) {
        for (size_t i = 0, k; i < n; i += k) {
                unsigned char c = (unsigned char) text[i];

                if (c == 0)
                        return "The line has a NUL byte in it";
                if ((c < ' ' && c != '\t') || c == 0x7f)
                        return "The line has a control character in it";
                k = utf8_length((const unsigned char *) text + i, n - i);
                if (k == 0)
                        return "The line is not UTF-8";
        }
        return NULL;
}

static int parser_bad(Parser *p, const char *why) {
        if (p->flags & CONF_STRICT)
                return report_fail(p->report, FAILURE_CONFIG_INVALID, -EINVAL, p->path, p->line,
                                   "%s", why);
        report_warn(p->report, p->path, p->line, "%s, it is ignored", why);
        return 0;
}

static int parser_section(Parser *p, char *s) {
        size_t n = strlen(s);
        char *name;

        p->lost = n < 3 || s[n - 1] != ']';
        if (p->lost)
                return parser_bad(p, "The line is no section header, and what follows has no "
                                     "section");
        s[n - 1] = '\0';
        name = strdup(s + 1);
        if (!name)
                return report_oom(p->report);
        free(p->section);
        p->section = name;
        return 0;
}

/* One logical line, in p->text. */
static int parser_logical_line(Parser *p) {
        char *s, *equals;

        if (p->bad)
                return parser_bad(p, p->bad);

        s = str_strip(p->text);
        if (*s == '[')
                return parser_section(p, s);
        equals = strchr(s, '=');
        if (!equals)
                return parser_bad(p, "The line is neither [Section] nor Key=value");
        if (equals == s)
                return parser_bad(p, "There is no key before the \"=\"");
        if (p->lost)
                return 0;
        *equals = '\0';
        return p->handler(p->userdata, p->path, p->line, p->section ?: "", str_strip(s),
                          str_strip(equals + 1));
}

static int parser_append(Parser *p, const char *s, size_t n) {
        if (!GREEDY_REALLOC(p->text, p->allocated, p->length + n + 1))
                return report_oom(p->report);
        memcpy(p->text + p->length, s, n);
        p->length += n;
        p->text[p->length] = '\0';
        return 0;
}

static int parser_flush(Parser *p) {
        int r = p->line > 0 ? parser_logical_line(p) : 0;

        p->line = 0;
        p->length = 0;
        p->bad = NULL;
        return r;
}

/* One physical line, without its end. */
static int parser_line(Parser *p, unsigned number, const char *s, size_t n) {
        size_t backslashes = 0;
        bool continued;
        int r;

        while (n > 0 && strchr(" \t\r", s[n - 1]) && s[n - 1])
                n--;
        while (n > 0 && (*s == ' ' || *s == '\t')) {
                s++;
                n--;
        }
        /* Also in the middle of a value: systemd passes them over there. */
        if (n > 0 && (*s == '#' || *s == ';'))
                return 0;
        if (n == 0)
                return parser_flush(p);

        if (p->line == 0)
                p->line = number;
        if (!p->bad)
                p->bad = text_complaint(s, n);

        while (backslashes < n && s[n - 1 - backslashes] == '\\')
                backslashes++;
        /* An even number of them is backslashes, escaped. */
        continued = backslashes % 2 == 1;
        r = parser_append(p, s, continued ? n - 1 : n);
        if (r < 0)
                return r;
        return continued ? parser_append(p, " ", 1) : parser_flush(p);
}

int conf_parse(Report *report, const char *path, const char *text, size_t size, ConfFlags flags,
               conf_handler_t handler, void *userdata) {
        Parser p = {
                .report = report,
                .path = path,
                .flags = flags,
                .handler = handler,
                .userdata = userdata,
        };
        const char *end = text + size;
        int r = 0;

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3; /* a byte order mark */

        for (unsigned number = 1; r >= 0 && text < end; number++) {
                const char *stop = memchr(text, '\n', (size_t) (end - text)) ?: end;

                r = parser_line(&p, number, text, (size_t) (stop - text));
                text = stop < end ? stop + 1 : end;
        }
        if (r >= 0)
                r = parser_flush(&p);
        free(p.section);
        free(p.text);
        return r < 0 ? r : 0;
}

int conf_read(Source *source, Trace *trace, Report *report, const char *path, ConfFlags flags,
              conf_handler_t handler, void *userdata) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = source_read(source, trace, path, &text, &size);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, path, 0,
                                   "The file can't be read: %s", strerror(-r));
        return conf_parse(report, path, text, size, flags, handler, userdata);
}

static bool is_missing(int error) {
        return error == -ENOENT || error == -ENOTDIR;
}

/* "/dev/null", or as many "../" as it takes and then "dev/null". The device itself need not be
 * there: trees that images are built from often have an empty /dev. */
static bool is_link_to_null(const char *target) {
        const char *rest = target;

        if (streq(target, "/dev/null"))
                return true;
        while (startswith(rest, "../"))
                rest += 3;
        return rest != target && streq(rest, "dev/null");
}

/* 1: a file to read, 0: not there, 2: it masks. */
static int look_at(Source *source, Trace *trace, const char *path) {
        _cleanup_free_ char *target = NULL;
        struct stat st;
        int r;

        r = source_readlink(source, trace, path, &target);
        if (r >= 0 && is_link_to_null(target))
                return 2;
        if (r < 0 && r != -EINVAL)
                return is_missing(r) ? 0 : r;

        r = source_resolve(source, trace, path, NULL, &st, NULL);
        if (r < 0)
                return is_missing(r) ? 0 : r;
        if (S_ISCHR(st.st_mode))
                return 2;
        if (!S_ISREG(st.st_mode))
                return 0;
        return st.st_size == 0 ? 2 : 1;
}

int conf_find(Source *source, Trace *trace, const char *name, char **ret_path, bool *ret_masked) {
        bool masked = false;
        int r;

        STRV_FOREACH(directory, (char *const *) conf_directories) {
                _cleanup_free_ char *path = path_join(*directory, name);

                if (!path)
                        return -ENOMEM;
                r = look_at(source, trace, path);
                if (r < 0)
                        return r;
                if (r == 1) {
                        if (ret_masked)
                                *ret_masked = false;
                        if (ret_path)
                                *ret_path = TAKE_PTR(path);
                        return 1;
                }
                masked = r == 2;
                if (masked)
                        break;
        }
        if (ret_masked)
                *ret_masked = masked;
        return 0;
}

int conf_list(Source *source, Trace *trace, const char *directory, const char *suffix,
              char ***ret) {
        _cleanup_strv_free_ char **found = NULL;
        _cleanup_free_ char *pattern = NULL;
        int r;

        r = str_printf(&pattern, "*%s", suffix);
        if (r < 0)
                return r;

        STRV_FOREACH(top, (char *const *) conf_directories) {
                _cleanup_free_ char *path = path_join(*top, directory);
                _cleanup_strv_free_ char **names = NULL;

                if (!path)
                        return -ENOMEM;
                r = source_list(source, trace, path, pattern, &names);
                if (is_missing(r))
                        continue;
                if (r < 0)
                        return r;
                STRV_FOREACH(name, names) {
                        /* Hidden ones are what editors leave behind. */
                        if (**name == '.')
                                continue;
                        r = strv_extend(&found, *name);
                        if (r < 0)
                                return r;
                }
        }
        if (!found) {
                found = calloc(1, sizeof(char *));
                if (!found)
                        return -ENOMEM;
        }
        *ret = strv_uniq(TAKE_PTR(found));
        return 0;
}

/* Appends to `paths`. */
static int add_dropins(Source *source, Trace *trace, const char *name, char ***paths) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *directory = NULL;
        int r;

        r = str_printf(&directory, "%s.d", name);
        if (r < 0)
                return r;
        r = conf_list(source, trace, directory, ".conf", &names);
        if (r < 0)
                return r;
        STRV_FOREACH(n, names) {
                _cleanup_free_ char *dropin = path_join(directory, *n), *path = NULL;

                if (!dropin)
                        return -ENOMEM;
                r = conf_find(source, trace, dropin, &path, NULL);
                if (r > 0)
                        r = strv_consume(paths, TAKE_PTR(path));
                if (r < 0)
                        return r;
        }
        return 0;
}

int conf_files(Source *source, Trace *trace, const char *name, char ***ret, bool *ret_main,
               bool *ret_masked) {
        _cleanup_strv_free_ char **paths = calloc(1, sizeof(char *));
        _cleanup_free_ char *path = NULL;
        bool found, masked;
        int r;

        if (!paths)
                return -ENOMEM;
        r = conf_find(source, trace, name, &path, &masked);
        if (r < 0)
                return r;
        found = r > 0;
        if (found) {
                r = strv_consume(&paths, TAKE_PTR(path));
                if (r < 0)
                        return r;
        }
        r = add_dropins(source, trace, name, &paths);
        if (r < 0)
                return r;
        if (ret_main)
                *ret_main = found;
        if (ret_masked)
                *ret_masked = masked;
        *ret = TAKE_PTR(paths);
        return 0;
}

bool conf_name_is_valid(const char *name) {
        if (!isalnum((unsigned char) *name))
                return false;
        for (const char *c = name; *c; c++)
                if (!isalnum((unsigned char) *c) && !strchr("._-@", *c))
                        return false;
        return strlen(name) <= 128; /* leaves room for a suffix in a file name */
}

bool conf_path_is_valid(const char *path) {
        if (*path != '/')
                return false;
        for (const char *p = path; (p = strstr(p, "/..")); p += 3)
                if (p[3] == '/' || p[3] == '\0')
                        return false;
        return true;
}
