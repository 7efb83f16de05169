/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * integritytab(5) and veritytab(5): what dm-integrity and dm-verity devices are made of. A line is
 *
 *   NAME DEVICE …          white space between the fields, "#" begins a comment
 *
 * Of a host's own those are taken whose NAME is that of a layer below its root, as the facts have it, and
 * those that are marked x-initrd.attach: for every line that is there the boot waits. A generic image
 * has the tables as they are, since nothing says which line is whose.
 *
 * The key of an integritytab's line is its third field. It is not taken unasked, as none is; but here
 * nobody can be asked for it at boot.
 */

#include "collect/collect-internal.h"
#include "collect/mapper-table.h"
#include "collect/word.h"
#include "path-util.h"
#include "string-util.h"

#define INTEGRITYTAB "/etc/integritytab"
#define VERITYTAB "/etc/veritytab"
#define WHY "this machine's layers with checksums"

typedef struct Table {
        Collector *collector;
        const Profile *profile;
        Collection *out;
        const char *path;
        char **lines;
} Table;

static bool is_included(const Profile *profile, const char *path) {
        for (size_t i = 0; i < profile->n_includes; i++)
                if (path_below(path, profile->includes[i].source))
                        return true;
        return false;
}

/* Whether any field is a list of options with that mark. -ENOMEM. */
static int is_marked(char *const *fields) {
        STRV_FOREACH(field, fields) {
                _cleanup_strv_free_ char **options = NULL;

                if (strv_split(&options, *field, ",") < 0)
                        return -ENOMEM;
                if (strv_contains(options, "x-initrd.attach"))
                        return 1;
        }
        return 0;
}

static int add_line(Table *t, const char *line) {
        const Facts *facts = t->collector->facts;
        _cleanup_strv_free_ char **fields = NULL;
        int r;

        if (strv_split(&fields, line, " \t\r") < 0)
                return -ENOMEM;
        if (strv_length(fields) < 2 || fields[0][0] == '#')
                return 0;
        r = facts->generic || strv_contains(facts->mapped, fields[0]) ? 1 : is_marked(fields + 2);
        if (r <= 0)
                return r;
        if (streq(t->path, INTEGRITYTAB) && strv_length(fields) > 2 && fields[2][0] == '/' &&
            !path_below(fields[2], "/dev") && !path_below(fields[2], "/run") &&
            !is_included(t->profile, fields[2]))
                report_warn(t->collector->report, t->path, 0,
                            "The key %s of %s is not taken into the image, which can't set that "
                            "up "
                            "without it; Include=%s in a profile takes it",
                            fields[2], fields[0], fields[2]);
        return strv_extend(&t->lines, line);
}

static int add_table(Table *t) {
        _cleanup_free_ char *text = NULL;
        const char *p, *start;
        size_t size, n;
        int r;

        r = source_read(t->collector->source, t->out->trace, t->path, &text, &size);
        if (r < 0)
                return is_missing(r) ? 0 : r;
        p = text;
        while (line_next(&p, text + size, &start, &n)) {
                _cleanup_free_ char *line = strndup(start, n);

                r = line ? add_line(t, line) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return collect_lines(t->collector, t->out, t->path, t->lines, WHY);
}

int collect_mapper_tables(Collector *collector, const Profile *profile, Collection **ret) {
        static const char *const paths[] = { INTEGRITYTAB, VERITYTAB };
        _cleanup_(collection_freep) Collection *out = NULL;
        int r;

        r = collection_new(&out);
        for (size_t i = 0; i < ELEMENTSOF(paths) && r >= 0; i++) {
                Table t = {
                        .collector = collector, .profile = profile, .out = out, .path = paths[i]
                };

                r = add_table(&t);
                strv_free(t.lines);
                if (r < 0 && r != -ENOMEM)
                        return report_fail(collector->report, FAILURE_BUILD_FAILED, r, paths[i], 0,
                                           "It can't be made for the image: %s", strerror(-r));
        }
        if (r < 0)
                return report_oom(collector->report);
        *ret = TAKE_PTR(out);
        return 0;
}
