/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A unified kernel image: a program for UEFI (PE/COFF) that has the kernel, its command line and
 * the initrd as sections. Sources: the PE format of Microsoft's "PE Format", the names of
 * sections of the UAPI group's specification UKI.
 */

#include "macro.h"

typedef struct UkiSection {
        const void *data; /* in the file; NULL: there is none */
        size_t size;
} UkiSection;

typedef struct Uki {
        UkiSection kernel; /* .linux */
        UkiSection initrd; /* .initrd */
        uint64_t initrd_offset; /* in the file */
        UkiSection command_line; /* .cmdline */
        UkiSection os_release; /* .osrel */
        UkiSection version; /* .uname: of the kernel */
} Uki;

/* Whether a file begins as any program for UEFI, or for DOS, does. */
bool uki_begins(const void *data, size_t size) _pure_;
/*
 * Finds the sections; what they have is borrowed. Of several with one name (profiles) the first
 * counts, as for the stub. -ENOENT when it is no such program or has no initrd, -EBADMSG when it
 * is damaged or cut short.
 */
int uki_parse(const void *data, size_t size, Uki *ret);
