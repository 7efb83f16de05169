/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reading an image of any tool, as the kernel does: segments, each an archive that is compressed or
 * not, with NUL bytes between them. Nothing is kept: what is read is handed on as it comes.
 * Source: init/initramfs.c, unpack_to_rootfs().
 */

#include "image/uki.h"
#include "pack/compress.h"
#include "pack/cpio.h"

typedef struct Image Image;

/* Maps the file. Of a unified kernel image it is the initrd in it, and all offsets are those in
 * that. Negative errno of open() and its like, -EISDIR, -EINVAL for what is no file. */
int image_open(Image **ret, const char *path);
/* The same of a file that is open already; its position doesn't matter, and it stays the caller's. */
int image_open_fd(Image **ret, int fd);
/* The same with bytes that are in memory already; they are borrowed. */
int image_new(Image **ret, const void *data, size_t size);
/* What the initrd is a part of; NULL when it is a file of its own. Borrowed. */
const Uki *image_uki(const Image *image);
/* Bytes of it as they stand, for who copies a segment; borrowed. */
const void *image_bytes(const Image *image, uint64_t offset, uint64_t size);
Image *image_free(Image *image);
DEFINE_CLEANUP_FUNC(Image *, image_free);
uint64_t image_size(const Image *image);
/* Whether it begins with anything that the kernel knows; what follows may still be damaged. */
bool image_begins(const Image *image);

typedef struct ImageSegment {
        size_t number; /* from 0 */
        uint64_t offset; /* in the image */
        Decoder decoder;
        /* Known at its end: */
        uint64_t size; /* in the image, without what follows */
        uint64_t padding; /* NUL bytes behind it */
        uint64_t raw_size; /* unpacked */
        uint64_t n_entries;
        bool trailer; /* whether one ends it */
} ImageSegment;

/* A negative errno from any of them ends the reading with it. Each may be NULL. */
typedef struct ImageHandlers {
        int (*on_segment)(void *userdata, const ImageSegment *segment);
        /* Offsets are those in the unpacked segment. */
        int (*on_entry)(void *userdata, const ImageSegment *segment, const CpioEntry *entry);
        /* Of the last entry, `entry->size` bytes in all. */
        int (*on_content)(void *userdata, const void *data, size_t size);
        int (*on_trailer)(void *userdata, const ImageSegment *segment);
        int (*on_skipped)(void *userdata, const ImageSegment *segment, uint64_t offset);
        /* Not for one that is broken. */
        int (*on_segment_end)(void *userdata, const ImageSegment *segment);
} ImageHandlers;

/* Where the kernel would stop before the end of the image, and why. */
typedef struct ImageFault {
        const char *what; /* a part of a sentence; static. NULL: there is none */
        uint64_t offset; /* in the image; of a compressed segment that of its beginning */
        Decoder decoder; /* of that segment; _DECODER_INVALID between segments */
        uint64_t raw_offset; /* how far into what is unpacked of that segment it was good */
} ImageFault;

/*
 * Reads all segments; what stands before a fault is delivered. 0 when it came to the end or to a
 * fault, which `ret_fault` then has; a negative errno of a handler, -ENOMEM. An image with nothing
 * in it, or NUL bytes alone, has a fault.
 */
int image_read(Image *image, const ImageHandlers *handlers, void *userdata, ImageFault *ret_fault);

/* Only the segment that begins at `offset`. */
int image_read_segment(Image *image, uint64_t offset, const ImageHandlers *handlers,
                       void *userdata, ImageFault *ret_fault);

/* As a line, without a stop: "zstd segment at 4096: damaged after 512 unpacked bytes". The caller
 * frees. */
int image_fault_describe(const ImageFault *fault, char **ret);
