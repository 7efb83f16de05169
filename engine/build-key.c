/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Keys of the store. A key has what was asked for, a trace what was found: together they must be
 * everything that a result depends on, or a stale one would be believed.
 */

#include <unistd.h>

#include "build-internal.h"
#include "string-util.h"

void build_hash_string(XXH3_state_t *state, const char *s) {
        if (s)
                XXH3_128bits_update(state, s, strlen(s));
        XXH3_128bits_update(state, "", 1);
}

void build_hash_strings(XXH3_state_t *state, char *const *l) {
        STRV_FOREACH(s, l)
                build_hash_string(state, *s);
        build_hash_string(state, NULL);
}

XXH3_state_t *build_hash_begin(const Build *b, const char *what) {
        XXH3_state_t *state = XXH3_createState();
        uid_t uid = geteuid();

        if (!state)
                return NULL;
        XXH3_128bits_reset(state);
        build_hash_string(state, what);
        build_hash_string(state, PROJECT_VERSION);
        build_hash_string(state, source_root(b->source));
        build_hash_string(state, b->data_dir);
        /* What this user may not read is left out where that can be. */
        XXH3_128bits_update(state, &uid, sizeof(uid));
        return state;
}

XXH128_hash_t build_hash_end(XXH3_state_t *state) {
        XXH128_hash_t hash = XXH3_128bits_digest(state);

        XXH3_freeState(state);
        return hash;
}

int build_image_key(Build *b) {
        XXH3_state_t *state = build_hash_begin(b, "image");

        if (!state)
                return report_oom(b->report);
        build_hash_string(state, b->kernel->version);
        build_hash_string(state, b->options->kernel_dir);
        build_hash_string(state, b->profile->name);
        build_hash_string(state, b->output);
        build_hash_string(state, b->options->output ? "host" : "root");
        build_hash_strings(state, b->options->settings);
        build_hash_string(state, b->options->facts);
        b->key = build_hash_end(state);
        return 0;
}
