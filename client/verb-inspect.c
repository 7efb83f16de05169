/* SPDX-License-Identifier: GPL-2.0-or-later */

/* inspect: what an image is made of. */

#include <unistd.h>

#include "bus/bus.h"
#include "client.h"
#include "images/image-argument.h"
#include "inspect/inspect-bus.h"
#include "inspect/inspect.h"
#include "table.h"

const char *arg_html;

int verb_inspect(int argc, char *argv[]) {
        _cleanup_(inspection_freep) Inspection *i = NULL;
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        ImageState state = {};
        Inspected inspected;
        int r, status;

        /* What the service has is quicker, and open to all; what it doesn't have, the file has. */
        if (!arg_html && !strchr(argv[1], '/') &&
            (service_is_remote() ||
             (access(argv[1], F_OK) < 0 && text_is_utf8(argv[1]) && service_is_wanted()))) {
                status = inspect_over_bus(argv[1]);
                if (status != STATUS_OFFLINE)
                        return status;
        }
        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        r = inspection_new(&i, image);
        if (r >= 0)
                r = image_state_init(&state, i->described, image);
        if (r < 0) {
                say("%s: The image can't be inspected: %s", path, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        inspected = (Inspected) { path, image, i, &state };
        status = arg_html                    ? inspect_write_page(&inspected, arg_html)
                 : arg_json != JSON_MODE_OFF ? give_json(inspect_json(&inspected))
                                             : inspect_print(&inspected);
        image_state_done(&state);
        return i->fault.what ? say_fault(path, &i->fault) : status;
}
