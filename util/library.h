/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A library that is loaded when it is first used, for what most runs never use. The linker then can't
 * tell anybody that it is needed, so a note does: .note.dlopen, as the UAPI group's "ELF dlopen
 * metadata" has it (owner "FDO", type 0x407c0c0a, a JSON array), for who makes packages of it.
 */

#include "macro.h"

typedef struct LibraryFunction {
        const char *name;
        void *pointer; /* to the function pointer that is filled in */
} LibraryFunction;

/* Loads it for good; again is for nothing. -ENOPKG when it isn't there or lacks one of the functions. */
int library_load(const char *soname, const LibraryFunction *functions, size_t n);

#define LIBRARY_NOTE(feature, description, soname)                                                \
        LIBRARY_NOTE_("[{\"feature\":\"" feature "\",\"description\":\"" description              \
                      "\",\"priority\":\"required\",\"soname\":[\"" soname "\"]}]")
#define LIBRARY_NOTE_(json)                                                                       \
        static const struct {                                                                     \
                uint32_t name_size, size, type;                                                   \
                char name[4];                                                                     \
                char data[ALIGN_TO(sizeof(json), 4)];                                             \
        } library_note __attribute__((section(".note.dlopen"), used,                              \
                                      aligned(4))) = { 4, sizeof(json), 0x407c0c0a, "FDO", json }
