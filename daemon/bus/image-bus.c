/* SPDX-License-Identifier: GPL-2.0-or-later */

/* org.initrdd1.Image, as dbus/org.initrdd1.Image.xml has it; and what every request to build does. */

#include "bus-internal.h"
#include "bus-options.h"
#include "polkit.h"
#include "string-util.h"

static int on_requesters_gone(sd_bus_track *track, void *userdata) {
        Job *job = userdata;

        job->track = sd_bus_track_unref(job->track);
        if (job->state != JOB_FINISHED && job->cancel_on_disconnect)
                (void) manager_cancel(job->manager, job, NULL);
        return 0;
}

/* A job ends with those who asked for it only if all of them want that. */
static int track_requester(Job *job, sd_bus_message *message, bool cancel_on_disconnect) {
        int r;

        if (!cancel_on_disconnect)
                job->cancel_on_disconnect = false;
        if (!job->cancel_on_disconnect) {
                job->track = sd_bus_track_unref(job->track);
                return 0;
        }
        if (!job->track) {
                r = sd_bus_track_new(sd_bus_message_get_bus(message), &job->track,
                                     on_requesters_gone, job);
                if (r < 0)
                        return r;
        }
        /* This one asks the bus and waits for its answer: libsystemd has no other way to follow a
         * name without a gap. */
        r = sd_bus_track_add_sender(job->track, message);
        /* Gone already; then so is the job. */
        if (r == -ENXIO || r == -ESRCH)
                return on_requesters_gone(job->track, job);
        return r;
}

int image_request(Manager *m, sd_bus_message *message, const JobRequest *request,
                  sd_bus_error *error) {
        Job *job;
        int r;

        r = manager_request(m, request, error, &job);
        if (r < 0)
                return r;
        if (request->type == JOB_BUILD) {
                r = track_requester(job, message, request->cancel_on_disconnect);
                if (r < 0)
                        return r;
        }
        return sd_bus_reply_method_return(message, "to", job->id, job->bus_path);
}

int image_build(Manager *m, sd_bus_message *message, const char *kernel, const char *profile,
                sd_bus_error *error) {
        _cleanup_build_options_ BuildOptions o = {};
        Sender sender;
        uint64_t flags;
        int r;

        r = build_options_read(message, profile ? OPTIONS_OF_IMAGE : OPTIONS_OF_MANAGER, &o,
                               error);
        if (r < 0)
                return r;
        r = flags_read(message, BUS_FLAG_FORCE | BUS_FLAG_CANCEL_ON_DISCONNECT | BUS_FLAG_NO_HOOKS,
                       &flags, error);
        if (r < 0)
                return r;
        r = bus_sender(m, message, &sender, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = build_options_check_user(&o, sender.uid, error);
        if (r < 0)
                return r;
        r = bus_authorize(m, message, &sender, POLKIT_ACTION_BUILD, kernel, "build an image",
                          error);
        if (r <= 0)
                return r < 0 ? r : 1;

        return image_request(m, message,
                             &(JobRequest) {
                                             .type = JOB_BUILD,
                                             .kernel = kernel,
                                             .profile = profile ?: o.profile ?: "default",
                                             .kernel_dir = o.kernel_dir,
                                             .output = o.output,
                                             .settings = o.settings,
                                             .force = flags & BUS_FLAG_FORCE,
                                             .best = o.best,
                                             .detached = o.detached,
                                             .no_hooks = flags & BUS_FLAG_NO_HOOKS,
                                             .cancel_on_disconnect =
                                                             flags & BUS_FLAG_CANCEL_ON_DISCONNECT,
                                             .reason = o.reason,
                                             .uid = sender.uid,
                             },
                             error);
}

static int method_build(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Image *image = userdata;

        return image_build(image->manager, message, image->kernel, image->profile, error);
}

static int method_verify(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Image *image = userdata;
        Manager *m = image->manager;
        Sender sender;
        uint64_t flags;
        int r;

        r = flags_read(message, 0, &flags, error);
        if (r < 0)
                return r;
        /* It changes nothing, but keeps a processor and the queue busy. */
        r = bus_admit(m, message, &sender, POLKIT_ACTION_BUILD, image->kernel, "verify an image",
                      error);
        if (r <= 0)
                return r < 0 ? r : 1;

        return image_request(m, message,
                             &(JobRequest) {
                                             .type = JOB_VERIFY,
                                             .kernel = image->kernel,
                                             .profile = image->profile,
                                             .reason = REASON_ADMIN,
                                             .uid = sender.uid,
                             },
                             error);
}

static int method_inspect(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *text = NULL;
        Image *image = userdata;
        uint64_t flags;
        json_t *object;
        int r;

        r = flags_read(message, 0, &flags, error);
        if (r < 0)
                return r;
        object = image_to_json(image);
        if (!object)
                return -ENOMEM;
        text = json_dumps(object, JSON_COMPACT);
        json_decref(object);
        if (!text)
                return -ENOMEM;
        return sd_bus_reply_method_return(message, "s", text);
}

static int method_list_contents(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Image *image = userdata;
        Manager *m = image->manager;
        Sender sender;
        uint64_t flags;
        int r;

        r = flags_read(message, 0, &flags, error);
        if (r < 0)
                return r;
        r = bus_admit(m, message, &sender, POLKIT_ACTION_INSPECT_CONTENTS, image->kernel,
                      "see what an image contains", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return reading_start(image, message, READING_LIST, 0, 0, error);
}

static int read_image(Image *image, sd_bus_message *message, ReadingKind kind, uint64_t offset,
                      uint64_t size, sd_bus_error *error) {
        Sender sender;
        uint64_t flags;
        int r;

        r = flags_read(message, 0, &flags, error);
        if (r < 0)
                return r;
        r = bus_admit(image->manager, message, &sender, POLKIT_ACTION_INSPECT_CONTENTS,
                      image->kernel, "read an image", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return reading_start(image, message, kind, offset, size, error);
}

static int method_read(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return read_image(userdata, message, READING_WHOLE, 0, 0, error);
}

static int method_read_part(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        uint64_t offset, size;
        int r;

        r = sd_bus_message_read(message, "tt", &offset, &size);
        if (r < 0)
                return r;
        if (offset > INT64_MAX || size == 0 || size > READING_PART_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "A part is 1 to %" PRIu64 " bytes of the image",
                                         READING_PART_MAX);
        return read_image(userdata, message, READING_PART, offset, size, error);
}

DEFINE_PROPERTY_GETTER(booted, const Image *image, "b", (int) image_is_booted(image));
DEFINE_PROPERTY_GETTER(default_boot, const Image *image, "b", (int) image_is_default(image));
DEFINE_PROPERTY_GETTER(state, const Image *image, "s",
                       image_state_to_string(image_shown_state(image)));
DEFINE_PROPERTY_GETTER(job, const Image *image, "o", image->job ? image->job->bus_path : "/");

static int property_get_last_error(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *error) {
        Image *image = userdata;

        return append_error(reply, image->error_name, image->error_message);
}

#define CONST_ SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES_ SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable image_vtable[] = {
        SD_BUS_VTABLE_START(0),

        SD_BUS_METHOD_WITH_ARGS("Build", SD_BUS_ARGS("a{sv}", options, "t", flags),
                                SD_BUS_RESULT("t", id, "o", job), method_build,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Verify", SD_BUS_ARGS("t", flags),
                                SD_BUS_RESULT("t", id, "o", job), method_verify,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Inspect", SD_BUS_ARGS("t", flags), SD_BUS_RESULT("s", json),
                                method_inspect, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListContents", SD_BUS_ARGS("t", flags),
                                SD_BUS_RESULT("h", contents), method_list_contents,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Read", SD_BUS_ARGS("t", flags), SD_BUS_RESULT("h", image),
                                method_read, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ReadPart", SD_BUS_ARGS("t", offset, "t", size, "t", flags),
                                SD_BUS_RESULT("ay", bytes, "t", image_size, "s", version),
                                method_read_part, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_PROPERTY("Kernel", "s", NULL, offsetof(Image, kernel), CONST_),
        SD_BUS_PROPERTY("Profile", "s", NULL, offsetof(Image, profile), CONST_),
        SD_BUS_PROPERTY("Booted", "b", property_get_booted, 0, CONST_),
        SD_BUS_PROPERTY("DefaultBoot", "b", property_get_default_boot, 0, CHANGES_),
        SD_BUS_PROPERTY("Path", "s", NULL, offsetof(Image, path), CHANGES_),
        SD_BUS_PROPERTY("State", "s", property_get_state, 0, CHANGES_),
        SD_BUS_PROPERTY("StaleReasons", "as", NULL, offsetof(Image, stale_reasons), CHANGES_),
        SD_BUS_PROPERTY("Size", "t", NULL, offsetof(Image, size), CHANGES_),
        SD_BUS_PROPERTY("BuiltUSec", "t", NULL, offsetof(Image, built_usec), CHANGES_),
        SD_BUS_PROPERTY("BuildDurationUSec", "t", NULL, offsetof(Image, duration_usec), CHANGES_),
        SD_BUS_PROPERTY("Digest", "s", NULL, offsetof(Image, digest), CHANGES_),
        SD_BUS_PROPERTY("Job", "o", property_get_job, 0, CHANGES_),
        SD_BUS_PROPERTY("LastResult", "s", NULL, offsetof(Image, last_result), CHANGES_),
        SD_BUS_PROPERTY("LastError", "(ss)", property_get_last_error, 0, CHANGES_),
        SD_BUS_VTABLE_END,
};
