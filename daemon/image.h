/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One image that there is or should be: what the last look at it found, and what came of its last
 * build. Kept in the state from one start of the service to the next. An Image belongs to the
 * Manager; whoever keeps a pointer over a turn of the event loop looks it up again instead.
 */

#include <jansson.h>
#include <stdint.h>

#include "macro.h"

typedef struct Manager Manager;
typedef struct Job Job;

typedef enum ImageState {
        IMAGE_UNKNOWN, /* not looked at since the start */
        IMAGE_CURRENT, /* a build would make just this */
        IMAGE_STALE, /* made by us, and something has changed */
        IMAGE_BUILDING, /* only image_shown_state() has it */
        IMAGE_FAILED, /* neither current, and the last build failed */
        IMAGE_INCOMPLETE, /* the kernel lacks its indexes */
        IMAGE_MISSING,
        IMAGE_ORPHANED, /* its kernel is gone */
        IMAGE_FOREIGN, /* somebody else made it */
        _IMAGE_STATE_MAX,
        _IMAGE_STATE_INVALID = -22, /* -EINVAL */
} ImageState;
const char *image_state_to_string(ImageState state);
ImageState image_state_from_string(const char *s);

/* What of an Image changed, for image_notify(). */
enum {
        IMAGE_CHANGED_STATE = 1 << 0,
        IMAGE_CHANGED_REASONS = 1 << 1,
        IMAGE_CHANGED_FILE = 1 << 2, /* Path, Size, BuiltUSec, BuildDurationUSec, Digest */
        IMAGE_CHANGED_JOB = 1 << 3,
        IMAGE_CHANGED_RESULT = 1 << 4, /* LastResult, LastError */
        IMAGE_CHANGED_DEFAULT = 1 << 5, /* DefaultBoot */
};

typedef struct Image {
        Manager *manager;
        char *kernel, *profile; /* never change */
        char *bus_path;
        char *path; /* of the running system; "" while unknown */

        /* of the last look */
        ImageState state;
        char **stale_reasons; /* sentences */
        bool kernel_changed; /* its drivers may not fit the kernel any more */
        bool damaged; /* nothing boots with what is there */
        bool packed_hard;
        uint64_t inode, size;
        int64_t mtime; /* ns */
        uint64_t n_files, n_drivers; /* in the image; 0: not known */
        char *description; /* JSON, or NULL */
        bool seen; /* by the look that is under way */

        /* of its builds */
        bool installed; /* by us, at some time */
        bool removed; /* since somebody asked for that: not built again unless asked for */
        uint64_t built_usec, duration_usec; /* since 1970; 0: never */
        char *digest; /* SHA-256, hex; "" unknown */
        char *last_result; /* as Job.Result; "" never built */
        char *error_name, *error_message; /* of the last build; "" and "" */

        uint64_t last_job; /* id of the one that made the file; 0: none since the start */
        uint64_t told_usec; /* CLOCK_MONOTONIC, when its last build ended */
        uint64_t retry_usec; /* likewise: no automatic build before, unless other things changed */
        unsigned n_failures; /* automatic builds in a row */
        char *failed_reasons; /* for which they failed, or NULL */

        Job *job; /* the one that runs or waits for it first; borrowed */
        unsigned notify; /* what is to be told */
} Image;

int image_new(Image **ret, Manager *m, const char *kernel, const char *profile);
Image *image_free(Image *image);
DEFINE_CLEANUP_FUNC(Image *, image_free);

/* What others are to see: building while a build of it runs, failed when the last one failed. */
ImageState image_shown_state(const Image *image);
/* Whether a machine would boot with it, as far as is known. */
bool image_is_usable(const Image *image) _pure_;
/* It is in its place, but the boot loader's hooks that were to tell of it failed. */
bool image_hooks_failed(const Image *image) _pure_;
bool image_is_booted(const Image *image) _pure_;
bool image_is_default(const Image *image) _pure_;
/* Why not, in a sentence, to be shown to a person. The caller frees. */
int image_blocker(const Image *image, char **ret);

/* Takes an "image" report of the worker, or what the state has of it. */
int image_take_report(Image *image, json_t *report);
/* What a build's result says of the file. */
int image_take_result(Image *image, json_t *result);
/* It is gone, as somebody wanted it. */
int image_set_removed(Image *image);
int image_set_error(Image *image, const char *result, const char *name, const char *message);

/* All that is known, as JSON: for the state, and for Image.Inspect(). The caller has a reference. */
json_t *image_to_json(const Image *image);
int image_from_json(Manager *m, json_t *object, Image **ret);
