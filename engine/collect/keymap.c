/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A keyboard map is a text that includes others, each of them perhaps compressed, found by a search
 * that depends on where the including file lies. Where one of them is missing in an image, the
 * layout is the kernel's, and a passphrase can't be typed. So the search is done here, once, in the
 * order of loadkeys(1), and the image gets one text.
 *
 * A line `include "NAME"` means NAME, also with ".inc" and a compression's suffix behind it, in the
 * first of these directories that has it. D is the directory of the file that says so, then the one
 * that its link leads to; K the directories of keymaps.
 *
 *   D, D/../include, D/../../include, K/include, K/i386/include, K/mac/include
 *
 * Nothing but the text is put in the place of the word: loadkeys reads an included file just so.
 * Comments (`#` or `!` to the end of the line, but not in "…" or as a character '!') go. Strings go
 * on over line breaks.
 *
 * A map is found by its name below K, files of a directory before its subdirectories. Those are
 * what has no dot in its name: no file needs to be looked at for that.
 */

#include <ctype.h>
#include <stdio.h>

#include "collect/keymap.h"
#include "decompress.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

/* As many as loadkeys follows. */
#define INCLUDE_DEPTH_MAX 20
#define DIRECTORY_DEPTH_MAX 4
/* The largest map of any distribution has 100 KiB, the largest font 40. */
#define KEYMAP_SIZE_MAX (4U * 1024 * 1024)

static const char *const data_directories[] = { "/usr/share", "/usr/share/kbd", "/usr/lib/kbd",
                                                "/lib/kbd" };
static const char *const compressions[] = { "", ".gz", ".xz", ".zst" };

static const struct {
        const char *directory, *suffixes[6];
} parts[_KEYMAP_PART_MAX] = {
        [KEYMAP_PART_MAP] = { "keymaps", { "", ".kmap", ".map" } },
        [KEYMAP_PART_FONT] = { "consolefonts", { "", ".psfu", ".psf", ".cp", ".fnt" } },
        [KEYMAP_PART_FONT_MAP] = { "consoletrans", { "", ".trans", "_to_uni.trans", ".acm" } },
        [KEYMAP_PART_UNIMAP] = { "unimaps", { "", ".uni", ".sfm" } },
};
static const char *const include_suffixes[] = { "", ".inc", NULL };

static bool is_absent(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* The one of `names` that `name` means, by the order of suffixes. 1, or 0 when there is none. */
static int choose_name(char *const *names, const char *name, const char *const *suffixes,
                       char **ret) {
        for (; *suffixes; suffixes++)
                for (size_t i = 0; i < ELEMENTSOF(compressions); i++) {
                        _cleanup_free_ char *file = NULL;
                        int r;

                        r = str_printf(&file, "%s%s%s", name, *suffixes, compressions[i]);
                        if (r < 0)
                                return r;
                        if (!strv_contains(names, file))
                                continue;
                        *ret = TAKE_PTR(file);
                        return 1;
                }
        return 0;
}

/* `name`, which may have slashes, in a directory, and in `depth` levels below it. As above. */
static int find_in(Source *source, Trace *trace, const char *directory, const char *name,
                   const char *const *suffixes, unsigned depth, char **ret) {
        _cleanup_free_ char *joined = path_join(directory, name), *in = NULL, *file = NULL;
        _cleanup_strv_free_ char **names = NULL;
        bool plain = !strchr(name, '/');
        int r;

        in = joined ? path_dirname(joined) : NULL;
        if (!in)
                return -ENOMEM;
        r = source_list(source, trace, in, NULL, &names);
        if (r < 0 && !is_absent(r))
                return r;
        r = choose_name(names, path_basename(name), suffixes, &file);
        if (r > 0) {
                *ret = path_join(in, file);
                return *ret ? 1 : -ENOMEM;
        }
        if (r < 0 || depth == 0)
                return r;

        if (!plain) {
                names = strv_free(names);
                r = source_list(source, trace, directory, NULL, &names);
                if (r < 0 && !is_absent(r))
                        return r;
        }
        STRV_FOREACH(sub, names) {
                _cleanup_free_ char *below = NULL;

                if (strchr(*sub, '.'))
                        continue;
                below = path_join(directory, *sub);
                if (!below)
                        return -ENOMEM;
                r = find_in(source, trace, below, name, suffixes, depth - 1, ret);
                if (r != 0)
                        return r;
        }
        return 0;
}

int keymap_find(Source *source, Trace *trace, KeymapPart part, const char *name, char **ret) {
        int r = 0;

        if (*name == '/')
                r = find_in(source, trace, "/", name + 1, parts[part].suffixes, 0, ret);
        for (size_t i = 0; i < ELEMENTSOF(data_directories) && *name != '/' && r == 0; i++) {
                _cleanup_free_ char *directory =
                                path_join(data_directories[i], parts[part].directory);

                if (!directory)
                        return -ENOMEM;
                r = find_in(source, trace, directory, name, parts[part].suffixes,
                            DIRECTORY_DEPTH_MAX, ret);
        }
        return r == 0 ? -ENOENT : r < 0 ? r : 0;
}

int keymap_read(Source *source, Trace *trace, const char *path, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = source_read(source, trace, path, &data, &size);
        if (r < 0)
                return r;
        if (compression_suffix(path))
                return decompress_file(data, size, KEYMAP_SIZE_MAX, ret, ret_size);
        if (size > KEYMAP_SIZE_MAX)
                return -EFBIG;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

/* A map that is being flattened, and the one that includes it. */
typedef struct MapFile {
        const struct MapFile *parent;
        const char *path;
        char *canonical;
        unsigned line;
        unsigned depth;
} MapFile;

typedef struct Flat {
        Source *source;
        Trace *trace;
        Report *report;
        FILE *out;
} Flat;

static int find_include_near(Flat *f, const char *path, const char *name, char **ret) {
        static const char *const places[] = { "", "../include", "../../include" };
        _cleanup_free_ char *directory = path_dirname(path);
        int r = directory ? 0 : -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(places) && r == 0; i++) {
                _cleanup_free_ char *place = path_join(directory, places[i]);

                r = place ? find_in(f->source, f->trace, place, name, include_suffixes, 0, ret)
                          : -ENOMEM;
        }
        return r;
}

/* 1 found, 0 not. */
static int find_include(Flat *f, const MapFile *m, const char *name, char **ret) {
        static const char *const places[] = { "keymaps/include", "keymaps/i386/include",
                                              "keymaps/mac/include" };
        int r;

        if (*name == '/')
                return find_in(f->source, f->trace, "/", name + 1, include_suffixes, 0, ret);
        r = find_include_near(f, m->path, name, ret);
        if (r == 0)
                r = find_include_near(f, m->canonical, name, ret);
        for (size_t i = 0; i < ELEMENTSOF(data_directories) && r == 0; i++)
                for (size_t k = 0; k < ELEMENTSOF(places) && r == 0; k++) {
                        _cleanup_free_ char *place = path_join(data_directories[i], places[k]);

                        r = place ? find_in(f->source, f->trace, place, name, include_suffixes, 0,
                                            ret)
                                  : -ENOMEM;
                }
        return r;
}

static int flatten_file(Flat *f, const MapFile *parent, const char *path);

/* What stands behind the word `include`, and the file that it means. Returns where it ends. */
static int flatten_include(Flat *f, const MapFile *m, const char *p, const char **ret_end) {
        _cleanup_free_ char *name = NULL, *path = NULL;
        size_t n;
        int r;

        p += strspn(p, " \t");
        n = *p == '"' ? strcspn(p + 1, "\"\n") : 0;
        if (n == 0 || p[1 + n] != '"')
                return report_fail(f->report, FAILURE_CONFIG_INVALID, -EINVAL, m->path, m->line,
                                   "The keyboard map includes a file, but its name is not in "
                                   "quotes");
        *ret_end = p + n + 2;
        name = strndup(p + 1, n);
        if (!name)
                return report_oom(f->report);
        r = find_include(f, m, name, &path);
        if (r == -ENOMEM)
                return report_oom(f->report);
        if (r < 0)
                return report_fail(f->report, FAILURE_INCOMPLETE, r, m->path, m->line,
                                   "The keyboard map includes \"%s\", which can't be looked for",
                                   name);
        if (r == 0)
                return report_fail(f->report, FAILURE_INCOMPLETE, -ENOENT, m->path, m->line,
                                   "The keyboard map includes \"%s\", which is not there; install "
                                   "what has it, or choose another KEYMAP=",
                                   name);
        return flatten_file(f, m, path);
}

/* How long the string or character at `p` is, quotes and all. One that is not closed is loadkeys'
 * to complain about. */
static size_t quoted_length(const char *p, const char *end) {
        size_t left = (size_t) (end - p), n = 1;

        if (*p == '\'') {
                if (left >= 6 && p[1] == '\\' && isdigit((unsigned char) p[2]))
                        while (n < 6 && p[n] != '\'')
                                n++;
                else
                        n = left >= 4 && p[1] == '\\' ? 3 : 2;
                return n < left && p[n] == '\'' ? n + 1 : 1;
        }
        while (n < left && p[n] != '"')
                n += p[n] == '\\' && n + 1 < left ? 2 : 1;
        return n < left ? n + 1 : left;
}

static size_t word_length(const char *p) {
        size_t n = 0;

        while (isalnum((unsigned char) p[n]) || p[n] == '_')
                n++;
        return n;
}

/* `text` has a NUL byte behind its end. */
static int flatten_text(Flat *f, MapFile *m, const char *text, size_t size) {
        const char *end = text + size;

        for (const char *p = text; p < end;) {
                size_t n = word_length(p);

                if (*p == '#' || *p == '!') {
                        p += strcspn(p, "\n");
                        continue;
                }
                if (n == 7 && startswith(p, "include")) {
                        int r = flatten_include(f, m, p + n, &p);

                        if (r < 0)
                                return r;
                        continue;
                }
                if (n == 0)
                        n = *p == '"' || *p == '\'' ? quoted_length(p, end) : 1;
                for (size_t i = 0; i < n; i++)
                        m->line += p[i] == '\n';
                fwrite(p, 1, n, f->out);
                p += n;
        }
        return 0;
}

static int flatten_opened(Flat *f, MapFile *m) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        for (const MapFile *up = m->parent; up; up = up->parent)
                if (streq(up->canonical, m->canonical))
                        return report_fail(f->report, FAILURE_CONFIG_INVALID, -ELOOP,
                                           m->parent->path, m->parent->line,
                                           "The keyboard map includes %s, which includes it again",
                                           m->path);
        if (m->depth > INCLUDE_DEPTH_MAX)
                return report_fail(f->report, FAILURE_CONFIG_INVALID, -ELOOP, m->parent->path,
                                   m->parent->line, "Keyboard maps include each other too deeply");
        r = keymap_read(f->source, f->trace, m->path, &text, &size);
        if (r == -ENOMEM)
                return report_oom(f->report);
        if (r < 0)
                return report_fail(f->report,
                                   r == -EACCES ? FAILURE_NOT_PERMITTED : FAILURE_INCOMPLETE, r,
                                   m->path, 0, "The keyboard map can't be read: %s",
                                   r == -EBADMSG ? "it is damaged, or compressed in another way "
                                                   "than its name says"
                                                 : strerror(-r));
        return flatten_text(f, m, text, size);
}

static int flatten_file(Flat *f, const MapFile *parent, const char *path) {
        MapFile m = {
                .parent = parent,
                .path = path,
                .line = 1,
                .depth = parent ? parent->depth + 1 : 0,
        };
        int r;

        r = source_resolve(f->source, f->trace, path, &m.canonical, NULL, NULL);
        if (r < 0)
                return report_fail(f->report, FAILURE_INCOMPLETE, r, path, 0,
                                   "The keyboard map can't be read: %s", strerror(-r));
        r = flatten_opened(f, &m);
        free(m.canonical);
        return r;
}

int keymap_flatten(Source *source, Trace *trace, Report *report, const char *path, char **ret,
                   size_t *ret_size) {
        Flat f = { .source = source, .trace = trace, .report = report };
        char *text = NULL;
        size_t size;
        int r;

        f.out = open_memstream(&text, &size);
        if (!f.out)
                return report_oom(report);
        r = flatten_file(&f, NULL, path);
        if (fclose(f.out) != 0 && r >= 0)
                r = report_oom(report);
        if (r < 0) {
                free(text);
                return r;
        }
        *ret = text;
        *ret_size = size;
        return 0;
}

/* The letter that a symbol of a key stands for: itself, U+0061, a number with or without the kind
 * of the kernel's table, '…'. 0 when none. */
static char symbol_letter(const char *s, size_t n) {
        unsigned long v;

        if (n > 1 && *s == '+') {
                s++;
                n--;
        }
        if (n == 1)
                v = (unsigned char) *s;
        else if (n == 3 && s[0] == '\'' && s[2] == '\'')
                v = (unsigned char) s[1];
        else if (n > 2 && s[0] == 'U' && s[1] == '+')
                v = strtoul(s + 2, NULL, 16);
        else if (isdigit((unsigned char) *s))
                v = strtoul(s, NULL, 0);
        else
                return 0;
        /* 0xb00: letters that CapsLock changes. */
        if ((v & ~0xffUL) == 0xb00)
                v &= 0xff;
        return v >= 'a' && v <= 'z' ? (char) v : 0;
}

/* One line, continued ones in one: [MODIFIER…] keycode N = SYMBOL… */
static void scan_line(char *line, char *kernel_letters, uint32_t *letters) {
        static const char separators[] = " \t\r";
        char *save = NULL, *word = strtok_r(line, separators, &save);
        bool plain = true;
        unsigned long code;

        for (; word && strcasecmp(word, "keycode") != 0; word = strtok_r(NULL, separators, &save))
                plain = plain && strcasecmp(word, "plain") == 0;
        word = word ? strtok_r(NULL, " \t\r=", &save) : NULL;
        if (!word)
                return;
        code = strtoul(word, NULL, 0);
        for (word = strtok_r(NULL, " \t\r=", &save); word;
             word = strtok_r(NULL, separators, &save)) {
                char letter = symbol_letter(word, strlen(word));

                if (plain && code < 128)
                        kernel_letters[code] = 0;
                if (letter)
                        *letters |= UINT32_C(1) << (letter - 'a');
        }
}

uint32_t keymap_missing_letters(const char *text, size_t size) {
        /* What the kernel's own map has on its keys. */
        char kernel_letters[128] = { [16] = 'q', 'w',        'e', 'r', 't', 'y', 'u', 'i', 'o',
                                     'p',        [30] = 'a', 's', 'd', 'f', 'g', 'h', 'j', 'k',
                                     'l',        [44] = 'z', 'x', 'c', 'v', 'b', 'n', 'm' };
        const char *end = text + size;
        uint32_t letters = 0;

        while (text < end) {
                char line[4096];
                size_t n = 0;

                for (; text < end && *text != '\n'; text++) {
                        if (*text == '\\' && text + 1 < end && text[1] == '\n') {
                                text++;
                                continue;
                        }
                        if (n < sizeof(line) - 1 && *text != '\0')
                                line[n++] = *text;
                }
                text++;
                line[n] = '\0';
                scan_line(line, kernel_letters, &letters);
        }
        for (size_t i = 0; i < ELEMENTSOF(kernel_letters); i++)
                if (kernel_letters[i])
                        letters |= UINT32_C(1) << (kernel_letters[i] - 'a');
        return ~letters & ((UINT32_C(1) << 26) - 1);
}
