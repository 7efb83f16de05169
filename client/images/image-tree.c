/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The first reading tells which entry a path leads to; content is got by another one, of the
 * segment that has it. Nothing is kept of what is large.
 */

#include <sys/stat.h>

#include "image-tree.h"
#include "string-util.h"

typedef struct Reading {
        ImageTree *tree;
        XXH3_state_t *state; /* NULL: nothing is hashed */
        TreeFile *file; /* whose content comes */
        uint64_t left;
} Reading;

static int on_segment(void *userdata, const ImageSegment *segment) {
        ImageTree *t = ((Reading *) userdata)->tree;

        if (!GREEDY_REALLOC(t->offsets, t->allocated, t->n_segments + 1))
                return -ENOMEM;
        t->offsets[t->n_segments++] = segment->offset;
        return 0;
}

static int end_file(Reading *r) {
        XXH128_hash_t *hash;

        if (!r->file)
                return 0;
        hash = malloc(sizeof(*hash));
        if (!hash)
                return -ENOMEM;
        *hash = XXH3_128bits_digest(r->state);
        free(r->file->content);
        r->file->content = hash;
        r->file = NULL;
        return 0;
}

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        Reading *r = userdata;
        TreeChange change;
        TreeNode *node;
        int k;

        r->file = NULL;
        k = tree_add(r->tree->tree, segment->number, entry, &change, &node, NULL);
        if (k < 0 || !r->state || !node || !S_ISREG(entry->mode))
                return k;
        /* A hard link that brings nothing leaves its file as it is. */
        if (entry->size == 0 && node->file->content)
                return 0;
        r->file = node->file;
        r->left = entry->size;
        XXH3_128bits_reset(r->state);
        return r->left == 0 ? end_file(r) : 0;
}

static int on_content(void *userdata, const void *data, size_t size) {
        Reading *r = userdata;

        if (!r->file)
                return 0;
        XXH3_128bits_update(r->state, data, size);
        r->left -= size;
        return r->left == 0 ? end_file(r) : 0;
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        tree_trailer(((Reading *) userdata)->tree->tree);
        return 0;
}

ImageTree *image_tree_free(ImageTree *t) {
        if (!t)
                return NULL;
        tree_free(t->tree);
        free(t->offsets);
        free(t);
        return NULL;
}

int image_tree_new(ImageTree **ret, Image *image, bool hash) {
        static const ImageHandlers handlers = {
                .on_segment = on_segment,
                .on_entry = on_entry,
                .on_content = on_content,
                .on_trailer = on_trailer,
        };
        _cleanup_(image_tree_freep) ImageTree *t = malloc(sizeof(ImageTree));
        Reading reading = { .tree = t };
        int r;

        if (!t)
                return -ENOMEM;
        *t = (ImageTree) { .image = image };
        r = tree_new(&t->tree, free);
        if (r < 0)
                return r;
        if (hash) {
                reading.state = XXH3_createState();
                if (!reading.state)
                        return -ENOMEM;
        }
        r = image_read(image, &handlers, &reading, &t->fault);
        XXH3_freeState(reading.state);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

/* A file on its way out. */
typedef struct Output {
        uint64_t offset; /* of its entry, in the segment */
        decode_sink_t sink;
        void *userdata;
        bool now, seen;
        int error; /* of the sink */
} Output;

/* What comes behind the file is not wanted any more. */
static int on_output_entry(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        Output *o = userdata;

        if (o->seen)
                return -ECANCELED;
        o->now = o->seen = entry->offset == o->offset;
        return 0;
}

static int on_output_content(void *userdata, const void *data, size_t size) {
        Output *o = userdata;

        if (!o->now)
                return 0;
        o->error = o->sink(o->userdata, data, size);
        return o->error < 0 ? -ECANCELED : 0;
}

int image_tree_read(const ImageTree *t, const TreeFile *file, decode_sink_t sink, void *userdata) {
        static const ImageHandlers handlers = {
                .on_entry = on_output_entry,
                .on_content = on_output_content,
        };
        Output o = { .offset = file->offset, .sink = sink, .userdata = userdata };
        ImageFault fault;
        int r;

        if (file->size == 0)
                return 0;
        r = image_read_segment(t->image, t->offsets[file->segment], &handlers, &o, &fault);
        if (o.error < 0)
                return o.error;
        return r == -ECANCELED ? 0 : r;
}

typedef struct Text {
        char *data;
        size_t size, max;
} Text;

static int append(void *userdata, const void *data, size_t size) {
        Text *t = userdata;

        if (size > t->max - t->size)
                return -EFBIG;
        if (memchr(data, '\0', size))
                return -EILSEQ;
        memcpy(t->data + t->size, data, size);
        t->size += size;
        return 0;
}

int image_tree_text(const ImageTree *tree, const TreeFile *file, size_t max, char **ret) {
        Text t = { .max = file->size };
        int r;

        if (file->size > max)
                return -EFBIG;
        t.data = malloc(file->size + 1);
        if (!t.data)
                return -ENOMEM;
        r = image_tree_read(tree, file, append, &t);
        if (r < 0) {
                free(t.data);
                return r;
        }
        t.data[t.size] = '\0';
        *ret = t.data;
        return 0;
}
