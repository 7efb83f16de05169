/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A trace that is read back, once as it is and once with a checksum that holds. Whatever is accepted
 * must be written again as the very bytes it came from, and bear being used.
 */

#include <xxhash.h>

#include "source/trace.h"
#include "string-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKSUM_AT = 8, BODY_AT = 16 };

static void read_back(const char *data, size_t size) {
        _cleanup_(trace_freep) Trace *trace = NULL, *merged = NULL;
        _cleanup_strv_free_ char **directories = NULL;
        _cleanup_free_ char *again = NULL;
        size_t n;
        int r;

        r = trace_deserialize(data, size, &trace);
        if (r < 0) {
                if (r != -EBADMSG && r != -ENOMEM)
                        abort();
                return;
        }
        if (trace_serialize(trace, &again, &n) >= 0 && (n != size || memcmp(again, data, n) != 0))
                abort();
        if (trace_new(&merged) >= 0 && trace_merge(merged, trace) >= 0 &&
            trace_size(merged) > trace_size(trace))
                abort();
        (void) trace_directories(trace, &directories);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = malloc(size + 1);

        if (!copy)
                return 0;
        memcpy(copy, data, size);
        read_back(copy, size);
        if (size >= BODY_AT) {
                XXH64_hash_t hash = XXH3_64bits(copy + BODY_AT, size - BODY_AT);

                memcpy(copy + CHECKSUM_AT, &hash, sizeof(hash));
                read_back(copy, size);
        }
        return 0;
}
