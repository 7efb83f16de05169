/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A collection that is read back, once as it is and once with checksums that hold: its own, of the
 * strings, and those of the trace and the manifest in it. Whatever is accepted must be written again
 * as the very bytes it came from.
 */

#include <xxhash.h>

#include "collect/collection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As collection.c has it. */
typedef struct Header {
        char magic[8];
        uint64_t trace_size, manifest_size, strings_size, checksum;
} Header;

static void read_back(const char *data, size_t size) {
        _cleanup_(collection_freep) Collection *c = NULL;
        _cleanup_free_ char *again = NULL;
        size_t n;
        int r;

        r = collection_deserialize(data, size, &c);
        if (r < 0) {
                if (r != -EBADMSG && r != -ENOMEM)
                        abort();
                return;
        }
        if (collection_serialize(c, &again, &n) >= 0 && (n != size || memcmp(again, data, n) != 0))
                abort();
}

/* Of a part of `size` bytes, the sum of all that begins at `body`, at `at`. */
static void sum(char *part, uint64_t size, size_t at, size_t body) {
        XXH64_hash_t hash;

        if (size < body)
                return;
        hash = XXH3_64bits(part + body, size - body);
        memcpy(part + at, &hash, sizeof(hash));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = malloc(size + 1);
        Header h;
        char *p;

        if (!copy)
                return 0;
        memcpy(copy, data, size);
        read_back(copy, size);
        if (size < sizeof(h))
                return 0;
        memcpy(&h, copy, sizeof(h));
        size -= sizeof(h);
        if (h.trace_size > size || h.manifest_size > size - h.trace_size)
                return 0;
        p = copy + sizeof(h);
        sum(p, h.trace_size, 8, 16);
        p += h.trace_size;
        sum(p, h.manifest_size, 16, 24);
        p += h.manifest_size;
        h.strings_size = size - h.trace_size - h.manifest_size;
        h.checksum = XXH3_64bits(p, h.strings_size);
        memcpy(copy, &h, sizeof(h));
        read_back(copy, size + sizeof(h));
        return 0;
}
