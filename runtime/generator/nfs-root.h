/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A root on NFS, as text. Forms, of the kernel command line and of DHCP:
 *
 *   [nfs:|nfs4:][SERVER:]/PATH[:OPTION,…]     dracut.cmdline(7); a comma may stand for the last colon
 *   nfs:OPTION,…:SERVER:/PATH                 that of anaconda
 *   nfs://SERVER[:PORT]/PATH                  a URL, as root-path of DHCP; nfs4:// too
 *
 * An IPv6 address of a server is in brackets, and stays so, as mount.nfs(8) wants it.
 */

#include "macro.h"

typedef struct NfsRoot {
        char *server; /* "" where nobody says */
        char *path; /* begins with a slash; "" where nobody says */
        char **options; /* without ro and rw */
        const char *access; /* the last of these, or NULL */
        bool version4; /* it must be */
} NfsRoot;

/* 0, -EINVAL, -ENOMEM. */
int nfs_root_parse(const char *text, NfsRoot *ret);
void nfs_root_done(NfsRoot *root);
#define _cleanup_nfs_root_done_ _cleanup_(nfs_root_done)

/* "vers" is nfsvers, too. */
bool nfs_root_has_option(const NfsRoot *root, const char *name);
/* Adds those of a list with commas. 0 or -ENOMEM. */
int nfs_root_add_options(NfsRoot *root, const char *list);
