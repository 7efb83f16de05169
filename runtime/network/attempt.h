/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A program that is run until it succeeds, or the time is up. */

#include <stdbool.h>

typedef struct Generator Generator;

/* How long a server is asked again where the command line says nothing. */
#define ATTEMPT_LIMIT_SECONDS 150

/* Seconds since the kernel started. */
unsigned long long attempt_now(void);
/* When the time is up, by the same clock: as option_patience() has it, or never. */
unsigned long long attempt_limit(const Generator *g);

/*
 * Runs argv[0], found at the path `program`, and waits for its end; what it leaves running is left
 * alone. What it says goes to standard output, and its last line that says why is `ret_reason` when it
 * failed: to be freed by the caller, never NULL. Killed, with its children, when it is later than `until`.
 * 0: it succeeded. 1: it failed. A negative errno: it could not be run.
 */
int attempt_run(const char *program, char *const argv[], unsigned long long until,
                char **ret_reason);
/* From now on SIGTERM ends this program, and before it what attempt_run() has started. */
void attempt_end_on_sigterm(void);
