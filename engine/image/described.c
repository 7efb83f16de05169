/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The description is the last segment and begins at a multiple of 4096. So it is looked for from
 * the end of the file: wherever a segment could begin, the first entry is unpacked, and tells.
 * Bytes of a fragment rarely look like the beginning of a segment, and then break off at once.
 *
 * It comes from a file, so nothing in it is believed but by its type; that the fragments it tells
 * of are really there is `fits`, and whoever wants more decodes them.
 */

#include <jansson.h>

#include "image/described.h"
#include "pack/pack.h"
#include "string-util.h"

#define DIRECTORY ".initrdd"
#define FORMAT 1
#define JSON_MAX (16 * 1024 * 1024)
#define JSON_SEARCH_MAX (8 * 1024 * 1024)
#define MANIFEST_MAX (64 * 1024 * 1024)

/* What is being read of the segment. */
typedef struct Pickup {
        bool any; /* the first entry was there */
        bool json_only; /* -ECANCELED when that is complete */
        struct {
                char *data;
                size_t size, allocated;
                bool seen;
        } json, manifest;
        enum { PICKUP_NONE, PICKUP_JSON, PICKUP_MANIFEST } now;
        ImageSegment segment;
        bool ended;
} Pickup;

static const char *relative(const char *name) {
        while (*name == '/' || startswith(name, "./"))
                name += *name == '/' ? 1 : 2;
        return name;
}

bool described_begins(const char *name) {
        return streq(relative(name), DIRECTORY);
}

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        const char *name = relative(entry->name);
        Pickup *p = userdata;

        if (!p->any && !described_begins(name))
                return -ENOENT;
        if (p->json_only && p->json.seen)
                return -ECANCELED;
        p->any = true;
        p->now = PICKUP_NONE;
        if (streq(name, DIRECTORY "/image.json") && !p->json.seen) {
                p->json.seen = true;
                p->now = PICKUP_JSON;
        } else if (streq(name, DIRECTORY "/manifest") && !p->manifest.seen) {
                p->manifest.seen = true;
                p->now = PICKUP_MANIFEST;
        }
        return 0;
}

static int append(char **data, size_t *size, size_t *allocated, size_t max, const void *more,
                  size_t n) {
        if (n > max - *size)
                return -EBADMSG;
        if (!GREEDY_REALLOC(*data, *allocated, *size + n + 1))
                return -ENOMEM;
        memcpy(*data + *size, more, n);
        *size += n;
        (*data)[*size] = '\0';
        return 0;
}

static int on_content(void *userdata, const void *data, size_t size) {
        Pickup *p = userdata;

        if (p->now == PICKUP_JSON)
                return append(&p->json.data, &p->json.size, &p->json.allocated, JSON_MAX, data,
                              size);
        if (p->now == PICKUP_MANIFEST)
                return append(&p->manifest.data, &p->manifest.size, &p->manifest.allocated,
                              MANIFEST_MAX, data, size);
        return 0;
}

static int on_segment_end(void *userdata, const ImageSegment *segment) {
        Pickup *p = userdata;

        p->segment = *segment;
        p->ended = true;
        return 0;
}

Described *described_free(Described *d) {
        if (!d)
                return NULL;
        for (size_t i = 0; i < d->n_modules; i++) {
                free(d->modules[i].name);
                free(d->modules[i].reason);
        }
        for (size_t i = 0; i < d->n_fragments; i++) {
                DescribedFragment *f = &d->fragments[i];

                free(f->name);
                free(f->scope);
                free(f->compression);
                free(f->content);
                strv_free(f->modules);
        }
        free(d->modules);
        free(d->fragments);
        free(d->tool);
        free(d->version);
        free(d->kernel);
        free(d->profile);
        free(d->mode);
        strv_free(d->settings);
        free(d->manifest);
        free(d);
        return NULL;
}

static int get_string(const json_t *object, const char *key, char **ret) {
        const char *s = json_string_value(json_object_get(object, key));

        if (!s)
                return -EBADMSG;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int get_number(const json_t *object, const char *key, uint64_t *ret) {
        const json_t *value = json_object_get(object, key);

        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return -EBADMSG;
        *ret = (uint64_t) json_integer_value(value);
        return 0;
}

static int parse_module(const json_t *object, DescribedModule *m) {
        int r = get_string(object, "name", &m->name);

        return r < 0 ? r : get_string(object, "reason", &m->reason);
}

static int parse_fragment(const json_t *object, DescribedFragment *f) {
        const json_t *modules = json_object_get(object, "modules"), *value;
        uint64_t level;
        size_t i;
        int r;

        r = get_string(object, "name", &f->name);
        if (r >= 0)
                r = get_string(object, "scope", &f->scope);
        if (r >= 0)
                r = get_string(object, "compression", &f->compression);
        if (r >= 0)
                r = get_string(object, "content", &f->content);
        if (r >= 0)
                r = get_number(object, "size", &f->size);
        if (r >= 0)
                r = get_number(object, "raw-size", &f->raw_size);
        if (r >= 0)
                r = get_number(object, "level", &level);
        if (r < 0)
                return r;
        f->level = (int) MIN_OF(level, UINT64_C(1000));
        json_array_foreach(modules, i, value) {
                r = json_is_string(value) ? strv_extend(&f->modules, json_string_value(value))
                                          : -EBADMSG;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_lists(const json_t *object, Described *d) {
        const json_t *modules = json_object_get(object, "modules");
        const json_t *fragments = json_object_get(object, "fragments"), *value;
        size_t i;
        int r;

        if (!json_is_array(modules) || !json_is_array(fragments))
                return -EBADMSG;
        d->modules = calloc(json_array_size(modules) + 1, sizeof(DescribedModule));
        d->fragments = calloc(json_array_size(fragments) + 1, sizeof(DescribedFragment));
        if (!d->modules || !d->fragments)
                return -ENOMEM;
        json_array_foreach(modules, i, value) {
                r = parse_module(value, &d->modules[d->n_modules++]);
                if (r < 0)
                        return r;
        }
        json_array_foreach(fragments, i, value) {
                r = parse_fragment(value, &d->fragments[d->n_fragments++]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_settings(json_t *settings, Described *d) {
        const char *key;
        json_t *value;

        json_object_foreach(settings, key, value) {
                char *setting;

                if (!json_is_string(value))
                        return -EBADMSG;
                if (str_printf(&setting, "%s=%s", key, json_string_value(value)) < 0 ||
                    strv_consume(&d->settings, setting) < 0)
                        return -ENOMEM;
        }
        if (d->settings)
                strv_sort(d->settings);
        return 0;
}

static int parse(const char *text, size_t size, Described *d) {
        json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        uint64_t format;
        int r;

        r = object ? get_number(object, "format", &format) : -EBADMSG;
        if (r >= 0 && format != FORMAT)
                r = -EBADMSG;
        if (r >= 0)
                r = get_string(object, "tool", &d->tool);
        if (r >= 0)
                r = get_string(object, "version", &d->version);
        if (r >= 0)
                r = get_string(object, "kernel", &d->kernel);
        if (r >= 0)
                r = get_string(object, "profile", &d->profile);
        if (r >= 0)
                r = get_string(object, "mode", &d->mode);
        if (r >= 0)
                r = parse_settings(json_object_get(object, "settings"), d);
        if (r >= 0)
                r = parse_lists(object, d);
        json_decref(object);
        return r;
}

/* Where the fragments are, and whether these are all that there is. */
static void place_fragments(Image *image, Described *d) {
        uint64_t offset = 0;

        for (size_t i = 0; i < d->n_fragments; i++) {
                d->fragments[i].offset = offset;
                if (d->fragments[i].size > d->offset - offset)
                        return;
                offset += d->fragments[i].size;
        }
        d->fits = offset == d->offset && d->offset + d->size == image_size(image);
}

int described_read(Image *image, uint64_t offset, Described **ret) {
        static const ImageHandlers handlers = {
                .on_entry = on_entry,
                .on_content = on_content,
                .on_segment_end = on_segment_end,
        };
        _cleanup_(described_freep) Described *d = calloc(1, sizeof(Described));
        ImageFault fault;
        Pickup p = {};
        int r;

        if (!d)
                return -ENOMEM;
        r = image_read_segment(image, offset, &handlers, &p, &fault);
        if (r >= 0 && !p.any)
                r = -ENOENT;
        if (r >= 0 && (!p.ended || !p.json.data))
                r = -EBADMSG;
        if (r >= 0) {
                d->offset = p.segment.offset;
                d->size = p.segment.size + p.segment.padding;
                d->raw_size = p.segment.raw_size;
                d->decoder = p.segment.decoder;
                d->manifest = p.manifest.data ? TAKE_PTR(p.manifest.data) : strdup("");
                r = d->manifest ? parse(p.json.data, p.json.size, d) : -ENOMEM;
        }
        free(p.json.data);
        free(p.manifest.data);
        if (r < 0)
                return r;
        place_fragments(image, d);
        *ret = TAKE_PTR(d);
        return 0;
}

/* In how many places a segment could begin. */
static uint64_t n_places(const Image *image) {
        return image_size(image) / FRAGMENT_ALIGN + (image_size(image) % FRAGMENT_ALIGN > 0);
}

int described_find(Image *image, Described **ret) {
        for (uint64_t i = n_places(image); i > 0; i--) {
                int r = described_read(image, (i - 1) * FRAGMENT_ALIGN, ret);

                if (r != -ENOENT)
                        return r;
        }
        return -ENOENT;
}

int described_find_json(Image *image, char **ret) {
        static const ImageHandlers handlers = { .on_entry = on_entry, .on_content = on_content };
        uint64_t n = n_places(image);

        for (uint64_t i = n; i > 0 && n - i < JSON_SEARCH_MAX / FRAGMENT_ALIGN; i--) {
                Pickup p = { .json_only = true };
                ImageFault fault;
                int r;

                r = image_read_segment(image, (i - 1) * FRAGMENT_ALIGN, &handlers, &p, &fault);
                if (r == -ECANCELED && p.json.data) {
                        *ret = p.json.data;
                        return 0;
                }
                free(p.json.data);
                if (r == -ENOMEM)
                        return r;
        }
        return -ENOENT;
}

/* In place. */
static char *unescape(char *s) {
        char *to = s;

        for (const char *from = s; *from; from++) {
                if (*from == '\\' && from[1])
                        switch (*++from) {
                        case 't':
                                *to++ = '\t';
                                continue;
                        case 'n':
                                *to++ = '\n';
                                continue;
                        default:
                                break;
                        }
                *to++ = *from;
        }
        *to = '\0';
        return s;
}

static bool parse_octal(const char *s, unsigned *ret) {
        char *end;
        unsigned long n = strtoul(s, &end, 8);

        *ret = (unsigned) n;
        return *s >= '0' && *s <= '7' && *end == '\0' && n <= 07777;
}

static bool parse_number(const char *s, uint64_t *ret) {
        char *end;

        *ret = strtoull(s, &end, 10);
        return *s >= '0' && *s <= '9' && *end == '\0';
}

int described_next(char **p, DescribedEntry *ret) {
        char *line = *p, *end, *fields[6];
        uint64_t fragment;

        if (!*line)
                return 0;
        end = strchr(line, '\n');
        if (!end)
                return -EBADMSG;
        *end = '\0';
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                fields[i] = strsep(&line, "\t");
                if (!fields[i])
                        return -EBADMSG;
        }
        if (line || !parse_number(fields[0], &fragment) || strlen(fields[1]) != 1 ||
            !strchr("dfl", *fields[1]) || !parse_octal(fields[2], &ret->mode) ||
            !parse_number(fields[3], &ret->size) || *fields[4] != '/')
                return -EBADMSG;
        ret->fragment = (size_t) fragment;
        ret->type = *fields[1];
        ret->path = unescape(fields[4]);
        ret->why = unescape(fields[5]);
        *p = end + 1;
        return 1;
}
