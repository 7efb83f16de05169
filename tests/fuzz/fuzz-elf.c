/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Everything that elf.h reads from a file. Corpus: make-elf-corpus.py. */

#include "collect/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(elf_freep) Elf *elf = NULL;
        const char *section;
        size_t section_size;
        Elf header;

        (void) elf_parse(data, size, &elf);
        (void) elf_parse_header(data, size, &header);
        if (elf_section(data, size, ".modinfo", &section, &section_size) >= 0 &&
            (section < (const char *) data ||
             section_size > size - (size_t) (section - (const char *) data)))
                abort();
        return 0;
}
