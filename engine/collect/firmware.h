/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Firmware as the kernel's loader finds it: below /lib/firmware/updates/VERSION,
 * /lib/firmware/updates, /lib/firmware/VERSION, /lib/firmware, plain, else .zst, else .xz.
 * Source: the kernel's drivers/base/firmware_loader/main.c.
 */

#include "collect/kernel-file.h"
#include "report.h"

/* What was found so far, waiting to be read and added. */
typedef struct FirmwareFile {
        char *path; /* in the image: where the Source has it, without compression suffix */
        char *why;
        KernelFile *file; /* borrowed */
} FirmwareFile;

typedef struct FirmwareLink {
        char *path, *target, *why;
} FirmwareLink;

typedef struct Firmware {
        Source *source;
        Trace *trace;
        KernelFiles *files;
        char *directories[4]; /* canonical, in the loader's order; NULL: there is none */
        Strmap found; /* path → FirmwareFile */
        Strmap links; /* path → FirmwareLink */
        Strmap names; /* that were looked for → whether they were found */
} Firmware;

/* Finds the directories. All arguments are borrowed; the object is for one trace. */
int firmware_init(Firmware *firmware, Source *source, Trace *trace, KernelFiles *files,
                  const char *version, const char *why);
void firmware_done(Firmware *firmware);

/* Looks for `name`, which may be a glob, and which a driver or a module's line, `why`, asks for.
 * 1 found, 0 not. */
int firmware_want(Firmware *firmware, const char *name, const char *why);

/* Adds what was found, and has been read meanwhile, to the manifest. */
int firmware_add(Firmware *firmware, Report *report, Manifest *manifest);
