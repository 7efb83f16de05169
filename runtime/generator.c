/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The program: reads the kernel command line, lets each noun write what it has to, and tells of what
 * went wrong in the kernel's log, since the journal is not there yet. It is called again at every
 * reload of PID 1 and must come to the same result. In the real root it does nothing.
 *
 * For tests, as those of systemd: SYSTEMD_PROC_CMDLINE is the command line, SYSTEMD_IN_INITRD=1 says
 * where we are, and with INITRDD_GENERATOR_ROOT /etc and /run are there, and the log is standard
 * error.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "generator.h"
#include "path-util.h"
#include "string-util.h"

void generator_warn(const Generator *g, const char *format, ...) {
        _cleanup_close_ int fd = -EBADF;
        char message[512], line[600];
        va_list ap;
        int n;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        /* What is quoted may be anything, and this is one line. */
        for (char *c = message; *c; c++)
                if ((unsigned char) *c < ' ')
                        *c = '?';
        if (!*g->root)
                fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        n = snprintf(line, sizeof(line), "%sinitrdd-generator[%d]: %s\n", fd >= 0 ? "<28>" : "",
                     (int) getpid(), message);
        if (write(fd >= 0 ? fd : STDERR_FILENO, line, (size_t) n) < 0)
                return; /* there is nowhere else */
}

/* Where it is, with the directories above it. */
static int make_place(const Generator *g, const char *directory, const char *name, char **ret) {
        bool given = streq(directory, g->normal) || streq(directory, g->early) ||
                     streq(directory, g->late);
        _cleanup_free_ char *path = NULL, *parent = NULL;
        int r;

        if (str_printf(&path, "%s%s/%s", given ? "" : g->root, directory, name) < 0)
                return -ENOMEM;
        parent = path_dirname(path);
        if (!parent)
                return -ENOMEM;
        r = mkdir_parents(parent, 0755);
        if (r < 0) {
                generator_warn(g, "%s can't be made: %s", parent, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

int generator_write(const Generator *g, const char *directory, const char *name,
                    const char *text) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_place(g, directory, name, &path);
        if (r < 0)
                return r;
        r = file_replace_at(AT_FDCWD, path, text, strlen(text), 0644);
        if (r < 0)
                generator_warn(g, "%s can't be written: %s", path, strerror(-r));
        return r;
}

int generator_link(const Generator *g, const char *directory, const char *name,
                   const char *target) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_place(g, directory, name, &path);
        if (r < 0)
                return r;
        if (symlink(target, path) < 0 && errno != EEXIST) {
                r = -errno;
                generator_warn(g, "%s can't be made: %s", path, strerror(-r));
                return r;
        }
        return 0;
}

int generator_add_symlink(const Generator *g, const char *target, const char *kind,
                          const char *unit) {
        _cleanup_free_ char *name = NULL, *to = NULL;

        if (str_printf(&name, "%s.%s/%s", target, kind, unit) < 0 ||
            str_printf(&to, "../%s", unit) < 0)
                return -ENOMEM;
        return generator_link(g, g->normal, name, to);
}

/* Neither the kernel nor systemd takes a backslash there for anything but one: names of devices have
 * "\x20". */
static char *double_backslashes(const char *s) {
        char *out = malloc(2 * strlen(s) + 1), *o = out;

        for (; out && *s; s++) {
                if (*s == '\\')
                        *o++ = '\\';
                *o++ = *s;
        }
        if (out)
                *o = '\0';
        return out;
}

static int read_command_line(char ***ret) {
        const char *given = getenv("SYSTEMD_PROC_CMDLINE");
        _cleanup_free_ char *text = NULL, *doubled = NULL;
        size_t size;
        int r;

        if (given)
                text = strdup(given);
        else if ((r = file_read_at(AT_FDCWD, "/proc/cmdline", 1024 * 1024, &text, &size)) < 0)
                return r;
        if (!text)
                return -ENOMEM;
        doubled = double_backslashes(text);
        if (!doubled)
                return -ENOMEM;
        r = strv_split_quoted(ret, doubled);
        /* The kernel takes a quote that isn't closed as it is. */
        return r == -EINVAL ? strv_split(ret, text, " \t\n") : r;
}

static bool in_initrd(void) {
        const char *said = getenv("SYSTEMD_IN_INITRD");
        int b = said ? parse_boolean(said) : -EINVAL;

        return b >= 0 ? b > 0 : access("/etc/initrd-release", F_OK) >= 0;
}

int main(int argc, char *argv[]) {
        static int (*const nouns[])(const Generator *) = {
                generate_lvm,   generate_md,     generate_multipath, generate_dmraid,
                generate_crypt, generate_device, generate_console,   generate_network,
                generate_nfs,   generate_live,   generate_overlay,   generate_step,
        };
        _cleanup_strv_free_ char **words = NULL;
        Generator g = { .root = getenv("INITRDD_GENERATOR_ROOT") ?: "" };
        int r, failed = 0;

        if (argc != 2 && argc != 4) {
                fprintf(stderr, "initrdd-generator NORMAL-DIR [EARLY-DIR LATE-DIR]\n");
                return 2;
        }
        g.normal = argv[1];
        g.early = argv[argc == 4 ? 2 : 1];
        g.late = argv[argc == 4 ? 3 : 1];
        if (!in_initrd())
                return EXIT_SUCCESS;
        umask(0022);
        r = read_command_line(&words);
        if (r < 0) {
                generator_warn(&g, "The kernel command line can't be read: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        g.words = words;
        for (size_t i = 0; i < ELEMENTSOF(nouns); i++) {
                r = nouns[i](&g);
                if (r == -ENOMEM)
                        generator_warn(&g, "Out of memory");
                failed |= r < 0;
        }
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
