/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What an admin wants: initrdd.conf and the profiles, ini files with drop-ins and masking.
 *
 * /etc/initrdd/initrdd.conf or, where that is missing, the one in /run/initrdd, then
 * /usr/lib/initrdd; then the drop-ins initrdd.conf.d/NAME.conf of all three directories, by name,
 * where a name in /etc hides the same in /run, and that the one in /usr/lib. An empty file or a
 * link to /dev/null masks. profiles.d/PROFILE.conf likewise, with PROFILE.conf.d/ drop-ins.
 * [Profile] in initrdd.conf is what every profile starts from; [Service] there is the service's own.
 * A profile has a file: drop-ins alone make none, but for `default`, which is always there.
 * A list grows with each assignment; an empty one resets it. An unknown key, section or a value
 * that makes no sense is a warning with file and line, and the default stays.
 */

#include "describe/profile.h"
#include "describe/service.h"
#include "macro.h"
#include "report.h"
#include "source/source.h"

typedef struct Config {
        Profile **profiles; /* by name; `default` is always there */
        size_t n_profiles;
        ServiceConfig service;
} Config;

int config_load(Source *source, Trace *trace, Report *report, Config **ret);
Config *config_free(Config *config);
DEFINE_CLEANUP_FUNC(Config *, config_free);

/* NULL when there is none of that name. */
const Profile *config_find_profile(const Config *config, const char *name);

/* One profile's file from text, for tests and fuzzing; profile_settle() is the caller's. */
int config_parse_profile(Profile *profile, Report *report, const char *path, const char *text,
                         size_t size);

/* Every file that makes up the configuration, in the order of reading, each with a "# /path"
 * line before it: what `cat-config` prints. The caller frees. */
int config_cat(Source *source, char **ret);
