/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the Manager lists: images, jobs and modules, all from memory. */

#include "bus-internal.h"
#include "bus-options.h"

int reply_begin_array(sd_bus_message *message, const char *contents, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', contents);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reply);
        return 0;
}

int reply_end_array(sd_bus_message *reply) {
        int r;

        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* Begins an answer that is an array, after the flags were read. */
static int begin_list(sd_bus_message *message, uint64_t known, uint64_t *ret_flags,
                      const char *contents, sd_bus_message **ret, sd_bus_error *error) {
        int r;

        r = flags_read(message, known, ret_flags, error);
        return r < 0 ? r : reply_begin_array(message, contents, ret);
}

static int append_strings(sd_bus_message *reply, const char *key, char *const *strings) {
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "s", key);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(reply, (char **) strings);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_image(sd_bus_message *reply, const Image *image) {
        int r;

        r = sd_bus_message_open_container(reply, 'r', "sssoa{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "ssso", image->kernel, image->profile,
                                  image_state_to_string(image_shown_state(image)),
                                  image->bus_path);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "path", "s", image->path,
                                  "booted", "b", (int) image_is_booted(image), "default-boot", "b",
                                  (int) image_is_default(image), "size", "t", image->size,
                                  "built-usec", "t", image->built_usec, "last-result", "s",
                                  image->last_result, "job", "o",
                                  image->job ? image->job->bus_path : "/");
        if (r < 0)
                return r;
        r = append_strings(reply, "stale-reasons", image->stale_reasons);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_list_images(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *m = userdata;
        uint64_t flags;
        int r;

        r = begin_list(message, 0, &flags, "(sssoa{sv})", &reply, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < m->n_images; i++) {
                r = append_image(reply, m->images[i]);
                if (r < 0)
                        return r;
        }
        return reply_end_array(reply);
}

int method_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *m = userdata;
        uint64_t flags;
        int r;

        r = begin_list(message, BUS_FLAG_INCLUDE_FINISHED, &flags, "(tssssio)", &reply, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < m->n_jobs; i++) {
                const Job *job = m->jobs[i];

                if (job->state == JOB_FINISHED && !(flags & BUS_FLAG_INCLUDE_FINISHED))
                        continue;
                r = sd_bus_message_append(reply, "(tssssio)", job->id,
                                          job_kind_to_string(job->type), job->kernel, job->profile,
                                          job_state_to_string(job->state), (int32_t) job->progress,
                                          job->bus_path);
                if (r < 0)
                        return r;
        }
        return reply_end_array(reply);
}

static int append_module(sd_bus_message *reply, const ModuleInfo *module) {
        int r;

        r = sd_bus_message_open_container(reply, 'r', "ssa{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "ss", module->name, module->description ?: "");
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "{sv}", "path", "s", module->path ?: "");
        if (r < 0)
                return r;
        r = append_strings(reply, "needed", module->needed);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_list_modules(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *m = userdata;
        uint64_t flags;
        int r;

        r = begin_list(message, 0, &flags, "(ssa{sv})", &reply, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < m->n_modules; i++) {
                r = append_module(reply, m->modules + i);
                if (r < 0)
                        return r;
        }
        return reply_end_array(reply);
}
