/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The way to the service: whether there is one to ask, how to ask, and what to say of its errors. */

#include "client.h"
#include "initrdd-bus.h"
#include "libsystemd.h"

/* What a verb's bus part returns when the service can't be had, beside exit statuses; the notice has
 * been given. */
#define STATUS_OFFLINE (-1)

/* Whether the service is to be asked at all. Not with --offline, --root or what a worker alone
 * understands, not in a chroot, not inside of what the service itself started, and not where there
 * is no bus. */
bool service_is_wanted(void);
/* -H or -M: nothing of this machine is meant. */
bool service_is_remote(void);

/*
 * Connects. 0; or the exit status or STATUS_OFFLINE of service_unavailable(), having said why.
 * `may_prompt`: a call may need polkit to ask for a password, so that an agent is started.
 */
int bus_open(sd_bus **ret, bool may_prompt);

/* Calls a method that only reads; the arguments are as sd_bus_message_append() has them. 0 or a
 * negative errno, with `error`. */
int bus_read(sd_bus *bus, const char *path, const char *interface, const char *member,
             sd_bus_error *error, sd_bus_message **ret, const char *types, ...);
/* Calls a method of the Manager that changes something, and waits for as long as it takes to type a
 * password. `ret` may be NULL. */
int bus_change(sd_bus *bus, const char *member, sd_bus_error *error, sd_bus_message **ret,
               const char *types, ...);
/* The same for a message that is made already. */
int bus_change_with(sd_bus *bus, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret);

/* Whether a failed call means that there is no service, and not that the service refused. */
bool bus_error_is_unavailable(const sd_bus_error *error, int r);
/*
 * Says that the service can't be reached, and why. STATUS_OFFLINE if the caller is to do it without:
 * who only reads (`changes` false), or root, on this machine; an exit status otherwise.
 */
int service_unavailable(const sd_bus_error *error, int r, bool changes);

/* One line on what the service refused, beginning with `what` (may be NULL), and the exit status. */
int say_bus_error(const char *what, const sd_bus_error *error, int r);
/* The same for a failure that the service tells of in a property or signal: "NoSpace" or
 * "org.initrdd1.Error.NoSpace". */
int say_job_failure(const char *what, const char *name, const char *message);
/* The exit status of an error's name. */
int bus_error_to_exit_status(const char *name);

/* Whether it can go over the bus at all. */
bool text_is_utf8(const char *s);
