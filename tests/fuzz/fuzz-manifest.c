/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is read back, once as it is and once with a checksum that holds, since no mutation would
 * ever find one. Whatever is accepted must be written again as the very bytes it came from.
 */

#include <stdio.h>
#include <xxhash.h>

#include "collect/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKSUM_AT = 16, BODY_AT = 24 };

static void read_back(const char *data, size_t size) {
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_free_ char *again = NULL;
        size_t n;

        if (manifest_deserialize(data, size, &m) < 0)
                return;
        if (manifest_serialize(m, &again, &n) < 0)
                return;
        if (n != size || memcmp(again, data, n) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = malloc(size + 1);

        if (!copy)
                return 0;
        memcpy(copy, data, size);
        read_back(copy, size);
        if (size >= BODY_AT) {
                XXH64_hash_t hash = XXH3_64bits(copy + BODY_AT, size - BODY_AT);

                /* On disk it is little-endian; the corpus is, too, so a big-endian machine merely
                 * sees less of it. */
                memcpy(copy + CHECKSUM_AT, &hash, sizeof(hash));
                read_back(copy, size);
        }
        return 0;
}
