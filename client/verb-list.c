/* SPDX-License-Identifier: GPL-2.0-or-later */

/* list: every kernel and every image on record, and whether a build would change anything. */

#include <stdio.h>
#include <sys/stat.h>

#include "client.h"
#include "request.h"
#include "string-util.h"
#include "table.h"

/* What a build of this kernel would find. NULL with a failure in the report where none would get so
 * far. */
static const char *image_state(Request *q, Report *report, const char *kernel, char **ret_path,
                               uint64_t *ret_size) {
        _cleanup_(build_freep) Build *b = NULL;
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        const char *state = NULL;
        struct stat st;
        int r;

        q->options.kernel = kernel;
        r = build_new(&b, &q->options, report);
        if (r >= 0)
                r = build_open(b);
        if (r >= 0) {
                r = build_is_current(b, &record);
                if (r > 0)
                        state = "current";
                else if (build_output_path(b, ret_path) < 0 || lstat(*ret_path, &st) < 0)
                        state = "missing";
                else {
                        *ret_size = (uint64_t) st.st_size;
                        state = build_has_record(b) ? "stale" : "foreign";
                }
                if (record) {
                        *ret_path = strdup(record->output);
                        *ret_size = record->size;
                }
        } else if (report->failure.kind == FAILURE_KERNEL_INCOMPLETE)
                state = "incomplete";
        return state;
}

int verb_list(int argc, char *argv[]) {
        static const char *const columns[] = { "KERNEL", "PROFILE", "STATE", "SIZE", "PATH" };
        _cleanup_(table_freep) Table *table = NULL;
        _cleanup_strv_free_ char **kernels = NULL;
        const char *none = arg_json == JSON_MODE_OFF ? "-" : NULL;
        int r, status = EXIT_STATUS_DONE;
        Request q;

        r = choose_kernels(true, &kernels);
        if (r < 0)
                return r == -ENOENT ? EXIT_STATUS_NOT_FOUND : EXIT_STATUS_FAILED;
        if (request_init(&q, NULL) < 0)
                return EXIT_STATUS_FAILED;
        r = table_new(&table, "images", columns, ELEMENTSOF(columns));
        if (r >= 0)
                table_set_number(table, 3);
        STRV_FOREACH(kernel, kernels) {
                _cleanup_free_ char *path = NULL;
                char size[SIZE_TEXT_MAX];
                const char *state;
                uint64_t bytes = 0;
                Report report = {};

                if (r < 0)
                        break;
                state = image_state(&q, &report, *kernel, &path, &bytes);
                if (!state) {
                        status = say_failure(&report);
                        report_done(&report);
                        break;
                }
                report_done(&report);
                r = table_add(table, (const char *[]) { *kernel, arg_profile ?: "default", state,
                                                        bytes > 0 ? table_size(bytes, size) : none,
                                                        path ?: none });
        }
        request_done(&q);
        if (status != EXIT_STATUS_DONE)
                return status;
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}
