/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fd-util.h"
#include "process-util.h"

int process_pipes_open(ProcessPipes *p) {
        int in[2], out[2];

        if (pipe2(in, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(out, O_CLOEXEC) < 0) {
                int r = -errno;

                safe_close(in[0]);
                safe_close(in[1]);
                return r;
        }
        *p = (ProcessPipes) { .child_in = in[0], .child_out = out[1], .in = in[1], .out = out[0] };
        return 0;
}

void process_pipes_close(ProcessPipes *p) {
        p->child_in = safe_close(p->child_in);
        p->child_out = safe_close(p->child_out);
        p->in = safe_close(p->in);
        p->out = safe_close(p->out);
}

int process_wait(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return status;
}
