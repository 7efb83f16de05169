/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The accounts of an image and what its emergency shell asks for: /etc/passwd, /etc/group,
 * /etc/shadow and the drop-ins of emergency.service and rescue.service. They are of the image as a
 * whole, from what all its modules refer to and from Emergency= of the profile.
 */

#include "collect/collect.h"

/* Whether the root knows the account, from /etc/passwd or /etc/group, or from sysusers.d: 1 or 0. */
int account_exists(Collector *collector, Trace *trace, bool group, const char *name);

/* `users` and `groups` may have any names, also of accounts that are not there; root always is.
 * A failure when Emergency=password finds no password, or one that no crypt(3) made. */
int collect_accounts(Collector *collector, char *const *users, char *const *groups,
                     const Profile *profile, Collection **ret);
