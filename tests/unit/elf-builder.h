/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Makes the smallest ELF files that need something, for tests of what reads them. They can't be
 * run. What is left empty is not in the file; an empty ElfSpec is a shared library for x86-64
 * without any content.
 */

#include "macro.h"

typedef struct ElfSpec {
        unsigned class; /* 0: ELFCLASS64 */
        unsigned machine; /* 0: EM_X86_64, or EM_386 with ELFCLASS32 */
        unsigned type; /* 0: ET_DYN */
        bool big_endian;
        const char *interpreter;
        const char *soname;
        const char *const *needed; /* NULL at the end */
        const char *rpath, *runpath;
        const char *const *dlopen; /* a note with this JSON each; NULL at the end */
        bool dlopen_unmapped; /* the notes are in the section, but in no segment */
        bool stripped; /* no section headers */
        const char *modinfo; /* content of a .modinfo section… */
        size_t modinfo_size;
        const char *extra; /* bytes that are somewhere in the file, as strings of a loader… */
        size_t extra_size;
} ElfSpec;

/* 0 or -ENOMEM. The caller frees. */
int elf_build(const ElfSpec *spec, char **ret, size_t *ret_size);

/* Writes it to a file with mode 0755; makes the directories above it. */
int elf_build_file(const char *path, const ElfSpec *spec);
