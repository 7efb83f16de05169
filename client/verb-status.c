/* SPDX-License-Identifier: GPL-2.0-or-later */

/* status: the service, the next boot, every kernel, and what is being done. */

#include <inttypes.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>

#include "bus/bus-json.h"
#include "bus/bus.h"
#include "client.h"
#include "images/image-argument.h"
#include "images/images.h"
#include "string-util.h"
#include "table.h"

#define TIME_TEXT_MAX 64

static const char *time_to_text(uint64_t usec, char ret[static TIME_TEXT_MAX]) {
        time_t seconds = (time_t) (usec / 1000000);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) ||
            strftime(ret, TIME_TEXT_MAX, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                snprintf(ret, TIME_TEXT_MAX, "-");
        return ret;
}

static Colour state_colour(const char *state) {
        static const char *const bad[] = { "missing", "failed", "incomplete" };
        static const char *const good[] = { "current", "building" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (streq(state, bad[i]))
                        return COLOUR_BAD;
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (streq(state, good[i]))
                        return COLOUR_GOOD;
        return COLOUR_WARN;
}

/* A heading, for the first line; later ones stand below its value. */
static void show_lines(const char *heading, const json_t *lines) {
        json_t *line;
        size_t i;

        json_array_foreach(lines, i, line)
                printf("%10s%s %s\n", i == 0 ? heading : "", i == 0 ? ":" : " ",
                       json_string_value(line) ?: "");
}

static void show_image(const json_t *image, const char *default_kernel) {
        const char *kernel = member_text(image, "kernel"),
                   *profile = member_text(image, "profile");
        const char *state = member_text(image, "state");
        const char *message =
                        json_string_value(json_array_get(json_object_get(image, "last-error"), 1));
        bool booted = json_is_true(json_object_get(image, "booted"));
        bool boots = json_is_true(json_object_get(image, "default-boot")) ||
                     streq(kernel, default_kernel);
        uint64_t size = member_number(image, "size"), built = member_number(image, "built-usec");
        char text[TIME_TEXT_MAX]; /* holds a size, too */

        printf("\n%s●%s %s%s%s%s%s\n", colour(state_colour(state)), colour(COLOUR_NORMAL), kernel,
               streq(profile, "default") ? "" : ", profile ",
               streq(profile, "default") ? "" : profile, booted ? ", booted" : "",
               boots ? ", boots next" : "");
        printf("     State: %s%s%s\n", colour(state_colour(state)), state, colour(COLOUR_NORMAL));
        show_lines("Why", json_object_get(image, "stale-reasons"));
        if (streq(state, "failed") && message)
                printf("     Error: %s\n", message);
        if (*member_text(image, "path"))
                printf("     Image: %s%s%s%s\n", member_text(image, "path"), size > 0 ? " (" : "",
                       size > 0 ? size_to_text(size, text) : "", size > 0 ? ")" : "");
        if (built > 0)
                printf("     Built: %s, in %.1f s\n", time_to_text(built, text),
                       (double) member_number(image, "build-duration-usec") / 1e6);
}

static void show_jobs(const json_t *jobs) {
        size_t i, n = 0;
        json_t *job;

        json_array_foreach(jobs, i, job) {
                json_int_t percent = json_integer_value(json_object_get(job, "progress"));
                const char *stage = member_text(job, "stage");

                if (streq(member_text(job, "state"), "finished"))
                        continue;
                printf("%10s%s %" PRIu64 " %s %s, %s%s%s", n == 0 ? "Jobs" : "",
                       n == 0 ? ":" : " ", member_number(job, "id"), member_text(job, "type"),
                       member_text(job, "kernel"), member_text(job, "state"), *stage ? ": " : "",
                       stage);
                if (percent >= 0 && streq(member_text(job, "state"), "running"))
                        printf(" %d%%", (int) percent);
                putchar('\n');
                n++;
        }
}

static void show_holders(const json_t *holders) {
        json_t *holder;
        size_t i;

        json_array_foreach(holders, i, holder)
                printf("%10s%s %s: %s\n", i == 0 ? "Held by" : "", i == 0 ? ":" : " ",
                       json_string_value(json_array_get(holder, 0)) ?: "",
                       json_string_value(json_array_get(holder, 1)) ?: "");
}

static void show_manager(const json_t *manager, const json_t *jobs) {
        bool safe = json_is_true(json_object_get(manager, "reboot-safe"));
        Colour c = safe ? COLOUR_GOOD : COLOUR_BAD;
        const char *next = member_text(manager, "default-kernel");

        printf("%s●%s initrdd %s%s%s\n", colour(c), colour(COLOUR_NORMAL),
               member_text(manager, "version"), service_is_remote() ? " on " : "",
               service_is_remote() ? arg_host : "");
        printf("   Service: %s\n", member_text(manager, "state"));
        printf("    Reboot: %s%s%s\n", colour(c), safe ? "safe" : "not safe",
               colour(COLOUR_NORMAL));
        show_lines("Because", json_object_get(manager, "reboot-blockers"));
        if (*member_text(manager, "booted-kernel"))
                printf("    Booted: %s\n", member_text(manager, "booted-kernel"));
        printf("Boots next: %s\n", *next ? next : "can't be told");
        if (*member_text(manager, "last-result"))
                printf("Last build: %s\n", member_text(manager, "last-result"));
        show_jobs(jobs);
        show_holders(json_object_get(manager, "holders"));
}

static int show_service(const ServiceView *view) {
        const char *next = member_text(view->manager, "default-kernel");
        int status = images_to_exit_status(view->images, next);
        json_t *image;
        size_t i;

        if (json_is_false(json_object_get(view->manager, "reboot-safe")))
                status = EXIT_STATUS_UNSAFE;
        if (arg_json != JSON_MODE_OFF) {
                (void) give_json(json_pack("{s:O, s:O, s:O}", "service", view->manager, "images",
                                           view->images, "jobs", view->jobs));
                return status;
        }
        if (arg_quiet)
                return status;
        show_manager(view->manager, view->jobs);
        json_array_foreach(view->images, i, image)
                show_image(image, next);
        return status;
}

/* What the engine finds without the service. */
static int status_offline(void) {
        _cleanup_json_ json_t *images = NULL;
        _cleanup_free_ char *next = NULL;
        struct utsname u;
        json_t *image;
        size_t i;
        int status;

        status = images_offline(&images, &next);
        if (status != EXIT_STATUS_DONE)
                return status;
        status = images_to_exit_status(images, next ?: "");
        if (!arg_root && uname(&u) >= 0)
                json_array_foreach(images, i, image)
                        json_object_set_new(image, "booted",
                                            json_boolean(streq(member_text(image, "kernel"),
                                                               u.release)));
        if (arg_json != JSON_MODE_OFF) {
                (void) give_json(json_pack("{s:n, s:O, s:[]}", "service", "images", images,
                                           "jobs"));
                return status;
        }
        if (arg_quiet)
                return status;
        printf("%s○%s initrdd %s\n   Service: not asked; this is what a build would find\n",
               colour(COLOUR_DIM), colour(COLOUR_NORMAL), PROJECT_VERSION);
        json_array_foreach(images, i, image)
                show_image(image, next ?: "");
        return status;
}

int verb_status(int argc, char *argv[]) {
        _cleanup_(service_view_done) ServiceView view = {};
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        if (!service_is_wanted())
                return status_offline();
        r = bus_open(&bus, false);
        if (r == STATUS_OFFLINE)
                return status_offline();
        if (r != EXIT_STATUS_DONE)
                return r;
        r = service_view_read(&view, bus, &error);
        if (r >= 0)
                return show_service(&view);
        if (!bus_error_is_unavailable(&error, r))
                return say_bus_error(NULL, &error, r);
        r = service_unavailable(&error, r, false);
        return r == STATUS_OFFLINE ? status_offline() : r;
}
