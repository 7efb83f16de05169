/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of the bus share among themselves; bus.h is for the others. */

#include "bus.h"
#include "initrdd-bus.h"
#include "log.h"

typedef struct Inhibitor Inhibitor;
typedef struct PostUpdate PostUpdate;
typedef struct Reading Reading;

/* Manager.bus_private, from bus_start() to bus_stop(). */
typedef struct BusPrivate {
        uint64_t last_flush_usec; /* CLOCK_MONOTONIC */
        Inhibitor *inhibitor;
        PostUpdate *post_updates; /* that are under way; a list */
        Reading *readings; /* likewise */
} BusPrivate;

static inline BusPrivate *bus_private(Manager *m) {
        return m->bus_private;
}

/* Whether what is sent now goes out: a bus that isn't there yet would only collect it. */
bool bus_is_up(const Manager *m);

/* One object, one file. */
extern const sd_bus_vtable manager_vtable[], image_vtable[], job_vtable[], log_control_vtable[];

/* property_get_NAME() of a property that is no field of its object: `object` declares the variable that
 * `value` is made of. */
#define DEFINE_PROPERTY_GETTER(name, object, signature, value)                                    \
        static int property_get_##name(sd_bus *bus, const char *path, const char *interface,      \
                                       const char *property, sd_bus_message *reply,               \
                                       void *userdata, sd_bus_error *error) {                     \
                object = userdata;                                                                \
                return sd_bus_message_append(reply, signature, value);                            \
        }

int property_get_boolean(sd_bus *bus, const char *path, const char *interface,
                         const char *property, sd_bus_message *reply, void *userdata,
                         sd_bus_error *error);
/* An error's word and its sentence, (ss), as an error of D-Bus has them. */
int append_error(sd_bus_message *reply, const char *word, const char *message);
/* The full name of an error of ours, "" for "". */
#define ERROR_NAME_MAX 256
const char *error_name(const char *word, char buffer[static ERROR_NAME_MAX]);

/* Sends what is marked, now (notify.c). */
void job_flush(Job *job);
/* Forgets that something was to be sent. */
void notify_done(Manager *m);

/* Methods of the Manager that list what it knows (manager-list-bus.c). */
int method_list_images(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_list_modules(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* An answer that is an array of `contents`, and its end: it is sent. */
int reply_begin_array(sd_bus_message *message, const char *contents, sd_bus_message **ret);
int reply_end_array(sd_bus_message *reply);

/* Methods that two objects have. All answer the message. */
/* Build(…, a{sv} options, t flags); `profile` is NULL where an option says it. */
int image_build(Manager *m, sd_bus_message *message, const char *kernel, const char *profile,
                sd_bus_error *error);
int image_request(Manager *m, sd_bus_message *message, const JobRequest *request,
                  sd_bus_error *error);
int job_cancel(Job *job, sd_bus_message *message, sd_bus_error *error);

/* What is read of an image for one message, and goes out with its answer (reading.c). */
typedef enum ReadingKind {
        READING_LIST, /* what it contains, a JSON line each: h */
        READING_WHOLE, /* its bytes: h */
        READING_PART, /* some of them: ayts */
} ReadingKind;
/* `offset` and `size` are of a part, which is READING_PART_MAX bytes at most. */
#define READING_PART_MAX (UINT64_C(8) * 1024 * 1024)
int reading_start(Image *image, sd_bus_message *message, ReadingKind kind, uint64_t offset,
                  uint64_t size, sd_bus_error *error);
void readings_done(Manager *m);
