/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "macro.h"

/* A child's standard input and output as pipes; all ends are closed by exec. Who keeps one takes it. */
typedef struct ProcessPipes {
        int child_in, child_out; /* what it reads from, and writes to */
        int in, out; /* the other ends: what it is told, and what it says */
} ProcessPipes;
#define PROCESS_PIPES_NONE                                                                        \
        { -EBADF, -EBADF, -EBADF, -EBADF }
int process_pipes_open(ProcessPipes *pipes);
void process_pipes_close(ProcessPipes *pipes);
#define _cleanup_process_pipes_ _cleanup_(process_pipes_close)

/* Waits until a child has ended, however many signals come in between. Its status as wait(2) has it,
 * or a negative errno. */
int process_wait(pid_t pid);

/* Whether such a status, or error, is that of a program that ended with 0. */
static inline bool process_succeeded(int status) {
        return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
