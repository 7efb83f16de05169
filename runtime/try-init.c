/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The init of the scratch root that `initrdctl try` boots an image from: it says that it was
 * started, and from what, and turns the machine off. It needs nothing of the root that it is on: no
 * library, no shell, nothing mounted. So it is a static program without a C library, and asks the
 * kernel itself.
 *
 * What it says: the content of /etc/initrdd-try (a line that only this root knows), then the source
 * and the type of what is mounted as /, as /proc/self/mounts has them.
 */

#include <linux/reboot.h>
#include <stddef.h>
#include <sys/syscall.h>

#define O_RDONLY 0
#define O_RDWR 2

/* What starts it: registers and stack as the kernel leaves them, no arguments are needed. */
__attribute__((noreturn, used, force_align_arg_pointer)) void _start(void);

#if defined(__x86_64__)
static long ask(long number, long a, long b, long c, long d, long e) {
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = e;
        long result;

        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                         : "rcx", "r11", "memory");
        return result;
}
#else
#error "initrdctl try knows no machine of this architecture"
#endif

/* Static, so that no compiler makes a memset() of an initialiser. */
static char marker[128], mounts[16384];

static size_t length(const char *s) {
        size_t n = 0;

        while (s[n])
                n++;
        return n;
}

static void say(int fd, const char *text, size_t n) {
        (void) ask(SYS_write, fd, (long) text, (long) n, 0, 0);
}

/* What fits of a file; 0 when there is none. */
static size_t read_file(const char *path, char *buffer, size_t size) {
        long fd = ask(SYS_open, (long) path, O_RDONLY, 0, 0, 0), n;
        size_t have = 0;

        if (fd < 0)
                return 0;
        while (have < size &&
               (n = ask(SYS_read, fd, (long) (buffer + have), (long) (size - have), 0, 0)) > 0)
                have += (size_t) n;
        (void) ask(SYS_close, fd, 0, 0, 0, 0);
        return have;
}

/* "SOURCE / TYPE OPTIONS": the last such line is what is seen. */
static void say_root(int fd, size_t n) {
        size_t source = 0, source_end = 0, type = 0, type_end = 0;

        for (size_t i = 0, line = 0; i < n; i++) {
                size_t at = line, end;

                if (mounts[i] != '\n')
                        continue;
                while (at < i && mounts[at] != ' ')
                        at++;
                end = at;
                if (at + 3 < i && mounts[at + 1] == '/' && mounts[at + 2] == ' ') {
                        source = line;
                        source_end = end;
                        type = type_end = at + 3;
                        while (type_end < i && mounts[type_end] != ' ')
                                type_end++;
                }
                line = i + 1;
        }
        say(fd, " ", 1);
        say(fd, mounts + source, source_end - source);
        say(fd, " ", 1);
        say(fd, mounts + type, type_end - type);
}

void _start(void) {
        static const char path[] = "/etc/initrdd-try";
        long fd = ask(SYS_open, (long) "/dev/console", O_RDWR, 0, 0, 0);
        size_t n, have;

        if (fd < 0)
                fd = 1;
        n = read_file(path, marker, sizeof(marker));
        while (n > 0 && marker[n - 1] == '\n')
                n--;
        have = read_file("/proc/self/mounts", mounts, sizeof(mounts));
        if (have == 0) {
                (void) ask(SYS_mount, (long) "proc", (long) "/proc", (long) "proc", 0, 0);
                have = read_file("/proc/self/mounts", mounts, sizeof(mounts));
        }
        say((int) fd, "\n", 1);
        say((int) fd, marker, n);
        say_root((int) fd, have);
        say((int) fd, "\n", length("\n"));
        (void) ask(SYS_sync, 0, 0, 0, 0, 0);
        for (;;)
                (void) ask(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                           LINUX_REBOOT_CMD_POWER_OFF, 0, 0);
}
