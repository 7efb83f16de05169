/* SPDX-License-Identifier: GPL-2.0-or-later */

/* list: every image that there should be, and whether a build would change anything. */

#include <stdio.h>

#include "client.h"
#include "examine.h"
#include "request.h"
#include "string-util.h"
#include "table.h"

static int add_image(Table *table, const ExaminedImage *image) {
        const char *none = arg_json == JSON_MODE_OFF ? "-" : NULL;
        char size[SIZE_TEXT_MAX];

        return table_add(table,
                         (const char *[]) { image->kernel, image->profile,
                                            image_state_to_string(image->state),
                                            image->exists ? table_size(image->size, size) : none,
                                            image->path });
}

static int show(const Examination *x) {
        static const char *const columns[] = { "KERNEL", "PROFILE", "STATE", "SIZE", "PATH" };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        if (x->n_kernels == 0) {
                say("There is no kernel below %s/lib/modules.", arg_root ?: "");
                return EXIT_STATUS_NOT_FOUND;
        }
        if (x->n_images == 0) {
                say("No kernel is one of Kernels= in %s%s.",
                    arg_profile ? "profile " : "any profile", arg_profile ?: "");
                return EXIT_STATUS_NOT_FOUND;
        }
        r = table_new(&table, "images", columns, ELEMENTSOF(columns));
        if (r >= 0)
                table_set_number(table, 3);
        for (size_t i = 0; i < x->n_images && r >= 0; i++)
                r = add_image(table, &x->images[i]);
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

int verb_list(int argc, char *argv[]) {
        _cleanup_(examination_freep) Examination *x = NULL;
        Report report = REPORT_INIT;
        ExamineOptions options;
        int status;
        Request q;

        if (request_init(&q, NULL) < 0)
                return EXIT_STATUS_FAILED;
        options = (ExamineOptions) { .build = q.options };
        status = examine(&options, &report, &x) < 0 ? say_failure(&report) : show(x);
        report_done(&report);
        request_done(&q);
        return status;
}
