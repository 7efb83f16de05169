/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "bus/bus-json.h"
#include "client.h"
#include "examine.h"
#include "images.h"
#include "json-text.h"
#include "request.h"
#include "table.h"

static const char *text_or_null(const json_t *image, const char *key) {
        const char *s = member_text(image, key);

        return *s ? s : arg_json == JSON_MODE_OFF ? "-" : NULL;
}

int images_print(const json_t *images) {
        static const char *const columns[] = { "KERNEL", "PROFILE", "STATE", "SIZE", "PATH" };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *image;
        size_t i;
        int r;

        r = table_new(&table, "images", columns, ELEMENTSOF(columns));
        if (r >= 0)
                table_set_number(table, 3);
        json_array_foreach(images, i, image) {
                uint64_t bytes = member_number(image, "size");
                char size[SIZE_TEXT_MAX];

                if (r >= 0)
                        r = table_add(table, (const char *[]) { text_or_null(image, "kernel"),
                                                                text_or_null(image, "profile"),
                                                                text_or_null(image, "state"),
                                                                bytes > 0 ? table_size(bytes, size)
                                                                : arg_json == JSON_MODE_OFF ? "-"
                                                                                            : NULL,
                                                                text_or_null(image, "path") });
        }
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

int images_to_exit_status(const json_t *images, const char *default_kernel) {
        int status = EXIT_STATUS_DONE;
        json_t *image;
        size_t i;

        json_array_foreach(images, i, image) {
                const char *state = member_text(image, "state");
                bool boots = json_is_true(json_object_get(image, "default-boot")) ||
                             (streq(member_text(image, "kernel"), default_kernel) &&
                              streq(member_text(image, "profile"), "default"));

                /* Whoever's image is foreign, and an orphaned one, is nothing to be built. */
                if (streq(state, "current") || streq(state, "building") ||
                    streq(state, "foreign") || streq(state, "orphaned"))
                        continue;
                if (boots && !streq(state, "stale") && !streq(state, "unknown"))
                        return EXIT_STATUS_UNSAFE;
                status = EXIT_STATUS_STALE;
        }
        return status;
}

static json_t *image_to_json(const ExaminedImage *image) {
        json_t *reasons = json_array();

        for (char *const *reason = image->reasons; reason && *reason; reason++)
                json_array_append_new(reasons, json_text(*reason));
        return json_pack("{s:s, s:s, s:s, s:o, s:I, s:o}", "kernel", image->kernel, "profile",
                         image->profile, "state", image_state_to_string(image->state), "path",
                         json_text(image->path), "size",
                         (json_int_t) (image->exists ? image->size : 0), "stale-reasons", reasons);
}

static int examination_to_json(const Examination *x, json_t **ret) {
        _cleanup_json_ json_t *images = json_array();

        if (x->n_kernels == 0) {
                say("There is no kernel below %s/lib/modules.", arg_root ?: "");
                return EXIT_STATUS_NOT_FOUND;
        }
        if (x->n_images == 0) {
                say("No kernel is one of Kernels= in %s%s.",
                    arg_profile ? "profile " : "any profile", arg_profile ?: "");
                return EXIT_STATUS_NOT_FOUND;
        }
        for (size_t i = 0; i < x->n_images; i++)
                if (json_array_append_new(images, image_to_json(&x->images[i])) < 0) {
                        say("Out of memory");
                        return EXIT_STATUS_FAILED;
                }
        *ret = TAKE_PTR(images);
        return EXIT_STATUS_DONE;
}

int images_offline(json_t **ret, char **ret_default) {
        _cleanup_(examination_freep) Examination *x = NULL;
        Report report = REPORT_INIT;
        ExamineOptions options;
        int status;
        Request q;

        if (request_init(&q, NULL) < 0)
                return EXIT_STATUS_FAILED;
        options = (ExamineOptions) { .build = q.options };
        status = examine(&options, &report, &x) < 0 ? say_failure(&report)
                                                    : examination_to_json(x, ret);
        if (status == EXIT_STATUS_DONE)
                *ret_default = TAKE_PTR(x->default_kernel);
        report_done(&report);
        request_done(&q);
        return status;
}
