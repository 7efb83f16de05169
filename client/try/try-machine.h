/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The machine that an image is started in: QEMU, and its console. */

#include "try-console.h"
#include "try-root.h"

/* Where it finds what this machine serves. */
#define TRY_SERVER "10.0.2.2"

typedef struct Machine {
        const char *qemu, *kernel, *image, *command_line;
        char *const *disks;
        const char *format; /* of the disks: "raw", "qcow2" */
        const TryBus *bus;
        const TryCard *card; /* the first disk is served, and none of its own; NULL: no network */
        unsigned memory; /* in MiB */
        bool kvm;
        const char *passphrase; /* the answer to every question for one; NULL: none is given */
        unsigned timeout; /* in seconds; 0: for ever */
} Machine;

/* Whether the kernel's KVM runs a machine faster than QEMU would emulate it. */
bool machine_has_kvm(void);

/* Starts it, and follows its console until the boot is decided. With `show`, the console goes there
 * as it comes. 0 and the seconds that it took; a negative errno when QEMU can't be run, -ECANCELED
 * after a signal. */
int machine_run(const Machine *machine, Console *console, int show, double *ret_seconds);
