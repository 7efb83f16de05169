/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What an ELF file needs to run, read from its headers. Any class and byte order. Input is never
 * trusted: every offset is checked, a broken file is -EBADMSG, one that is no ELF -ENOEXEC.
 *
 * Sources: System V gABI (elf.h), and the "ELF dlopen metadata" note of the UAPI group
 * (.note.dlopen: owner "FDO", type 0x407c0c0a, a JSON array of objects with "soname", "feature",
 * "description", "priority").
 */

#include "macro.h"

typedef enum ElfDlopenPriority {
        ELF_DLOPEN_REQUIRED,
        ELF_DLOPEN_RECOMMENDED, /* also where nothing is said, as the specification has it */
        ELF_DLOPEN_SUGGESTED,
} ElfDlopenPriority;

typedef struct ElfDlopen {
        char **sonames; /* alternatives, best first */
        char *feature; /* or NULL */
        ElfDlopenPriority priority;
} ElfDlopen;

typedef struct Elf {
        unsigned class; /* ELFCLASS32, ELFCLASS64 */
        unsigned machine; /* EM_X86_64… */
        unsigned type; /* ET_EXEC, ET_DYN, ET_REL */
        bool little_endian;
        char *interpreter; /* or NULL */
        char *soname; /* or NULL */
        char **needed;
        char **runpath; /* DT_RUNPATH, else DT_RPATH, split at colons, $ORIGIN not filled in */
        bool rpath; /* the above is DT_RPATH: searched before, and inherited */
        ElfDlopen *dlopen;
        size_t n_dlopen;
        bool dlopen_damaged; /* there is more that can't be read: a warning, since the file runs */
} Elf;

/* `data` need only be the whole file where the sections that matter lie; a mapping is fine. Only
 * the headers, the dynamic section, its strings and the notes are touched. */
int elf_parse(const void *data, size_t size, Elf **ret);
/* Of the first ELF_HEADER_SIZE bytes of a file (or all, of a shorter one) only what these say:
 * class, byte order, machine and type. Everything else of `ret` is empty; nothing to free. */
#define ELF_HEADER_SIZE 64
int elf_parse_header(const void *data, size_t size, Elf *ret);
Elf *elf_free(Elf *elf);
DEFINE_CLEANUP_FUNC(Elf *, elf_free);

/* The bytes of a section, borrowed from `data`. -ENOENT when there is none. For drivers: ".modinfo". */
int elf_section(const void *data, size_t size, const char *name, const char **ret,
                size_t *ret_size);
