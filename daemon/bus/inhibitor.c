/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * logind's inhibitors (org.freedesktop.login1(5)): a lock is a descriptor, and lasts until it is
 * closed. It is asked for without waiting, and one kind is given back only when the other has come.
 * That there is no logind, or that it refuses, is no error: then nobody holds the machine up.
 */

#include "bus-internal.h"
#include "fd-util.h"
#include "inhibitor.h"
#include "string-util.h"

#include <fcntl.h>

struct Inhibitor {
        Manager *manager;
        InhibitMode wanted, asked, have;
        char *why;
        int fd; /* of the one that we have */
        sd_bus_slot *call; /* while we ask */
};

static void inhibitor_ask(Inhibitor *i);

static Inhibitor *inhibitor_get(Manager *m) {
        BusPrivate *p = bus_private(m);

        if (!p)
                return NULL;
        if (!p->inhibitor) {
                p->inhibitor = calloc(1, sizeof(Inhibitor));
                if (p->inhibitor) {
                        p->inhibitor->manager = m;
                        p->inhibitor->fd = -EBADF;
                }
        }
        return p->inhibitor;
}

static void give_back(Inhibitor *i) {
        i->fd = safe_close(i->fd);
        i->have = INHIBIT_NONE;
}

static int on_inhibited(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        Inhibitor *i = userdata;
        int fd, copy;

        i->call = sd_bus_slot_unref(i->call);
        if (e)
                log_debug("logind gives no inhibitor: %s", e->message ?: e->name);
        else if (sd_bus_message_read(reply, "h", &fd) >= 0) {
                copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (copy >= 0) {
                        give_back(i);
                        i->fd = copy;
                        i->have = i->asked;
                }
        }
        /* It may have become another meanwhile. One that was refused isn't asked for again. */
        if (i->wanted == INHIBIT_NONE)
                give_back(i);
        else if (i->wanted != i->asked)
                inhibitor_ask(i);
        return 0;
}

static void inhibitor_ask(Inhibitor *i) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        Manager *m = i->manager;
        int r;

        if (!bus_is_up(m) || i->call)
                return;
        r = sd_bus_message_new_method_call(m->bus, &call, "org.freedesktop.login1",
                                           "/org/freedesktop/login1",
                                           "org.freedesktop.login1.Manager", "Inhibit");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0)
                r = sd_bus_message_append(call, "ssss", "shutdown", "initrdd", i->why,
                                          i->wanted == INHIBIT_BLOCK ? "block" : "delay");
        if (r >= 0)
                r = sd_bus_call_async(m->bus, &i->call, call, on_inhibited, i, 0);
        if (r < 0)
                log_debug("Can't ask logind for an inhibitor: %s", strerror(-r));
        else
                i->asked = i->wanted;
}

void inhibitor_set(Manager *m, InhibitMode mode, const char *why) {
        Inhibitor *i = inhibitor_get(m);
        char *copy;

        if (!i || i->wanted == mode)
                return;
        if (mode == INHIBIT_NONE) {
                i->wanted = mode;
                /* While one is asked for, the answer is waited for. */
                if (!i->call)
                        give_back(i);
                return;
        }
        copy = strdup(why ?: "");
        if (!copy)
                return;
        free(i->why);
        i->why = copy;
        i->wanted = mode;
        if (i->have != mode)
                inhibitor_ask(i);
}

static int on_prepare_for_shutdown(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        int begins, r;

        r = sd_bus_message_read(message, "b", &begins);
        if (r < 0)
                return 0;
        if (begins)
                manager_prepare_for_shutdown(m);
        else
                /* It stays after all: what was dropped is found again. */
                manager_look(m);
        return 0;
}

int inhibitor_connected(Manager *m) {
        Inhibitor *i = inhibitor_get(m);
        int r;

        if (!i)
                return -ENOMEM;
        r = sd_bus_match_signal_async(m->bus, NULL, "org.freedesktop.login1",
                                      "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                                      "PrepareForShutdown", on_prepare_for_shutdown, NULL, m);
        if (i->wanted != i->have)
                inhibitor_ask(i);
        return r;
}

/* logind keeps what we have: it looks at the descriptor, not at the bus. */
void inhibitor_disconnected(Manager *m) {
        Inhibitor *i = bus_private(m)->inhibitor;

        if (!i)
                return;
        i->call = sd_bus_slot_unref(i->call);
        if (i->wanted == INHIBIT_NONE)
                give_back(i);
}

void inhibitor_done(Manager *m) {
        Inhibitor *i = bus_private(m) ? bus_private(m)->inhibitor : NULL;

        if (!i)
                return;
        sd_bus_slot_unref(i->call);
        safe_close(i->fd);
        free(i->why);
        free(i);
        bus_private(m)->inhibitor = NULL;
}
