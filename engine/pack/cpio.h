/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The cpio "newc" format as the kernel reads it.
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c.
 *
 * An entry is, in this order:
 *   1. a header of 110 bytes: "070701" and 13 numbers of 8 upper-case hexadecimal digits: ino,
 *      mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize,
 *      check;
 *   2. the name and a NUL byte, filled with NUL to a multiple of 4;
 *   3. the content (of a link its target), filled with NUL to a multiple of 4.
 * Both an archive that is not compressed and whatever stands behind it (compressed or not) begin at
 * a multiple of 4 in an image: else "invalid magic at start of compressed archive" or "broken
 * padding", and the rest is lost.
 * "TRAILER!!!" as a name ends an archive and makes the kernel forget its hard links. "070702" is
 * the same with a sum of the content's bytes in check.
 */

#include <sys/types.h>

#include "macro.h"

typedef struct CpioWriter {
        char *data;
        size_t size, allocated;
        uint32_t ino; /* of the last entry; counts up */
} CpioWriter;
void cpio_writer_done(CpioWriter *w);
/* Where it is known how large the archive will be: nothing is copied while it grows. 0 or -ENOMEM. */
int cpio_writer_reserve(CpioWriter *w, uint64_t size);

/* Names are relative ("usr/bin/x"), owner and group 0, mtime 0, nlink 1 (2 for directories).
 * -EFBIG for content of 4 GiB and more, -ENAMETOOLONG over PATH_MAX (of a name or a target),
 * -EINVAL for an empty or absolute name, the trailer's name, an empty target, a node that is none
 * or whose numbers the kernel can't hold; -ENOMEM. Nothing is written then. */
int cpio_write_directory(CpioWriter *w, const char *name, mode_t mode);
int cpio_write_symlink(CpioWriter *w, const char *name, const char *target);
/* A file of `size` bytes; gives where to put them (borrowed until the next call; zeroed padding is
 * in place). */
int cpio_write_file(CpioWriter *w, const char *name, mode_t mode, size_t size, char **ret_content);
int cpio_write_node(CpioWriter *w, const char *name, mode_t mode, unsigned major, unsigned minor);
int cpio_write_trailer(CpioWriter *w);

/* An entry as it is read. Strings are valid during the call. */
typedef struct CpioEntry {
        const char *name; /* as it stands, also with a leading "/" or "./" */
        uint64_t offset; /* of its header in the decoded archive stream */
        uint32_t ino, mode, uid, gid, nlink, mtime;
        uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
        uint64_t size; /* of the content; a hard link may have it in another entry */
        const char *target; /* of a symlink */
} CpioEntry;

/* An entry as it was read from another archive, or of a file of any owner: its inode number, which
 * makes hard links, is the caller's business. Gives where `size` bytes of content go, as
 * cpio_write_file(). */
int cpio_write_entry(CpioWriter *w, const CpioEntry *entry, char **ret_content);

/* A negative errno from any of them ends the reading with it. Each may be NULL. */
typedef struct CpioHandlers {
        int (*on_entry)(void *userdata, const CpioEntry *entry);
        int (*on_content)(void *userdata, const void *data, size_t size); /* of the last entry */
        int (*on_trailer)(void *userdata, uint64_t offset);
        /* An entry that the kernel passes over without a word: a name that is empty or over
         * PATH_MAX with its NUL byte, a target over PATH_MAX, content of what is no file. */
        int (*on_skipped)(void *userdata, uint64_t offset);
} CpioHandlers;

/* Reads archives from bytes that come in pieces of any size; keeps no more than a name and a link
 * target (PATH_MAX each) in memory. */
typedef struct CpioReader CpioReader;
int cpio_reader_new(CpioReader **ret, const CpioHandlers *handlers, void *userdata);
CpioReader *cpio_reader_free(CpioReader *r);
DEFINE_CLEANUP_FUNC(CpioReader *, cpio_reader_free);
/* -EBADMSG where the kernel would stop: no magic, a bad number, a name without its NUL byte, a bad
 * sum; `070707` too. After a trailer, and between entries, any number of NUL bytes is skipped.
 * Each later call gives the same error. */
int cpio_reader_feed(CpioReader *r, const void *data, size_t size);
/* At the end of the stream: -ENODATA inside an entry. */
int cpio_reader_finish(CpioReader *r);
/* How far it read, for messages: the offset in the stream of what is not understood. That is the
 * start of an entry that is broken; or, where no entry begins, the byte that is there instead:
 * cpio_reader_at_boundary() then, and in an image another segment may begin there. */
uint64_t cpio_reader_offset(const CpioReader *r);
/* Whether it stands between entries (where a segment may end). */
bool cpio_reader_at_boundary(const CpioReader *r);
