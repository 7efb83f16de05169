/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What systemd-networkd has found out, as it writes it to /run/systemd/netif. */

#include "macro.h"

/* A key of the lease that a DHCP server gave; of the interface that is named (by name or MAC address
 * with colons) if `interface` is not NULL, else of the first that has it. 1; 0: none has; negative
 * errno. Keys: ROOT_PATH, NEXT_SERVER, SERVER_ADDRESS, ADDRESS, HOSTNAME. `root` is "" but in tests. */
int lease_get(const char *root, const char *interface, const char *key, char **ret);

/* What `interface` is there, of what a kernel command line says: 01-AA-BB-… of a boot loader, aa-bb-…, a
 * name. NULL of NULL and of "", and without memory. The caller frees. */
char *lease_interface(const char *said);

/* Writes the name servers of all interfaces as resolv.conf(5) to /run/initrdd/resolv.conf. 0 or a
 * negative errno. */
int lease_write_servers(const char *root);
