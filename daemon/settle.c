/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <systemd/sd-event.h>

#include "examination.h"
#include "job/queue.h"
#include "log.h"
#include "package-manager.h"
#include "settle.h"
#include "string-util.h"
#include "time-util.h"

#define SECOND UINT64_C(1000000)

/* After an event, and at least between two looks. */
#define LOOK_USEC (SECOND * 3 / 10)
#define LOOK_INTERVAL_USEC (SECOND * 2)
/* Something that never gets quiet is built from all the same. */
#define SETTLE_MAX_USEC (SECOND * 600)
/* How often a package manager's lock is looked at; nothing tells when it is given back. */
#define PACKAGE_MANAGER_USEC (SECOND * 2)
/* So long it must have been quiet before it is packed ahead: its package may be configured at once. */
#define UNPACKED_USEC SECOND
/* The first pause after an automatic build that failed, and the longest. */
#define RETRY_USEC (SECOND * 60)
#define RETRY_MAX_USEC (SECOND * 86400)

/* Arms a timer that is made when it is first needed. */
static void arm(Manager *m, sd_event_source **source, uint64_t usec,
                sd_event_time_handler_t handler, uint64_t accuracy) {
        int r;

        if (*source) {
                r = sd_event_source_set_time_relative(*source, usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
        } else
                r = sd_event_add_time_relative(m->event, source, CLOCK_MONOTONIC, usec, accuracy,
                                               handler, m);
        if (r < 0)
                log_error("A timer can't be set: %s", strerror(-r));
}

static void disarm(sd_event_source *source) {
        if (source)
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        m->look_usec = 0;
        m->last_look_usec = now_monotonic_usec();
        manager_examine(m);
        return 0;
}

void manager_look_after(Manager *m, uint64_t usec) {
        uint64_t when = now_monotonic_usec() + usec;

        if (m->stopping || (m->look_usec > 0 && m->look_usec <= when))
                return;
        m->look_usec = when;
        arm(m, &m->look_source, usec, on_look, 10 * 1000);
}

void manager_look(Manager *m) {
        uint64_t now = now_monotonic_usec(), wait = LOOK_USEC;

        if (m->last_look_usec > 0 && now - m->last_look_usec < LOOK_INTERVAL_USEC - LOOK_USEC)
                wait = LOOK_INTERVAL_USEC - (now - m->last_look_usec);
        manager_look_after(m, wait);
}

void settle_event(Manager *m) {
        m->last_event_usec = now_monotonic_usec();
        m->found_at_start = false;
        if (m->first_event_usec == 0)
                m->first_event_usec = m->last_event_usec;
        disarm(m->idle_source);
        manager_look(m);
}

void settle_built(Manager *m, Image *image) {
        image->told_usec = now_monotonic_usec();
        image->n_failures = 0;
        image->retry_usec = 0;
        free(image->failed_reasons);
        image->failed_reasons = NULL;
}

void settle_failed(Manager *m, Image *image) {
        uint64_t pause = RETRY_USEC;

        image->told_usec = now_monotonic_usec();
        for (unsigned i = 0; i < image->n_failures && pause < RETRY_MAX_USEC; i++)
                pause *= 4;
        image->n_failures++;
        image->retry_usec = image->told_usec + MIN_OF(pause, RETRY_MAX_USEC);
        free(image->failed_reasons);
        image->failed_reasons = strv_join(image->stale_reasons, "\n");
}

/* Whether it failed just so already, not long ago. Its own failure makes files come and go, which
 * must not make it begin again. */
static bool failed_already(const Image *image, uint64_t now) {
        _cleanup_free_ char *reasons = NULL;

        if (!image->failed_reasons || now >= image->retry_usec)
                return false;
        reasons = strv_join(image->stale_reasons, "\n");
        return reasons && streq(reasons, image->failed_reasons);
}

static bool is_due(Manager *m, const Image *image, uint64_t now) {
        const KernelState *kernel;

        if ((image->state != IMAGE_STALE && image->state != IMAGE_MISSING) || image->removed)
                return false;
        if (queue_has(m, JOB_BUILD, image->kernel, image->profile))
                return false;
        kernel = manager_find_kernel(m, image->kernel);
        /* Without a kernel to boot it with, nobody needs an image that nobody asked for. */
        return kernel && streq(kernel->state, "ready") && *kernel->image &&
               !failed_already(image, now);
}

static bool any_due(Manager *m, uint64_t now) {
        for (size_t i = 0; i < m->n_images; i++)
                if (is_due(m, m->images[i], now))
                        return true;
        return false;
}

static void build_what_is_due(Manager *m, uint64_t now) {
        for (size_t i = 0; i < m->n_images; i++) {
                Image *image = m->images[i];
                JobRequest request = {
                        .type = JOB_BUILD,
                        .kernel = image->kernel,
                        .profile = image->profile,
                        .reason = m->found_at_start ? REASON_BOOT : REASON_WATCH,
                };
                Job *job;

                if (is_due(m, image, now) && queue_add(m, &request, &job) < 0)
                        log_warning("Kernel %s: its image can't be built as yet: too much waits",
                                    image->kernel);
        }
}

static int on_settle(sd_event_source *source, uint64_t usec, void *userdata) {
        settle_consider(userdata);
        return 0;
}

/* A kernel whose files are all there, and which nobody has configured yet: what its image will be made
 * of is packed meanwhile. Returns how long until one may be so far; 0: none is. */
static uint64_t pack_ahead(Manager *m, uint64_t now) {
        uint64_t quiet = now - m->last_event_usec, wait = 0;

        for (size_t i = 0; i < m->n_kernels && m->settings.pack_ahead; i++) {
                KernelState *kernel = &m->kernels[i];
                JobRequest request = {
                        .type = JOB_PREPARE,
                        .kernel = kernel->version,
                        .profile = "default",
                        .reason = REASON_WATCH,
                };
                Job *job;

                if (!streq(kernel->state, "unpacked") || kernel->prepared)
                        continue;
                if (quiet < UNPACKED_USEC) {
                        wait = UNPACKED_USEC - quiet;
                        continue;
                }
                kernel->prepared = true;
                (void) queue_add(m, &request, &job);
        }
        return wait;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;
        JobRequest request = { .type = JOB_RECOMPRESS, .reason = REASON_WATCH };
        Job *job;

        if (queue_count(m) > 0)
                return 0;
        (void) queue_add(m, &request, &job);
        queue_run(m);
        return 0;
}

/* When nothing happened for long, and there is something to be packed harder. */
static void wait_for_idle(Manager *m) {
        bool any = false;

        for (size_t i = 0; i < m->n_images; i++)
                any |= m->images[i]->state == IMAGE_CURRENT && !m->images[i]->packed_hard;
        if (any && !m->packed_enough && m->settings.idle_recompress_usec > 0)
                arm(m, &m->idle_source, m->settings.idle_recompress_usec, on_idle,
                    MIN_OF(m->settings.idle_recompress_usec / 10 + 1, 10 * SECOND));
        else
                disarm(m->idle_source);
}

/* How long to wait yet; 0: it has settled. */
static uint64_t time_to_wait(Manager *m, uint64_t now) {
        uint64_t quiet = now - m->last_event_usec;
        const char *who = NULL;

        if (m->first_event_usec > 0 && quiet < m->settings.settle_usec &&
            now - m->first_event_usec < SETTLE_MAX_USEC)
                return m->settings.settle_usec - quiet;
        if (package_manager_busy(m->options.root, &who) > 0) {
                log_debug("%s is at work; what is to be built waits for its end", who);
                return PACKAGE_MANAGER_USEC;
        }
        return 0;
}

void settle_consider(Manager *m) {
        uint64_t now = now_monotonic_usec(), wait, ahead;
        bool due;

        if (m->stopping || !m->examined)
                return;
        due = m->settings.automatic && any_due(m, now);
        ahead = pack_ahead(m, now);
        wait = due || m->first_event_usec > 0 ? time_to_wait(m, now) : 0;
        if (wait == 0 && due && m->n_holds == 0 && !m->examination && m->look_usec == 0) {
                build_what_is_due(m, now);
                due = false;
        }
        if (wait == 0)
                m->first_event_usec = 0;
        m->settling = due && wait > 0;
        if (ahead > 0 && (wait == 0 || ahead < wait))
                wait = ahead;
        if (wait > 0 && (due || ahead > 0))
                arm(m, &m->settle_source, wait, on_settle, 100 * 1000);
        else
                disarm(m->settle_source);
        if (!due)
                m->found_at_start = false;
        if (!due && queue_count(m) == 0)
                wait_for_idle(m);
        manager_update(m);
        queue_run(m);
}
