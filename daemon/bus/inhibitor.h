/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "manager.h"

/* Shutdown inhibitors of logind, taken and given back as needed; without a logind there are none. */
typedef enum InhibitMode { INHIBIT_NONE, INHIBIT_DELAY, INHIBIT_BLOCK } InhibitMode;
void inhibitor_set(Manager *m, InhibitMode mode, const char *why);
void inhibitor_done(Manager *m);

/* There is a bus again, or none any more. */
int inhibitor_connected(Manager *m);
void inhibitor_disconnected(Manager *m);
