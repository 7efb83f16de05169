/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What an image is made of, for people: tables, with bars where somebody looks at them. */

#include <inttypes.h>
#include <langinfo.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "inspect.h"
#include "string-util.h"
#include "table.h"

#define DIRECTORIES_MAX 12
#define BAR_WIDTH 30

const bool *inspect_cached(const Inspected *inspected, const InspectedSegment *s) {
        const Described *d = inspected->inspection->described;

        return inspected->state->cached && s->fragment
                               ? &inspected->state->cached[s->fragment - d->fragments]
                               : NULL;
}

static double ratio_of(const InspectedSegment *s) {
        return s->size > 0 ? (double) s->raw_size / (double) s->size : 0;
}

static int show_segments(const Inspected *inspected) {
        static const char *const columns[] = { "OFFSET",     "SIZE",   "UNPACKED", "RATIO",
                                               "COMPRESSOR", "LEVEL",  "SCOPE",    "CACHED",
                                               "FRAGMENT",   "MODULES" };
        const Inspection *i = inspected->inspection;
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
                const bool *cached = inspect_cached(inspected, s);
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
                r = files_sorted(i, drivers, INSPECT_FILES_MAX, &files, &n);
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

char *inspect_section_text(const UkiSection *section) {
        _cleanup_free_ char *text =
                        section->data ? bytes_to_string(section->data, section->size) : NULL;

        return text ? strdup(str_strip(text)) : NULL;
}

static void show_uki(const Uki *uki) {
        _cleanup_free_ char *version = inspect_section_text(&uki->version),
                            *command_line = inspect_section_text(&uki->command_line),
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

static void show_missing(const ImageState *state) {
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

int inspect_print(const Inspected *inspected) {
        const Inspection *i = inspected->inspection;
        const Uki *uki = image_uki(inspected->image);
        _cleanup_free_ char *kernels = strv_join(i->kernels, " "),
                            *modules = strv_join(i->modules, " "),
                            *settings = i->described ? strv_join(i->described->settings, ", ")
                                                     : NULL;
        char packed[SIZE_TEXT_MAX], unpacked[SIZE_TEXT_MAX];
        const Described *d = i->described;
        int status;

        printf("   Image: %s (%s)\n", inspected->path,
               size_to_text(image_size(inspected->image), packed));
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
        status = show_segments(inspected);
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
                show_missing(inspected->state);
        return status;
}
