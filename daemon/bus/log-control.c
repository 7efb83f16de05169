/* SPDX-License-Identifier: GPL-2.0-or-later */

/* org.freedesktop.LogControl1(5): `systemctl log-level initrdd debug`. Only root may set it, which
 * libsystemd sees to for what isn't marked as unprivileged. */

#include "bus-internal.h"

static int property_get_level(sd_bus *bus, const char *path, const char *interface,
                              const char *property, sd_bus_message *reply, void *userdata,
                              sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", log_level_to_string(log_get_level()));
}

static int property_set_level(sd_bus *bus, const char *path, const char *interface,
                              const char *property, sd_bus_message *value, void *userdata,
                              sd_bus_error *error) {
        const char *s;
        int r, level;

        r = sd_bus_message_read(value, "s", &s);
        if (r < 0)
                return r;
        level = log_level_from_string(s);
        if (level < 0)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no log level \"%.32s\"; they are emerg to debug", s);
        log_set_level(level);
        return 0;
}

static int property_get_target(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *reply, void *userdata,
                               sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", log_target_to_string(log_get_target()));
}

static int property_set_target(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *value, void *userdata,
                               sd_bus_error *error) {
        LogTarget target;
        const char *s;
        int r;

        r = sd_bus_message_read(value, "s", &s);
        if (r < 0)
                return r;
        target = log_target_from_string(s);
        if (target < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "There is no log target \"%.32s\"; they are auto, "
                                         "console, journal and null",
                                         s);
        log_set_target(target);
        return 0;
}

static int property_get_identifier(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", "initrdd");
}

const sd_bus_vtable log_control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", property_get_level, property_set_level, 0, 0),
        SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", property_get_target, property_set_target, 0, 0),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", property_get_identifier, 0,
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};
