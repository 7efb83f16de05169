/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The image is mapped, and segments are read one after another from where the last one ended:
 *
 *   1. NUL bytes are passed over. Behind an archive that is not compressed, what follows begins
 *      at a multiple of 4; an archive that is not compressed does so anywhere.
 *   2. The first bytes say what the segment is. What is nothing known is where the kernel stops.
 *   3. The archive reader gets what is there: of a compressed segment what the decoder makes of
 *      it, of one that isn't the image itself, up to the trailer. What stands behind the trailer
 *      is another segment, though the kernel makes no difference: an early segment and one that
 *      is not compressed behind it are two things.
 *
 * A compressed segment must end between two entries. Nothing behind a fault is read: the kernel
 * does not either.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/read.h"
#include "string-util.h"

/* Pages of the file that were read are given back each time that so much was made of them. */
#define FORGET_SIZE (UINT64_C(4) << 20)
/* So many NUL bytes at most are before what an image begins with; a file that a crash left may have
 * nothing else. */
#define BEGIN_SIZE (UINT64_C(64) << 10)

struct Image {
        const uint8_t *data;
        uint64_t size;
        void *map; /* NULL: the bytes are borrowed */
        size_t map_size;
        Uki uki; /* without an initrd: it is none */
};

/* One segment on its way. */
typedef struct Reading {
        const Image *image;
        const ImageHandlers *handlers;
        void *userdata;
        ImageSegment *segment;
        CpioReader *cpio;
        uint64_t trailer; /* where one stands, in the archive */
        int handler_error; /* of a handler, or of memory: nothing that is wrong with the image */
        uint64_t since_forgotten;
} Reading;

/* Of a program that is damaged nothing is taken: what it is shows when it is read. */
static void find_initrd(Image *image) {
        if (uki_parse(image->data, image->size, &image->uki) < 0)
                return;
        image->data = image->uki.initrd.data;
        image->size = image->uki.initrd.size;
}

int image_new(Image **ret, const void *data, size_t size) {
        Image *image = malloc(sizeof(Image));

        if (!image)
                return -ENOMEM;
        *image = (Image) { .data = data, .size = size };
        if (data)
                find_initrd(image);
        *ret = image;
        return 0;
}

int image_open_fd(Image **ret, int fd) {
        _cleanup_(image_freep) Image *image = NULL;
        struct stat st;
        void *p;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        r = image_new(&image, NULL, (size_t) st.st_size);
        if (r < 0)
                return r;
        if (image->size > 0) {
                p = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, fd, 0);
                if (p == MAP_FAILED)
                        return -errno;
                image->data = image->map = p;
                image->map_size = image->size;
                find_initrd(image);
        }
        *ret = TAKE_PTR(image);
        return 0;
}

int image_open(Image **ret, const char *path) {
        _cleanup_close_ int fd = -EBADF;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return fd < 0 ? -errno : image_open_fd(ret, fd);
}

Image *image_free(Image *image) {
        if (!image)
                return NULL;
        if (image->map)
                munmap(image->map, image->map_size);
        free(image);
        return NULL;
}

uint64_t image_size(const Image *image) {
        return image->size;
}

bool image_begins(const Image *image) {
        uint64_t n = MIN_OF(image->size, BEGIN_SIZE), offset = 0;

        while (offset < n && image->data[offset] == '\0')
                offset++;
        return offset < n && decoder_detect(image->data + offset, image->size - offset) >= 0;
}

const Uki *image_uki(const Image *image) {
        return image->uki.initrd.data ? &image->uki : NULL;
}

const void *image_bytes(const Image *image, uint64_t offset, uint64_t size) {
        return offset <= image->size && size <= image->size - offset ? image->data + offset : NULL;
}

/* However large a segment is, what was read of it does not stay in memory. Nothing is lost: it is
 * still in the file, and comes back where it is looked at again. */
static void forget(Reading *r, uint64_t size) {
        const Image *image = r->image;

        r->since_forgotten += size;
        if (!image->map || r->since_forgotten < FORGET_SIZE)
                return;
        r->since_forgotten = 0;
        (void) madvise(image->map, image->map_size, MADV_DONTNEED);
}

static int remember(Reading *r, int error) {
        if (error < 0)
                r->handler_error = error;
        return error;
}

static int on_entry(void *userdata, const CpioEntry *entry) {
        Reading *r = userdata;

        r->segment->n_entries++;
        r->segment->trailer = false;
        return r->handlers->on_entry
                               ? remember(r, r->handlers->on_entry(r->userdata, r->segment, entry))
                               : 0;
}

static int on_content(void *userdata, const void *data, size_t size) {
        Reading *r = userdata;

        return r->handlers->on_content
                               ? remember(r, r->handlers->on_content(r->userdata, data, size))
                               : 0;
}

static int on_trailer(void *userdata, uint64_t offset) {
        Reading *r = userdata;
        int k = 0;

        r->segment->trailer = true;
        r->trailer = offset;
        if (r->handlers->on_trailer)
                k = remember(r, r->handlers->on_trailer(r->userdata, r->segment));
        /* Of what is not compressed this is the end. */
        return k < 0 ? k : r->segment->decoder == DECODER_CPIO ? -ECANCELED : 0;
}

static int on_skipped(void *userdata, uint64_t offset) {
        Reading *r = userdata;

        return r->handlers->on_skipped ? remember(r, r->handlers->on_skipped(r->userdata,
                                                                             r->segment, offset))
                                       : 0;
}

static int feed(void *userdata, const void *data, size_t size) {
        Reading *r = userdata;

        r->segment->raw_size += size;
        forget(r, size);
        return cpio_reader_feed(r->cpio, data, size);
}

/* A number of a header that the archive reader has understood. */
static uint64_t header_number(const uint8_t *header, size_t field) {
        char digits[9] = {};

        memcpy(digits, header + 6 + field * 8, 8);
        return strtoul(digits, NULL, 16);
}

/* Where the trailer, name and all, ends. */
static uint64_t trailer_end(const Image *image, uint64_t offset) {
        const uint8_t *header = image->data + offset;

        return offset + ALIGN_TO(UINT64_C(110) + header_number(header, 11), UINT64_C(4)) +
               ALIGN_TO(header_number(header, 6), UINT64_C(4));
}

static const char *what_of(int error) {
        switch (error) {
        case -ENODATA:
                return "cut short";
        case -EOPNOTSUPP:
                return "in a form that the kernel, or this program, can't decode";
        default:
                return "damaged";
        }
}

static int fault(const Reading *r, ImageFault *f, const char *what, uint64_t offset) {
        *f = (ImageFault) {
                .what = what,
                .offset = offset,
                .decoder = r->segment->decoder,
                .raw_offset = cpio_reader_offset(r->cpio),
        };
        return 0;
}

static int read_plain(const Image *image, Reading *r, ImageFault *ret_fault) {
        ImageSegment *s = r->segment;
        int k = 0;

        for (uint64_t at = s->offset; at < image->size && k == 0;) {
                size_t n = MIN_OF(image->size - at, FORGET_SIZE);

                k = cpio_reader_feed(r->cpio, image->data + at, n);
                forget(r, n);
                at += n;
        }
        if (r->handler_error < 0)
                return r->handler_error;
        if (k == -ECANCELED)
                s->size = MIN_OF(trailer_end(image, s->offset + r->trailer), image->size) -
                          s->offset;
        else {
                /* No trailer: it ends where something else begins, or the image. */
                s->size = cpio_reader_offset(r->cpio);
                if (k == -EBADMSG && cpio_reader_at_boundary(r->cpio))
                        k = 0;
                if (k == 0)
                        k = cpio_reader_at_boundary(r->cpio) ? 0 : -ENODATA;
                if (k < 0)
                        return fault(r, ret_fault, what_of(k), s->offset + s->size);
        }
        s->raw_size = s->size;
        return 0;
}

static int read_packed(const Image *image, Reading *r, ImageFault *ret_fault) {
        ImageSegment *s = r->segment;
        size_t consumed = 0;
        int k;

        k = decode_stream(s->decoder, image->data + s->offset, image->size - s->offset, feed, r,
                          &consumed);
        if (r->handler_error < 0 || k == -ENOMEM)
                return r->handler_error < 0 ? r->handler_error : k;
        if (k == 0) {
                k = cpio_reader_finish(r->cpio);
                if (k == -ENODATA)
                        return fault(r, ret_fault, "at its end inside an entry", s->offset);
        }
        if (k == 0 && consumed == 0)
                k = -EBADMSG;
        if (k < 0)
                return fault(r, ret_fault, what_of(k), s->offset);
        s->size = consumed;
        return 0;
}

static int read_one(const Image *image, ImageSegment *s, const ImageHandlers *handlers,
                    void *userdata, ImageFault *ret_fault) {
        static const CpioHandlers cpio_handlers = { on_entry, on_content, on_trailer, on_skipped };
        _cleanup_(cpio_reader_freep) CpioReader *cpio = NULL;
        Reading r = {
                .image = image,
                .handlers = handlers,
                .userdata = userdata,
                .segment = s,
        };
        uint64_t end;
        int k;

        k = cpio_reader_new(&cpio, &cpio_handlers, &r);
        if (k < 0)
                return k;
        r.cpio = cpio;
        if (handlers->on_segment) {
                k = handlers->on_segment(userdata, s);
                if (k < 0)
                        return k;
        }
        k = s->decoder == DECODER_CPIO ? read_plain(image, &r, ret_fault)
                                       : read_packed(image, &r, ret_fault);
        if (k < 0 || ret_fault->what)
                return k;
        end = s->offset + s->size;
        while (end < image->size && image->data[end] == '\0')
                end++;
        s->padding = end - s->offset - s->size;
        return handlers->on_segment_end ? handlers->on_segment_end(userdata, s) : 0;
}

/* What begins at `offset`, as the kernel sees it behind a segment that is `plain`, or not. */
static Decoder detect(const Image *image, uint64_t offset, bool plain, ImageFault *ret_fault) {
        Decoder d = decoder_detect(image->data + offset, image->size - offset);
        const char *what = NULL;

        if (d < 0 && offset == 0 && uki_begins(image->data, image->size))
                what = "a program without an initrd in it, or a damaged one";
        else if (d < 0)
                what = "nothing that the kernel knows";
        else if (offset % 4 != 0 && (plain || d == DECODER_CPIO))
                what = "a segment that does not begin at a multiple of 4";
        if (!what)
                return d;
        *ret_fault = (ImageFault) { .what = what, .offset = offset, .decoder = _DECODER_INVALID };
        return _DECODER_INVALID;
}

int image_read_segment(Image *image, uint64_t offset, const ImageHandlers *handlers,
                       void *userdata, ImageFault *ret_fault) {
        ImageSegment s = { .offset = offset };
        ImageFault f = {};
        int r = 0;

        if (offset >= image->size)
                return -EINVAL;
        s.decoder = detect(image, offset, true, &f);
        if (!f.what)
                r = read_one(image, &s, handlers, userdata, &f);
        if (r < 0)
                return r;
        *ret_fault = f;
        return 0;
}

int image_read(Image *image, const ImageHandlers *handlers, void *userdata,
               ImageFault *ret_fault) {
        ImageSegment s = { .decoder = DECODER_CPIO };
        ImageFault f = {};
        size_t n = 0;
        int r = 0;

        if (image->map)
                (void) madvise(image->map, image->map_size, MADV_SEQUENTIAL);
        while (!f.what) {
                uint64_t offset = s.offset + s.size + s.padding;
                bool plain = s.decoder == DECODER_CPIO;

                while (n == 0 && offset < image->size && image->data[offset] == '\0')
                        offset++;
                if (offset == image->size)
                        break;
                s = (ImageSegment) { .number = n, .offset = offset };
                s.decoder = detect(image, offset, plain, &f);
                if (f.what)
                        break;
                r = read_one(image, &s, handlers, userdata, &f);
                if (r < 0)
                        return r;
                n++;
        }
        if (n == 0 && !f.what)
                f = (ImageFault) { .what = "nothing at all", .decoder = _DECODER_INVALID };
        *ret_fault = f;
        return 0;
}

int image_fault_describe(const ImageFault *f, char **ret) {
        if (f->decoder < 0)
                return str_printf(ret, "at %llu there is %s", (unsigned long long) f->offset,
                                  f->what);
        if (f->decoder == DECODER_CPIO)
                return str_printf(ret, "the archive is %s at %llu", f->what,
                                  (unsigned long long) f->offset);
        return str_printf(ret, "the %s segment at %llu is %s, after %llu unpacked bytes",
                          decoder_to_string(f->decoder), (unsigned long long) f->offset, f->what,
                          (unsigned long long) f->raw_offset);
}
