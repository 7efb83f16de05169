/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * diff: what is different between two images, or between one and what a build would make now in its
 * place, which is then exactly why it is stale. Files are compared as the kernel has unpacked them,
 * by what they have, not by their times; drivers of different kernels are compared as if
 * their versions were the same. Compression makes no difference.
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bus/bus.h"
#include "client.h"
#include "images/diff-settings.h"
#include "images/image-argument.h"
#include "images/image-side.h"
#include "json-text.h"
#include "path-util.h"
#include "string-util.h"
#include "table.h"

#define TEXT_MAX ((size_t) 256 * 1024)

bool arg_content;

/* What became of the files of a module. */
typedef struct Sum {
        uint64_t added, removed, changed;
        int64_t bytes;
} Sum;

typedef struct Diff {
        const Side *a, *b;
        json_t *files; /* NULL: for people */
        json_t *settings; /* what diff_settings() gave */
        Strmap modules; /* name → Sum */
        Sum all, drivers;
} Diff;

static bool is_driver(const SideFile *f) {
        const char *ko = strstr(path_basename(f->path), ".ko");

        return S_ISREG(f->mode) && ko && (ko[3] == '\0' || ko[3] == '.') &&
               strstr(f->path, "/lib/modules/");
}

static void count(Sum *s, const SideFile *old, const SideFile *new) {
        s->added += !old;
        s->removed += !new;
        s->changed += old && new;
        s->bytes += (int64_t) (new ? new->size : 0) - (int64_t) (old ? old->size : 0);
}

static int count_all(Diff *d, const SideFile *old, const SideFile *new) {
        const SideFile *one = new ?: old;
        const char *module = one->module ? one->module : old && old->module ? old->module : "-";
        Sum *s = strmap_get(&d->modules, module);
        int r;

        if (!s) {
                s = calloc(1, sizeof(Sum));
                r = s ? strmap_put(&d->modules, module, s) : -ENOMEM;
                if (r < 0) {
                        free(s);
                        return r;
                }
        }
        count(s, old, new);
        count(&d->all, old, new);
        if (is_driver(one))
                count(&d->drivers, old, new);
        return 0;
}

/* What of the two is different, as words: "mode size content". */
static char **compare(const SideFile *a, const SideFile *b) {
        char **words = NULL;
        int r = 0;

        if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
                r = strv_extend(&words, "type");
        else if (!S_ISLNK(a->mode) && ((a->mode ^ b->mode) & 07777))
                r = strv_extend(&words, "mode");
        if (r >= 0 && (a->uid != b->uid || a->gid != b->gid))
                r = strv_extend(&words, "owner");
        if (r >= 0 && a->size != b->size)
                r = strv_extend(&words, "size");
        if (r >= 0 && S_ISREG(a->mode) && S_ISREG(b->mode) && !XXH128_isEqual(a->hash, b->hash))
                r = strv_extend(&words, "content");
        if (r >= 0 && !streq_ptr(a->target, b->target))
                r = strv_extend(&words, "target");
        if (r >= 0 && (a->rdev_major != b->rdev_major || a->rdev_minor != b->rdev_minor))
                r = strv_extend(&words, "device");
        return r < 0 ? strv_free(words) : words;
}

static json_t *file_json(const SideFile *f) {
        char mode[8];
        json_t *o;

        if (!f)
                return json_null();
        snprintf(mode, sizeof(mode), "%04o", f->mode & 07777);
        o = json_pack("{s:s, s:i, s:i, s:I}", "mode", mode, "uid", (int) f->uid, "gid",
                      (int) f->gid, "size", (json_int_t) f->size);
        if (o && f->target)
                json_object_set_new(o, "target", json_text(f->target));
        return o;
}

static int tell_json(Diff *d, const SideFile *old, const SideFile *new, char *const *words) {
        const SideFile *one = new ?: old;
        json_t *array = json_array();

        STRV_FOREACH(word, words)
                json_array_append_new(array, json_string(*word));
        return json_array_append_new(d->files,
                                     json_pack("{s:o, s:s, s:o, s:b, s:o, s:o, s:o}", "path",
                                               json_text(one->path), "change",
                                               !old   ? "added"
                                               : !new ? "removed"
                                                      : "changed",
                                               "what", array, "driver", (int) is_driver(one),
                                               "module",
                                               one->module ? json_text(one->module) : json_null(),
                                               "old", file_json(old), "new", file_json(new))) < 0
                               ? -ENOMEM
                               : 0;
}

/* "mode 0644 → 0755, size 3 B → 4 B, content". */
static void print_words(const SideFile *old, const SideFile *new, char *const *words) {
        char from[MODE_TEXT_MAX], to[MODE_TEXT_MAX], small[SIZE_TEXT_MAX], large[SIZE_TEXT_MAX];

        STRV_FOREACH(word, words) {
                printf("%s%s", word == words ? "" : ", ", *word);
                if (streq(*word, "mode") || streq(*word, "type"))
                        printf(" %s → %s", mode_to_text(old->mode, from),
                               mode_to_text(new->mode, to));
                if (streq(*word, "size"))
                        printf(" %s → %s", size_to_text(old->size, small),
                               size_to_text(new->size, large));
                if (streq(*word, "owner"))
                        printf(" %u:%u → %u:%u", old->uid, old->gid, new->uid, new->gid);
                if (streq(*word, "target"))
                        printf(" %s → %s", old->target ?: "none", new->target ?: "none");
        }
}

static void print_lines(char sign, const char *text, size_t size) {
        while (size > 0) {
                const char *end = memchr(text, '\n', size);
                size_t n = end ? (size_t) (end - text) : size;

                printf("    %c", sign);
                /* Nothing that a terminal would take for more than text. */
                for (size_t i = 0; i < n; i++)
                        putchar((unsigned char) text[i] < 0x20 && text[i] != '\t' ? '?' : text[i]);
                putchar('\n');
                text += n + (end != NULL);
                size -= n + (end != NULL);
        }
}

/* The lines between the first and the last that are different. */
static void print_content(const char *old, const char *new) {
        size_t n_old = strlen(old), n_new = strlen(new), begin = 0, end = 0, line = 1;

        for (size_t i = 0; i < n_old && i < n_new && old[i] == new[i]; i++)
                if (old[i] == '\n') {
                        begin = i + 1;
                        line++;
                }
        for (size_t i = 0;
             i < n_old - begin && i < n_new - begin && old[n_old - 1 - i] == new[n_new - 1 - i];
             i++)
                if (i + 1 < n_old - begin && i + 1 < n_new - begin && old[n_old - 2 - i] == '\n' &&
                    new[n_new - 2 - i] == '\n')
                        end = i + 1;
        printf("    @ line %zu\n", line);
        print_lines('-', old + begin, n_old - begin - end);
        print_lines('+', new + begin, n_new - begin - end);
}

static int tell_content(const Diff *d, const SideFile *old, const SideFile *new) {
        _cleanup_free_ char *one = NULL, *two = NULL;
        int r = 0;

        if (old && S_ISREG(old->mode))
                r = side_text(d->a, old, TEXT_MAX, &one);
        if (r >= 0 && new &&S_ISREG(new->mode))
                r = side_text(d->b, new, TEXT_MAX, &two);
        if (r == -ENOMEM)
                return r;
        /* What is no text, too large, or can't be read, is told of without its content. */
        if (r >= 0 && (one || two))
                print_content(one ?: "", two ?: "");
        return 0;
}

static int tell(Diff *d, const SideFile *old, const SideFile *new, char *const *words) {
        const SideFile *one = new ?: old;
        char size[SIZE_TEXT_MAX];
        int r;

        r = count_all(d, old, new);
        if (r < 0 || d->files)
                return r < 0 ? r : tell_json(d, old, new, words);
        printf("%c %s", !old ? '+' : !new ? '-' : '~', one->path);
        if (!old || !new)
                printf("%s%s%s", S_ISREG(one->mode) ? " (" : "",
                       S_ISREG(one->mode) ? size_to_text(one->size, size) : "",
                       S_ISREG(one->mode) ? ")" : "");
        else {
                fputs(": ", stdout);
                print_words(old, new, words);
        }
        printf("%s%s\n", one->module ? "  # " : "", one->module ?: "");
        return arg_content && (!words || strv_contains(words, "content"))
                               ? tell_content(d, old, new)
                               : 0;
}

static int compare_sides(Diff *d) {
        int r = 0;

        STRMAP_FOREACH(e, &d->a->files) {
                const SideFile *new = strmap_get(&d->b->files, e->key);
                _cleanup_strv_free_ char **words = new ? compare(e->value, new) : NULL;

                if (r >= 0 && (!new || words))
                        r = tell(d, e->value, new, words);
        }
        STRMAP_FOREACH(e, &d->b->files)
                if (r >= 0 && !strmap_contains(&d->a->files, e->key))
                        r = tell(d, NULL, e->value, NULL);
        return r;
}

static const char *signed_size(int64_t bytes, char ret[static SIZE_TEXT_MAX + 1]) {
        char text[SIZE_TEXT_MAX];

        size_to_text((uint64_t) (bytes < 0 ? -bytes : bytes), text);
        snprintf(ret, SIZE_TEXT_MAX + 1, "%s%s", bytes < 0 ? "-" : "+", text);
        return ret;
}

static int print_modules(const Diff *d) {
        static const char *const columns[] = { "MODULE", "ADDED", "REMOVED", "CHANGED", "SIZE" };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        r = table_new(&table, "modules", columns, ELEMENTSOF(columns));
        STRMAP_FOREACH(e, &d->modules) {
                const Sum *s = e->value;
                char added[24], removed[24], changed[24], size[SIZE_TEXT_MAX + 1];

                snprintf(added, sizeof(added), "%" PRIu64, s->added);
                snprintf(removed, sizeof(removed), "%" PRIu64, s->removed);
                snprintf(changed, sizeof(changed), "%" PRIu64, s->changed);
                if (r >= 0)
                        r = table_add(table, (const char *[]) { e->key, added, removed, changed,
                                                                signed_size(s->bytes, size) });
        }
        return r < 0 ? EXIT_STATUS_FAILED : table_print(table);
}

/* In the place of an image that was made in another way comes one that is made so. Of two images
 * their files count. */
static bool differs(const Diff *d) {
        return d->all.added + d->all.removed + d->all.changed > 0 ||
               (d->b->now && json_array_size(d->settings) > 0);
}

/* "Setting Compression: zstd, now xz". */
static void print_settings(const Diff *d) {
        json_t *one;
        size_t i;

        json_array_foreach(d->settings, i, one) {
                const char *what = json_string_value(json_object_get(one, "what"));
                const char *name = json_string_value(json_object_get(one, "name"));
                const char *old = json_string_value(json_object_get(one, "old"));
                const char *new = json_string_value(json_object_get(one, "new"));

                printf("%c%s%s%s: %s -> %s\n", what[0] - 'a' + 'A', what + 1, name ? " " : "",
                       name ?: "", old ?: "none", new ?: "none");
        }
}

static int print_sums(const Diff *d) {
        char size[SIZE_TEXT_MAX + 1];

        print_settings(d);
        if (json_array_size(d->settings) > 0 && differs(d) &&
            d->all.added + d->all.removed + d->all.changed == 0) {
                puts("The files are the same.");
                return EXIT_STATUS_DONE;
        }
        if (d->all.added + d->all.removed + d->all.changed == 0) {
                if (!arg_quiet)
                        puts(d->b->now ? "It is what a build would make now."
                                       : "They have the same files.");
                return EXIT_STATUS_DONE;
        }
        putchar('\n');
        if (d->a->described || d->b->described || d->b->now) {
                int status = print_modules(d);

                if (status != EXIT_STATUS_DONE)
                        return status;
                putchar('\n');
        }
        printf("%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed, %s unpacked",
               d->all.added, d->all.removed, d->all.changed, signed_size(d->all.bytes, size));
        printf("; of these drivers: %" PRIu64 ", %" PRIu64 ", %" PRIu64 "\n", d->drivers.added,
               d->drivers.removed, d->drivers.changed);
        return EXIT_STATUS_DONE;
}

static json_t *sum_json(const Sum *s) {
        return json_pack("{s:I, s:I, s:I, s:I}", "added", (json_int_t) s->added, "removed",
                         (json_int_t) s->removed, "changed", (json_int_t) s->changed, "bytes",
                         (json_int_t) s->bytes);
}

static int give(const Diff *d) {
        json_t *modules = json_object();

        STRMAP_FOREACH(e, &d->modules)
                json_object_set_new(modules, e->key, sum_json(e->value));
        return give_json(json_pack("{s:o, s:o, s:b, s:O, s:o, s:o, s:o, s:o}", "old",
                                   json_text(d->a->name), "new", json_text(d->b->name), "same",
                                   (int) !differs(d), "settings", d->settings, "files", d->files,
                                   "modules", modules, "drivers", sum_json(&d->drivers), "totals",
                                   sum_json(&d->all)));
}

/* An exit status: 1 when there is a difference. */
static int diff(const Side *a, const Side *b) {
        Diff d = { .a = a, .b = b, .modules = STRMAP_INIT(free) };
        bool differ;
        int r, status;

        if (arg_json != JSON_MODE_OFF)
                d.files = json_array();
        r = diff_settings(a, b, &d.settings);
        if (r >= 0)
                r = compare_sides(&d);
        differ = r >= 0 && differs(&d);
        if (r < 0) {
                say("Out of memory");
                json_decref(d.files);
                status = EXIT_STATUS_FAILED;
        } else
                status = d.files ? give(&d) : print_sums(&d);
        strmap_done(&d.modules);
        json_decref(d.settings);
        return status == EXIT_STATUS_DONE && differ ? EXIT_STATUS_FAILED : status;
}

/* 0, or an exit status. A damaged image is no side of a comparison. */
static int open_side(const char *argument, Image **ret_image, char **ret_path, Side *ret) {
        int r = image_from_argument(argument, ret_image, ret_path);

        if (r != 0)
                return r;
        r = side_init_image(ret, *ret_path, *ret_image);
        if (r < 0) {
                say("%s: %s", *ret_path, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        if (!ret->tree->fault.what)
                return 0;
        r = say_fault(*ret_path, &ret->tree->fault);
        side_done(ret);
        return r;
}

static int diff_now(const Side *a) {
        ImageNow now;
        Side b;
        int r;

        if (!a->described) {
                say("%s: Only an image of initrdd can be compared with what a build would make "
                    "now; name another image.",
                    a->name);
                return EXIT_STATUS_FAILED;
        }
        r = image_now_init(&now, a->described->described, false);
        if (r != 0)
                return r;
        r = side_init_now(&b, &now);
        if (r >= 0) {
                r = diff(a, &b);
                if (r == EXIT_STATUS_FAILED)
                        image_now_hint(&now, a->name);
                side_done(&b);
        } else {
                say("Out of memory");
                r = EXIT_STATUS_FAILED;
        }
        image_now_done(&now);
        return r;
}

int verb_diff(int argc, char *argv[]) {
        _cleanup_(image_freep) Image *old = NULL, *new = NULL;
        _cleanup_free_ char *old_path = NULL, *new_path = NULL;
        Side a, b;
        int r;

        if (argc < 3 && service_is_remote()) {
                say("What a build would make now is known on its own machine alone; with -H and "
                    "-M, name two images.");
                return EXIT_STATUS_USAGE;
        }
        r = open_side(argv[1], &old, &old_path, &a);
        if (r != 0)
                return r;
        if (argc < 3)
                r = diff_now(&a);
        else {
                r = open_side(argv[2], &new, &new_path, &b);
                if (r == 0) {
                        r = diff(&a, &b);
                        side_done(&b);
                }
        }
        side_done(&a);
        return r;
}
