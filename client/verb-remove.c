/* SPDX-License-Identifier: GPL-2.0-or-later */

/* remove: the images of a kernel, which nothing else takes away. */

#include <stdio.h>

#include "bus/bus-jobs.h"
#include "bus/bus-json.h"
#include "client.h"
#include "remove-offline.h"
#include "string-util.h"

/* Makes the jobs. An exit status, or STATUS_OFFLINE. */
static int request(BusJobs *jobs, sd_bus *bus, const char *kernel) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ json_t *list = NULL;
        json_t *job;
        size_t i;
        int r;

        r = bus_jobs_init(jobs, bus, &error);
        if (r >= 0)
                r = sym_sd_bus_message_new_method_call(bus, &m, BUS_NAME, BUS_PATH,
                                                       BUS_INTERFACE_MANAGER, "Remove");
        if (r >= 0)
                r = sym_sd_bus_message_append(m, "st", kernel,
                                              (uint64_t) (arg_force ? BUS_FLAG_FORCE : 0));
        if (r >= 0)
                r = bus_jobs_call(jobs, m, &error, &reply);
        if (r >= 0)
                r = bus_message_to_json(reply, &list);
        json_array_foreach(list, i, job)
                if (r >= 0)
                        r = bus_jobs_add(jobs, reply,
                                         (uint64_t) json_integer_value(json_array_get(job, 1)),
                                         json_string_value(json_array_get(job, 2)) ?: "", kernel);
        if (r >= 0)
                return EXIT_STATUS_DONE;
        if (r == -ECANCELED)
                return EXIT_STATUS_CANCELLED;
        return bus_error_is_unavailable(&error, r) ? service_unavailable(&error, r, true)
                                                   : say_bus_error(kernel, &error, r);
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

/* `images` as they were before. */
static int wait_and_show(BusJobs *jobs, const json_t *images, const char *kernel) {
        json_t *image;
        size_t i;
        int r, status;

        if (!arg_block) {
                for (i = 0; i < jobs->n; i++)
                        printf("%s: job %llu\n", kernel, (unsigned long long) jobs->jobs[i].id);
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
        json_array_foreach(images, i, image)
                if (status == EXIT_STATUS_DONE && streq(member_text(image, "kernel"), kernel) &&
                    !streq(member_text(image, "state"), "foreign"))
                        show_removed(kernel, member_text(image, "profile"),
                                     member_text(image, "path"));
        return status;
}

static int remove_over_bus(sd_bus *bus, const char *kernel) {
        _cleanup_(service_view_done) ServiceView view = {};
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        BusJobs jobs = {};
        int r, status;

        if (!text_is_utf8(kernel)) {
                say("There is no kernel \"%s\"; `initrdctl list` shows them.", kernel);
                return EXIT_STATUS_NOT_FOUND;
        }
        r = service_view_read(&view, bus, &error);
        if (r < 0)
                return bus_error_is_unavailable(&error, r) ? service_unavailable(&error, r, true)
                                                           : say_bus_error(NULL, &error, r);
        status = request(&jobs, bus, kernel);
        if (status == EXIT_STATUS_DONE)
                status = wait_and_show(&jobs, view.images, kernel);
        bus_jobs_done(&jobs);
        return status;
}

int verb_remove(int argc, char *argv[]) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int status = EXIT_STATUS_DONE;

        if (service_is_wanted())
                status = bus_open(&bus, true);
        if (status > EXIT_STATUS_DONE)
                return status;
        status = EXIT_STATUS_DONE;
        for (int i = 1; i < argc; i++) {
                int one = bus ? remove_over_bus(bus, argv[i]) : STATUS_OFFLINE;

                if (one == STATUS_OFFLINE)
                        one = remove_offline(argv[i]);
                if (status == EXIT_STATUS_DONE)
                        status = one;
        }
        return status;
}
