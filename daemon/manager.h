/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The service: what it knows of kernels and images, and what it does when something happens. Its
 * parts are rooms of their own (queue.h, examination.h, settle.h, state.h, safety.h, hold.h); this is
 * what they share. All of it runs in one thread, and nothing in it waits.
 */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "image.h"
#include "job/job.h"
#include "strmap.h"
#include "watch/watcher.h"

typedef struct Examination Examination;
typedef struct Hold Hold;
typedef struct Polkit Polkit;

typedef enum ManagerState {
        MANAGER_STARTING, /* the images were not looked at yet */
        MANAGER_IDLE,
        MANAGER_SETTLING, /* something changes; a build waits for its end */
        MANAGER_HELD, /* somebody holds automatic builds up */
        MANAGER_BUILDING,
        _MANAGER_STATE_MAX,
} ManagerState;
const char *manager_state_to_string(ManagerState state);

typedef struct ManagerOptions {
        char *root; /* "/": this machine */
        char *store, *state_dir, *run_dir;
        char *data_dir; /* where our own programs and data are */
} ManagerOptions;

typedef struct KernelState {
        char *version;
        char *state; /* ready, unpacking, unpacked, incomplete; include/job-protocol.h */
        char *reason; /* a sentence, or "" */
        char *image; /* its vmlinuz, or "" */
        bool prepared; /* packed ahead since it began to be unpacked */
} KernelState;

/* Keys of [Service] */
typedef struct ServiceSettings {
        bool automatic, pack_ahead;
        uint64_t settle_usec, job_timeout_usec, idle_recompress_usec;
} ServiceSettings;

typedef struct ModuleInfo {
        char *name, *description, *path;
        char **needed;
} ModuleInfo;

enum {
        MANAGER_CHANGED_STATE = 1 << 0,
        MANAGER_CHANGED_SAFETY = 1 << 1, /* RebootSafe, RebootBlockers */
        MANAGER_CHANGED_COUNTS = 1 << 2, /* NJobs, NStale, NFailed */
        MANAGER_CHANGED_LAST = 1 << 3, /* LastResult, LastFinishedUSec */
        MANAGER_CHANGED_DEFAULT = 1 << 4,
        MANAGER_CHANGED_HOLDERS = 1 << 5,
};

typedef struct Manager {
        ManagerOptions options;
        ServiceSettings settings;
        sd_event *event;

        /* what is known */
        Image **images;
        size_t n_images, allocated_images;
        KernelState *kernels;
        size_t n_kernels;
        ModuleInfo *modules;
        size_t n_modules;
        char *booted_kernel, *default_kernel; /* "" unknown */
        bool examined; /* since the start */
        bool reboot_safe;
        char **reboot_blockers;
        char *last_result; /* of the last build; "" none */
        uint64_t last_finished_usec;
        uint64_t last_id; /* of a job */

        /* what is done */
        Job **jobs; /* by id; also those that ended not long ago */
        size_t n_jobs, allocated_jobs;
        Job *running;
        Hold **holds;
        size_t n_holds, allocated_holds;
        Examination *examination; /* under way, or NULL */
        bool examine_again; /* something happened meanwhile */
        bool found_at_start; /* what the first look found is built "at boot" */
        char *look_failure; /* why the last look found nothing, or NULL */
        Watcher *watcher;
        char **watches; /* what it was told, sorted */
        sd_event_source *look_source; /* when to look again */
        sd_event_source *settle_source; /* when an automatic build may be due */
        sd_event_source *poll_source; /* without watches */
        sd_event_source *idle_source; /* when to pack harder */
        sd_event_source *run_source; /* the queue, when its callers are done */
        sd_event_source *save_source; /* the state, when all else is done */
        /* CLOCK_MONOTONIC; 0: nothing since it settled */
        uint64_t last_event_usec, first_event_usec;
        uint64_t last_look_usec;
        uint64_t look_usec; /* when the next one is due; 0: none is */
        char *saved_state; /* what state_save() wrote last */
        /* what others were shown last */
        unsigned shown_jobs, shown_stale, shown_failed;
        ManagerState shown_state;
        bool packed_enough; /* nothing new was built since all was packed hard, or could not be */
        bool settling; /* an automatic build waits for something */
        bool state_dirty, stopping;

        /* the bus; see bus.h */
        sd_bus *bus; /* NULL while there is none */
        sd_event_source *notify_source, *reconnect_source;
        uint64_t reconnect_usec;
        Polkit *polkit;
        void *bus_private;
        unsigned notify;
} Manager;

int manager_new(Manager **ret, sd_event *event, const ManagerOptions *options);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP_FUNC(Manager *, manager_free);

/* Reads the state, begins to look at everything and to watch. */
int manager_start(Manager *m);
/* Ends what may be ended, and the event loop when nothing is under way any more. */
void manager_stop(Manager *m);

/* Whatever happened may change anything: look again soon. */
void manager_look(Manager *m);
void manager_look_after(Manager *m, uint64_t usec);
/* After anything that State, RebootSafe or a count depends on. */
void manager_update(Manager *m);
ManagerState manager_state(const Manager *m);

Image *manager_find_image(const Manager *m, const char *kernel, const char *profile);
/* Finds or makes. */
int manager_add_image(Manager *m, const char *kernel, const char *profile, Image **ret);
void manager_drop_image(Manager *m, Image *image);
void kernel_states_free(KernelState *kernels, size_t n);
void module_infos_free(ModuleInfo *modules, size_t n);
bool kernel_is_being_installed(const KernelState *kernel) _pure_;
const KernelState *manager_find_kernel(const Manager *m, const char *kernel);
unsigned manager_count_images(const Manager *m, ImageState state) _pure_; /* as shown */

/* ── what the bus asks for; each checks all but who asks, and sets an error that tells why not ── */

/* Joins an equal job that waits or runs, or makes a new one. */
int manager_request(Manager *m, const JobRequest *request, sd_bus_error *error, Job **ret);
/* InUse for the booted and the default kernel, unless forced; NoSuchImage. One job an image. */
int manager_request_remove(Manager *m, const char *kernel, bool force, uid_t uid,
                           sd_bus_error *error, Job ***ret, size_t *ret_n);
int manager_cancel(Manager *m, Job *job, sd_bus_error *error);
/* LimitsExceeded; `ret` is the caller's end, who owns it. */
int manager_hold(Manager *m, const char *who, const char *why, uid_t uid, pid_t pid,
                 sd_bus_error *error, int *ret);
/* Reads the configuration again and looks at everything. */
void manager_reload(Manager *m);
/* The machine goes down: what nobody waits for ends, a replacement under way does not. */
void manager_prepare_for_shutdown(Manager *m);

/* ── how it is told: marks what changed, to be sent at most ten times a second (notify.c) ── */
void manager_notify(Manager *m, unsigned changed);
void image_notify(Image *image, unsigned changed);
void job_notify(Job *job, unsigned changed);
