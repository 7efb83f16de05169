/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <sys/wait.h>

/* Waits until a child has ended, however many signals come in between. Its status as wait(2) has it,
 * or a negative errno. */
int process_wait(pid_t pid);

/* Whether such a status, or error, is that of a program that ended with 0. */
static inline bool process_succeeded(int status) {
        return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
