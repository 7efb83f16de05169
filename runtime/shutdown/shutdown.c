/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A root that lies on LUKS, LVM, RAID, a loop device or NBD can't be taken apart by who runs from it:
 * systemd-shutdown(8) ends with it mounted read-only. But if there is an executable
 * /run/initramfs/shutdown it makes /run/initramfs the root, the old one /oldroot, and that program PID 1,
 * with the verb as its first argument. Nothing of the old root is in use any more then.
 *
 * So before the switch to the root, `initrdd-shutdown --keep` puts itself there. It needs nothing but
 * the C library: two megabytes of /run. That is less than systemd's own program would take with
 * its libraries (some 20), and unlike an image that is unpacked at shutdown it is there whatever has
 * become of /boot, of the package and of the root's disk, and also when no service is asked any more
 * (`systemctl poweroff --force`). A root on plain partitions needs none of it, and has none.
 *
 * What PID 1 does may not fail: an error is told of, and the machine goes down all the same.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fd-util.h"
#include "shutdown.h"
#include "string-util.h"
#include "time-util.h"

/* A device may be busy for a moment after what was on it has gone. */
#define IDLE_PASSES 20
#define PAUSE_NSEC (100 * 1000 * 1000L)
/* And for all of it: a server that is gone may cost each pass its patience. */
#define PATIENCE_USEC (60 * 1000 * 1000ULL)

void shutdown_log(bool good, const char *format, ...) {
        char message[1024], line[1100];
        _cleanup_close_ int fd = -EBADF;
        va_list ap;
        int n;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        /* Facility 3 (daemon) times 8, and the level: 5 (notice), 3 (error). */
        n = snprintf(line, sizeof(line), "%sinitrdd-shutdown: %s\n",
                     fd < 0 ? ""
                     : good ? "<29>"
                            : "<27>",
                     message);
        if (write(fd >= 0 ? fd : STDERR_FILENO, line, (size_t) n) < 0)
                return; /* there is nowhere else */
}

static void detach_all(void) {
        uint64_t until = now_monotonic_usec() + PATIENCE_USEC;
        _cleanup_free_ char *left = NULL;

        for (unsigned idle = 0; idle < IDLE_PASSES && now_monotonic_usec() < until;) {
                struct timespec pause = { .tv_nsec = PAUSE_NSEC };

                free(left);
                left = NULL;
                idle = shutdown_detach(&left) > 0 ? 0 : idle + 1;
                if (left && !*left) {
                        shutdown_log(true, "All file systems, swaps, loop, device-mapper, md and "
                                           "nbd devices are detached.");
                        return;
                }
                if (idle > 0)
                        (void) nanosleep(&pause, NULL);
        }
        shutdown_log(false, "Not all is detached:%s", left ?: " (out of memory)");
}

/* reboot(2) with what `systemctl reboot ARGUMENT` has written down, where there is that. */
static void reboot_with_argument(void) {
        _cleanup_free_ char *argument = NULL;
        size_t size;

        if (file_read_at(AT_FDCWD, "/run/systemd/reboot-param", 4096, &argument, &size) < 0)
                return;
        (void) syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                       LINUX_REBOOT_CMD_RESTART2, str_strip(argument));
}

/* systemd-shutdown(8): the verb is the first argument; what follows is about its log. */
static void end(const char *verb) {
        sync();
        if (streq(verb, "halt"))
                (void) reboot(RB_HALT_SYSTEM);
        else if (streq(verb, "kexec"))
                (void) reboot((int) LINUX_REBOOT_CMD_KEXEC);
        else if (streq(verb, "reboot"))
                reboot_with_argument();
        if (streq(verb, "reboot") || streq(verb, "kexec"))
                (void) reboot(RB_AUTOBOOT);
        (void) reboot(RB_POWER_OFF);
        (void) reboot(RB_HALT_SYSTEM);
        for (;;)
                pause();
}

int main(int argc, char *argv[]) {
        int r;

        if (getpid() == 1) {
                detach_all();
                end(argc > 1 ? argv[1] : "poweroff");
        }
        if (argc != 2 || !streq(argv[1], "--keep")) {
                fprintf(stderr, "initrdd-shutdown --keep\n");
                return 2;
        }
        r = shutdown_keep();
        if (r < 0)
                fprintf(stderr, "What takes the root apart at shutdown can't be kept: %s\n",
                        strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
