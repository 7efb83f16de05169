/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The record of an image that is read back, once as it is and once with a checksum that holds.
 * Whatever is accepted must be written again as the very bytes it came from.
 */

#include "image/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKSUM_AT = 8, BODY_AT = 16 };

static void read_back(const char *data, size_t size) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        _cleanup_free_ char *again = NULL;
        size_t n;
        int r;

        r = image_record_deserialize(data, size, &record);
        if (r < 0) {
                if (r != -EBADMSG && r != -ENOMEM)
                        abort();
                return;
        }
        if (image_record_serialize(record, &again, &n) >= 0 &&
            (n != size || memcmp(again, data, n) != 0))
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

                memcpy(copy + CHECKSUM_AT, &hash, sizeof(hash));
                read_back(copy, size);
        }
        return 0;
}
