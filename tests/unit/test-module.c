/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "conf-tree.h"
#include "describe/module.h"

/* The module `m` of one file's text, or NULL when it is refused. */
static Module *parse(Told *told, const char *text) {
        _cleanup_(module_freep) Module *m = NULL;

        told_init(told);
        assert_int_equal(module_new(&m, "m"), 0);
        if (module_parse(m, &told->report, "/m", text, strlen(text)) < 0)
                return NULL;
        told_nothing(told);
        return TAKE_PTR(m);
}

static void joined_equal(char *const *l, const char *expected) {
        _cleanup_free_ char *joined = strv_join(l, " ");

        assert_string_equal(joined, expected);
}

static void test_names(void **state) {
        for (ContentType t = 0; t < _CONTENT_MAX; t++)
                assert_int_equal(content_type_from_string(content_type_to_string(t)), t);
        for (DriverRuleType t = 0; t < _DRIVER_RULE_MAX; t++)
                assert_int_equal(driver_rule_type_from_string(driver_rule_type_to_string(t)), t);
        assert_int_equal(content_type_from_string("binary"), _CONTENT_INVALID);
        assert_null(content_type_to_string(_CONTENT_MAX));
}

/* Every key of [Module]; without any, what holds. */
static void test_module_section(void **state) {
        _cleanup_told_ Told told;
        _cleanup_(module_freep) Module *m = NULL, *empty = NULL;

        m = parse(&told,
                  "[Module]\nDescription=Logical volumes (LVM2)\nRequires=dm udev\n"
                  "Requires=\"systemd\"\nWants=a b a\nConflicts=c\nNeeded=block:lvm fs:* m\n"
                  "Modes=host\nModes=generic\nAlways=yes\nFragment=storage\n");
        assert_string_equal(m->description, "Logical volumes (LVM2)");
        joined_equal(m->requires, "dm udev systemd");
        assert_int_equal(m->requires_from[1].line, 3);
        assert_int_equal(m->requires_from[2].line, 4);
        assert_string_equal(m->requires_from[2].path, "/m");
        joined_equal(m->wants, "a b");
        joined_equal(m->conflicts, "c");
        joined_equal(m->needed, "block:lvm fs:* m");
        assert_true(m->modes[MODE_HOST] && m->modes[MODE_GENERIC] && !m->modes[MODE_STRICT]);
        assert_true(m->always);
        assert_string_equal(m->fragment, "storage");
        assert_string_equal(m->path, "/m");

        empty = parse(&told, "");
        assert_null(empty->description);
        assert_null(empty->requires);
        assert_true(empty->modes[MODE_HOST] && empty->modes[MODE_STRICT] &&
                    empty->modes[MODE_GENERIC]);
        assert_false(empty->always);
        assert_string_equal(empty->fragment, "m");
}

/* One line of [Content], and the entries that it makes. */
static void test_content(void **state) {
        static const struct {
                const char *line, *entries;
        } cases[] = {
                { "Binary=/usr/sbin/lvm", "/usr/sbin/lvm" },
                { "Binary=lvm -/opt//x/ \"/a b\"", "lvm, -/opt/x, /a b" },
                { "Binary=/usr/bin/mount|/bin/mount|mount", "/usr/bin/mount|/bin/mount|mount" },
                { "Library=libkmod.so.2 -libx*.so.* /usr/lib/y.so",
                  "libkmod.so.2, -libx*.so.*, /usr/lib/y.so" },
                { "File=/etc/a -/etc/b|/etc/c:/etc/d", "/etc/a, -/etc/b|/etc/c > /etc/d" },
                { "File=/a/*.conf /a/*:/b/ /a:/b//c/ /a:/",
                  "/a/*.conf, /a/* > /b/, /a > /b/c/, /a > /" },
                { "File=%D/conf/%v%%:/etc/x", "%D/conf/%v%% > /etc/x" },
                { "Tree=/usr/share/a/ -/b|/c:/d/", "/usr/share/a, -/b|/c > /d" },
                { "Directory=/dev /root:0700 /tmp:1777", "/dev, /root 700, /tmp 1777" },
                { "Symlink=/bin:usr/bin /a:../../b /c:/d/%v",
                  "/bin > usr/bin, /a > ../../b, /c > /d/%v" },
                { "Unit=a.service -b@.socket c@d.target|e.mount",
                  "a.service, -b@.socket, c@d.target|e.mount" },
                { "Enable=a.service:b.target -c.socket:d.service.requires e.path:f.target.wants",
                  "a.service > b.target, -c.socket > d.service.requires, "
                  "e.path > f.target.wants" },
                { "Mask=a.timer", "a.timer" },
                { "UdevRule=56-lvm.rules|69-lvm.rules", "56-lvm.rules|69-lvm.rules" },
                { "Generator=lvm2-generator", "lvm2-generator" },
                { "GeneratorOnDemand=-a|b", "-a|b" },
                { "User=root -nobody", "root, -nobody" },
                { "Group=-nogroup|nobody", "-nogroup|nobody" },
                /* Quoted or not, with escapes; the line break at the end is there once. */
                { "Text=/a", "/a []" },
                { "Text=/a \"\"", "/a []" },
                { "Text=/a:0444 b  c", "/a [b  c\n] 444" },
                { "Text=-/a b\\tc\\n", "-/a [b\tc\n]" },
                { "Text=/a  \" b\\n\\\"c\\\" \"", "/a [ b\n\"c\" \n]" },
                { "Text=/a \\x41\\102\\\\\\s", "/a [AB\\ \n]" },
                { "Text=/a it is \"quoted\" 100%% %v", "/a [it is \"quoted\" 100%% %v\n]" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(module_freep) Module *m = NULL;
                _cleanup_free_ char *text = NULL;
                _cleanup_told_ Told told;
                char out[256] = "";

                assert_int_equal(str_printf(&text, "[Content]\n\n%s\n", cases[i].line), 0);
                m = parse(&told, text);
                assert_non_null(m);
                for (size_t k = 0; k < m->n_contents; k++) {
                        const Content *c = &m->contents[k];
                        _cleanup_free_ char *names = strv_join(c->alternatives, "|");
                        char *p = out + strlen(out);

                        p += sprintf(p, "%s%s%s", k > 0 ? ", " : "", c->optional ? "-" : "", names);
                        if (c->destination)
                                p += sprintf(p, " > %s", c->destination);
                        if (c->text)
                                p += sprintf(p, " [%s]", c->text);
                        if (c->mode != (mode_t) -1)
                                sprintf(p, " %o", c->mode);
                        assert_true(startswith(cases[i].line, content_type_to_string(c->type)));
                        assert_string_equal(c->path, "/m");
                        assert_int_equal(c->line, 3);
                }
                assert_string_equal(out, cases[i].entries);
        }
}

static void test_drivers(void **state) {
        static const struct {
                DriverRuleType type;
                bool optional;
                const char *alternatives;
        } rules[] = {
                { DRIVER_RULE_NAME, false, "dm_snapshot" },
                { DRIVER_RULE_NAME, true, "dm-raid raid456" },
                { DRIVER_RULE_NAME, false, "crc32*" },
                { DRIVER_RULE_PATH, false, "kernel/drivers/nvme/**" },
                { DRIVER_RULE_ALIAS, true, "pci:v*d*" },
                { DRIVER_RULE_MATCH, false, "kernel/drivers/ata/*" },
                { DRIVER_RULE_LOAD, false, "vfio_pci" },
                { DRIVER_RULE_FIRMWARE, false, "intel/ibt-*" },
        };
        _cleanup_told_ Told told;
        _cleanup_(module_freep) Module *m = parse(&told,
                "[Drivers]\nName=dm_snapshot -dm-raid|raid456 crc32*\nPath=kernel/drivers/nvme/**\n"
                "Alias=-pci:v*d*\nMatch=kernel/drivers/ata/*\nLoad=vfio_pci\nFirmware=intel/ibt-*\n");

        assert_int_equal(m->n_drivers, ELEMENTSOF(rules));
        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                assert_int_equal(m->drivers[i].type, rules[i].type);
                assert_int_equal(m->drivers[i].optional, rules[i].optional);
                joined_equal(m->drivers[i].alternatives, rules[i].alternatives);
                assert_string_equal(m->drivers[i].path, "/m");
        }
        assert_int_equal(m->drivers[3].line, 3);
}

/* The empty assignment takes away what its key has given so far, and no other's. */
static void test_reset(void **state) {
        _cleanup_told_ Told told;
        _cleanup_(module_freep) Module *m = NULL;
        static const char dropin[] =
                "[Module]\nDescription=\nRequires=\nRequires=z\nWants=\nConflicts=\nNeeded=\n"
                "Modes=\nAlways=\nFragment=\n[Content]\nBinary=\nBinary=/b\nText=\n[Drivers]\n"
                "Name=\nLoad=l\n";

        m = parse(&told,
                  "[Module]\nDescription=d\nRequires=a b\nWants=c\nConflicts=d\nNeeded=e\n"
                  "Modes=host\nAlways=yes\nFragment=f\n"
                  "[Content]\nBinary=/a\nFile=/f\nBinary=/c\nText=/t x\n"
                  "[Drivers]\nName=n o\nAlias=x\n");
        assert_int_equal(module_parse(m, &told.report, "/d", dropin, strlen(dropin)), 0);
        assert_null(m->description);
        joined_equal(m->requires, "z");
        assert_string_equal(m->requires_from[0].path, "/d");
        assert_null(m->wants);
        assert_null(m->conflicts);
        assert_null(m->needed);
        assert_true(m->modes[MODE_STRICT]);
        assert_false(m->always);
        assert_string_equal(m->fragment, "m");
        assert_int_equal(m->n_contents, 2);
        assert_int_equal(m->contents[0].type, CONTENT_FILE);
        assert_string_equal(m->contents[1].alternatives[0], "/b");
        assert_string_equal(m->contents[1].path, "/d");
        assert_int_equal(m->n_drivers, 2);
        assert_int_equal(m->drivers[0].type, DRIVER_RULE_ALIAS);
        /* The main file's stays. */
        assert_string_equal(m->path, "/m");
}

/* Everything that is refused, with the third line, and why. */
static void test_failures(void **state) {
        static const struct {
                const char *section, *line, *message;
        } cases[] = {
                { "Module", "Color=red", "Color=: [Module] has no such key" },
                { "Module", "Binary=/a", "Binary=: [Module] has no such key" },
                { "Module", "garbage", "The line is neither [Section] nor Key=value" },
                { "Module", "Requires=a/b", "Requires=a/b: it takes names of modules" },
                { "Module", "Wants=-a", "Wants=-a: it takes names of modules" },
                { "Module", "Requires=x m", "Requires=m: that is the module itself" },
                { "Module", "Conflicts=\"x", "Conflicts=\"x: a quote is not closed" },
                { "Module", "Needed=fs:a,b",
                  "Needed=fs:a,b: it takes tags of facts, wildcards allowed" },
                { "Module", "Modes=all", "Modes=all: it takes host, strict and generic" },
                { "Module", "Always=often", "Always=often: it takes yes or no" },
                { "Module", "Fragment=a/b", "Fragment=a/b: it takes a name" },
                { "Content", "Binaries=/a", "Binaries=: [Content] has no such key" },
                { "Content", "Name=dm", "Name=: [Content] has no such key" },
                { "Content", "Binary=sbin/lvm",
                  "Binary=sbin/lvm: it takes absolute paths, without \"..\"" },
                { "Content", "Binary=/a/../b",
                  "Binary=/a/../b: it takes absolute paths, without \"..\"" },
                { "Content", "Binary=/sbin/fsck.*",
                  "Binary=/sbin/fsck.*: it takes no wildcards" },
                { "Content", "Binary=/a:/b", "Binary=/a:/b: it takes no \":\"" },
                { "Content", "Binary=a||b", "Binary=a||b: a name is missing" },
                { "Content", "Binary=|b", "Binary=|b: a name is missing" },
                { "Content", "Binary=a|", "Binary=a|: a name is missing" },
                { "Content", "Binary=a -", "Binary=-: a name is missing" },
                { "Content", "Binary=\"\"", "Binary=: a name is missing" },
                { "Content", "Binary=a|-b",
                  "Binary=a|-b: the \"-\" stands before the whole entry" },
                { "Content", "Binary=a 'b", "Binary=a 'b: a quote is not closed" },
                { "Content", "Binary=/a/%k", "Binary=/a/%k: there are only %v, %D and %%" },
                { "Content", "Binary=/a/%", "Binary=/a/%: there are only %v, %D and %%" },
                { "Content", "File=etc/a", "File=etc/a: it takes absolute paths, without \"..\"" },
                { "Content", "File=%Dconf",
                  "File=%Dconf: it takes absolute paths, without \"..\"" },
                { "Content", "File=/a:b", "File=/a:b: it takes absolute paths, without \"..\"" },
                { "Content", "File=/a:", "File=/a:: nothing follows the \":\"" },
                { "Content", "File=:/a", "File=:/a: a name is missing" },
                { "Content", "File=/a:/b:/c",
                  "File=/a:/b:/c: only one \":\" may be in it, and no \"|\" behind that" },
                { "Content", "File=/a:/b|/c",
                  "File=/a:/b|/c: only one \":\" may be in it, and no \"|\" behind that" },
                { "Content", "File=/a:/%x", "File=/a:/%x: there are only %v, %D and %%" },
                { "Content", "File=/a:/b*", "File=/a:/b*: it takes no wildcards" },
                { "Content", "File=/a|/b*:/c",
                  "File=/a|/b*:/c: several files go to a directory: it ends in \"/\"" },
                { "Content", "Tree=/a/*", "Tree=/a/*: it takes no wildcards" },
                { "Content", "Directory=/a|/b", "Directory=/a|/b: it takes no alternatives" },
                { "Content", "Directory=/a:rwx", "Directory=/a:rwx: a mode is octal, as 0755" },
                { "Content", "Directory=/a:", "Directory=/a:: a mode is octal, as 0755" },
                { "Content", "Directory=/a:10000", "Directory=/a:10000: a mode is octal, as 0755" },
                { "Content", "Directory=/a:0000000755",
                  "Directory=/a:0000000755: a mode is octal, as 0755" },
                { "Content", "Symlink=/a", "Symlink=/a: a \":\" and what follows it are missing" },
                { "Content", "Symlink=/a:b|c",
                  "Symlink=/a:b|c: only one \":\" may be in it, and no \"|\" behind that" },
                { "Content", "Text=a b", "Text=a: it takes absolute paths, without \"..\"" },
                { "Content", "Text=/a \\q", "Text=/a \\q: a \"\\\" is followed by what is no escape" },
                { "Content", "Text=/a \\x4",
                  "Text=/a \\x4: a \"\\\" is followed by what is no escape" },
                { "Content", "Text=/a \\400",
                  "Text=/a \\400: a \"\\\" is followed by what is no escape" },
                { "Content", "Text=/a \\000",
                  "Text=/a \\000: a \"\\\" is followed by what is no escape" },
                { "Content", "Text=/a \"b", "Text=/a \"b: a quote is not closed" },
                { "Content", "Text=/a \"b\" c",
                  "Text=/a \"b\" c: something follows the closing quote" },
                { "Content", "Text=/a 5%", "Text=/a 5%: there are only %v, %D and %%" },
                { "Content", "Text=/a \\x25k",
                  "Text=/a \\x25k: there are only %v, %D and %%" },
                { "Content", "Unit=a", "Unit=a: it takes names of units, with their suffix" },
                { "Content", "Unit=.service",
                  "Unit=.service: it takes names of units, with their suffix" },
                { "Content", "Unit=/usr/lib/systemd/system/a.service",
                  "Unit=/usr/lib/systemd/system/a.service: it takes names, without slash or "
                  "wildcard" },
                { "Content", "Unit=a*.service",
                  "Unit=a*.service: it takes names, without slash or wildcard" },
                { "Content", "Enable=a.service",
                  "Enable=a.service: a \":\" and what follows it are missing" },
                { "Content", "Enable=a.service:b",
                  "Enable=a.service:b: it takes names of units, with their suffix" },
                { "Content", "Enable=a.service:b.wants",
                  "Enable=a.service:b.wants: it takes names of units, with their suffix" },
                { "Content", "UdevRule=lvm",
                  "UdevRule=lvm: it takes names of udev rules that end in .rules" },
                { "Content", "Generator=/a",
                  "Generator=/a: it takes names, without slash or wildcard" },
                { "Content", "User=a/b", "User=a/b: it takes names of accounts" },
                { "Drivers", "Binary=a", "Binary=: [Drivers] has no such key" },
                { "Drivers", "Name=dm.ko", "Name=dm.ko: a driver is named without \".ko\"" },
                { "Drivers", "Load=dm.ko.xz", "Load=dm.ko.xz: a driver is named without \".ko\"" },
                { "Drivers", "Name=drivers/md",
                  "Name=drivers/md: it takes names of drivers; Path= takes paths" },
                { "Drivers", "Name=-", "Name=-: a name is missing" },
                { "Drivers", "Path=/kernel/a",
                  "Path=/kernel/a: it takes paths that begin without a slash, without \"..\"" },
                { "Drivers", "Match=../a",
                  "Match=../a: it takes paths that begin without a slash, without \"..\"" },
                { "Drivers", "Path=a/b.ko.xz",
                  "Path=a/b.ko.xz: the compression's suffix is not part of it" },
                { "Drivers", "Firmware=/lib/firmware/a",
                  "Firmware=/lib/firmware/a: it takes paths that begin without a slash, without "
                  "\"..\"" },
                { "Drivers", "Alias='", "Alias=': a quote is not closed" },
                { "Other", "A=b",
                  "A module file has [Module], [Content] and [Drivers], not [Other]" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL;
                _cleanup_told_ Told told;

                assert_int_equal(str_printf(&text, "# x\n[%s]\n%s\n", cases[i].section,
                                            cases[i].line), 0);
                assert_null(parse(&told, text));
                told_failure(&told, "/m", 3, cases[i].message);
        }
}

/* The hash is of the definition: not of the text, nor of where it stands; of every word else. */
static void test_hash(void **state) {
        static const char plain[] = "[Module]\nNeeded=a\n[Content]\nBinary=/a -/b\nText=/t x\n"
                                    "[Drivers]\nName=n\n";
        static const char *const same[] = {
                "# a comment\n[Drivers]\n  Name = n\n[Module]\nNeeded=\"a\"\n\n[Content]\n"
                "Binary=//a/ \\\n -/b\nText=/t   \"x\"\n",
                "[Module]\nNeeded=z\nNeeded=\nNeeded=a a\nModes=host strict generic\nAlways=no\n"
                "[Content]\nBinary=/a\nBinary=-/b\nText=/t \\x78\\n\n[Drivers]\nName=n\n",
        };
        static const char *const different[] = {
                "Description=d", "Requires=r", "Wants=r", "Conflicts=r", "Needed=b", "Modes=host",
                "Always=yes", "Fragment=f", "[Content]\nBinary=/c", "[Content]\nFile=/c",
                "[Content]\nFile=-/c", "[Content]\nFile=/c|/d", "[Content]\nFile=/c:/d",
                "[Content]\nDirectory=/c", "[Content]\nDirectory=/c:755", "[Content]\nText=/u",
                "[Content]\nText=/u v", "[Drivers]\nName=o", "[Drivers]\nLoad=o",
                "[Drivers]\nName=-o", "[Drivers]\nName=o|p", "[Drivers]\nName=o p",
        };
        _cleanup_(module_freep) Module *m = NULL;
        XXH128_hash_t seen[ELEMENTSOF(different) + 1];
        _cleanup_told_ Told told;

        m = parse(&told, plain);
        seen[0] = m->hash;
        for (size_t i = 0; i < ELEMENTSOF(same); i++) {
                _cleanup_(module_freep) Module *other = NULL;

                assert_int_equal(module_new(&other, "m"), 0);
                assert_int_equal(module_parse(other, &told.report, "/elsewhere", same[i],
                                              strlen(same[i])), 0);
                assert_true(XXH128_isEqual(other->hash, m->hash));
        }
        for (size_t i = 0; i < ELEMENTSOF(different); i++) {
                _cleanup_(module_freep) Module *other = NULL;
                _cleanup_free_ char *text = NULL;

                assert_int_equal(str_printf(&text, "%s[Module]\n%s\n", plain, different[i]), 0);
                other = parse(&told, text);
                assert_non_null(other);
                seen[i + 1] = other->hash;
                for (size_t k = 0; k <= i; k++)
                        assert_false(XXH128_isEqual(seen[k], other->hash));
        }

        /* The name is part of it. */
        {
                _cleanup_(module_freep) Module *other = NULL;

                assert_int_equal(module_new(&other, "n"), 0);
                assert_int_equal(module_parse(other, &told.report, "/m", plain, strlen(plain)), 0);
                assert_false(XXH128_isEqual(other->hash, m->hash));
        }
}

/* Directories, masks and drop-ins; by name; and a trace that sees what comes. */
static void test_load(void **state) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(modules_freep) Modules *modules = NULL;
        _cleanup_(trace_freep) Trace *trace = NULL;
        _cleanup_told_ Told told;
        ConfTree *t = *state;
        const Module *m;

        conf_tree_put(t, "usr/lib/initrdd/modules.d/a.module", "[Content]\nBinary=/a\n");
        conf_tree_put(t, "usr/lib/initrdd/modules.d/a-b.module", "[Content]\nBinary=/lib\n");
        conf_tree_put(t, "etc/initrdd/modules.d/a-b.module", "[Content]\nBinary=/etc\n");
        conf_tree_put(t, "usr/lib/initrdd/modules.d/masked.module", "[Content]\nBinary=/a\n");
        conf_tree_link(t, "etc/initrdd/modules.d/masked.module", "/dev/null");
        conf_tree_put(t, "etc/initrdd/modules.d/masked.module.d/x.conf", "[Content]\nBinary=/a\n");
        conf_tree_put(t, "run/initrdd/modules.d/a.module.d/x.conf", "[Content]\nBinary=/x\n");
        conf_tree_put(t, "etc/initrdd/modules.d/readme.txt", "garbage");
        conf_tree_settle(t);
        source = conf_tree_source(t);

        told_init(&told);
        assert_int_equal(trace_new(&trace), 0);
        assert_int_equal(modules_load(source, trace, &told.report, &modules), 0);
        told_nothing(&told);
        assert_int_equal(modules->n_modules, 2);
        assert_string_equal(modules->modules[0]->name, "a");
        assert_string_equal(modules->modules[1]->name, "a-b");
        m = modules_find(modules, "a");
        assert_int_equal(m->n_contents, 2);
        assert_string_equal(m->path, "/usr/lib/initrdd/modules.d/a.module");
        assert_string_equal(m->contents[1].path, "/run/initrdd/modules.d/a.module.d/x.conf");
        m = modules_find(modules, "a-b");
        assert_string_equal(m->contents[0].alternatives[0], "/etc");
        assert_null(modules_find(modules, "masked"));
        assert_null(modules_find(modules, ""));

        assert_int_equal(conf_tree_check(t, trace), 1);
        conf_tree_put(t, "etc/initrdd/modules.d/a.module.d/y.conf", "[Content]\n");
        assert_int_equal(conf_tree_check(t, trace), 0);
}

static void test_load_failures(void **state) {
        static const struct {
                const char *path, *text, *message;
                unsigned line;
        } cases[] = {
                { "/etc/initrdd/modules.d/a.module", "[Content]\nX=\n",
                  "X=: [Content] has no such key", 2 },
                { "/run/initrdd/modules.d/ok.module.d/x.conf", "\n[Module]\nY\n",
                  "The line is neither [Section] nor Key=value", 3 },
                { "/etc/initrdd/modules.d/a b.module", "#", "\"a b\" can't name a module", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_told_ Told told;
                Modules *modules = NULL;
                void *own = NULL;

                conf_tree_setup(&own);
                conf_tree_put(own, "etc/initrdd/modules.d/ok.module", "#");
                conf_tree_put(own, cases[i].path + 1, cases[i].text);
                source = conf_tree_source(own);
                told_init(&told);
                assert_int_equal(modules_load(source, NULL, &told.report, &modules), -EINVAL);
                assert_null(modules);
                told_failure(&told, cases[i].path, cases[i].line, cases[i].message);
                conf_tree_teardown(&own);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_module_section),
                cmocka_unit_test(test_content),
                cmocka_unit_test(test_drivers),
                cmocka_unit_test(test_reset),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_hash),
                cmocka_unit_test_setup_teardown(test_load, conf_tree_setup, conf_tree_teardown),
                cmocka_unit_test(test_load_failures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
