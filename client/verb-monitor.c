/* SPDX-License-Identifier: GPL-2.0-or-later */

/* monitor: what the service says of itself, as it says it, until it is interrupted. */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "bus/bus-jobs.h"
#include "bus/bus-json.h"
#include "client.h"
#include "string-util.h"
#include "table.h"

static void print_time(void) {
        time_t now = time(NULL);
        struct tm tm;
        char text[16];

        if (localtime_r(&now, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm) > 0)
                printf("%s%s%s ", colour(COLOUR_DIM), text, colour(COLOUR_NORMAL));
}

/* "job 4", "image 6.1.0-56-amd64", "service". NULL without memory; the caller frees. */
static char *subject_of_path(const char *path) {
        _cleanup_free_ char *first = NULL, *second = NULL;
        char *subject;
        int r;

        if (sym_sd_bus_path_decode_many(path, BUS_PATH_JOBS "/%", &first) > 0)
                r = str_printf(&subject, "job %s", first);
        else if (sym_sd_bus_path_decode_many(path, BUS_PATH_IMAGES "/%/%", &first, &second) > 0)
                r = str_printf(&subject, "image %s%s%s", first,
                               streq(second, "default") ? "" : ", profile ",
                               streq(second, "default") ? "" : second);
        else
                r = str_printf(&subject, "service");
        return r < 0 ? NULL : subject;
}

static void print_value(const json_t *value) {
        _cleanup_free_ char *text = NULL;

        if (json_is_string(value))
                fputs(*json_string_value(value) ? json_string_value(value) : "-", stdout);
        else if ((text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT)))
                fputs(text, stdout);
}

/* Every line says whom it is about, and then what is new, "KEY=VALUE, …". */
static void print_changed(const char *subject, const json_t *changed) {
        const char *key;
        json_t *value;
        size_t i = 0;

        if (json_object_size(changed) == 0)
                return;
        print_time();
        printf("%s:", subject);
        json_object_foreach((json_t *) changed, key, value) {
                printf("%s %s=", i++ > 0 ? "," : "", key);
                print_value(value);
        }
        putchar('\n');
}

static void show_signal(const char *path, const char *member, const json_t *arguments) {
        _cleanup_free_ char *subject = subject_of_path(path);
        json_t *value;
        size_t i;

        if (!subject)
                return;
        if (streq(member, "PropertiesChanged")) {
                print_changed(subject, json_array_get(arguments, 1));
                return;
        }
        print_time();
        printf("%s:", streq(member, "LogMessage") ? subject : member);
        json_array_foreach(arguments, i, value) {
                putchar(' ');
                print_value(value);
        }
        putchar('\n');
}

/* All arguments of a signal, as an array. */
static int read_arguments(sd_bus_message *m, json_t *array) {
        json_t *value;
        int r;

        while ((r = sym_sd_bus_message_at_end(m, true)) == 0) {
                r = bus_message_to_json(m, &value);
                if (r < 0)
                        return r;
                if (json_array_append_new(array, value) < 0)
                        return -ENOMEM;
        }
        return MIN_OF(r, 0);
}

static int on_message(sd_bus_message *m) {
        const char *path = sym_sd_bus_message_get_path(m) ?: "";
        const char *member = sym_sd_bus_message_get_member(m) ?: "";
        _cleanup_json_ json_t *arguments = json_array(), *object = NULL;
        int r;

        if (!arguments || !sym_sd_bus_message_is_signal(m, NULL, NULL) ||
            (!startswith(path, BUS_PATH) && !streq(member, "NameOwnerChanged")))
                return 0;
        r = read_arguments(m, arguments);
        if (r < 0)
                return r;
        if (arg_json != JSON_MODE_OFF) {
                object = json_pack("{s:I, s:s, s:s, s:O}", "time", (json_int_t) time(NULL),
                                   "object", path, "signal", member, "arguments", arguments);
                if (!object)
                        return -ENOMEM;
                json_dumpf(object, stdout, JSON_COMPACT);
                putchar('\n');
        } else if (streq(member, "NameOwnerChanged")) {
                print_time();
                puts(*(json_string_value(json_array_get(arguments, 2)) ?: "") ? "service: started"
                                                                              : "service: ended");
        } else if (!streq(member, "InterfacesAdded") && !streq(member, "InterfacesRemoved"))
                show_signal(path, member, arguments);
        return fflush(stdout) != 0 ? -errno : 0;
}

static int listen_for_ever(sd_bus *bus) {
        for (;;) {
                _cleanup_message_ sd_bus_message *m = NULL;
                struct pollfd fd = { .fd = sym_sd_bus_get_fd(bus), .events = POLLIN };
                int r;

                r = sym_sd_bus_process(bus, &m);
                if (m)
                        r = on_message(m) < 0 ? -EPIPE : 1;
                if (r < 0)
                        return r;
                if (r == 0 && (fd.fd < 0 || (poll(&fd, 1, -1) < 0 && errno != EINTR)))
                        return -ECONNRESET;
        }
}

int verb_monitor(int argc, char *argv[]) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        if (!service_is_wanted()) {
                say("There is no bus to listen to.");
                return EXIT_STATUS_FAILED;
        }
        r = bus_open(&bus, false);
        if (r != EXIT_STATUS_DONE)
                return r == STATUS_OFFLINE ? EXIT_STATUS_FAILED : r;
        r = bus_subscribe(bus, &error);
        if (r < 0)
                return say_bus_error("The service can't be listened to", &error, r);
        if (!arg_quiet && arg_json == JSON_MODE_OFF)
                say("Listening; Ctrl-C ends it.");
        r = listen_for_ever(bus);
        if (r == -EPIPE)
                return EXIT_STATUS_DONE;
        say("The bus went away.");
        return EXIT_STATUS_FAILED;
}
