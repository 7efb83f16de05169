/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program for UEFI: what is found in it lies in it. */

#include "image/uki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const UkiSection *sections[5];
        Uki uki = {};

        if (uki_parse(data, size, &uki) < 0)
                return 0;
        sections[0] = &uki.kernel;
        sections[1] = &uki.initrd;
        sections[2] = &uki.command_line;
        sections[3] = &uki.os_release;
        sections[4] = &uki.version;
        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                const uint8_t *p = sections[i]->data;

                if (p && (p < data || (size_t) (p - data) > size ||
                          sections[i]->size > size - (size_t) (p - data)))
                        abort();
        }
        if (!uki.initrd.data)
                abort();
        return 0;
}
