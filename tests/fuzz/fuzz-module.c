/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A module's file. It is refused with a line, or what comes out is whole: every entry has a name,
 * what takes a destination may count on its form, and reading it once more as another file's text
 * gives the same hash. */

#include <assert.h>

#include "describe/module.h"
#include "string-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const Module *m) {
        for (size_t i = 0; i < strv_length(m->requires); i++)
                assert(m->requires_from[i].path && m->requires_from[i].line > 0);
        for (size_t i = 0; i < m->n_contents; i++) {
                const Content *c = &m->contents[i];

                assert(strv_length(c->alternatives) > 0);
                assert(c->line > 0 && c->path);
                STRV_FOREACH(name, c->alternatives)
                        assert(**name);
                assert(!c->text == (c->type != CONTENT_TEXT));
                assert(c->mode == (mode_t) -1 || c->mode <= 07777);
                if (c->type == CONTENT_SYMLINK || c->type == CONTENT_ENABLE)
                        assert(c->destination && *c->destination);
                if (c->type == CONTENT_TREE || c->type == CONTENT_DIRECTORY)
                        assert(*c->alternatives[0] == '/' || startswith(c->alternatives[0], "%D"));
        }
        for (size_t i = 0; i < m->n_drivers; i++)
                assert(strv_length(m->drivers[i].alternatives) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(module_freep) Module *m = NULL, *again = NULL;
        Report report = {};
        int r;

        if (module_new(&m, "m") < 0 || module_new(&again, "m") < 0)
                return 0;
        r = module_parse(m, &report, "/a/m.module", (const char *) data, size);
        if (r < 0) {
                assert(report.failure.message && report.failure.line > 0);
                for (const char *c = report.failure.message; *c; c++)
                        assert((unsigned char) *c >= ' ' || *c == '\t');
        } else {
                check(m);
                assert(module_parse(again, &report, "/b", (const char *) data, size) == 0);
                assert(XXH128_isEqual(m->hash, again->hash));
                /* A drop-in on top of itself: lists grow. */
                assert(module_parse(again, &report, "/c", (const char *) data, size) == 0);
                check(again);
        }
        report_done(&report);
        return 0;
}
