/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <sys/utsname.h>
#include <unistd.h>

#include "client.h"
#include "path-util.h"
#include "request.h"
#include "string-util.h"

/* A path of the command line is relative to where we are, not to where a worker is. */
static int absolute(const char *path, char **ret) {
        _cleanup_free_ char *cwd = NULL;

        if (!path)
                return 0;
        if (*path == '/')
                *ret = strdup(path);
        else {
                cwd = getcwd(NULL, 0);
                if (!cwd)
                        return -errno;
                *ret = path_join(cwd, path);
        }
        return *ret ? 0 : -ENOMEM;
}

void request_done(Request *q) {
        free(q->root);
        free(q->data_dir);
        free(q->kernel_dir);
        free(q->output);
        free(q->store);
        free(q->facts);
}

static int init(Request *ret, const char *kernel, bool with_store) {
        Request q = {};
        int r = 0;

        if (with_store)
                r = arg_store ? absolute(arg_store, &q.store) : default_store(&q.store);
        if (r == -ENOENT) {
                say("There is no home directory for the store; name one with --store.");
                return r;
        }
        if (r >= 0)
                r = data_directory(&q.data_dir);
        if (r >= 0)
                r = absolute(arg_output, &q.output);
        if (r >= 0)
                r = absolute(arg_root, &q.root);
        if (r >= 0)
                r = absolute(arg_kernel_dir, &q.kernel_dir);
        if (r >= 0)
                r = absolute(arg_facts, &q.facts);
        if (r < 0) {
                say("The current directory can't be told: %s", strerror(-r));
                request_done(&q);
                return r;
        }
        q.options = (BuildOptions) {
                .root = q.root,
                .data_dir = q.data_dir,
                .kernel = kernel,
                .kernel_dir = q.kernel_dir,
                .profile = arg_profile,
                .output = q.output,
                .store = q.store,
                .facts = q.facts,
                .settings = arg_settings,
                .force = arg_force,
                .best = arg_best,
                .threads = arg_threads,
        };
        *ret = q;
        return 0;
}

int request_init(Request *ret, const char *kernel) {
        return init(ret, kernel, true);
}

int request_init_for_service(Request *ret) {
        return init(ret, NULL, false);
}

/* --kernel-dir has one kernel, or the command line must say which. */
static int kernel_of_directory(Source *source, char ***ret) {
        Report report = REPORT_INIT;
        char *version;
        int r;

        r = kernel_bind_directory(source, &report, arg_kernel_dir, NULL, &version);
        if (r < 0)
                r = say_failure(&report) == EXIT_STATUS_NOT_FOUND ? -ENOENT : r;
        else
                r = strv_consume(ret, version);
        report_done(&report);
        return r;
}

/* Those that Kernels= of the profile has. What is wrong with the configuration, the build says. */
static int keep_kernels_of_profile(Source *source, char ***kernels) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_strv_free_ char **kept = NULL;
        const Profile *profile;
        Report report = {};
        int r;

        r = config_load(source, NULL, &report, &config);
        report_done(&report);
        profile = r >= 0 ? config_find_profile(config, arg_profile ?: "default") : NULL;
        if (!profile || strv_length(profile->kernels) == 0)
                return r == -ENOMEM ? r : 0;
        STRV_FOREACH(kernel, *kernels)
                if (profile_has_kernel(profile, *kernel)) {
                        r = strv_extend(&kept, *kernel);
                        if (r < 0)
                                return r;
                }
        strv_free(*kernels);
        *kernels = TAKE_PTR(kept);
        return 0;
}

int choose_kernels(bool all, char ***ret) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_strv_free_ char **kernels = NULL;
        struct utsname u;
        int r;

        r = source_new(&source, arg_root ?: "/");
        if (r >= 0 && arg_kernel_dir)
                return kernel_of_directory(source, ret);
        if (r >= 0)
                r = kernel_list(source, NULL, &kernels);
        if (r < 0) {
                say("The kernels of %s can't be listed: %s", arg_root ?: "/", strerror(-r));
                return r;
        }
        if (!kernels || !kernels[0]) {
                say("There is no kernel below %s/lib/modules.", arg_root ?: "");
                return -ENOENT;
        }
        r = keep_kernels_of_profile(source, &kernels);
        if (r < 0)
                return r;
        if (!kernels) {
                say("No kernel is one of Kernels= in profile %s.", arg_profile ?: "default");
                return -ENOENT;
        }
        if (all) {
                *ret = TAKE_PTR(kernels);
                return 0;
        }
        if (!arg_root && uname(&u) >= 0 && strv_contains(kernels, u.release))
                return strv_extend(ret, u.release);
        return strv_extend(ret, kernels[0]);
}
