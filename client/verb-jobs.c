/* SPDX-License-Identifier: GPL-2.0-or-later */

/* jobs, cancel: what the service does. */

#include <inttypes.h>
#include <stdio.h>

#include "bus/bus-json.h"
#include "bus/bus.h"
#include "client.h"
#include "string-util.h"
#include "table.h"

/* Connects for a verb that is nothing without the service. An exit status. */
static int open_service(sd_bus **ret, bool may_prompt) {
        int r = STATUS_OFFLINE;

        if (service_is_wanted())
                r = bus_open(ret, may_prompt);
        else
                say("Without the service there are no jobs: it is not asked in a chroot, with "
                    "--offline, or where there is no bus.");
        return r == STATUS_OFFLINE ? EXIT_STATUS_FAILED : r;
}

static int say_call_failure(const char *what, const sd_bus_error *error, int r) {
        if (!bus_error_is_unavailable(error, r))
                return say_bus_error(what, error, r);
        say("The service can't be reached: %s", error->message ?: strerror(-r));
        return EXIT_STATUS_FAILED;
}

static int add_job(Table *table, const json_t *job) {
        json_int_t percent = json_integer_value(json_object_get(job, "progress"));
        const char *state = member_text(job, "state"), *stage = member_text(job, "stage");
        char id[24], progress[8] = "";

        snprintf(id, sizeof(id), "%" PRIu64, member_number(job, "id"));
        if (percent >= 0 && streq(state, "running"))
                snprintf(progress, sizeof(progress), "%u%%", (unsigned) MIN_OF(percent, 100));
        if (streq(state, "finished")) {
                state = member_text(job, "result");
                stage = "";
        }
        return table_add(table,
                         (const char *[]) { id, member_text(job, "type"),
                                            member_text(job, "kernel"),
                                            member_text(job, "profile"),
                                            member_text(job, "reason"), state, stage, progress });
}

static int print_jobs(const json_t *jobs) {
        static const char *const columns[] = { "JOB",    "TYPE",  "KERNEL", "PROFILE",
                                               "REASON", "STATE", "STAGE",  "PROGRESS" };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *job;
        size_t i;
        int r;

        if (json_array_size(jobs) == 0 && arg_legend) {
                if (!arg_quiet)
                        say("No jobs.");
                return EXIT_STATUS_DONE;
        }
        r = table_new(&table, "jobs", columns, ELEMENTSOF(columns));
        json_array_foreach(jobs, i, job)
                if (r >= 0)
                        r = add_job(table, job);
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

/* Those that are over only with --all. */
static void keep_wanted(json_t *jobs) {
        for (size_t i = json_array_size(jobs); !arg_all && i > 0; i--)
                if (streq(member_text(json_array_get(jobs, i - 1), "state"), "finished"))
                        json_array_remove(jobs, i - 1);
}

int verb_jobs(int argc, char *argv[]) {
        _cleanup_(service_view_done) ServiceView view = {};
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r, status;

        status = open_service(&bus, false);
        if (status != EXIT_STATUS_DONE)
                return status;
        r = service_view_read(&view, bus, &error);
        if (r < 0)
                return say_call_failure(NULL, &error, r);
        keep_wanted(view.jobs);
        if (arg_json == JSON_MODE_OFF)
                return print_jobs(view.jobs);
        {
                _cleanup_json_ json_t *object = json_pack("{s:O}", "jobs", view.jobs);

                return object ? print_json(object) : EXIT_STATUS_FAILED;
        }
}

static int cancel(sd_bus *bus, const char *argument) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *what = NULL;
        unsigned id;
        int r;

        if (parse_unsigned(argument, &id) < 0) {
                say("A job is a number, not \"%s\"; `initrdctl jobs` shows them.", argument);
                return EXIT_STATUS_USAGE;
        }
        r = bus_change(bus, "CancelJob", &error, NULL, "t", (uint64_t) id);
        if (r >= 0)
                return EXIT_STATUS_DONE;
        if (str_printf(&what, "Job %u", id) < 0)
                return EXIT_STATUS_FAILED;
        return say_call_failure(what, &error, r);
}

int verb_cancel(int argc, char *argv[]) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int status;

        status = open_service(&bus, true);
        if (status != EXIT_STATUS_DONE)
                return status;
        for (int i = 1; i < argc; i++) {
                int one = cancel(bus, argv[i]);

                if (status == EXIT_STATUS_DONE)
                        status = one;
        }
        return status;
}
