/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The bytes of an image, as they stand in its file, for somebody who may not open that. They go to a
 * descriptor that whoever started this worker has made, and that nobody else has yet.
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "job-protocol.h"
#include "json-text.h"
#include "worker.h"

#define CHUNK_BYTES ((size_t) 1024 * 1024)
/* It is in memory until the reader has let go of it. */
#define WHOLE_MAX (UINT64_C(1024) * 1024 * 1024)

static int open_file(const char *path, Report *report, struct stat *ret_st) {
        _cleanup_close_ int fd = -EBADF;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return report_fail(report, FAILURE_NO_SUCH_IMAGE, -errno, path, 0,
                                   "There is no such image");
        if (fd < 0 || fstat(fd, ret_st) < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, -errno, path, 0,
                                   "The image can't be opened: %s", strerror(errno));
        if (!S_ISREG(ret_st->st_mode))
                return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, path, 0,
                                   "This is no image, it is no file");
        return TAKE_FD(fd);
}

static int copy(int fd, off_t offset, uint64_t size, uint64_t all, Report *report) {
        _cleanup_free_ char *buffer = malloc(CHUNK_BYTES);
        uint64_t done = 0;
        ssize_t n;
        int r;

        if (!buffer)
                return -ENOMEM;
        while (done < size) {
                n = pread(fd, buffer, MIN_OF(CHUNK_BYTES, size - done), offset + (off_t) done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = fd_write_all(JOB_OUTPUT_FD, buffer, (size_t) n);
                if (r < 0)
                        return r;
                done += (uint64_t) n;
                report_progress(report, STAGE_VERIFY, (unsigned) (done * 100 / all), NULL);
        }
        return 0;
}

static bool is_unchanged(int fd, const struct stat *before) {
        struct stat st;

        return fstat(fd, &st) >= 0 && st.st_size == before->st_size &&
               st.st_mtim.tv_sec == before->st_mtim.tv_sec &&
               st.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

int run_copy(const json_t *request, Report *report) {
        json_int_t offset = json_integer_value(json_object_get(request, "offset")),
                   size = json_integer_value(json_object_get(request, "size"));
        _cleanup_close_ int fd = -EBADF;
        uint64_t all, left;
        const char *path = NULL;
        struct stat st;
        int r;

        report->stage = STAGE_VERIFY;
        fd = request_need(request, report, "path", &path);
        if (fd >= 0)
                fd = open_file(path, report, &st);
        if (fd < 0)
                return send_failure(report);
        all = (uint64_t) st.st_size;
        left = offset >= 0 && (uint64_t) offset < all ? all - (uint64_t) offset : 0;
        if (size > 0)
                left = MIN_OF(left, (uint64_t) size);
        if (left > WHOLE_MAX) {
                report_fail(report, FAILURE_BUILD_FAILED, -EFBIG, path, 0,
                            "It is larger than an image that is handed over; read the file as "
                            "root");
                return send_failure(report);
        }
        r = copy(fd, (off_t) offset, left, all, report);
        if (r >= 0 && !is_unchanged(fd, &st)) {
                report_fail(report, FAILURE_BUSY, -ESTALE, path, 0,
                            "It changed while it was read; try again");
                return send_failure(report);
        }
        if (r < 0) {
                report_fail(report, FAILURE_BUILD_FAILED, r, path, 0,
                            "The image can't be read: %s", strerror(-r));
                return send_failure(report);
        }
        send_report(json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "type", JOB_REPORT_RESULT,
                              "result", JOB_RESULT_DONE, "path", json_text(path), "inode",
                              (json_int_t) st.st_ino, "size", (json_int_t) st.st_size, "mtime",
                              (json_int_t) (st.st_mtim.tv_sec * INT64_C(1000000000) +
                                            st.st_mtim.tv_nsec)));
        return EXIT_STATUS_DONE;
}
