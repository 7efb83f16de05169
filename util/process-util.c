/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>

#include "process-util.h"

int process_wait(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return status;
}
