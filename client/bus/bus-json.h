/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the service says, as JSON: verbs print it as it is, or pick from it. */

#include <jansson.h>

#include "libsystemd.h"

/*
 * The next complete value of a message: basic types, variants (what is in them), arrays, and structs
 * (as arrays). Dictionaries become objects; a property's name becomes that of our own JSON,
 * "StaleReasons" "stale-reasons". A descriptor is null. 0 or a negative errno. The caller frees.
 */
int bus_message_to_json(sd_bus_message *m, json_t **ret);

/* All properties of an object. As bus_read(). */
int bus_get_properties(sd_bus *bus, const char *path, const char *interface, sd_bus_error *error,
                       json_t **ret);

/* What the service knows: its own properties, and arrays of images and of jobs. Each of these has
 * its properties, and as "object" its path. Kernels are newest first, jobs in their order. */
typedef struct ServiceView {
        json_t *manager, *images, *jobs;
} ServiceView;
int service_view_read(ServiceView *ret, sd_bus *bus, sd_bus_error *error);
void service_view_done(ServiceView *view);

/* Members of objects that came from the service; "" and 0 where there is none. */
const char *member_text(const json_t *object, const char *key);
uint64_t member_number(const json_t *object, const char *key);

static inline void json_decrefp_(json_t **object) {
        json_decref(*object);
}
#define _cleanup_json_ _cleanup_(json_decrefp_)
