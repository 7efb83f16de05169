/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The service's place on the system bus: org.initrdd1(5). The connection comes and goes (the bus may
 * start later, or again); the Manager works on meanwhile, and every call here is then a no-op.
 */

#include "manager.h"

/* Connects, now or as soon as there is a bus: exports the objects, takes the name, and connects
 * again when the bus goes away. Negative only without memory. */
int bus_start(Manager *m);
void bus_stop(Manager *m);

/* Objects that appear and vanish, and JobNew and JobRemoved. What is marked of the job is sent
 * before JobRemoved. */
void bus_image_added(Image *image);
void bus_image_removed(Image *image);
void bus_job_added(Job *job); /* JobNew, too */
void bus_job_ended(Job *job); /* JobRemoved; the object stays */
void bus_job_removed(Job *job); /* the object goes */
void bus_job_log(Job *job, int priority, const char *message);

/* Shutdown inhibitors of logind, taken and given back as needed; without a logind there are none. */
typedef enum InhibitMode { INHIBIT_NONE, INHIBIT_DELAY, INHIBIT_BLOCK } InhibitMode;
void inhibitor_set(Manager *m, InhibitMode mode, const char *why);
void inhibitor_done(Manager *m);

/* The boot loader's hooks, in their own unit: writes /run/initrdd/post-update/KERNEL.env and starts
 * initrdd-post-update@.service, then tells `done` how it ended: NULL, or a sentence. Returns 0
 * when there are no hooks to run (`done` is not called), 1 when they were started. */
typedef void (*post_update_handler_t)(void *userdata, const char *failure);
int post_update_start(Manager *m, const char *kernel, const char *image,
                      post_update_handler_t done, void *userdata);
/* Nobody listens any more. */
void post_update_forget(Manager *m, void *userdata);
