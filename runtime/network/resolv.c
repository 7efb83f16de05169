/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-resolv: the C library's resolver is told of the name servers that systemd-networkd has found,
 * since systemd-resolved is not in the image.
 */

#include <stdio.h>
#include <string.h>

#include "lease.h"

int main(void) {
        int r = lease_write_servers(getenv("INITRDD_GENERATOR_ROOT") ?: "");

        if (r < 0)
                fprintf(stderr, "The name servers can't be written: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
