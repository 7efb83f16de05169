/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What can be asked of an image that is there: whether it would boot, and what is in it. */

#include <stdio.h>

#include "image/described.h"
#include "image/read-tree.h"
#include "image/tree-json.h"
#include "image/verify-file.h"
#include "job-protocol.h"
#include "json-text.h"
#include "string-util.h"
#include "worker.h"

static int open_image(const json_t *request, Report *report, const char **ret_path, Image **ret) {
        int r;

        r = request_need(request, report, "path", ret_path);
        if (r < 0)
                return r;
        r = image_open(ret, *ret_path);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r == -ENOENT || r == -ENOTDIR)
                return report_fail(report, FAILURE_NO_SUCH_IMAGE, r, *ret_path, 0,
                                   "There is no such image");
        if (r == -EINVAL || r == -EISDIR)
                return report_fail(report, FAILURE_INVALID_ARGUMENT, r, *ret_path, 0,
                                   "This is no image, it is no file");
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, *ret_path, 0,
                                   "The image can't be opened: %s", strerror(-r));
        return 0;
}

static int on_finding(void *userdata, const Finding *f) {
        json_t *finding = json_pack("{s:s, s:s, s:s, s:o}", "type", JOB_REPORT_FINDING, "severity",
                                    "error", "step", boot_step_to_string(f->step), "message",
                                    json_text(f->message));
        size_t *n = userdata;

        if (f->path)
                json_object_set_new(finding, "path", json_text(f->path));
        send_report(finding);
        (*n)++;
        return 0;
}

/* An image of ours says which kernel it is for. */
static int check_kernel(Image *image, const char *kernel, size_t *n) {
        _cleanup_free_ char *text = NULL, *message = NULL;
        const char *version;
        json_t *object;
        int r;

        r = described_find_json(image, &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        object = json_loads(text, 0, NULL);
        version = json_string_value(json_object_get(object, "kernel"));
        if (version && !streq(version, kernel)) {
                r = str_printf(&message, "It is made for kernel %s and not for %s; build it again",
                               version, kernel);
                if (r >= 0)
                        r = on_finding(n, &(Finding) { BOOT_STEP_DRIVERS, NULL, message });
        }
        json_decref(object);
        return r < 0 ? r : 0;
}

int run_verify(const json_t *request, Report *report) {
        _cleanup_(image_freep) Image *image = NULL;
        const char *path, *kernel = request_string(request, "kernel");
        size_t n = 0;
        int r;

        report->stage = STAGE_VERIFY;
        r = open_image(request, report, &path, &image);
        if (r < 0)
                return send_failure(report);
        report_progress(report, STAGE_VERIFY, 0, NULL);
        r = kernel ? check_kernel(image, kernel, &n) : 0;
        if (r >= 0)
                r = verify_file(image, NULL, on_finding, &n);
        if (r < 0) {
                report_fail(report, FAILURE_BUILD_FAILED, r, path, 0,
                            "The image can't be verified: %s", strerror(-r));
                return send_failure(report);
        }
        send_report(json_pack("{s:s, s:s, s:o, s:I, s:I}", "type", JOB_REPORT_RESULT, "result",
                              JOB_RESULT_DONE, "path", json_text(path), "errors", (json_int_t) n,
                              "warnings", (json_int_t) 0));
        return EXIT_STATUS_DONE;
}

static size_t send_entries(const Tree *tree) {
        size_t n = 0;

        TREE_FOREACH(node, tree) {
                if (node->n_made == 0)
                        continue;
                send_report(json_pack("{s:s, s:o}", "type", JOB_REPORT_ENTRY, "entry",
                                      tree_node_json(node)));
                n++;
        }
        return n;
}

int run_contents(const json_t *request, Report *report) {
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_(tree_freep) Tree *tree = NULL;
        _cleanup_free_ char *text = NULL;
        ImageFault fault = {};
        const char *path;
        size_t n;
        int r;

        report->stage = STAGE_VERIFY;
        r = open_image(request, report, &path, &image);
        if (r < 0)
                return send_failure(report);
        r = image_read_tree(image, &tree, &fault);
        if (r < 0) {
                report_fail(report, FAILURE_BUILD_FAILED, r, path, 0,
                            "The image can't be read: %s", strerror(-r));
                return send_failure(report);
        }
        n = send_entries(tree);
        if (fault.what) {
                report_fail(report, FAILURE_VERIFY_FAILED, -EBADMSG, path, 0,
                            "The kernel would stop reading here: %s",
                            image_fault_describe(&fault, &text) < 0 ? fault.what : text);
                return send_failure(report);
        }
        send_report(json_pack("{s:s, s:s, s:o, s:I}", "type", JOB_REPORT_RESULT, "result",
                              JOB_RESULT_DONE, "path", json_text(path), "entries",
                              (json_int_t) n));
        return EXIT_STATUS_DONE;
}
