/* SPDX-License-Identifier: GPL-2.0-or-later */

/* verify: whether an image would boot, and what is missing if not. A line for each thing. */

#include <stdio.h>

#include "client.h"
#include "image-argument.h"
#include "image/verify-file.h"

typedef struct Findings {
        const char *image;
        json_t *array; /* NULL: to standard output as they come */
} Findings;

static int on_finding(void *userdata, const char *path, const char *message) {
        Findings *f = userdata;
        json_t *object;

        if (!f->array) {
                printf("%s: %s.\n", path ?: f->image, message);
                return 0;
        }
        object = json_pack("{s:o, s:o}", "path", path ? json_path(path) : json_null(), "message",
                           json_path(message));
        return json_array_append_new(f->array, object) < 0 ? -ENOMEM : 0;
}

int verb_verify(int argc, char *argv[]) {
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        Findings f = {};
        int r;

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        f.image = path;
        if (arg_json != JSON_MODE_OFF)
                f.array = json_array();
        r = verify_file(image, on_finding, &f);
        if (r < 0) {
                say("%s: The image can't be verified: %s", path, strerror(-r));
                json_decref(f.array);
                return EXIT_STATUS_FAILED;
        }
        if (f.array) {
                int status = give_json(json_pack("{s:o, s:b, s:o}", "image", json_path(path),
                                                 "boots", r == 0, "findings", f.array));

                return status != EXIT_STATUS_DONE ? status : r > 0 ? EXIT_STATUS_FAILED : status;
        }
        if (r == 0 && !arg_quiet)
                printf("%s: It would boot.\n", path);
        return r > 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
}
