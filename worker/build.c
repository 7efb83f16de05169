/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <fcntl.h>
#include <gcrypt.h>
#include <stdio.h>
#include <unistd.h>

#include "build.h"
#include "fd-util.h"
#include "image/described.h"
#include "job-protocol.h"
#include "json-text.h"
#include "prepare.h"
#include "recompress.h"
#include "string-util.h"
#include "time-util.h"
#include "worker.h"

#define DIGEST_SIZE 32
#define READ_SIZE ((size_t) 256 * 1024)

/* The image that the record is of, not one that has replaced it since. -EBADF when it is gone. */
static int open_image(const ImageRecord *record) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = open(record->output, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !image_record_is(record, &st))
                return -EBADF;
        return TAKE_FD(fd);
}

/* What the image says of itself, NULL where it says nothing. */
static json_t *read_description(int fd) {
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *text = NULL;
        char path[32];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (fd < 0 || image_open(&image, path) < 0 || described_find_json(image, &text) < 0)
                return NULL;
        return json_loads(text, 0, NULL);
}

static void send_result(const BuildResult *result, int fd, uint64_t usec) {
        const ImageRecord *record = result->record;
        json_t *report, *description = read_description(fd);

        report = json_pack(
                        "{s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I}",
                        "type", JOB_REPORT_RESULT, "result",
                        result->outcome == BUILD_UNCHANGED ? JOB_RESULT_UNCHANGED
                                                           : JOB_RESULT_DONE,
                        "kernel", json_text(record->kernel), "profile", json_text(record->profile),
                        "path", json_text(record->output), "inode", (json_int_t) record->ino,
                        "size", (json_int_t) record->size, "mtime", (json_int_t) record->mtime,
                        "files", (json_int_t) record->n_files, "drivers",
                        (json_int_t) record->n_drivers, "fragments",
                        (json_int_t) record->n_fragments, "packed", json_texts(result->packed),
                        "left-out", json_texts(result->left_out), "usec", (json_int_t) usec);
        if (description)
                json_object_set_new(report, "description", description);
        send_report(report);
}

static int digest_of(int fd, uint8_t ret[static DIGEST_SIZE]) {
        _cleanup_free_ char *buffer = NULL;
        gcry_md_hd_t md;
        off_t offset = 0;
        ssize_t n;

        buffer = malloc(READ_SIZE);
        if (!buffer)
                return -ENOMEM;
        if (!gcry_check_version(NULL) || gcry_md_open(&md, GCRY_MD_SHA256, 0) != 0)
                return -ENOSYS;
        while ((n = pread(fd, buffer, READ_SIZE, offset)) > 0) {
                gcry_md_write(md, buffer, (size_t) n);
                offset += n;
        }
        if (n == 0)
                memcpy(ret, gcry_md_read(md, GCRY_MD_SHA256), DIGEST_SIZE);
        gcry_md_close(md);
        return n < 0 ? -errno : 0;
}

static void send_digest(const ImageRecord *record, int fd) {
        char hex[2 * DIGEST_SIZE + 1];
        uint8_t digest[DIGEST_SIZE];
        struct stat st;

        if (fd < 0 || digest_of(fd, digest) < 0)
                return;
        /* Who wrote to it meanwhile made another image of it. */
        if (fstat(fd, &st) < 0 || !image_record_is(record, &st))
                return;
        for (size_t i = 0; i < DIGEST_SIZE; i++)
                snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        send_report(json_pack("{s:s, s:s, s:I, s:I}", "type", JOB_REPORT_DIGEST, "digest", hex,
                              "size", (json_int_t) record->size, "mtime",
                              (json_int_t) record->mtime));
}

static int read_options(const json_t *request, Report *report, char ***settings,
                        BuildOptions *ret) {
        json_t *value;
        size_t i;

        json_array_foreach(json_object_get(request, "settings"), i, value)
                if (strv_extend(settings, json_string_value(value)) < 0)
                        return report_oom(report);
        *ret = (BuildOptions) {
                .root = request_string(request, "root"),
                .data_dir = request_string(request, "data-dir"),
                .kernel = request_string(request, "kernel"),
                .kernel_dir = request_string(request, "kernel-dir"),
                .profile = request_string(request, "profile"),
                .output = request_string(request, "output"),
                .facts = request_string(request, "facts"),
                .settings = *settings,
                .force = request_boolean(request, "force"),
                .best = request_boolean(request, "best"),
                .threads = (unsigned) json_integer_value(json_object_get(request, "threads")),
        };
        return request_need(request, report, "store", &ret->store);
}

int run_build(const json_t *request, Report *report) {
        _cleanup_strv_free_ char **settings = NULL;
        _cleanup_close_ int fd = -EBADF;
        uint64_t begin = now_monotonic_usec();
        BuildOptions options;
        BuildResult result;
        int r;

        r = read_options(request, report, &settings, &options);
        if (r >= 0)
                r = build(&options, report, &result);
        if (r < 0)
                return send_failure(report);
        fd = open_image(result.record);
        send_result(&result, fd, now_monotonic_usec() - begin);
        if (request_boolean(request, "digest"))
                send_digest(result.record, fd);
        /* Nobody need wait for the blocks of an image that is two builds old. */
        close_reports();
        build_result_done(&result);
        return EXIT_STATUS_DONE;
}

int run_prepare(const json_t *request, Report *report) {
        _cleanup_strv_free_ char **settings = NULL, **packed = NULL;
        uint64_t begin = now_monotonic_usec();
        BuildOptions options;
        int r;

        r = read_options(request, report, &settings, &options);
        if (r >= 0)
                r = prepare(&options, report, &packed);
        if (r < 0)
                return send_failure(report);
        send_report(json_pack("{s:s, s:s, s:o, s:o, s:o, s:I}", "type", JOB_REPORT_RESULT,
                              "result", packed ? JOB_RESULT_DONE : JOB_RESULT_UNCHANGED, "kernel",
                              json_text_or_null(options.kernel), "profile",
                              json_text(options.profile ?: "default"), "packed",
                              json_texts(packed), "usec",
                              (json_int_t) (now_monotonic_usec() - begin)));
        return EXIT_STATUS_DONE;
}

int run_recompress(const json_t *request, Report *report) {
        const char *store;
        uint64_t n = 0;
        int r;

        r = request_need(request, report, "store", &store);
        if (r >= 0)
                r = recompress(store, report, &n);
        if (r < 0)
                return send_failure(report);
        send_report(json_pack("{s:s, s:s, s:I}", "type", JOB_REPORT_RESULT, "result",
                              n > 0 ? JOB_RESULT_DONE : JOB_RESULT_UNCHANGED, "fragments",
                              (json_int_t) n));
        return EXIT_STATUS_DONE;
}
