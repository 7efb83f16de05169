/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Everything that the service says is read in the order in which it says it: signals that came
 * before the reply of the call that made a job are still in the queue when we begin to wait. What
 * another program sends under the service's name is not listened to.
 */

#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bus-jobs.h"
#include "bus-json.h"
#include "fd-util.h"
#include "string-util.h"
#include "time-util.h"

int bus_subscribe(sd_bus *bus, sd_bus_error *error) {
        static const char *const rules[] = {
                "type='signal',sender='" BUS_NAME "',path_namespace='" BUS_PATH "'",
                "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                "arg0='" BUS_NAME "'",
        };

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                _cleanup_message_ sd_bus_message *m = NULL;
                int r;

                r = sym_sd_bus_message_new_method_call(bus, &m, "org.freedesktop.DBus",
                                                       "/org/freedesktop/DBus",
                                                       "org.freedesktop.DBus", "AddMatch");
                if (r >= 0)
                        r = sym_sd_bus_message_append(m, "s", rules[i]);
                if (r >= 0)
                        r = sym_sd_bus_call(bus, m, 0, error, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

int bus_jobs_init(BusJobs *ret, sd_bus *bus, sd_bus_error *error) {
        sigset_t interrupt;
        int r, fd;

        r = bus_subscribe(bus, error);
        if (r < 0)
                return r;
        sigemptyset(&interrupt);
        sigaddset(&interrupt, SIGINT);
        fd = signalfd(-1, &interrupt, SFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = (BusJobs) { .bus = bus, .signals = fd, .progress = progress_begin() };
        sigprocmask(SIG_BLOCK, &interrupt, &ret->signals_before);
        return 0;
}

void bus_jobs_done(BusJobs *jobs) {
        if (!jobs->bus)
                return;
        sigprocmask(SIG_SETMASK, &jobs->signals_before, NULL);
        safe_close(jobs->signals);
        for (size_t i = 0; i < jobs->n_early; i++)
                sym_sd_bus_message_unref(jobs->early[i]);
        free(jobs->early);
        for (size_t i = 0; i < jobs->n; i++) {
                BusJob *j = &jobs->jobs[i];

                free(j->path);
                free(j->kernel);
                free(j->stage);
                free(j->detail);
                free(j->result);
                free(j->error);
                free(j->message);
        }
        free(jobs->jobs);
        free(jobs->owner);
        *jobs = (BusJobs) {};
}

static BusJob *find(BusJobs *jobs, const char *path) {
        for (size_t i = 0; path && i < jobs->n; i++)
                if (streq(jobs->jobs[i].path, path))
                        return &jobs->jobs[i];
        return NULL;
}

static int replace(char **p, const char *s) {
        char *copy = strdup(s);

        if (!copy)
                return -ENOMEM;
        free(*p);
        *p = copy;
        return 0;
}

int bus_jobs_add(BusJobs *jobs, sd_bus_message *reply, uint64_t id, const char *path,
                 const char *kernel) {
        BusJob *j;

        if (find(jobs, path))
                return 0;
        if (!jobs->owner && replace(&jobs->owner, sym_sd_bus_message_get_sender(reply) ?: "") < 0)
                return -ENOMEM;
        if (!GREEDY_REALLOC(jobs->jobs, jobs->allocated, jobs->n + 1))
                return -ENOMEM;
        j = &jobs->jobs[jobs->n];
        *j = (BusJob) { .id = id, .percent = -1, .path = strdup(path), .kernel = strdup(kernel) };
        if (!j->path || !j->kernel) {
                free(j->path);
                free(j->kernel);
                return -ENOMEM;
        }
        jobs->n++;
        return 0;
}

static int finish(BusJob *j, const char *result, const char *error, const char *message) {
        if (j->finished)
                return 0;
        j->running = false;
        j->finished = true;
        if (replace(&j->result, result) < 0 || replace(&j->error, error) < 0)
                return -ENOMEM;
        return replace(&j->message, message);
}

static int take_properties(BusJob *j, const json_t *p) {
        const json_t *progress = json_object_get(p, "progress");
        const json_t *state = json_object_get(p, "state"), *stage = json_object_get(p, "stage");
        const json_t *detail = json_object_get(p, "detail");
        const json_t *error = json_object_get(p, "error");

        if (stage && replace(&j->stage, json_string_value(stage) ?: "") < 0)
                return -ENOMEM;
        if (detail && replace(&j->detail, json_string_value(detail) ?: "") < 0)
                return -ENOMEM;
        if (progress)
                j->percent = (int) json_integer_value(progress);
        if (state)
                j->running = streq(member_text(p, "state"), "running");
        if (!*member_text(p, "result"))
                return 0;
        return finish(j, member_text(p, "result"),
                      json_string_value(json_array_get(error, 0)) ?: "",
                      json_string_value(json_array_get(error, 1)) ?: "");
}

static int on_removed(BusJobs *jobs, sd_bus_message *m) {
        const char *path, *kernel, *result, *error, *message;
        uint64_t id;
        BusJob *j;
        int r;

        r = sym_sd_bus_message_read(m, "tossss", &id, &path, &kernel, &result, &error, &message);
        if (r < 0)
                return r;
        j = find(jobs, path);
        return j ? finish(j, result, error, message) : 0;
}

static int on_changed(BusJobs *jobs, sd_bus_message *m) {
        BusJob *j = find(jobs, sym_sd_bus_message_get_path(m));
        _cleanup_json_ json_t *changed = NULL;
        const char *interface;
        int r;

        if (!j)
                return 0;
        r = sym_sd_bus_message_read(m, "s", &interface);
        if (r >= 0)
                r = bus_message_to_json(m, &changed);
        /* Result and error come one by one, perhaps: JobRemoved has both. */
        if (r >= 0)
                json_object_del(changed, "result");
        return r < 0 ? r : take_properties(j, changed);
}

static int on_log_message(BusJobs *jobs, sd_bus_message *m) {
        const char *message;
        uint32_t priority;
        int r;

        if (!find(jobs, sym_sd_bus_message_get_path(m)))
                return 0;
        r = sym_sd_bus_message_read(m, "us", &priority, &message);
        if (r >= 0 && priority <= 4) {
                progress_clear(&jobs->progress);
                say_warning(NULL, NULL, 0, message);
        }
        return r;
}

static int on_message(BusJobs *jobs, sd_bus_message *m) {
        const char *sender = sym_sd_bus_message_get_sender(m) ?: "";
        const sd_bus_error *error = sym_sd_bus_message_get_error(m);

        if (error) {
                progress_clear(&jobs->progress);
                (void) say_bus_error("It can't be cancelled", error, 0);
                return 0;
        }
        if (streq(sender, "org.freedesktop.DBus") &&
            sym_sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
                jobs->lost = true;
                return 0;
        }
        if (!jobs->owner || !streq(sender, jobs->owner))
                return 0;
        if (sym_sd_bus_message_is_signal(m, BUS_INTERFACE_MANAGER, "JobRemoved"))
                return on_removed(jobs, m);
        if (sym_sd_bus_message_is_signal(m, BUS_INTERFACE_JOB, "LogMessage"))
                return on_log_message(jobs, m);
        if (sym_sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties",
                                         "PropertiesChanged"))
                return on_changed(jobs, m);
        return 0;
}

/* An equal request may have got a job that ran long before; it may even be over. */
static int look_once(BusJobs *jobs) {
        for (size_t i = 0; i < jobs->n; i++) {
                _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_json_ json_t *properties = NULL;
                int r;

                r = bus_get_properties(jobs->bus, jobs->jobs[i].path, BUS_INTERFACE_JOB, &error,
                                       &properties);
                if (r >= 0)
                        r = take_properties(&jobs->jobs[i], properties);
                if (r == -ENOMEM || bus_error_is_unavailable(&error, r))
                        return r == -ENOMEM ? r : -ECONNRESET;
        }
        return 0;
}

static int describe(const BusJobs *jobs, const BusJob *j, char **ret) {
        const char *detail = j->detail ?: "";

        if (jobs->interrupts || !j->stage || !*j->stage)
                return str_printf(ret, "%s: %s", j->kernel,
                                  jobs->interrupts ? "cancelling"
                                  : j->running     ? "running"
                                                   : "waiting");
        return str_printf(ret, "%s: %s%s%s", j->kernel, j->stage, *detail ? " " : "", detail);
}

static bool draw(BusJobs *jobs) {
        _cleanup_free_ char *text = NULL;
        const BusJob *shown = NULL;
        unsigned sum = 0;
        size_t left = 0;

        for (size_t i = 0; i < jobs->n; i++) {
                const BusJob *j = &jobs->jobs[i];

                sum += j->finished ? 100u : (unsigned) MAX_OF(j->percent, 0);
                left += !j->finished;
                if (!j->finished && (!shown || (j->running && !shown->running)))
                        shown = j;
        }
        if (shown && describe(jobs, shown, &text) >= 0)
                progress_draw(&jobs->progress, sum / (unsigned) jobs->n, text);
        return left > 0;
}

/* The first Ctrl-C. Whether a job lets itself be cancelled, its reply says. */
static void cancel_all(BusJobs *jobs) {
        for (size_t i = 0; i < jobs->n; i++) {
                _cleanup_message_ sd_bus_message *m = NULL;
                uint64_t cookie;

                if (!jobs->jobs[i].finished &&
                    sym_sd_bus_message_new_method_call(jobs->bus, &m, BUS_NAME, jobs->jobs[i].path,
                                                       BUS_INTERFACE_JOB, "Cancel") >= 0)
                        (void) sym_sd_bus_send(jobs->bus, m, &cookie);
        }
}

static int poll_timeout(sd_bus *bus) {
        uint64_t until, now = now_monotonic_usec();

        if (sym_sd_bus_get_timeout(bus, &until) < 0 || until == UINT64_MAX)
                return -1;
        return until > now ? (int) MIN_OF((until - now) / 1000 + 1, UINT64_C(60000)) : 0;
}

/* For something on the bus, or a Ctrl-C. */
static int wait_for_more(BusJobs *jobs) {
        struct pollfd fds[] = {
                { .fd = sym_sd_bus_get_fd(jobs->bus),
                  .events = (short) sym_sd_bus_get_events(jobs->bus) },
                { .fd = jobs->signals, .events = POLLIN },
        };
        struct signalfd_siginfo info;

        if (fds[0].fd < 0)
                return -ECONNRESET;
        if (poll(fds, ELEMENTSOF(fds), poll_timeout(jobs->bus)) < 0)
                return errno == EINTR ? 0 : -errno;
        if (!fds[1].revents || read(jobs->signals, &info, sizeof(info)) != sizeof(info))
                return 0;
        if (jobs->interrupts++ > 0)
                return -ECANCELED;
        cancel_all(jobs);
        return 0;
}

int bus_jobs_call(BusJobs *jobs, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret) {
        uint64_t cookie, answered;
        int r;

        r = sym_sd_bus_send(jobs->bus, m, &cookie);
        while (r >= 0) {
                sd_bus_message *got = NULL;

                r = sym_sd_bus_process(jobs->bus, &got);
                if (!got) {
                        if (r == 0)
                                r = wait_for_more(jobs);
                        continue;
                }
                if (sym_sd_bus_message_get_reply_cookie(got, &answered) >= 0 &&
                    answered == cookie) {
                        const sd_bus_error *failure = sym_sd_bus_message_get_error(got);

                        r = failure ? sym_sd_bus_error_copy(error, failure) : 0;
                        if (r >= 0) {
                                *ret = got;
                                return 0;
                        }
                        sym_sd_bus_message_unref(got);
                        return r;
                }
                if (!GREEDY_REALLOC(jobs->early, jobs->allocated_early, jobs->n_early + 1)) {
                        sym_sd_bus_message_unref(got);
                        return -ENOMEM;
                }
                jobs->early[jobs->n_early++] = got;
        }
        return r;
}

/* Everything that is there. */
static int process(BusJobs *jobs) {
        int r = 0;

        for (size_t i = 0; i < jobs->n_early && r >= 0; i++)
                r = on_message(jobs, jobs->early[i]);
        for (size_t i = 0; i < jobs->n_early; i++)
                sym_sd_bus_message_unref(jobs->early[i]);
        jobs->n_early = 0;
        while (r >= 0) {
                _cleanup_message_ sd_bus_message *m = NULL;

                r = sym_sd_bus_process(jobs->bus, &m);
                if (r <= 0)
                        return r;
                r = m ? on_message(jobs, m) : 0;
        }
        return r;
}

int bus_jobs_wait(BusJobs *jobs) {
        int r;

        r = look_once(jobs);
        if (r >= 0 && jobs->interrupts > 0)
                cancel_all(jobs);
        while (r >= 0) {
                r = process(jobs);
                if (r < 0 || !draw(jobs))
                        break;
                r = jobs->lost ? -ECONNRESET : wait_for_more(jobs);
        }
        progress_clear(&jobs->progress);
        return r == -ENOTCONN || r == -EPIPE ? -ECONNRESET : r;
}
