/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel is a directory of drivers below /lib/modules, by the name of its version.
 *
 * A directory counts when it has what a kernel's own installation brings: its list of drivers in the
 * order of the build, that of built-in ones, or kernel/. What a removed package leaves behind is no
 * kernel: what depmod made (Debian's removes that when it is purged), `build` links, drivers of
 * dkms. On a root with a
 * merged /usr, /lib/modules and /usr/lib/modules are one; on another, kernels may be in the first
 * and what was bound is in the second, so both are asked, and the second wins.
 *
 * A kernel from elsewhere (--kernel-dir) is looked at through a Source of its own, since its links
 * are relative to where it lies, and then bound: from there on it is as any other.
 */

#include "kernel.h"
#include "path-util.h"
#include "string-util.h"

static const char *const parents[] = { "/usr/lib/modules", "/lib/modules" };

static int looks_like_kernel(Source *source, Trace *trace, const char *directory) {
        static const char *const marks[] = { "modules.order", "modules.builtin", "kernel" };

        for (size_t i = 0; i < ELEMENTSOF(marks); i++) {
                _cleanup_free_ char *path = path_join(directory, marks[i]);
                int r;

                if (!path)
                        return -ENOMEM;
                r = source_exists(source, trace, path);
                if (r != 0 && r != -ENOTDIR)
                        return r;
        }
        return 0;
}

static int newest_first(const void *a, const void *b) {
        return strverscmp(*(char *const *) b, *(char *const *) a);
}

int kernel_list(Source *source, Trace *trace, char ***ret) {
        _cleanup_strv_free_ char **versions = NULL;

        for (size_t i = 0; i < ELEMENTSOF(parents); i++) {
                _cleanup_strv_free_ char **names = NULL;
                int r;

                r = source_list(source, trace, parents[i], NULL, &names);
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                STRV_FOREACH(name, names) {
                        _cleanup_free_ char *directory = path_join(parents[i], *name);

                        if (!directory)
                                return -ENOMEM;
                        if (strv_contains(versions, *name))
                                continue;
                        r = looks_like_kernel(source, trace, directory);
                        if (r < 0)
                                return r;
                        if (r > 0 && strv_extend(&versions, *name) < 0)
                                return -ENOMEM;
                }
        }
        if (!versions) {
                versions = calloc(1, sizeof(char *));
                if (!versions)
                        return -ENOMEM;
        }
        qsort(versions, strv_length(versions), sizeof(char *), newest_first);
        *ret = TAKE_PTR(versions);
        return 0;
}

Kernel *kernel_free(Kernel *kernel) {
        if (!kernel)
                return NULL;
        free(kernel->version);
        free(kernel->directory);
        free(kernel->image);
        free(kernel->config);
        free(kernel->config_path);
        free(kernel);
        return NULL;
}

int kernel_find_directory(Source *source, Trace *trace, const char *version, char **ret) {
        int r = -ENOENT;

        if (!filename_is_valid(version))
                return -ENOENT;
        for (size_t i = 0; i < ELEMENTSOF(parents); i++) {
                _cleanup_free_ char *path = path_join(parents[i], version), *canonical = NULL;
                struct stat st;

                if (!path)
                        return -ENOMEM;
                r = source_resolve(source, trace, path, &canonical, &st, NULL);
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                if (!S_ISDIR(st.st_mode))
                        return -ENOTDIR;
                *ret = TAKE_PTR(canonical);
                return 0;
        }
        return r;
}

/* The first that can be read. An unreadable one is as good as none: the options are then not
 * known, and who needs one says so. */
static int find_config(Source *source, Trace *trace, Kernel *k) {
        char *candidates[3] = {};
        int r = 0;

        if (str_printf(&candidates[0], "%s/config", k->directory) < 0 ||
            str_printf(&candidates[1], "/boot/config-%s", k->version) < 0 ||
            str_printf(&candidates[2], "%s/build/.config", k->directory) < 0)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(candidates) && !k->config; i++) {
                r = source_read(source, trace, candidates[i], &k->config, NULL);
                if (r >= 0)
                        k->config_path = TAKE_PTR(candidates[i]);
                else if (r != -ENOMEM)
                        r = 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(candidates); i++)
                free(candidates[i]);
        return r;
}

int kernel_find_image(Source *source, Trace *trace, const char *directory, const char *version,
                      char **ret) {
        char *candidates[2] = {}, *found = NULL;
        int r = 0;

        if (str_printf(&candidates[0], "%s/vmlinuz", directory) < 0 ||
            str_printf(&candidates[1], "/boot/vmlinuz-%s", version) < 0)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(candidates) && !found; i++) {
                r = source_exists(source, trace, candidates[i]);
                if (r > 0)
                        found = TAKE_PTR(candidates[i]);
                else if (r != -ENOMEM)
                        r = 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(candidates); i++)
                free(candidates[i]);
        if (r < 0)
                return r;
        *ret = found;
        return 0;
}

int kernel_open(Source *source, Trace *trace, Report *report, const char *version, Kernel **ret) {
        _cleanup_(kernel_freep) Kernel *k = NULL;
        _cleanup_free_ char *dep = NULL;
        int r;

        k = calloc(1, sizeof(Kernel));
        if (!k || !(k->version = strdup(version)))
                return report_oom(report);
        r = kernel_find_directory(source, trace, version, &k->directory);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_NO_SUCH_KERNEL, r, NULL, 0,
                                   "There is no kernel %s in /lib/modules (%s)", version,
                                   strerror(-r));
        dep = path_join(k->directory, "modules.dep");
        if (!dep)
                return report_oom(report);
        r = source_exists(source, trace, dep);
        if (r == 0)
                r = -ENOENT;
        if (r < 0)
                return report_fail(report, FAILURE_KERNEL_INCOMPLETE, r, dep, 0,
                                   "The index of the drivers of kernel %s can't be read (%s); run "
                                   "\"depmod -a %s\"",
                                   version, strerror(-r), version);
        if (find_config(source, trace, k) < 0 ||
            kernel_find_image(source, trace, k->directory, version, &k->image) < 0)
                return report_oom(report);
        *ret = TAKE_PTR(k);
        return 0;
}

KernelOption kernel_option(const Kernel *kernel, const char *option) {
        size_t n = strlen(option);

        if (!kernel->config)
                return KERNEL_OPTION_UNKNOWN;
        for (const char *line = kernel->config; line; line = strchr(line, '\n')) {
                const char *p;

                if (*line == '\n')
                        line++;
                p = startswith(line, "CONFIG_");
                if (!p || strncmp(p, option, n) != 0 || p[n] != '=')
                        continue;
                p += n + 1;
                if (p[0] == 'm' || p[0] == 'n')
                        return p[0] == 'm' ? KERNEL_OPTION_MODULE : KERNEL_OPTION_NO;
                return KERNEL_OPTION_YES; /* a number or a string is set, too */
        }
        return KERNEL_OPTION_NO; /* "# CONFIG_X is not set", or hidden by one that isn't */
}

/* Which kernel of an INSTALL_MOD_PATH: the one that was asked for, or the only one. */
static int choose_version(Source *tree, Report *report, const char *directory, const char *version,
                          char **ret) {
        _cleanup_strv_free_ char **versions = NULL;
        _cleanup_free_ char *names = NULL;
        const char *chosen = version;
        int r;

        r = kernel_list(tree, NULL, &versions);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_NO_SUCH_KERNEL, r, directory, 0,
                                   "Can't be searched for a kernel: %s", strerror(-r));
        if (!version && strv_length(versions) > 1) {
                names = strv_join(versions, ", ");
                return report_fail(report, FAILURE_NO_SUCH_KERNEL, -ENOTUNIQ, directory, 0,
                                   "There is more than one kernel, say which of them: %s",
                                   names ? names : "");
        }
        if (!version)
                chosen = versions[0];
        if (!chosen || !strv_contains(versions, chosen))
                return report_fail(report, FAILURE_NO_SUCH_KERNEL, -ENOENT, directory, 0,
                                   "There is no kernel%s%s, neither modules.order here nor "
                                   "lib/modules/VERSION below it",
                                   version ? " " : "", version ? version : "");
        *ret = strdup(chosen);
        return *ret ? 0 : report_oom(report);
}

/* Where a kernel of that tree lies on the running system, without links. */
static int locate(Source *tree, const char *version, char **ret) {
        _cleanup_free_ char *canonical = NULL;
        int r;

        r = kernel_find_directory(tree, NULL, version, &canonical);
        if (r < 0)
                return r;
        *ret = path_join(source_root(tree), canonical);
        return *ret ? 0 : -ENOMEM;
}

int kernel_bind_directory(Source *source, Report *report, const char *directory,
                          const char *version, char **ret_version) {
        _cleanup_(source_freep) Source *tree = NULL;
        _cleanup_free_ char *chosen = NULL, *from = NULL, *at = NULL;
        int r;

        if (version && !filename_is_valid(version))
                return report_fail(report, FAILURE_NO_SUCH_KERNEL, -EINVAL, NULL, 0,
                                   "\"%s\" can't be the version of a kernel", version);
        r = source_new(&tree, directory);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_NO_SUCH_KERNEL, r, directory, 0,
                                   "The directory of the kernel can't be opened: %s",
                                   strerror(-r));
        r = looks_like_kernel(tree, NULL, "/");
        if (r > 0) {
                chosen = strdup(version ? version : path_basename(source_root(tree)));
                from = strdup(source_root(tree));
                if (!chosen || !from)
                        return report_oom(report);
                if (!filename_is_valid(chosen))
                        return report_fail(report, FAILURE_NO_SUCH_KERNEL, -EINVAL, directory, 0,
                                           "The directory's name is no version, say which it is");
        } else {
                r = choose_version(tree, report, directory, version, &chosen);
                if (r < 0)
                        return r;
                r = locate(tree, chosen, &from);
                if (r < 0)
                        return report_fail(report, FAILURE_NO_SUCH_KERNEL, r, directory, 0,
                                           "The kernel %s can't be opened: %s", chosen,
                                           strerror(-r));
        }
        at = path_join("/usr/lib/modules", chosen);
        if (!at)
                return report_oom(report);
        r = source_bind(source, at, from);
        if (r < 0)
                return report_fail(report, FAILURE_NO_SUCH_KERNEL, r, from, 0,
                                   "The kernel's directory can't be used: %s", strerror(-r));
        *ret_version = TAKE_PTR(chosen);
        return 0;
}
