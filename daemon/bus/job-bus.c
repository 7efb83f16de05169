/* SPDX-License-Identifier: GPL-2.0-or-later */

/* org.initrdd1.Job, as dbus/org.initrdd1.Job.xml has it. */

#include <fcntl.h>
#include <stdio.h>

#include "bus-internal.h"
#include "fd-util.h"
#include "polkit.h"

int job_cancel(Job *job, sd_bus_message *message, sd_bus_error *error) {
        Manager *m = job->manager;
        Sender sender;
        int r;

        r = bus_sender(m, message, &sender, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        /* It is not the first one's alone any more, if others wait for it, too. */
        if (sender.uid != job->uid || job->shared) {
                r = bus_authorize(m, message, &sender, POLKIT_ACTION_CANCEL, job->kernel,
                                  "cancel this job", error);
                if (r <= 0)
                        return r < 0 ? r : 1;
        }
        r = manager_cancel(m, job, error);
        return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return job_cancel(userdata, message, error);
}

/* A descriptor of its own: at the start of the file, and nothing can be written through it. */
static int open_output(int fd) {
        char path[64];
        int copy;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        copy = open(path, O_RDONLY | O_CLOEXEC);
        return copy < 0 ? -errno : copy;
}

static int method_get_output(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_close_ int fd = -EBADF;
        Job *job = userdata;
        Sender sender;
        int r;

        r = bus_sender(job->manager, message, &sender, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (sender.uid != 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "Only root may have an image itself; it may hold keys");
        if (!job->detached)
                return sd_bus_error_setf(error, SD_BUS_ERROR_NOT_SUPPORTED,
                                         "Job %llu hands nothing out: only one that was asked for "
                                         "with \"detached\" does",
                                         (unsigned long long) job->id);
        if (job->state != JOB_FINISHED)
                return sd_bus_error_setf(error, BUS_ERROR("Busy"),
                                         "Job %llu has not ended; wait for JobRemoved",
                                         (unsigned long long) job->id);
        if (job->output_fd < 0)
                return sd_bus_error_setf(error, BUS_ERROR("BuildFailed"),
                                         "Job %llu made no image; its properties say why",
                                         (unsigned long long) job->id);
        fd = open_output(job->output_fd);
        return fd < 0 ? fd : sd_bus_reply_method_return(message, "h", fd);
}

static const char *job_image_path(const Job *job) {
        const Image *image = job_image(job);

        return image ? image->bus_path : "/";
}

DEFINE_PROPERTY_GETTER(type, const Job *job, "s", job_kind_to_string(job->type));
DEFINE_PROPERTY_GETTER(image, const Job *job, "o", job_image_path(job));
DEFINE_PROPERTY_GETTER(reason, const Job *job, "s", job_reason_to_string(job->reason));
DEFINE_PROPERTY_GETTER(state, const Job *job, "s", job_state_to_string(job->state));
DEFINE_PROPERTY_GETTER(cancellable, const Job *job, "b", (int) job_is_cancellable(job));
DEFINE_PROPERTY_GETTER(result, const Job *job, "s", job_result_to_string(job->result));

static int property_get_error(sd_bus *bus, const char *path, const char *interface,
                              const char *property, sd_bus_message *reply, void *userdata,
                              sd_bus_error *error) {
        Job *job = userdata;

        return append_error(reply, job->error_name, job->error_message);
}

#define CONST_ SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES_ SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),

        SD_BUS_METHOD("Cancel", NULL, NULL, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetOutput", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", output),
                                method_get_output, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_SIGNAL_WITH_ARGS("LogMessage", SD_BUS_ARGS("u", priority, "s", message), 0),

        SD_BUS_PROPERTY("Id", "t", NULL, offsetof(Job, id), CONST_),
        SD_BUS_PROPERTY("Type", "s", property_get_type, 0, CONST_),
        SD_BUS_PROPERTY("Kernel", "s", NULL, offsetof(Job, kernel), CONST_),
        SD_BUS_PROPERTY("Profile", "s", NULL, offsetof(Job, profile), CONST_),
        SD_BUS_PROPERTY("Image", "o", property_get_image, 0, CONST_),
        SD_BUS_PROPERTY("Reason", "s", property_get_reason, 0, CONST_),
        SD_BUS_PROPERTY("RequestedByUID", "u", NULL, offsetof(Job, uid), CONST_),
        SD_BUS_PROPERTY("QueuedUSec", "t", NULL, offsetof(Job, queued_usec), CONST_),
        SD_BUS_PROPERTY("StartedUSec", "t", NULL, offsetof(Job, started_usec), CHANGES_),
        SD_BUS_PROPERTY("FinishedUSec", "t", NULL, offsetof(Job, finished_usec), CHANGES_),
        SD_BUS_PROPERTY("State", "s", property_get_state, 0, CHANGES_),
        SD_BUS_PROPERTY("Stage", "s", NULL, offsetof(Job, stage), CHANGES_),
        SD_BUS_PROPERTY("Detail", "s", NULL, offsetof(Job, detail), CHANGES_),
        SD_BUS_PROPERTY("Progress", "i", NULL, offsetof(Job, progress), CHANGES_),
        SD_BUS_PROPERTY("Cancellable", "b", property_get_cancellable, 0, CHANGES_),
        SD_BUS_PROPERTY("Packed", "as", NULL, offsetof(Job, packed), CHANGES_),
        SD_BUS_PROPERTY("Result", "s", property_get_result, 0, CHANGES_),
        SD_BUS_PROPERTY("Error", "(ss)", property_get_error, 0, CHANGES_),
        SD_BUS_VTABLE_END,
};
