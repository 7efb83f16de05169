/* SPDX-License-Identifier: GPL-2.0-or-later */

/* inspect: what an image is made of. */

#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdio.h>
#include <unistd.h>

#include "bus.h"
#include "client.h"
#include "fd-util.h"
#include "image-argument.h"
#include "image-state.h"
#include "inspect-bus.h"
#include "inspection.h"
#include "path-util.h"
#include "string-util.h"
#include "table.h"

#define DIRECTORIES_MAX 12
#define FILES_MAX 8
#define BAR_WIDTH 30
#define DATA_MARK "@DATA@"

const char *arg_html;

/* Beside what the image has; `cached` is NULL where nobody knows. */
typedef struct State {
        bool *cached;
        json_t *missing;
} State;

static void state_done(State *state) {
        free(state->cached);
        json_decref(state->missing);
}

/* Of an image of another tool nothing is cached; the store of another machine isn't looked into. */
static int state_init(State *ret, const Inspection *i, Image *image) {
        State state = {};

        if (i->described && !service_is_remote() &&
            image_find_cached(i->described, &state.cached) < 0)
                return -ENOMEM;
        state.missing = image_find_missing(image);
        if (!state.missing) {
                state_done(&state);
                return -ENOMEM;
        }
        *ret = state;
        return 0;
}

static const bool *cached_of(const State *state, const Inspection *i, const InspectedSegment *s) {
        return state->cached && s->fragment ? &state->cached[s->fragment - i->described->fragments]
                                            : NULL;
}

static double ratio_of(const InspectedSegment *s) {
        return s->size > 0 ? (double) s->raw_size / (double) s->size : 0;
}

static int show_segments(const Inspection *i, const State *state) {
        static const char *const columns[] = { "OFFSET",     "SIZE",   "UNPACKED", "RATIO",
                                               "COMPRESSOR", "LEVEL",  "SCOPE",    "CACHED",
                                               "FRAGMENT",   "MODULES" };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        /* Level and what follows is known only from a description. */
        r = table_new(&table, "segments", columns, i->described ? ELEMENTSOF(columns) : 5);
        if (r >= 0)
                for (size_t k = 0; k < 4; k++)
                        table_set_number(table, k);
        for (size_t k = 0; k < i->n_segments && r >= 0; k++) {
                const InspectedSegment *s = &i->segments[k];
                const DescribedFragment *f = s->fragment;
                const bool *cached = cached_of(state, i, s);
                char offset[24], size[SIZE_TEXT_MAX], raw[SIZE_TEXT_MAX], ratio[16],
                                level[16] = "";
                _cleanup_free_ char *modules = f ? strv_join(f->modules, " ") : NULL;

                snprintf(offset, sizeof(offset), "%" PRIu64, s->offset);
                snprintf(ratio, sizeof(ratio), "%.2f", ratio_of(s));
                if (f)
                        snprintf(level, sizeof(level), "%d", f->level);
                r = table_add(table, (const char *[]) { offset, size_to_text(s->size, size),
                                                        size_to_text(s->raw_size, raw), ratio,
                                                        s->compressor, level, f ? f->scope : "",
                                                        !cached   ? ""
                                                        : *cached ? "yes"
                                                                  : "no",
                                                        f                ? f->name
                                                        : s->description ? "(description)"
                                                                         : "",
                                                        modules ?: "" });
        }
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

/* In eighths of a character. */
static const char *bar(uint64_t n, uint64_t most, char ret[static BAR_WIDTH * 3 + 1]) {
        static const char *const parts[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
        uint64_t eighths = most > 0 ? (uint64_t) ((double) n / (double) most * BAR_WIDTH * 8) : 0;
        char *p = ret;

        *p = '\0';
        for (; eighths >= 8; eighths -= 8)
                p = stpcpy(p, "█");
        stpcpy(p, parts[eighths]);
        return ret;
}

static uint64_t largest(const Strmap *shares) {
        uint64_t most = 0;

        STRMAP_FOREACH(e, shares)
                most = MAX_OF(most, ((const Share *) e->value)->bytes);
        return most;
}

static int show_modules(const Inspection *i) {
        /* A picture where somebody looks at it. */
        bool bars = terminal_is_capable(STDOUT_FILENO) && streq(nl_langinfo(CODESET), "UTF-8");
        static const char *const columns[] = { "MODULE", "FILES", "SIZE", "WHY", "" };
        _cleanup_(table_freep) Table *table = NULL;
        const Described *d = i->described;
        int r;

        r = table_new(&table, "modules", columns, bars ? 5 : 4);
        if (r >= 0) {
                table_set_number(table, 1);
                table_set_number(table, 2);
        }
        for (size_t k = 0; k < d->n_modules && r >= 0; k++) {
                const Share *share = strmap_get(&i->by_module, d->modules[k].name);
                char size[SIZE_TEXT_MAX], files[24], picture[BAR_WIDTH * 3 + 1];
                uint64_t bytes = share ? share->bytes : 0;

                snprintf(files, sizeof(files), "%" PRIu64, share ? share->n_files : 0);
                r = table_add(table,
                              (const char *[]) { d->modules[k].name, files,
                                                 size_to_text(bytes, size), d->modules[k].reason,
                                                 bar(bytes, largest(&i->by_module), picture) });
        }
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

static int show_files(const Inspection *i, bool drivers) {
        static const char *const columns[] = { "FILE", "SIZE", "MODULE" };
        const char *title = drivers ? "DRIVER" : "FILE";
        _cleanup_(table_freep) Table *table = NULL;
        const InspectedFile **files = NULL;
        size_t n = 0;
        int r;

        r = table_new(&table, "files", (const char *[]) { title, columns[1], columns[2] },
                      i->described ? 3 : 2);
        if (r >= 0) {
                table_set_number(table, 1);
                r = files_sorted(i, drivers, FILES_MAX, &files, &n);
        }
        for (size_t k = 0; k < n && r >= 0; k++) {
                char size[SIZE_TEXT_MAX];

                r = table_add(table, (const char *[]) { files[k]->path,
                                                        size_to_text(files[k]->size, size),
                                                        files[k]->module ?: "" });
        }
        free(files);
        if (r < 0)
                return EXIT_STATUS_FAILED;
        if (n == 0)
                return EXIT_STATUS_DONE;
        putchar('\n');
        return table_print(table);
}

static void show_secrets(const Inspection *i) {
        bool any = false;

        for (size_t k = 0; k < i->n_inspected; k++) {
                if (!i->files[k].secret)
                        continue;
                printf("%s  %s: %s\n", any ? "" : "\nSecrets, for whoever can read the image:\n",
                       i->files[k].path, i->files[k].secret);
                any = true;
        }
}

static int show_directories(const Inspection *i) {
        static const char *const columns[] = { "DIRECTORY", "FILES", "SIZE" };
        _cleanup_(table_freep) Table *table = NULL;
        const Share **shares = NULL;
        size_t n = 0;
        int r;

        r = table_new(&table, "directories", columns, ELEMENTSOF(columns));
        if (r >= 0) {
                table_set_number(table, 1);
                table_set_number(table, 2);
                r = shares_sorted(&i->directories, DIRECTORIES_MAX, &shares, &n);
        }
        for (size_t k = 0; k < n && r >= 0; k++) {
                char size[SIZE_TEXT_MAX], files[24];

                snprintf(files, sizeof(files), "%" PRIu64, shares[k]->n_files);
                r = table_add(table, (const char *[]) { shares[k]->name, files,
                                                        size_to_text(shares[k]->bytes, size) });
        }
        free(shares);
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

/* The value of a line KEY=VALUE, without its quotes. */
static char *os_release_value(const UkiSection *section, const char *key) {
        _cleanup_free_ char *text =
                        section->data ? bytes_to_string(section->data, section->size) : NULL;
        _cleanup_strv_free_ char **lines = NULL;

        if (!text || strv_split(&lines, text, "\n") < 0)
                return NULL;
        STRV_FOREACH(line, lines) {
                const char *value = startswith(*line, key);
                size_t n;

                if (!value || *value++ != '=')
                        continue;
                n = strlen(value);
                if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value)
                        return strndup(value + 1, n - 2);
                return strdup(value);
        }
        return NULL;
}

/* A section that is text, up to the NUL bytes and line breaks at its end. */
static char *section_text(const UkiSection *section) {
        _cleanup_free_ char *text =
                        section->data ? bytes_to_string(section->data, section->size) : NULL;

        return text ? strdup(str_strip(text)) : NULL;
}

static void show_uki(const Uki *uki) {
        _cleanup_free_ char *version = section_text(&uki->version),
                            *command_line = section_text(&uki->command_line),
                            *system = os_release_value(&uki->os_release, "PRETTY_NAME");
        char size[SIZE_TEXT_MAX];

        printf("     UKI: kernel %s (%s), initrd at %" PRIu64 "\n",
               version ?: "of unknown version", size_to_text(uki->kernel.size, size),
               uki->initrd_offset);
        if (system)
                printf("  System: %s\n", system);
        if (command_line)
                printf("Cmd line: %s\n", command_line);
}

static void show_missing(const State *state) {
        json_t *finding;
        size_t k;

        if (json_array_size(state->missing) > 0)
                printf("\nWhat would be missing at boot:\n");
        json_array_foreach(state->missing, k, finding) {
                const char *path = json_string_value(json_object_get(finding, "path"));

                printf("  [%s] %s%s%s.\n", json_string_value(json_object_get(finding, "step")),
                       path ?: "", path ? ": " : "",
                       json_string_value(json_object_get(finding, "message")));
        }
}

static int show(const Inspection *i, const State *state, const char *path, uint64_t size,
                const Uki *uki) {
        _cleanup_free_ char *kernels = strv_join(i->kernels, " "),
                            *modules = strv_join(i->modules, " "),
                            *settings = i->described ? strv_join(i->described->settings, ", ")
                                                     : NULL;
        char packed[SIZE_TEXT_MAX], unpacked[SIZE_TEXT_MAX];
        const Described *d = i->described;
        int status;

        printf("   Image: %s (%s)\n", path, size_to_text(size, packed));
        if (uki)
                show_uki(uki);
        printf(" Made by: %s%s%s\n", i->tool ?: "can't be told", d ? " " : "",
               d ? d->version : "");
        printf("  Kernel: %s\n", d                     ? d->kernel
                                 : kernels && *kernels ? kernels
                                                       : "any, it has no drivers");
        if (d)
                printf(" Profile: %s, mode %s\n", d->profile, d->mode);
        if (i->init)
                printf("   /init: %s\n", i->init);
        printf("   Holds: %" PRIu64 " files, %" PRIu64 " drivers, %s unpacked\n", i->n_files,
               i->n_drivers, size_to_text(i->bytes, unpacked));
        if (modules && *modules)
                printf(" Modules: %s\n", modules);
        if (settings && *settings)
                printf("Settings: %s\n", settings);
        putchar('\n');
        status = show_segments(i, state);
        if (status == EXIT_STATUS_DONE && d && i->by_module.n > 0) {
                putchar('\n');
                status = show_modules(i);
        }
        if (status == EXIT_STATUS_DONE) {
                putchar('\n');
                status = show_directories(i);
        }
        if (status == EXIT_STATUS_DONE)
                status = show_files(i, false);
        if (status == EXIT_STATUS_DONE)
                status = show_files(i, true);
        if (status == EXIT_STATUS_DONE)
                show_secrets(i);
        if (status == EXIT_STATUS_DONE)
                show_missing(state);
        return status;
}

static void set_string(json_t *object, const char *key, const char *value) {
        json_object_set_new(object, key, value ? json_path(value) : json_null());
}

static json_t *strings_json(char *const *l) {
        json_t *array = json_array();

        STRV_FOREACH(s, l)
                json_array_append_new(array, json_path(*s));
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

        return json_pack("{s:o, s:o, s:I, s:I}", "name", json_path(m->name), "reason",
                         json_path(m->reason), "files", (json_int_t) (share ? share->n_files : 0),
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
                                                       json_path(shares[k]->name), "files",
                                                       (json_int_t) shares[k]->n_files, "size",
                                                       (json_int_t) shares[k]->bytes));
        free(shares);
        return array;
}

static json_t *file_json(const InspectedFile *f) {
        json_t *object = json_pack("{s:o, s:I}", "path", json_path(f->path), "size",
                                   (json_int_t) f->size);

        set_string(object, "module", f->module);
        return object;
}

static json_t *files_json(const Inspection *i, bool drivers, size_t max) {
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
                                                               json_path(i->files[k].path), "what",
                                                               i->files[k].secret));
        return array;
}

static json_t *uki_json(const Uki *uki) {
        _cleanup_free_ char *version = section_text(&uki->version),
                            *command_line = section_text(&uki->command_line),
                            *os_release = section_text(&uki->os_release);
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
                                              json_pack("{s:o, s:o}", "name", json_path(name),
                                                        "value", json_path(value + 1)));
        }
        return array;
}

static json_t *inspection_json(const Inspection *i, const State *state, const char *path,
                               uint64_t size, const Uki *uki) {
        json_t *object = json_object(), *segments = json_array(), *modules = json_array();
        const Described *d = i->described;

        set_string(object, "image", path);
        json_object_set_new(object, "size", json_integer((json_int_t) size));
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
                json_array_append_new(modules, json_pack("{s:o}", "name", json_path(*name)));
        for (size_t k = 0; k < i->n_segments; k++)
                json_array_append_new(segments,
                                      segment_json(&i->segments[k],
                                                   cached_of(state, i, &i->segments[k])));
        set_string(object, "init", i->init);
        json_object_set_new(object, "kernels", strings_json(i->kernels));
        json_object_set_new(object, "modules", modules);
        json_object_set_new(object, "segments", segments);
        json_object_set_new(object, "totals",
                            json_pack("{s:I, s:I, s:I}", "files", (json_int_t) i->n_files,
                                      "drivers", (json_int_t) i->n_drivers, "bytes",
                                      (json_int_t) i->bytes));
        json_object_set_new(object, "directories", directories_json(i));
        json_object_set_new(object, "largest-files", files_json(i, false, FILES_MAX));
        json_object_set_new(object, "largest-drivers", files_json(i, true, FILES_MAX));
        json_object_set_new(object, "secrets", secrets_json(i));
        json_object_set(object, "missing", state->missing);
        return object;
}

/* One page with everything in it: a template of ours, and what the image has as JSON. */
static int write_html(const Inspection *i, const State *state, const char *path,
                      const Image *image) {
        _cleanup_free_ char *directory = NULL, *template_path = NULL, *template = NULL,
                            *json = NULL;
        json_t *data = inspection_json(i, state, path, image_size(image), image_uki(image));
        const char *mark;
        size_t size;
        FILE *f;
        int r;

        json_object_set_new(data, "files", files_json(i, false, SIZE_MAX));
        /* No text of the image can end the element that it stands in. */
        json = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII);
        json_decref(data);
        r = json ? data_directory(&directory) : -ENOMEM;
        if (r >= 0) {
                template_path = path_join(directory, "inspection.html");
                r = template_path ? file_read_at(AT_FDCWD, template_path, 0, &template, &size)
                                  : -ENOMEM;
        }
        mark = r >= 0 ? strstr(template, DATA_MARK) : NULL;
        if (!mark) {
                say("%s: The page's template can't be read: %s",
                    template_path ?: "inspection.html",
                    r < 0 ? strerror(-r) : "it has no place for the data");
                return EXIT_STATUS_FAILED;
        }
        f = fopen(arg_html, "we");
        if (!f) {
                say("%s: It can't be written: %s", arg_html, strerror(errno));
                return EXIT_STATUS_FAILED;
        }
        fwrite(template, 1, (size_t) (mark - template), f);
        for (const char *c = json; *c; c++)
                if (*c == '<')
                        fputs("\\u003c", f);
                else
                        putc(*c, f);
        fputs(mark + strlen(DATA_MARK), f);
        r = ferror(f);
        if (fclose(f) != 0 || r) {
                say("%s: It can't be written.", arg_html);
                return EXIT_STATUS_FAILED;
        }
        return EXIT_STATUS_DONE;
}

int verb_inspect(int argc, char *argv[]) {
        _cleanup_(inspection_freep) Inspection *i = NULL;
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        State state = {};
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
                r = state_init(&state, i, image);
        if (r < 0) {
                say("%s: The image can't be inspected: %s", path, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        if (arg_html)
                status = write_html(i, &state, path, image);
        else
                status = arg_json != JSON_MODE_OFF ? give_json(inspection_json(i, &state, path,
                                                                               image_size(image),
                                                                               image_uki(image)))
                                                   : show(i, &state, path, image_size(image),
                                                          image_uki(image));
        state_done(&state);
        return i->fault.what ? say_fault(path, &i->fault) : status;
}
