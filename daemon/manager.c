/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What happens, and what follows from it:
 *
 *   start            state read, bus, a look at everything, what it names is watched
 *   watch event      a look soon (settle.c)
 *   look is over     images have their states; what is due is built when it has settled
 *   request          a job; the queue runs it (queue.c)
 *   job ends         its image's state, the state file, a look
 *
 * After each of these manager_update() works out what others are shown of the whole.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bus/bus.h"
#include "bus/inhibitor.h"
#include "examination.h"
#include "fd-util.h"
#include "hold.h"
#include "initrdd-bus.h"
#include "initrdd-messages.h"
#include "job/queue.h"
#include "log.h"
#include "manager.h"
#include "path-util.h"
#include "safety.h"
#include "settle.h"
#include "state.h"
#include "string-util.h"
#include "time-util.h"

#define SECOND UINT64_C(1000000)
/* Without watches everything is looked at so often. */
#define POLL_USEC (60 * SECOND)

const char *manager_state_to_string(ManagerState state) {
        static const char *const names[_MANAGER_STATE_MAX] = {
                [MANAGER_STARTING] = "starting", [MANAGER_IDLE] = "idle",
                [MANAGER_SETTLING] = "settling", [MANAGER_HELD] = "held",
                [MANAGER_BUILDING] = "building",
        };

        return state < _MANAGER_STATE_MAX ? names[state] : NULL;
}

ManagerState manager_state(const Manager *m) {
        if (m->running && m->running->type == JOB_BUILD)
                return MANAGER_BUILDING;
        if (!m->examined)
                return MANAGER_STARTING;
        if (m->settling)
                return MANAGER_SETTLING;
        if (m->n_holds > 0)
                return MANAGER_HELD;
        return MANAGER_IDLE;
}

/* ── images and kernels ── */

Image *manager_find_image(const Manager *m, const char *kernel, const char *profile) {
        for (size_t i = 0; i < m->n_images; i++)
                if (streq(m->images[i]->kernel, kernel) && streq(m->images[i]->profile, profile))
                        return m->images[i];
        return NULL;
}

int manager_add_image(Manager *m, const char *kernel, const char *profile, Image **ret) {
        Image *image = manager_find_image(m, kernel, profile);
        int r;

        if (!image) {
                if (!GREEDY_REALLOC(m->images, m->allocated_images, m->n_images + 1))
                        return -ENOMEM;
                r = image_new(&image, m, kernel, profile);
                if (r < 0)
                        return r;
                m->images[m->n_images++] = image;
                bus_image_added(image);
        }
        *ret = image;
        return 0;
}

void manager_drop_image(Manager *m, Image *image) {
        bus_image_removed(image);
        for (size_t i = 0; i < m->n_images; i++)
                if (m->images[i] == image) {
                        memmove(m->images + i, m->images + i + 1,
                                (m->n_images - i - 1) * sizeof(*m->images));
                        m->n_images--;
                        break;
                }
        image_free(image);
        m->state_dirty = true;
}

const KernelState *manager_find_kernel(const Manager *m, const char *kernel) {
        for (size_t i = 0; i < m->n_kernels; i++)
                if (streq(m->kernels[i].version, kernel))
                        return &m->kernels[i];
        return NULL;
}

bool kernel_is_being_installed(const KernelState *kernel) {
        return streq(kernel->state, "unpacking") || streq(kernel->state, "unpacked");
}

unsigned manager_count_images(const Manager *m, ImageState state) {
        unsigned n = 0;

        for (size_t i = 0; i < m->n_images; i++)
                n += image_shown_state(m->images[i]) == state;
        return n;
}

/* ── what follows from everything ── */

static void update_safety(Manager *m) {
        _cleanup_strv_free_ char **blockers = NULL;

        if (safety_blockers(m, &blockers) < 0)
                return;
        if (strv_equal(blockers, m->reboot_blockers) && m->reboot_safe == !blockers)
                return;
        strv_free(m->reboot_blockers);
        m->reboot_safe = !blockers;
        m->reboot_blockers = TAKE_PTR(blockers);
        manager_notify(m, MANAGER_CHANGED_SAFETY);
}

/* A machine that goes down while an image is put in its place, or before a kernel has one, may not
 * come up again; any other build can be done again. */
static void update_inhibitor(Manager *m) {
        const Job *job = m->running;
        const Image *image = job ? job_image(job) : NULL;
        bool replacing = false;

        for (size_t i = 0; i < m->n_jobs; i++)
                replacing |= job_is_replacing(m->jobs[i]);
        if (!replacing && (!job || job->type != JOB_BUILD))
                inhibitor_set(m, INHIBIT_NONE, NULL);
        else if (replacing || (image && !image_is_usable(image)))
                inhibitor_set(m, INHIBIT_BLOCK,
                              "The image that the machine boots with is being made");
        else
                inhibitor_set(m, INHIBIT_DELAY, "An initramfs image is being made");
}

static int on_save(sd_event_source *source, void *userdata) {
        Manager *m = userdata;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void) state_save(m);
        return 0;
}

static void save_soon(Manager *m) {
        int r;

        if (!m->state_dirty)
                return;
        if (m->save_source)
                r = sd_event_source_set_enabled(m->save_source, SD_EVENT_ONESHOT);
        else {
                r = sd_event_add_defer(m->event, &m->save_source, on_save, m);
                if (r >= 0)
                        r = sd_event_source_set_priority(m->save_source, SD_EVENT_PRIORITY_IDLE);
        }
        if (r < 0)
                (void) state_save(m);
}

void manager_update(Manager *m) {
        unsigned jobs = queue_count(m);
        unsigned stale = manager_count_images(m, IMAGE_STALE) +
                         manager_count_images(m, IMAGE_MISSING);
        unsigned failed = manager_count_images(m, IMAGE_FAILED);
        ManagerState state = manager_state(m);

        if (jobs != m->shown_jobs || stale != m->shown_stale || failed != m->shown_failed)
                manager_notify(m, MANAGER_CHANGED_COUNTS);
        if (state != m->shown_state)
                manager_notify(m, MANAGER_CHANGED_STATE);
        m->shown_jobs = jobs;
        m->shown_stale = stale;
        m->shown_failed = failed;
        m->shown_state = state;
        update_safety(m);
        update_inhibitor(m);
        save_soon(m);
}

/* ── watching ── */

static int on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        settle_event(m);
        (void) sd_event_source_set_time_relative(source, POLL_USEC);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static void on_watch(void *userdata, WatchEvent event, const char *directory, const char *name) {
        Manager *m = userdata;

        switch (event) {
        case WATCH_CHANGED:
                log_debug("%s: %s changed", directory, *name ? name : "it");
                break;
        case WATCH_OVERFLOW:
                log_full(LOG_INFO, MESSAGE_ID_WATCH_OVERFLOW, NULL,
                         "More changed than could be told; everything is looked at");
                break;
        case WATCH_RESTARTED:
                log_debug("Everything is looked at, since it is watched anew");
                break;
        case WATCH_READY:
                /* What happened in a directory between the look and the watch was not told. */
                manager_look(m);
                return;
        case WATCH_LIMIT:
                log_full(LOG_WARNING, MESSAGE_ID_WATCH_LIMIT, NULL,
                         "The kernel has no watches left (fs.inotify.max_user_watches); "
                         "everything is "
                         "looked at once a minute instead");
                if (!m->poll_source)
                        (void) sd_event_add_time_relative(m->event, &m->poll_source,
                                                          CLOCK_MONOTONIC, POLL_USEC, 5 * SECOND,
                                                          on_poll, m);
                return;
        }
        settle_event(m);
}

/* ── requests ── */

static bool kernel_is_there(Manager *m, const char *kernel) {
        _cleanup_free_ char *path = NULL;

        if (manager_find_kernel(m, kernel))
                return true;
        /* One that was not looked at yet: who asks may be what has just put it there. */
        return str_printf(&path, "%s/lib/modules/%s",
                          streq(m->options.root, "/") ? "" : m->options.root, kernel) >= 0 &&
               access(path, F_OK) >= 0;
}

static int add_request(Manager *m, const JobRequest *request, sd_bus_error *error, Job **ret) {
        int r;

        if (m->stopping)
                return sd_bus_error_set(error, BUS_ERROR("Shutdown"),
                                        "The service is about to end; ask again in a moment.");
        for (size_t i = 0; i < m->n_jobs; i++) {
                const Job *job = m->jobs[i];

                if (job->state == JOB_QUEUED && !job_is_equal(job, request) &&
                    job->type == request->type && streq(job->kernel, request->kernel) &&
                    streq(job->profile, request->profile))
                        return sd_bus_error_setf(
                                        error, BUS_ERROR("Busy"),
                                        "Job %" PRIu64
                                        " of kernel %s waits already, and asks for something "
                                        "else; ask again when it has begun.",
                                        job->id, request->kernel);
        }
        r = queue_add(m, request, ret);
        if (r == -E2BIG)
                return sd_bus_error_set(
                                error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                "Too many jobs wait already; ask again when some have ended.");
        if (r < 0)
                return r;
        queue_run_soon(m);
        return r;
}

int manager_request(Manager *m, const JobRequest *request, sd_bus_error *error, Job **ret) {
        if (request->type == JOB_BUILD && !request->kernel_dir &&
            !kernel_is_there(m, request->kernel))
                return sd_bus_error_setf(error, BUS_ERROR("NoSuchKernel"),
                                         "There is no kernel %s below /lib/modules; `initrdctl "
                                         "kernels` lists those that are there.",
                                         request->kernel);
        return add_request(m, request, error, ret);
}

int manager_request_remove(Manager *m, const char *kernel, bool force, uid_t uid,
                           sd_bus_error *error, Job ***ret, size_t *ret_n) {
        _cleanup_free_ Job **jobs = NULL;
        size_t n = 0;
        int r;

        if (!force && (streq(kernel, m->booted_kernel) || streq(kernel, m->default_kernel)) &&
            manager_find_kernel(m, kernel))
                return sd_bus_error_setf(error, BUS_ERROR("InUse"),
                                         "Kernel %s is the one that %s; with --force its image is "
                                         "removed all the same.",
                                         kernel,
                                         streq(kernel, m->booted_kernel) ? "runs" : "boots next");
        jobs = calloc(m->n_images + 1, sizeof(*jobs));
        if (!jobs)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_images; i++) {
                const Image *image = m->images[i];
                JobRequest request = {
                        .type = JOB_REMOVE,
                        .kernel = image->kernel,
                        .profile = image->profile,
                        .uid = uid,
                };

                if (!streq(image->kernel, kernel) || image->state == IMAGE_FOREIGN ||
                    !*image->path)
                        continue;
                r = queue_add(m, &request, &jobs[n]);
                if (r == -E2BIG)
                        return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                                "Too many jobs wait already.");
                if (r < 0)
                        return r;
                n++;
        }
        if (n == 0)
                return sd_bus_error_setf(error, BUS_ERROR("NoSuchImage"),
                                         "There is no image of ours for kernel %s.", kernel);
        queue_run_soon(m);
        *ret = TAKE_PTR(jobs);
        *ret_n = n;
        return 0;
}

int manager_cancel(Manager *m, Job *job, sd_bus_error *error) {
        if (job->state == JOB_FINISHED)
                return sd_bus_error_setf(error, BUS_ERROR("AlreadyFinished"),
                                         "Job %" PRIu64 " has ended already.", job->id);
        if (!job_is_cancellable(job))
                return sd_bus_error_setf(
                                error, BUS_ERROR("NotCancellable"),
                                "Job %" PRIu64
                                " is putting the image in its place, and ends in a moment.",
                                job->id);
        queue_cancel(m, job);
        queue_run_soon(m);
        return 0;
}

int manager_hold(Manager *m, const char *who, const char *why, uid_t uid, pid_t pid,
                 sd_bus_error *error, int *ret) {
        int r;

        r = hold_add(m, who, why, uid, pid, ret);
        if (r == -EUSERS)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                         "There are at most %d holds, %d of one user.", HOLDS_MAX,
                                         HOLDS_PER_UID_MAX);
        if (r >= 0)
                manager_update(m);
        return r;
}

void manager_reload(Manager *m) {
        m->look_usec = 0;
        m->last_look_usec = now_monotonic_usec();
        for (size_t i = 0; i < m->n_images; i++)
                m->images[i]->retry_usec = 0;
        manager_examine(m);
}

void manager_prepare_for_shutdown(Manager *m) {
        for (size_t i = m->n_jobs; i-- > 0 && i < m->n_jobs;) {
                Job *job = m->jobs[i];
                const Image *image = job_image(job);

                if (job->state != JOB_FINISHED && job_is_cancellable(job) &&
                    (job->type != JOB_BUILD || !image || image_is_usable(image)))
                        queue_cancel(m, job);
        }
}

/* ── life ── */

static int set_kernel_booted(Manager *m) {
        struct utsname u;

        /* Another root's kernels don't run here. */
        if (!streq(m->options.root, "/") || uname(&u) < 0)
                m->booted_kernel = strdup("");
        else
                m->booted_kernel = strdup(u.release);
        return m->booted_kernel ? 0 : -ENOMEM;
}

int manager_new(Manager **ret, sd_event *event, const ManagerOptions *options) {
        _cleanup_(manager_freep) Manager *m = NULL;
        _cleanup_free_ char *program = NULL;
        int r;

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        m->event = sd_event_ref(event);
        m->settings = (ServiceSettings) {
                .automatic = true,
                .pack_ahead = true,
                .settle_usec = 3 * SECOND,
                .job_timeout_usec = 180 * SECOND,
                .idle_recompress_usec = 600 * SECOND,
        };
        m->options.root = strdup(options->root);
        m->options.store = strdup(options->store);
        m->options.state_dir = strdup(options->state_dir);
        m->options.run_dir = strdup(options->run_dir);
        m->options.data_dir = strdup(options->data_dir);
        m->default_kernel = strdup("");
        m->last_result = strdup("");
        if (!m->options.root || !m->options.store || !m->options.state_dir ||
            !m->options.run_dir || !m->options.data_dir || !m->default_kernel || !m->last_result)
                return -ENOMEM;
        r = set_kernel_booted(m);
        if (r < 0)
                return r;
        program = path_join(m->options.data_dir, "initrdd-watch");
        if (!program)
                return -ENOMEM;
        r = watcher_new(&m->watcher, event, program, on_watch, m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        (void) state_save(m);
        watcher_free(m->watcher);
        examination_free(m->examination);
        hold_drop_all(m);
        for (size_t i = 0; i < m->n_jobs; i++)
                job_free(m->jobs[i]);
        free(m->jobs);
        inhibitor_done(m);
        bus_stop(m);
        for (size_t i = 0; i < m->n_images; i++)
                image_free(m->images[i]);
        free(m->images);
        kernel_states_free(m->kernels, m->n_kernels);
        module_infos_free(m->modules, m->n_modules);
        sd_event_source_disable_unref(m->look_source);
        sd_event_source_disable_unref(m->settle_source);
        sd_event_source_disable_unref(m->poll_source);
        sd_event_source_disable_unref(m->idle_source);
        sd_event_source_disable_unref(m->save_source);
        sd_event_source_disable_unref(m->run_source);
        strv_free(m->reboot_blockers);
        strv_free(m->watches);
        free(m->booted_kernel);
        free(m->default_kernel);
        free(m->last_result);
        free(m->look_failure);
        free(m->saved_state);
        free(m->options.root);
        free(m->options.store);
        free(m->options.state_dir);
        free(m->options.run_dir);
        free(m->options.data_dir);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}

int manager_start(Manager *m) {
        int r;

        r = mkdir_parents(m->options.state_dir, 0755);
        if (r < 0)
                log_warning("%s can't be made: %s", m->options.state_dir, strerror(-r));
        r = state_load(m);
        if (r < 0)
                return r;
        manager_update(m);
        r = bus_start(m);
        if (r < 0)
                return r;
        manager_reload(m);
        return 0;
}

void manager_stop(Manager *m) {
        Job *job = m->running;

        m->stopping = true;
        /* A replacement that has begun is finished; it takes no time. */
        if (job && !job_is_cancellable(job)) {
                log_info("An image is being put in its place; the service ends when that is done");
                return;
        }
        (void) sd_event_exit(m->event, EXIT_SUCCESS);
}
