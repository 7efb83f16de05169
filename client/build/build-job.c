/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <sys/stat.h>

#include "build-job.h"
#include "build-output.h"
#include "build-result.h"

json_t *image_of_job(sd_bus *bus, const char *path) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        json_t *image;

        if (!path || *path != '/' || streq(path, "/") ||
            bus_get_properties(bus, path, BUS_INTERFACE_IMAGE, &error, &image) < 0)
                return NULL;
        return image;
}

/* How much the image has in it, as far as the service tells. */
static void add_counts(sd_bus *bus, const char *image, json_t *result) {
        static const char *const counts[] = { "files", "drivers" };
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *object = NULL;
        const json_t *fragments;
        const char *text;

        if (arg_quiet ||
            bus_read(bus, image, BUS_INTERFACE_IMAGE, "Inspect", &error, &reply, "t",
                     UINT64_C(0)) < 0 ||
            sym_sd_bus_message_read(reply, "s", &text) < 0)
                return;
        object = json_loads(text, 0, NULL);
        fragments = json_object_get(json_object_get(object, "description"), "fragments");
        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                if (json_object_get(object, counts[i]))
                        json_object_set(result, counts[i], json_object_get(object, counts[i]));
        if (json_array_size(fragments) > 0)
                json_object_set_new(result, "fragments",
                                    json_integer((json_int_t) json_array_size(fragments)));
}

static int show_done(sd_bus *bus, const Request *request, const BusJob *j) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ json_t *job = NULL, *image = NULL, *result = NULL;
        uint64_t size, started, finished;
        const char *path;
        struct stat st;

        (void) bus_get_properties(bus, j->path, BUS_INTERFACE_JOB, &error, &job);
        image = image_of_job(bus, member_text(job, "image"));
        path = request->output ?: member_text(image, "path");
        size = member_number(image, "size");
        if (request->output && !service_is_remote()) {
                if (stat(path, &st) < 0) {
                        say("%s: The service has put the image where only it sees it; add "
                            "--detached to have it brought here.",
                            path);
                        return EXIT_STATUS_FAILED;
                }
                size = (uint64_t) st.st_size;
        }
        started = member_number(job, "started-usec");
        finished = member_number(job, "finished-usec");
        result = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "result", j->result, "kernel",
                           j->kernel, "profile", arg_profile ?: "default", "path",
                           *path ? path : j->kernel, "size", (json_int_t) size, "usec",
                           (json_int_t) (finished > started ? finished - started : 0), "job",
                           (json_int_t) j->id);
        if (!result)
                return EXIT_STATUS_FAILED;
        if (*member_text(job, "profile"))
                json_object_set(result, "profile", json_object_get(job, "profile"));
        json_object_set_new(result, "packed",
                            json_incref(json_object_get(job, "packed")) ?: json_array());
        if (image)
                add_counts(bus, member_text(job, "image"), result);
        show_build_result(result);
        return EXIT_STATUS_DONE;
}

int show_job_result(sd_bus *bus, const Request *request, const BusJob *j) {
        int status;

        if (streq(j->result, "cancelled")) {
                say("%s: Cancelled; what is in place is a whole image, the old one or the new.",
                    j->kernel);
                return EXIT_STATUS_CANCELLED;
        }
        if (!streq(j->result, "done") && !streq(j->result, "unchanged"))
                return say_job_failure(j->kernel, j->error, j->message);
        if (arg_detached) {
                status = fetch_output(bus, j->path, request->output);
                if (status != EXIT_STATUS_DONE)
                        return status;
        }
        return show_done(bus, request, j);
}
