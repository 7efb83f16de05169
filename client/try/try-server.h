/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* qemu-nbd, which serves a disk to the machine. */

#include <sys/types.h>

#include "macro.h"

typedef struct TryServer {
        pid_t pid; /* 0: none runs */
        unsigned port; /* of the loopback interface */
} TryServer;

/* An exit status, having said why. */
int try_server_start(TryServer *ret, const char *disk);
void try_server_done(TryServer *server);
