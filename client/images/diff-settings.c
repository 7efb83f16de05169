/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Both sides are written down as lines of "WHAT NAME" with a value, and the lines compared.
 * That a module is there for another reason is no difference.
 */

#include "diff-settings.h"
#include "json-text.h"
#include "string-util.h"

/* "kernel", "setting Compression", "module lvm" → value. */
typedef struct Making {
        Strmap lines;
        bool describes, has_settings;
} Making;

static int add(Making *m, const char *what, const char *name, const char *value) {
        _cleanup_free_ char *key = NULL, *copy = strdup(value);
        int r;

        if (!copy || str_printf(&key, "%s%s%s", what, name ? " " : "", name ?: "") < 0)
                return -ENOMEM;
        r = strmap_put(&m->lines, key, copy);
        if (r >= 0)
                copy = NULL;
        return r == -EEXIST ? 0 : r;
}

static int add_described(Making *m, const Described *d) {
        int r;

        m->describes = true;
        m->has_settings = d->settings != NULL;
        r = add(m, "kernel", NULL, d->kernel);
        if (r >= 0)
                r = add(m, "version", NULL, d->version);
        if (r >= 0)
                r = add(m, "profile", NULL, d->profile);
        if (r >= 0)
                r = add(m, "mode", NULL, d->mode);
        STRV_FOREACH(setting, d->settings) {
                const char *value = strchr(*setting, '=');
                _cleanup_free_ char *key = bytes_to_string(*setting, (size_t) (value - *setting));

                if (r >= 0)
                        r = key ? add(m, "setting", key, value + 1) : -ENOMEM;
        }
        for (size_t i = 0; i < d->n_modules && r >= 0; i++)
                r = add(m, "module", d->modules[i].name, d->modules[i].reason);
        return r;
}

static int add_now(Making *m, const Build *b) {
        int r;

        m->describes = m->has_settings = true;
        r = add(m, "kernel", NULL, b->kernel->version);
        if (r >= 0)
                r = add(m, "version", NULL, PROJECT_VERSION);
        if (r >= 0)
                r = add(m, "profile", NULL, b->profile->name);
        if (r >= 0)
                r = add(m, "mode", NULL, mode_to_string(b->profile->mode));
        for (ProfileKey key = 0; key < _PROFILE_KEY_MAX && r >= 0; key++) {
                _cleanup_free_ char *value = NULL;

                r = profile_key_describe(b->profile, key, &value);
                if (r >= 0 && *value)
                        r = add(m, "setting", profile_key_to_string(key), value);
        }
        for (size_t i = 0; i < b->plan->n_items && r >= 0; i++) {
                _cleanup_free_ char *reason = NULL;

                r = plan_item_describe(&b->plan->items[i], &reason);
                if (r >= 0)
                        r = add(m, "module", b->plan->items[i].module->name, reason);
        }
        return r;
}

static int add_side(Making *m, const Side *side) {
        if (side->now)
                return add_now(m, side->now->build);
        if (side->described)
                return add_described(m, side->described->described);
        return side->kernel ? add(m, "kernel", NULL, side->kernel) : 0;
}

static int tell(json_t *array, const char *key, const char *old, const char *new) {
        const char *name = strchr(key, ' ');
        _cleanup_free_ char *what =
                        name ? bytes_to_string(key, (size_t) (name - key)) : strdup(key);
        json_t *object;

        if (!what)
                return -ENOMEM;
        object = json_pack("{s:s, s:o, s:o, s:o}", "what", what, "name",
                           json_text_or_null(name ? name + 1 : NULL), "old",
                           json_text_or_null(old), "new", json_text_or_null(new));
        return json_array_append_new(array, object) < 0 ? -ENOMEM : 0;
}

/* Whether both sides would say it. */
static bool is_comparable(const Making *a, const Making *b, const char *key) {
        if (startswith(key, "setting "))
                return a->has_settings && b->has_settings;
        return streq(key, "kernel") || (a->describes && b->describes);
}

static int compare(const Making *a, const Making *b, json_t *array) {
        int r = 0;

        STRMAP_FOREACH(e, &a->lines) {
                const char *new = strmap_get(&b->lines, e->key);

                if (r < 0 || !is_comparable(a, b, e->key))
                        continue;
                if (new && (streq(e->value, new) || startswith(e->key, "module ")))
                        continue;
                if (streq(e->key, "kernel") && !new)
                        continue;
                r = tell(array, e->key, e->value, new);
        }
        STRMAP_FOREACH(e, &b->lines) {
                if (r < 0 || strmap_contains(&a->lines, e->key) || !is_comparable(a, b, e->key) ||
                    streq(e->key, "kernel"))
                        continue;
                r = tell(array, e->key, NULL, e->value);
        }
        return r;
}

int diff_settings(const Side *a, const Side *b, json_t **ret) {
        Making one = { .lines = STRMAP_INIT(free) }, two = { .lines = STRMAP_INIT(free) };
        json_t *array = json_array();
        int r = array ? 0 : -ENOMEM;

        if (r >= 0)
                r = add_side(&one, a);
        if (r >= 0)
                r = add_side(&two, b);
        if (r >= 0)
                r = compare(&one, &two, array);
        strmap_done(&one.lines);
        strmap_done(&two.lines);
        if (r < 0) {
                json_decref(array);
                return r;
        }
        *ret = array;
        return 0;
}
