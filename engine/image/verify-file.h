/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether an image, of any tool, would boot: all of it is decoded as the kernel does it, and what
 * it has is looked at. verify.h is about what an image will have, before it is made. */

#include "collect/driver-table.h"
#include "describe/kernel.h"
#include "facts/facts.h"
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

/* What it is to boot with, and on. Each may be NULL: nobody knows. */
typedef struct VerifyAgainst {
        const Kernel *kernel;
        const DriverTable *drivers; /* of that kernel; of use with facts */
        const Facts *facts; /* of a machine */
} VerifyAgainst;

/* 1 when there were findings, 0 when it would boot. `against` may be NULL. -ENOMEM, or what
 * `on_finding` gave. */
int verify_file(Image *image, const VerifyAgainst *against, finding_t on_finding, void *userdata);
