/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * QEMU with nothing but a processor, memory, disks and a serial line: no screen, no firmware that
 * would look for something to start. Disks are opened so that nothing is written to them. A panic
 * reboots, and a reboot ends it.
 *
 * There is a network only for a root that comes over one: QEMU's own, with DHCP, in which this
 * machine's loopback interface is TRY_SERVER.
 *
 * A question for a passphrase is answered once the console has fallen silent: who asks often throws
 * away what was typed before he reads.
 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "process-util.h"
#include "string-util.h"
#include "try-machine.h"

#define SILENCE_MS 500
#define ANSWERS_MAX 4
#define ANSWER_AGAIN 10.0
#define ECHO_MAX 64

typedef struct Session {
        const Machine *machine;
        Console *console;
        int in, out; /* what we type, what it says */
        int show;
        struct timespec start;
        unsigned answers;
        double answered; /* when */
        size_t heard; /* since then, in bytes */
} Session;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal) {
        interrupted = signal;
}

static double elapsed(const Session *s) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) (now.tv_sec - s->start.tv_sec) +
               (double) (now.tv_nsec - s->start.tv_nsec) / 1e9;
}

static int add_disk(char ***argv, const Machine *m, size_t i, const char *path) {
        _cleanup_free_ char *escaped = NULL, *drive = NULL, *device = NULL;
        size_t n = 0;
        int r = 0;

        /* QEMU splits its options at commas; two are one. */
        escaped = malloc(2 * strlen(path) + 1);
        if (!escaped)
                return -ENOMEM;
        for (const char *p = path; *p; p++) {
                escaped[n++] = *p;
                if (*p == ',')
                        escaped[n++] = ',';
        }
        escaped[n] = '\0';
        r = str_printf(&drive, "file=%s,format=%s,if=none,id=disk%zu,snapshot=on", escaped,
                       m->format, i);
        if (r < 0)
                return r;
        if (streq(m->bus->name, "nvme"))
                r = str_printf(&device, "nvme,drive=disk%zu,serial=initrdd-try-%zu", i, i);
        else if (streq(m->bus->name, "ata"))
                r = str_printf(&device, "ide-hd,drive=disk%zu,bus=ide.%zu", i, i);
        else if (streq(m->bus->name, "scsi"))
                r = str_printf(&device, "scsi-hd,drive=disk%zu", i);
        else
                r = str_printf(&device, "virtio-blk-pci,drive=disk%zu", i);
        if (r < 0 || strv_extend(argv, "-drive") < 0 || strv_extend(argv, drive) < 0 ||
            strv_extend(argv, "-device") < 0)
                return -ENOMEM;
        return strv_extend(argv, device);
}

static int add_network(char ***argv, const TryCard *card) {
        _cleanup_free_ char *device = NULL;

        if (strv_extend(argv, "-netdev") < 0 ||
            strv_extend(argv, "user,id=network,host=" TRY_SERVER) < 0 ||
            str_printf(&device, "%s,netdev=network,romfile=", card->device) < 0 ||
            strv_extend(argv, "-device") < 0)
                return -ENOMEM;
        return strv_extend(argv, device);
}

static int make_argv(const Machine *m, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *memory = NULL;
        const char *words[] = {
                m->qemu,
                "-machine",
                "q35",
                "-accel",
                m->kvm ? "kvm" : "tcg,thread=multi",
                "-cpu",
                m->kvm ? "host" : "max",
                "-smp",
                m->kvm ? "2" : "1",
                "-m",
                NULL,
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-serial",
                "stdio",
                "-no-reboot",
                "-kernel",
                m->kernel,
                "-initrd",
                m->image,
                "-append",
                m->command_line,
        };
        /* The first disk is served, where there is a network. */
        size_t first = m->card ? 1 : 0, n = strv_length(m->disks);

        if (str_printf(&memory, "%u", m->memory) < 0)
                return -ENOMEM;
        for (size_t k = 0; k < ELEMENTSOF(words); k++)
                if (strv_extend(&argv, words[k] ?: memory) < 0)
                        return -ENOMEM;
        if (m->card && add_network(&argv, m->card) < 0)
                return -ENOMEM;
        if (streq(m->bus->name, "scsi") && n > first &&
            (strv_extend(&argv, "-device") < 0 || strv_extend(&argv, "virtio-scsi-pci") < 0))
                return -ENOMEM;
        for (size_t i = first; i < n; i++)
                if (add_disk(&argv, m, i, m->disks[i]) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* It ends with us, however we end. */
static _Noreturn void run_child(char *const argv[], int in, int out) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Ctrl-C is for us: we end it, and clean up. */
        (void) setpgid(0, 0);
        (void) signal(SIGPIPE, SIG_DFL);
        if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
            dup2(out, STDERR_FILENO) >= 0)
                execv(argv[0], argv);
        _exit(127);
}

static int start(Session *s, pid_t *ret) {
        _cleanup_process_pipes_ ProcessPipes pipes = PROCESS_PIPES_NONE;
        _cleanup_strv_free_ char **argv = NULL;
        pid_t pid;
        int r;

        r = make_argv(s->machine, &argv);
        if (r < 0)
                return r;
        r = process_pipes_open(&pipes);
        if (r < 0)
                return r;
        fflush(NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_child(argv, pipes.child_in, pipes.child_out);
        s->in = TAKE_FD(pipes.in);
        s->out = TAKE_FD(pipes.out);
        *ret = pid;
        return 0;
}

/* 1 when there may be more, 0 at the end. */
static int hear(Session *s) {
        char buffer[16384];
        ssize_t n = read(s->out, buffer, sizeof(buffer));

        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        if (n == 0)
                return 0;
        s->heard += (size_t) n;
        if (s->show >= 0)
                (void) fd_write_all(s->show, buffer, (size_t) n);
        return console_feed(s->console, buffer, (size_t) n, elapsed(s)) < 0 ? -ENOMEM : 1;
}

/* Who asks again and again has another key. Who says nothing for long has not heard it. */
static int answer(Session *s) {
        const char *passphrase = s->machine->passphrase;
        int r;

        r = console_silence(s->console);
        if (r < 0 || !passphrase || s->answers >= ANSWERS_MAX)
                return MIN_OF(r, 0);
        if (r == 0 &&
            (s->answers == 0 || s->heard > ECHO_MAX || elapsed(s) - s->answered < ANSWER_AGAIN))
                return 0;
        s->answers++;
        s->answered = elapsed(s);
        s->heard = 0;
        (void) fd_write_all(s->in, passphrase, strlen(passphrase));
        (void) fd_write_all(s->in, "\r", 1);
        return 0;
}

static int follow(Session *s) {
        while (s->console->end == CONSOLE_GOES_ON) {
                struct pollfd fd = { .fd = s->out, .events = POLLIN };
                int r;

                if (interrupted)
                        return -ECANCELED;
                if (s->machine->timeout > 0 && elapsed(s) >= s->machine->timeout)
                        return 0;
                r = poll(&fd, 1, SILENCE_MS);
                if (r < 0 && errno != EINTR)
                        return -errno;
                r = r > 0 ? hear(s) : answer(s);
                if (r < 0)
                        return r;
                if (fd.revents && r == 0)
                        return 0;
        }
        return 0;
}

int machine_run(const Machine *machine, Console *console, int show, double *ret_seconds) {
        struct sigaction catch = { .sa_handler = on_interrupt };
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        struct sigaction before[ELEMENTSOF(signals)];
        Session s = {
                .machine = machine, .console = console, .in = -EBADF, .out = -EBADF, .show = show
        };
        pid_t pid = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaction(signals[i], &catch, &before[i]);
        (void) signal(SIGPIPE, SIG_IGN);
        clock_gettime(CLOCK_MONOTONIC, &s.start);
        r = start(&s, &pid);
        if (r >= 0) {
                r = follow(&s);
                (void) kill(pid, SIGKILL);
                (void) process_wait(pid);
                *ret_seconds = elapsed(&s);
                if (r >= 0)
                        r = console_close(console, elapsed(&s));
        }
        safe_close(s.in);
        safe_close(s.out);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaction(signals[i], &before[i], NULL);
        return r;
}
