/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Keymap=: a vconsole.conf(5) becomes generated files of the image,
 *
 *      /etc/initrdd/keymap.map     KEYMAP=, and KEYMAP_TOGGLE= behind it
 *      /etc/initrdd/font           FONT=
 *      /etc/initrdd/font.map       FONT_MAP=
 *      /etc/initrdd/font.unimap    FONT_UNIMAP=
 *
 * and a file in its own place that names them, for systemd-vconsole-setup. loadkeys and setfont
 * take an absolute path as it is, so that nothing is searched for at boot.
 */

#include <stdio.h>

#include "collect/collect-internal.h"
#include "collect/keymap.h"
#include "collect/word.h"
#include "string-util.h"

#define DIRECTORY "/etc/initrdd"

typedef enum Key {
        KEY_KEYMAP,
        KEY_TOGGLE,
        KEY_FONT,
        KEY_FONT_MAP,
        KEY_UNIMAP,
        _KEY_MAX,
} Key;

static const struct {
        const char *name;
        KeymapPart part;
        const char *place; /* of the toggle: with the map */
} keys[_KEY_MAX] = {
        [KEY_KEYMAP] = { "KEYMAP", KEYMAP_PART_MAP, DIRECTORY "/keymap.map" },
        [KEY_TOGGLE] = { "KEYMAP_TOGGLE", KEYMAP_PART_MAP, NULL },
        [KEY_FONT] = { "FONT", KEYMAP_PART_FONT, DIRECTORY "/font" },
        [KEY_FONT_MAP] = { "FONT_MAP", KEYMAP_PART_FONT_MAP, DIRECTORY "/font.map" },
        [KEY_UNIMAP] = { "FONT_UNIMAP", KEYMAP_PART_UNIMAP, DIRECTORY "/font.unimap" },
};

typedef struct Vconsole {
        Collector *collector;
        Collection *out;
        const char *path, *why;
        char *values[_KEY_MAX];
        unsigned lines[_KEY_MAX];
        char *found[_KEY_MAX];
} Vconsole;

static void vconsole_done(Vconsole *v) {
        for (Key k = 0; k < _KEY_MAX; k++) {
                free(v->values[k]);
                free(v->found[k]);
        }
}

/* KEY=VALUE as the shell has it; the last one counts, and an empty one takes it back. */
static int parse_line(Vconsole *v, const char *line, size_t size, unsigned number) {
        _cleanup_free_ char *text = strndup(line, size);
        char *equals;
        int r;

        if (!text)
                return -ENOMEM;
        equals = strchr(text, '=');
        if (!equals || strchr("#;", *text))
                return 0;
        *equals = '\0';
        for (Key k = 0; k < _KEY_MAX; k++) {
                _cleanup_free_ char *value = NULL;
                const char *p = equals + 1;

                if (!streq(str_strip(text), keys[k].name))
                        continue;
                r = word_next(&p, WORD_OPEN_QUOTES, &value);
                if (r == -ENOMEM)
                        return r;
                free(v->values[k]);
                v->values[k] = r > 0 && *value ? TAKE_PTR(value) : NULL;
                v->lines[k] = number;
        }
        return 0;
}

static void unset(Vconsole *v, Key k) {
        free(v->values[k]);
        v->values[k] = NULL;
}

static int read_conf(Vconsole *v) {
        _cleanup_free_ char *text = NULL;
        const char *p, *line;
        size_t size, n;
        int r;

        r = source_read(v->collector->source, v->out->trace, v->path, &text, &size);
        if (r < 0)
                return r;
        p = text;
        for (unsigned number = 1; line_next(&p, text + size, &line, &n); number++) {
                r = parse_line(v, line, n, number);
                if (r < 0)
                        return r;
        }
        /* The kernel's own, which is there anyway. */
        if (v->values[KEY_KEYMAP] && streq(v->values[KEY_KEYMAP], "@kernel"))
                unset(v, KEY_KEYMAP);
        if (!v->values[KEY_KEYMAP])
                unset(v, KEY_TOGGLE);
        return 0;
}

static int find_all(Vconsole *v, char **ret_missing) {
        for (Key k = 0; k < _KEY_MAX; k++) {
                int r;

                if (!v->values[k])
                        continue;
                r = keymap_find(v->collector->source, v->out->trace, keys[k].part, v->values[k],
                                &v->found[k]);
                if (r == -ENOENT)
                        set_missing(ret_missing, "%s:%u: there is no %s=%s", v->path, v->lines[k],
                                    keys[k].name, v->values[k]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Takes `data`. */
static int add_data(Vconsole *v, const char *path, char *data, size_t size) {
        _cleanup_free_ char *owned = data, *place = NULL;
        int r;

        r = collect_image_path(v->collector, v->out, path, &place);
        if (r >= 0)
                r = collect_parents(v->collector, v->out, place);
        if (r >= 0)
                r = manifest_add_data(v->out->manifest, place, 0644, TAKE_PTR(owned), size, v->why,
                                      NULL);
        return r < 0 ? r : 0;
}

static void warn_of_letters(const Vconsole *v, const char *text, size_t size) {
        uint32_t missing = keymap_missing_letters(text, size);
        char letters[27];
        size_t n = 0;

        for (unsigned i = 0; i < 26; i++)
                if (missing & UINT32_C(1) << i)
                        letters[n++] = (char) ('a' + i);
        letters[n] = '\0';
        if (n > 0)
                report_warn(v->collector->report, v->path, v->lines[KEY_KEYMAP],
                            "The keyboard layout %s can't type the Latin letters %s: no "
                            "passphrase "
                            "with them can be entered at boot",
                            v->values[KEY_KEYMAP], letters);
}

static int add_map(Vconsole *v) {
        _cleanup_free_ char *map = NULL, *toggle = NULL, *both = NULL;
        size_t size, toggle_size;
        int r;

        if (!v->found[KEY_KEYMAP])
                return 0;
        r = keymap_flatten(v->collector->source, v->out->trace, v->collector->report,
                           v->found[KEY_KEYMAP], &map, &size);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        if (v->found[KEY_TOGGLE]) {
                r = keymap_flatten(v->collector->source, v->out->trace, v->collector->report,
                                   v->found[KEY_TOGGLE], &toggle, &toggle_size);
                if (r < 0)
                        return r == -ENOMEM ? r : -EINVAL;
                both = malloc(size + 1 + toggle_size);
                if (!both)
                        return -ENOMEM;
                memcpy(both, map, size);
                both[size] = '\n';
                memcpy(both + size + 1, toggle, toggle_size);
                free(map);
                map = TAKE_PTR(both);
                size += 1 + toggle_size;
        }
        warn_of_letters(v, map, size);
        return add_data(v, keys[KEY_KEYMAP].place, TAKE_PTR(map), size);
}

static int add_fonts(Vconsole *v) {
        for (Key k = KEY_FONT; k < _KEY_MAX; k++) {
                char *data;
                size_t size;
                int r;

                if (!v->found[k])
                        continue;
                r = keymap_read(v->collector->source, v->out->trace, v->found[k], &data, &size);
                if (r == -EBADMSG || r == -EFBIG)
                        return report_fail(v->collector->report, FAILURE_INCOMPLETE, r,
                                           v->found[k], 0,
                                           "The console font is damaged, or no font");
                if (r < 0)
                        return r;
                r = add_data(v, keys[k].place, data, size);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_conf(Vconsole *v) {
        char *text = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (Key k = 0; k < _KEY_MAX; k++)
                if (v->found[k] && keys[k].place)
                        fprintf(f, "%s=%s\n", keys[k].name, keys[k].place);
        /* For our own unit, which is no shell script. */
        if (v->found[KEY_FONT_MAP] || v->found[KEY_UNIMAP])
                fprintf(f, "INITRDD_FONT_OPTIONS=\"%s%s%s%s\"\n",
                        v->found[KEY_FONT_MAP] ? "-m " : "",
                        v->found[KEY_FONT_MAP] ? keys[KEY_FONT_MAP].place : "",
                        v->found[KEY_UNIMAP] ? " -u " : "",
                        v->found[KEY_UNIMAP] ? keys[KEY_UNIMAP].place : "");
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }
        return add_data(v, v->path, text, size);
}

int collect_keymap(Collector *c, Collection *out, const char *path, const char *why,
                   char **ret_missing) {
        _cleanup_(vconsole_done) Vconsole v = {
                .collector = c,
                .out = out,
                .path = path,
                .why = why,
        };
        int r;

        r = read_conf(&v);
        if (is_missing(r))
                set_missing(ret_missing, "%s is not there", path);
        if (r >= 0 && !v.values[KEY_KEYMAP] && !v.values[KEY_FONT]) {
                set_missing(ret_missing, "%s names neither a keyboard layout nor a font", path);
                r = -ENOENT;
        }
        if (r >= 0)
                r = find_all(&v, ret_missing);
        if (r >= 0)
                r = add_map(&v);
        if (r >= 0)
                r = add_fonts(&v);
        if (r >= 0)
                r = add_conf(&v);
        return r;
}
