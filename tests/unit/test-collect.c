/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the lines of modules bring into an image. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect-place.h"

#define LIBC                                                                                      \
        "/lib -> usr/lib\n"                                                                       \
        "/lib64 -> usr/lib64\n"
#define LOADER "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2\n"
#define LOADER_LINK "/usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2\n"

typedef struct Case {
        const char *content; /* lines of [Content] */
        const char *listing;
        const char *missing; /* of a droppable module: what the sentence ends with */
        const char *users; /* and groups, with a blank between them */
} Case;

static void run_cases(Place *p, const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(collection_freep) Collection *c = NULL;
                _cleanup_free_ char *text = NULL, *accounts = NULL;

                place_begin(p);
                assert_int_equal(place_collect(p, cases[i].content, true, &c), 0);
                text = manifest_listing(c->manifest, false);
                assert_string_equal(text, cases[i].listing);
                place_check(p, c->manifest);
                if (!cases[i].missing)
                        assert_null(c->missing);
                else {
                        assert_non_null(c->missing);
                        if (!endswith(c->missing, cases[i].missing))
                                fail_msg("%s", c->missing);
                }
                accounts = strv_join(c->users, " ");
                assert_string_equal(accounts, cases[i].users ?: "");
        }
        told_nothing(&p->told);
}

/* Programs come with what they need to run, and each link on the way is one in the image. */
static void test_programs(void **state) {
        static const Case cases[] = {
                { "Binary=prog",
                  LIBC "/usr/bin/prog\n" LOADER "/usr/lib/x86_64-linux-gnu/liba.so.1 -> liba.so.1.0\n"
                       "/usr/lib/x86_64-linux-gnu/liba.so.1.0\n"
                       "/usr/lib/x86_64-linux-gnu/libb.so\n"
                       "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK },
                { "Binary=/bin/sh",
                  "/bin -> usr/bin\n" LIBC
                  "/usr/bin/dash\n"
                  "/usr/bin/sh -> dash\n" LOADER "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK },
                /* The interpreter of a script, as the script names it. */
                { "Binary=script",
                  "/bin -> usr/bin\n" LIBC
                  "/usr/bin/dash\n"
                  "/usr/bin/sh -> dash\n" LOADER "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK
                  "/usr/sbin/script\n" },
                { "Binary=envy",
                  LIBC "/usr/bin/dash\n"
                       "/usr/bin/env\n"
                       "/usr/bin/sh -> dash\n" LOADER
                       "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK "/usr/sbin/envy\n" },
                /* Links that lead through other directories. */
                { "Binary=vi",
                  "/etc/alternatives/vi -> /usr/bin/prog\n" LIBC "/usr/bin/prog\n"
                  "/usr/bin/vi -> /etc/alternatives/vi\n" LOADER
                  "/usr/lib/x86_64-linux-gnu/liba.so.1 -> liba.so.1.0\n"
                  "/usr/lib/x86_64-linux-gnu/liba.so.1.0\n"
                  "/usr/lib/x86_64-linux-gnu/libb.so\n"
                  "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK },
                { "Library=libb.so",
                  "/lib -> usr/lib\n"
                  "/usr/lib/x86_64-linux-gnu/libb.so\n"
                  "/usr/lib/x86_64-linux-gnu/libc.so.6\n" },
                { "Library=lib[bc].so*",
                  "/lib -> usr/lib\n"
                  "/usr/lib/x86_64-linux-gnu/libb.so\n"
                  "/usr/lib/x86_64-linux-gnu/libc.so.6\n" },
        };

        run_cases(*state, cases, ELEMENTSOF(cases));
}

/* What isn't there: an optional line leaves nothing behind, alternatives are tried in their order, a
 * module that may go goes whole. */
static void test_missing(void **state) {
        static const Case cases[] = {
                { "File=/etc/conf.d/a.conf\nBinary=-broken\nBinary=-deep\nBinary=-orphan",
                  "/etc/conf.d/a.conf\n" },
                { "Binary=-nothing\nBinary=-dangling\nBinary=-circle\nBinary=-/etc/conf.d/a.conf/x", "" },
                { "File=-/etc/nothing.d/*.conf\nLibrary=-libnothing.so\nTree=-/nothing", "" },
                { "Unit=-nothing.service\nUdevRule=-99-nothing.rules\nGenerator=-nothing\n"
                  "User=-nobody-here\nGroup=-nobody-here",
                  "" },
                { "File=/etc/nothing|/etc/conf.d/b.conf|/etc/conf.d/a.conf", "/etc/conf.d/b.conf\n" },
                { "Binary=broken|/usr/sbin/nothing|libb|/bin/sh",
                  "/bin -> usr/bin\n" LIBC "/usr/bin/dash\n"
                  "/usr/bin/sh -> dash\n" LOADER "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK },
                { "File=/etc/conf.d/a.conf\nBinary=nothing", "",
                  "Binary=nothing: there is no program nothing" },
                { "Binary=broken", "", "/usr/bin/broken needs libmissing.so, which is not there" },
                { "Binary=deep", "", "needs libmissing.so, which is not there" },
                { "Binary=orphan", "", "needs /usr/bin/perl, which is not there" },
                { "Binary=circle", "", "Binary=circle: not there" },
                { "File=/usr/bin/circle", "", "/usr/bin/circle is a circle of links" },
                { "File=/usr/bin/dangling", "", "/usr/bin/dangling is not there" },
                { "File=/etc/*.none", "", "nothing matches /etc/*.none" },
                { "Library=libnothing.so", "", "there is no library libnothing.so" },
                { "Unit=nothing.service", "", "there is no unit nothing.service" },
                { "UdevRule=99-no.rules", "", "there are no udev rules 99-no.rules" },
                { "Generator=nothing", "", "there is no generator nothing" },
                { "User=nobody-here", "", "there is no user nobody-here" },
                { "Group=nobody-here", "", "there is no group nobody-here" },
                { "File=/etc/x|/etc/y", "", "File=/etc/x|/etc/y: /etc/x is not there" },
        };

        run_cases(*state, cases, ELEMENTSOF(cases));
}

/* A line that can't be fulfilled leaves nothing behind, however far it came: no unit without its
 * program, no half of a tree, no account; and each alternative begins anew. */
static void test_undone(void **state) {
        static const Case cases[] = {
                { "Unit=-needy.service", "" },
                { "Unit=needy.service|none.service|plain.service",
                  "/usr/lib/systemd/system/plain.service\n" },
                { "Unit=none.service|needy.service", "", "/usr/bin/nothing is not there" },
                { "File=-/usr/bin/[bds]*", "" },
                { "File=/usr/bin/[bds]*|/etc/conf.d/*", "/etc/conf.d/a.conf\n/etc/conf.d/b.conf\n" },
                { "Tree=-/usr/share/half", "" },
                { "Tree=-/usr/share/half:/copy", "" },
                { "File=/etc/conf.d/a.conf\nTree=-/etc", "/etc/conf.d/a.conf\n" },
                { "Tree=-/etc\nFile=/etc/conf.d/a.conf", "/etc/conf.d/a.conf\n" },
        };
        Place *p = *state;
        ConfTree *t = p->t;

        conf_tree_put(t, "usr/lib/systemd/system/plain.service", "");
        conf_tree_put(t, "usr/lib/systemd/system/needy.service",
                      "[Service]\nUser=alice\nExecStart=/usr/bin/prog\nExecStop=/usr/bin/nothing\n");
        conf_tree_put(t, "usr/lib/systemd/system/needy.service.d/x.conf", "[Service]\nGroup=bob\n");
        conf_tree_link(t, "usr/lib/systemd/system/x.target.wants/needy.service", "../needy.service");
        conf_tree_put(t, "usr/share/half/a", "a");
        put_program(t, "usr/share/half/b", "libmissing.so", NULL);
        put_program(t, "etc/z", "libmissing.so", NULL);
        run_cases(p, cases, ELEMENTSOF(cases));
}

/* Files at their own place or another, and everything that a line can make. */
static void test_files(void **state) {
        static const Case cases[] = {
                { "File=/etc/conf.d/*.conf", "/etc/conf.d/a.conf\n/etc/conf.d/b.conf\n" },
                { "File=/etc/conf.d/*.conf:/lib/conf/",
                  "/lib -> usr/lib\n"
                  "/usr/lib/conf/a.conf < /etc/conf.d/a.conf\n"
                  "/usr/lib/conf/b.conf < /etc/conf.d/b.conf\n" },
                { "File=/etc/conf.d/a.conf:/bin/a",
                  "/bin -> usr/bin\n"
                  "/usr/bin/a < /etc/conf.d/a.conf\n" },
                { "File=/bin/sh:/etc/shell",
                  "/etc/shell < /usr/bin/dash\n" LIBC LOADER
                  "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK },
                { "Tree=/usr/share/tree",
                  "/usr/share/tree/link -> sub/file\n"
                  "/usr/share/tree/sub/file\n" },
                { "Tree=/usr/share/tree:/lib/copy",
                  "/lib -> usr/lib\n"
                  "/usr/lib/copy/link -> sub/file\n"
                  "/usr/lib/copy/sub/file < /usr/share/tree/sub/file\n" },
                { "Directory=/sbin/d:0700\nSymlink=/bin/l:../x",
                  "/bin -> usr/bin\n"
                  "/sbin -> usr/sbin\n"
                  "/usr/bin/l -> ../x\n" },
                { "Text=/etc/hello a\\tb\\nc%%d", "/etc/hello = a\tb\nc%d\n\n" },
                { "Text=/etc/data %D", "/etc/data = /usr/lib/initrdd\n\n" },
                { "Enable=x.service:sysinit.target\nEnable=x.service:y.target.requires",
                  "/usr/lib/systemd/system/sysinit.target.wants/x.service -> ../x.service\n"
                  "/usr/lib/systemd/system/y.target.requires/x.service -> ../x.service\n" },
                { "Mask=x.service", "/etc/systemd/system/x.service -> /dev/null\n" },
        };

        run_cases(*state, cases, ELEMENTSOF(cases));
}

/* A tree is taken with what is in it: a link that leads nowhere is still that link, and what is
 * neither file, directory nor link is nothing that an image has. */
static void test_odd_trees(void **state) {
        static const Case cases[] = {
                { "Tree=/usr/share/odd",
                  "/bin -> usr/bin\n" LIBC "/usr/bin/dash\n"
                  "/usr/bin/sh -> dash\n" LOADER "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK
                  "/usr/share/odd/circle -> circle\n"
                  "/usr/share/odd/dangling -> /nowhere/at/all\n"
                  "/usr/share/odd/shell -> /bin/sh\n" },
                { "Tree=/usr/share/odd:/copy", "/copy/circle -> circle\n"
                                               "/copy/dangling -> /nowhere/at/all\n"
                                               "/copy/shell -> /bin/sh\n" },
                { "Tree=/usr/share/odd/dangling", "", "/usr/share/odd/dangling is not there" },
        };
        Place *p = *state;
        ConfTree *t = p->t;

        conf_tree_link(t, "usr/share/odd/dangling", "/nowhere/at/all");
        conf_tree_link(t, "usr/share/odd/circle", "circle");
        conf_tree_link(t, "usr/share/odd/shell", "/bin/sh");
        assert_int_equal(mkfifoat(t->fd, "usr/share/odd/fifo", 0644), 0);
        run_cases(p, cases, ELEMENTSOF(cases));
}

/* The modes of directories are the root's, or the line's; those that the root hasn't are usual. */
static void test_directories(void **state) {
        _cleanup_(collection_freep) Collection *c = NULL;
        _cleanup_free_ char *text = NULL;
        Place *p = *state;

        assert_int_equal(fchmodat(p->t->fd, "etc/conf.d", 0711, 0), 0);
        assert_int_equal(place_collect(p,
                                 "File=/etc/conf.d/a.conf:/new/etc/a\nFile=/etc/conf.d/a.conf\n"
                                 "Directory=/run/x:0700\nDirectory=/run/y\n"
                                 "Tree=/usr/share/tree/empty:/usr/copy",
                                 false, &c),
                         0);
        text = manifest_listing(c->manifest, true);
        assert_string_equal(text, "/etc/ 755\n/etc/conf.d/ 711\n/etc/conf.d/a.conf\n/new/ 755\n"
                                  "/new/etc/ 755\n/new/etc/a < /etc/conf.d/a.conf\n/run/ 755\n"
                                  "/run/x/ 700\n/run/y/ 755\n/usr/ 755\n/usr/copy/ 700\n");
}

/* Set-user-ID is for root's files only: another owner means something else by it. */
static void test_modes(void **state) {
        static const struct {
                uid_t uid;
                gid_t gid;
                mode_t mode, expected;
        } cases[] = {
                { 0, 0, 06755, 06755 },  { 1, 0, 06755, 02755 },  { 0, 1, 06755, 04755 },
                { 1, 1, 07755, 01755 },  { 0, 0, 0600, 0600 },    { 0, 0, 0444, 0444 },
        };
        Place *p = *state;

        if (geteuid() != 0)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(collection_freep) Collection *c = NULL;

                assert_int_equal(fchownat(p->t->fd, "etc/conf.d/a.conf", cases[i].uid,
                                          cases[i].gid, 0),
                                 0);
                assert_int_equal(fchmodat(p->t->fd, "etc/conf.d/a.conf", cases[i].mode, 0), 0);
                place_begin(p);
                assert_int_equal(place_collect(p, "File=/etc/conf.d/a.conf", false, &c), 0);
                assert_int_equal(manifest_get(c->manifest, "/etc/conf.d/a.conf")->mode,
                                 cases[i].expected);
        }
}

/* Units with their drop-ins, links and programs; our own go among the vendor's. */
static void test_units(void **state) {
        static const Case cases[] = {
                { "Unit=a.service",
                  LIBC "/usr/bin/dash\n"
                       "/usr/lib/systemd/system/a.service\n"
                       "/usr/lib/systemd/system/a.service.d/10.conf\n"
                       "/usr/lib/systemd/system/initrd.target.wants/a.service -> ../a.service\n" LOADER
                       "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK,
                  NULL, "alice" },
                { "Unit=t@x.service",
                  "/lib -> usr/lib\n"
                  "/usr/lib/systemd/system/t@.service\n"
                  "/usr/lib/systemd/system/y.target.requires/t@x.service -> ../t@.service\n" },
                { "Unit=masked.service", "/usr/lib/systemd/system/masked.service -> /dev/null\n" },
                { "Unit=alias.service",
                  "/usr/lib/systemd/system/alias.service -> plain.service\n"
                  "/usr/lib/systemd/system/plain.service\n" },
                { "Unit=ours.service",
                  "/usr/lib/systemd/system/ours.service < /usr/lib/initrdd/units/ours.service\n"
                  "/usr/lib/systemd/system/ours.service.d/x.conf < "
                  "/usr/lib/initrdd/units/ours.service.d/x.conf\n" },
                { "Unit=optional.service", "/usr/lib/systemd/system/optional.service\n" },
                { "Unit=needy.service", "", "/usr/bin/nothing is not there" },
                { "UdevRule=50-a.rules",
                  LIBC "/usr/lib/udev/helper\n"
                       "/usr/lib/udev/rules.d/50-a.rules\n" LOADER
                       "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK,
                  NULL, "bob" },
                { "UdevRule=60-ours.rules",
                  "/usr/lib/udev/rules.d/60-ours.rules < /usr/lib/initrdd/udev/60-ours.rules\n" },
                { "Generator=vendor\nGenerator=ours",
                  "/usr/lib/systemd/system-generators/ours < /usr/lib/initrdd/generators/ours\n"
                  "/usr/lib/systemd/system-generators/vendor\n" },
                /* Without what starts it, where PID 1 looks. */
                { "GeneratorOnDemand=vendor", "/usr/lib/systemd/system-generators/vendor\n" },
        };
        Place *p = *state;
        ConfTree *t = p->t;

        conf_tree_put(t, "usr/lib/systemd/system/a.service",
                      "[Service]\nExecStart=/usr/bin/dash\nUser=alice\n");
        conf_tree_put(t, "usr/lib/systemd/system/a.service.d/10.conf", "[Service]\nExecStop=dash\n");
        conf_tree_put(t, "etc/systemd/system/a.service.d/20.conf", "[Service]\nExecStop=prog\n");
        conf_tree_link(t, "usr/lib/systemd/system/initrd.target.wants/a.service", "../a.service");
        conf_tree_put(t, "usr/lib/systemd/system/t@.service", "[Unit]\n");
        conf_tree_link(t, "usr/lib/systemd/system/y.target.requires/t@x.service", "../t@.service");
        conf_tree_link(t, "usr/lib/systemd/system/masked.service", "/dev/null");
        conf_tree_put(t, "dev/readme", "");
        assert_true(mknodat(t->fd, "dev/null", S_IFIFO | 0666, 0) >= 0);
        conf_tree_put(t, "usr/lib/systemd/system/plain.service", "");
        conf_tree_link(t, "usr/lib/systemd/system/alias.service", "plain.service");
        conf_tree_put(t, "usr/lib/systemd/system/needy.service",
                      "[Service]\nExecStart=/usr/bin/nothing\n");
        conf_tree_put(t, "usr/lib/systemd/system/optional.service",
                      "[Service]\nExecStart=-/usr/bin/nothing\n");
        conf_tree_put(t, "usr/lib/initrdd/units/ours.service", "[Unit]\n");
        conf_tree_put(t, "usr/lib/initrdd/units/ours.service.d/x.conf", "[Unit]\n");
        put_program(t, "usr/lib/udev/helper", "libc.so.6", NULL);
        conf_tree_put(t, "usr/lib/udev/rules.d/50-a.rules",
                      "PROGRAM==\"helper x\", OWNER=\"bob\"\nRUN+=\"not-installed\"\n");
        conf_tree_put(t, "usr/lib/initrdd/udev/60-ours.rules", "\n");
        conf_tree_put(t, "usr/lib/systemd/system-generators/vendor", "");
        conf_tree_put(t, "usr/lib/initrdd/generators/ours", "");
        conf_tree_put(t, "usr/lib/initrdd/generators/vendor", "");
        run_cases(p, cases, ELEMENTSOF(cases));
}

/* Where PID 1 doesn't look, with what starts it. */
static void test_generators_on_demand(void **state) {
        static const Case cases[] = {
                { "GeneratorOnDemand=vendor",
                  "/usr/lib/initrdd/generators/vendor < "
                  "/usr/lib/systemd/system-generators/vendor\n"
                  "/usr/lib/systemd/system-generators/initrdd-generator < "
                  "/usr/lib/initrdd/initrdd-generator\n" },
        };
        Place *p = *state;

        conf_tree_put(p->t, "usr/lib/systemd/system-generators/vendor", "");
        conf_tree_put(p->t, "usr/lib/initrdd/initrdd-generator", "");
        run_cases(p, cases, ELEMENTSOF(cases));
}

/* What has the kernel's version in it belongs to the kernel, and nothing else does. */
static void test_kernel(void **state) {
        static const struct {
                const char *content, *shared, *kernel;
        } cases[] = {
                { "Text=/etc/%v x", "", "/etc/6.1-test = x\n\n" },
                { "Text=/etc/v %v", "", "/etc/v = 6.1-test\n\n" },
                { "Text=/etc/v %%v", "/etc/v = %v\n\n", "" },
                { "File=/etc/conf.d/a.conf:/lib/%v/\nFile=/etc/conf.d/b.conf",
                  "/etc/conf.d/b.conf\n",
                  "/lib -> usr/lib\n/usr/lib/6.1-test/a.conf < /etc/conf.d/a.conf\n" },
                { "Symlink=/l:%v", "", "/l -> 6.1-test\n" },
                { "", "", "" },
        };
        Place *p = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(module_freep) Module *module = place_parse(p, cases[i].content);
                _cleanup_(collection_freep) Collection *shared = NULL, *kernel = NULL;
                _cleanup_free_ char *a = NULL, *b = NULL;

                assert_int_equal(module_has_shared(module), *cases[i].shared != '\0');
                assert_int_equal(module_has_kernel(module), *cases[i].kernel != '\0');
                assert_int_equal(collect_shared(p->collector, module, false, &shared), 0);
                assert_int_equal(collect_kernel(p->collector, module, false, &kernel), 0);
                a = manifest_listing(shared->manifest, false);
                b = manifest_listing(kernel->manifest, false);
                assert_string_equal(a, cases[i].shared);
                assert_string_equal(b, cases[i].kernel);
        }
}

/* What a module must have and hasn't ends the build, with the place that asks for it. */
static void test_failures(void **state) {
        static const struct {
                const char *content;
                int r;
                FailureKind kind;
                unsigned line;
        } cases[] = {
                { "\nBinary=nothing", -ENOENT, FAILURE_INCOMPLETE, 3 },
                { "Binary=deep", -ENOPKG, FAILURE_INCOMPLETE, 2 },
                { "File=/usr/bin/circle", -ELOOP, FAILURE_INCOMPLETE, 2 },
                { "File=/etc/conf.d/a.conf/x", -ENOTDIR, FAILURE_INCOMPLETE, 2 },
                { "Text=/etc/x a\nText=/etc/x b", -EEXIST, FAILURE_BUILD_FAILED, 3 },
                { "Text=/etc/conf.d b\nFile=/etc/conf.d/a.conf", -EEXIST, FAILURE_BUILD_FAILED, 3 },
        };
        Place *p = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Collection *c;
                int r;

                place_begin(p);
                r = place_collect(p, cases[i].content, false, &c);
                if (r != cases[i].r)
                        fail_msg("%s: %d", cases[i].content, r);
                assert_int_equal(p->told.report.failure.kind, cases[i].kind);
                assert_int_equal(p->told.report.failure.line, cases[i].line);
                assert_string_equal(p->told.report.failure.path, "/x/test.module");
                report_done(&p->told.report);
        }
}

/* What this user may not read: what can be done without it is left out with a word, else the sentence
 * says who may. */
static void test_unreadable(void **state) {
        static const struct {
                const char *content;
                bool droppable;
                int r;
                const char *listing;
        } cases[] = {
                { "File=/etc/conf.d/a.conf\nFile=/etc/conf.d/b.conf", false, -EACCES, NULL },
                { "File=/etc/conf.d/a.conf\nFile=-/etc/conf.d/b.conf", false, 0,
                  "/etc/conf.d/a.conf\n" },
                { "File=/etc/conf.d/a.conf\nFile=/etc/conf.d/b.conf", true, 0, "" },
                /* An interpreter that can't be read is not forgotten once it was told of. */
                { "Binary=-script\nBinary=-/sbin/script", false, 0, "" },
                { "Binary=-script\nBinary=script", false, -EACCES, NULL },
        };
        Place *p = *state;

        assert_int_equal(fchmodat(p->t->fd, "etc/conf.d/b.conf", 0, 0), 0);
        assert_int_equal(fchmodat(p->t->fd, "usr/bin/dash", 0111, 0), 0);
        assert_int_equal(chmod(p->t->path, 0755), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Collection *c;
                int r;

                place_begin(p);
                if (geteuid() == 0)
                        assert_int_equal(seteuid(65534), 0);
                r = place_collect(p, cases[i].content, cases[i].droppable, &c);
                if (getuid() == 0)
                        assert_int_equal(seteuid(0), 0);
                assert_int_equal(r, cases[i].r);
                if (r < 0)
                        assert_int_equal(p->told.report.failure.kind, FAILURE_NOT_PERMITTED);
                else {
                        _cleanup_free_ char *text = manifest_listing(c->manifest, false);

                        assert_string_equal(text, cases[i].listing);
                        assert_non_null(strstr(p->told.text, "may not be read by this user"));
                        if (cases[i].droppable)
                                assert_non_null(strstr(c->missing, "may not be read by this user"));
                        collection_free(c);
                }
                report_done(&p->told.report);
                p->told.text[0] = '\0';
        }
}

/* An admin's own files, with what they need; a missing one ends the build. */
static void test_includes(void **state) {
        static const struct {
                const char *source, *destination;
                const char *listing; /* NULL: -ENOENT */
        } cases[] = {
                { "/etc/conf.d", NULL,
                  "/etc/conf.d/.hidden.conf\n/etc/conf.d/a.conf\n/etc/conf.d/b.conf\n" },
                { "/etc/conf.d/a.conf", "/bin/a",
                  "/bin -> usr/bin\n/usr/bin/a < /etc/conf.d/a.conf\n" },
                { "/bin/sh", NULL,
                  "/bin -> usr/bin\n" LIBC "/usr/bin/dash\n"
                  "/usr/bin/sh -> dash\n" LOADER "/usr/lib/x86_64-linux-gnu/libc.so.6\n" LOADER_LINK },
                { "/nothing", NULL, NULL },
                { "/usr/bin/broken", NULL, NULL },
        };
        Place *p = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Include include = { .source = (char *) cases[i].source,
                                    .destination = (char *) cases[i].destination,
                                    .path = (char *) "/etc/initrdd/x.conf",
                                    .line = 7 };
                Profile profile = { .includes = &include, .n_includes = 1 };
                Collection *c;
                int r;

                place_begin(p);
                r = collect_includes(p->collector, &profile, &c);
                if (!cases[i].listing) {
                        assert_true(r == -ENOENT || r == -ENOPKG);
                        assert_int_equal(p->told.report.failure.kind, FAILURE_INCOMPLETE);
                        assert_string_equal(p->told.report.failure.path, include.path);
                        assert_int_equal(p->told.report.failure.line, 7);
                } else {
                        _cleanup_free_ char *text = manifest_listing(c->manifest, false);

                        assert_int_equal(r, 0);
                        assert_string_equal(text, cases[i].listing);
                        place_check(p, c->manifest);
                        collection_free(c);
                }
                report_done(&p->told.report);
        }
}

/* A module's Collection is the same whatever was collected before it by the same Collector. */
static void test_alone(void **state) {
        static const char *const modules[] = {
                "Binary=prog\nBinary=-broken",
                "Binary=deep",
                "Library=libb.so\nBinary=-deep",
                "Library=-libneedy.so\nBinary=/bin/sh",
                "Tree=/usr/share/tree",
        };
        Place *p = *state;

        for (size_t first = 0; first < ELEMENTSOF(modules); first++) {
                place_begin(p);
                for (size_t i = 0; i < ELEMENTSOF(modules); i++) {
                        const char *content = modules[(first + i) % ELEMENTSOF(modules)];
                        _cleanup_(collection_freep) Collection *c = NULL, *alone = NULL;
                        _cleanup_(collector_freep) Collector *other = NULL;
                        _cleanup_(module_freep) Module *module = place_parse(p, content);
                        _cleanup_free_ char *a = NULL, *b = NULL;
                        size_t n, m;

                        assert_int_equal(place_collect(p, content, true, &c), 0);
                        assert_int_equal(collector_new(&other, p->source, &p->told.report,
                                                       &p->kernel, p->profile, p->facts),
                                         0);
                        assert_int_equal(collect_shared(other, module, true, &alone), 0);
                        assert_true(streq_ptr(c->missing, alone->missing));
                        assert_int_equal(manifest_serialize(c->manifest, &a, &n), 0);
                        assert_int_equal(manifest_serialize(alone->manifest, &b, &m), 0);
                        assert_int_equal(n, m);
                        assert_memory_equal(a, b, n);
                        assert_int_equal(trace_size(c->trace), trace_size(alone->trace));
                }
        }
}

int main(void) {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)
        static const struct CMUnitTest tests[] = {
                IN_PLACE(test_programs),
                IN_PLACE(test_missing),
                IN_PLACE(test_undone),
                IN_PLACE(test_files),
                IN_PLACE(test_odd_trees),
                IN_PLACE(test_directories),
                IN_PLACE(test_modes),
                IN_PLACE(test_units),
                IN_PLACE(test_generators_on_demand),
                IN_PLACE(test_kernel),
                IN_PLACE(test_failures),
                IN_PLACE(test_unreadable),
                IN_PLACE(test_includes),
                IN_PLACE(test_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
