/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What callers say, checked before anything is done with it: everything that isn't known is an
 * error, so that what an old service would ignore is never taken for done. All errors are set and
 * name what is wrong.
 */

#include "job/job.h"

/* The options of a build. Strings are the message's. */
typedef struct BuildOptions {
        const char *profile; /* NULL: not given */
        const char *kernel_dir, *output;
        char **settings;
        JobReason reason;
        bool best, detached;
        const char *root_only; /* the first one given that is root's alone, or NULL */
} BuildOptions;

void build_options_done(BuildOptions *o);
#define _cleanup_build_options_ _cleanup_(build_options_done)

/* Who takes which options. */
typedef enum OptionsOf { OPTIONS_OF_MANAGER, OPTIONS_OF_IMAGE, OPTIONS_OF_ALL } OptionsOf;

/* Reads a{sv}. */
int build_options_read(sd_bus_message *message, OptionsOf method, BuildOptions *o,
                       sd_bus_error *error);
/* AccessDenied where somebody else gives what is root's alone. */
int build_options_check_user(const BuildOptions *o, uid_t uid, sd_bus_error *error);

/* Reads t. */
int flags_read(sd_bus_message *message, uint64_t known, uint64_t *ret, sd_bus_error *error);
/* A version as a directory of /lib/modules has it. */
int check_kernel(const char *kernel, sd_bus_error *error);
int check_profile(const char *profile, sd_bus_error *error);
/* Text that is shown to people. */
int check_text(const char *name, const char *text, size_t max, sd_bus_error *error);
