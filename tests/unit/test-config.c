/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "conf-tree.h"
#include "describe/config.h"

/* A profile of one file's text, as config_load() would make it. */
static Profile *parse(Told *told, const char *name, const char *text) {
        Profile *p;

        told_init(told);
        assert_int_equal(profile_new(&p, name), 0);
        assert_int_equal(config_parse_profile(p, &told->report, "/p", text, strlen(text)), 0);
        assert_int_equal(profile_settle(p, &told->report), 0);
        return p;
}

static void joined_equal(char *const *l, const char *expected) {
        _cleanup_free_ char *joined = strv_join(l, " ");

        assert_string_equal(joined, expected);
}

static void test_names(void **state) {
        for (Mode m = 0; m < _MODE_MAX; m++)
                assert_int_equal(mode_from_string(mode_to_string(m)), m);
        for (Emergency e = 0; e < _EMERGENCY_MAX; e++)
                assert_int_equal(emergency_from_string(emergency_to_string(e)), e);
        for (Microcode m = 0; m < _MICROCODE_MAX; m++)
                assert_int_equal(microcode_from_string(microcode_to_string(m)), m);
        for (Compression c = 0; c < _COMPRESSION_MAX; c++)
                assert_int_equal(compression_from_string(compression_to_string(c)), c);
        for (ProfileKey k = 0; k < _PROFILE_KEY_MAX; k++)
                assert_int_equal(profile_key_from_string(profile_key_to_string(k)), k);
        assert_int_equal(mode_from_string("Host"), _MODE_INVALID);
        assert_int_equal(compression_from_string(""), _COMPRESSION_INVALID);
        assert_null(mode_to_string(_MODE_INVALID));
        assert_null(profile_key_to_string(_PROFILE_KEY_MAX));
}

/* What holds where nothing is said hangs on the name, and of microcode on the mode. */
static void test_presets(void **state) {
        static const struct {
                const char *name, *text, *output;
                Mode mode;
                Microcode microcode;
        } cases[] = {
                { "default", "", "/boot/initrd.img-%v", MODE_HOST, MICROCODE_HOST },
                { "fallback", "", "/boot/initrd.img-%v-%p", MODE_GENERIC, MICROCODE_ALL },
                { "default", "[Profile]\nMode=generic", "/boot/initrd.img-%v", MODE_GENERIC,
                  MICROCODE_ALL },
                { "rescue", "[Profile]\nMicrocode=no\nMode=strict", "/boot/initrd.img-%v-%p",
                  MODE_STRICT, MICROCODE_NO },
                /* The empty assignment goes back to it. */
                { "default", "[Profile]\nMode=generic\nMicrocode=no\nOutput=/x-%v\nMode=\n"
                             "Microcode=\nOutput=", "/boot/initrd.img-%v", MODE_HOST,
                  MICROCODE_HOST },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                _cleanup_(profile_freep) Profile *p = parse(&told, cases[i].name, cases[i].text);

                told_nothing(&told);
                assert_string_equal(p->output, cases[i].output);
                assert_int_equal(p->mode, cases[i].mode);
                assert_int_equal(p->microcode, cases[i].microcode);
                assert_int_equal(p->compression, COMPRESSION_ZSTD);
                assert_int_equal(p->emergency, EMERGENCY_LOCKED);
                assert_null(p->emergency_password);
                assert_null(p->acpi_tables);
                assert_null(p->path);
        }
}

/* Levels belong to the compressor, in whichever order they come; what it can't do is its preset. */
static void test_levels(void **state) {
        static const struct {
                const char *text;
                int level, idle_level;
                const char *warnings;
        } cases[] = {
                { "", 3, 19, "" },
                { "Compression=xz", 6, 9, "" },
                { "Compression=gzip", 6, 9, "" },
                { "Compression=lz4", 1, 12, "" },
                { "Compression=none", 0, 0, "" },
                { "Level=22\nIdleLevel=1", 22, 1, "" },
                { "IdleLevel=0", 3, 0, "" },
                { "Level=0\nCompression=xz", 0, 9, "" },
                { "Level=12\nCompression=lz4", 12, 12, "" },
                { "Level=99", 3, 19, "/p:2: Level=99: zstd takes 1 to 22\n" },
                { "Level=0", 3, 19, "/p:2: Level=0: zstd takes 1 to 22\n" },
                { "Level=15\nIdleLevel=-1\nCompression=gzip", 6, 9,
                  "/p:2: Level=15: gzip takes 1 to 9\n/p:3: IdleLevel=-1: gzip takes 1 to 9\n" },
                { "Compression=none\nLevel=1", 0, 0,
                  "/p:3: Level=1: Compression=none has no levels\n" },
                { "Level=fast", 3, 19, "/p:2: Level=fast: it takes a number\n" },
                /* A value that can't be read leaves the one before. */
                { "Level=7\nLevel=", 3, 19, "" },
                { "Level=7\nLevel=7.5\nIdleLevel=99999999999", 7, 19,
                  "/p:3: Level=7.5: it takes a number\n"
                  "/p:4: IdleLevel=99999999999: it takes a number\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(profile_freep) Profile *p = NULL;
                _cleanup_free_ char *text = NULL;
                _cleanup_told_ Told told;

                assert_int_equal(str_printf(&text, "[Profile]\n%s\n", cases[i].text), 0);
                p = parse(&told, "default", text);
                assert_string_equal(told.text, cases[i].warnings);
                assert_int_equal(p->level, cases[i].level);
                assert_int_equal(p->idle_level, cases[i].idle_level);
        }
}

/* Each bad value is told of with its place, once, and changes nothing. */
static void test_bad_values(void **state) {
        static const struct {
                const char *text, *warnings;
        } cases[] = {
                { "[Profile]\nMode=fast\n", "/p:2: Mode=fast: it takes host, strict or generic\n" },
                { "[Profile]\nCompression=bzip2\n",
                  "/p:2: Compression=bzip2: it takes none, zstd, xz, gzip or lz4\n" },
                { "[Profile]\nEmergency=yes\n",
                  "/p:2: Emergency=yes: it takes locked, open or password\n" },
                { "[Profile]\nMicrocode=yes\n",
                  "/p:2: Microcode=yes: it takes no, host or all\n" },
                { "[Profile]\nOutput=boot/%v\n", "/p:2: Output=boot/%v: it takes the absolute path "
                                                 "of a file, without \"..\"\n" },
                { "[Profile]\nOutput=/boot/%v/\n", "/p:2: Output=/boot/%v/: it takes the absolute "
                                                   "path of a file, without \"..\"\n" },
                { "[Profile]\nOutput=/boot/../%v\n", "/p:2: Output=/boot/../%v: it takes the "
                                                     "absolute path of a file, without \"..\"\n" },
                { "[Profile]\nOutput=/%k\n",
                  "/p:2: Output=/%k: there are only %v, %p and %%\n" },
                { "[Profile]\nOutput=/%v%\n",
                  "/p:2: Output=/%v%: there are only %v, %p and %%\n" },
                /* One path for every kernel. */
                { "[Profile]\nOutput=/boot/initrd\n", "/p:2: Output=/boot/initrd: without %v in it "
                                                      "Kernels= must say for which kernel\n" },
                /* Never the value itself, which might be the password. */
                { "[Profile]\nEmergencyPassword=secret\n",
                  "/p:2: EmergencyPassword=: it takes a hash, as \"openssl passwd -6\" prints "
                  "it\n" },
                { "[Profile]\nEmergencyPassword=$6$a b\n",
                  "/p:2: EmergencyPassword=: it takes a hash, as \"openssl passwd -6\" prints "
                  "it\n" },
                { "[Profile]\nAcpiTables=tables\n",
                  "/p:2: AcpiTables=tables: it takes the absolute path of a directory, without "
                  "\"..\"\n" },
                { "[Profile]\nColour=red\n",
                  "/p:2: [Profile] has no key Colour=, it is ignored\n" },
                { "[Profile]\nmode=strict\n",
                  "/p:2: [Profile] has no key mode=, it is ignored\n" },
                { "[Profil]\nMode=strict\nMode=generic\n",
                  "/p:2: Section [Profil] is not known here, it is ignored\n" },
                { "[Service]\nMode=strict\n",
                  "/p:2: Section [Service] is not known here, it is ignored\n" },
                { "Mode=strict\n", "/p:1: Mode= stands before any section\n" },
                { "[Profile]\nMode\n",
                  "/p:2: The line is neither [Section] nor Key=value, it is ignored\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                _cleanup_(profile_freep) Profile *p = parse(&told, "default", cases[i].text);

                assert_string_equal(told.text, cases[i].warnings);
                assert_string_equal(p->output, "/boot/initrd.img-%v");
                assert_int_equal(p->mode, MODE_HOST);
                assert_int_equal(p->compression, COMPRESSION_ZSTD);
                assert_null(p->emergency_password);
                assert_null(p->acpi_tables);
        }
}

/* Lists grow, keep each word once, and lose the bad ones alone; the last word on a module counts. */
static void test_lists(void **state) {
        _cleanup_told_ Told told;
        _cleanup_(profile_freep) Profile *p = parse(&told, "default",
                "[Profile]\n"
                "Modules=lvm -plymouth nfs\n"
                "Modules=plymouth -nfs \"bad name\" - lvm\n"
                "Kernels=6.1*\n"
                "Kernels=\n"
                "Kernels=6.12.* a/b\n"
                "Drivers=nvme dm-* nvme\n"
                "OmitDrivers=floppy drivers/net pcspkr.ko\n"
                "ForceDrivers=vfio_pci \"unclosed\n"
                "ForceDrivers=vfio\n"
                "Include=/etc/a /opt//b/:/usr/b/ c:/d /e:f /g:/h:/i\n"
                "Include=\"/with space\"\n");

        assert_string_equal(told.text,
                "/p:3: Modules=bad name: it takes names of modules, with a \"-\" to leave one out\n"
                "/p:3: Modules=-: it takes names of modules, with a \"-\" to leave one out\n"
                "/p:6: Kernels=a/b: it takes versions, wildcards allowed\n"
                "/p:8: OmitDrivers=drivers/net: it takes names of drivers, wildcards allowed\n"
                "/p:8: OmitDrivers=pcspkr.ko: a driver is named without \".ko\"\n"
                "/p:9: ForceDrivers=vfio_pci \"unclosed: a quote is not closed\n"
                "/p:11: Include=c:/d: it takes SOURCE or SOURCE:DESTINATION, absolute paths "
                "without \"..\"\n"
                "/p:11: Include=/e:f: it takes SOURCE or SOURCE:DESTINATION, absolute paths "
                "without \"..\"\n"
                "/p:11: Include=/g:/h:/i: it takes SOURCE or SOURCE:DESTINATION, absolute paths "
                "without \"..\"\n");
        joined_equal(p->modules, "plymouth -nfs lvm");
        joined_equal(p->kernels, "6.12.*");
        joined_equal(p->drivers, "dm-* nvme");
        joined_equal(p->omit_drivers, "floppy");
        joined_equal(p->force_drivers, "vfio");

        assert_int_equal(p->n_includes, 3);
        assert_string_equal(p->includes[0].source, "/etc/a");
        assert_string_equal(p->includes[0].destination, "/etc/a");
        assert_string_equal(p->includes[1].source, "/opt/b");
        assert_string_equal(p->includes[1].destination, "/usr/b");
        assert_string_equal(p->includes[2].source, "/with space");
        assert_string_equal(p->includes[2].path, "/p");
        assert_int_equal(p->includes[2].line, 12);
        assert_string_equal(p->origins[PROFILE_MODULES].path, "/p");
        assert_int_equal(p->origins[PROFILE_MODULES].line, 3);
}

/* On a command line the first thing that can't be is a failure, and nothing changes. */
static void test_set_failures(void **state) {
        static const struct {
                const char *key, *value, *message;
        } cases[] = {
                { "Level", "99", "Level=99: zstd takes 1 to 22" },
                { "IdleLevel", "99", "IdleLevel=99: zstd takes 1 to 22" },
                { "Level", "x", "Level=x: it takes a number" },
                { "Mode", "x", "Mode=x: it takes host, strict or generic" },
                { "Modules", "good b@d/",
                  "Modules=b@d/: it takes names of modules, with a \"-\" to leave one out" },
                { "Include", "/good bad",
                  "Include=bad: it takes SOURCE or SOURCE:DESTINATION, absolute paths without "
                  "\"..\"" },
                { "Drivers", "'x", "Drivers='x: a quote is not closed" },
                { "Colour", "red", "A profile has no setting Colour=" },
                { "", "", "A profile has no setting =" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_told_ Told told;
                _cleanup_(profile_freep) Profile *p = parse(&told, "default", "");

                assert_int_equal(profile_set(p, &told.report, cases[i].key, cases[i].value),
                                 -EINVAL);
                told_failure(&told, NULL, 0, cases[i].message);
                assert_string_equal(told.text, "");
                assert_int_equal(p->level, 3);
                assert_int_equal(p->idle_level, 19);
                assert_null(p->modules);
                assert_int_equal(p->n_includes, 0);
        }
}

/* What follows from a setting follows it, also when set one by one. */
static void test_set(void **state) {
        _cleanup_told_ Told told;
        _cleanup_(profile_freep) Profile *p = parse(&told, "default", "[Profile]\nKernels=6*\n");

        assert_int_equal(profile_set(p, &told.report, "Compression", "lz4"), 0);
        assert_int_equal(p->level, 1);
        assert_int_equal(p->idle_level, 12);
        assert_int_equal(profile_set(p, &told.report, "Level", "9"), 0);
        assert_int_equal(profile_set(p, &told.report, "Compression", "xz"), 0);
        assert_int_equal(p->level, 9);
        assert_int_equal(p->idle_level, 9);
        assert_int_equal(profile_set(p, &told.report, "Level", ""), 0);
        assert_int_equal(p->level, 6);
        assert_int_equal(profile_set(p, &told.report, "Mode", "generic"), 0);
        assert_int_equal(p->microcode, MICROCODE_ALL);
        assert_int_equal(profile_set(p, &told.report, "Kernels", "5*"), 0);
        joined_equal(p->kernels, "6* 5*");
        /* A path for one kernel is fine here: the command line names the kernel. */
        assert_int_equal(profile_set(p, &told.report, "Kernels", ""), 0);
        assert_int_equal(profile_set(p, &told.report, "Output", "/tmp/initrd"), 0);
        assert_string_equal(p->output, "/tmp/initrd");
        assert_int_equal(profile_set(p, &told.report, "Include", "/a:/b"), 0);
        assert_null(p->includes[0].path);
        told_nothing(&told);
}

/* A level of the file's gives way to a compressor of the command line's, and is told of; one of the
 * command line's does not. Together, the order doesn't matter. */
static void test_apply(void **state) {
        char *const ok[] = { (char *) "Level=9", (char *) "Compression=gzip", NULL };
        char *const bad[] = { (char *) "Mode=strict", (char *) "Level=15",
                              (char *) "Compression=gzip", NULL };
        char *const garbage[] = { (char *) "Mode", NULL };
        _cleanup_told_ Told told, other;
        _cleanup_(profile_freep) Profile *p = parse(&told, "default", "[Profile]\nLevel=15\n");

        assert_int_equal(profile_set(p, &told.report, "Compression", "gzip"), 0);
        assert_string_equal(told.text, "/p:2: Level=15: gzip takes 1 to 9\n");
        assert_int_equal(p->level, 6);

        told_init(&other);
        assert_int_equal(profile_set(p, &other.report, "Compression", "zstd"), 0);
        assert_int_equal(profile_apply(p, &other.report, ok), 0);
        assert_int_equal(p->level, 9);
        assert_int_equal(p->compression, COMPRESSION_GZIP);
        told_nothing(&other);

        assert_int_equal(profile_apply(p, &other.report, bad), -EINVAL);
        told_failure(&other, NULL, 0, "Level=15: gzip takes 1 to 9");
        assert_int_equal(p->mode, MODE_HOST);
        assert_int_equal(p->level, 9);

        assert_int_equal(profile_apply(p, &told.report, garbage), -EINVAL);
        told_failure(&told, NULL, 0, "\"Mode\" is not of the form Key=value");
}

static void test_output_path(void **state) {
        static const char *const cases[][2] = {
                { "/boot/initrd.img-%v-%p", "/boot/initrd.img-6.1-fallback" },
                { "/%%%v%%", "/%6.1%" },
                { "/plain", "/plain" },
        };
        _cleanup_told_ Told told;
        _cleanup_(profile_freep) Profile *p = parse(&told, "fallback", "");
        char *untouched = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = NULL;

                assert_int_equal(profile_set(p, &told.report, "Output", cases[i][0]), 0);
                assert_int_equal(profile_output_path(p, "6.1", &path), 0);
                assert_string_equal(path, cases[i][1]);
        }
        p->output[1] = '%';
        assert_int_equal(profile_output_path(p, "6.1", &untouched), -EINVAL);
        assert_null(untouched);
}

/* Layers: initrdd.conf under every profile, drop-ins over the file, masks, names. */
static void test_load(void **state) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *text = NULL;
        _cleanup_told_ Told told;
        ConfTree *t = *state;
        const Profile *p;

        conf_tree_put(t, "usr/lib/initrdd/initrdd.conf", "[Profile]\nMode=generic\n");
        conf_tree_put(t, "etc/initrdd/initrdd.conf",
                      "[Service]\nAutomatic=no\n[Profile]\nCompression=xz\nModules=lvm\nLevel=9\n");
        conf_tree_put(t, "run/initrdd/initrdd.conf.d/a.conf", "[Profile]\nModules=-nfs\n");
        conf_tree_put(t, "usr/lib/initrdd/profiles.d/fallback.conf", "[Profile]\nModules=nfs");
        conf_tree_put(t, "usr/lib/initrdd/profiles.d/fallback-b.conf", "# the built-in values\n");
        conf_tree_put(t, "etc/initrdd/profiles.d/fallback.conf.d/x.conf",
                      "[Profile]\nModules=\nModules=md\nCompression=zstd\n");
        conf_tree_put(t, "usr/lib/initrdd/profiles.d/gone.conf", "[Profile]\nMode=strict\n");
        conf_tree_link(t, "etc/initrdd/profiles.d/gone.conf", "/dev/null");
        conf_tree_put(t, "etc/initrdd/profiles.d/only-dropins.conf.d/x.conf", "[Profile]\n");
        conf_tree_put(t, "etc/initrdd/profiles.d/default.conf.d/x.conf", "[Profile]\nMode=strict\n");
        conf_tree_put(t, "etc/initrdd/profiles.d/bad name.conf", "[Profile]\n");
        source = conf_tree_source(t);

        told_init(&told);
        assert_int_equal(config_load(source, NULL, &told.report, &config), 0);
        assert_string_equal(told.text, "/etc/initrdd/profiles.d/bad name.conf:0: \"bad name\" "
                                       "can't name a profile, the file is ignored\n");
        assert_int_equal(config->n_profiles, 3);
        assert_string_equal(config->profiles[0]->name, "default");
        assert_string_equal(config->profiles[1]->name, "fallback");
        assert_string_equal(config->profiles[2]->name, "fallback-b");

        p = config_find_profile(config, "default");
        assert_null(p->path);
        assert_int_equal(p->mode, MODE_STRICT);
        assert_int_equal(p->compression, COMPRESSION_XZ);
        assert_int_equal(p->level, 9);
        joined_equal(p->modules, "lvm -nfs");

        p = config_find_profile(config, "fallback");
        assert_string_equal(p->path, "/usr/lib/initrdd/profiles.d/fallback.conf");
        assert_int_equal(p->mode, MODE_GENERIC);
        assert_int_equal(p->compression, COMPRESSION_ZSTD);
        assert_string_equal(p->output, "/boot/initrd.img-%v-%p");
        joined_equal(p->modules, "md");
        assert_string_equal(p->origins[PROFILE_LEVEL].path, "/etc/initrdd/initrdd.conf");
        assert_int_equal(p->origins[PROFILE_LEVEL].line, 6);

        assert_null(config_find_profile(config, "gone"));
        assert_null(config_find_profile(config, "only-dropins"));

        /* What cat-config shows is what was read, in the order of reading. */
        assert_int_equal(config_cat(source, &text), 0);
        assert_string_equal(text,
                "# /etc/initrdd/initrdd.conf\n"
                "[Service]\nAutomatic=no\n[Profile]\nCompression=xz\nModules=lvm\nLevel=9\n\n"
                "# /run/initrdd/initrdd.conf.d/a.conf\n[Profile]\nModules=-nfs\n\n"
                "# /etc/initrdd/profiles.d/bad name.conf\n[Profile]\n\n"
                "# /etc/initrdd/profiles.d/default.conf.d/x.conf\n[Profile]\nMode=strict\n\n"
                "# /usr/lib/initrdd/profiles.d/fallback-b.conf\n# the built-in values\n\n"
                "# /usr/lib/initrdd/profiles.d/fallback.conf\n[Profile]\nModules=nfs\n\n"
                "# /etc/initrdd/profiles.d/fallback.conf.d/x.conf\n"
                "[Profile]\nModules=\nModules=md\nCompression=zstd\n");
}

/* [Service]: each key, what it refuses, and where it has its place. */
static void test_service(void **state) {
        static const struct {
                const char *text, *warning;
                bool automatic, pack_ahead;
                unsigned settle, job_timeout, idle_recompress;
        } cases[] = {
                { "", "", true, true, 3, 180, 600 },
                { "Automatic=no\nPackAhead=off\nSettleSec=0\nJobTimeoutSec=1\n"
                  "IdleRecompressSec=0\n", "", false, false, 0, 1, 0 },
                { "SettleSec=3600\nJobTimeoutSec=86400\nIdleRecompressSec=604800\n", "", true,
                  true, 3600, 86400, 604800 },
                { "Automatic=no\nAutomatic=\nSettleSec=9\nSettleSec=\n", "", true, true, 3, 180,
                  600 },
                { "Automatic=perhaps\n", "2: Automatic=perhaps: it takes yes or no\n", true, true,
                  3, 180, 600 },
                { "SettleSec=5\nSettleSec=-1\n",
                  "3: SettleSec=-1: it takes seconds, 0 to 3600\n", true, true, 5, 180, 600 },
                { "SettleSec=3601\n", "2: SettleSec=3601: it takes seconds, 0 to 3600\n", true,
                  true, 3, 180, 600 },
                { "JobTimeoutSec=0\n", "2: JobTimeoutSec=0: it takes seconds, 1 to 86400\n", true,
                  true, 3, 180, 600 },
                { "IdleRecompressSec=5min\n",
                  "2: IdleRecompressSec=5min: it takes seconds, 0 to 604800\n", true, true, 3, 180,
                  600 },
                { "Nothing=1\n", "2: [Service] has no key Nothing=, it is ignored\n", true, true,
                  3, 180, 600 },
        };
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL, *warning = NULL;
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(config_freep) Config *config = NULL;
                _cleanup_told_ Told told;

                assert_true(str_printf(&text, "[Service]\n%s", cases[i].text) >= 0);
                assert_true(str_printf(&warning, "%s%s",
                                       *cases[i].warning ? "/etc/initrdd/initrdd.conf:" : "",
                                       cases[i].warning) >= 0);
                conf_tree_put(t, "etc/initrdd/initrdd.conf", text);
                source = conf_tree_source(t);
                told_init(&told);
                assert_int_equal(config_load(source, NULL, &told.report, &config), 0);
                assert_string_equal(told.text, warning);
                assert_int_equal(config->service.automatic, cases[i].automatic);
                assert_int_equal(config->service.pack_ahead, cases[i].pack_ahead);
                assert_int_equal(config->service.settle_usec, cases[i].settle * 1000000ULL);
                assert_int_equal(config->service.job_timeout_usec,
                                 cases[i].job_timeout * 1000000ULL);
                assert_int_equal(config->service.idle_recompress_usec,
                                 cases[i].idle_recompress * 1000000ULL);
        }
}

/* No file at all: `default` is there all the same; a file that comes later is a change. */
static void test_load_nothing(void **state) {
        static const char *const later[] = {
                "etc/initrdd/initrdd.conf",           "run/initrdd/initrdd.conf.d/x.conf",
                "etc/initrdd/profiles.d/default.conf", "usr/lib/initrdd/profiles.d/x.conf",
                "run/initrdd/profiles.d/default.conf.d/x.conf",
        };

        for (size_t i = 0; i < ELEMENTSOF(later); i++) {
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(config_freep) Config *config = NULL;
                _cleanup_(trace_freep) Trace *trace = NULL;
                _cleanup_told_ Told told;
                void *own = NULL;
                ConfTree *t;

                conf_tree_setup(&own);
                t = own;
                conf_tree_put(t, "usr/bin/x", "");
                conf_tree_settle(t);
                source = conf_tree_source(t);
                told_init(&told);
                assert_int_equal(trace_new(&trace), 0);
                assert_int_equal(config_load(source, trace, &told.report, &config), 0);
                told_nothing(&told);
                assert_int_equal(config->n_profiles, 1);
                assert_string_equal(config->profiles[0]->name, "default");
                assert_int_equal(conf_tree_check(t, trace), 1);
                conf_tree_put(t, later[i], "[Profile]\n");
                assert_int_equal(conf_tree_check(t, trace), 0);
                conf_tree_teardown(&own);
        }
}

/* Two profiles that would overwrite each other's images. */
static void test_same_output(void **state) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_told_ Told told;
        ConfTree *t = *state;

        conf_tree_put(t, "etc/initrdd/profiles.d/a.conf", "[Profile]\nOutput=/boot/i-%v\n");
        conf_tree_put(t, "etc/initrdd/profiles.d/b.conf", "[Profile]\nOutput=/boot//i-%v\n");
        conf_tree_put(t, "etc/initrdd/profiles.d/c.conf",
                      "[Profile]\nOutput=/boot/i-%v\nKernels=6*\n");
        conf_tree_put(t, "etc/initrdd/profiles.d/d.conf", "[Profile]\nOutput=/boot/i-%v-%p\n");
        source = conf_tree_source(t);
        told_init(&told);
        assert_int_equal(config_load(source, NULL, &told.report, &config), 0);
        assert_string_equal(told.text, "/etc/initrdd/profiles.d/b.conf:2: The profiles a and b have "
                                       "the same Output=/boot/i-%v\n");
}

/* A copy shares nothing: the sanitizer sees it if it does. */
static void test_copy(void **state) {
        _cleanup_told_ Told told;
        _cleanup_(profile_freep) Profile *copy = NULL, *p = parse(&told, "default",
                "[Profile]\nModules=a\nKernels=b\nDrivers=c\nOmitDrivers=d\nForceDrivers=e\n"
                "Include=/f\nEmergency=password\nEmergencyPassword=$6$x\nAcpiTables=/g/\n");

        told_nothing(&told);
        assert_int_equal(profile_copy(p, &copy), 0);
        p = profile_free(p);
        joined_equal(copy->modules, "a");
        joined_equal(copy->force_drivers, "e");
        assert_string_equal(copy->includes[0].source, "/f");
        assert_string_equal(copy->emergency_password, "$6$x");
        assert_string_equal(copy->acpi_tables, "/g");
        assert_int_equal(copy->emergency, EMERGENCY_PASSWORD);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_presets),
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_bad_values),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_set_failures),
                cmocka_unit_test(test_set),
                cmocka_unit_test(test_apply),
                cmocka_unit_test(test_output_path),
                cmocka_unit_test_setup_teardown(test_load, conf_tree_setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_service, conf_tree_setup, conf_tree_teardown),
                cmocka_unit_test(test_load_nothing),
                cmocka_unit_test_setup_teardown(test_same_output, conf_tree_setup,
                                                conf_tree_teardown),
                cmocka_unit_test(test_copy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
