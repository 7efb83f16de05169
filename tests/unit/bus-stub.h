/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The service without a bus and without a watcher, for tests of what lies between: counts what it
 * would have told. */

typedef struct BusStub {
        unsigned images_added, images_removed, jobs_added, jobs_ended, jobs_removed, hooks, watched;
        int inhibited, inhibited_most; /* InhibitMode */
} BusStub;
extern BusStub bus_stub;

/* Something changed, as far as the service is told. */
void bus_stub_event(void);
