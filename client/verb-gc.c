/* SPDX-License-Identifier: GPL-2.0-or-later */

/* gc: the store is this machine's own affair; it is emptied here, and packed harder by a worker. */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "build/run-worker.h"
#include "client.h"
#include "garbage.h"
#include "job-protocol.h"
#include "path-util.h"
#include "request.h"
#include "string-util.h"
#include "table.h"

/* Exit status, and how many fragments there were. */
static int gc_recompress(const char *store, uint64_t *ret_n) {
        json_t *request, *result;
        int r;

        request = json_pack("{s:s}", "type", JOB_TYPE_RECOMPRESS);
        r = request_put(request, "store", store);
        if (r >= 0)
                r = run_worker(request, "recompress", &result);
        json_decref(request);
        if (r < 0)
                return r == -ECANCELED ? EXIT_STATUS_CANCELLED : EXIT_STATUS_FAILED;
        if (streq(json_string_value(json_object_get(result, "result")) ?: "", JOB_RESULT_FAILED))
                r = say_worker_failure(result);
        else {
                *ret_n = (uint64_t) json_integer_value(json_object_get(result, "fragments"));
                r = EXIT_STATUS_DONE;
        }
        json_decref(result);
        return r;
}

static void show_gc(const char *store, uint64_t bytes, uint64_t n) {
        char size[SIZE_TEXT_MAX];

        if (arg_quiet)
                return;
        printf("%s: %s freed\n", store, size_to_text(bytes, size));
        if (n > 0)
                printf("  %" PRIu64 " fragments packed harder; the next build that has something "
                       "to change uses them\n",
                       n);
        else if (arg_best)
                puts("  no fragment that is not packed hard already");
}

/* Another directory must not be made one. */
static bool is_store(const char *path) {
        _cleanup_free_ char *fragments = path_join(path, "fragments");

        return !fragments || access(fragments, F_OK) >= 0 || (errno != ENOENT && errno != ENOTDIR);
}

int verb_gc(int argc, char *argv[]) {
        uint64_t bytes = 0, n = 0;
        Report report = REPORT_INIT;
        Request q;
        int status = EXIT_STATUS_DONE;

        if (request_init(&q, NULL) < 0)
                return EXIT_STATUS_FAILED;
        if (!is_store(q.store)) {
                say("%s: There is no store, so there is nothing to remove.", q.store);
                request_done(&q);
                return EXIT_STATUS_DONE;
        }
        if (collect_garbage(q.store, &report, &bytes) < 0)
                status = say_failure(&report);
        if (status == EXIT_STATUS_DONE && arg_best)
                status = gc_recompress(q.store, &n);
        if (status == EXIT_STATUS_DONE)
                show_gc(q.store, bytes, n);
        request_done(&q);
        report_done(&report);
        return status;
}
