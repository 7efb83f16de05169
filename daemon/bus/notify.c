/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * PropertiesChanged, at most ten times a second for each object: what changed is only marked, and a
 * timer sends what is marked with the values of that moment. The first change after a pause goes out
 * with the next turn of the event loop, and those that follow wait for the rest of the interval. The
 * timer runs only while something is marked.
 */

#include "bus-internal.h"
#include "time-util.h"

#define INTERVAL_USEC (100 * UINT64_C(1000))

/* Which property is told of by which mark. */
typedef struct Told {
        const char *property;
        unsigned marks;
} Told;

static const Told manager_told[] = {
        { "State", MANAGER_CHANGED_STATE },           { "RebootSafe", MANAGER_CHANGED_SAFETY },
        { "RebootBlockers", MANAGER_CHANGED_SAFETY }, { "NJobs", MANAGER_CHANGED_COUNTS },
        { "NStale", MANAGER_CHANGED_COUNTS },         { "NFailed", MANAGER_CHANGED_COUNTS },
        { "LastResult", MANAGER_CHANGED_LAST },       { "LastFinishedUSec", MANAGER_CHANGED_LAST },
        { "DefaultKernel", MANAGER_CHANGED_DEFAULT }, { "Holders", MANAGER_CHANGED_HOLDERS },
};

static const Told image_told[] = {
        { "State", IMAGE_CHANGED_STATE },         { "StaleReasons", IMAGE_CHANGED_REASONS },
        { "Path", IMAGE_CHANGED_FILE },           { "Size", IMAGE_CHANGED_FILE },
        { "BuiltUSec", IMAGE_CHANGED_FILE },      { "BuildDurationUSec", IMAGE_CHANGED_FILE },
        { "Digest", IMAGE_CHANGED_FILE },         { "Job", IMAGE_CHANGED_JOB },
        { "LastResult", IMAGE_CHANGED_RESULT },   { "LastError", IMAGE_CHANGED_RESULT },
        { "DefaultBoot", IMAGE_CHANGED_DEFAULT },
};

static const Told job_told[] = {
        { "State", JOB_CHANGED_STATE },
        { "StartedUSec", JOB_CHANGED_STATE },
        { "FinishedUSec", JOB_CHANGED_STATE },
        { "Cancellable", JOB_CHANGED_STATE | JOB_CHANGED_PROGRESS },
        { "Stage", JOB_CHANGED_PROGRESS },
        { "Detail", JOB_CHANGED_PROGRESS },
        { "Progress", JOB_CHANGED_PROGRESS },
        { "Packed", JOB_CHANGED_RESULT },
        { "Result", JOB_CHANGED_RESULT },
        { "Error", JOB_CHANGED_RESULT },
};

#define TOLD_MAX 16

static void flush(Manager *m, const char *path, const char *interface, const Told *told,
                  size_t n_told, unsigned *marks) {
        char *names[TOLD_MAX + 1];
        size_t n = 0;
        int r;

        if (*marks == 0)
                return;
        for (size_t i = 0; i < n_told && n < TOLD_MAX; i++)
                if (told[i].marks & *marks)
                        names[n++] = (char *) told[i].property;
        names[n] = NULL;
        *marks = 0;
        if (n == 0 || !bus_is_up(m))
                return;
        r = sd_bus_emit_properties_changed_strv(m->bus, path, interface, names);
        if (r < 0)
                log_debug("Can't tell what changed of %s: %s", path, strerror(-r));
}

void job_flush(Job *job) {
        flush(job->manager, job->bus_path, BUS_INTERFACE_JOB, job_told, ELEMENTSOF(job_told),
              &job->notify);
}

static int on_notify(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        if (m->bus_private)
                bus_private(m)->last_flush_usec = now_monotonic_usec();
        for (size_t i = 0; i < m->n_jobs; i++)
                job_flush(m->jobs[i]);
        for (size_t i = 0; i < m->n_images; i++)
                flush(m, m->images[i]->bus_path, BUS_INTERFACE_IMAGE, image_told,
                      ELEMENTSOF(image_told), &m->images[i]->notify);
        flush(m, BUS_PATH, BUS_INTERFACE_MANAGER, manager_told, ELEMENTSOF(manager_told),
              &m->notify);
        return 0;
}

static void flush_later(Manager *m) {
        uint64_t due;
        int enabled, r;

        due = bus_private(m)->last_flush_usec + INTERVAL_USEC;
        if (!m->notify_source)
                r = sd_event_add_time(m->event, &m->notify_source, CLOCK_MONOTONIC, due,
                                      INTERVAL_USEC / 10, on_notify, m);
        else {
                if (sd_event_source_get_enabled(m->notify_source, &enabled) > 0)
                        return;
                r = sd_event_source_set_time(m->notify_source, due);
                if (r >= 0)
                        r = sd_event_source_set_enabled(m->notify_source, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_debug("Can't tell what changed: %s", strerror(-r));
}

/* Without a bus nobody is to be told, and who comes later reads. */
static void mark(Manager *m, unsigned *marks, unsigned changed) {
        if (!bus_is_up(m) || changed == 0)
                return;
        *marks |= changed;
        flush_later(m);
}

void manager_notify(Manager *m, unsigned changed) {
        mark(m, &m->notify, changed);
}

void image_notify(Image *image, unsigned changed) {
        mark(image->manager, &image->notify, changed);
}

void job_notify(Job *job, unsigned changed) {
        mark(job->manager, &job->notify, changed);
}

void notify_done(Manager *m) {
        m->notify_source = sd_event_source_disable_unref(m->notify_source);
}
