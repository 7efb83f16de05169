/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The socket is made and listened to here, and handed over as systemd hands over one (sd_listen_fds(3),
 * which qemu-nbd knows): the port is one that nobody else has, and who connects has to wait for nobody. It
 * is on the loopback interface. The server ends with us, however we end.
 */

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "try-server.h"
#include "try-tool.h"

#define LISTEN_FD 3

static int listen_on_loopback(unsigned *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        _cleanup_close_ int fd = -EBADF;

        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(fd, 4) < 0 || getsockname(fd, (struct sockaddr *) &address, &size) < 0)
                return -errno;
        *ret_port = ntohs(address.sin_port);
        return TAKE_FD(fd);
}

static _Noreturn void run_child(char *const argv[], int fd) {
        char pid[24];
        int null;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) setpgid(0, 0);
        (void) signal(SIGPIPE, SIG_DFL);
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        snprintf(pid, sizeof(pid), "%d", getpid());
        if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
            dup2(null, STDERR_FILENO) >= 0 &&
            (fd == LISTEN_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, LISTEN_FD)) >= 0 &&
            setenv("LISTEN_FDS", "1", 1) >= 0 && setenv("LISTEN_PID", pid, 1) >= 0)
                execv(argv[0], argv);
        _exit(127);
}

int try_server_start(TryServer *ret, const char *disk) {
        _cleanup_free_ char *program = NULL;
        _cleanup_close_ int fd = -EBADF;
        unsigned port = 0;
        pid_t pid;
        int r;

        r = tool_find("qemu-nbd", &program);
        if (r == -ENOENT) {
                say("There is no qemu-nbd on this machine, which serves a root on NBD; install "
                    "qemu-utils (qemu-img), or name a disk with --root-image= and "
                    "--append=root=….");
                return EXIT_STATUS_UNTRIED;
        }
        if (r >= 0)
                r = fd = listen_on_loopback(&port);
        if (r < 0) {
                say("The root can't be served: %s", strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        fflush(NULL);
        pid = fork();
        if (pid < 0) {
                say("qemu-nbd can't be started: %s", strerror(errno));
                return EXIT_STATUS_FAILED;
        }
        if (pid == 0)
                run_child((char *[]) { program, (char *) "--format=raw", (char *) "--persistent",
                                       (char *) "--shared=4", (char *) disk, NULL },
                          fd);
        *ret = (TryServer) { .pid = pid, .port = port };
        return EXIT_STATUS_DONE;
}

void try_server_done(TryServer *server) {
        if (server->pid > 0) {
                (void) kill(server->pid, SIGKILL);
                while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        *server = (TryServer) {};
}
