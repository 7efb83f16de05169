/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs that tell of the system. One that does not end, because it asks a PID 1 that hangs or a disk
 * that does not answer, is given up: what it has said by then counts. And once all of them together have
 * taken too long no more is started, since PID 1 gives up the shell that comes behind after 90 seconds.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot-report.h"
#include "process-util.h"
#include "time-util.h"

#define PATIENCE_USEC (10 * 1000 * 1000ULL)
#define ALL_USEC (45 * 1000 * 1000ULL)
#define SIZE_MAX_BYTES (64 * 1024 * 1024)
/* What the child ends with when there is no such program. */
#define NOT_THERE 127

_Noreturn static void start(const char *const argv[], int output) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null >= 0)
                dup2(null, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        (void) setenv("SYSTEMD_COLORS", "0", 1);
        (void) setenv("SYSTEMD_PAGER", "", 1);
        execvp(argv[0], (char *const *) argv);
        _exit(errno == ENOENT ? NOT_THERE : 126);
}

/* Until the end of what it prints, or of patience. Whether it was the former. */
static bool listen_to(int fd, FILE *f) {
        uint64_t end = now_monotonic_usec() + PATIENCE_USEC;
        size_t total = 0;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                uint64_t now = now_monotonic_usec();
                char data[65536];
                ssize_t n;

                if (now >= end || poll(&p, 1, (int) ((end - now) / 1000) + 1) == 0)
                        return false;
                n = read(fd, data, sizeof(data));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n == 0;
                fwrite(data, 1, (size_t) n, f);
                total += (size_t) n;
                if (total > SIZE_MAX_BYTES)
                        return false;
        }
}

int report_run(const char *const argv[], char **ret, size_t *ret_size) {
        static uint64_t begun;
        _cleanup_free_ char *text = NULL;
        int ends[2], status;
        size_t size = 0;
        bool whole;
        pid_t pid;
        FILE *f;

        begun = begun ?: now_monotonic_usec();
        if (now_monotonic_usec() - begun > ALL_USEC)
                return -ETIME;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        f = open_memstream(&text, &size);
        pid = f ? fork() : -1;
        if (pid < 0) {
                if (f)
                        fclose(f);
                close(ends[0]);
                close(ends[1]);
                return -ENOMEM;
        }
        if (pid == 0)
                start(argv, ends[1]);
        close(ends[1]);
        whole = listen_to(ends[0], f);
        close(ends[0]);
        if (!whole) {
                kill(pid, SIGKILL);
                fprintf(f, "\n(%s did not end, and was given up)\n", argv[0]);
        }
        status = process_wait(pid);
        if (whole && WIFEXITED(status) && WEXITSTATUS(status) != 0 &&
            WEXITSTATUS(status) != NOT_THERE)
                fprintf(f, "(%s ended with status %d)\n", argv[0], WEXITSTATUS(status));
        if (fclose(f) != 0)
                return -ENOMEM;
        if (whole && WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE && size == 0)
                return -ENOENT;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return whole && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
