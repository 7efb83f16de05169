/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/ldso.h"
#include "collect/ldso-loader.h"
#include "elf-builder.h"
#include "fd-util.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

/* A tree, declared as an array that ends with an empty one. What a file is: an ELF of the
 * architecture, else text, or a link. */
typedef struct File {
        const char *path;
        enum { X86_64, I386, AARCH64, RISCV64, TEXT, LINK, DIRECTORY } kind;
        const char *content; /* of an ELF: strings in it, separated by ":" */
} File;

typedef struct Tree {
        char path[64];
        Source *source;
        Ldso *ldso;
        Trace *trace;
} Tree;

#define DEBIAN_LOADER "/lib/x86_64-linux-gnu/:/usr/lib/x86_64-linux-gnu/:/lib/:/usr/lib/"

/* A merged /usr with Debian's directories and configuration. */
static const File debian[] = {
        { "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", X86_64, DEBIAN_LOADER },
        { "/usr/lib64/ld-linux-x86-64.so.2", LINK, "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" },
        { "/lib", LINK, "usr/lib" },
        { "/lib64", LINK, "usr/lib64" },
        { "/etc/ld.so.conf", TEXT, "include /etc/ld.so.conf.d/*.conf\n\n" },
        { "/etc/ld.so.conf.d/libc.conf", TEXT, "# libc default configuration\n/usr/local/lib\n" },
        { "/etc/ld.so.conf.d/x86_64-linux-gnu.conf", TEXT,
          "/usr/local/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n" },
        { "/usr/local/lib", DIRECTORY },
        { "/usr/lib/x86_64-linux-gnu/libc.so.6", X86_64 },
        { "/usr/lib/x86_64-linux-gnu/libfoo.so.1.2", X86_64 },
        { "/usr/lib/x86_64-linux-gnu/libfoo.so.1", LINK, "libfoo.so.1.2" },
        {},
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void add_elf(const char *path, const File *f) {
        _cleanup_free_ char *extra = strdup(f->content ?: "");
        ElfSpec spec = { .extra = extra, .extra_size = strlen(extra) + 1 };

        for (char *p = extra; *p; p++)
                if (*p == ':')
                        *p = '\0';
        spec.class = f->kind == I386 ? ELFCLASS32 : ELFCLASS64;
        spec.machine = f->kind == AARCH64 ? EM_AARCH64 : f->kind == RISCV64 ? EM_RISCV : 0;
        assert_int_equal(elf_build_file(path, &spec), 0);
}

static void add_files(const Tree *t, const File *files) {
        for (const File *f = files; f->path; f++) {
                _cleanup_free_ char *path = path_join(t->path, f->path);
                _cleanup_free_ char *parent = path_dirname(path);

                assert_int_equal(mkdir_parents(parent, 0755), 0);
                if (f->kind == DIRECTORY)
                        assert_int_equal(mkdir_parents(path, 0755), 0);
                else if (f->kind == LINK)
                        assert_int_equal(symlink(f->content, path), 0);
                else if (f->kind == TEXT)
                        assert_int_equal(file_replace_at(AT_FDCWD, path, f->content,
                                                         strlen(f->content), 0644), 0);
                else
                        add_elf(path, f);
        }
}

static void tree_done(Tree *t) {
        trace_free(t->trace);
        ldso_free(t->ldso);
        source_free(t->source);
        nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
#define _cleanup_tree_ _cleanup_(tree_done)

/* Everything is read anew from here on. */
static void tree_open(Tree *t) {
        t->trace = trace_free(t->trace);
        t->ldso = ldso_free(t->ldso);
        t->source = source_free(t->source);
        assert_int_equal(source_new(&t->source, t->path), 0);
        assert_int_equal(ldso_new(&t->ldso, t->source), 0);
        assert_int_equal(trace_new(&t->trace), 0);
}

static void tree_init(Tree *t, const File *base, const File *files) {
        *t = (Tree) { .path = "/tmp/test-ldso-XXXXXX" };
        assert_non_null(mkdtemp(t->path));
        if (base)
                add_files(t, base);
        if (files)
                add_files(t, files);
        tree_open(t);
}

static Elf *make_elf(const ElfSpec *spec) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        Elf *elf;

        assert_int_equal(elf_build(spec, &data, &size), 0);
        assert_int_equal(elf_parse(data, size, &elf), 0);
        return elf;
}

/* Asks, and compares with "PATH PATH>BUILTIN …". */
static void expect_trace(Tree *t, Trace *trace, const ElfSpec *spec, const char *from_path,
                         const char *soname, bool glob, const char *expected) {
        _cleanup_(elf_freep) Elf *from = spec ? make_elf(spec) : NULL;
        _cleanup_strv_free_ char **got = NULL;
        _cleanup_free_ char *joined = NULL;
        LdsoFound *found;
        size_t n;

        assert_int_equal(ldso_find(t->ldso, trace, soname, glob, from, from_path, &found, &n), 0);
        for (size_t i = 0; i < n; i++) {
                char *s;

                assert_true(str_printf(&s, "%s%s%s", found[i].path, found[i].builtin ? ">" : "",
                                       found[i].builtin ?: "") >= 0);
                assert_int_equal(strv_consume(&got, s), 0);
                ldso_found_done(&found[i]);
        }
        free(found);
        joined = strv_join(got, " ");
        assert_string_equal(joined, expected);
}

static void expect(Tree *t, const ElfSpec *spec, const char *from_path, const char *soname,
                   const char *expected) {
        expect_trace(t, t->trace, spec, from_path, soname, false, expected);
}

static void expect_glob(Tree *t, const char *from_path, const char *pattern, const char *expected) {
        expect_trace(t, t->trace, &(ElfSpec) {}, from_path, pattern, true, expected);
}

static const char *const program_path = "/usr/bin/program";
static const ElfSpec program = { .interpreter = "/lib64/ld-linux-x86-64.so.2" };
static const ElfSpec library = {};

/* The order of the places, and that a file of another machine is passed over. */
static void test_debian(void **state) {
        static const File files[] = {
                { "/usr/local/lib/libfoo.so.1", I386 },
                { "/usr/local/lib/liblocal.so.1", X86_64 },
                { "/usr/lib/liblow.so.1", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/libtext.so", TEXT, "GROUP ( libfoo.so.1 )" },
                { "/usr/lib/x86_64-linux-gnu/libgone.so.1", LINK, "libgone.so.1.1" },
                { "/usr/lib/x86_64-linux-gnu/libcircle.so.1", LINK, "libcircle.so.1" },
                { "/usr/lib/x86_64-linux-gnu/libdir.so.1", DIRECTORY },
                {},
        };
        _cleanup_tree_ Tree t;

        tree_init(&t, debian, files);
        expect(&t, &program, program_path, "libfoo.so.1", "/lib/x86_64-linux-gnu/libfoo.so.1");
        expect(&t, &library, "/usr/lib/x86_64-linux-gnu/x.so", "libc.so.6",
               "/lib/x86_64-linux-gnu/libc.so.6");
        expect(&t, &program, program_path, "liblow.so.1", "/lib/liblow.so.1");
        /* Only the cache would find it there. */
        expect(&t, &program, program_path, "liblocal.so.1",
               "/usr/local/lib/liblocal.so.1>/usr/lib/x86_64-linux-gnu");
        expect(&t, &(ElfSpec) { .class = ELFCLASS32 }, NULL, "libfoo.so.1",
               "/usr/local/lib/libfoo.so.1>/usr/lib");
        expect(&t, &program, program_path, "libmissing.so.1", "");
        expect(&t, &program, program_path, "libtext.so", "");
        expect(&t, &program, program_path, "libgone.so.1", "");
        expect(&t, &program, program_path, "libcircle.so.1", "");
        expect(&t, &program, program_path, "libdir.so.1", "");
        expect(&t, &program, program_path, "", "");
}

/* The kind of NULL is that of the root's own programs. */
static void test_native(void **state) {
        static const File files[] = {
                { "/bin/sh", X86_64 },
                { "/lib/ld-linux.so.2", I386 },
                { "/usr/lib/i386-linux-gnu/liba.so.1", I386 },
                { "/usr/lib/x86_64-linux-gnu/liba.so.1", X86_64 },
                {},
        };
        static const File none[] = {
                { "/usr/lib/liba.so.1", AARCH64 },
                {},
        };
        static const File loader_only[] = {
                { "/lib/ld-linux-aarch64.so.1", AARCH64 },
                { "/lib64/liba.so.1", AARCH64 },
                { "/usr/lib/aarch64-linux-gnu/liba.so.1", X86_64 },
                {},
        };
        _cleanup_tree_ Tree t, u, v;

        tree_init(&t, debian, files);
        expect(&t, NULL, NULL, "liba.so.1", "/lib/x86_64-linux-gnu/liba.so.1");
        tree_init(&u, NULL, none);
        expect(&u, NULL, NULL, "liba.so.1", "/usr/lib/liba.so.1");
        tree_init(&v, NULL, loader_only);
        expect(&v, NULL, NULL, "liba.so.1", "/lib64/liba.so.1");
}

/* All variants in front of the plain file; none from behind the first place that has one. */
static void test_hwcaps(void **state) {
#define HWCAPS "glibc-hwcaps/x86-64-v"
        static const File files[] = {
                { "/usr/lib/x86_64-linux-gnu/" HWCAPS "2/libfoo.so.1", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/" HWCAPS "3/libfoo.so.1", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/" HWCAPS "4/libfoo.so.1", I386 },
                { "/usr/lib/x86_64-linux-gnu/" HWCAPS "3/libonly.so.1", X86_64 },
                { "/usr/lib/" HWCAPS "2/libfoo.so.1", X86_64 },
                { "/usr/lib/libonly.so.1", X86_64 },
                { "/usr/local/lib/" HWCAPS "3/liblocal.so.1", X86_64 },
                { "/usr/local/lib/liblocal.so.1", X86_64 },
                { "/opt/lib/" HWCAPS "2/libopt.so", X86_64 },
                { "/opt/lib/libopt.so", X86_64 },
                {},
        };
        _cleanup_tree_ Tree t;

        tree_init(&t, debian, files);
        expect(&t, &program, program_path, "libfoo.so.1",
               "/lib/x86_64-linux-gnu/" HWCAPS "2/libfoo.so.1 "
               "/lib/x86_64-linux-gnu/" HWCAPS "3/libfoo.so.1 "
               "/lib/x86_64-linux-gnu/libfoo.so.1");
        expect(&t, &program, program_path, "libonly.so.1",
               "/lib/x86_64-linux-gnu/" HWCAPS "3/libonly.so.1 /lib/libonly.so.1");
        expect(&t, &program, program_path, "liblocal.so.1",
               "/usr/local/lib/" HWCAPS "3/liblocal.so.1"
               ">/usr/lib/x86_64-linux-gnu/" HWCAPS "3 "
               "/usr/local/lib/liblocal.so.1>/usr/lib/x86_64-linux-gnu");
        expect(&t, &(ElfSpec) { .runpath = "/opt/lib" }, program_path, "libopt.so",
               "/opt/lib/" HWCAPS "2/libopt.so /opt/lib/libopt.so");
        expect_glob(&t, NULL, "libf*.so.?",
                    "/lib/x86_64-linux-gnu/" HWCAPS "2/libfoo.so.1 "
                    "/lib/x86_64-linux-gnu/" HWCAPS "3/libfoo.so.1 "
                    "/lib/x86_64-linux-gnu/libfoo.so.1");
}

static void test_runpath(void **state) {
        static const File files[] = {
                { "/usr/lib/x86_64-linux-gnu/app/libfoo.so.1", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/app/libcore.so", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/app/libpart.so", X86_64 },
                { "/opt/x86_64/libplatform.so", X86_64 },
                { "/usr/bin/lib/libbeside.so", X86_64 },
                {},
        };
        static const struct {
                const char *rpath, *runpath, *from_path, *soname, *expected;
        } cases[] = {
                /* before everything else, in either form */
                { NULL, "/usr/lib/x86_64-linux-gnu/app", "/usr/bin/a", "libfoo.so.1",
                  "/usr/lib/x86_64-linux-gnu/app/libfoo.so.1" },
                { "/usr/lib/x86_64-linux-gnu/app", NULL, "/usr/bin/a", "libfoo.so.1",
                  "/usr/lib/x86_64-linux-gnu/app/libfoo.so.1" },
                { "/usr/lib/x86_64-linux-gnu/app", "/nowhere", "/usr/bin/a", "libfoo.so.1",
                  "/lib/x86_64-linux-gnu/libfoo.so.1" },
                /* what is filled in */
                { NULL, "$ORIGIN/lib", "/usr/bin/a", "libbeside.so", "/usr/bin/lib/libbeside.so" },
                { NULL, "/x:${ORIGIN}/lib", "/usr/bin/a", "libbeside.so",
                  "/usr/bin/lib/libbeside.so" },
                { NULL, "/usr/$LIB/app", "/usr/bin/a", "libpart.so",
                  "/usr/lib/x86_64-linux-gnu/app/libpart.so" },
                { NULL, "/opt/$PLATFORM", "/usr/bin/a", "libplatform.so",
                  "/opt/x86_64/libplatform.so" },
                /* and what is not */
                { NULL, "$ORIGIN/lib", NULL, "libbeside.so", "" },
                { NULL, "$ORIGINAL/lib", "/usr/bin/a", "libbeside.so", "" },
                { NULL, "${ORIGIN/lib:$:$$", "/usr/bin/a", "libbeside.so", "" },
                { NULL, "lib", "/usr/bin/a", "libbeside.so", "" },
                /* a library that has no runpath, while its program has one */
                { NULL, NULL, "/usr/lib/x86_64-linux-gnu/app/libcore.so", "libpart.so",
                  "/usr/lib/x86_64-linux-gnu/app/libpart.so" },
        };
        _cleanup_tree_ Tree t;

        tree_init(&t, debian, files);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ElfSpec spec = { .rpath = cases[i].rpath, .runpath = cases[i].runpath };

                expect(&t, &spec, cases[i].from_path, cases[i].soname, cases[i].expected);
        }
        /* A program does not look beside itself. */
        expect(&t, &program, "/usr/lib/x86_64-linux-gnu/app/program", "libpart.so", "");
}

/* A name with a slash is a path, and may be a glob or begin with $ORIGIN. */
static void test_paths(void **state) {
        static const File files[] = {
                { "/usr/lib/x86_64-linux-gnu/plug/liba.so", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/plug/libb.so", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/plug/libc.so", I386 },
                { "/usr/lib/x86_64-linux-gnu/plug/README.so", TEXT, "none" },
                {},
        };
        _cleanup_tree_ Tree t;

        tree_init(&t, debian, files);
        expect(&t, &library, NULL, "/usr/lib/x86_64-linux-gnu/plug/liba.so",
               "/usr/lib/x86_64-linux-gnu/plug/liba.so");
        expect(&t, &library, NULL, "/usr/lib/x86_64-linux-gnu/plug/libc.so", "");
        expect(&t, &library, NULL, "/usr/lib/x86_64-linux-gnu/plug/*.so", "");
        expect(&t, &library, NULL, "plug/liba.so", "");
        expect(&t, &library, NULL, "$ORIGIN/plug/liba.so", "");
        expect(&t, &library, "/usr/lib/x86_64-linux-gnu/libplug.so", "$ORIGIN/plug/liba.so",
               "/usr/lib/x86_64-linux-gnu/plug/liba.so");
        expect(&t, &library, "/usr/lib/libplug.so", "$ORIGIN/plug/liba.so", "");
        expect_glob(&t, "/usr/lib/x86_64-linux-gnu/libplug.so", "$ORIGIN/plug/*.so",
                    "/usr/lib/x86_64-linux-gnu/plug/liba.so "
                    "/usr/lib/x86_64-linux-gnu/plug/libb.so");
        expect_glob(&t, NULL, "/nowhere/*.so", "");
        expect_glob(&t, NULL, "libnone*.so", "");
        expect_glob(&t, NULL, "libfoo.so.1", "/lib/x86_64-linux-gnu/libfoo.so.1");
}

/* Roots without a loader that says something: the table of architectures. */
static void test_architectures(void **state) {
        static const File files[] = {
                { "/usr/lib64/liba.so.1", X86_64 },
                { "/usr/lib/liba.so.1", I386 },
                { "/lib/aarch64-linux-gnu/liba.so.1", AARCH64 },
                { "/lib64/lp64d/liba.so.1", RISCV64 },
                { "/etc/ld.so.conf", TEXT, "/opt/lib\n" },
                { "/opt/lib/libb.so", X86_64 },
                {},
        };
        _cleanup_tree_ Tree t;

        tree_init(&t, NULL, files);
        expect(&t, &library, NULL, "liba.so.1", "/usr/lib64/liba.so.1");
        expect(&t, &(ElfSpec) { .class = ELFCLASS32 }, NULL, "liba.so.1", "/usr/lib/liba.so.1");
        expect(&t, &(ElfSpec) { .machine = EM_AARCH64 }, NULL, "liba.so.1",
               "/lib/aarch64-linux-gnu/liba.so.1");
        expect(&t, &(ElfSpec) { .machine = EM_RISCV }, NULL, "liba.so.1", "/lib64/lp64d/liba.so.1");
        /* An architecture that nobody knows, and the byte order alone. */
        expect(&t, &(ElfSpec) { .machine = EM_ALPHA }, NULL, "liba.so.1", "");
        expect(&t, &(ElfSpec) { .big_endian = true }, NULL, "liba.so.1", "");
        expect(&t, &library, NULL, "libb.so", "/opt/lib/libb.so>/lib64");
}

/* What a loader of another make has built in counts, and nothing else. */
static void test_builtins(void **state) {
        static const File files[] = {
                { "/opt/loader", X86_64, "/usr/share/locale/:/opt/store-1.0/lib/" },
                { "/opt/store-1.0/lib/liba.so", X86_64 },
                { "/usr/lib/liba.so", X86_64 },
                { "/usr/lib/libb.so", X86_64 },
                {},
        };
        static const struct {
                const char *data;
                size_t size;
                const char *expected;
        } cases[] = {
                { "", 0, "" },
                { "/lib/", 5, "" }, /* no end */
                { "/lib/", 6, "/lib" },
                { "\1\2/lib64/\0/usr/lib64/\0", 22, "/lib64 /usr/lib64" },
                { "x\0/lib/\0/lib/", 14, "/lib" },
                { "glibc/lib/\0", 12, "" },
                { "/usr/share/\0/etc/\0/", 20, "" },
                { "/etc/ld.so.cache\0/lib", 22, "" },
        };
        _cleanup_tree_ Tree t;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_strv_free_ char **l = NULL;
                _cleanup_free_ char *joined = NULL;

                assert_int_equal(ldso_builtin_directories(cases[i].data, cases[i].size, &l), 0);
                joined = strv_join(l, " ");
                assert_string_equal(joined, cases[i].expected);
        }

        tree_init(&t, NULL, files);
        expect(&t, &(ElfSpec) { .interpreter = "/opt/loader" }, NULL, "liba.so",
               "/opt/store-1.0/lib/liba.so");
        expect(&t, &(ElfSpec) { .interpreter = "/opt/loader" }, NULL, "libb.so", "");
        /* An interpreter that isn't there says nothing. */
        expect(&t, &(ElfSpec) { .interpreter = "/opt/gone" }, NULL, "libb.so", "/usr/lib/libb.so");
}

/* Comments, types, hwcap lines, relative patterns, and files that include each other. */
static void test_conf(void **state) {
        static const File files[] = {
                { "/etc/ld.so.conf", TEXT,
                  "include conf.d/*.conf gone/*\n"
                  "  /opt/a  # first\n/opt/b=libc6\nhwcap 0 nosegneg\nrelative/lib\n"
                  "includes\ninclude ld.so.conf\n/opt/gone\n/opt/d/" },
                { "/etc/conf.d/1.conf", TEXT, "/opt/c\ninclude /etc/ld.so.conf" },
                { "/etc/conf.d/2.conf", DIRECTORY },
                { "/etc/conf.d/3.conf", LINK, "nowhere" },
                { "/opt/a/liba.so", X86_64 },
                { "/opt/b/liba.so", X86_64 },
                { "/opt/b/libb.so", X86_64 },
                { "/opt/c/libb.so", X86_64 },
                { "/opt/d/libd.so", X86_64 },
                { "/usr/lib/x", DIRECTORY },
                {},
        };
        _cleanup_tree_ Tree t;

        tree_init(&t, NULL, files);
        expect(&t, &library, NULL, "liba.so", "/opt/a/liba.so>/usr/lib");
        expect(&t, &library, NULL, "libb.so", "/opt/c/libb.so>/usr/lib");
        expect(&t, &library, NULL, "libd.so", "/opt/d/libd.so>/usr/lib");
}

static void test_musl(void **state) {
        static const char *const needs_musl[] = { "libc.musl-x86_64.so.1", NULL };
        static const File files[] = {
                { "/lib/ld-musl-x86_64.so.1", X86_64 },
                { "/lib/libc.musl-x86_64.so.1", LINK, "ld-musl-x86_64.so.1" },
                { "/usr/local/lib/liba.so.1", X86_64 },
                { "/usr/lib/liba.so.1", X86_64 },
                { "/usr/lib/libmodern.so", X86_64 },
                { "/usr/lib/glibc-hwcaps/x86-64-v3/liba.so.1", X86_64 },
                { "/opt/lib/libopt.so", X86_64 },
                {},
        };
        static const File path[] = {
                { "/etc/ld-musl-x86_64.path", TEXT, "/opt/lib:/usr/lib\n/lib" },
                {},
        };
        static const File glibc[] = {
                { "/lib64/ld-linux-x86-64.so.2", X86_64, "/usr/lib64/" },
                { "/usr/lib64/liba.so.1", X86_64 },
                {},
        };
        ElfSpec interpreted = { .interpreter = "/lib/ld-musl-x86_64.so.1" };
        ElfSpec linked = { .needed = needs_musl };
        _cleanup_tree_ Tree t;

        tree_init(&t, NULL, files);
        expect(&t, &interpreted, NULL, "liba.so.1", "/usr/local/lib/liba.so.1");
        expect(&t, &library, NULL, "liba.so.1", "/usr/local/lib/liba.so.1");
        expect(&t, &library, NULL, "libopt.so", "");
        /* Its libc is the loader, by any of these names. */
        expect(&t, &interpreted, NULL, "libc.musl-x86_64.so.1", "/lib/ld-musl-x86_64.so.1");
        expect(&t, &interpreted, NULL, "libpthread.so.0", "/lib/ld-musl-x86_64.so.1");
        expect(&t, &interpreted, NULL, "libmodern.so", "/usr/lib/libmodern.so");

        /* The file of paths replaces the directories, but the image won't have it. */
        add_files(&t, path);
        tree_open(&t);
        expect(&t, &interpreted, NULL, "liba.so.1", "/usr/lib/liba.so.1");
        expect(&t, &interpreted, NULL, "libopt.so", "/opt/lib/libopt.so>/lib");

        /* Beside glibc only what says so is musl's. */
        add_files(&t, glibc);
        tree_open(&t);
        expect(&t, &library, NULL, "liba.so.1", "/usr/lib64/liba.so.1");
        expect(&t, &linked, NULL, "liba.so.1", "/usr/lib/liba.so.1");
        expect(&t, &interpreted, NULL, "liba.so.1", "/usr/lib/liba.so.1");
}

static int check(const Tree *t, Trace *trace) {
        _cleanup_(source_freep) Source *fresh = NULL;

        assert_int_equal(source_new(&fresh, t->path), 0);
        return trace_check(trace, fresh, NULL, NULL);
}

static void add_many(const Tree *t, int n) {
        for (int i = 0; i < n; i++) {
                char name[64];
                File many[] = { { name, X86_64 }, {} };

                snprintf(name, sizeof(name), "/usr/lib/x86_64-linux-gnu/libmany%d.so", i);
                add_files(t, many);
        }
}

/* What must be noticed, and what must not, each in a tree of its own. The directory with the
 * library is a big one. */
static void test_trace(void **state) {
        static const struct {
                File file[2];
                bool same;
        } cases[] = {
                { { {} }, true },
                { { { "/usr/lib/x86_64-linux-gnu/libother.so.1", X86_64 } }, true },
                { { { "/usr/local/lib/python3", DIRECTORY } }, true },
                /* Of a small directory all libraries count. */
                { { { "/usr/lib/libother.so", X86_64 } }, false },
                { { { "/usr/local/lib/libfoo.so.1", X86_64 } }, false },
                { { { "/usr/local/lib/x86_64-linux-gnu/libfoo.so.1", X86_64 } }, false },
                { { { "/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libfoo.so.1", X86_64 } },
                  false },
                { { { "/usr/local/lib/glibc-hwcaps/x86-64-v2/x", TEXT, "" } }, false },
                { { { "/etc/ld.so.conf.d/more.conf", TEXT, "/opt" } }, false },
                { { { "/usr/lib/x86_64-linux-gnu/libfoo.so.1.2", X86_64, "new" } }, false },
                { { { "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", X86_64, "/usr/lib/" } },
                  false },
                { { { "/usr/lib/x86_64-linux-gnu/libnone.so.1", X86_64 } }, false },
                { { { "/opt/lib/libnone.so.1", X86_64 } }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ElfSpec from = { .runpath = "/opt/lib" };
                _cleanup_(trace_freep) Trace *again = NULL;
                _cleanup_tree_ Tree t;

                tree_init(&t, debian, NULL);
                add_many(&t, 40);
                tree_open(&t);
                usleep(110 * 1000); /* ctime can't be set: let it become old */
                /* The second time what is in the trace comes from memory alone. */
                assert_int_equal(trace_new(&again), 0);
                for (int n = 0; n < 2; n++) {
                        Trace *trace = n == 0 ? t.trace : again;

                        expect_trace(&t, trace, &from, NULL, "libfoo.so.1", false,
                                     "/lib/x86_64-linux-gnu/libfoo.so.1");
                        expect_trace(&t, trace, &from, NULL, "libnone.so.1", false, "");
                        assert_true(trace_size(trace) < 32);
                }
                add_files(&t, cases[i].file);
                if (check(&t, t.trace) != cases[i].same || check(&t, again) != cases[i].same)
                        fail_msg("case %zu", i);
        }
}

/* Many libraries cost few entries beyond themselves. */
static void test_trace_size(void **state) {
        _cleanup_tree_ Tree t;
        size_t first;

        tree_init(&t, debian, NULL);
        add_many(&t, 100);
        tree_open(&t);
        expect(&t, &program, program_path, "libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6");
        first = trace_size(t.trace);
        for (int n = 0; n < 100; n++) {
                char name[32], path[64];

                snprintf(name, sizeof(name), "libmany%d.so", n);
                snprintf(path, sizeof(path), "/lib/x86_64-linux-gnu/%s", name);
                expect(&t, &program, program_path, name, path);
        }
        assert_int_equal(trace_size(t.trace), first + 100);
}

static void test_composed(void **state) {
        static const struct {
                const char *path, *first; /* NULL: nothing */
        } cases[] = {
                { "/usr/lib/x86_64-linux-gnu/libc.so.6", "libgcc_s.so.1" },
                { "/lib/x86_64-linux-gnu/libc-2.31.so", "libgcc_s.so.1" },
                { "/usr/lib64/libtss2-esys.so.0.0.1", "libtss2-tcti-device.so.0" },
                { "/usr/lib/libmultipath.so.0", "$ORIGIN/multipath/lib*.so" },
                { "/usr/lib/libcap.so.2", NULL },
                { "/usr/lib/libc.musl-x86_64.so.1", NULL },
                { "/usr/lib/libcryptsetup.so", NULL },
                { "/", NULL },
        };
        static const File files[] = {
                { "/usr/lib/x86_64-linux-gnu/libcryptsetup.so.12.8.0", X86_64 },
                { "/usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so", X86_64 },
                {},
        };
        const char *path = files[0].path;
        _cleanup_tree_ Tree t;
        const char *const *names;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                names = ldso_composed_names(cases[i].path);
                if (cases[i].first)
                        assert_string_equal(names[0], cases[i].first);
                else
                        assert_null(names);
        }

        /* As it is used. */
        tree_init(&t, debian, files);
        names = ldso_composed_names(path);
        assert_non_null(names);
        expect_glob(&t, path, names[0], files[1].path);
        /* Token plugins are what modules bring. */
        assert_null(names[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_debian),
                cmocka_unit_test(test_native),
                cmocka_unit_test(test_hwcaps),
                cmocka_unit_test(test_runpath),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_architectures),
                cmocka_unit_test(test_builtins),
                cmocka_unit_test(test_conf),
                cmocka_unit_test(test_musl),
                cmocka_unit_test(test_trace),
                cmocka_unit_test(test_trace_size),
                cmocka_unit_test(test_composed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
