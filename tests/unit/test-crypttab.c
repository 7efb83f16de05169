/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/crypttab.h"
#include "conf-tree.h"

/* What the root has: keys, a header, and a line that is marked beside some that aren't. */
static void make_root(ConfTree *t) {
        conf_tree_put(t, "etc/keys/root.key", "secret");
        assert_int_equal(fchmodat(t->fd, "etc/keys/root.key", 0400, 0), 0);
        conf_tree_put(t, "etc/cryptsetup-keys.d/named.key", "secret");
        conf_tree_put(t, "etc/header.img", "LUKS");
        conf_tree_put(t, "etc/crypttab",
                      "# a comment x-initrd.attach a b\n"
                      "data UUID=1 /etc/keys/root.key luks\n"
                      "short UUID=2\n"
                      "\n"
                      "vault\tUUID=3\t/etc/keys/root.key\tluks,x-initrd.attach\n"
                      "other UUID=4 none luks,x-initrd.attached\n");
}

typedef struct Case {
        const char *name;
        FactsCrypt line; /* no name: a generic image */
        const char *include;
        const char *table; /* "" : none; NULL: a failure */
        const char *files; /* the others, "PATH …" */
        const char *warning; /* part of it; NULL: none */
} Case;

#define KEY "/etc/keys/root.key"
#define LINE(...) { .name = (char *) "root", .device = (char *) "UUID=9", __VA_ARGS__ }
#define OPTION(s) .options = (char *) (s)
static const Case cases[] = {
        { "a generic image has what is marked", {}, NULL,
          "vault UUID=3 " KEY " luks,x-initrd.attach,tries=0\n", KEY },
        { "a passphrase", LINE(), NULL, "root UUID=9 none tries=0\n", "" },
        { "options stay, those of other programs don't",
          LINE(OPTION("luks,discard,initramfs,noauto,loud,check=x,tries=2")), NULL,
          "root UUID=9 none luks,discard,tries=2\n", "" },
        { "a key is taken if that is asked for", LINE(.key = (char *) KEY, OPTION("x-initrd.attach")),
          NULL, "root UUID=9 " KEY " x-initrd.attach,tries=0\n", KEY },
        { "in Debian's word", LINE(.key = (char *) KEY, OPTION("initramfs,luks")), NULL,
          "root UUID=9 " KEY " luks,tries=0\n", KEY },
        { "else it is not", LINE(.key = (char *) KEY, OPTION("luks")), NULL,
          "root UUID=9 " KEY " luks,tries=0\n", "", "The key " KEY " of root is not taken" },
        { "a profile takes it", LINE(.key = (char *) KEY, OPTION("luks")), "/etc/keys",
          "root UUID=9 " KEY " luks,tries=0\n", "" },
        { "a key that is gone", LINE(.key = (char *) "/etc/gone", OPTION("x-initrd.attach")), NULL,
          "root UUID=9 /etc/gone x-initrd.attach,tries=0\n", "", "The key of root is not there" },
        { "the usual place of a key",
          { .name = (char *) "named", .device = (char *) "/dev/sda", OPTION("x-initrd.attach") }, NULL,
          "named /dev/sda none x-initrd.attach,tries=0\n", "/etc/cryptsetup-keys.d/named.key" },
        { "which isn't asked for", { .name = (char *) "named", .device = (char *) "/dev/sda" }, NULL,
          "named /dev/sda none tries=0\n", "" },
        { "a key on a stick", LINE(.key = (char *) "/k:LABEL=s", OPTION("x-initrd.attach")), NULL,
          "root UUID=9 /k:LABEL=s x-initrd.attach,tries=0\n", "" },
        { "and on a device of a name", LINE(.key = (char *) "/k:/dev/sdb"), NULL,
          "root UUID=9 /k:/dev/sdb tries=0\n", "" },
        { "a device as a key", LINE(.key = (char *) "/dev/sdb"), NULL,
          "root UUID=9 /dev/sdb tries=0\n", "" },
        { "a header is always taken", LINE(OPTION("luks,header=/etc/header.img")), NULL,
          "root UUID=9 none luks,header=/etc/header.img,tries=0\n", "/etc/header.img" },
        { "one on a stick isn't there", LINE(OPTION("header=/h:UUID=5")), NULL,
          "root UUID=9 none header=/h:UUID=5,tries=0\n", "" },
        { "without its header nothing can be opened", LINE(OPTION("header=/gone")), NULL, NULL, NULL },
        { "no script is run", LINE(.key = (char *) "/etc/gone", OPTION("luks,keyscript=/x")), NULL,
          "root UUID=9 none luks,tries=0\n", "", "comes from a script" },
};

static void check(const Case *c, ConfTree *t) {
        Facts facts = { .crypt = (FactsCrypt *) &c->line, .n_crypt = c->line.name ? 1 : 0,
                        .generic = !c->line.name };
        Include include = { .source = (char *) c->include };
        Profile profile = { .includes = &include, .n_includes = c->include ? 1 : 0 };
        _cleanup_(source_freep) Source *source = conf_tree_source(t);
        _cleanup_(collector_freep) Collector *collector = NULL;
        _cleanup_(collection_freep) Collection *out = NULL;
        _cleanup_told_ Told told;
        char files[512] = "";
        const Entry *e;
        int r;

        told_init(&told);
        assert_int_equal(collector_new(&collector, source, &told.report, NULL, &profile, &facts), 0);
        r = collect_crypttab(collector, &profile, &out);
        if (!c->table) {
                assert_true(r < 0);
                assert_int_equal(told.report.failure.kind, FAILURE_INCOMPLETE);
                return;
        }
        assert_int_equal(r, 0);
        e = manifest_get(out->manifest, "/etc/crypttab");
        assert_non_null(e);
        assert_int_equal(e->mode & 07777, 0600);
        assert_int_equal(e->size, strlen(c->table));
        assert_memory_equal(e->data, c->table, e->size);
        for (size_t i = 0; i < out->manifest->entries.n; i++) {
                const Entry *other = out->manifest->entries.entries[i].value;

                if (other->type == ENTRY_FILE && other != e)
                        snprintf(files + strlen(files), sizeof(files) - strlen(files), "%s%s",
                                 *files ? " " : "", other->path);
        }
        assert_string_equal(files, c->files);
        if ((e = manifest_get(out->manifest, KEY)))
                assert_int_equal(e->mode & 07777, 0400);
        if (c->warning)
                assert_non_null(strstr(told.text, c->warning));
        else
                told_nothing(&told);
}

static void test_lines(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                print_message("%s\n", cases[i].name);
                check(&cases[i], *state);
        }
}

/* Nothing is encrypted: no table. */
static void test_none(void **state) {
        ConfTree *t = *state;
        Facts facts = { .generic = true }, host = {};
        Profile profile = {};

        assert_int_equal(unlinkat(t->fd, "etc/crypttab", 0), 0);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_(source_freep) Source *source = conf_tree_source(t);
                _cleanup_(collector_freep) Collector *collector = NULL;
                _cleanup_(collection_freep) Collection *out = NULL;
                _cleanup_told_ Told told;

                told_init(&told);
                assert_int_equal(collector_new(&collector, source, &told.report, NULL, &profile,
                                               i == 0 ? &facts : &host),
                                 0);
                assert_int_equal(collect_crypttab(collector, &profile, &out), 0);
                assert_int_equal(out->manifest->entries.n, 0);
                told_nothing(&told);
        }
}

static int setup(void **state) {
        int r = conf_tree_setup(state);

        if (r == 0)
                make_root(*state);
        return r;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_lines, setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_none, setup, conf_tree_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
