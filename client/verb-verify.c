/* SPDX-License-Identifier: GPL-2.0-or-later */

/* verify: whether an image would boot, and what is missing if not. A line for each thing. */

#include <stdio.h>

#include "client.h"
#include "image-argument.h"
#include "image/verify-file.h"
#include "source/source.h"

typedef struct Findings {
        const char *image;
        json_t *array; /* NULL: to standard output as they come */
} Findings;

static int on_finding(void *userdata, const Finding *finding) {
        const char *path = finding->path, *step = boot_step_to_string(finding->step);
        Findings *f = userdata;
        json_t *object;

        if (!f->array) {
                printf("[%s] %s: %s.\n", step, path ?: f->image, finding->message);
                return 0;
        }
        object = json_pack("{s:s, s:o, s:o}", "step", step, "path",
                           path ? json_path(path) : json_null(), "message",
                           json_path(finding->message));
        return json_array_append_new(f->array, object) < 0 ? -ENOMEM : 0;
}

const char *arg_kernel;

/* The kernel that --kernel= names, of the system or of --kernel-dir=. 0, or an exit status. */
static int open_kernel(Source **ret_source, Kernel **ret) {
        Report report = REPORT_INIT;
        char *version = NULL;
        int r, status = 0;

        r = source_new(ret_source, arg_root ?: "/");
        if (r < 0)
                r = report_fail(&report, FAILURE_CONFIG_INVALID, r, arg_root, 0,
                                "The root can't be opened: %s", strerror(-r));
        if (r >= 0 && arg_kernel_dir)
                r = kernel_bind_directory(*ret_source, &report, arg_kernel_dir, arg_kernel,
                                          &version);
        if (r >= 0)
                r = kernel_open(*ret_source, NULL, &report, arg_kernel, ret);
        if (r < 0)
                status = say_failure(&report);
        report_done(&report);
        free(version);
        return status;
}

int verb_verify(int argc, char *argv[]) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        Findings f = {};
        int r;

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        if (arg_kernel) {
                r = open_kernel(&source, &kernel);
                if (r != 0)
                        return r;
        }
        f.image = path;
        if (arg_json != JSON_MODE_OFF)
                f.array = json_array();
        r = verify_file(image, kernel, on_finding, &f);
        if (r < 0) {
                say("%s: The image can't be verified: %s", path, strerror(-r));
                json_decref(f.array);
                return EXIT_STATUS_FAILED;
        }
        if (f.array) {
                int status = give_json(json_pack("{s:o, s:b, s:o}", "image", json_path(path),
                                                 "boots", r == 0, "findings", f.array));

                return status != EXIT_STATUS_DONE ? status : r > 0 ? EXIT_STATUS_FAILED : status;
        }
        if (r == 0 && !arg_quiet)
                printf("%s: It would boot.\n", path);
        return r > 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
}
