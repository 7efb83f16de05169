/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the options of the command line ask the engine for. */

#include "build.h"

/* The options with every path absolute, and defaults filled in: the strings are owned here. */
typedef struct Request {
        BuildOptions options;
        char *root, *data_dir, *kernel_dir, *output, *store, *facts;
} Request;

/* 0, or a negative errno after having said what is wrong. `kernel` is borrowed, may be NULL. */
int request_init(Request *ret, const char *kernel);
/* The same without a store, which the service has: a user without a home needs none. */
int request_init_for_service(Request *ret);
void request_done(Request *request);

/* The kernels that are meant when the command line names none: all, or the one that runs, or the
 * newest where that isn't there; of those that Kernels= of the profile has. Negative after having
 * said why. The caller frees. */
int choose_kernels(bool all, char ***ret);
