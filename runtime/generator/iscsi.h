/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which iSCSI targets are logged in to: what the kernel command line says, what Debian's
 * /etc/iscsi/iscsi.initramfs does, else those of the machine that the image was built for. Read by the generator, which writes a unit that has nothing of it,
 * and again by that unit's program: passwords are in no unit, and so in no journal.
 */

#include "generator.h"

typedef struct IscsiTarget {
        char *name, *address;
        char *port, *group, *lun; /* decimal; never NULL */
        char *user, *password; /* who we are; or NULL */
        char *user_in, *password_in; /* who the target must be; or NULL */
        char *iface, *netdev; /* or NULL */
        char *initiator; /* who we are to this one, or NULL */
} IscsiTarget;

typedef struct Iscsi {
        IscsiTarget *targets;
        size_t n_targets, allocated;
        char *initiator; /* or NULL: who we are in general is asked at boot */
        char **params; /* NAME=VALUE of the node record; may be secret */
        int retry_max; /* of one login, or -1 */
        bool firmware; /* and those that the firmware knows */
        bool wait; /* for the network to be up in whole */
        bool root; /* root= is a disk of targets[0], or of the firmware */
} Iscsi;

/* 1, or 0 when nothing is asked for. What can't be understood is warned about, without passwords. */
int iscsi_read(const Generator *g, Iscsi *ret);
void iscsi_done(Iscsi *iscsi);
#define _cleanup_iscsi_ _cleanup_(iscsi_done)
