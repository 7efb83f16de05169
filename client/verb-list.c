/* SPDX-License-Identifier: GPL-2.0-or-later */

/* list: every image that there should be, and whether a build would change anything. */

#include "bus/bus-json.h"
#include "bus/bus.h"
#include "client.h"
#include "images/images.h"

/* An exit status, or STATUS_OFFLINE. */
static int images_of_service(json_t **ret) {
        _cleanup_(service_view_done) ServiceView view = {};
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = bus_open(&bus, false);
        if (r != EXIT_STATUS_DONE)
                return r;
        r = service_view_read(&view, bus, &error);
        if (r < 0)
                return bus_error_is_unavailable(&error, r) ? service_unavailable(&error, r, false)
                                                           : say_bus_error(NULL, &error, r);
        for (size_t i = json_array_size(view.images); arg_profile && i > 0; i--)
                if (!streq(member_text(json_array_get(view.images, i - 1), "profile"),
                           arg_profile))
                        json_array_remove(view.images, i - 1);
        *ret = TAKE_PTR(view.images);
        return EXIT_STATUS_DONE;
}

int verb_list(int argc, char *argv[]) {
        _cleanup_json_ json_t *images = NULL;
        _cleanup_free_ char *next = NULL;
        int status = STATUS_OFFLINE;

        if (service_is_wanted())
                status = images_of_service(&images);
        if (status == STATUS_OFFLINE)
                status = images_offline(&images, &next);
        return status == EXIT_STATUS_DONE ? images_print(images) : status;
}
