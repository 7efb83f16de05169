/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <elf.h>

#include "collect/elf.h"
#include "elf-builder.h"
#include "string-util.h"

static const char *const two_needed[] = { "libfoo.so.1", "libc.so.6", NULL };

/* A copy that ends where the allocation ends, so that AddressSanitizer sees each byte too far. */
static int parse_copy(const char *data, size_t size, Elf **ret) {
        _cleanup_free_ char *copy = malloc(size > 0 ? size : 1);
        int r;

        assert_non_null(copy);
        memcpy(copy, data, size);
        r = elf_parse(copy, size, ret);
        if (r >= 0 && size >= ELF_HEADER_SIZE) {
                Elf header;

                /* The header alone tells the same. */
                assert_int_equal(elf_parse_header(copy, ELF_HEADER_SIZE, &header), 0);
                assert_int_equal(header.class, (*ret)->class);
                assert_int_equal(header.machine, (*ret)->machine);
                assert_int_equal(header.type, (*ret)->type);
                assert_int_equal(header.little_endian, (*ret)->little_endian);
                assert_null(header.needed);
        }
        return r;
}

static int build_and_parse(const ElfSpec *spec, Elf **ret) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        assert_int_equal(elf_build(spec, &data, &size), 0);
        assert_true(size < 4096);
        return parse_copy(data, size, ret);
}

/* Both classes, both byte orders: the same is found. */
static void test_layouts(void **state) {
        static const struct {
                unsigned class, machine;
                bool big;
        } cases[] = {
                { ELFCLASS64, EM_X86_64, false },
                { ELFCLASS64, EM_S390, true },
                { ELFCLASS32, EM_386, false },
                { ELFCLASS32, EM_PPC, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (int stripped = 0; stripped < 2; stripped++) {
                        static const char *const notes[] = {
                                "[{\"soname\":[\"libbar.so.2\",\"libbar.so.1\"],\"feature\":\"bar\","
                                "\"description\":\"x\",\"priority\":\"suggested\"}]",
                                NULL,
                        };
                        ElfSpec spec = {
                                .class = cases[i].class,
                                .machine = cases[i].machine,
                                .big_endian = cases[i].big,
                                .type = ET_EXEC,
                                .interpreter = "/lib/ld.so",
                                .soname = "libme.so.1",
                                .needed = two_needed,
                                .dlopen = notes,
                                .stripped = stripped,
                        };
                        _cleanup_(elf_freep) Elf *elf = NULL;

                        assert_int_equal(build_and_parse(&spec, &elf), 0);
                        assert_int_equal(elf->class, cases[i].class);
                        assert_int_equal(elf->machine, cases[i].machine);
                        assert_int_equal(elf->type, ET_EXEC);
                        assert_int_equal(elf->little_endian, !cases[i].big);
                        assert_string_equal(elf->interpreter, "/lib/ld.so");
                        assert_string_equal(elf->soname, "libme.so.1");
                        assert_int_equal(strv_length(elf->needed), 2);
                        assert_string_equal(elf->needed[0], "libfoo.so.1");
                        assert_string_equal(elf->needed[1], "libc.so.6");
                        assert_null(elf->runpath);
                        assert_false(elf->rpath);
                        assert_int_equal(elf->n_dlopen, 1);
                        assert_int_equal(strv_length(elf->dlopen[0].sonames), 2);
                        assert_string_equal(elf->dlopen[0].sonames[0], "libbar.so.2");
                        assert_string_equal(elf->dlopen[0].feature, "bar");
                        assert_int_equal(elf->dlopen[0].priority, ELF_DLOPEN_SUGGESTED);
                        assert_false(elf->dlopen_damaged);
                }
}

/* DT_RUNPATH wins over DT_RPATH; both are split, empty parts dropped. */
static void test_runpath(void **state) {
        static const struct {
                const char *rpath, *runpath, *joined;
                bool is_rpath;
        } cases[] = {
                { NULL, NULL, "", false },
                { "/a:/b", NULL, "/a|/b", true },
                { NULL, "$ORIGIN/../lib", "$ORIGIN/../lib", false },
                { "/a", "/b::/c", "/b|/c", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ElfSpec spec = { .rpath = cases[i].rpath, .runpath = cases[i].runpath };
                _cleanup_(elf_freep) Elf *elf = NULL;
                _cleanup_free_ char *joined = NULL;

                assert_int_equal(build_and_parse(&spec, &elf), 0);
                joined = strv_join(elf->runpath, "|");
                assert_string_equal(joined, cases[i].joined);
                assert_int_equal(elf->rpath, cases[i].is_rpath);
        }
}

static void test_dlopen(void **state) {
        static const struct {
                const char *json;
                size_t n;
                bool damaged;
                ElfDlopenPriority priority;
                const char *feature, *soname; /* of the last */
        } cases[] = {
                /* what is not said is recommended, without a feature */
                { "[{\"soname\":[\"a.so\"]}]", 1, false, ELF_DLOPEN_RECOMMENDED, NULL, "a.so" },
                { "[{\"soname\":[\"a.so\"],\"priority\":\"required\",\"feature\":\"f\"}]", 1, false,
                  ELF_DLOPEN_REQUIRED, "f", "a.so" },
                { "[{\"soname\":[\"a.so\"],\"priority\":\"odd\"}]", 1, false, ELF_DLOPEN_RECOMMENDED,
                  NULL, "a.so" },
                /* many in one note; keys that nobody knows */
                { "[{\"soname\":[\"a.so\"]},{\"soname\":[\"b.so\"],\"x\":{}}]", 2, false,
                  ELF_DLOPEN_RECOMMENDED, NULL, "b.so" },
                { "[]", 0, false, 0, NULL, NULL },
                /* the early drafts: one object, one string */
                { "{\"soname\":\"a.so\"}", 1, false, ELF_DLOPEN_RECOMMENDED, NULL, "a.so" },
                /* damaged: what is before it counts */
                { "", 0, true, 0, NULL, NULL },
                { "[{\"soname\":[\"a.so\"]", 0, true, 0, NULL, NULL },
                { "7", 0, true, 0, NULL, NULL },
                { "[7]", 0, true, 0, NULL, NULL },
                { "[{}]", 0, true, 0, NULL, NULL },
                { "[{\"soname\":[]}]", 0, true, 0, NULL, NULL },
                { "[{\"soname\":[\"a.so\", 7]}]", 0, true, 0, NULL, NULL },
                { "[{\"soname\":[\"\"]}]", 0, true, 0, NULL, NULL },
                { "[{\"soname\":[\"a.so\"]},{}]", 1, true, ELF_DLOPEN_RECOMMENDED, NULL, "a.so" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (int unmapped = 0; unmapped < 2; unmapped++) {
                        const char *notes[] = { cases[i].json, NULL };
                        ElfSpec spec = { .dlopen = notes, .dlopen_unmapped = unmapped };
                        _cleanup_(elf_freep) Elf *elf = NULL;

                        assert_int_equal(build_and_parse(&spec, &elf), 0);
                        assert_int_equal(elf->n_dlopen, cases[i].n);
                        assert_int_equal(elf->dlopen_damaged, cases[i].damaged);
                        if (cases[i].n > 0) {
                                const ElfDlopen *d = &elf->dlopen[cases[i].n - 1];

                                assert_int_equal(d->priority, cases[i].priority);
                                assert_true(streq_ptr(d->feature, cases[i].feature));
                                assert_string_equal(d->sonames[0], cases[i].soname);
                        }
                }
}

/* Notes of others before and between ours are passed over, whatever their length. */
static void test_several_notes(void **state) {
        static const char *const notes[] = {
                "[{\"soname\":[\"a.so\"]}]",
                "[{\"soname\":[\"bb.so\"]}]",
                "[{\"soname\":[\"ccc.so\"]}]",
                NULL,
        };
        ElfSpec spec = { .dlopen = notes };
        _cleanup_(elf_freep) Elf *elf = NULL;
        _cleanup_free_ char *data = NULL;
        size_t size, at;
        char *second;

        assert_int_equal(elf_build(&spec, &data, &size), 0);
        second = memmem(data, size, "bb.so", 5);
        assert_non_null(second);
        at = (size_t) (second - data) - strlen("[{\"soname\":[\"") - 4;
        assert_memory_equal(data + at, "FDO", 4);
        data[at] = 'X';
        assert_int_equal(parse_copy(data, size, &elf), 0);
        assert_int_equal(elf->n_dlopen, 2);
        assert_string_equal(elf->dlopen[1].sonames[0], "ccc.so");

        /* Another type is not ours either, even with our owner and unreadable content. */
        data[at] = 'F';
        data[at - 4] ^= 1;
        elf_freep(&elf);
        assert_int_equal(parse_copy(data, size, &elf), 0);
        assert_int_equal(elf->n_dlopen, 2);

        /* A size that leads out of the segment ends the notes, and is told when it was ours. */
        data[at - 4] ^= 1;
        data[at - 8 + 3] = 0x7f;
        elf_freep(&elf);
        assert_int_equal(parse_copy(data, size, &elf), 0);
        assert_int_equal(elf->n_dlopen, 1);
        assert_true(elf->dlopen_damaged);
}

static void test_section(void **state) {
        static const char modinfo[] = "license=GPL\0depends=";
        ElfSpec spec = { .type = ET_REL, .modinfo = modinfo, .modinfo_size = sizeof(modinfo) };
        _cleanup_free_ char *data = NULL, *stripped = NULL;
        size_t size, n;
        const char *s;
        Elf64_Ehdr *header;

        assert_int_equal(elf_build(&spec, &data, &size), 0);
        assert_int_equal(elf_section(data, size, ".modinfo", &s, &n), 0);
        assert_int_equal(n, sizeof(modinfo));
        assert_memory_equal(s, modinfo, n);
        assert_true(s > data && s < data + size);

        /* No such section; a name that only begins or ends so. */
        assert_int_equal(elf_section(data, size, ".modinf", &s, &n), -ENOENT);
        assert_int_equal(elf_section(data, size, "modinfo", &s, &n), -ENOENT);
        assert_int_equal(elf_section(data, size, ".modinfo2", &s, &n), -ENOENT);
        assert_int_equal(elf_section("text", 4, ".modinfo", &s, &n), -ENOEXEC);

        /* The table, or the names, beyond the end; a names section that is none. */
        header = (Elf64_Ehdr *) data;
        assert_int_equal(elf_section(data, size - 1, ".modinfo", &s, &n), -EBADMSG);
        header->e_shstrndx = 77;
        assert_int_equal(elf_section(data, size, ".modinfo", &s, &n), -EBADMSG);
        header->e_shstrndx = SHN_UNDEF;
        assert_int_equal(elf_section(data, size, ".modinfo", &s, &n), -ENOENT);
        /* More sections than the header can count: the first section header says. */
        header->e_shstrndx = SHN_XINDEX;
        header->e_shnum = 0;
        ((Elf64_Shdr *) (data + header->e_shoff))->sh_size = 4;
        ((Elf64_Shdr *) (data + header->e_shoff))->sh_link = 3;
        assert_int_equal(elf_section(data, size, ".modinfo", &s, &n), 0);
        ((Elf64_Shdr *) (data + header->e_shoff))->sh_size = UINT64_MAX / 2;
        assert_int_equal(elf_section(data, size, ".modinfo", &s, &n), -EBADMSG);

        spec.stripped = true;
        assert_int_equal(elf_build(&spec, &stripped, &size), 0);
        assert_int_equal(elf_section(stripped, size, ".modinfo", &s, &n), -ENOENT);
}

/* What is no ELF, and what only begins like one. */
static void test_no_elf(void **state) {
        static const struct {
                const char *data;
                size_t size;
                int r;
        } cases[] = {
                { "", 0, -ENOEXEC },
                { "#!/bin/sh\n", 10, -ENOEXEC },
                { "\177EL", 3, -ENOEXEC },
                { "\177ELF", 4, -EBADMSG },
                { "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16, -EBADMSG }, /* nothing after the ident */
                { "\177ELF\3\1\1\0\0\0\0\0\0\0\0\0", 16, -EBADMSG }, /* class */
                { "\177ELF\2\3\1\0\0\0\0\0\0\0\0\0", 16, -EBADMSG }, /* byte order */
                { "\177ELF\2\1\2\0\0\0\0\0\0\0\0\0", 16, -EBADMSG }, /* version */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(elf_freep) Elf *elf = NULL;

                assert_int_equal(parse_copy(cases[i].data, cases[i].size, &elf), cases[i].r);
                assert_null(elf);
        }
}

static Elf64_Dyn *find_tag(char *data, int64_t tag) {
        Elf64_Phdr *segment = (Elf64_Phdr *) (data + sizeof(Elf64_Ehdr)) + 2;
        Elf64_Dyn *d;

        assert_int_equal(segment->p_type, PT_DYNAMIC);
        d = (Elf64_Dyn *) (data + segment->p_offset);
        while (d->d_tag != tag)
                d++;
        return d;
}

/* One thing is wrong at a time. */
static void test_damaged(void **state) {
        for (int what = 0;; what++) {
                ElfSpec spec = {
                        .interpreter = "/lib/ld.so",
                        .soname = "libme.so.1",
                        .needed = two_needed,
                        .runpath = "/a",
                        .dlopen = (const char *const[]) { "[]", NULL },
                };
                _cleanup_(elf_freep) Elf *elf = NULL;
                _cleanup_free_ char *data = NULL;
                Elf64_Phdr *segments;
                Elf64_Ehdr *header;
                size_t size;
                int expect = -EBADMSG;

                assert_int_equal(elf_build(&spec, &data, &size), 0);
                header = (Elf64_Ehdr *) data;
                segments = (Elf64_Phdr *) (data + header->e_phoff);
                switch (what) {
                case 0: header->e_phoff = size; break;
                case 1: header->e_phoff = UINT64_MAX - 8; break;
                case 2: header->e_phentsize = 8; break;
                case 3: header->e_phnum = 1000; break;
                case 4: segments[0].p_offset = size; break;
                case 5: segments[0].p_filesz = UINT64_MAX; break;
                case 6: segments[0].p_filesz = 4; break; /* no NUL in it */
                case 7: segments[2].p_filesz = size; break;
                case 8: segments[3].p_offset = UINT64_MAX - 2; break;
                case 9: segments[1].p_type = PT_NULL; break; /* addresses mean nothing */
                case 10: segments[1].p_filesz = size * 2; break;
                case 11: find_tag(data, DT_STRTAB)->d_un.d_ptr = 16; break;
                case 12: find_tag(data, DT_STRTAB)->d_tag = DT_DEBUG; break;
                case 13: find_tag(data, DT_STRSZ)->d_un.d_val = 3; break;
                case 14: find_tag(data, DT_NEEDED)->d_un.d_val = UINT64_MAX; break;
                case 15: find_tag(data, DT_SONAME)->d_un.d_val = size; break;
                case 16: find_tag(data, DT_RUNPATH)->d_un.d_val = size; break;
                case 17: header->e_phnum = PN_XNUM; header->e_shoff = size; break;
                /* These are odd, but a loader would take them. */
                case 18: find_tag(data, DT_STRSZ)->d_tag = DT_DEBUG; expect = 0; break;
                case 19: segments[0].p_filesz = 0; expect = 0; break;
                case 20: header->e_phnum = 0; expect = 0; break;
                case 21: header->e_shoff = UINT64_MAX; expect = 0; break;
                case 22: segments[2].p_filesz -= 3; expect = 0; break;
                default: return;
                }
                if (parse_copy(data, size, &elf) != expect)
                        fail_msg("case %d", what);
        }
}

/* Cut anywhere, or with any byte inverted: an answer or an error, never more. */
static void test_any_damage(void **state) {
        for (int class = ELFCLASS32; class <= ELFCLASS64; class ++) {
                ElfSpec spec = {
                        .class = (unsigned) class,
                        .interpreter = "/lib/ld.so",
                        .needed = two_needed,
                        .rpath = "/a:/b",
                        .dlopen = (const char *const[]) { "[{\"soname\":[\"a\"]}]", NULL },
                };
                _cleanup_free_ char *data = NULL;
                size_t size;

                assert_int_equal(elf_build(&spec, &data, &size), 0);
                for (size_t i = 0; i < size; i++) {
                        _cleanup_(elf_freep) Elf *cut = NULL, *changed = NULL;
                        int r;

                        r = parse_copy(data, i, &cut);
                        assert_true(r == 0 || r == -EBADMSG || (i < 4 && r == -ENOEXEC));
                        data[i] = (char) ~data[i];
                        r = parse_copy(data, size, &changed);
                        assert_true(r == 0 || r == -EBADMSG || (i < 4 && r == -ENOEXEC));
                        data[i] = (char) ~data[i];
                }
        }
}

/* A file of megabytes that claims millions of libraries is refused, not believed. */
static void test_limits(void **state) {
        const char *many[5001] = {};
        ElfSpec spec = { .needed = many };
        _cleanup_free_ char *data = NULL;
        _cleanup_(elf_freep) Elf *elf = NULL;
        size_t size;

        for (size_t i = 0; i < 4000; i++)
                many[i] = "libx.so";
        assert_int_equal(elf_build(&spec, &data, &size), 0);
        assert_int_equal(elf_parse(data, size, &elf), 0);
        assert_int_equal(strv_length(elf->needed), 4000);
        free(TAKE_PTR(data));
        elf_freep(&elf);
        elf = NULL;

        for (size_t i = 4000; i < 5000; i++)
                many[i] = "libx.so";
        assert_int_equal(elf_build(&spec, &data, &size), 0);
        assert_int_equal(elf_parse(data, size, &elf), -EBADMSG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_layouts),
                cmocka_unit_test(test_runpath),
                cmocka_unit_test(test_dlopen),
                cmocka_unit_test(test_several_notes),
                cmocka_unit_test(test_section),
                cmocka_unit_test(test_no_elf),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_any_damage),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
