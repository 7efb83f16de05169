/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is read of a PE file, all numbers little endian:
 *
 *   1. "MZ", and at 0x3c the offset (32 bits) of what follows;
 *   2. "PE\0\0"; 2 bytes of machine; the number of sections (16 bits); 12 bytes; the size of the
 *      optional header (16 bits); 2 bytes; the optional header;
 *   3. for each section 40 bytes: its name, of 8 bytes, filled with NUL; its size in memory, its
 *      address, its size in the file, and its offset in the file (32 bits each); 16 bytes.
 *
 * A section is filled up in the file, so its size is the smaller one. Each offset and size is
 * checked against the file before anything is looked at there; nothing is copied.
 */

#include "image/uki.h"

#define PE_OFFSET_AT 0x3cU
#define PE_HEADER_SIZE 24U
#define SECTION_SIZE 40U

static uint32_t number(const uint8_t *p, unsigned bytes) {
        uint32_t value = 0;

        while (bytes-- > 0)
                value = value << 8 | p[bytes];
        return value;
}

bool uki_begins(const void *data, size_t size) {
        return size >= 2 && memcmp(data, "MZ", 2) == 0;
}

static UkiSection *section_named(Uki *uki, const uint8_t *name) {
        const struct {
                const char *name;
                UkiSection *section;
        } sections[] = {
                { ".linux", &uki->kernel },         { ".initrd", &uki->initrd },
                { ".cmdline", &uki->command_line }, { ".osrel", &uki->os_release },
                { ".uname", &uki->version },
        };

        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                if (strncmp((const char *) name, sections[i].name, 8) == 0)
                        return sections[i].section;
        return NULL;
}

static int take_section(Uki *uki, const uint8_t *data, size_t size, const uint8_t *header) {
        uint32_t virtual_size = number(header + 8, 4), n = number(header + 16, 4),
                 offset = number(header + 20, 4);
        UkiSection *section = section_named(uki, header);

        if (!section || section->data)
                return 0;
        if (virtual_size > 0)
                n = MIN_OF(n, virtual_size);
        if (offset > size || n > size - offset)
                return -EBADMSG;
        *section = (UkiSection) { data + offset, n };
        return 0;
}

int uki_parse(const void *data, size_t size, Uki *ret) {
        const uint8_t *p = data;
        uint32_t pe, n, optional;
        Uki uki = {};
        size_t at;

        if (!uki_begins(data, size) || size < PE_OFFSET_AT + 4)
                return -ENOENT;
        pe = number(p + PE_OFFSET_AT, 4);
        if (pe > size || size - pe < PE_HEADER_SIZE || memcmp(p + pe, "PE\0\0", 4) != 0)
                return -ENOENT;
        n = number(p + pe + 6, 2);
        optional = number(p + pe + 20, 2);
        at = (size_t) pe + PE_HEADER_SIZE + optional;
        for (uint32_t i = 0; i < n; i++, at += SECTION_SIZE) {
                int r;

                if (at > size || size - at < SECTION_SIZE)
                        return -EBADMSG;
                r = take_section(&uki, p, size, p + at);
                if (r < 0)
                        return r;
        }
        if (!uki.initrd.data)
                return -ENOENT;
        uki.initrd_offset = (uint64_t) ((const uint8_t *) uki.initrd.data - p);
        *ret = uki;
        return 0;
}
