/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A Question is about one message that was put aside, and goes through
 *
 *   1. the bus is asked who the sender is       (GetConnectionCredentials)
 *   2. the message is handled again: root may; for others
 *   3. polkit is asked                          (CheckAuthorization, without a timeout: people type)
 *   4. the message is handled again, with the answer
 *
 * and is found by the message. Who a sender is never changes, and its name is not used again, so the
 * last ones are remembered: a storm of requests asks the bus once for each connection. A sender that vanishes meanwhile takes its question along. Questions
 * that have their answer are swept away when the loop has nothing else to do: by then their message
 * was handled, also when its object was gone and no method asked.
 */

#include <stdio.h>

#include "initrdd-bus.h"
#include "log.h"
#include "polkit.h"
#include "string-util.h"

typedef struct Question {
        Polkit *polkit;
        sd_bus_message *message;
        uint64_t id;
        bool waiting; /* for the bus or for polkit */
        Sender sender;

        const char *action; /* that polkit was asked about, or NULL */
        bool authorized, challenge, dismissed;
        bool unreachable; /* polkit could not be asked */

        sd_bus_slot *slot, *vanished;
} Question;

/* Senders that are remembered. */
#define KNOWN_MAX 64

typedef struct Known {
        char name[32]; /* unique; "" none yet */
        Sender sender;
} Known;

struct Polkit {
        Manager *manager;
        Known known[KNOWN_MAX];
        size_t next_known; /* to be replaced */
        Question **questions;
        size_t n_questions, allocated;
        uint64_t last_id;
        sd_event_source *sweep;
};

static void question_free(Question *q) {
        sd_bus_slot_unref(q->slot);
        sd_bus_slot_unref(q->vanished);
        sd_bus_message_unref(q->message);
        free(q);
}

static void polkit_remove(Polkit *p, Question *q) {
        for (size_t i = 0; i < p->n_questions; i++)
                if (p->questions[i] == q) {
                        p->questions[i] = p->questions[--p->n_questions];
                        break;
                }
        question_free(q);
}

Polkit *polkit_free(Polkit *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_questions; i++)
                question_free(p->questions[i]);
        sd_event_source_disable_unref(p->sweep);
        free(p->questions);
        free(p);
        return NULL;
}

static int on_sweep(sd_event_source *source, void *userdata) {
        Polkit *p = userdata;

        for (size_t i = p->n_questions; i > 0; i--)
                if (!p->questions[i - 1]->waiting)
                        polkit_remove(p, p->questions[i - 1]);
        return 0;
}

static int polkit_get(Manager *m, Polkit **ret) {
        Polkit *p;
        int r;

        if (!m->polkit) {
                p = calloc(1, sizeof(Polkit));
                if (!p)
                        return -ENOMEM;
                p->manager = m;
                r = sd_event_add_defer(m->event, &p->sweep, on_sweep, p);
                if (r >= 0)
                        r = sd_event_source_set_priority(p->sweep, SD_EVENT_PRIORITY_IDLE);
                if (r >= 0)
                        r = sd_event_source_set_enabled(p->sweep, SD_EVENT_OFF);
                if (r < 0) {
                        polkit_free(p);
                        return r;
                }
                m->polkit = p;
        }
        *ret = m->polkit;
        return 0;
}

static Question *polkit_find(const Polkit *p, sd_bus_message *message) {
        for (size_t i = 0; i < p->n_questions; i++)
                if (p->questions[i]->message == message)
                        return p->questions[i];
        return NULL;
}

static const Known *find_known(const Polkit *p, const char *name) {
        for (size_t i = 0; i < KNOWN_MAX; i++)
                if (*p->known[i].name && streq(p->known[i].name, name))
                        return p->known + i;
        return NULL;
}

static void remember(Polkit *p, const char *name, const Sender *sender) {
        Known *k = p->known + p->next_known;

        if (strlen(name) >= sizeof(k->name))
                return;
        strcpy(k->name, name);
        k->sender = *sender;
        p->next_known = (p->next_known + 1) % KNOWN_MAX;
}

/* There is an answer: the message is handled again. */
static void question_answered(Question *q) {
        Polkit *p = q->polkit;
        int r;

        q->waiting = false;
        q->slot = sd_bus_slot_unref(q->slot);
        q->vanished = sd_bus_slot_unref(q->vanished);
        (void) sd_event_source_set_enabled(p->sweep, SD_EVENT_ONESHOT);

        r = sd_bus_message_rewind(q->message, true);
        if (r >= 0)
                r = sd_bus_enqueue_for_read(p->manager->bus, q->message);
        if (r < 0)
                (void) sd_bus_reply_method_errno(q->message, r, NULL);
}

static int read_credentials(sd_bus_message *reply, Sender *ret) {
        const char *key;
        uint32_t value;
        bool known = false;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = sd_bus_message_read(reply, "s", &key);
                if (r < 0)
                        return r;
                if (streq(key, "UnixUserID") || streq(key, "ProcessID")) {
                        r = sd_bus_message_read(reply, "v", "u", &value);
                        if (r < 0)
                                return r;
                        if (streq(key, "ProcessID"))
                                ret->pid = (pid_t) value;
                        else {
                                ret->uid = (uid_t) value;
                                known = true;
                        }
                } else {
                        r = sd_bus_message_skip(reply, "v");
                        if (r < 0)
                                return r;
                }
                r = sd_bus_message_exit_container(reply);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : known ? 0 : -ENODATA;
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Question *q = userdata;
        int r;

        r = sd_bus_message_is_method_error(reply, NULL) ? -EACCES
                                                        : read_credentials(reply, &q->sender);
        if (r < 0) {
                /* Who can't be named may nothing; most likely it is gone. */
                (void) sd_bus_reply_method_errorf(q->message, SD_BUS_ERROR_ACCESS_DENIED,
                                                  "The bus could not tell who asks");
                polkit_remove(q->polkit, q);
                return 0;
        }
        remember(q->polkit, sd_bus_message_get_sender(q->message), &q->sender);
        question_answered(q);
        return 0;
}

/* Puts a message aside. */
static int question_new(Polkit *p, sd_bus_message *message, sd_bus_error *error, Question **ret) {
        Question *q;

        if (p->n_questions >= POLKIT_LOOKUPS_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many requests at once; try again in a moment");
        if (!GREEDY_REALLOC(p->questions, p->allocated, p->n_questions + 1))
                return -ENOMEM;
        q = calloc(1, sizeof(Question));
        if (!q)
                return -ENOMEM;
        q->polkit = p;
        q->message = sd_bus_message_ref(message);
        q->id = ++p->last_id;
        p->questions[p->n_questions++] = q;
        *ret = q;
        return 0;
}

int bus_sender(Manager *m, sd_bus_message *message, Sender *ret, sd_bus_error *error) {
        const char *name = sd_bus_message_get_sender(message);
        const Known *known;
        Polkit *p;
        Question *q;
        int r;

        r = polkit_get(m, &p);
        if (r < 0)
                return r;
        q = polkit_find(p, message);
        if (q) {
                *ret = q->sender;
                return 1;
        }
        known = name ? find_known(p, name) : NULL;
        if (known) {
                *ret = known->sender;
                return 1;
        }

        r = question_new(p, message, error, &q);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(m->bus, &q->slot, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionCredentials", on_credentials, q, "s", name);
        if (r < 0) {
                polkit_remove(p, q);
                return r;
        }
        q->waiting = true;
        return 0;
}

static int read_answer(sd_bus_message *reply, Question *q) {
        int authorized, challenge, r;
        const char *key, *value;

        r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
                if (streq(key, "polkit.dismissed"))
                        q->dismissed = true;
        if (r < 0)
                return r;
        q->authorized = authorized;
        q->challenge = challenge;
        return 0;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        Question *q = userdata;

        if (e) {
                log_debug("polkit can't be asked: %s", e->message ?: e->name);
                q->unreachable = true;
        } else if (read_answer(reply, q) < 0)
                q->unreachable = true;
        question_answered(q);
        return 0;
}

/* Who asked is gone, and so is the dialog. */
static int on_vanished(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Question *q = userdata;
        Polkit *p = q->polkit;
        char id[32];

        snprintf(id, sizeof(id), "%llu", (unsigned long long) q->id);
        (void) sd_bus_call_method_async(p->manager->bus, NULL, "org.freedesktop.PolicyKit1",
                                        "/org/freedesktop/PolicyKit1/Authority",
                                        "org.freedesktop.PolicyKit1.Authority",
                                        "CancelCheckAuthorization", NULL, NULL, "s", id);
        polkit_remove(p, q);
        return 0;
}

static int watch_sender(sd_bus *bus, Question *q) {
        _cleanup_free_ char *match = NULL;
        int r;

        r = str_printf(&match,
                       "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                       "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s',"
                       "arg2=''",
                       sd_bus_message_get_sender(q->message));
        if (r < 0)
                return r;
        return sd_bus_add_match_async(bus, &q->vanished, match, on_vanished, NULL, q);
}

static int ask_polkit(sd_bus *bus, Question *q, const char *kernel, const char *verb) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        char id[32];
        int r;

        r = sd_bus_message_new_method_call(bus, &call, "org.freedesktop.PolicyKit1",
                                           "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority",
                                           "CheckAuthorization");
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(q->message), q->action);
        if (r < 0)
                return r;
        if (kernel)
                r = sd_bus_message_append(call, "a{ss}", 2, "verb", verb, "kernel", kernel);
        else
                r = sd_bus_message_append(call, "a{ss}", 1, "verb", verb);
        if (r < 0)
                return r;
        snprintf(id, sizeof(id), "%llu", (unsigned long long) q->id);
        r = sd_bus_message_append(
                        call, "us",
                        sd_bus_message_get_allow_interactive_authorization(q->message) > 0 ? 1U
                                                                                           : 0U,
                        id);
        if (r < 0)
                return r;
        return sd_bus_call_async(bus, &q->slot, call, on_answer, q, UINT64_MAX);
}

/* Whether polkit is kept busy enough already. */
static int check_limits(const Polkit *p, const Sender *sender, sd_bus_error *error) {
        unsigned all = 0, of_user = 0;

        for (size_t i = 0; i < p->n_questions; i++)
                if (p->questions[i]->waiting && p->questions[i]->action) {
                        all++;
                        of_user += p->questions[i]->sender.uid == sender->uid;
                }
        if (all < POLKIT_QUESTIONS_MAX && of_user < POLKIT_QUESTIONS_USER_MAX)
                return 0;
        return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                "Too many requests wait for an authorisation; answer those first");
}

static int take_answer(const Question *q, const char *verb, sd_bus_error *error) {
        if (q->authorized)
                return 1;
        if (q->unreachable)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_ACCESS_DENIED,
                                "Only root may %s here: polkit can't be asked about others", verb);
        if (q->dismissed)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                         "The authorisation to %s was dismissed", verb);
        if (q->challenge)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                         "To %s needs an authorisation; ask as root, or let "
                                         "polkit ask for a password",
                                         verb);
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                 "This user may not %s (polkit action %s); ask as root", verb,
                                 q->action);
}

int bus_authorize(Manager *m, sd_bus_message *message, const Sender *sender, const char *action,
                  const char *kernel, const char *verb, sd_bus_error *error) {
        Polkit *p = m->polkit;
        Question *q;
        int r;

        if (sender->uid == 0)
                return 1;
        q = polkit_find(p, message);
        if (q && q->action && streq(q->action, action))
                return take_answer(q, verb, error);

        r = check_limits(p, sender, error);
        if (r < 0)
                return r;
        if (!q) {
                r = question_new(p, message, error, &q);
                if (r < 0)
                        return r;
                q->sender = *sender;
        }
        q->action = action;
        q->authorized = q->challenge = q->dismissed = q->unreachable = false;
        r = watch_sender(m->bus, q);
        if (r >= 0)
                r = ask_polkit(m->bus, q, kernel, verb);
        if (r < 0) {
                polkit_remove(p, q);
                return r;
        }
        q->waiting = true;
        return 0;
}

int bus_admit(Manager *m, sd_bus_message *message, Sender *ret, const char *action,
              const char *kernel, const char *verb, sd_bus_error *error) {
        int r;

        r = bus_sender(m, message, ret, error);
        return r <= 0 ? r : bus_authorize(m, message, ret, action, kernel, verb, error);
}
