/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "machines.h"

void machine_warning(void *userdata, const char *path, unsigned line, const char *message) {
        char *text = userdata;
        size_t n = strlen(text);

        snprintf(text + n, 512 - n, "%s%s:%u", n > 0 ? " " : "", path ? path : "-", line);
}

static void describe_mounts(const Facts *facts, char *text, size_t size) {
        size_t n = 0;

        *text = '\0';
        for (size_t i = 0; i < facts->n_mounts; i++) {
                const FactsMount *m = &facts->mounts[i];
                _cleanup_free_ char *devices = strv_join(m->devices, " ");

                n += (size_t) snprintf(text + n, size - n, "%s%s %s %s%s%s", i > 0 ? ";" : "",
                                       m->where, m->what, m->type, *devices ? " " : "", devices);
        }
}

void machine_check(const MachineCase *c) {
        _cleanup_recorded_ Recorded m = {};
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_free_ char *tags = NULL;
        char warnings[512] = "", mounts[1024];
        _cleanup_(report_done) Report report = { .on_warning = machine_warning, .userdata = warnings };
        int r;

        recorded_new(&m);
        recorded_dir(&m, "/sys/devices");
        recorded_add(&m, c->machine);
        r = facts_new_recorded(m.root, &report, &facts);
        assert_string_equal(warnings, c->warnings ? c->warnings : "");
        if (!c->tags) {
                assert_true(r < 0);
                assert_int_equal(report.failure.kind, FAILURE_INCOMPLETE);
                assert_non_null(strstr(report.failure.message, c->message));
                return;
        }
        if (r < 0)
                print_error("%s: %s\n", c->name, report.failure.message);
        assert_int_equal(r, 0);
        tags = strv_join(facts->tags, " ");
        describe_mounts(facts, mounts, sizeof(mounts));
        if (!streq(tags, c->tags) || !streq(mounts, c->mounts))
                print_error("%s\n", c->name);
        assert_string_equal(tags, c->tags);
        assert_string_equal(mounts, c->mounts);
}

void machines_check(const MachineCase *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                machine_check(&cases[i]);
}
