/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The files of an image that describes itself, by path, and the reasons why each is there. */

#include "image/described.h"
#include "strmap.h"

typedef struct DescribedFile {
        DescribedEntry entry; /* borrowed from the manifest's text */
} DescribedFile;

typedef struct DescribedFiles {
        Described *described;
        Strmap files; /* path → DescribedFile, as the manifest has them; the last of a path */
} DescribedFiles;

/* -ENOENT when the image has no description, -EBADMSG when it can't be understood. */
int described_files_new(DescribedFiles **ret, Image *image);
DescribedFiles *described_files_free(DescribedFiles *files);
DEFINE_CLEANUP_FUNC(DescribedFiles *, described_files_free);

const DescribedFile *described_files_get(const DescribedFiles *files, const char *path);
/* The module at the end of the reasons of a file; NULL when none is told. The caller frees. */
char *described_files_module(const DescribedFiles *files, const DescribedFile *file);
/* "ext4.module:12 Name=ext4" → "ext4"; NULL when it is no line of a module. The caller frees. */
char *module_of_reason(const char *why);

/* Whether `path` is what somebody means by `name`: its last component, or as a driver, whose "-" and
 * "_" are alike, with or without ".ko". */
bool path_is_called(const char *path, const char *name);
