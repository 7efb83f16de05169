/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether an image, of any tool, would boot: all of it is decoded as the kernel does it, and what
 * it has is looked at. verify.h is about what an image will have, before it is made. */

#include "describe/kernel.h"
#include "image/read.h"

/* The steps of a boot with an initramfs, in their order. */
typedef enum BootStep {
        BOOT_STEP_UNPACK, /* the kernel unpacks the image */
        BOOT_STEP_INIT, /* it starts /init */
        BOOT_STEP_UNITS, /* what /init starts: units, programs, scripts */
        BOOT_STEP_DRIVERS, /* drivers are loaded */
        BOOT_STEP_DEVICES, /* udev finds and names devices */
        BOOT_STEP_ROOT, /* the root is found, mounted and switched to */
        BOOT_STEP_EMERGENCY, /* the shell for when that fails */
        BOOT_STEP_DESCRIPTION, /* none: what the image says of itself */
        _BOOT_STEP_MAX,
} BootStep;
const char *boot_step_to_string(BootStep step); /* "unpack", "init"… */

/* Something that keeps it from booting, or from doing all that it was made for. */
typedef struct Finding {
        BootStep step; /* that fails */
        const char *path; /* of a file in the image, or NULL */
        const char *message; /* a sentence that says what is wrong and what to do */
} Finding;

/* A negative errno ends the verification. */
typedef int (*finding_t)(void *userdata, const Finding *finding);

/* 1 when there were findings, 0 when it would boot. `kernel` (may be NULL) is the one that it is to
 * be booted with. -ENOMEM, or what `on_finding` gave. */
int verify_file(Image *image, const Kernel *kernel, finding_t on_finding, void *userdata);
