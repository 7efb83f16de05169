/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-hooks STEP [DIRECTORY]: runs what an admin wants run at a step of the boot, one after the
 * other in the order of their names, as initrdd-hooks(7) says. What they print goes where the unit
 * has it go. One that fails is told of, and the next is run: a boot is not lost to a hook. But a
 * NAME.required that fails is the end, and of this program, too: status 1, of which the unit makes an
 * emergency.
 *
 * With a DIRECTORY, for tests, that is where STEP.d is, and all that is told is on standard error.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"

typedef struct Hooks {
        const char *step;
        const char *directory; /* STEP.d is in it */
        bool test;
} Hooks;

/* What went well is in the kernel's log, and so in the journal, what didn't on the console, too. */
_printf_(4, 5) static void tell(const Hooks *h, bool good, const char *name, const char *format,
                                ...) {
        char message[512];
        va_list ap;
        FILE *f = NULL;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        if (good && !h->test)
                f = fopen("/dev/kmsg", "we");
        /* "<N>" is a level (sd-daemon(3)), and 3 (daemon) times 8 the facility for the kernel. */
        fprintf(f ?: stderr, "%s%s%s: %s\n",
                h->test ? ""
                : f     ? "<30>initrdd-hooks: "
                        : "<3>hook ",
                h->step, name, message);
        if (f)
                fclose(f);
}

static int list(const char *directory, char ***ret) {
        _cleanup_strv_free_ char **names = calloc(1, sizeof(char *));
        DIR *d;
        int r = names ? 0 : -ENOMEM;

        d = opendir(directory);
        if (!d)
                return -errno;
        for (struct dirent *e; r >= 0 && (e = readdir(d));)
                if (e->d_name[0] != '.')
                        r = strv_extend(&names, e->d_name);
        closedir(d);
        if (r < 0)
                return r;
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

/* The status of waitpid(2), or an error. */
static int run(const char *path) {
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                char *const argv[] = { (char *) path, NULL };

                execv(path, argv);
                fprintf(stderr, "<3>%s can't be executed: %s\n", path, strerror(errno));
                _exit(126);
        }
        return process_wait(pid);
}

/* Whether all went well. */
static bool run_hook(const Hooks *h, const char *name) {
        _cleanup_free_ char *path = NULL, *shown = NULL;
        int status;

        if (str_printf(&path, "%s/%s.d/%s", h->directory, h->step, name) < 0 ||
            str_printf(&shown, "/%s", name) < 0) {
                tell(h, false, "", "Out of memory");
                return false;
        }
        status = run(path);
        if (status == 0)
                tell(h, true, shown, "done");
        else if (status < 0)
                tell(h, false, shown, "can't be started: %s", strerror(-status));
        else if (WIFSIGNALED(status))
                tell(h, false, shown, "ended by signal %d (%s)", WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
        else
                tell(h, false, shown, "failed with status %d", WEXITSTATUS(status));
        return status == 0;
}

/* What the units that come next look for, where a hook is required (step.c). */
static int passed(const Hooks *h) {
        _cleanup_free_ char *path = path_join("/run/initrdd/steps", h->step);
        int r;

        r = path ? mkdir_parents("/run/initrdd/steps", 0755) : -ENOMEM;
        if (r >= 0)
                r = file_replace_at(AT_FDCWD, path, "", 0, 0644);
        if (r < 0)
                tell(h, false, "", "%s can't be written: %s", path ?: "", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_hooks(const Hooks *h) {
        _cleanup_free_ char *directory = NULL;
        _cleanup_strv_free_ char **names = NULL;
        int r;

        r = str_printf(&directory, "%s/%s.d", h->directory, h->step);
        if (r >= 0)
                r = list(directory, &names);
        if (r == -ENOENT)
                return EXIT_SUCCESS;
        if (r < 0) {
                tell(h, false, "", "its hooks can't be listed: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        STRV_FOREACH(name, names)
                if (!run_hook(h, *name) && endswith(*name, ".required")) {
                        tell(h, false, "", "the boot can't go on without %s", *name);
                        return EXIT_FAILURE;
                }
        return h->test ? EXIT_SUCCESS : passed(h);
}

int main(int argc, char *argv[]) {
        Hooks h = { .step = argc > 1 ? argv[1] : "", .directory = "/usr/lib/initrdd/hooks" };

        if (argc < 2 || argc > 3 || !filename_is_valid(h.step)) {
                fprintf(stderr, "initrdd-hooks STEP [DIRECTORY]\n");
                return 2;
        }
        if (argc == 3) {
                h.directory = argv[2];
                h.test = true;
        }
        /* All of the environment that a hook may count on. */
        if (setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0 ||
            setenv("INITRDD_STEP", h.step, 1) < 0 || setenv("NEWROOT", "/sysroot", 1) < 0 ||
            setenv("HOME", "/", 1) < 0) {
                tell(&h, false, "", "%s", strerror(errno));
                return EXIT_FAILURE;
        }
        return run_hooks(&h);
}
