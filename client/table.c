/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <libsmartcols.h>

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

int table_print(Table *t) {
        return scols_print_table(t) < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
}
