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
