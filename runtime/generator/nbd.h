/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which network block devices are connected, as the kernel command line says. */

#include "generator.h"

typedef struct NbdDevice {
        char *server;
        char *port; /* or NULL: NBD's own */
        char *export; /* or NULL: the server's default */
        char *node; /* "/dev/nbd0" */
        char **options; /* of nbd-client */
} NbdDevice;

typedef struct Nbd {
        NbdDevice *devices;
        size_t n_devices, allocated;
        bool root; /* root= is devices[0] as it is */
        bool dhcp; /* DHCP names one more */
        char *type, *flags; /* that root= says of it, or NULL */
} Nbd;

/* 1, or 0 when nothing is asked for. What can't be understood is warned about. */
int nbd_read(const Generator *g, Nbd *ret);
void nbd_done(Nbd *nbd);
#define _cleanup_nbd_ _cleanup_(nbd_done)
