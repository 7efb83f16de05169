/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fragments begin and end at multiples of 4096, so a file system that can share blocks between
 * files (btrfs, xfs) does so and writes nothing. Elsewhere they are copied from the page cache, and
 * the disk is set to work at once, so that the fsync at the end finds little to do.
 */

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/assemble.h"

typedef struct Assembly {
        Target *target;
        Report *report;
        uint64_t offset;
        bool no_clone; /* this file system can't */
        TargetMark *marks;
        size_t n_marks, allocated_marks;
} Assembly;

static int add_mark(Assembly *a, const void *data) {
        if (!GREEDY_REALLOC(a->marks, a->allocated_marks, a->n_marks + 1))
                return report_oom(a->report);
        a->marks[a->n_marks] = (TargetMark) { .offset = a->offset };
        memcpy(a->marks[a->n_marks++].magic, data, sizeof(a->marks->magic));
        return 0;
}

static int write_data(Assembly *a, const void *data, size_t size) {
        int fd = target_fd(a->target), r;

        r = add_mark(a, data);
        if (r < 0)
                return r;
        if (lseek(fd, (off_t) a->offset, SEEK_SET) < 0)
                return target_write_failed(a->target, a->report, -errno);
        r = fd_write_all(fd, data, size);
        if (r < 0)
                return target_write_failed(a->target, a->report, r);
        (void) sync_file_range(fd, (off_t) a->offset, (off_t) size, SYNC_FILE_RANGE_WRITE);
        a->offset += size;
        return 0;
}

/* 1 when the blocks are shared now, 0 when they can't be. */
static int clone_blocks(Assembly *a, int fd, uint64_t size) {
        struct file_clone_range range = {
                .src_fd = fd,
                .src_length = size,
                .dest_offset = a->offset,
        };

        if (a->no_clone || ioctl(target_fd(a->target), FICLONERANGE, &range) < 0) {
                a->no_clone = true;
                return 0;
        }
        return 1;
}

/* The bytes are in both files now; the mark is read from the one that is in the page cache. */
static int mark_cloned(Assembly *a, const Fragment *f) {
        char magic[sizeof(a->marks->magic)];
        ssize_t n = pread(f->fd, magic, sizeof(magic), 0);

        if (n != (ssize_t) sizeof(magic))
                return target_write_failed(a->target, a->report, n < 0 ? -errno : -EIO);
        return add_mark(a, magic);
}

static int write_stored(Assembly *a, const Fragment *f) {
        void *p;
        int r;

        if (clone_blocks(a, f->fd, f->stored.size) > 0) {
                r = mark_cloned(a, f);
                a->offset += f->stored.size;
                return r;
        }
        p = mmap(NULL, f->stored.size, PROT_READ, MAP_PRIVATE, f->fd, 0);
        if (p == MAP_FAILED)
                return target_write_failed(a->target, a->report, -errno);
        r = write_data(a, p, f->stored.size);
        munmap(p, f->stored.size);
        return r;
}

static int write_fragment(Assembly *a, const Fragment *f) {
        return f->data ? write_data(a, f->data, f->stored.size) : write_stored(a, f);
}

static int assemble_all(Assembly *a, const Fragments *fragments, Packer *packer,
                        describe_t describe, void *userdata) {
        _cleanup_free_ char *description = NULL;
        uint64_t bound = 0, size = 0;
        size_t description_size;
        bool early;
        int r;

        /* A segment is never much larger than what is in it, the description never very large. */
        for (size_t i = 0; i < fragments->n; i++)
                bound += fragments->fragments[i]->raw_size +
                         fragments->fragments[i]->raw_size / 64 + 3 * FRAGMENT_ALIGN;
        bound += 16 * 1024 * 1024;
        early = target_has_room(a->target, bound);
        if (early) {
                r = target_begin(a->target, a->report, bound);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < fragments->n; i++) {
                r = packer_wait(packer, i);
                if (r >= 0 && early)
                        r = write_fragment(a, fragments->fragments[i]);
                if (r < 0)
                        return r;
                size += fragments->fragments[i]->stored.size;
        }
        r = describe(userdata, &description, &description_size);
        if (r < 0)
                return report_fail(a->report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "What the image says of itself can't be packed: %s",
                                   strerror(-r));
        if (!early) {
                r = target_begin(a->target, a->report, size + description_size);
                for (size_t i = 0; i < fragments->n && r >= 0; i++)
                        r = write_fragment(a, fragments->fragments[i]);
                if (r < 0)
                        return r;
        }
        return write_data(a, description, description_size);
}

int assemble(Target *target, Report *report, const Fragments *fragments, Packer *packer,
             describe_t describe, void *userdata, uint64_t *ret_size) {
        Assembly a = { .target = target, .report = report };
        int r;

        r = assemble_all(&a, fragments, packer, describe, userdata);
        if (r >= 0) {
                report_progress(report, STAGE_INSTALL, 95, NULL);
                r = target_commit(target, report, a.offset, a.marks, a.n_marks);
        }
        free(a.marks);
        if (r < 0)
                return r;
        *ret_size = a.offset;
        return 0;
}
