/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A profile's file. Whatever the text is, the profile that comes out can be used: its levels are
 * the compressor's, its paths are absolute, and a copy takes the same settings. */

#include <assert.h>

#include "describe/config.h"
#include "string-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void warning(void *userdata, const char *path, unsigned line, const char *message) {
        /* One line for a terminal. */
        for (const char *c = message; *c; c++)
                assert((unsigned char) *c >= ' ' || *c == '\t');
        assert(line > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(profile_freep) Profile *p = NULL, *copy = NULL;
        _cleanup_free_ char *path = NULL;
        Report report = { .on_warning = warning };
        int min, max;

        if (profile_new(&p, "default") < 0)
                return 0;
        assert(config_parse_profile(p, &report, "/p", (const char *) data, size) == 0);
        assert(profile_settle(p, &report) == 0);

        compression_level_range(p->compression, &min, &max);
        assert(p->level >= min && p->level <= max);
        assert(p->idle_level == 0 || (p->idle_level >= min && p->idle_level <= max));
        assert(profile_output_path(p, "6.1.0", &path) == 0);
        assert(*path == '/');
        for (size_t i = 0; i < p->n_includes; i++)
                assert(*p->includes[i].source == '/' && *p->includes[i].destination == '/');

        assert(profile_copy(p, &copy) == 0);
        assert(profile_set(copy, &report, "Compression", "gzip") == 0);
        assert(copy->level >= 1 && copy->level <= 9);
        report_done(&report);
        return 0;
}
