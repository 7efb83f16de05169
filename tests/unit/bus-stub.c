/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "bus-stub.h"
#include "bus/bus.h"
#include "bus/inhibitor.h"
#include "bus/post-update.h"
#include "watch/watcher.h"

BusStub bus_stub;

int bus_start(Manager *m) {
        return 0;
}

void bus_stop(Manager *m) {
}

void bus_image_added(Image *image) {
        bus_stub.images_added++;
}

void bus_image_removed(Image *image) {
        bus_stub.images_removed++;
}

void bus_job_added(Job *job) {
        bus_stub.jobs_added++;
}

void bus_job_ended(Job *job) {
        bus_stub.jobs_ended++;
}

void bus_job_removed(Job *job) {
        bus_stub.jobs_removed++;
}

void bus_job_log(Job *job, int priority, const char *message) {
}

void manager_notify(Manager *m, unsigned changed) {
}

void image_notify(Image *image, unsigned changed) {
}

void job_notify(Job *job, unsigned changed) {
}

void inhibitor_set(Manager *m, InhibitMode mode, const char *why) {
        bus_stub.inhibited = (int) mode;
        bus_stub.inhibited_most = MAX_OF(bus_stub.inhibited_most, (int) mode);
}

void inhibitor_done(Manager *m) {
}

int post_update_start(Manager *m, const char *kernel, const char *image, post_update_handler_t done,
                      void *userdata) {
        bus_stub.hooks++;
        return 0;
}

void post_update_forget(Manager *m, void *userdata) {
}

struct Watcher {
        watcher_handler_t handler;
        void *userdata;
};
static struct Watcher watcher;

int watcher_new(Watcher **ret, sd_event *event, const char *program, watcher_handler_t handler,
                void *userdata) {
        watcher = (struct Watcher) { handler, userdata };
        *ret = &watcher;
        return 0;
}

Watcher *watcher_free(Watcher *w) {
        return NULL;
}

int watcher_set(Watcher *w, char *const *directories) {
        bus_stub.watched++;
        return 0;
}

void bus_stub_event(void) {
        watcher.handler(watcher.userdata, WATCH_CHANGED, "/etc", "crypttab");
}
