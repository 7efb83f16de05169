/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What became of a job that is finished. */

#include "bus/bus-jobs.h"
#include "bus/bus-json.h"
#include "request.h"

/* Says it, as a worker's result would be said, and brings the image of a detached one. An exit
 * status. */
int show_job_result(sd_bus *bus, const Request *request, const BusJob *job);
/* The properties of an image; NULL where there is none. The caller frees. */
json_t *image_of_job(sd_bus *bus, const char *path);
