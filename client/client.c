/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "path-util.h"
#include "string-util.h"

void say(const char *format, ...) {
        va_list ap;

        fflush(stdout); /* both may be the same file: what was found comes before what went wrong */
        fputs("initrdctl: ", stderr);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
}

static void say_place(const char *path, unsigned line, const char *kind, const char *message) {
        if (path && line > 0)
                say("%s%s:%u: %s", kind, path, line, message);
        else if (path)
                say("%s%s: %s", kind, path, message);
        else
                say("%s%s", kind, message);
}

int say_failure(const Report *report) {
        const Failure *f = &report->failure;

        say_place(f->path, f->line, "", f->message ?: "Out of memory");
        return failure_kind_to_exit_status(f->kind);
}

void say_warning(void *userdata, const char *path, unsigned line, const char *message) {
        if (!arg_quiet)
                say_place(path, line, "warning: ", message);
}

bool terminal_is_capable(int fd) {
        const char *term = getenv("TERM");

        return isatty(fd) && term && !streq(term, "dumb");
}

const char *colour(Colour c) {
        static const char *const sequences[] = {
                [COLOUR_NORMAL] = "\033[0m",    [COLOUR_GOOD] = "\033[0;1;32m",
                [COLOUR_WARN] = "\033[0;1;33m", [COLOUR_BAD] = "\033[0;1;31m",
                [COLOUR_DIM] = "\033[0;90m",    [COLOUR_BOLD] = "\033[0;1m",
        };
        static int capable = -1;

        if (capable < 0)
                capable = terminal_is_capable(STDOUT_FILENO) && !*(getenv("NO_COLOR") ?: "");
        return capable ? sequences[c] : "";
}

const char *size_to_text(uint64_t bytes, char ret[static SIZE_TEXT_MAX]) {
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
        double n = (double) bytes;
        size_t i = 0;

        while (n >= 999.5 && i + 1 < ELEMENTSOF(units)) {
                n /= 1000;
                i++;
        }
        snprintf(ret, SIZE_TEXT_MAX, i == 0 || n >= 99.95 ? "%.0f %s" : "%.1f %s", n, units[i]);
        return ret;
}

int default_store(char **ret) {
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

        if (geteuid() == 0)
                return str_printf(ret, "/var/cache/initrdd");
        if (cache && *cache == '/')
                return str_printf(ret, "%s/initrdd", cache);
        if (home && *home == '/')
                return str_printf(ret, "%s/.cache/initrdd", home);
        return -ENOENT;
}

int data_directory(char **ret) {
        const char *given = getenv("INITRDD_DATA_DIR");
        char self[PATH_MAX];
        ssize_t n;

        if (given && *given == '/')
                return str_printf(ret, "%s", given);
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n > 0) {
                _cleanup_free_ char *bin = NULL, *path = NULL, *modules = NULL;

                self[n] = '\0';
                bin = path_dirname(self);
                path = bin ? path_join(bin, "../lib/initrdd") : NULL;
                modules = path ? path_join(path, "modules.d") : NULL;
                if (!modules)
                        return -ENOMEM;
                if (access(modules, F_OK) >= 0) {
                        *ret = realpath(path, NULL);
                        return *ret ? 0 : -errno;
                }
        }
        return str_printf(ret, "%s", DATA_DIRECTORY);
}
