/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The command line's options as the service takes them. */

#include "bus/libsystemd.h"
#include "request.h"

/* A call of Build(), or without `kernel` of BuildAll(). `request` has the absolute paths. 0 or a
 * negative errno. */
int build_request_new(sd_bus_message **ret, sd_bus *bus, const Request *request,
                      const char *kernel, bool force);
