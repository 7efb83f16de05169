/* SPDX-License-Identifier: GPL-2.0-or-later */

/* org.initrdd1.Manager, as dbus/org.initrdd1.Manager.xml has it. What reads answers from memory. */

#include "bus-internal.h"
#include "bus-options.h"
#include "fd-util.h"
#include "hold.h"
#include "job/queue.h"
#include "polkit.h"
#include "string-util.h"

#define TEXT_LENGTH_MAX 256

/* ── what changes something ── */

static int method_build(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *kernel;
        int r;

        r = sd_bus_message_read(message, "s", &kernel);
        if (r < 0)
                return r;
        r = check_kernel(kernel, error);
        return r < 0 ? r : image_build(userdata, message, kernel, NULL, error);
}

/* Whether BuildAll is about an image: what isn't as it should be, and by force also what is. */
static bool is_due(const Image *image, bool force) {
        switch (image->state) {
        case IMAGE_UNKNOWN:
        case IMAGE_STALE:
        case IMAGE_FAILED:
        case IMAGE_MISSING:
                return true;
        case IMAGE_CURRENT:
        case IMAGE_BUILDING:
        case IMAGE_FOREIGN:
                return force;
        default:
                /* There is no kernel, or not all of one. */
                return false;
        }
}

static int due_images(const Manager *m, bool force, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;

        for (size_t i = 0; i < m->n_images; i++) {
                const Image *image = m->images[i];

                if (is_due(image, force) && (strv_extend(&names, image->kernel) < 0 ||
                                             strv_extend(&names, image->profile) < 0))
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

static int append_job(sd_bus_message *reply, const Job *job) {
        return sd_bus_message_append(reply, "(sto)", job->kernel, job->id, job->bus_path);
}

/* One job for each. Where one can't be had the others still are; an error only without any. */
static int build_images(Manager *m, sd_bus_message *reply, char *const *names, JobRequest *request,
                        sd_bus_error *error) {
        unsigned n = 0;
        int r;

        for (size_t i = 0; names && names[i]; i += 2) {
                _cleanup_(sd_bus_error_free) sd_bus_error why = SD_BUS_ERROR_NULL;
                Job *job;

                request->kernel = names[i];
                request->profile = names[i + 1];
                r = manager_request(m, request, &why, &job);
                if (r < 0) {
                        if (!sd_bus_error_is_set(error))
                                sd_bus_error_move(error, &why);
                        if (!sd_bus_error_is_set(error))
                                (void) sd_bus_error_set_errno(error, r);
                        continue;
                }
                job->cancel_on_disconnect = false;
                job->track = sd_bus_track_unref(job->track);
                r = append_job(reply, job);
                if (r < 0)
                        return r;
                n++;
        }
        if (n == 0 && sd_bus_error_is_set(error))
                return sd_bus_error_get_errno(error) > 0 ? -sd_bus_error_get_errno(error) : -EIO;
        sd_bus_error_free(error);
        return 0;
}

static int method_build_all(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_build_options_ BuildOptions o = {};
        _cleanup_strv_free_ char **names = NULL;
        Manager *m = userdata;
        JobRequest request;
        Sender sender;
        uint64_t flags;
        int r;

        r = build_options_read(message, OPTIONS_OF_ALL, &o, error);
        if (r < 0)
                return r;
        r = flags_read(message, BUS_FLAG_FORCE, &flags, error);
        if (r < 0)
                return r;
        r = bus_admit(m, message, &sender, POLKIT_ACTION_BUILD, NULL, "build all images", error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = due_images(m, flags & BUS_FLAG_FORCE, &names);
        if (r < 0)
                return r;
        r = reply_begin_array(message, "(sto)", &reply);
        if (r < 0)
                return r;
        request = (JobRequest) {
                .type = JOB_BUILD,
                .force = flags & BUS_FLAG_FORCE,
                .best = o.best,
                .reason = o.reason,
                .uid = sender.uid,
        };
        r = build_images(m, reply, names, &request, error);
        return r < 0 ? r : reply_end_array(reply);
}

static int method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ Job **jobs = NULL;
        Manager *m = userdata;
        const char *kernel;
        Sender sender;
        uint64_t flags;
        size_t n = 0;
        int r;

        r = sd_bus_message_read(message, "s", &kernel);
        if (r < 0)
                return r;
        r = check_kernel(kernel, error);
        if (r < 0)
                return r;
        r = flags_read(message, BUS_FLAG_FORCE, &flags, error);
        if (r < 0)
                return r;
        r = bus_admit(m, message, &sender, POLKIT_ACTION_REMOVE, kernel, "remove images", error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = manager_request_remove(m, kernel, flags & BUS_FLAG_FORCE, sender.uid, error, &jobs,
                                   &n);
        if (r < 0)
                return r;
        r = reply_begin_array(message, "(sto)", &reply);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = append_job(reply, jobs[i]);
                if (r < 0)
                        return r;
        }
        return reply_end_array(reply);
}

static int find_job(Manager *m, uint64_t id, sd_bus_error *error, Job **ret) {
        Job *job = queue_find(m, id);

        if (!job)
                return sd_bus_error_setf(error, BUS_ERROR("NoSuchJob"),
                                         "There is no job %llu; one that ended is kept for ten "
                                         "minutes, and the journal has those before",
                                         (unsigned long long) id);
        *ret = job;
        return 0;
}

static int method_cancel_job(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        uint64_t id;
        Job *job = NULL;
        int r;

        r = sd_bus_message_read(message, "t", &id);
        if (r < 0)
                return r;
        r = find_job(m, id, error, &job);
        return r < 0 ? r : job_cancel(job, message, error);
}

static int method_hold(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_close_ int fd = -EBADF;
        const char *who, *why;
        Manager *m = userdata;
        Sender sender;
        int r;

        r = sd_bus_message_read(message, "ss", &who, &why);
        if (r < 0)
                return r;
        r = check_text("who", who, TEXT_LENGTH_MAX, error);
        if (r < 0)
                return r;
        r = check_text("why", why, TEXT_LENGTH_MAX, error);
        if (r < 0)
                return r;
        r = bus_admit(m, message, &sender, POLKIT_ACTION_HOLD, NULL, "hold up automatic builds",
                      error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = manager_hold(m, who, why, sender.uid, sender.pid, error, &fd);
        return r < 0 ? r : sd_bus_reply_method_return(message, "h", fd);
}

static int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        Sender sender;
        int r;

        r = bus_admit(m, message, &sender, POLKIT_ACTION_CONFIGURE, NULL,
                      "have the configuration read again", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        manager_reload(m);
        return sd_bus_reply_method_return(message, NULL);
}

/* ── what only reads ── */

static int method_get_image(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *kernel, *profile;
        Manager *m = userdata;
        const Image *image;
        int r;

        r = sd_bus_message_read(message, "ss", &kernel, &profile);
        if (r < 0)
                return r;
        r = check_kernel(kernel, error);
        if (r < 0)
                return r;
        r = check_profile(profile, error);
        if (r < 0)
                return r;
        image = manager_find_image(m, kernel, profile);
        if (!image)
                return sd_bus_error_setf(error, BUS_ERROR("NoSuchImage"),
                                         "Kernel %s has no image of profile %s, and there should "
                                         "be none; initrdctl list shows those there are",
                                         kernel, profile);
        return sd_bus_reply_method_return(message, "o", image->bus_path);
}

static int method_get_job(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        uint64_t id;
        Job *job = NULL;
        int r;

        r = sd_bus_message_read(message, "t", &id);
        if (r < 0)
                return r;
        r = find_job(m, id, error, &job);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", job->bus_path);
}

/* ── properties ── */

DEFINE_PROPERTY_GETTER(version, const Manager *_unused_ m, "s", PROJECT_VERSION);
DEFINE_PROPERTY_GETTER(state, const Manager *m, "s", manager_state_to_string(manager_state(m)));
DEFINE_PROPERTY_GETTER(n_jobs, const Manager *m, "u", (uint32_t) queue_count(m));
DEFINE_PROPERTY_GETTER(n_stale, const Manager *m, "u",
                       (uint32_t) (manager_count_images(m, IMAGE_STALE) +
                                   manager_count_images(m, IMAGE_MISSING)));
DEFINE_PROPERTY_GETTER(n_failed, const Manager *m, "u",
                       (uint32_t) manager_count_images(m, IMAGE_FAILED));

static int property_get_holders(sd_bus *bus, const char *path, const char *interface,
                                const char *property, sd_bus_message *reply, void *userdata,
                                sd_bus_error *error) {
        Manager *m = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ssuu)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < m->n_holds; i++) {
                const Hold *hold = m->holds[i];

                r = sd_bus_message_append(reply, "(ssuu)", hold->who, hold->why,
                                          (uint32_t) hold->uid, (uint32_t) hold->pid);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

#define CONST_ SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES_ SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),

        SD_BUS_METHOD_WITH_ARGS("Build", SD_BUS_ARGS("s", kernel, "a{sv}", options, "t", flags),
                                SD_BUS_RESULT("t", id, "o", job), method_build,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("BuildAll", SD_BUS_ARGS("a{sv}", options, "t", flags),
                                SD_BUS_RESULT("a(sto)", jobs), method_build_all,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", kernel, "t", flags),
                                SD_BUS_RESULT("a(sto)", jobs), method_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListImages", SD_BUS_ARGS("t", flags),
                                SD_BUS_RESULT("a(sssoa{sv})", images), method_list_images,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_ARGS("t", flags),
                                SD_BUS_RESULT("a(tssssio)", jobs), method_list_jobs,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListModules", SD_BUS_ARGS("t", flags),
                                SD_BUS_RESULT("a(ssa{sv})", modules), method_list_modules,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetImage", SD_BUS_ARGS("s", kernel, "s", profile),
                                SD_BUS_RESULT("o", image), method_get_image,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetJob", SD_BUS_ARGS("t", id), SD_BUS_RESULT("o", job),
                                method_get_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CancelJob", SD_BUS_ARGS("t", id), SD_BUS_NO_RESULT,
                                method_cancel_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Hold", SD_BUS_ARGS("s", who, "s", why), SD_BUS_RESULT("h", hold),
                                method_hold, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", NULL, NULL, method_reload, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job, "s", kernel), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved",
                                SD_BUS_ARGS("t", id, "o", job, "s", kernel, "s", result, "s",
                                            error, "s", message),
                                0),

        SD_BUS_PROPERTY("Version", "s", property_get_version, 0, CONST_),
        SD_BUS_PROPERTY("BootedKernel", "s", NULL, offsetof(Manager, booted_kernel), CONST_),
        SD_BUS_PROPERTY("DefaultKernel", "s", NULL, offsetof(Manager, default_kernel), CHANGES_),
        SD_BUS_PROPERTY("State", "s", property_get_state, 0, CHANGES_),
        SD_BUS_PROPERTY("RebootSafe", "b", property_get_boolean, offsetof(Manager, reboot_safe),
                        CHANGES_),
        SD_BUS_PROPERTY("RebootBlockers", "as", NULL, offsetof(Manager, reboot_blockers),
                        CHANGES_),
        SD_BUS_PROPERTY("NJobs", "u", property_get_n_jobs, 0, CHANGES_),
        SD_BUS_PROPERTY("NStale", "u", property_get_n_stale, 0, CHANGES_),
        SD_BUS_PROPERTY("NFailed", "u", property_get_n_failed, 0, CHANGES_),
        SD_BUS_PROPERTY("LastResult", "s", NULL, offsetof(Manager, last_result), CHANGES_),
        SD_BUS_PROPERTY("LastFinishedUSec", "t", NULL, offsetof(Manager, last_finished_usec),
                        CHANGES_),
        SD_BUS_PROPERTY("Holders", "a(ssuu)", property_get_holders, 0, CHANGES_),
        SD_BUS_VTABLE_END,
};
