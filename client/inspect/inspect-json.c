/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What an image is made of, as JSON; initrdctl(1) has the members. */

#include "inspect.h"
#include "json-text.h"
#include "string-util.h"

static void set_string(json_t *object, const char *key, const char *value) {
        json_object_set_new(object, key, value ? json_text(value) : json_null());
}

static json_t *strings_json(char *const *l) {
        json_t *array = json_array();

        STRV_FOREACH(s, l)
                json_array_append_new(array, json_text(*s));
        return array;
}

static json_t *segment_json(const InspectedSegment *s, const bool *cached) {
        json_t *object = json_pack("{s:I, s:I, s:I, s:s, s:b}", "offset", (json_int_t) s->offset,
                                   "size", (json_int_t) s->size, "unpacked-size",
                                   (json_int_t) s->raw_size, "compressor", s->compressor,
                                   "description", (int) s->description);

        if (object && s->fragment) {
                set_string(object, "fragment", s->fragment->name);
                set_string(object, "scope", s->fragment->scope);
                set_string(object, "content", s->fragment->content);
                json_object_set_new(object, "cached",
                                    cached ? json_boolean(*cached) : json_null());
                json_object_set_new(object, "level", json_integer(s->fragment->level));
                json_object_set_new(object, "modules", strings_json(s->fragment->modules));
        }
        return object;
}

static json_t *module_json(const Inspection *i, const DescribedModule *m) {
        const Share *share = strmap_get(&i->by_module, m->name);

        return json_pack("{s:o, s:o, s:I, s:I}", "name", json_text(m->name), "reason",
                         json_text(m->reason), "files", (json_int_t) (share ? share->n_files : 0),
                         "size", (json_int_t) (share ? share->bytes : 0));
}

static json_t *directories_json(const Inspection *i) {
        json_t *array = json_array();
        const Share **shares = NULL;
        size_t n = 0;

        if (shares_sorted(&i->directories, SIZE_MAX, &shares, &n) < 0)
                return array;
        for (size_t k = 0; k < n; k++)
                json_array_append_new(array, json_pack("{s:o, s:I, s:I}", "path",
                                                       json_text(shares[k]->name), "files",
                                                       (json_int_t) shares[k]->n_files, "size",
                                                       (json_int_t) shares[k]->bytes));
        free(shares);
        return array;
}

static json_t *file_json(const InspectedFile *f) {
        json_t *object = json_pack("{s:o, s:I}", "path", json_text(f->path), "size",
                                   (json_int_t) f->size);

        set_string(object, "module", f->module);
        return object;
}

json_t *inspect_files_json(const Inspection *i, bool drivers, size_t max) {
        const InspectedFile **files = NULL;
        json_t *array = json_array();
        size_t n = 0;

        if (files_sorted(i, drivers, max, &files, &n) < 0)
                return array;
        for (size_t k = 0; k < n; k++)
                json_array_append_new(array, file_json(files[k]));
        free(files);
        return array;
}

static json_t *secrets_json(const Inspection *i) {
        json_t *array = json_array();

        for (size_t k = 0; k < i->n_inspected; k++)
                if (i->files[k].secret)
                        json_array_append_new(array, json_pack("{s:o, s:s}", "path",
                                                               json_text(i->files[k].path), "what",
                                                               i->files[k].secret));
        return array;
}

static json_t *uki_json(const Uki *uki) {
        _cleanup_free_ char *version = inspect_section_text(&uki->version),
                            *command_line = inspect_section_text(&uki->command_line),
                            *os_release = inspect_section_text(&uki->os_release);
        json_t *object = json_pack("{s:I, s:I}", "initrd-offset", (json_int_t) uki->initrd_offset,
                                   "kernel-size", (json_int_t) uki->kernel.size);

        set_string(object, "kernel", version);
        set_string(object, "command-line", command_line);
        set_string(object, "os-release", os_release);
        return object;
}

static json_t *settings_json(char *const *settings) {
        json_t *array = json_array();

        STRV_FOREACH(setting, settings) {
                const char *value = strchr(*setting, '=');
                _cleanup_free_ char *name = bytes_to_string(*setting, (size_t) (value - *setting));

                if (name)
                        json_array_append_new(array,
                                              json_pack("{s:o, s:o}", "name", json_text(name),
                                                        "value", json_text(value + 1)));
        }
        return array;
}

json_t *inspect_json(const Inspected *inspected) {
        json_t *object = json_object(), *segments = json_array(), *modules = json_array();
        const Inspection *i = inspected->inspection;
        const Uki *uki = image_uki(inspected->image);
        const Described *d = i->described;

        set_string(object, "image", inspected->path);
        json_object_set_new(object, "size",
                            json_integer((json_int_t) image_size(inspected->image)));
        if (uki)
                json_object_set_new(object, "uki", uki_json(uki));
        set_string(object, "tool", i->tool);
        set_string(object, "version", d ? d->version : NULL);
        set_string(object, "kernel", d ? d->kernel : i->kernels ? i->kernels[0] : NULL);
        if (i->fault.what) {
                _cleanup_free_ char *text = NULL;

                if (image_fault_describe(&i->fault, &text) >= 0)
                        set_string(object, "fault", text);
        }
        set_string(object, "profile", d ? d->profile : NULL);
        set_string(object, "mode", d ? d->mode : NULL);
        if (d)
                json_object_set_new(object, "settings", settings_json(d->settings));
        for (size_t k = 0; d && k < d->n_modules; k++)
                json_array_append_new(modules, module_json(i, &d->modules[k]));
        STRV_FOREACH(name, d ? NULL : i->modules)
                json_array_append_new(modules, json_pack("{s:o}", "name", json_text(*name)));
        for (size_t k = 0; k < i->n_segments; k++)
                json_array_append_new(segments,
                                      segment_json(&i->segments[k],
                                                   inspect_cached(inspected, &i->segments[k])));
        set_string(object, "init", i->init);
        json_object_set_new(object, "kernels", strings_json(i->kernels));
        json_object_set_new(object, "modules", modules);
        json_object_set_new(object, "segments", segments);
        json_object_set_new(object, "totals",
                            json_pack("{s:I, s:I, s:I}", "files", (json_int_t) i->n_files,
                                      "drivers", (json_int_t) i->n_drivers, "bytes",
                                      (json_int_t) i->bytes));
        json_object_set_new(object, "directories", directories_json(i));
        json_object_set_new(object, "largest-files",
                            inspect_files_json(i, false, INSPECT_FILES_MAX));
        json_object_set_new(object, "largest-drivers",
                            inspect_files_json(i, true, INSPECT_FILES_MAX));
        json_object_set_new(object, "secrets", secrets_json(i));
        json_object_set(object, "missing", inspected->state->missing);
        return object;
}
