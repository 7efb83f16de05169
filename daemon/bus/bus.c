/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One connection at a time, made anew whenever it is lost:
 *
 *   no bus       libsystemd waits for the socket to appear (inotify, no timer), and connects
 *   connected    objects are there already, the name is asked for; nothing is sent before
 *   lost         after a moment a new connection begins to wait. Each attempt that fails waits
 *                twice as long as the one before, up to RECONNECT_MAX
 *
 * Images and jobs have no objects of their own here: libsystemd asks for one by its path, whose
 * names are decoded and looked up in what the Manager knows at that moment. So nothing is to be
 * kept in step, and the bus may come and go as it likes.
 */

#include <stdio.h>
#include <systemd/sd-bus.h>

#include "bus-internal.h"
#include "inhibitor.h"
#include "job/queue.h"
#include "polkit.h"
#include "post-update.h"
#include "string-util.h"

#define BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"
#define RECONNECT_MIN (100 * UINT64_C(1000))
#define RECONNECT_MAX (30 * UINT64_C(1000000))

static void bus_connect(Manager *m);

bool bus_is_up(const Manager *m) {
        return m->bus && sd_bus_is_ready(m->bus) > 0;
}

int property_get_boolean(sd_bus *bus, const char *path, const char *interface,
                         const char *property, sd_bus_message *reply, void *userdata,
                         sd_bus_error *error) {
        return sd_bus_message_append(reply, "b", (int) *(bool *) userdata);
}

const char *error_name(const char *word, char buffer[static ERROR_NAME_MAX]) {
        if (!word || !*word)
                return "";
        snprintf(buffer, ERROR_NAME_MAX, "%s%s", BUS_ERROR_PREFIX, word);
        return buffer;
}

int append_error(sd_bus_message *reply, const char *word, const char *message) {
        char buffer[ERROR_NAME_MAX];

        return sd_bus_message_append(reply, "(ss)", error_name(word, buffer), message ?: "");
}

/* ── objects ── */

static int find_image(sd_bus *bus, const char *path, const char *interface, void *userdata,
                      void **ret_found, sd_bus_error *error) {
        _cleanup_free_ char *kernel = NULL, *profile = NULL;
        Manager *m = userdata;
        Image *image;
        int r;

        r = sd_bus_path_decode_many(path, BUS_PATH_IMAGES "/%/%", &kernel, &profile);
        if (r <= 0)
                return r;
        image = manager_find_image(m, kernel, profile);
        if (!image)
                return 0;
        *ret_found = image;
        return 1;
}

static int parse_id(const char *s, uint64_t *ret) {
        uint64_t n = 0;

        if (*s < '1' || *s > '9')
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9' || n > (UINT64_MAX - 9) / 10)
                        return -EINVAL;
                n = n * 10 + (uint64_t) (*s - '0');
        }
        *ret = n;
        return 0;
}

static int find_job(sd_bus *bus, const char *path, const char *interface, void *userdata,
                    void **ret_found, sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        Manager *m = userdata;
        uint64_t id;
        Job *job;
        int r;

        r = sd_bus_path_decode(path, BUS_PATH_JOBS, &name);
        if (r <= 0)
                return r;
        if (parse_id(name, &id) < 0)
                return 0;
        job = queue_find(m, id);
        if (!job)
                return 0;
        *ret_found = job;
        return 1;
}

static int list_images(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                       sd_bus_error *error) {
        _cleanup_strv_free_ char **paths = NULL;
        Manager *m = userdata;

        for (size_t i = 0; i < m->n_images; i++)
                if (strv_extend(&paths, m->images[i]->bus_path) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(paths);
        return 0;
}

static int list_jobs(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                     sd_bus_error *error) {
        _cleanup_strv_free_ char **paths = NULL;
        Manager *m = userdata;

        for (size_t i = 0; i < m->n_jobs; i++)
                if (strv_extend(&paths, m->jobs[i]->bus_path) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(paths);
        return 0;
}

static int export_objects(Manager *m, sd_bus *bus) {
        int r;

        r = sd_bus_add_object_manager(bus, NULL, BUS_PATH);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, manager_vtable,
                                     m);
        if (r < 0)
                return r;
        r = sd_bus_add_fallback_vtable(bus, NULL, BUS_PATH_IMAGES, BUS_INTERFACE_IMAGE,
                                       image_vtable, find_image, m);
        if (r < 0)
                return r;
        r = sd_bus_add_node_enumerator(bus, NULL, BUS_PATH_IMAGES, list_images, m);
        if (r < 0)
                return r;
        r = sd_bus_add_fallback_vtable(bus, NULL, BUS_PATH_JOBS, BUS_INTERFACE_JOB, job_vtable,
                                       find_job, m);
        if (r < 0)
                return r;
        r = sd_bus_add_node_enumerator(bus, NULL, BUS_PATH_JOBS, list_jobs, m);
        if (r < 0)
                return r;
        return sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/LogControl1",
                                        "org.freedesktop.LogControl1", log_control_vtable, m);
}

/* ── the connection ── */

static void bus_disconnect(Manager *m) {
        if (!m->bus)
                return;
        m->polkit = polkit_free(m->polkit);
        inhibitor_disconnected(m);
        readings_done(m);
        /* Those whose callers are to end with them are told of it while this closes. */
        sd_bus_close(m->bus);
        sd_bus_detach_event(m->bus);
        m->bus = sd_bus_unref(m->bus);
        post_update_disconnected(m);
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        m->reconnect_source = sd_event_source_unref(m->reconnect_source);
        bus_disconnect(m);
        bus_connect(m);
        return 0;
}

static void reconnect_later(Manager *m) {
        int r;

        if (m->reconnect_source)
                return;
        if (m->reconnect_usec < RECONNECT_MIN)
                m->reconnect_usec = RECONNECT_MIN;
        r = sd_event_add_time_relative(m->event, &m->reconnect_source, CLOCK_MONOTONIC,
                                       m->reconnect_usec, RECONNECT_MIN / 10, on_reconnect, m);
        if (r < 0)
                log_error("Can't connect to the system bus again: %s", strerror(-r));
        m->reconnect_usec = MIN_OF(m->reconnect_usec * 2, RECONNECT_MAX);
}

static int on_connected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;

        m->reconnect_usec = 0;
        (void) inhibitor_connected(m);
        log_debug("Connected to the system bus");
        return 0;
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;

        if (!m->stopping)
                log_warning("The connection to the system bus is lost; work goes on without it "
                            "until it is back");
        reconnect_later(m);
        return 0;
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        uint32_t result;

        if (e)
                log_error("May not have the name " BUS_NAME " on the bus: %s",
                          e->message ?: e->name);
        else if (sd_bus_message_read(reply, "u", &result) >= 0 && result == 2)
                log_warning("Another process has the name " BUS_NAME
                            " on the bus; waiting for it to go");
        return 0;
}

static int match_local(Manager *m, sd_bus *bus, const char *member,
                       sd_bus_message_handler_t handler) {
        return sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local",
                                         "/org/freedesktop/DBus/Local",
                                         "org.freedesktop.DBus.Local", member, handler, NULL, m);
}

static int bus_open(Manager *m) {
        const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        (void) sd_bus_set_description(bus, "system");
        r = sd_bus_set_address(bus, address && *address ? address : BUS_ADDRESS);
        if (r < 0)
                return r;
        r = sd_bus_set_bus_client(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_set_trusted(bus, false);
        if (r < 0)
                return r;
        r = sd_bus_set_watch_bind(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_set_connected_signal(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_set_exit_on_disconnect(bus, false);
        if (r < 0)
                return r;
        r = export_objects(m, bus);
        if (r < 0)
                return r;
        r = match_local(m, bus, "Connected", on_connected);
        if (r < 0)
                return r;
        r = match_local(m, bus, "Disconnected", on_disconnected);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        r = sd_bus_request_name_async(bus, NULL, BUS_NAME, SD_BUS_NAME_QUEUE, on_name, m);
        if (r < 0)
                return r;
        r = sd_bus_attach_event(bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        m->bus = TAKE_PTR(bus);
        return 0;
}

static void bus_connect(Manager *m) {
        int r;

        r = bus_open(m);
        if (r < 0) {
                log_debug("Can't connect to the system bus: %s", strerror(-r));
                reconnect_later(m);
        }
}

int bus_start(Manager *m) {
        if (m->bus_private)
                return 0;
        m->bus_private = calloc(1, sizeof(BusPrivate));
        if (!m->bus_private)
                return -ENOMEM;
        bus_connect(m);
        return 0;
}

void bus_stop(Manager *m) {
        if (!m->bus_private)
                return;
        m->reconnect_source = sd_event_source_disable_unref(m->reconnect_source);
        notify_done(m);
        post_update_done(m);
        inhibitor_done(m);
        /* What was said last still goes out, to a bus that takes it. */
        if (bus_is_up(m))
                (void) sd_bus_flush(m->bus);
        bus_disconnect(m);
        free(m->bus_private);
        m->bus_private = NULL;
}

/* ── objects that come and go ── */

void bus_image_added(Image *image) {
        if (bus_is_up(image->manager))
                (void) sd_bus_emit_object_added(image->manager->bus, image->bus_path);
}

/* By name, since the object may not be found any more. */
static void object_removed(Manager *m, const char *path, const char *interface) {
        if (bus_is_up(m))
                (void) sd_bus_emit_interfaces_removed(m->bus, path, interface,
                                                      "org.freedesktop.DBus.Peer",
                                                      "org.freedesktop.DBus.Introspectable",
                                                      "org.freedesktop.DBus.Properties", NULL);
}

void bus_image_removed(Image *image) {
        object_removed(image->manager, image->bus_path, BUS_INTERFACE_IMAGE);
}

void bus_job_added(Job *job) {
        Manager *m = job->manager;

        if (!bus_is_up(m))
                return;
        (void) sd_bus_emit_object_added(m->bus, job->bus_path);
        (void) sd_bus_emit_signal(m->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "JobNew", "tos",
                                  job->id, job->bus_path, job->kernel);
}

void bus_job_ended(Job *job) {
        Manager *m = job->manager;
        char name[ERROR_NAME_MAX];

        job->track = sd_bus_track_unref(job->track);
        job_flush(job);
        if (bus_is_up(m))
                (void) sd_bus_emit_signal(m->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "JobRemoved",
                                          "tossss", job->id, job->bus_path, job->kernel,
                                          job_result_to_string(job->result),
                                          error_name(job->error_name, name),
                                          job->error_message ?: "");
}

void bus_job_removed(Job *job) {
        object_removed(job->manager, job->bus_path, BUS_INTERFACE_JOB);
}

void bus_job_log(Job *job, int priority, const char *message) {
        Manager *m = job->manager;

        if (bus_is_up(m))
                (void) sd_bus_emit_signal(m->bus, job->bus_path, BUS_INTERFACE_JOB, "LogMessage",
                                          "us", (uint32_t) priority, message);
}
