/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "bus/bus.h"
#include "client.h"
#include "image-state.h"
#include "image/verify-file.h"
#include "json-text.h"
#include "pack/store.h"

static bool is_cached(Store *store, const DescribedFragment *f) {
        Compression compression = compression_from_string(f->compression);
        StoredFragment found;
        XXH128_hash_t content;

        /* One that was repacked is nobody's content. */
        return compression >= 0 && hash_from_string(f->content, &content) >= 0 &&
               store_find(store, content, compression, f->level, &found);
}

/* NULL where there is no store that could be looked at. */
static int find_cached(const Described *d, bool **ret) {
        _cleanup_(store_freep) Store *store = NULL;
        _cleanup_free_ char *path = NULL;
        Report report = {};
        bool *cached;
        int r;

        r = arg_store ? 0 : default_store(&path);
        if (r >= 0)
                r = store_open(&store, &report, arg_store ?: path, STORE_LOOK);
        report_done(&report);
        if (r < 0) {
                *ret = NULL;
                return r == -ENOMEM ? r : 0;
        }
        cached = calloc(d->n_fragments + 1, sizeof(bool));
        if (!cached)
                return -ENOMEM;
        for (size_t i = 0; i < d->n_fragments; i++)
                cached[i] = is_cached(store, &d->fragments[i]);
        *ret = cached;
        return 0;
}

static int on_finding(void *userdata, const Finding *f) {
        json_t *object = json_pack("{s:s, s:o, s:o}", "step", boot_step_to_string(f->step), "path",
                                   f->path ? json_text(f->path) : json_null(), "message",
                                   json_text(f->message));

        return json_array_append_new(userdata, object) < 0 ? -ENOMEM : 0;
}

static json_t *find_missing(Image *image) {
        json_t *array = json_array();

        if (array && verify_file(image, NULL, on_finding, array) < 0) {
                json_decref(array);
                return NULL;
        }
        return array;
}

void image_state_done(ImageState *state) {
        free(state->cached);
        json_decref(state->missing);
}

int image_state_init(ImageState *ret, const Described *described, Image *image) {
        ImageState state = {};

        /* The store of another machine isn't looked into. */
        if (described && !service_is_remote() && find_cached(described, &state.cached) < 0)
                return -ENOMEM;
        state.missing = find_missing(image);
        if (!state.missing) {
                image_state_done(&state);
                return -ENOMEM;
        }
        *ret = state;
        return 0;
}
