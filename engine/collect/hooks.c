/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Hooks of the admin, by step of the boot: executables in hooks/STEP.d of the three directories of
 * configuration, where a name in the first hides the same in the next, and an empty file or a link to
 * /dev/null masks it. In the image all lie in one place, with what they need to start: the
 * interpreter of a script, the libraries of a program, and the program that runs them.
 *
 * What a script calls nobody can tell but its author, who names it in a module or in Include=. But
 * one that could not even be started is refused: whoever wrote it counts on it.
 */

#include <fnmatch.h>
#include <unistd.h>

#include "collect/collect-internal.h"
#include "collect/hooks.h"
#include "describe/conf-file.h"
#include "fd-util.h"
#include "string-util.h"

/* In the order in which they come; runtime/step.c knows when that is. */
static const char *const steps[] = { "cmdline",   "pre-udev", "pre-trigger", "initqueue",
                                     "pre-mount", "mount",    "pre-pivot",   "cleanup" };
#define RUNNER "/usr/lib/initrdd/initrdd-hooks"

/* What editors and package managers leave behind. */
static bool is_leftover(const char *name) {
        static const char *const patterns[] = { "*~",       "*.bak",     "*.swp",     "*.dpkg-*",
                                                "*.ucf-*",  "*.rpmnew",  "*.rpmorig", "*.rpmsave",
                                                "*.pacnew", "*.pacsave", "*.pacorig", "*.orig" };

        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                if (fnmatch(patterns[i], name, 0) == 0)
                        return true;
        return false;
}

/* What exec() would say of its first bytes: 1, or 0. */
static int can_start(Collector *c, Collection *out, const char *path) {
        _cleanup_close_ int fd = -EBADF;
        char start[4];
        ssize_t n;

        fd = source_open(c->source, out->trace, path, NULL);
        if (fd < 0)
                return fd;
        n = read(fd, start, sizeof(start));
        if (n < 0)
                return -errno;
        return (n >= 3 && memcmp(start, "#!", 2) == 0) ||
               (n == 4 && memcmp(start, "\177ELF", 4) == 0);
}

static int refuse(Collector *c, const char *path, int error, const char *why) {
        return report_fail(c->report, FAILURE_INCOMPLETE, error, path, 0,
                           "The hook could not run in the image: %s; mend it, or mask it by an "
                           "empty file of its name in /etc/initrdd/hooks",
                           why);
}

static int add_hook(Collector *c, Collection *out, const char *step, const char *name,
                    const char *path) {
        _cleanup_free_ char *destination = NULL, *why = NULL, *missing = NULL;
        struct stat st;
        int r;

        r = source_resolve(c->source, out->trace, path, NULL, &st, NULL);
        if (r < 0)
                return r;
        if (!(st.st_mode & 0111)) {
                report_warn(c->report, path, 0,
                            "It is not executable, so it is no hook and not in the image");
                return 0;
        }
        r = can_start(c, out, path);
        if (r == 0)
                return refuse(c, path, -ENOEXEC, "it is neither a program nor a script with #!");
        if (r > 0)
                r = str_printf(&destination, HOOKS_PLACE "/%s.d/%s", step, name);
        if (r >= 0)
                r = str_printf(&why, "hook at %s", step);
        if (r >= 0)
                r = collect_path(c, out, path, destination, why, &missing);
        return is_missing(r) ? refuse(c, path, r, missing ?: "something it needs is not there")
                             : r;
}

/* How many were added. */
static int add_step(Collector *c, Collection *out, const char *step, size_t *ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *directory = NULL;
        size_t before = out->manifest->entries.n;
        int r;

        r = str_printf(&directory, "hooks/%s.d", step);
        if (r >= 0)
                r = conf_list(c->source, out->trace, directory, "", &names);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *one = NULL, *path = NULL;

                if (r < 0)
                        return r;
                if (is_leftover(*name))
                        continue;
                r = str_printf(&one, "%s/%s", directory, *name);
                if (r >= 0)
                        r = conf_find(c->source, out->trace, one, &path, NULL);
                if (r > 0)
                        r = add_hook(c, out, step, *name, path);
        }
        *ret += out->manifest->entries.n - before;
        return r < 0 ? r : 0;
}

/* A directory of a name that is no step: what is in it would never run. */
static int check_names(Collector *c, Collection *out) {
        _cleanup_strv_free_ char **names = NULL;
        int r;

        r = conf_list(c->source, out->trace, "hooks", ".d", &names);
        STRV_FOREACH(name, names) {
                bool known = false;

                if (r < 0)
                        return r;
                for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                        known = known || (startswith(*name, steps[i]) &&
                                          streq(startswith(*name, steps[i]), ".d"));
                if (!known)
                        report_warn(c->report, "/etc/initrdd/hooks", 0,
                                    "%s belongs to no step of the boot, and nothing in it is run",
                                    *name);
        }
        return r < 0 ? r : 0;
}

static int add_runner(Collector *c, Collection *out) {
        _cleanup_free_ char *missing = NULL;
        int r;

        r = collect_path(c, out, RUNNER, NULL, "hooks of the admin", &missing);
        if (is_missing(r))
                return report_fail(c->report, FAILURE_INCOMPLETE, r, RUNNER, 0,
                                   "There are hooks, and nothing that runs them: %s; install "
                                   "initrdd in the root, or remove the hooks",
                                   missing ?: "it is not there");
        return r;
}

int collect_hooks(Collector *c, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        size_t n = 0;
        int r;

        r = collection_new(&out);
        if (r < 0)
                return report_oom(c->report);
        r = check_names(c, out);
        for (size_t i = 0; i < ELEMENTSOF(steps) && r >= 0; i++)
                r = add_step(c, out, steps[i], &n);
        if (r >= 0 && n > 0)
                r = add_runner(c, out);
        if (r == -ENOMEM)
                return report_oom(c->report);
        if (r < 0)
                return report_fail(c->report, FAILURE_BUILD_FAILED, r, "/etc/initrdd/hooks", 0,
                                   "The hooks can't be collected: %s", strerror(-r));
        *ret = TAKE_PTR(out);
        return 0;
}
