/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * verify: whether an image would boot, and what is missing if not. A line for each thing. Against a
 * kernel, and against what a machine needs: its facts from a file, or this one.
 */

#include <fcntl.h>
#include <stdio.h>

#include "bus/bus.h"
#include "client.h"
#include "fd-util.h"
#include "image/described.h"
#include "image/verify-file.h"
#include "images/image-argument.h"
#include "json-text.h"
#include "source/source.h"
#include "table.h"

#define FACTS_MAX 16777216

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
                           path ? json_text(path) : json_null(), "message",
                           json_text(finding->message));
        return json_array_append_new(f->array, object) < 0 ? -ENOMEM : 0;
}

const char *arg_kernel;
bool arg_this_host;

/* What the image is held against; what it borrows from comes last. */
typedef struct Against {
        VerifyAgainst is;
        Facts *facts;
        DriverTable *drivers;
        Kernel *kernel;
        Source *source;
} Against;

static void against_done(Against *a) {
        facts_free(a->facts);
        driver_table_free(a->drivers);
        kernel_free(a->kernel);
        source_free(a->source);
}

/* The kernel of a version in the system, or of --kernel-dir=. */
static int open_kernel(Against *a, const char *name, Report *report) {
        _cleanup_free_ char *version = NULL;
        int r = 0;

        if (arg_kernel_dir)
                r = kernel_bind_directory(a->source, report, arg_kernel_dir, name, &version);
        if (r >= 0)
                r = kernel_open(a->source, NULL, report, name, &a->kernel);
        if (r >= 0)
                r = driver_table_new(&a->drivers, a->source, NULL, report, a->kernel);
        return r;
}

/* The one that --kernel= names. Else, for a machine's facts, the one that the image says it is for,
 * if that is there: it tells more of the hardware, and does not need to be. */
static int find_kernel(Against *a, const Described *described, Report *report) {
        Report silent = {};
        int r;

        if (arg_kernel)
                return open_kernel(a, arg_kernel, report);
        if (!described || !a->facts)
                return 0;
        r = open_kernel(a, described->kernel, &silent);
        report_done(&silent);
        return r == -ENOMEM ? r : 0;
}

static int read_facts(Against *a, Report *report) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (arg_this_host)
                return facts_new_host(a->source, report, &a->facts);
        r = file_read_at(AT_FDCWD, arg_facts, FACTS_MAX, &text, &size);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, arg_facts, 0,
                                   "The facts can't be read: %s", strerror(-r));
        return facts_from_json(text, size, report, arg_facts, &a->facts);
}

/* An exit status. */
static int open_against(Against *a, Image *image) {
        _cleanup_(described_freep) Described *described = NULL;
        Report report = REPORT_INIT;
        int r, status = EXIT_STATUS_DONE;

        r = source_new(&a->source, arg_root ?: "/");
        if (r < 0)
                r = report_fail(&report, FAILURE_CONFIG_INVALID, r, arg_root, 0,
                                "The root can't be opened: %s", strerror(-r));
        if (r >= 0 && (arg_facts || arg_this_host))
                r = read_facts(a, &report);
        else if (r >= 0 && !source_is_host(a->source))
                r = facts_new_written(a->source, &report, &a->facts);
        if (r >= 0) {
                r = described_find(image, &described);
                r = r == -ENOMEM ? report_oom(&report) : 0;
        }
        if (r >= 0)
                r = find_kernel(a, described, &report);
        if (r < 0)
                status = say_failure(&report);
        report_done(&report);
        a->is = (VerifyAgainst) { a->kernel, a->drivers, a->facts };
        return status;
}

int verb_verify(int argc, char *argv[]) {
        _cleanup_(against_done) Against against = {};
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        Findings f = {};
        int r;

        if (arg_this_host && (arg_facts || arg_root)) {
                say("--this-host is for this machine; --facts and --root are for another.");
                return EXIT_STATUS_USAGE;
        }
        if (service_is_remote() && (arg_kernel || arg_kernel_dir || arg_this_host)) {
                say("--kernel, --kernel-dir and --this-host look at this machine; -H and -M are "
                    "for another.");
                return EXIT_STATUS_USAGE;
        }
        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        r = open_against(&against, image);
        if (r != EXIT_STATUS_DONE)
                return r;
        f.image = path;
        if (arg_json != JSON_MODE_OFF)
                f.array = json_array();
        r = verify_file(image, &against.is, on_finding, &f);
        if (r < 0) {
                say("%s: The image can't be verified: %s", path, strerror(-r));
                json_decref(f.array);
                return EXIT_STATUS_FAILED;
        }
        if (f.array) {
                int status = give_json(json_pack("{s:o, s:b, s:o}", "image", json_text(path),
                                                 "boots", r == 0, "findings", f.array));

                return status != EXIT_STATUS_DONE ? status : r > 0 ? EXIT_STATUS_FAILED : status;
        }
        if (r == 0 && !arg_quiet)
                printf("%s: It would boot%s.\n", path,
                       !against.facts               ? ""
                       : arg_facts || arg_this_host ? " that machine"
                                                    : " that system");
        return r > 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
}
