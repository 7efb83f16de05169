/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Somebody holds automatic builds up, as a package manager's wrapper does for the time of its
 * transaction: a descriptor is handed out, and the hold ends when its last copy is closed, whatever
 * becomes of its owner. Builds that are asked for are not held up.
 */

#include "manager.h"

struct Hold {
        Manager *manager;
        char *who, *why;
        uid_t uid;
        pid_t pid;
        int fd; /* our end */
        sd_event_source *source;
};

/* At most so many, and of one user. */
#define HOLDS_MAX 16
#define HOLDS_PER_UID_MAX 4

/* `ret` is the caller's. -EUSERS: too many. */
int hold_add(Manager *m, const char *who, const char *why, uid_t uid, pid_t pid, int *ret);
void hold_drop_all(Manager *m);
