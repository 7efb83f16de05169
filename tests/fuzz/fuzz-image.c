/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A whole image: its segments, its tree, its description, and what verification looks at. */

#include "image/described.h"
#include "image/read.h"
#include "image/verify-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_finding(void *userdata, const Finding *finding) {
        if (!*finding->message || !boot_step_to_string(finding->step))
                abort();
        return 0;
}

/* Segments follow each other, and stay in the image. */
static int on_segment_end(void *userdata, const ImageSegment *s) {
        uint64_t *end = userdata;

        if (s->offset < *end || s->size == 0)
                abort();
        *end = s->offset + s->size + s->padding;
        return 0;
}

static void read_described(Image *image) {
        _cleanup_(described_freep) Described *d = NULL;
        DescribedEntry e;
        char *p;

        if (described_find(image, &d) < 0)
                return;
        p = d->manifest;
        while (described_next(&p, &e) > 0)
                if (*e.path != '/')
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const ImageHandlers handlers = { .on_segment_end = on_segment_end };
        _cleanup_(image_freep) Image *image = NULL;
        ImageFault fault;
        uint64_t end = 0;
        int r;

        if (image_new(&image, data, size) < 0)
                return 0;
        r = image_read(image, &handlers, &end, &fault);
        if (r < 0 || end > size || (!fault.what && end != size) || (fault.what && fault.offset > size))
                abort();
        read_described(image);
        r = verify_file(image, NULL, on_finding, NULL);
        if (r < 0 && r != -ENOMEM)
                abort();
        /* What has a fault never boots. */
        if (fault.what && r == 0)
                abort();
        return 0;
}
