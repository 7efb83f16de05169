/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The cpio reader. An input is, in this order:
 *   1. one byte: the size of the pieces to read the rest in, 0 for whole;
 *   2. the archive.
 * Read in pieces and read whole, it must come out the same.
 */

#include <limits.h>

#include "pack/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was told, in numbers that don't depend on where the pieces end. */
typedef struct Seen {
        uint64_t n_entries, n_trailers, n_skipped, n_content, hash;
} Seen;

static void mix(Seen *s, const void *data, size_t size) {
        const uint8_t *p = data;

        for (size_t i = 0; i < size; i++)
                s->hash = (s->hash ^ p[i]) * UINT64_C(0x100000001b3);
}

static int on_entry(void *userdata, const CpioEntry *e) {
        Seen *s = userdata;

        if (strlen(e->name) >= PATH_MAX || (e->target && strlen(e->target) > PATH_MAX))
                abort();
        s->n_entries++;
        mix(s, e->name, strlen(e->name));
        if (e->target)
                mix(s, e->target, strlen(e->target));
        mix(s, &e->offset, sizeof(e->offset));
        mix(s, &e->mode, sizeof(e->mode));
        return 0;
}

static int on_content(void *userdata, const void *data, size_t size) {
        Seen *s = userdata;

        s->n_content += size;
        mix(s, data, size);
        return 0;
}

static int on_trailer(void *userdata, uint64_t offset) {
        ((Seen *) userdata)->n_trailers++;
        return 0;
}

static int on_skipped(void *userdata, uint64_t offset) {
        ((Seen *) userdata)->n_skipped++;
        return 0;
}

static int read_pieces(const uint8_t *data, size_t size, size_t piece, Seen *ret,
                       uint64_t *ret_offset) {
        static const CpioHandlers handlers = { on_entry, on_content, on_trailer, on_skipped };
        _cleanup_(cpio_reader_freep) CpioReader *r = NULL;
        int k = 0;

        if (cpio_reader_new(&r, &handlers, ret) < 0)
                abort();
        for (size_t i = 0; i < size && k == 0; i += piece)
                k = cpio_reader_feed(r, data + i, MIN_OF(piece, size - i));
        if (k == 0)
                k = cpio_reader_finish(r);
        *ret_offset = cpio_reader_offset(r);
        if (*ret_offset > size)
                abort();
        return k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Seen whole = {}, pieces = {};
        uint64_t a, b;

        if (size == 0)
                return 0;
        if (read_pieces(data + 1, size - 1, size, &whole, &a) !=
                    read_pieces(data + 1, size - 1, data[0] ?: size, &pieces, &b) ||
            a != b || memcmp(&whole, &pieces, sizeof(whole)) != 0)
                abort();
        return 0;
}
