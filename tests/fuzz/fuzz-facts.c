/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Facts from a file of another machine. What is accepted is written, read and written again, and
 * comes out the same; what is refused has a sentence of one line that says why.
 */

#include "facts/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(facts_freep) Facts *facts = NULL, *again = NULL;
        _cleanup_free_ char *a = NULL, *b = NULL;
        _cleanup_(report_done) Report report = {};

        if (facts_from_json((const char *) data, size, &report, "facts", &facts) < 0) {
                if (report.failure.kind == FAILURE_NONE || !report.failure.message ||
                    strchr(report.failure.message, '\n'))
                        abort();
                return 0;
        }
        (void) facts_match(facts, "fs:*");
        if (facts_to_json(facts, &a) < 0 ||
            facts_from_json(a, strlen(a), &report, "facts", &again) < 0 ||
            facts_to_json(again, &b) < 0 || strcmp(a, b) != 0)
                abort();
        return 0;
}
