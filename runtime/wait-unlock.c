/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-wait-unlock SECONDS [NODE]: what lacks a disk is not started without it while that disk may be
 * behind a passphrase. A timer gives the disks of an array, or of a volume group, half a minute; who
 * thinks of a passphrase, or looks for the stick with the key, takes longer. What is started
 * without a disk that is then there has to be made whole again, and what was written in between is on
 * one of them only.
 *
 * So this program comes between the timer and the start. Of systemd-cryptsetup@NAME.service, whoever
 * asked for it (crypttab, rd.luks.*, cryptopts=), PID 1 knows
 *
 *   ActiveState=activating                   it is being opened, or somebody is asked: wait
 *   Job=… and its BindsTo=DEVICE is there    it will be, once its key is there, say: wait
 *   ActiveEnterTimestampMonotonic=           it was opened SECONDS ago or later: wait until it is as
 *                                            long ago, which is what disks are given
 *   anything else                            it is open, has failed, or its device isn't there: that one
 *                                            may be missing, or lie on what is to be started
 *
 * All of that ends: who is asked has an end in mistyped passphrases and in timeout= of crypttab(5), or
 * sits there. There is nothing to listen to that would tell more than to look again does.
 *
 * With a NODE, the root's, it is what initrdd-locked.service runs when an encrypted device could not be
 * opened, or has not come in its time. The root's own time has not even begun then (device.c), and it would
 * be waited for as long again. So when SECONDS have passed since the units were read, and since the last one
 * was opened, and the node isn't there, PID 1 is told not to wait for it. What is resumed from has
 * initrdd-resume-end.service, from the start.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "process-util.h"
#include "string-util.h"
#include "time-util.h"

#define USEC_PER_SEC (1000 * 1000ULL)
#define AGAIN_USEC (1 * USEC_PER_SEC)
/* PID 1 may be reading its units anew, and not answer; but no array stays away for that. */
#define TRIES 3
#define UNITS "systemd-cryptsetup@*.service"

typedef struct Unit {
        const char *id, *state, *job, *device, *since; /* NULL: PID 1 says nothing of it */
} Unit;

/* What systemctl prints. The caller frees. */
static int ask(char *const argv[], char **ret) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        int fds[2], status, r;
        size_t size;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        fd = fds[0];
        pid = fork();
        if (pid == 0) {
                dup2(fds[1], STDOUT_FILENO);
                execvp(argv[0], argv);
                _exit(127);
        }
        safe_close(fds[1]);
        if (pid < 0)
                return -EAGAIN;
        r = fd_read_all(fd, 1024 * 1024, &text, &size);
        status = process_wait(pid);
        if (r < 0)
                return r;
        if (!process_succeeded(status))
                return -EIO;
        *ret = TAKE_PTR(text);
        return 0;
}

/* One of the blocks of `systemctl show`, between which there is an empty line: into `text`, which is
 * changed. False at the end. */
static bool next_unit(char **text, Unit *ret) {
        Unit u = {};
        bool any = false;

        while (*text && **text) {
                char *line = strsep(text, "\n");
                const char *v;

                if (!*line && any)
                        break;
                any = any || *line;
                if ((v = startswith(line, "Id=")))
                        u.id = v;
                else if ((v = startswith(line, "ActiveState=")))
                        u.state = v;
                else if ((v = startswith(line, "Job=")) && !streq(v, "0") && *v)
                        u.job = v;
                else if ((v = startswith(line, "BindsTo=")) && *v)
                        u.device = v;
                else if ((v = startswith(line, "ActiveEnterTimestampMonotonic=")))
                        u.since = v;
        }
        *ret = u;
        return any;
}

/* Of a list of units, all. */
static bool are_there(const char *units) {
        _cleanup_strv_free_ char **argv = NULL, **names = NULL;
        _cleanup_free_ char *text = NULL;
        char *p;
        Unit u;

        if (strv_split(&names, units, " ") < 0 || strv_extend(&argv, "systemctl") < 0 ||
            strv_extend(&argv, "show") < 0 ||
            strv_extend(&argv, "--property=Id,ActiveState") < 0 || strv_extend(&argv, "--") < 0)
                return false;
        STRV_FOREACH(name, names)
                if (strv_extend(&argv, *name) < 0)
                        return false;
        if (ask(argv, &text) < 0)
                return false;
        p = text;
        while (next_unit(&p, &u))
                if (!u.state || !streq(u.state, "active"))
                        return false;
        return true;
}

static bool is_pending(const Unit *u) {
        if (!u->state)
                return false;
        if (streq(u->state, "activating"))
                return true;
        return streq(u->state, "inactive") && u->job && u->device && are_there(u->device);
}

/* 1 with the one that is waited for, 0, or an error. The caller frees. */
static int look(uint64_t usec, char **ret_name) {
        _cleanup_free_ char *text = NULL;
        char *argv[] = { (char *) "systemctl",
                         (char *) "show",
                         (char *) "--property=Id,ActiveState,Job,BindsTo,"
                                  "ActiveEnterTimestampMonotonic",
                         (char *) "--",
                         (char *) UNITS,
                         NULL },
             *p;
        Unit u;
        int r;

        r = ask(argv, &text);
        if (r < 0)
                return r;
        p = text;
        while (next_unit(&p, &u)) {
                bool recent = u.state && streq(u.state, "active") && u.since &&
                              strtoull(u.since, NULL, 10) + usec > now_monotonic_usec();

                if (!is_pending(&u) && !recent)
                        continue;
                *ret_name = strdup(u.id ?: "");
                return *ret_name ? 1 : -ENOMEM;
        }
        return 0;
}

/* When PID 1 began to start units. 0, or an error. */
static int find_begin(uint64_t *ret) {
        char *argv[] = { (char *) "systemctl", (char *) "show",
                         (char *) "--property=InitRDUnitsLoadFinishTimestampMonotonic,"
                                  "UnitsLoadFinishTimestampMonotonic",
                         NULL };
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_free_ char **lines = NULL;
        uint64_t begin = 0;
        int r;

        r = ask(argv, &text);
        if (r >= 0)
                r = strv_split(&lines, text, "\n");
        STRV_FOREACH(line, lines) {
                const char *value = strchr(*line, '=');

                if (value && strtoull(value + 1, NULL, 10) > 0)
                        begin = strtoull(value + 1, NULL, 10);
        }
        if (r >= 0 && begin == 0)
                r = -ENODATA;
        if (r >= 0)
                *ret = begin;
        return r;
}

/* The device is no longer waited for, as if its time were up. Without the root's there is emergency mode. */
static int give_up(const char *node) {
        char *argv[] = { (char *) "systemctl", (char *) "show", (char *) "--property=Job",
                         (char *) "--",        (char *) node,   NULL };
        _cleanup_free_ char *text = NULL, *ignored = NULL;
        char *p;
        Unit u;
        int r;

        r = ask(argv, &text);
        p = text;
        if (r < 0 || !next_unit(&p, &u) || !u.job)
                return r;
        fprintf(stderr,
                "<3>The device %s is not there, and nothing is left to be opened that it may be "
                "on\n",
                node);
        return ask((char *[]) { (char *) "systemctl", (char *) "cancel", (char *) "--",
                                (char *) u.job, NULL },
                   &ignored);
}

/* What it was to wait for is there, or the real root is switched to. */
static void on_sigterm(int signo) {
        (void) signo;
        _exit(EXIT_SUCCESS);
}

int main(int argc, char *argv[]) {
        struct sigaction action = { .sa_handler = on_sigterm };
        const char *node = argc > 2 ? argv[2] : NULL;
        _cleanup_free_ char *told = NULL;
        unsigned seconds, failed = 0;
        uint64_t begin = 0;

        if (argc < 2 || argc > 3 || parse_unsigned(argv[1], &seconds) < 0) {
                fprintf(stderr, "initrdd-wait-unlock SECONDS [NODE]\n");
                return 2;
        }
        sigaction(SIGTERM, &action, NULL);
        setlinebuf(stdout);
        if (node && find_begin(&begin) < 0)
                return EXIT_FAILURE;
        for (;;) {
                char *name = NULL;
                int r;

                if (node && access(node, F_OK) >= 0)
                        return EXIT_SUCCESS;
                r = look(seconds * USEC_PER_SEC, &name);
                failed = r < 0 ? failed + 1 : 0;
                if (failed == TRIES)
                        fprintf(stderr, "Nobody can say what is still to be opened: %s\n",
                                strerror(-r));
                if (failed == TRIES || (r == 0 && !node))
                        return EXIT_SUCCESS;
                if (r == 0 && now_monotonic_usec() >= begin + seconds * USEC_PER_SEC)
                        return give_up(node) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
                if (r > 0) {
                        if (!told || !streq(told, name))
                                printf("Waiting for what %s opens\n", name);
                        free(told);
                        told = name;
                }
                usleep(AGAIN_USEC);
        }
}
