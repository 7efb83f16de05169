/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "job-protocol.h"
#include "json-text.h"
#include "remove.h"
#include "string-util.h"
#include "worker.h"

int run_remove(const json_t *request, Report *report) {
        _cleanup_strv_free_ char **removed = NULL;
        RemoveOptions options = {
                .root = request_string(request, "root"),
                .store = request_string(request, "store"),
        };
        int r;

        r = request_need(request, report, "kernel", &options.kernel);
        if (r >= 0)
                r = request_need(request, report, "profile", &options.profile);
        if (r >= 0)
                r = request_need(request, report, "path", &options.path);
        if (r >= 0)
                r = remove_image(&options, report, &removed);
        if (r < 0)
                return send_failure(report);
        send_report(json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "type", JOB_REPORT_RESULT,
                              "result", JOB_RESULT_DONE, "kernel", json_text(options.kernel),
                              "profile", json_text(options.profile), "path",
                              json_text(options.path), "removed", json_texts(removed)));
        return EXIT_STATUS_DONE;
}
