/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <inttypes.h>
#include <stdio.h>

#include "bus/bus-json.h"
#include "bus/bus.h"
#include "bus/image-bus.h"
#include "client.h"
#include "inspect-bus.h"
#include "string-util.h"
#include "table.h"

static int show_fragments(const json_t *fragments) {
        static const char *const columns[] = { "SIZE",  "UNPACKED", "COMPRESSOR", "LEVEL",
                                               "SCOPE", "FRAGMENT", "MODULES" };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *f, *module;
        size_t i, k;
        int r;

        r = table_new(&table, "fragments", columns, ELEMENTSOF(columns));
        json_array_foreach(fragments, i, f) {
                char size[SIZE_TEXT_MAX], raw[SIZE_TEXT_MAX], level[24];
                _cleanup_strv_free_ char **names = NULL;
                _cleanup_free_ char *modules = NULL;

                json_array_foreach(json_object_get(f, "modules"), k, module)
                        if (r >= 0)
                                r = strv_extend(&names, json_string_value(module) ?: "");
                modules = strv_join(names, " ");
                snprintf(level, sizeof(level), "%" PRIu64, member_number(f, "level"));
                if (r >= 0)
                        r = table_add(table,
                                      (const char *[]) {
                                                      size_to_text(member_number(f, "size"), size),
                                                      size_to_text(member_number(f, "raw-size"),
                                                                   raw),
                                                      member_text(f, "compression"), level,
                                                      member_text(f, "scope"),
                                                      member_text(f, "name"), modules ?: "" });
        }
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

static int show_modules(const json_t *modules) {
        static const char *const columns[] = { "MODULE", "WHY" };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *module;
        size_t i;
        int r;

        r = table_new(&table, "modules", columns, ELEMENTSOF(columns));
        json_array_foreach(modules, i, module)
                if (r >= 0)
                        r = table_add(table, (const char *[]) { member_text(module, "name"),
                                                                member_text(module, "reason") });
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

static int show(const json_t *image) {
        const json_t *d = json_object_get(image, "description");
        char size[SIZE_TEXT_MAX];
        int status;

        printf("   Image: %s (%s)\n", member_text(image, "path"),
               size_to_text(member_number(image, "size"), size));
        printf("   State: %s\n", member_text(image, "state"));
        printf("  Kernel: %s\n", member_text(image, "kernel"));
        if (!json_is_object(d)) {
                printf(" Profile: %s\n", member_text(image, "profile"));
                return EXIT_STATUS_DONE;
        }
        printf(" Profile: %s, mode %s\n", member_text(d, "profile"), member_text(d, "mode"));
        printf(" Made by: %s %s\n\n", member_text(d, "tool"), member_text(d, "version"));
        status = show_fragments(json_object_get(d, "fragments"));
        putchar('\n');
        return status == EXIT_STATUS_DONE ? show_modules(json_object_get(d, "modules")) : status;
}

static int show_text(const char *text) {
        _cleanup_json_ json_t *image = json_loads(text, 0, NULL);

        if (!image) {
                say("The service says what can't be understood; restart it if it was upgraded.");
                return EXIT_STATUS_FAILED;
        }
        return arg_json != JSON_MODE_OFF ? print_json(image) : show(image);
}

int inspect_over_bus(const char *kernel) {
        _cleanup_message_ sd_bus_message *found = NULL, *reply = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        const char *path, *text;
        int r;

        r = bus_open(&bus, false);
        if (r != EXIT_STATUS_DONE)
                return r;
        r = bus_find_image(bus, kernel, &error, &found, &path);
        if (r >= 0)
                r = bus_read(bus, path, BUS_INTERFACE_IMAGE, "Inspect", &error, &reply, "t",
                             UINT64_C(0));
        if (r >= 0)
                r = sym_sd_bus_message_read(reply, "s", &text);
        if (r >= 0)
                return show_text(text);
        return bus_error_is_unavailable(&error, r) ? service_unavailable(&error, r, false)
                                                   : say_bus_error(kernel, &error, r);
}
