/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "build-request.h"
#include "client.h"
#include "initrdd-bus.h"

static int append_option(sd_bus_message *m, const char *key, const char *type, const void *value) {
        int r;

        r = sym_sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sym_sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, key);
        if (r >= 0)
                r = sym_sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, type);
        if (r >= 0)
                r = *type == SD_BUS_TYPE_ARRAY ? sym_sd_bus_message_append_strv(m, (char **) value)
                                               : sym_sd_bus_message_append_basic(m, *type, value);
        if (r >= 0)
                r = sym_sd_bus_message_close_container(m);
        return r < 0 ? r : sym_sd_bus_message_close_container(m);
}

/* Only what was given: the service has the defaults. */
static int append_options(const Request *request, sd_bus_message *m) {
        const struct {
                const char *key, *type;
                const void *value;
        } options[] = {
                { "profile", "s", arg_profile },
                { "reason", "s", arg_reason },
                { "best", "b", arg_best ? &(int) { 1 } : NULL },
                { "settings", "as", arg_settings },
                { "kernel-dir", "s", request->kernel_dir },
                { "output", "s", arg_detached ? NULL : request->output },
                { "detached", "b", arg_detached ? &(int) { 1 } : NULL },
        };
        int r;

        r = sym_sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        for (size_t i = 0; i < ELEMENTSOF(options) && r >= 0; i++)
                if (options[i].value)
                        r = append_option(m, options[i].key, options[i].type, options[i].value);
        return r < 0 ? r : sym_sd_bus_message_close_container(m);
}

int build_request_new(sd_bus_message **ret, sd_bus *bus, const Request *request,
                      const char *kernel, bool force) {
        uint64_t flags = (force ? BUS_FLAG_FORCE : 0) | (arg_hooks ? 0 : BUS_FLAG_NO_HOOKS);
        sd_bus_message *m = NULL;
        int r;

        r = sym_sd_bus_message_new_method_call(bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER,
                                               kernel ? "Build" : "BuildAll");
        if (r >= 0 && kernel)
                r = sym_sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, kernel);
        if (r >= 0)
                r = append_options(request, m);
        if (r >= 0)
                r = sym_sd_bus_message_append_basic(m, SD_BUS_TYPE_UINT64, &flags);
        if (r < 0) {
                if (m)
                        sym_sd_bus_message_unref(m);
                return r;
        }
        *ret = m;
        return 0;
}
