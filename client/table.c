/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>

#include "client.h"
#include "table.h"

int table_new(Table **ret, const char *name, const char *const *columns, size_t n) {
        _cleanup_(table_freep) Table *t = scols_new_table();

        if (!t)
                return -ENOMEM;
        scols_table_set_name(t, name);
        scols_table_enable_json(t, arg_json != JSON_MODE_OFF);
        scols_table_enable_noheadings(t, !arg_legend && arg_json == JSON_MODE_OFF);
        for (size_t i = 0; i < n; i++)
                if (!scols_table_new_column(t, columns[i], 0, 0))
                        return -ENOMEM;
        *ret = TAKE_PTR(t);
        return 0;
}

void table_set_number(Table *t, size_t column) {
        scols_column_set_json_type(scols_table_get_column(t, column), SCOLS_JSON_NUMBER);
}

const char *table_size(uint64_t bytes, char ret[static SIZE_TEXT_MAX]) {
        if (arg_json == JSON_MODE_OFF)
                return size_to_text(bytes, ret);
        snprintf(ret, SIZE_TEXT_MAX, "%" PRIu64, MIN_OF(bytes, UINT64_C(999999999999999)));
        return ret;
}

void table_free(Table *t) {
        scols_unref_table(t);
}

int table_add(Table *t, const char *const *cells) {
        struct libscols_line *line = scols_table_new_line(t, NULL);

        if (!line)
                return -ENOMEM;
        for (size_t i = 0; i < scols_table_get_ncols(t); i++)
                if (scols_line_set_data(line, i, cells[i]) < 0)
                        return -ENOMEM;
        return 0;
}

int table_to_json(Table *t, json_t **ret) {
        _cleanup_free_ char *text = NULL;
        json_t *object;

        if (scols_table_is_empty(t)) {
                object = json_pack("{s:[]}", scols_table_get_name(t));
                if (!object)
                        return -ENOMEM;
                *ret = object;
                return 0;
        }
        if (scols_print_table_to_string(t, &text) < 0)
                return -ENOMEM;
        object = json_loads(text, 0, NULL);
        if (!object)
                return -EBADMSG;
        *ret = object;
        return 0;
}

int print_json(const json_t *object) {
        json_dumpf(object, stdout, arg_json == JSON_MODE_SHORT ? JSON_COMPACT : JSON_INDENT(2));
        putchar('\n');
        return EXIT_STATUS_DONE;
}

int give_json(json_t *object) {
        int status = EXIT_STATUS_FAILED;

        if (object)
                status = print_json(object);
        else
                say("Out of memory");
        json_decref(object);
        return status;
}

int table_print(Table *t) {
        json_t *object;

        if (arg_json == JSON_MODE_OFF)
                return scols_print_table(t) < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
        if (table_to_json(t, &object) < 0) {
                say("The table can't be turned into JSON.");
                return EXIT_STATUS_FAILED;
        }
        print_json(object);
        json_decref(object);
        return EXIT_STATUS_DONE;
}
