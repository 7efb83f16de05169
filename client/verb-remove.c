/* SPDX-License-Identifier: GPL-2.0-or-later */

/* remove: the images of a kernel, which nothing else takes away. */

#include <stdio.h>

#include "bus-jobs.h"
#include "bus-json.h"
#include "client.h"
#include "string-util.h"

static int request(BusJobs *jobs, sd_bus *bus, const char *kernel) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *list = NULL;
        json_t *job;
        size_t i;
        int r;

        r = bus_jobs_init(jobs, bus, &error);
        if (r >= 0)
                r = bus_change(bus, "Remove", &error, &reply, "st", kernel,
                               (uint64_t) (arg_force ? BUS_FLAG_FORCE : 0));
        if (r >= 0)
                r = bus_message_to_json(reply, &list);
        json_array_foreach(list, i, job)
                if (r >= 0)
                        r = bus_jobs_add(jobs, reply,
                                         (uint64_t) json_integer_value(json_array_get(job, 1)),
                                         json_string_value(json_array_get(job, 2)) ?: "", kernel);
        if (r >= 0)
                return EXIT_STATUS_DONE;
        if (bus_error_is_unavailable(&error, r)) {
                say("The service can't be reached, and only it removes images: %s",
                    error.message ?: strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        return say_bus_error(kernel, &error, r);
}

static int show(const BusJobs *jobs) {
        int status = EXIT_STATUS_DONE;

        for (size_t i = 0; i < jobs->n; i++) {
                const BusJob *j = &jobs->jobs[i];
                int one = EXIT_STATUS_DONE;

                if (!j->finished)
                        one = EXIT_STATUS_CANCELLED;
                else if (streq(j->result, "cancelled")) {
                        say("%s: Cancelled; the image is still there.", j->kernel);
                        one = EXIT_STATUS_CANCELLED;
                } else if (streq(j->result, "failed"))
                        one = say_job_failure(j->kernel, j->error, j->message);
                if (status == EXIT_STATUS_DONE)
                        status = one;
        }
        return status;
}

static int wait_and_show(BusJobs *jobs) {
        int r, status;

        if (!arg_block) {
                for (size_t i = 0; i < jobs->n; i++)
                        printf("%s: job %llu\n", jobs->jobs[i].kernel,
                               (unsigned long long) jobs->jobs[i].id);
                return EXIT_STATUS_DONE;
        }
        r = bus_jobs_wait(jobs);
        if (r == -ECONNRESET)
                say("The service went away meanwhile; `initrdctl list` shows what is left.");
        else if (r < 0 && r != -ECANCELED)
                say("The service can't be listened to: %s", strerror(-r));
        status = show(jobs);
        if (r < 0)
                return r == -ECANCELED ? EXIT_STATUS_CANCELLED : EXIT_STATUS_FAILED;
        if (status == EXIT_STATUS_DONE && !arg_quiet && arg_json == JSON_MODE_OFF && jobs->n > 0)
                printf("%s: removed\n", jobs->jobs[0].kernel);
        return status;
}

static int remove_one(sd_bus *bus, const char *kernel) {
        BusJobs jobs = {};
        int status;

        if (!text_is_utf8(kernel)) {
                say("There is no kernel \"%s\"; `initrdctl list` shows them.", kernel);
                return EXIT_STATUS_NOT_FOUND;
        }
        status = request(&jobs, bus, kernel);
        if (status == EXIT_STATUS_DONE)
                status = wait_and_show(&jobs);
        bus_jobs_done(&jobs);
        return status;
}

int verb_remove(int argc, char *argv[]) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int status = STATUS_OFFLINE;

        if (service_is_wanted())
                status = bus_open(&bus, true);
        else
                say("Only the service removes images, and it is not asked in a chroot, with "
                    "--offline, or where there is no bus.");
        if (status == STATUS_OFFLINE)
                status = EXIT_STATUS_FAILED;
        for (int i = 1; i < argc && bus; i++) {
                int one = remove_one(bus, argv[i]);

                if (status == EXIT_STATUS_DONE)
                        status = one;
        }
        return status;
}
