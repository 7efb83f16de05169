/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Image.ListContents(): a worker reads the image, which takes as long as it takes, and what it
 * reports is put into a memfd, one JSON object a line. When it is through, the memfd is sealed and
 * goes out with the answer to the message that was kept. Others' answers don't wait for it.
 */

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bus-internal.h"
#include "fd-util.h"
#include "initrdd-failure.h"
#include "job-protocol.h"
#include "path-util.h"
#include "string-util.h"
#include "worker-process.h"

/* At a time, and how long a listing may be. */
#define LISTINGS_MAX 4
#define LISTING_BYTES_MAX (256 * UINT64_C(1024) * 1024)
#define SILENCE_USEC (60 * UINT64_C(1000000))

struct Listing {
        Manager *manager;
        Listing *next;
        sd_bus_message *message; /* NULL: answered */
        Worker *worker;
        sd_event_source *end; /* a worker may not be freed from within */
        int fd;
        uint64_t size;
        char *path;
};

static Listing *listing_free(Listing *l) {
        if (!l)
                return NULL;
        worker_free(l->worker);
        sd_event_source_disable_unref(l->end);
        sd_bus_message_unref(l->message);
        safe_close(l->fd);
        free(l->path);
        free(l);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Listing *, listing_free);

static void fail(Listing *l, const char *word, const char *message) {
        char name[ERROR_NAME_MAX];

        if (!l->message)
                return;
        (void) sd_bus_reply_method_errorf(l->message, error_name(word, name), "%s: %s", l->path,
                                          message);
        l->message = sd_bus_message_unref(l->message);
}

static void take_entry(Listing *l, json_t *report) {
        _cleanup_free_ char *text = NULL, *line = NULL;
        int r;

        text = json_dumps(json_object_get(report, "entry"), JSON_COMPACT);
        if (!text || str_printf(&line, "%s\n", text) < 0) {
                fail(l, "BuildFailed", "Out of memory");
                return;
        }
        l->size += strlen(line);
        if (l->size > LISTING_BYTES_MAX) {
                fail(l, "BuildFailed", "It has more files than can be listed");
                return;
        }
        r = fd_write_all(l->fd, line, strlen(line));
        if (r < 0)
                fail(l, "BuildFailed", strerror(-r));
}

static void take_result(Listing *l, json_t *report) {
        json_t *error = json_object_get(report, "error");
        const char *kind = json_string_value(json_object_get(error, "kind")) ?: "";
        int r;

        if (streq(json_string_value(json_object_get(report, "result")) ?: "", JOB_RESULT_FAILED)) {
                fail(l, failure_kind_from_string(kind) > FAILURE_NONE ? kind : "BuildFailed",
                     json_string_value(json_object_get(error, "message")) ?: "It can't be read");
                return;
        }
        if (!l->message)
                return;
        if (lseek(l->fd, 0, SEEK_SET) < 0 ||
            fcntl(l->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
                            0)
                r = sd_bus_reply_method_errno(l->message, errno, NULL);
        else
                r = sd_bus_reply_method_return(l->message, "h", l->fd);
        if (r < 0)
                log_debug("A list of what is in %s was not taken: %s", l->path, strerror(-r));
        l->message = sd_bus_message_unref(l->message);
}

static void on_report(void *userdata, const char *type, json_t *report) {
        Listing *l = userdata;

        if (streq(type, JOB_REPORT_ENTRY)) {
                if (l->message)
                        take_entry(l, report);
        } else if (streq(type, JOB_REPORT_RESULT))
                take_result(l, report);
}

static void unlink_listing(Listing *l) {
        for (Listing **p = &bus_private(l->manager)->listings; *p; p = &(*p)->next)
                if (*p == l) {
                        *p = l->next;
                        return;
                }
}

static int on_end_later(sd_event_source *source, void *userdata) {
        Listing *l = userdata;

        unlink_listing(l);
        listing_free(l);
        return 0;
}

static void on_end(void *userdata, const char *failure) {
        Listing *l = userdata;

        if (l->message)
                fail(l, "BuildFailed", failure ?: "The worker said nothing of it");
        (void) sd_event_add_defer(l->manager->event, &l->end, on_end_later, l);
}

static int start_worker(Listing *l) {
        const ManagerOptions *options = &l->manager->options;
        WorkerHandler handler = { on_report, on_end, NULL, l };
        _cleanup_free_ char *program = NULL;
        json_t *request;
        int r;

        program = path_join(options->data_dir, "initrdd-worker");
        if (!program)
                return -ENOMEM;
        request = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", JOB_TYPE_CONTENTS, "root",
                            options->root, "data-dir", options->data_dir, "store", options->store,
                            "path", l->path);
        if (!request)
                return -ENOMEM;
        r = worker_start(&l->worker, l->manager->event, program, request, SILENCE_USEC, &handler);
        json_decref(request);
        return r;
}

int listing_start(Image *image, sd_bus_message *message, sd_bus_error *error) {
        _cleanup_(listing_freep) Listing *l = NULL;
        Manager *m = image->manager;
        unsigned n = 0;
        int r;

        if (!*image->path || image->state == IMAGE_MISSING)
                return sd_bus_error_setf(error, BUS_ERROR("NoSuchImage"),
                                         "Kernel %s has no image of profile %s; build it first",
                                         image->kernel, image->profile);
        for (const Listing *i = bus_private(m)->listings; i; i = i->next)
                n += i->message != NULL;
        if (n >= LISTINGS_MAX)
                return sd_bus_error_set(
                                error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                "Too many images are listed at once; try again in a moment");
        l = calloc(1, sizeof(Listing));
        if (!l)
                return -ENOMEM;
        l->manager = m;
        l->path = strdup(image->path);
        l->fd = memfd_create("initrdd-contents", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (l->fd < 0)
                return -errno;
        if (!l->path)
                return -ENOMEM;
        r = start_worker(l);
        if (r < 0)
                return r;
        l->message = sd_bus_message_ref(message);
        l->next = bus_private(m)->listings;
        bus_private(m)->listings = TAKE_PTR(l);
        return 1;
}

void listing_done(Manager *m) {
        Listing *l;

        while ((l = bus_private(m)->listings)) {
                bus_private(m)->listings = l->next;
                listing_free(l);
        }
}
