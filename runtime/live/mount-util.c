/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Mounts as a person would make them. Those of a file system in a file or on a device are left to
 * mount(8): every image has it, and it does what takes libblkid and the races of loop devices to do.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "mount-util.h"
#include "process-util.h"
#include "string-util.h"

/* sd-daemon(3): the level is in front of the line. */
static void tell_level(int level, const char *format, va_list ap) _printf_(2, 0);
static void tell_level(int level, const char *format, va_list ap) {
        char message[1024];

        vsnprintf(message, sizeof(message), format, ap);
        fprintf(level >= 6 ? stdout : stderr, "<%d>%s\n", level, message);
        fflush(stdout);
}

void tell(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        tell_level(6, format, ap);
        va_end(ap);
}

void tell_notice(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        tell_level(5, format, ap);
        va_end(ap);
}

void tell_warning(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        tell_level(4, format, ap);
        va_end(ap);
}

void tell_error(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        tell_level(3, format, ap);
        va_end(ap);
}

static int make_place(const char *where) {
        int r = mkdir_parents(where, 0755);

        if (r < 0)
                tell_error("%s can't be made: %s", where, strerror(-r));
        return r;
}

int mount_device(const char *options, const char *what, const char *where) {
        int status, r;
        pid_t pid;

        r = make_place(where);
        if (r < 0)
                return r;
        tell("Mounting %s on %s (%s)", what, where, options);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                execlp("mount", "mount", "-o", options, "--", what, where, NULL);
                tell_error("mount can't be started: %s", strerror(errno));
                _exit(127);
        }
        status = process_wait(pid);
        if (status < 0)
                return status;
        return process_succeeded(status) ? 0 : -EIO;
}

int mount_bind(const char *what, const char *where) {
        int r = make_place(where);

        if (r < 0)
                return r;
        if (mount(what, where, NULL, MS_BIND, NULL) < 0) {
                r = -errno;
                tell_error("%s can't be shown at %s: %s", what, where, strerror(-r));
                return r;
        }
        return 0;
}

int mount_memory(const char *where, const char *options) {
        _cleanup_free_ char *all = NULL;
        int r = make_place(where);

        if (r < 0)
                return r;
        if (str_printf(&all, "mode=0755%s%s", options ? "," : "", options ?: "") < 0)
                return -ENOMEM;
        return mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV, all) < 0 ? -errno : 0;
}

unsigned long long memory_get(const char *what) {
        _cleanup_free_ char *text = NULL;
        const char *line;
        size_t size;

        if (file_read_at(AT_FDCWD, "/proc/meminfo", 64 * 1024, &text, &size) < 0)
                return 0;
        line = strstr(text, what);
        return line ? strtoull(line + strlen(what), NULL, 10) * 1024 : 0;
}

bool is_directory(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISDIR(st.st_mode);
}
