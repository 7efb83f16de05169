/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <zlib.h>

#include "collect/collect-internal.h"
#include "collect/keymap.h"
#include "conf-tree.h"

static void put_gzip(ConfTree *t, const char *path, const char *text) {
        _cleanup_free_ char *full = path_join(t->path, path);
        gzFile f;

        conf_tree_parents(t, path);
        f = gzopen(full, "wb");
        assert_non_null(f);
        assert_int_equal(gzwrite(f, text, (unsigned) strlen(text)), (int) strlen(text));
        assert_int_equal(gzclose(f), Z_OK);
}

static char *flatten(ConfTree *t, Told *told, const char *path) {
        _cleanup_(source_freep) Source *source = conf_tree_source(t);
        char *text = NULL;
        size_t size;

        told_init(told);
        if (keymap_flatten(source, NULL, &told->report, path, &text, &size) < 0)
                return NULL;
        assert_int_equal(strlen(text), size);
        return text;
}

/* What a text becomes, comments and includes apart: itself. */
static void test_text(void **state) {
        static const struct {
                const char *text, *flat;
        } cases[] = {
                { "", "" },
                { "keycode 30 = a A # the first\n!all of it\n", "keycode 30 = a A \n\n" },
                { "string F1 = \"#1 ! \\\"#\"\n#", "string F1 = \"#1 ! \\\"#\"\n" },
                { "string F1 = \"a\nb#\" #\n", "string F1 = \"a\nb#\" \n" },
                { "compose '!' '#' to '\"' # x\n", "compose '!' '#' to '\"' \n" },
                { "compose '\\'' '\\047' to '\\\\' # x\n", "compose '\\'' '\\047' to '\\\\' \n" },
                { "keycode 40 = apostrophe ' # x\n", "keycode 40 = apostrophe ' \n" },
                { "keycode 2 = one \\\n  exclam # x\n", "keycode 2 = one \\\n  exclam \n" },
                { "keycode 2 = includes\n", "keycode 2 = includes\n" },
                { "string F1 = \"open\n#", "string F1 = \"open\n#" },
        };
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                _cleanup_free_ char *flat = NULL;

                conf_tree_put(t, "m.map", cases[i].text);
                flat = flatten(t, &told, "/m.map");
                assert_non_null(flat);
                assert_string_equal(flat, cases[i].flat);
                told_nothing(&told);
        }
}

/* The directories in which an included file is looked for, the first first. */
static void test_include_order(void **state) {
        static const char *const places[] = {
                "usr/share/keymaps/i386/qwertz/x",
                "usr/share/keymaps/i386/qwertz/x.inc",
                "usr/share/keymaps/i386/include/x.inc",
                "usr/share/keymaps/include/x.inc",
                "real/x",
                "include/x",
                "usr/share/keymaps/mac/include/x.inc",
                "usr/lib/kbd/keymaps/include/x.inc",
                "usr/lib/kbd/keymaps/i386/include/x.inc",
        };
        ConfTree *t = *state;

        conf_tree_put(t, "real/de.map", "include \"x\"\n");
        conf_tree_link(t, "usr/share/keymaps/i386/qwertz/de.map", "../../../../../real/de.map");
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                char text[8];

                snprintf(text, sizeof(text), "%zu", i);
                conf_tree_put(t, places[i], text);
        }
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_told_ Told told;
                _cleanup_free_ char *flat = NULL, *expected = NULL;

                flat = flatten(t, &told, "/usr/share/keymaps/i386/qwertz/de.map");
                assert_non_null(flat);
                assert_true(str_printf(&expected, "%zu\n", i) >= 0);
                assert_string_equal(flat, expected);
                assert_int_equal(unlinkat(t->fd, places[i], 0), 0);
        }
}

/* Included ones include, by their own places; compressed or not; with and without suffix. */
static void test_include(void **state) {
        ConfTree *t = *state;
        _cleanup_told_ Told told;
        _cleanup_free_ char *flat = NULL;

        conf_tree_put(t, "k/i386/qwertz/de.map",
                      "keymaps 0-2\n  include \"a\"  # x\ninclude\"b.inc\"\ninclude \"/e/abs\"\n"
                      "include \"a\"\ninclude \"sub/d\"\n");
        put_gzip(t, "k/i386/include/a.inc.gz", "A\ninclude \"c.map\"\n");
        put_gzip(t, "k/i386/include/c.map.gz", "C\n");
        conf_tree_put(t, "k/include/b.inc", "B");
        conf_tree_put(t, "e/abs.inc", "E\n");
        conf_tree_put(t, "k/include/sub/d", "D\n");
        flat = flatten(t, &told, "/k/i386/qwertz/de.map");
        assert_non_null(flat);
        assert_string_equal(flat, "keymaps 0-2\n  A\nC\n\n  \nB\nE\n\nA\nC\n\n\nD\n\n");
}

static void test_failures(void **state) {
        static const struct {
                const char *text, *path;
                unsigned line;
                FailureKind kind;
                const char *words;
        } cases[] = {
                { "x\n\ninclude \"none\"\n", "/m.map", 3, FAILURE_INCOMPLETE, "\"none\"" },
                { "string F1 = \"\n\"\ninclude \"loop\"\n", "/loop.inc", 2, FAILURE_CONFIG_INVALID,
                  "includes /m.map, which includes it again" },
                { "include \"m.map\"", "/m.map", 1, FAILURE_CONFIG_INVALID, "includes it again" },
                { "include none\n", "/m.map", 1, FAILURE_CONFIG_INVALID, "not in quotes" },
                { "include \"\"\n", "/m.map", 1, FAILURE_CONFIG_INVALID, "not in quotes" },
                { "include \"none\n\"\n", "/m.map", 1, FAILURE_CONFIG_INVALID, "not in quotes" },
                { "include", "/m.map", 1, FAILURE_CONFIG_INVALID, "not in quotes" },
                { "\ninclude \"bad\"\n", "/bad.gz", 0, FAILURE_INCOMPLETE, "damaged" },
                { "include \"directory\"\n", "/directory", 0, FAILURE_INCOMPLETE, "can't be read" },
        };
        ConfTree *t = *state;

        conf_tree_put(t, "loop.inc", "#\ninclude \"m.map\"\n");
        conf_tree_put(t, "bad.gz", "no gzip");
        conf_tree_put(t, "directory/x", "");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                const Failure *f = &told.report.failure;

                conf_tree_put(t, "m.map", cases[i].text);
                assert_null(flatten(t, &told, "/m.map"));
                assert_non_null(f->message);
                assert_int_equal(f->kind, cases[i].kind);
                assert_string_equal(f->path, cases[i].path);
                assert_int_equal(f->line, cases[i].line);
                assert_non_null(strstr(f->message, cases[i].words));
        }
}

/* A chain is followed as far as loadkeys follows it. */
static void test_depth(void **state) {
        ConfTree *t = *state;

        for (unsigned n = 20; n <= 21; n++) {
                _cleanup_told_ Told told;
                _cleanup_free_ char *flat = NULL;

                for (unsigned i = 0; i <= n; i++) {
                        char path[16], text[32];

                        snprintf(path, sizeof(path), "m%u", i);
                        snprintf(text, sizeof(text), "include \"m%u\"", i + 1);
                        conf_tree_put(t, path, i == n ? "end" : text);
                }
                flat = flatten(t, &told, "/m0");
                assert_true((flat != NULL) == (n == 20));
        }
}

static void test_find(void **state) {
        static const struct {
                KeymapPart part;
                const char *name, *found;
        } cases[] = {
                { KEYMAP_PART_MAP, "de", "/usr/share/keymaps/i386/qwertz/de.kmap.gz" },
                { KEYMAP_PART_MAP, "de.map", "/usr/share/keymaps/i386/qwertz/de.map" },
                { KEYMAP_PART_MAP, "us", "/usr/lib/kbd/keymaps/legacy/i386/qwerty/us.map.gz" },
                { KEYMAP_PART_MAP, "qwertz/de", "/usr/share/keymaps/i386/qwertz/de.kmap.gz" },
                { KEYMAP_PART_MAP, "/opt/own.map", "/opt/own.map" },
                { KEYMAP_PART_MAP, "/opt/own", "/opt/own.map" },
                { KEYMAP_PART_MAP, "top", "/usr/share/keymaps/top.map" },
                { KEYMAP_PART_MAP, "Lat15", NULL },
                { KEYMAP_PART_MAP, "none", NULL },
                { KEYMAP_PART_FONT, "Lat15", "/usr/share/consolefonts/Lat15.psf.gz" },
                { KEYMAP_PART_FONT_MAP, "8859-1", "/usr/share/consoletrans/8859-1_to_uni.trans" },
                { KEYMAP_PART_UNIMAP, "cp437", "/usr/lib/kbd/unimaps/cp437.uni" },
        };
        ConfTree *t = *state;
        _cleanup_(source_freep) Source *source = NULL;

        conf_tree_put(t, "usr/share/keymaps/i386/qwertz/de.kmap.gz", "");
        conf_tree_put(t, "usr/share/keymaps/i386/qwertz/de.map", "");
        conf_tree_put(t, "usr/share/keymaps/amiga/top.map", "");
        conf_tree_put(t, "usr/share/keymaps/top.map", "");
        conf_tree_put(t, "usr/lib/kbd/keymaps/legacy/i386/qwerty/us.map.gz", "");
        conf_tree_put(t, "opt/own.map", "");
        conf_tree_put(t, "usr/share/consolefonts/Lat15.psf.gz", "");
        conf_tree_put(t, "usr/share/consoletrans/8859-1_to_uni.trans", "");
        conf_tree_put(t, "usr/lib/kbd/unimaps/cp437.uni", "");
        source = conf_tree_source(t);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *found = NULL;

                assert_int_equal(keymap_find(source, NULL, cases[i].part, cases[i].name, &found),
                                 cases[i].found ? 0 : -ENOENT);
                assert_true(streq_ptr(found, cases[i].found));
        }
}

static void test_letters(void **state) {
        static const struct {
                const char *text, *missing;
        } cases[] = {
                { "", "" },
                { "keycode 30 = q\nkeycode 16 = a A", "" },
                { "keycode 30 = Cyrillic_a", "a" },
                { "keycode 30 = Cyrillic_a Cyrillic_A a A\n", "" },
                { "keycode 30 = Cyrillic_a \\\n +a\n", "" },
                { "plain keycode 30 = Cyrillic_a\nkeycode 031 = Cyrillic_es\n", "ap" },
                { "altgr keycode 30 = Cyrillic_a\nshift keycode 30 = Cyrillic_A\n", "" },
                { "keycode 30 = U+0061\nkeycode 0x1f = 0x0b73\nkeycode 32 = 'd'\n", "" },
                { "keycode 30 = 0x0261\nKeycode 999 = a\n", "" },
                { "keycode 30 =\nkeycode\nkeycode 30\nstring a = \"x\"\n", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint32_t missing = keymap_missing_letters(cases[i].text, strlen(cases[i].text));
                uint32_t expected = 0;

                for (const char *p = cases[i].missing; *p; p++)
                        expected |= UINT32_C(1) << (*p - 'a');
                assert_int_equal(missing, expected);
        }
}

/* Keymap= as a whole. */
static int collect(ConfTree *t, Told *told, Collection **ret, char **ret_missing) {
        static const Profile profile = {};
        _cleanup_(source_freep) Source *source = conf_tree_source(t);
        _cleanup_(collector_freep) Collector *c = NULL;

        told_init(told);
        assert_int_equal(collector_new(&c, source, &told->report, NULL, &profile, NULL), 0);
        assert_int_equal(collection_new(ret), 0);
        return collect_keymap(c, *ret, "/etc/vconsole.conf", "why", ret_missing);
}

static void check_data(const Collection *c, const char *path, const char *text) {
        const Entry *e = manifest_get(c->manifest, path);

        if (!text) {
                assert_null(e);
                return;
        }
        assert_non_null(e);
        assert_int_equal(e->size, strlen(text));
        assert_memory_equal(e->data, text, e->size);
}

static void test_collect(void **state) {
        static const struct {
                const char *conf, *map, *font, *written, *missing, *told;
        } cases[] = {
                { "# x\nKEYMAP=\"de\"\n", "keycode 30 = a \n", NULL,
                  "KEYMAP=/etc/initrdd/keymap.map\n", NULL, "" },
                { "KEYMAP=none\n KEYMAP = 'de' \nKEYMAP_TOGGLE=alt\nFONT=f\n",
                  "keycode 30 = a \n\nkeycode 31 = s\n", "FONT",
                  "KEYMAP=/etc/initrdd/keymap.map\nFONT=/etc/initrdd/font\n", NULL, "" },
                { "FONT=f\nFONT_MAP=m\nFONT_UNIMAP=u\n", NULL, "FONT",
                  "FONT=/etc/initrdd/font\nFONT_MAP=/etc/initrdd/font.map\n"
                  "FONT_UNIMAP=/etc/initrdd/font.unimap\nINITRDD_FONT_OPTIONS=\"-m "
                  "/etc/initrdd/font.map -u /etc/initrdd/font.unimap\"\n", NULL, "" },
                { "#\nKEYMAP=ru\n", "keycode 30 = Cyrillic_ef\n", NULL,
                  "KEYMAP=/etc/initrdd/keymap.map\n", NULL,
                  "/etc/vconsole.conf:2: The keyboard layout ru can't type the Latin letters a: no "
                  "passphrase with them can be entered at boot\n" },
                { "KEYMAP=@kernel\nFONT=f\n", NULL, "FONT", "FONT=/etc/initrdd/font\n", NULL, "" },
                { "XKBLAYOUT=de\nKEYMAP=\n", NULL, NULL, NULL,
                  "/etc/vconsole.conf names neither a keyboard layout nor a font", "" },
                { "\nKEYMAP=none\n", NULL, NULL, NULL,
                  "/etc/vconsole.conf:2: there is no KEYMAP=none", "" },
                { "KEYMAP=de\nFONT=none\n", NULL, NULL, NULL,
                  "/etc/vconsole.conf:2: there is no FONT=none", "" },
        };
        ConfTree *t = *state;

        put_gzip(t, "usr/share/keymaps/i386/de.kmap.gz", "keycode 30 = a # x\n");
        conf_tree_put(t, "usr/share/keymaps/i386/alt.map", "keycode 31 = s\n");
        conf_tree_put(t, "usr/share/keymaps/i386/ru.map", "keycode 30 = Cyrillic_ef\n");
        put_gzip(t, "usr/share/consolefonts/f.psf.gz", "FONT");
        conf_tree_put(t, "usr/share/consoletrans/m.trans", "MAP");
        conf_tree_put(t, "usr/share/unimaps/u.uni", "UNI");

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                _cleanup_(collection_freep) Collection *c = NULL;
                _cleanup_free_ char *missing = NULL;

                conf_tree_put(t, "etc/vconsole.conf", cases[i].conf);
                assert_int_equal(collect(t, &told, &c, &missing),
                                 cases[i].missing ? -ENOENT : 0);
                assert_true(streq_ptr(missing, cases[i].missing));
                assert_string_equal(told.text, cases[i].told);
                check_data(c, "/etc/initrdd/keymap.map", cases[i].map);
                check_data(c, "/etc/initrdd/font", cases[i].font);
                check_data(c, "/etc/vconsole.conf", cases[i].written);
        }
}

/* What was read, and what was not there, is in the trace. */
static void test_trace(void **state) {
        ConfTree *t = *state;
        _cleanup_told_ Told told;
        _cleanup_(collection_freep) Collection *c = NULL;

        conf_tree_put(t, "etc/vconsole.conf", "KEYMAP=de");
        conf_tree_put(t, "usr/share/keymaps/i386/qwertz/de.map", "include \"x\"\n");
        conf_tree_put(t, "usr/share/keymaps/i386/include/x.inc", "X\n");
        conf_tree_settle(t);
        assert_int_equal(collect(t, &told, &c, NULL), 0);
        assert_int_equal(conf_tree_check(t, c->trace), 1);
        conf_tree_put(t, "usr/share/keymaps/i386/qwertz/x", "Y\n");
        assert_int_equal(conf_tree_check(t, c->trace), 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, conf_tree_setup, conf_tree_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_text),     TEST(test_include_order), TEST(test_include),
                TEST(test_failures), TEST(test_depth),         TEST(test_find),
                TEST(test_letters),  TEST(test_collect),       TEST(test_trace),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
