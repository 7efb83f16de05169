/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two sources tell of an image: looks at the machine (image_take_report()), which say how it is now,
 * and builds of ours (image_take_result(), image_set_error()), which say what was made. What others are
 * shown is made of both, and of the job that is at it.
 */

#include <systemd/sd-bus.h>
#include <time.h>

#include "image.h"
#include "initrdd-bus.h"
#include "manager.h"
#include "string-util.h"
#include "time-util.h"

static const char *const state_names[_IMAGE_STATE_MAX] = {
        [IMAGE_UNKNOWN] = "unknown", [IMAGE_CURRENT] = "current",
        [IMAGE_STALE] = "stale",     [IMAGE_BUILDING] = "building",
        [IMAGE_FAILED] = "failed",   [IMAGE_INCOMPLETE] = "incomplete",
        [IMAGE_MISSING] = "missing", [IMAGE_ORPHANED] = "orphaned",
        [IMAGE_FOREIGN] = "foreign",
};

const char *image_state_to_string(ImageState state) {
        return state >= 0 && state < _IMAGE_STATE_MAX ? state_names[state] : NULL;
}

ImageState image_state_from_string(const char *s) {
        for (int i = 0; s && i < _IMAGE_STATE_MAX; i++)
                if (streq(state_names[i], s))
                        return (ImageState) i;
        return _IMAGE_STATE_INVALID;
}

int image_new(Image **ret, Manager *m, const char *kernel, const char *profile) {
        _cleanup_(image_freep) Image *image = NULL;
        int r;

        image = calloc(1, sizeof(*image));
        if (!image)
                return -ENOMEM;
        image->manager = m;
        image->kernel = strdup(kernel);
        image->profile = strdup(profile);
        image->path = strdup("");
        image->digest = strdup("");
        image->last_result = strdup("");
        image->error_name = strdup("");
        image->error_message = strdup("");
        if (!image->kernel || !image->profile || !image->path || !image->digest ||
            !image->last_result || !image->error_name || !image->error_message)
                return -ENOMEM;
        r = sd_bus_path_encode_many(&image->bus_path, BUS_PATH_IMAGES "/%/%", kernel, profile);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(image);
        return 0;
}

Image *image_free(Image *image) {
        if (!image)
                return NULL;
        free(image->kernel);
        free(image->profile);
        free(image->bus_path);
        free(image->path);
        strv_free(image->stale_reasons);
        free(image->description);
        free(image->digest);
        free(image->last_result);
        free(image->error_name);
        free(image->error_message);
        free(image->failed_reasons);
        free(image);
        return NULL;
}

ImageState image_shown_state(const Image *image) {
        if (image->job && image->job->type == JOB_BUILD && image->job->state != JOB_FINISHED &&
            image->job->state != JOB_QUEUED)
                return IMAGE_BUILDING;
        if (streq(image->last_result, "failed") &&
            (image->state == IMAGE_STALE || image->state == IMAGE_MISSING ||
             image->state == IMAGE_INCOMPLETE))
                return IMAGE_FAILED;
        return image->state;
}

bool image_is_usable(const Image *image) {
        switch (image->state) {
        case IMAGE_CURRENT:
                return true;
        case IMAGE_FOREIGN:
                return !image->damaged;
        case IMAGE_STALE:
                return !image->kernel_changed && !image->damaged;
        default:
                return false;
        }
}

bool image_hooks_failed(const Image *image) {
        return streq(image->last_result, "failed") && streq(image->error_name, "HookFailed");
}

bool image_is_booted(const Image *image) {
        return streq(image->kernel, image->manager->booted_kernel);
}

bool image_is_default(const Image *image) {
        return streq(image->kernel, image->manager->default_kernel);
}

int image_blocker(const Image *image, char **ret) {
        const char *k = image->kernel;

        if (image_shown_state(image) == IMAGE_BUILDING)
                return str_printf(ret, "The image of kernel %s is being built.", k);
        if (streq(image->last_result, "failed") && *image->error_message)
                return str_printf(ret, "The image of kernel %s could not be built: %s", k,
                                  image->error_message);
        if (image->damaged && image->stale_reasons)
                return str_printf(ret,
                                  "Kernel %s can't boot with %s (%s); `initrdctl build %s` makes "
                                  "an image.",
                                  k, image->path, image->stale_reasons[0], k);
        switch (image->state) {
        case IMAGE_UNKNOWN:
                return str_printf(ret, "The image of kernel %s has not been looked at yet.", k);
        case IMAGE_STALE:
                return str_printf(ret,
                                  "Kernel %s was changed after its image was built; `initrdctl "
                                  "build` "
                                  "makes it anew.",
                                  k);
        case IMAGE_INCOMPLETE:
                return str_printf(ret,
                                  "Kernel %s lacks the index of its modules; `depmod -a %s` makes "
                                  "it.",
                                  k, k);
        case IMAGE_MISSING:
                return str_printf(ret, "Kernel %s has no image; `initrdctl build %s` makes one.",
                                  k, k);
        case IMAGE_ORPHANED:
                return str_printf(ret, "Kernel %s is gone, only its image is left.", k);
        default:
                return str_printf(ret, "The image of kernel %s is %s.", k,
                                  image_state_to_string(image->state));
        }
}

/* NULL leaves it as it is. */
static int set_string(char **p, const char *value, bool *changed) {
        char *copy;

        if (!value || streq_ptr(*p, value))
                return 0;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(*p);
        *p = copy;
        *changed = true;
        return 0;
}

static int take_reasons(Image *image, json_t *array) {
        _cleanup_strv_free_ char **l = NULL;
        json_t *value;
        size_t i;

        json_array_foreach(array, i, value)
                if (json_is_string(value) && strv_extend(&l, json_string_value(value)) < 0)
                        return -ENOMEM;
        if (strv_equal(l, image->stale_reasons))
                return 0;
        strv_free(image->stale_reasons);
        image->stale_reasons = TAKE_PTR(l);
        image_notify(image, IMAGE_CHANGED_REASONS);
        return 0;
}

static uint64_t get_number(json_t *object, const char *key) {
        return (uint64_t) json_integer_value(json_object_get(object, key));
}

static int take_file(Image *image, json_t *object) {
        json_t *description = json_object_get(object, "description");
        uint64_t size = get_number(object, "size"), inode = get_number(object, "inode");
        int64_t mtime = json_integer_value(json_object_get(object, "mtime"));
        bool changed = false;

        if (set_string(&image->path, json_string_value(json_object_get(object, "path")),
                       &changed) < 0)
                return -ENOMEM;
        if (size != image->size || inode != image->inode || mtime != image->mtime) {
                /* Another file has another digest, and more or less in it; a build tells it anew. */
                *image->digest = '\0';
                image->n_files = image->n_drivers = 0;
                changed = true;
        }
        image->size = size;
        image->inode = inode;
        image->mtime = mtime;
        if (json_object_get(object, "files")) {
                image->n_files = get_number(object, "files");
                image->n_drivers = get_number(object, "drivers");
        }
        if (json_is_object(description)) {
                char *text = json_dumps(description, JSON_COMPACT);

                if (!text)
                        return -ENOMEM;
                free(image->description);
                image->description = text;
        }
        if (changed)
                image_notify(image, IMAGE_CHANGED_FILE);
        return 0;
}

int image_take_report(Image *image, json_t *report) {
        ImageState before = image_shown_state(image);
        ImageState state = image_state_from_string(
                        json_string_value(json_object_get(report, "state")));
        uint64_t size = image->size;
        int64_t mtime = image->mtime;
        int r;

        if (state < 0)
                return -EBADMSG;
        r = take_file(image, report);
        if (r >= 0)
                r = take_reasons(image, json_object_get(report, "reasons"));
        if (r < 0)
                return r;
        image->state = state;
        image->kernel_changed = json_is_true(json_object_get(report, "kernel-changed"));
        image->damaged = json_is_true(json_object_get(report, "damaged"));
        image->packed_hard = json_is_true(json_object_get(report, "packed-hard"));
        if (state == IMAGE_CURRENT) {
                image->installed = true;
                image->removed = false;
                /* Whoever made it so, an older failure is history; but that a boot loader was not
                 * told of this very file is not mended by looking. */
                if (streq(image->last_result, "failed") &&
                    !(image_hooks_failed(image) && image->size == size && image->mtime == mtime)) {
                        r = image_set_error(image, "done", "", "");
                        if (r < 0)
                                return r;
                }
        }
        if (image_shown_state(image) != before)
                image_notify(image, IMAGE_CHANGED_STATE);
        return 0;
}

int image_take_result(Image *image, json_t *result) {
        bool unchanged = streq(json_string_value(json_object_get(result, "result")) ?: "",
                               "unchanged");
        int r;

        r = take_file(image, result);
        if (r >= 0)
                r = take_reasons(image, NULL);
        if (r < 0)
                return r;
        image->state = IMAGE_CURRENT;
        image->installed = true;
        image->removed = false;
        image->kernel_changed = image->damaged = image->packed_hard = false;
        if (!unchanged) {
                image->built_usec = now_realtime_usec();
                image->duration_usec =
                                (uint64_t) json_integer_value(json_object_get(result, "usec"));
        }
        image_notify(image, IMAGE_CHANGED_STATE | IMAGE_CHANGED_FILE);
        return 0;
}

int image_set_removed(Image *image) {
        image->state = IMAGE_MISSING;
        image->removed = true;
        image->installed = image->kernel_changed = image->packed_hard = false;
        image->damaged = false;
        image->inode = image->size = image->n_files = image->n_drivers = 0;
        image->mtime = 0;
        image->digest[0] = '\0';
        free(image->description);
        image->description = NULL;
        image_notify(image, IMAGE_CHANGED_STATE | IMAGE_CHANGED_FILE);
        return take_reasons(image, NULL);
}

int image_set_error(Image *image, const char *result, const char *name, const char *message) {
        bool changed = false;

        if (set_string(&image->last_result, result, &changed) < 0 ||
            set_string(&image->error_name, name, &changed) < 0 ||
            set_string(&image->error_message, message, &changed) < 0)
                return -ENOMEM;
        if (changed)
                image_notify(image, IMAGE_CHANGED_RESULT | IMAGE_CHANGED_STATE);
        return 0;
}

/* Names of files are bytes; what of them isn't UTF-8 can't be in JSON, and is left out. */
static void set_text(json_t *object, const char *key, const char *value) {
        json_object_set_new(object, key, json_string(value) ?: json_string(""));
}

static json_t *json_of_strv(char *const *l) {
        json_t *array = json_array();

        STRV_FOREACH(s, l)
                json_array_append_new(array, json_string(*s) ?: json_null());
        return array;
}

json_t *image_to_json(const Image *image) {
        json_t *object = json_object(), *description;

        set_text(object, "kernel", image->kernel);
        set_text(object, "profile", image->profile);
        set_text(object, "path", image->path);
        set_text(object, "state", image_state_to_string(image_shown_state(image)));
        json_object_set_new(object, "reasons", json_of_strv(image->stale_reasons));
        json_object_set_new(object, "kernel-changed", json_boolean(image->kernel_changed));
        json_object_set_new(object, "damaged", json_boolean(image->damaged));
        json_object_set_new(object, "packed-hard", json_boolean(image->packed_hard));
        json_object_set_new(object, "inode", json_integer((json_int_t) image->inode));
        json_object_set_new(object, "size", json_integer((json_int_t) image->size));
        json_object_set_new(object, "mtime", json_integer(image->mtime));
        if (image->n_files > 0) {
                json_object_set_new(object, "files", json_integer((json_int_t) image->n_files));
                json_object_set_new(object, "drivers",
                                    json_integer((json_int_t) image->n_drivers));
        }
        json_object_set_new(object, "installed", json_boolean(image->installed));
        json_object_set_new(object, "removed", json_boolean(image->removed));
        json_object_set_new(object, "built-usec", json_integer((json_int_t) image->built_usec));
        json_object_set_new(object, "duration-usec",
                            json_integer((json_int_t) image->duration_usec));
        set_text(object, "digest", image->digest);
        set_text(object, "last-result", image->last_result);
        set_text(object, "error-name", image->error_name);
        set_text(object, "error-message", image->error_message);
        description = image->description ? json_loads(image->description, 0, NULL) : NULL;
        if (description)
                json_object_set_new(object, "description", description);
        return object;
}

static const char *get_string(json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

/* The state that was written down is of another time: it is unknown until somebody looks. */
int image_from_json(Manager *m, json_t *object, Image **ret) {
        const char *kernel = get_string(object, "kernel"),
                   *profile = get_string(object, "profile");
        _cleanup_(image_freep) Image *image = NULL;
        bool changed;
        int r;

        if (!kernel || !profile || !*kernel || !*profile)
                return -EBADMSG;
        r = image_new(&image, m, kernel, profile);
        if (r < 0)
                return r;
        r = take_file(image, object);
        if (r < 0)
                return r;
        image->installed = json_is_true(json_object_get(object, "installed"));
        image->removed = json_is_true(json_object_get(object, "removed"));
        image->built_usec = get_number(object, "built-usec");
        image->duration_usec = get_number(object, "duration-usec");
        if (set_string(&image->digest, get_string(object, "digest"), &changed) < 0 ||
            set_string(&image->last_result, get_string(object, "last-result"), &changed) < 0 ||
            set_string(&image->error_name, get_string(object, "error-name"), &changed) < 0 ||
            set_string(&image->error_message, get_string(object, "error-message"), &changed) < 0)
                return -ENOMEM;
        image->notify = 0;
        *ret = TAKE_PTR(image);
        return 0;
}
