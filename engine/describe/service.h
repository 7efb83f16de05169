/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The keys of [Service] in initrdd.conf: how the service goes about its work. */

#include "macro.h"
#include "report.h"

typedef struct ServiceConfig {
        bool automatic; /* Automatic=: builds what became stale or is missing without being asked */
        bool pack_ahead; /* PackAhead=: packs for a kernel that is still being unpacked */
        uint64_t settle_usec; /* SettleSec=: of quiet, before an automatic build */
        uint64_t job_timeout_usec; /* JobTimeoutSec=: without a report, then a worker counts as hung */
        uint64_t idle_recompress_usec; /* IdleRecompressSec=: without a job, before fragments are
                                        * packed harder; 0: never */
} ServiceConfig;

/* The built-in values: yes, yes, 3 s, 180 s, 600 s. */
void service_config_init(ServiceConfig *config);

/* One assignment in a file: what makes no sense is a warning, an empty value gives back the
 * default. 0 or -ENOMEM. */
int service_config_assign(ServiceConfig *config, Report *report, const char *path, unsigned line,
                          const char *key, const char *value);
