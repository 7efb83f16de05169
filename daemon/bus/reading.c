/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Image.ListContents(), Read() and ReadPart(): a worker reads the image, which takes as long as it
 * takes, and a memfd gets what the caller asked for: of a list this process writes what is reported,
 * one JSON object a line; bytes are copied there by the worker itself. When it is through, the memfd
 * is sealed and goes out with the answer to the message that was kept; a part goes out as bytes, for
 * a caller who can't be sent a descriptor. Others' answers don't wait for it.
 *
 * Nothing is handed out that belongs to a file system: who keeps the descriptor keeps nobody from
 * unmounting /boot.
 */

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bus-internal.h"
#include "fd-util.h"
#include "initrdd-failure.h"
#include "job-protocol.h"
#include "job/worker-process.h"
#include "path-util.h"
#include "string-util.h"

/* At a time, and how long a list may be. */
#define READINGS_MAX 4
#define LIST_BYTES_MAX (256 * UINT64_C(1024) * 1024)
#define SILENCE_USEC (60 * UINT64_C(1000000))

struct Reading {
        Manager *manager;
        Reading *next;
        ReadingKind kind;
        sd_bus_message *message; /* NULL: answered */
        Worker *worker;
        sd_event_source *end; /* a worker may not be freed from within */
        int fd;
        uint64_t offset, size; /* of a part */
        uint64_t written; /* of a list */
        char *path;
};

static Reading *reading_free(Reading *r) {
        if (!r)
                return NULL;
        worker_free(r->worker);
        sd_event_source_disable_unref(r->end);
        sd_bus_message_unref(r->message);
        safe_close(r->fd);
        free(r->path);
        free(r);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Reading *, reading_free);

static void fail(Reading *reading, const char *word, const char *message) {
        char name[ERROR_NAME_MAX];

        if (!reading->message)
                return;
        (void) sd_bus_reply_method_errorf(reading->message, error_name(word, name), "%s: %s",
                                          reading->path, message);
        reading->message = sd_bus_message_unref(reading->message);
}

static void take_entry(Reading *reading, json_t *report) {
        _cleanup_free_ char *text = NULL, *line = NULL;
        int r;

        text = json_dumps(json_object_get(report, "entry"), JSON_COMPACT);
        if (!text || str_printf(&line, "%s\n", text) < 0) {
                fail(reading, "BuildFailed", "Out of memory");
                return;
        }
        reading->written += strlen(line);
        if (reading->written > LIST_BYTES_MAX) {
                fail(reading, "BuildFailed", "It has more files than can be listed");
                return;
        }
        r = fd_write_all(reading->fd, line, strlen(line));
        if (r < 0)
                fail(reading, "BuildFailed", strerror(-r));
}

static int answer_with_file(const Reading *reading) {
        if (lseek(reading->fd, 0, SEEK_SET) < 0 ||
            fcntl(reading->fd, F_ADD_SEALS,
                  F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        return sd_bus_reply_method_return(reading->message, "h", reading->fd);
}

/* The worker's result says which file it was, so that parts of two are not taken for one image. */
static int answer_with_bytes(const Reading *reading, json_t *result) {
        json_int_t inode = json_integer_value(json_object_get(result, "inode")),
                   mtime = json_integer_value(json_object_get(result, "mtime"));
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *version = NULL;
        void *bytes = NULL;
        struct stat st;
        int r;

        if (fstat(reading->fd, &st) < 0)
                return -errno;
        r = str_printf(&version, "%" JSON_INTEGER_FORMAT "-%" JSON_INTEGER_FORMAT, inode, mtime);
        if (r >= 0)
                r = sd_bus_message_new_method_return(reading->message, &reply);
        if (r < 0)
                return r;
        if (st.st_size > 0) {
                bytes = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, reading->fd, 0);
                if (bytes == MAP_FAILED)
                        return -errno;
        }
        r = sd_bus_message_append_array(reply, 'y', bytes, (size_t) st.st_size);
        if (bytes)
                munmap(bytes, (size_t) st.st_size);
        if (r >= 0)
                r = sd_bus_message_append(
                                reply, "ts",
                                (uint64_t) json_integer_value(json_object_get(result, "size")),
                                version);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void take_result(Reading *reading, json_t *report) {
        json_t *error = json_object_get(report, "error");
        const char *kind = json_string_value(json_object_get(error, "kind")) ?: "";
        int r;

        if (streq(json_string_value(json_object_get(report, "result")) ?: "", JOB_RESULT_FAILED)) {
                fail(reading, failure_kind_from_string(kind) > FAILURE_NONE ? kind : "BuildFailed",
                     json_string_value(json_object_get(error, "message")) ?: "It can't be read");
                return;
        }
        if (!reading->message)
                return;
        r = reading->kind == READING_PART ? answer_with_bytes(reading, report)
                                          : answer_with_file(reading);
        if (r < 0) {
                log_debug("What was read of %s was not taken: %s", reading->path, strerror(-r));
                (void) sd_bus_reply_method_errno(reading->message, r, NULL);
        }
        reading->message = sd_bus_message_unref(reading->message);
}

static void on_report(void *userdata, const char *type, json_t *report) {
        Reading *reading = userdata;

        if (streq(type, JOB_REPORT_ENTRY)) {
                if (reading->message)
                        take_entry(reading, report);
        } else if (streq(type, JOB_REPORT_RESULT))
                take_result(reading, report);
}

static void unlink_reading(Reading *reading) {
        for (Reading **p = &bus_private(reading->manager)->readings; *p; p = &(*p)->next)
                if (*p == reading) {
                        *p = reading->next;
                        return;
                }
}

static int on_end_later(sd_event_source *source, void *userdata) {
        Reading *reading = userdata;

        unlink_reading(reading);
        reading_free(reading);
        return 0;
}

static void on_end(void *userdata, const char *failure) {
        Reading *reading = userdata;

        if (reading->message)
                fail(reading, "BuildFailed", failure ?: "The worker said nothing of it");
        (void) sd_event_add_defer(reading->manager->event, &reading->end, on_end_later, reading);
}

static json_t *make_request(const Reading *reading) {
        const ManagerOptions *options = &reading->manager->options;
        bool list = reading->kind == READING_LIST;
        json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type",
                                    list ? JOB_TYPE_CONTENTS : JOB_TYPE_COPY, "root",
                                    options->root, "data-dir", options->data_dir, "store",
                                    options->store, "path", reading->path);

        if (reading->kind != READING_PART || !request)
                return request;
        if (json_object_set_new(request, "offset", json_integer((json_int_t) reading->offset)) <
                            0 ||
            json_object_set_new(request, "size", json_integer((json_int_t) reading->size)) < 0) {
                json_decref(request);
                return NULL;
        }
        return request;
}

static int start_worker(Reading *reading) {
        WorkerHandler handler = { on_report, on_end, NULL, reading };
        _cleanup_free_ char *program = NULL;
        json_t *request;
        int r;

        program = path_join(reading->manager->options.data_dir, "initrdd-worker");
        if (!program)
                return -ENOMEM;
        request = make_request(reading);
        if (!request)
                return -ENOMEM;
        r = worker_start(&reading->worker, reading->manager->event, program, request,
                         reading->kind == READING_LIST ? -EBADF : reading->fd, SILENCE_USEC,
                         &handler);
        json_decref(request);
        return r;
}

int reading_start(Image *image, sd_bus_message *message, ReadingKind kind, uint64_t offset,
                  uint64_t size, sd_bus_error *error) {
        _cleanup_(reading_freep) Reading *reading = NULL;
        Manager *m = image->manager;
        unsigned n = 0;
        int r;

        if (!*image->path || image->state == IMAGE_MISSING)
                return sd_bus_error_setf(error, BUS_ERROR("NoSuchImage"),
                                         "Kernel %s has no image of profile %s; build it first",
                                         image->kernel, image->profile);
        for (const Reading *i = bus_private(m)->readings; i; i = i->next)
                n += i->message != NULL;
        if (n >= READINGS_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many images are read at once; try again in a moment");
        reading = calloc(1, sizeof(Reading));
        if (!reading)
                return -ENOMEM;
        reading->manager = m;
        reading->kind = kind;
        reading->offset = offset;
        reading->size = size;
        reading->path = strdup(image->path);
        reading->fd = memfd_create("initrdd-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (reading->fd < 0)
                return -errno;
        if (!reading->path)
                return -ENOMEM;
        r = start_worker(reading);
        if (r < 0)
                return r;
        reading->message = sd_bus_message_ref(message);
        reading->next = bus_private(m)->readings;
        bus_private(m)->readings = TAKE_PTR(reading);
        return 1;
}

void readings_done(Manager *m) {
        Reading *reading;

        while ((reading = bus_private(m)->readings)) {
                bus_private(m)->readings = reading->next;
                reading_free(reading);
        }
}
