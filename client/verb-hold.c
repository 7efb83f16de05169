/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * hold: no automatic builds while a command runs. The service lets go when the descriptor that it
 * gave is closed, and it is ours alone: whatever the command leaves behind does not hold. One that is
 * restarted meanwhile (the command may upgrade it) is asked again.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/bus.h"
#include "fd-util.h"
#include "json-text.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"

/* As shells have them. */
enum { STATUS_NOT_EXECUTABLE = 126, STATUS_NO_COMMAND = 127, STATUS_SIGNAL = 128 };

typedef struct Hold {
        sd_bus *bus;
        char *who, *why;
        int fd;
} Hold;

static void hold_done(Hold *h) {
        safe_close(h->fd);
        if (h->bus)
                sym_sd_bus_flush_close_unref(h->bus);
        free(h->who);
        free(h->why);
}

/* What isn't text can't go over the bus. */
static int to_text(const char *s, char **ret) {
        json_t *string = json_text(s);

        *ret = string ? strdup(json_string_value(string)) : NULL;
        json_decref(string);
        return *ret ? 0 : -ENOMEM;
}

static int take(Hold *h, sd_bus_error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int fd, r;

        r = bus_change(h->bus, "Hold", error, &reply, "ss", h->who, h->why);
        if (r >= 0)
                r = sym_sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return r;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        safe_close(h->fd);
        h->fd = fd;
        return 0;
}

static int watch_owner(sd_bus *bus) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = sym_sd_bus_message_new_method_call(bus, &m, "org.freedesktop.DBus",
                                               "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                               "AddMatch");
        if (r >= 0)
                r = sym_sd_bus_message_append(m, "s",
                                              "type='signal',sender='org.freedesktop.DBus',"
                                              "member='NameOwnerChanged',arg0='" BUS_NAME "'");
        return r < 0 ? r : sym_sd_bus_call(bus, m, 0, NULL, NULL);
}

/* A new owner has no hold of ours yet. */
static void on_message(Hold *h, sd_bus_message *m) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *name, *before, *now;

        if (!sym_sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged") ||
            !streq(sym_sd_bus_message_get_sender(m) ?: "", "org.freedesktop.DBus") ||
            sym_sd_bus_message_read(m, "sss", &name, &before, &now) < 0 || !*now)
                return;
        if (take(h, &error) < 0)
                say("warning: The service was restarted and isn't held any more: %s",
                    error.message ?: "it does not say why");
}

/* Until the command ends. Without pidfds, or once the bus is gone, that is all there is to wait for. */
static void watch(Hold *h, pid_t pid) {
        _cleanup_close_ int pidfd = (int) syscall(SYS_pidfd_open, pid, 0);

        while (pidfd >= 0 && h->bus) {
                struct pollfd fds[] = {
                        { .fd = pidfd, .events = POLLIN },
                        { .fd = sym_sd_bus_get_fd(h->bus), .events = POLLIN },
                };
                int r;

                do {
                        _cleanup_message_ sd_bus_message *m = NULL;

                        r = sym_sd_bus_process(h->bus, &m);
                        if (m)
                                on_message(h, m);
                } while (r > 0);
                if (r < 0 || fds[1].fd < 0)
                        return;
                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        return;
                if (fds[0].revents)
                        return;
        }
}

static volatile pid_t child;

/* What ends us ends the command; what a terminal sends to all, it has got itself. */
static void on_signal(int number) {
        if (child > 0)
                (void) kill(child, number);
}

static int run(Hold *h, char *argv[]) {
        struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;
        struct sigaction forward = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        int status;
        pid_t pid;

        fflush(NULL);
        sigaction(SIGINT, &ignore, &interrupt);
        sigaction(SIGQUIT, &ignore, &quit);
        pid = fork();
        if (pid < 0) {
                say("No process can be started: %s", strerror(errno));
                return EXIT_STATUS_FAILED;
        }
        if (pid == 0) {
                sigaction(SIGINT, &interrupt, NULL);
                sigaction(SIGQUIT, &quit, NULL);
                execvp(argv[0], argv);
                say("%s can't be started: %s", argv[0], strerror(errno));
                _exit(errno == ENOENT ? STATUS_NO_COMMAND : STATUS_NOT_EXECUTABLE);
        }
        child = pid;
        sigaction(SIGTERM, &forward, NULL);
        sigaction(SIGHUP, &forward, NULL);
        watch(h, pid);
        status = process_wait(pid);
        child = 0;
        if (status < 0) {
                say("How %s ended can't be told: %s", argv[0], strerror(-status));
                return EXIT_STATUS_FAILED;
        }
        return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* An exit status, or STATUS_OFFLINE: where no service is, nothing is built automatically. */
static int begin(Hold *h, char *argv[]) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *line = strv_join(argv, " ");
        int r;

        if (!line || to_text(path_basename(argv[0]), &h->who) < 0 ||
            to_text(arg_reason ?: line, &h->why) < 0)
                return EXIT_STATUS_FAILED;
        r = bus_open(&h->bus, true);
        if (r != EXIT_STATUS_DONE)
                return r;
        (void) watch_owner(h->bus);
        r = take(h, &error);
        if (r >= 0)
                return EXIT_STATUS_DONE;
        if (!bus_error_is_unavailable(&error, r))
                return say_bus_error("Automatic builds can't be held", &error, r);
        return service_unavailable(&error, r, false);
}

int verb_hold(int argc, char *argv[]) {
        _cleanup_(hold_done) Hold h = { .fd = -EBADF };
        int status = STATUS_OFFLINE;

        if (service_is_remote()) {
                say("A command runs on this machine, so it can't hold the service of another.");
                return EXIT_STATUS_USAGE;
        }
        if (service_is_wanted())
                status = begin(&h, argv + 1);
        return status == EXIT_STATUS_DONE || status == STATUS_OFFLINE ? run(&h, argv + 1) : status;
}
