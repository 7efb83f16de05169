/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reads what the loader reads: the ELF header, the program headers, PT_INTERP, PT_DYNAMIC and its
 * string table (an address, found in the file through PT_LOAD), and the notes of PT_NOTE. Sections
 * are a thing of linkers and debuggers, and a stripped file may have none: they are asked only for
 * a dlopen note that no segment has, and for what elf_section() is wanted for.
 *
 * A parser of our own, not libelf: that reads the section headers of every file first, swaps
 * tables into memory of its own, and has been the source of many out-of-bounds reads on damaged
 * files. What is needed here is a dozen fields. They are read one by one where they lie, through
 * one bounds-checked function that knows width and byte order, so any class, any byte order and
 * any alignment go the same way, and of a mapped file only the pages with these fields are touched.
 *
 * What a file may ask for is limited (strings of PATH_MAX, NEEDED_MAX libraries), since one string
 * that is named by each of a million entries would otherwise be a million strings.
 */

#include <elf.h>
#include <limits.h>

#include <jansson.h>

#include "collect/elf.h"
#include "string-util.h"

#define NEEDED_MAX 4096
#define DLOPEN_MAX 1024
#define RUNPATH_MAX (64 * 1024)
#define NOTE_SEGMENTS_MAX 64

#define NOTE_DLOPEN UINT32_C(0x407c0c0a)
#define NOTE_OWNER "FDO"

/* The bytes, and how they are to be read. */
typedef struct View {
        const uint8_t *data;
        uint64_t size;
        bool is64, little;
} View;

/* One program header, or one section header, whatever the class. */
typedef struct Segment {
        uint32_t type;
        uint64_t offset, address, size, align;
} Segment;

typedef struct Section {
        uint32_t name, type, link, info;
        uint64_t offset, size;
} Section;

/* A table of headers of equal size. */
typedef struct Table {
        uint64_t offset, n, entry_size;
} Table;

static bool in_view(const View *v, uint64_t offset, uint64_t size) {
        return offset <= v->size && size <= v->size - offset;
}

/* A number of `width` bytes. The caller has made sure that it is there. */
static uint64_t number_at(const View *v, uint64_t offset, size_t width) {
        const uint8_t *p = v->data + offset;
        uint64_t n = 0;

        for (size_t i = 0; i < width; i++)
                n = n << 8 | p[v->little ? width - 1 - i : i];
        return n;
}

/* A field of a structure that <elf.h> has for both classes. */
#define FIELD(v, base, type, field)                                                               \
        ((v)->is64 ? number_at((v), (base) + offsetof(Elf64_##type, field),                       \
                               sizeof(((Elf64_##type *) NULL)->field))                            \
                   : number_at((v), (base) + offsetof(Elf32_##type, field),                       \
                               sizeof(((Elf32_##type *) NULL)->field)))
#define SIZE_OF(v, type) ((v)->is64 ? sizeof(Elf64_##type) : sizeof(Elf32_##type))

static int view_init(View *v, const void *data, size_t size) {
        const uint8_t *ident = data;

        if (size < SELFMAG || memcmp(data, ELFMAG, SELFMAG) != 0)
                return -ENOEXEC;
        if (size < EI_NIDENT || ident[EI_VERSION] != EV_CURRENT ||
            (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64) ||
            (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB))
                return -EBADMSG;

        *v = (View) {
                .data = data,
                .size = size,
                .is64 = ident[EI_CLASS] == ELFCLASS64,
                .little = ident[EI_DATA] == ELFDATA2LSB,
        };
        return in_view(v, 0, SIZE_OF(v, Ehdr)) ? 0 : -EBADMSG;
}

static int table_check(const View *v, const Table *t, size_t least) {
        if (t->n == 0)
                return 0;
        if (t->entry_size < least || t->n > v->size / t->entry_size ||
            !in_view(v, t->offset, t->n * t->entry_size))
                return -EBADMSG;
        return 0;
}

static Section section_at(const View *v, const Table *t, uint64_t i) {
        uint64_t at = t->offset + i * t->entry_size;

        return (Section) {
                .name = (uint32_t) FIELD(v, at, Shdr, sh_name),
                .type = (uint32_t) FIELD(v, at, Shdr, sh_type),
                .link = (uint32_t) FIELD(v, at, Shdr, sh_link),
                .info = (uint32_t) FIELD(v, at, Shdr, sh_info),
                .offset = FIELD(v, at, Shdr, sh_offset),
                .size = FIELD(v, at, Shdr, sh_size),
        };
}

static Segment segment_at(const View *v, const Table *t, uint64_t i) {
        uint64_t at = t->offset + i * t->entry_size;

        return (Segment) {
                .type = (uint32_t) FIELD(v, at, Phdr, p_type),
                .offset = FIELD(v, at, Phdr, p_offset),
                .address = FIELD(v, at, Phdr, p_vaddr),
                .size = FIELD(v, at, Phdr, p_filesz),
                .align = FIELD(v, at, Phdr, p_align),
        };
}

/* The section headers; where there are more than the ELF header can count, the first one does. */
static int sections_find(const View *v, Table *ret, uint64_t *ret_names) {
        Table t = {
                .offset = FIELD(v, 0, Ehdr, e_shoff),
                .n = FIELD(v, 0, Ehdr, e_shnum),
                .entry_size = FIELD(v, 0, Ehdr, e_shentsize),
        };
        uint64_t names = FIELD(v, 0, Ehdr, e_shstrndx);
        int r;

        if (t.offset == 0)
                return -ENOENT;
        if (t.n == 0 || names == SHN_XINDEX) {
                Table first = { t.offset, 1, t.entry_size };
                Section s;

                r = table_check(v, &first, SIZE_OF(v, Shdr));
                if (r < 0)
                        return r;
                s = section_at(v, &first, 0);
                if (t.n == 0)
                        t.n = s.size;
                if (names == SHN_XINDEX)
                        names = s.link;
        }
        r = table_check(v, &t, SIZE_OF(v, Shdr));
        if (r < 0)
                return r;
        *ret = t;
        *ret_names = names;
        return 0;
}

static int segments_find(const View *v, Table *ret) {
        Table t = {
                .offset = FIELD(v, 0, Ehdr, e_phoff),
                .n = FIELD(v, 0, Ehdr, e_phnum),
                .entry_size = FIELD(v, 0, Ehdr, e_phentsize),
        };
        int r;

        if (t.offset == 0)
                t.n = 0;
        if (t.n == PN_XNUM) {
                Table first = {
                        .offset = FIELD(v, 0, Ehdr, e_shoff),
                        .n = 1,
                        .entry_size = FIELD(v, 0, Ehdr, e_shentsize),
                };

                r = table_check(v, &first, SIZE_OF(v, Shdr));
                if (r < 0)
                        return r;
                t.n = section_at(v, &first, 0).info;
        }
        r = table_check(v, &t, SIZE_OF(v, Phdr));
        if (r < 0)
                return r;
        *ret = t;
        return 0;
}

static int find_section(const View *v, const char *name, Section *ret) {
        uint64_t index;
        Section names;
        Table t;
        int r;

        r = sections_find(v, &t, &index);
        if (r < 0)
                return r;
        if (index == SHN_UNDEF)
                return -ENOENT;
        if (index >= t.n)
                return -EBADMSG;
        names = section_at(v, &t, index);
        if (!in_view(v, names.offset, names.size))
                return -EBADMSG;

        for (uint64_t i = 1; i < t.n; i++) {
                Section s = section_at(v, &t, i);

                if (s.name >= names.size || names.size - s.name < strlen(name) + 1 ||
                    memcmp(v->data + names.offset + s.name, name, strlen(name) + 1) != 0)
                        continue;
                if (s.type == SHT_NOBITS)
                        return -ENOENT;
                if (!in_view(v, s.offset, s.size))
                        return -EBADMSG;
                *ret = s;
                return 0;
        }
        return -ENOENT;
}

int elf_section(const void *data, size_t size, const char *name, const char **ret,
                size_t *ret_size) {
        Section s;
        View v;
        int r;

        r = view_init(&v, data, size);
        if (r >= 0)
                r = find_section(&v, name, &s);
        if (r < 0)
                return r;
        *ret = (const char *) v.data + s.offset;
        *ret_size = (size_t) s.size;
        return 0;
}

/* A string that ends before `limit` bytes do and is shorter than `max`. */
static int string_at(const View *v, uint64_t offset, uint64_t limit, size_t max, char **ret) {
        const char *s = (const char *) v->data + offset;
        size_t n;
        char *copy;

        n = strnlen(s, (size_t) MIN_OF(limit, (uint64_t) max));
        if (n == limit || n == max)
                return -EBADMSG;
        copy = strndup(s, n);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

/* Where the byte at `address` of the loaded image is in the file, and how much of its segment
 * follows. */
static int address_to_offset(const View *v, const Table *segments, uint64_t address, uint64_t *ret,
                             uint64_t *ret_left) {
        for (uint64_t i = 0; i < segments->n; i++) {
                Segment s = segment_at(v, segments, i);

                if (s.type != PT_LOAD || address < s.address || address - s.address >= s.size)
                        continue;
                if (!in_view(v, s.offset, s.size))
                        return -EBADMSG;
                *ret = s.offset + (address - s.address);
                *ret_left = s.size - (address - s.address);
                return 0;
        }
        return -EBADMSG;
}

/* What of the dynamic section matters: offsets into the string table, which can come last. */
typedef struct Dynamic {
        uint64_t strings, strings_size; /* address, bytes */
        bool has_strings;
        uint64_t soname, rpath, runpath; /* UINT64_MAX: none */
        size_t n_needed;
        uint64_t first, end; /* where the entries are in the file */
} Dynamic;

static int dynamic_scan(const View *v, const Segment *s, Dynamic *ret) {
        size_t step = SIZE_OF(v, Dyn);
        Dynamic d = {
                .strings_size = UINT64_MAX,
                .soname = UINT64_MAX,
                .rpath = UINT64_MAX,
                .runpath = UINT64_MAX,
                .first = s->offset,
        };
        uint64_t at = s->offset;

        if (!in_view(v, s->offset, s->size))
                return -EBADMSG;
        for (; s->size - (at - s->offset) >= step; at += step) {
                uint64_t tag = FIELD(v, at, Dyn, d_tag), value = FIELD(v, at, Dyn, d_un);

                if (tag == DT_NULL)
                        break;
                switch (tag) {
                case DT_STRTAB:
                        d.strings = value;
                        d.has_strings = true;
                        break;
                case DT_STRSZ:
                        d.strings_size = value;
                        break;
                case DT_SONAME:
                        d.soname = value;
                        break;
                case DT_RPATH:
                        d.rpath = value;
                        break;
                case DT_RUNPATH:
                        d.runpath = value;
                        break;
                case DT_NEEDED:
                        d.n_needed++;
                        break;
                default:
                        break;
                }
        }
        d.end = at;
        if (d.n_needed > NEEDED_MAX)
                return -EBADMSG;
        *ret = d;
        return 0;
}

static int parse_runpath(const View *v, const Dynamic *d, uint64_t strings, uint64_t size,
                         Elf *elf) {
        _cleanup_free_ char *joined = NULL;
        uint64_t offset;
        int r;

        /* Where there are both, the loader ignores DT_RPATH. */
        elf->rpath = d->runpath == UINT64_MAX && d->rpath != UINT64_MAX;
        offset = elf->rpath ? d->rpath : d->runpath;
        if (offset == UINT64_MAX)
                return 0;
        if (offset >= size)
                return -EBADMSG;
        r = string_at(v, strings + offset, size - offset, RUNPATH_MAX, &joined);
        if (r < 0)
                return r;
        return strv_split(&elf->runpath, joined, ":");
}

static int parse_needed(const View *v, const Dynamic *d, uint64_t strings, uint64_t size,
                        Elf *elf) {
        size_t n = 0;
        int r;

        elf->needed = calloc(d->n_needed + 1, sizeof(char *));
        if (!elf->needed)
                return -ENOMEM;
        for (uint64_t at = d->first; at < d->end; at += SIZE_OF(v, Dyn)) {
                uint64_t offset = FIELD(v, at, Dyn, d_un);

                if (FIELD(v, at, Dyn, d_tag) != DT_NEEDED)
                        continue;
                if (offset >= size)
                        return -EBADMSG;
                r = string_at(v, strings + offset, size - offset, PATH_MAX, &elf->needed[n]);
                if (r < 0)
                        return r;
                n++;
        }
        return 0;
}

static int parse_dynamic(const View *v, const Table *segments, const Segment *s, Elf *elf) {
        uint64_t strings, left;
        Dynamic d;
        int r;

        r = dynamic_scan(v, s, &d);
        if (r < 0)
                return r;
        if (d.n_needed == 0 && d.soname == UINT64_MAX && d.rpath == UINT64_MAX &&
            d.runpath == UINT64_MAX)
                return 0;
        if (!d.has_strings)
                return -EBADMSG;
        r = address_to_offset(v, segments, d.strings, &strings, &left);
        if (r < 0)
                return r;
        left = MIN_OF(left, d.strings_size);

        if (d.soname != UINT64_MAX) {
                if (d.soname >= left)
                        return -EBADMSG;
                r = string_at(v, strings + d.soname, left - d.soname, PATH_MAX, &elf->soname);
                if (r < 0)
                        return r;
        }
        r = parse_runpath(v, &d, strings, left, elf);
        if (r < 0 || d.n_needed == 0)
                return r;
        return parse_needed(v, &d, strings, left, elf);
}

static void dlopen_done(ElfDlopen *d) {
        strv_free(d->sonames);
        free(d->feature);
}

/* 0, -EBADMSG when the object is not what the specification says, -ENOMEM. */
static int dlopen_from_json(const json_t *object, ElfDlopen *ret) {
        _cleanup_(dlopen_done) ElfDlopen d = { .priority = ELF_DLOPEN_RECOMMENDED };
        const json_t *sonames = json_object_get(object, "soname");
        const char *feature = json_string_value(json_object_get(object, "feature"));
        const char *priority = json_string_value(json_object_get(object, "priority"));
        const json_t *soname;
        size_t i;
        int r;

        /* The first drafts had a single string. */
        if (json_is_string(sonames)) {
                r = strv_extend(&d.sonames, json_string_value(sonames));
                if (r < 0)
                        return r;
        }
        json_array_foreach(sonames, i, soname) {
                const char *s = json_string_value(soname);

                if (!s || !*s)
                        return -EBADMSG;
                r = strv_extend(&d.sonames, s);
                if (r < 0)
                        return r;
        }
        if (!d.sonames)
                return -EBADMSG;

        if (feature) {
                d.feature = strdup(feature);
                if (!d.feature)
                        return -ENOMEM;
        }
        if (priority && streq(priority, "required"))
                d.priority = ELF_DLOPEN_REQUIRED;
        else if (priority && streq(priority, "suggested"))
                d.priority = ELF_DLOPEN_SUGGESTED;

        *ret = TAKE_GENERIC(d, (ElfDlopen) {});
        return 0;
}

static int add_dlopen(Elf *elf, size_t *allocated, const json_t *object) {
        int r;

        if (elf->n_dlopen >= DLOPEN_MAX)
                return -EBADMSG;
        if (!GREEDY_REALLOC(elf->dlopen, *allocated, elf->n_dlopen + 1))
                return -ENOMEM;
        r = dlopen_from_json(object, &elf->dlopen[elf->n_dlopen]);
        if (r < 0)
                return r;
        elf->n_dlopen++;
        return 0;
}

static int parse_dlopen(Elf *elf, size_t *allocated, const char *text, size_t size) {
        _cleanup_(json_decrefp) json_t *json = NULL;
        const json_t *object;
        size_t i;
        int r;

        json = json_loadb(text, strnlen(text, size), 0, NULL);
        if (!json)
                return -EBADMSG;
        if (json_is_object(json)) /* the first drafts again */
                return add_dlopen(elf, allocated, json);
        if (!json_is_array(json))
                return -EBADMSG;
        json_array_foreach(json, i, object) {
                r = add_dlopen(elf, allocated, object);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Goes through the notes in `size` bytes at `offset`. Each is
 *   4  bytes of the owner's name, with its NUL
 *   4  bytes of the content
 *   4  type
 *   the name, then the content, each filled up to `align`
 * The loader lives with notes that are damaged, so do we: that sets dlopen_damaged. */
static int parse_notes(const View *v, uint64_t offset, uint64_t size, uint64_t align, Elf *elf,
                       size_t *allocated) {
        uint64_t end = offset + size;
        int r;

        align = align == 8 ? 8 : 4;
        while (end - offset >= sizeof(Elf64_Nhdr)) {
                uint64_t name_size = FIELD(v, offset, Nhdr, n_namesz);
                uint64_t content_size = FIELD(v, offset, Nhdr, n_descsz);
                uint64_t name = offset + sizeof(Elf64_Nhdr), content;
                bool ours = FIELD(v, offset, Nhdr, n_type) == NOTE_DLOPEN;

                /* Padding counts from the note's start; all of these are 32 bits wide. */
                content = offset + ALIGN_TO(sizeof(Elf64_Nhdr) + name_size, align);
                if (content > end || content_size > end - content) {
                        elf->dlopen_damaged = elf->dlopen_damaged || ours;
                        return 0;
                }
                if (ours && name_size == sizeof(NOTE_OWNER) &&
                    memcmp(v->data + name, NOTE_OWNER, sizeof(NOTE_OWNER)) == 0) {
                        r = parse_dlopen(elf, allocated, (const char *) v->data + content,
                                         (size_t) content_size);
                        if (r == -EBADMSG)
                                elf->dlopen_damaged = true;
                        else if (r < 0)
                                return r;
                }
                offset = MIN_OF(end, content + ALIGN_TO(content_size, align));
        }
        return 0;
}

/* A section that is in no segment: not what linkers do, but nothing forbids it. */
static int parse_note_section(const View *v, Elf *elf, size_t *allocated) {
        Section s;
        int r;

        r = find_section(v, ".note.dlopen", &s);
        if (r == -ENOENT || r == -EBADMSG) /* programs run without valid section headers */
                return 0;
        if (r < 0)
                return r;
        return parse_notes(v, s.offset, s.size, 4, elf, allocated);
}

static int parse_segments(const View *v, Elf *elf) {
        unsigned n_notes = 0, n_dynamic = 0;
        size_t allocated = 0;
        Table t;
        int r;

        r = segments_find(v, &t);
        if (r < 0)
                return r;
        for (uint64_t i = 0; i < t.n; i++) {
                Segment s = segment_at(v, &t, i);

                /* Files with debug information alone have the headers, but not the content. */
                if (s.size == 0 ||
                    (s.type != PT_INTERP && s.type != PT_DYNAMIC && s.type != PT_NOTE))
                        continue;
                if (!in_view(v, s.offset, s.size))
                        return -EBADMSG;
                if (s.type == PT_NOTE && n_notes++ < NOTE_SEGMENTS_MAX)
                        r = parse_notes(v, s.offset, s.size, s.align, elf, &allocated);
                else if (s.type == PT_INTERP && !elf->interpreter)
                        r = string_at(v, s.offset, s.size, PATH_MAX, &elf->interpreter);
                else if (s.type == PT_DYNAMIC && n_dynamic++ == 0)
                        r = parse_dynamic(v, &t, &s, elf);
                if (r < 0)
                        return r;
        }
        if (t.n > 0 && elf->n_dlopen == 0 && !elf->dlopen_damaged)
                return parse_note_section(v, elf, &allocated);
        return 0;
}

static void parse_header(const View *v, Elf *elf) {
        elf->class = v->is64 ? ELFCLASS64 : ELFCLASS32;
        elf->little_endian = v->little;
        elf->machine = (unsigned) FIELD(v, 0, Ehdr, e_machine);
        elf->type = (unsigned) FIELD(v, 0, Ehdr, e_type);
}

int elf_parse_header(const void *data, size_t size, Elf *ret) {
        View v;
        int r;

        r = view_init(&v, data, size);
        if (r < 0)
                return r;
        *ret = (Elf) {};
        parse_header(&v, ret);
        return 0;
}

int elf_parse(const void *data, size_t size, Elf **ret) {
        _cleanup_(elf_freep) Elf *elf = NULL;
        View v;
        int r;

        r = view_init(&v, data, size);
        if (r < 0)
                return r;
        elf = calloc(1, sizeof(Elf));
        if (!elf)
                return -ENOMEM;
        parse_header(&v, elf);
        r = parse_segments(&v, elf);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(elf);
        return 0;
}

Elf *elf_free(Elf *elf) {
        if (!elf)
                return NULL;
        free(elf->interpreter);
        free(elf->soname);
        strv_free(elf->needed);
        strv_free(elf->runpath);
        for (size_t i = 0; i < elf->n_dlopen; i++)
                dlopen_done(&elf->dlopen[i]);
        free(elf->dlopen);
        free(elf);
        return NULL;
}
