/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fragments begin and end at multiples of 4096, so a file system that can share blocks between
 * files (btrfs, xfs) does so and writes nothing. Elsewhere large ones go from the page cache of the
 * store to the disk without being copied into that of the image, which nobody reads before the next
 * start (O_DIRECT: a third of the CPU time of a build with one change was copying). Small ones would
 * each wait for the disk: they are copied, and the disk is set to work at once, so that the fsync at
 * the end finds little to do.
 */

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/assemble.h"

#define DIRECT_MIN ((size_t) 256 * 1024)

typedef struct Assembly {
        Target *target;
        Report *report;
        uint64_t offset;
        bool no_clone, no_direct; /* this file system can't */
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

static int write_bytes(Assembly *a, const void *data, size_t size) {
        int fd = target_fd(a->target), r;

        if (lseek(fd, (off_t) a->offset, SEEK_SET) < 0)
                return target_write_failed(a->target, a->report, -errno);
        r = fd_write_all(fd, data, size);
        if (r < 0)
                return target_write_failed(a->target, a->report, r);
        (void) sync_file_range(fd, (off_t) a->offset, (off_t) size, SYNC_FILE_RANGE_WRITE);
        a->offset += size;
        return 0;
}

static int write_data(Assembly *a, const void *data, size_t size) {
        int r = add_mark(a, data);

        return r < 0 ? r : write_bytes(a, data, size);
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

static bool set_direct(int fd, bool on) {
        int flags = fcntl(fd, F_GETFL);

        return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) >= 0;
}

/* How much of it went to the disk uncopied, from its beginning: all, or where the file system would
 * not go on. What is wrong there, the ordinary way finds out. */
static size_t write_direct(Assembly *a, const char *data, size_t size) {
        int fd = target_fd(a->target);
        size_t done = 0;

        if (a->no_direct || size < DIRECT_MIN || !set_direct(fd, true))
                return 0;
        while (done < size) {
                ssize_t n = pwrite(fd, data + done, size - done, (off_t) (a->offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        a->no_direct = true;
                        break;
                }
                done += (size_t) n;
        }
        if (!set_direct(fd, false))
                a->no_direct = true;
        return done;
}

static int write_mapped(Assembly *a, const char *data, size_t size) {
        size_t done;
        int r;

        r = add_mark(a, data);
        if (r < 0)
                return r;
        done = write_direct(a, data, size);
        a->offset += done;
        return done < size ? write_bytes(a, data + done, size - done) : 0;
}

static int write_stored(Assembly *a, const Fragment *f) {
        void *p;
        int r;

        p = mmap(NULL, f->stored.size, PROT_READ, MAP_PRIVATE, f->fd, 0);
        if (p == MAP_FAILED)
                return target_write_failed(a->target, a->report, -errno);
        if (clone_blocks(a, f->fd, f->stored.size) > 0) {
                r = add_mark(a, p);
                a->offset += f->stored.size;
        } else
                r = write_mapped(a, p, f->stored.size);
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
