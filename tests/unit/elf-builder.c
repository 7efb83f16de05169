/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The file is, in this order: the ELF header, four program headers, the interpreter, the notes,
 * the dynamic strings and section, .modinfo, what is extra, the names of the sections, and the
 * section headers. Segments that have nothing are PT_NULL. One PT_LOAD maps everything at
 * LOAD_ADDRESS, so that an address is never the offset by accident.
 */

#include <elf.h>
#include <fcntl.h>

#include "elf-builder.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"

#define LOAD_ADDRESS 0x10000
#define N_SEGMENTS 4
#define N_SECTIONS 4

static const char section_names[] = "\0.note.dlopen\0.modinfo\0.shstrtab";

typedef struct Range {
        size_t offset, size;
} Range;

typedef struct Builder {
        uint8_t *data;
        size_t size, allocated;
        bool is64, big, failed;
} Builder;

static size_t append(Builder *b, const void *data, size_t size) {
        size_t at = b->size;

        if (b->failed || !GREEDY_REALLOC(b->data, b->allocated, at + size + 1)) {
                b->failed = true;
                return 0;
        }
        if (data)
                memcpy(b->data + at, data, size);
        else
                memset(b->data + at, 0, size);
        b->size += size;
        return at;
}

static void pad(Builder *b, size_t align) {
        append(b, NULL, ALIGN_TO(b->size, align) - b->size);
}

static void put(Builder *b, size_t at, size_t width, uint64_t value) {
        if (b->failed)
                return;
        for (size_t i = 0; i < width; i++)
                b->data[b->big ? at + width - 1 - i : at + i] = (uint8_t) (value >> 8 * i);
}

#define PUT(b, at, type, field, value)                                                            \
        ((b)->is64 ? put((b), (at) + offsetof(Elf64_##type, field),                               \
                         sizeof(((Elf64_##type *) NULL)->field), (value))                         \
                   : put((b), (at) + offsetof(Elf32_##type, field),                               \
                         sizeof(((Elf32_##type *) NULL)->field), (value)))
#define SIZE_OF(b, type) ((b)->is64 ? sizeof(Elf64_##type) : sizeof(Elf32_##type))

static Range append_notes(Builder *b, const char *const *texts) {
        Range r;

        pad(b, 4);
        r = (Range) { b->size, 0 };
        for (; texts && *texts; texts++) {
                size_t at = append(b, NULL, sizeof(Elf64_Nhdr));

                PUT(b, at, Nhdr, n_namesz, 4);
                PUT(b, at, Nhdr, n_descsz, strlen(*texts) + 1);
                PUT(b, at, Nhdr, n_type, 0x407c0c0a);
                append(b, "FDO", 4);
                append(b, *texts, strlen(*texts) + 1);
                pad(b, 4);
        }
        r.size = b->size - r.offset;
        return r;
}

static void append_tag(Builder *b, int64_t tag, uint64_t value) {
        size_t at = append(b, NULL, SIZE_OF(b, Dyn));

        PUT(b, at, Dyn, d_tag, (uint64_t) tag);
        PUT(b, at, Dyn, d_un, value);
}

static Range append_dynamic(Builder *b, const ElfSpec *spec) {
        const char *const named[] = { spec->soname, spec->rpath, spec->runpath };
        static const int64_t tags[] = { DT_SONAME, DT_RPATH, DT_RUNPATH };
        size_t strings = append(b, "", 1), size, string = 1;
        Range r;

        for (size_t i = 0; i < ELEMENTSOF(named); i++)
                if (named[i])
                        append(b, named[i], strlen(named[i]) + 1);
        for (const char *const *s = spec->needed; s && *s; s++)
                append(b, *s, strlen(*s) + 1);
        size = b->size - strings;
        if (size == 1)
                return (Range) {};

        pad(b, 8);
        r.offset = b->size;
        for (size_t i = 0; i < ELEMENTSOF(named); i++)
                if (named[i]) {
                        append_tag(b, tags[i], string);
                        string += strlen(named[i]) + 1;
                }
        for (const char *const *s = spec->needed; s && *s; s++) {
                append_tag(b, DT_NEEDED, string);
                string += strlen(*s) + 1;
        }
        append_tag(b, DT_STRTAB, LOAD_ADDRESS + strings);
        append_tag(b, DT_STRSZ, size);
        append_tag(b, DT_NULL, 0);
        r.size = b->size - r.offset;
        return r;
}

static void put_segment(Builder *b, unsigned i, uint32_t type, Range r, uint64_t align) {
        size_t at = SIZE_OF(b, Ehdr) + i * SIZE_OF(b, Phdr);

        if (r.size == 0)
                return;
        PUT(b, at, Phdr, p_type, type);
        PUT(b, at, Phdr, p_offset, r.offset);
        PUT(b, at, Phdr, p_vaddr, LOAD_ADDRESS + r.offset);
        PUT(b, at, Phdr, p_filesz, r.size);
        PUT(b, at, Phdr, p_memsz, r.size);
        PUT(b, at, Phdr, p_align, align);
}

static void append_section(Builder *b, const char *name, uint32_t type, Range r) {
        size_t at = append(b, NULL, SIZE_OF(b, Shdr));
        const char *p = section_names;

        while (!streq(p, name))
                p += strlen(p) + 1;
        PUT(b, at, Shdr, sh_name, (size_t) (p - section_names));
        PUT(b, at, Shdr, sh_type, r.size > 0 ? type : SHT_NULL);
        PUT(b, at, Shdr, sh_offset, r.offset);
        PUT(b, at, Shdr, sh_size, r.size);
}

static void append_header(Builder *b, const ElfSpec *spec) {
        size_t at = append(b, NULL, SIZE_OF(b, Ehdr));

        if (b->failed)
                return;
        memcpy(b->data, ELFMAG, SELFMAG);
        b->data[EI_CLASS] = b->is64 ? ELFCLASS64 : ELFCLASS32;
        b->data[EI_DATA] = b->big ? ELFDATA2MSB : ELFDATA2LSB;
        b->data[EI_VERSION] = EV_CURRENT;
        PUT(b, at, Ehdr, e_type, spec->type ? spec->type : ET_DYN);
        PUT(b, at, Ehdr, e_machine, spec->machine ? spec->machine : b->is64 ? EM_X86_64 : EM_386);
        PUT(b, at, Ehdr, e_version, EV_CURRENT);
        PUT(b, at, Ehdr, e_phoff, SIZE_OF(b, Ehdr));
        PUT(b, at, Ehdr, e_ehsize, SIZE_OF(b, Ehdr));
        PUT(b, at, Ehdr, e_phentsize, SIZE_OF(b, Phdr));
        PUT(b, at, Ehdr, e_phnum, N_SEGMENTS);
        append(b, NULL, N_SEGMENTS * SIZE_OF(b, Phdr));
}

static void append_sections(Builder *b, Range notes, Range modinfo) {
        Range names = { append(b, section_names, sizeof(section_names)), sizeof(section_names) };

        pad(b, 8);
        PUT(b, 0, Ehdr, e_shoff, b->size);
        PUT(b, 0, Ehdr, e_shentsize, SIZE_OF(b, Shdr));
        PUT(b, 0, Ehdr, e_shnum, N_SECTIONS);
        PUT(b, 0, Ehdr, e_shstrndx, N_SECTIONS - 1);
        append_section(b, "", SHT_NULL, (Range) {});
        append_section(b, ".note.dlopen", SHT_NOTE, notes);
        append_section(b, ".modinfo", SHT_PROGBITS, modinfo);
        append_section(b, ".shstrtab", SHT_STRTAB, names);
}

int elf_build(const ElfSpec *spec, char **ret, size_t *ret_size) {
        Builder b = { .is64 = spec->class != ELFCLASS32, .big = spec->big_endian };
        Range interpreter = {}, notes, dynamic, modinfo = {};

        append_header(&b, spec);
        if (spec->interpreter) {
                interpreter.size = strlen(spec->interpreter) + 1;
                interpreter.offset = append(&b, spec->interpreter, interpreter.size);
        }
        notes = append_notes(&b, spec->dlopen);
        dynamic = append_dynamic(&b, spec);
        if (spec->modinfo) {
                modinfo.size = spec->modinfo_size;
                modinfo.offset = append(&b, spec->modinfo, spec->modinfo_size);
        }
        append(&b, "", 1);
        append(&b, spec->extra, spec->extra_size);
        append(&b, "", 1);

        put_segment(&b, 0, PT_INTERP, interpreter, 1);
        put_segment(&b, 1, PT_LOAD, (Range) { 0, b.size }, 0x1000);
        put_segment(&b, 2, PT_DYNAMIC, dynamic, 8);
        if (!spec->dlopen_unmapped)
                put_segment(&b, 3, PT_NOTE, notes, 4);
        if (!spec->stripped)
                append_sections(&b, notes, modinfo);

        if (b.failed) {
                free(b.data);
                return -ENOMEM;
        }
        *ret = (char *) b.data;
        *ret_size = b.size;
        return 0;
}

int elf_build_file(const char *path, const ElfSpec *spec) {
        _cleanup_free_ char *data = NULL, *directory = NULL;
        size_t size;
        int r;

        r = elf_build(spec, &data, &size);
        if (r < 0)
                return r;
        directory = path_dirname(path);
        if (!directory)
                return -ENOMEM;
        r = mkdir_parents(directory, 0755);
        if (r < 0)
                return r;
        return file_replace_at(AT_FDCWD, path, data, size, 0755);
}
