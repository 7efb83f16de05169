/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Nothing of the old description is taken on trust but the reasons: sizes, modes, and which segment
 * has what are read from the image that was written, so what is said is so by construction.
 */

#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/described.h"
#include "image/description.h"
#include "image/redescribe.h"
#include "image/tree.h"
#include "string-util.h"

#define REASON "initrdctl repack"

typedef struct Reading {
        Tree *tree;
        ImageSegment *segments;
        size_t n, allocated;
} Reading;

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        TreeChange change;

        return tree_add(((Reading *) userdata)->tree, segment->number, entry, &change, NULL, NULL);
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        tree_trailer(((Reading *) userdata)->tree);
        return 0;
}

static int on_segment_end(void *userdata, const ImageSegment *segment) {
        Reading *r = userdata;

        if (!GREEDY_REALLOC(r->segments, r->allocated, r->n + 1))
                return -ENOMEM;
        r->segments[r->n++] = *segment;
        return 0;
}

/* path → reason, borrowed from the text. */
static int read_reasons(char *manifest, Strmap *ret) {
        DescribedEntry e;
        int r;

        while ((r = described_next(&manifest, &e)) > 0) {
                r = strmap_replace(ret, e.path, e.why);
                if (r < 0)
                        return r;
        }
        return r;
}

static json_t *fragment_json(const json_t *old, const ImageSegment *s) {
        uint64_t size = s->size + s->padding;
        bool same = old && json_integer_value(json_object_get(old, "size")) == (json_int_t) size &&
                    json_integer_value(json_object_get(old, "raw-size")) ==
                                    (json_int_t) s->raw_size;
        json_t *object = old ? json_deep_copy(old)
                             : json_pack("{s:s, s:s, s:[]}", "name", "repacked", "scope", "image",
                                         "modules");

        if (!object || same)
                return object;
        json_object_set_new(object, "size", json_integer((json_int_t) size));
        json_object_set_new(object, "raw-size", json_integer((json_int_t) s->raw_size));
        json_object_set_new(object, "compression",
                            json_string(s->decoder == DECODER_CPIO
                                                        ? "none"
                                                        : decoder_to_string(s->decoder)));
        json_object_set_new(object, "level", json_integer(0));
        json_object_set_new(object, "content", json_string("repacked"));
        return object;
}

static int write_json(const Reading *r, const char *json, const int *origins, size_t n_origins,
                      char **ret) {
        json_t *image = json_loads(json, JSON_REJECT_DUPLICATES, NULL), *fragments = json_array();
        const json_t *old = json_object_get(image, "fragments");

        for (size_t i = 0; i < r->n; i++) {
                const json_t *one = i < n_origins && origins[i] >= 0
                                                    ? json_array_get(old, (size_t) origins[i])
                                                    : NULL;

                json_array_append_new(fragments, fragment_json(one, &r->segments[i]));
        }
        if (!json_is_object(image) || json_array_size(fragments) != r->n) {
                json_decref(image);
                json_decref(fragments);
                return -EBADMSG;
        }
        json_object_set_new(image, "fragments", fragments);
        *ret = json_dumps(image, JSON_INDENT(1));
        json_decref(image);
        return *ret ? 0 : -ENOMEM;
}

static int write_manifest(const Reading *r, const Strmap *reasons, char **ret, size_t *ret_size) {
        FILE *f = open_memstream(ret, ret_size);

        if (!f)
                return -ENOMEM;
        TREE_FOREACH(node, r->tree) {
                uint32_t mode = node->file->mode;
                char type = S_ISDIR(mode) ? 'd' : S_ISREG(mode) ? 'f' : S_ISLNK(mode) ? 'l' : 0;

                /* A node has no place in a manifest. */
                if (node->n_made == 0 || type == 0)
                        continue;
                fprintf(f, "%zu\t%c\t%o\t%llu\t", node->segment, type, mode & 07777,
                        (unsigned long long) (type == 'f' ? node->file->size : 0));
                description_write_escaped(f, node->path);
                putc('\t', f);
                description_write_escaped(f, strmap_get(reasons, node->path) ?: REASON);
                putc('\n', f);
        }
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

int redescribe(int fd, const char *json, char *manifest, const int *origins, size_t n_origins,
               Compression compression, int level) {
        static const ImageHandlers handlers = {
                .on_entry = on_entry,
                .on_trailer = on_trailer,
                .on_segment_end = on_segment_end,
        };
        _cleanup_free_ char *new_json = NULL, *new_manifest = NULL, *packed = NULL, *path = NULL;
        _cleanup_(image_freep) Image *image = NULL;
        Strmap reasons _cleanup_strmap_ = STRMAP_INIT(NULL);
        size_t manifest_size, size;
        Reading reading = {};
        ImageFault fault = {};
        int r;

        r = str_printf(&path, "/proc/self/fd/%d", fd);
        if (r >= 0)
                r = image_open(&image, path);
        if (r >= 0)
                r = tree_new(&reading.tree, NULL);
        if (r >= 0)
                r = image_read(image, &handlers, &reading, &fault);
        if (r >= 0 && fault.what)
                r = -EBADMSG;
        if (r >= 0)
                r = read_reasons(manifest, &reasons);
        if (r >= 0)
                r = write_json(&reading, json, origins, n_origins, &new_json);
        if (r >= 0)
                r = write_manifest(&reading, &reasons, &new_manifest, &manifest_size);
        if (r >= 0)
                r = description_pack_texts(new_json, new_manifest, manifest_size, compression,
                                           level, &packed, &size);
        if (r >= 0)
                r = fd_write_all(fd, packed, size);
        tree_free(reading.tree);
        free(reading.segments);
        return r;
}
