/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The agent runs beside us: pkttyagent(1) closes the descriptor of --notify-fd once it is
 * registered, and --fallback leaves the asking to a desktop's agent where there is one.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fd-util.h"
#include "polkit-agent.h"
#include "process-util.h"

#define REGISTER_MSEC 10000

static pid_t agent;

/* In the child. stdin and stdout are the terminal, whatever ours are: there it asks. */
static void exec_agent(int tty, int notify, pid_t parent) {
        char number[16];

        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(1);
        snprintf(number, sizeof(number), "%d", notify);
        if (fcntl(notify, F_SETFD, 0) >= 0 && dup2(tty, STDIN_FILENO) >= 0 &&
            dup2(tty, STDOUT_FILENO) >= 0 && dup2(tty, STDERR_FILENO) >= 0)
                execlp("pkttyagent", "pkttyagent", "--notify-fd", number, "--fallback",
                       (char *) NULL);
        _exit(127);
}

void polkit_agent_open(void) {
        _cleanup_close_ int tty = -EBADF, ours = -EBADF, theirs = -EBADF;
        struct pollfd registered;
        pid_t self = getpid();
        int fds[2];

        if (agent > 0 || geteuid() == 0)
                return;
        tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (tty < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return;
        ours = fds[0];
        theirs = fds[1];
        agent = fork();
        if (agent == 0)
                exec_agent(tty, theirs, self);
        theirs = safe_close(theirs);
        registered = (struct pollfd) { .fd = ours, .events = POLLIN };
        while (agent > 0 && poll(&registered, 1, REGISTER_MSEC) < 0 && errno == EINTR)
                ;
}

void polkit_agent_close(void) {
        if (agent <= 0)
                return;
        (void) kill(agent, SIGTERM);
        (void) kill(agent, SIGCONT);
        (void) process_wait(agent);
        agent = 0;
}
