/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdio.h>

#include "build-result.h"
#include "bus/bus-json.h"
#include "client.h"
#include "job-protocol.h"
#include "table.h"

static void show_packed(const json_t *packed) {
        json_t *value;
        size_t i;

        printf("%zu packed", json_array_size(packed));
        if (json_array_size(packed) <= 6)
                json_array_foreach(packed, i, value)
                        printf("%s%s", i > 0 ? ", " : ": ", json_string_value(value));
        putchar('\n');
}

void show_build_result(json_t *result) {
        char size[SIZE_TEXT_MAX];
        double seconds = (double) member_number(result, "usec") / 1e6;

        if (arg_json != JSON_MODE_OFF) {
                json_object_del(result, "type");
                json_object_del(result, "description"); /* `initrdctl inspect` has it */
                print_json(result);
                return;
        }
        if (arg_quiet)
                return;
        size_to_text(member_number(result, "size"), size);
        if (streq(member_text(result, "result"), JOB_RESULT_UNCHANGED)) {
                printf("%s: unchanged (%s, %.3f s)\n", member_text(result, "path"), size, seconds);
                return;
        }
        printf("%s: built (%s, ", member_text(result, "path"), size);
        if (json_object_get(result, "files"))
                printf("%llu files, %llu drivers, ",
                       (unsigned long long) member_number(result, "files"),
                       (unsigned long long) member_number(result, "drivers"));
        printf("%.3f s)\n  ", seconds);
        if (json_object_get(result, "fragments"))
                printf("%llu fragments, ",
                       (unsigned long long) member_number(result, "fragments"));
        show_packed(json_object_get(result, "packed"));
}
