/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <jansson.h>
#include <stdio.h>

#include "image/description.h"
#include "json-text.h"
#include "pack/cpio.h"
#include "pack/pack.h"
#include "string-util.h"

#define FORMAT 1

static json_t *strings(char *const *l) {
        json_t *array = json_array();

        STRV_FOREACH(s, l)
                json_array_append_new(array, json_string(*s));
        return array;
}

static json_t *fragment_json(const Fragment *f) {
        char content[33];

        hash_to_string(f->content, content);
        return json_pack("{s:s, s:s, s:o, s:I, s:I, s:s, s:i, s:s}", "name", f->name, "scope",
                         scope_to_string(f->scope), "modules", strings(f->modules), "size",
                         (json_int_t) f->stored.size, "raw-size", (json_int_t) f->stored.raw_size,
                         "compression", compression_to_string(f->stored.compression), "level",
                         f->stored.level, "content", content);
}

static int module_json(const PlanItem *item, json_t *array) {
        _cleanup_free_ char *reason = NULL;
        int r;

        r = plan_item_describe(item, &reason);
        if (r < 0)
                return r;
        return json_array_append_new(array, json_pack("{s:s, s:s}", "name", item->module->name,
                                                      "reason", reason)) < 0
                               ? -ENOMEM
                               : 0;
}

/* Those that say anything. */
static int settings_json(const Profile *profile, json_t *object) {
        for (ProfileKey key = 0; key < _PROFILE_KEY_MAX; key++) {
                _cleanup_free_ char *value = NULL;
                int r;

                r = profile_key_describe(profile, key, &value);
                if (r < 0)
                        return r;
                if (*value &&
                    json_object_set_new(object, profile_key_to_string(key), json_text(value)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int image_json(const Fragments *fragments, const Plan *plan, const Profile *profile,
                      const Kernel *kernel, char **ret) {
        json_t *modules = json_array(), *array = json_array(), *settings = json_object(), *image;
        int r;

        r = settings_json(profile, settings);
        for (size_t i = 0; i < plan->n_items && r >= 0; i++)
                r = module_json(&plan->items[i], modules);
        for (size_t i = 0; i < fragments->n; i++)
                json_array_append_new(array, fragment_json(fragments->fragments[i]));
        image = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "format", FORMAT,
                          "tool", "initrdd", "version", PROJECT_VERSION, "kernel", kernel->version,
                          "profile", profile->name, "mode", mode_to_string(profile->mode),
                          "settings", settings, "modules", modules, "fragments", array);
        *ret = image ? json_dumps(image, JSON_INDENT(1)) : NULL;
        json_decref(image);
        return r < 0 ? r : *ret ? 0 : -ENOMEM;
}

void description_write_escaped(FILE *f, const char *s) {
        for (; *s; s++)
                switch (*s) {
                case '\t':
                        fputs("\\t", f);
                        break;
                case '\n':
                        fputs("\\n", f);
                        break;
                case '\\':
                        fputs("\\\\", f);
                        break;
                default:
                        putc_unlocked(*s, f);
                }
}

static int manifest_text(const Fragments *fragments, char **ret, size_t *ret_size) {
        static const char types[_ENTRY_MAX] = { 'd', 'f', 'l' };
        FILE *f = open_memstream(ret, ret_size);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < fragments->n; i++) {
                const Fragment *fragment = fragments->fragments[i];

                for (size_t k = 0; k < fragment->n_entries; k++) {
                        const Entry *e = fragment->entries[k];

                        fprintf(f, "%zu\t%c\t%o\t%llu\t", i, types[e->type], e->mode,
                                (unsigned long long) (e->type == ENTRY_FILE ? e->size : 0));
                        description_write_escaped(f, e->path);
                        putc_unlocked('\t', f);
                        description_write_escaped(f, e->why);
                        putc_unlocked('\n', f);
                }
        }
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int write_archive(CpioWriter *w, const char *json, const char *text, size_t text_size) {
        char *content;
        int r;

        r = cpio_write_directory(w, ".initrdd", 0755);
        if (r >= 0)
                r = cpio_write_file(w, ".initrdd/image.json", 0644, strlen(json), &content);
        if (r < 0)
                return r;
        memcpy(content, json, strlen(json));
        r = cpio_write_file(w, ".initrdd/manifest", 0644, text_size, &content);
        if (r < 0)
                return r;
        memcpy(content, text, text_size);
        return cpio_write_trailer(w);
}

int description_pack_texts(const char *json, const char *manifest, size_t manifest_size,
                           Compression compression, int level, char **ret, size_t *ret_size) {
        CpioWriter w = {};
        int r;

        r = write_archive(&w, json, manifest, manifest_size);
        if (r >= 0)
                r = segment_pack(compression, level, w.data, w.size, ret, ret_size);
        cpio_writer_done(&w);
        return r;
}

int description_pack(const Fragments *fragments, const Plan *plan, const Profile *profile,
                     const Kernel *kernel, char **ret, size_t *ret_size) {
        _cleanup_free_ char *json = NULL, *text = NULL;
        size_t text_size;
        int r;

        r = image_json(fragments, plan, profile, kernel, &json);
        if (r >= 0)
                r = manifest_text(fragments, &text, &text_size);
        return r < 0 ? r
                     : description_pack_texts(json, text, text_size, profile->compression,
                                              profile->level, ret, ret_size);
}
