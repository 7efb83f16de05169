/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/collect-internal.h"
#include "conf-tree.h"

#define CONF "/etc/plymouth/plymouthd.conf"
#define DEFAULTS "/usr/share/plymouth/plymouthd.defaults"
#define LINK "/usr/share/plymouth/themes/default.plymouth"

static int setup(void **state) {
        ConfTree *t;
        int r = conf_tree_setup(state);

        if (r < 0)
                return r;
        t = *state;
        conf_tree_put(t, "usr/lib/x86_64-linux-gnu/plymouth/two-step.so", "two-step");
        conf_tree_put(t, "usr/lib/x86_64-linux-gnu/plymouth/script.so", "script");
        conf_tree_put(t, "usr/share/plymouth/themes/spinner/spinner.plymouth",
                      "[Plymouth Theme]\nName=x\nModuleName = two-step \n[two-step]\n"
                      "Font=Noto Sans Bold 12\nTitleFont=Cantarell Light 30\n"
                      "ImageDir=/usr/share/plymouth/themes/spinner\n");
        conf_tree_put(t, "usr/share/plymouth/themes/spinner/a.png", "a");
        conf_tree_put(t, "usr/share/plymouth/themes/bgrt/bgrt.plymouth",
                      "ModuleName=two-step\nImageDir=/usr/share/plymouth/themes/spinner\n");
        conf_tree_put(t, "opt/own/own.plymouth", "ModuleName=script\nScriptFile=/opt/x.script\n");
        conf_tree_put(t, "opt/x.script", "x");
        conf_tree_put(t, "usr/share/plymouth/themes/poor/poor.plymouth", "ModuleName=none\n");
        conf_tree_put(t, "usr/share/plymouth/themes/odd/odd.plymouth", "Name=odd\n");
        conf_tree_put(t, "usr/share/fonts/noto/NotoSans-Regular.ttf", "");
        conf_tree_put(t, "usr/share/fonts/noto/NotoSansMono-Regular.ttf", "");
        conf_tree_put(t, "usr/share/fonts/opentype/cantarell/Cantarell-VF.otf", "");
        return 0;
}

/* The files of the collection, or the sentence that says why there are none. */
static char *collect(ConfTree *t, const char *path) {
        static const Profile profile = {};
        _cleanup_(source_freep) Source *source = conf_tree_source(t);
        _cleanup_(collector_freep) Collector *c = NULL;
        _cleanup_(collection_freep) Collection *out = NULL;
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ Entry **entries = NULL;
        _cleanup_told_ Told told;
        char *missing = NULL;
        size_t n;
        int r;

        told_init(&told);
        assert_int_equal(collector_new(&c, source, &told.report, NULL, &profile, NULL), 0);
        assert_int_equal(collection_new(&out), 0);
        r = collect_splash_theme(c, out, path, "why", &missing);
        told_nothing(&told);
        if (r < 0) {
                assert_int_equal(r, -ENOENT);
                return missing;
        }
        assert_int_equal(manifest_sorted(out->manifest, &entries, &n), 0);
        for (size_t i = 0; i < n; i++)
                if (entries[i]->type != ENTRY_DIRECTORY)
                        assert_int_equal(strv_extend(&names, path_basename(entries[i]->path)), 0);
        return strv_join(names, " ");
}

static void test_themes(void **state) {
        static const struct {
                const char *path, *conf, *expected;
        } cases[] = {
                { CONF, "[Daemon]\nTheme=spinner\n",
                  "two-step.so NotoSans-Regular.ttf Cantarell-VF.otf a.png spinner.plymouth" },
                { DEFAULTS, "#Theme=own\nTheme=bgrt\n",
                  "two-step.so bgrt.plymouth a.png spinner.plymouth" },
                { CONF, "Theme=own\nThemeDir=/opt\n", "own.plymouth x.script script.so" },
                { CONF, "#Theme=spinner\n", CONF " names no theme" },
                { CONF, "Theme=../spinner\n", CONF " names no theme" },
                { CONF, "Theme=none\n",
                  CONF ": the splash theme /usr/share/plymouth/themes/none/none.plymouth is not there" },
                { CONF, "Theme=poor\n", "the splash theme's plugin none is not there" },
                { CONF, "Theme=odd\n",
                  "/usr/share/plymouth/themes/odd/odd.plymouth names no plugin" },
                { "/etc/nothing.conf", NULL, "/etc/nothing.conf is not there" },
        };
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *found = NULL;

                if (cases[i].conf)
                        conf_tree_put(t, cases[i].path + 1, cases[i].conf);
                found = collect(t, cases[i].path);
                assert_non_null(found);
                assert_string_equal(found, cases[i].expected);
        }
}

/* Debian's link, through /etc/alternatives: all links on the way are there. */
static void test_link(void **state) {
        _cleanup_free_ char *found = NULL;
        ConfTree *t = *state;

        conf_tree_link(t, &LINK[1], "/etc/alternatives/default.plymouth");
        conf_tree_link(t, "etc/alternatives/default.plymouth", "/opt/own/own.plymouth");
        found = collect(t, LINK);
        assert_string_equal(found, "default.plymouth own.plymouth x.script script.so "
                                   "default.plymouth");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_themes, setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_link, setup, conf_tree_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
