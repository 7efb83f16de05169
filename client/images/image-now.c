/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <sys/stat.h>

#include "client.h"
#include "image-now.h"
#include "string-util.h"

/* The mode of the image, unless the command line or the profile's own word is asked for. */
static int add_mode(const Described *d) {
        _cleanup_free_ char *setting = NULL;

        STRV_FOREACH(s, arg_settings)
                if (startswith(*s, "Mode="))
                        return 0;
        if (str_printf(&setting, "Mode=%s", d->mode) < 0)
                return -ENOMEM;
        return strv_extend(&arg_settings, setting);
}

int image_now_init(ImageNow *now, const Described *d, bool quiet) {
        int r;

        *now = (ImageNow) { .report = REPORT_INIT };
        if (quiet)
                now->report = (Report) {};
        if (add_mode(d) < 0 || request_init(&now->request, d->kernel) < 0)
                return EXIT_STATUS_FAILED;
        if (!now->request.options.profile)
                now->request.options.profile = d->profile;
        r = build_new(&now->build, &now->request.options, &now->report);
        if (r >= 0)
                r = build_open(now->build);
        if (r >= 0)
                r = build_plan(now->build);
        if (r >= 0)
                r = build_collect(now->build);
        if (r >= 0)
                return 0;
        r = quiet ? EXIT_STATUS_FAILED : say_failure(&now->report);
        if (!quiet && !arg_root && !arg_kernel_dir &&
            now->report.failure.kind == FAILURE_NO_SUCH_KERNEL)
                say("If the image is of another system, --root= or --kernel-dir= names it.");
        image_now_done(now);
        return r;
}

void image_now_done(ImageNow *now) {
        build_free(now->build);
        request_done(&now->request);
        report_done(&now->report);
}

void image_now_hint(const ImageNow *now, const char *path) {
        _cleanup_free_ char *output = NULL;
        struct stat a, b;

        if (arg_quiet || arg_root || arg_facts || build_output_path(now->build, &output) < 0 ||
            (stat(path, &a) >= 0 && stat(output, &b) >= 0 && a.st_dev == b.st_dev &&
             a.st_ino == b.st_ino))
                return;
        say("This was told by a build for this machine; if %s is an image of another, --root= or "
            "--facts= names that.",
            path);
}
