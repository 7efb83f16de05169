/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The image's /etc/crypttab, which is this machine's own: the lines of the layers below the root, as
 * the facts have them, and no others; a generic image has those that are marked for an initrd. To
 * a line belong
 *
 *   its header=, if that is a file of the root: without it nothing can be opened
 *   its key, if that is one, too, and the line says x-initrd.attach (Debian: initramfs)
 *
 * A key is not taken unasked: an image mostly lies on a file system that isn't encrypted. Then the
 * passphrase is asked for, as it is for a key on a stick that is not there. Include= of a profile is
 * another way to ask for it. Who mistypes a passphrase is asked again, for ever: systemd would give up
 * after three times, and that ends the boot.
 */

#include "collect/collect-internal.h"
#include "collect/crypttab.h"
#include "collect/word.h"
#include "path-util.h"
#include "string-util.h"

#define CRYPTTAB "/etc/crypttab"
#define WHY "this machine's encrypted layers"

typedef struct Line {
        const char *name, *device, *key, *options;
        bool marked;
} Line;

typedef struct Crypttab {
        Collector *collector;
        Collection *out;
        const Profile *profile;
        char **lines;
} Crypttab;

static bool is_marked(char *const *options) {
        return strv_contains(options, "x-initrd.attach") || strv_contains(options, "initramfs");
}

/* "PATH:DEVICE" is a file on another device; it is looked for at boot. */
static bool is_file_of_root(const char *value) {
        const char *colon = strrchr(value, ':');

        return *value == '/' && !path_below(value, "/dev") && !path_below(value, "/run") &&
               !(colon && (colon[1] == '/' || strchr(colon, '=')));
}

static bool is_included(const Crypttab *t, const char *path) {
        for (size_t i = 0; i < t->profile->n_includes; i++)
                if (path_below(path, t->profile->includes[i].source))
                        return true;
        return false;
}

static int add_key(Crypttab *t, const Line *line) {
        _cleanup_free_ char *usual = NULL, *missing = NULL;
        const char *key = line->key;
        Report *report = t->collector->report;
        int r;

        if (!key) {
                /* Where systemd-cryptsetup looks for one by itself. */
                if (str_printf(&usual, "/etc/cryptsetup-keys.d/%s.key", line->name) < 0)
                        return -ENOMEM;
                if (!line->marked)
                        return 0;
                r = source_exists(t->collector->source, t->out->trace, usual);
                if (r <= 0)
                        return r;
                key = usual;
        }
        if (!is_file_of_root(key) || is_included(t, key))
                return 0;
        if (!line->marked) {
                report_warn(report, CRYPTTAB, 0,
                            "The key %s of %s is not taken into the image, the passphrase is "
                            "asked "
                            "for; x-initrd.attach among the options takes it",
                            key, line->name);
                return 0;
        }
        r = collect_path(t->collector, t->out, key, NULL, WHY, &missing);
        if (is_missing(r)) {
                report_warn(report, CRYPTTAB, 0,
                            "The key of %s is not there, the passphrase is asked for: %s",
                            line->name, missing ?: key);
                return 0;
        }
        return r;
}

static int add_header(Crypttab *t, const Line *line, const char *path) {
        _cleanup_free_ char *missing = NULL;
        int r;

        if (!is_file_of_root(path))
                return 0;
        r = collect_path(t->collector, t->out, path, NULL, WHY, &missing);
        if (is_missing(r))
                return report_fail(t->collector->report, FAILURE_INCOMPLETE, r, CRYPTTAB, 0,
                                   "The header of %s is not there: %s", line->name,
                                   missing ?: path);
        return r;
}

/* What means nothing to systemd-cryptsetup, or nothing in an initrd. */
static bool is_needless(const char *option) {
        static const char *const needless[] = {
                "noauto", "initramfs",  "loud",      "quiet",      "check",
                "check=", "checkargs=", "precheck=", "keyscript=", NULL
        };

        for (size_t i = 0; needless[i]; i++)
                if (endswith(needless[i], "=") ? startswith(option, needless[i]) != NULL
                                               : streq(option, needless[i]))
                        return true;
        return false;
}

static bool has_tries(char *const *options) {
        STRV_FOREACH(o, options)
                if (startswith(*o, "tries="))
                        return true;
        return false;
}

static int add_line(Crypttab *t, Line *line) {
        _cleanup_strv_free_ char **options = NULL, **kept = NULL;
        _cleanup_free_ char *joined = NULL;
        char *text;
        int r;

        r = strv_split(&options, line->options ?: "", ",");
        if (r < 0)
                return r;
        line->marked = is_marked(options);
        STRV_FOREACH(option, options) {
                const char *header = startswith(*option, "header=");

                if (header && (r = add_header(t, line, header)) < 0)
                        return r;
                if (startswith(*option, "keyscript=")) {
                        line->key = NULL; /* it was the script's argument */
                        report_warn(t->collector->report, CRYPTTAB, 0,
                                    "The key of %s comes from a script, which no image runs: the "
                                    "passphrase is asked for",
                                    line->name);
                }
                if (!is_needless(*option) && strv_extend(&kept, *option) < 0)
                        return -ENOMEM;
        }
        r = add_key(t, line);
        if (r >= 0 && !has_tries(kept))
                r = strv_extend(&kept, "tries=0");
        if (r < 0)
                return r;
        joined = strv_join(kept, ",");
        if (!joined)
                return -ENOMEM;
        r = str_printf(&text, "%s %s %s %s", line->name, line->device, line->key ?: "none",
                       joined);
        return r < 0 ? r : strv_consume(&t->lines, text);
}

/* The lines of the root's own that are marked. */
static int add_marked(Crypttab *t) {
        _cleanup_free_ char *text = NULL;
        const char *p, *start;
        size_t size, n;
        int r;

        r = source_read(t->collector->source, t->out->trace, CRYPTTAB, &text, &size);
        if (r < 0)
                return is_missing(r) ? 0 : r;
        p = text;
        while (line_next(&p, text + size, &start, &n)) {
                _cleanup_strv_free_ char **fields = NULL, **options = NULL;
                _cleanup_free_ char *copy = strndup(start, n);
                Line line = {};

                if (!copy || strv_split(&fields, copy, " \t\r") < 0)
                        return -ENOMEM;
                if (strv_length(fields) < 4 || fields[0][0] == '#')
                        continue;
                if (strv_split(&options, fields[3], ",") < 0)
                        return -ENOMEM;
                if (!is_marked(options))
                        continue;
                line = (Line) { .name = fields[0], .device = fields[1], .options = fields[3] };
                if (!streq(fields[2], "none") && !streq(fields[2], "-"))
                        line.key = fields[2];
                r = add_line(t, &line);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_all(Crypttab *t) {
        const Facts *facts = t->collector->facts;

        if (facts->generic)
                return add_marked(t);
        for (size_t i = 0; i < facts->n_crypt; i++) {
                const FactsCrypt *crypt = &facts->crypt[i];
                Line line = { .name = crypt->name,
                              .device = crypt->device,
                              .key = crypt->key,
                              .options = crypt->options };
                int r = add_line(t, &line);

                if (r < 0)
                        return r;
        }
        return 0;
}

int collect_crypttab(Collector *collector, const Profile *profile, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        Crypttab t = { .collector = collector, .profile = profile };
        int r;

        r = collection_new(&out);
        if (r < 0)
                return report_oom(collector->report);
        t.out = out;
        r = add_all(&t);
        if (r >= 0)
                r = collect_lines(t.collector, t.out, CRYPTTAB, t.lines, WHY);
        strv_free(t.lines);
        if (r == -ENOMEM)
                return report_oom(collector->report);
        if (r < 0)
                return report_fail(collector->report, FAILURE_BUILD_FAILED, r, CRYPTTAB, 0,
                                   "It can't be made for the image: %s", strerror(-r));
        *ret = TAKE_PTR(out);
        return 0;
}
