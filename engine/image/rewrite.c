/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A segment is read twice: first for the content of hard links, which may be in an entry that goes;
 * of a file that loses one of its names, the first name that stays gets it.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "image/rewrite.h"
#include "strmap.h"

typedef struct Rewriting {
        bool (*goes)(void *userdata, const char *name);
        void *userdata;
        uint64_t n_gone;
        CpioWriter *writer;
        Strmap contents; /* of files that lose a name, by number: what they have */
        struct Kept {
                char *data;
                uint64_t size;
                bool written;
        } * now; /* content is this one's */
        char *content; /* where content of a file that stays goes */
} Rewriting;

static void kept_free(void *p) {
        struct Kept *kept = p;

        free(kept->data);
        free(kept);
}

static void link_key(const CpioEntry *e, char key[static 64]) {
        snprintf(key, 64, "%x:%x:%x", e->dev_major, e->dev_minor, e->ino);
}

static bool is_link(const CpioEntry *e) {
        return S_ISREG(e->mode) && e->nlink >= 2;
}

/* Content of hard links comes in any order, so it is collected before anything is written. */
static int on_collect_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Rewriting *w = userdata;
        struct Kept *kept;
        char key[64];
        int k;

        w->now = NULL;
        w->content = NULL;
        if (!is_link(e))
                return 0;
        link_key(e, key);
        kept = strmap_get(&w->contents, key);
        if (!kept) {
                kept = calloc(1, sizeof(*kept));
                k = kept ? strmap_put(&w->contents, key, kept) : -ENOMEM;
                if (k < 0) {
                        free(kept);
                        return k;
                }
        }
        if (e->size == 0)
                return 0;
        free(kept->data);
        kept->size = 0;
        kept->data = malloc(e->size);
        if (!kept->data)
                return -ENOMEM;
        w->now = kept;
        return 0;
}

static int on_collect_content(void *userdata, const void *data, size_t size) {
        Rewriting *w = userdata;

        if (!w->now)
                return 0;
        memcpy(w->now->data + w->now->size, data, size);
        w->now->size += size;
        return 0;
}

static int on_rewrite_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Rewriting *w = userdata;
        CpioEntry copy = *e;
        struct Kept *kept;
        char key[64];
        int k;

        w->content = NULL;
        if (w->goes(w->userdata, e->name)) {
                w->n_gone++;
                return 0;
        }
        link_key(e, key);
        kept = is_link(e) ? strmap_get(&w->contents, key) : NULL;
        if (!kept)
                return cpio_write_entry(w->writer, &copy, &w->content);
        copy.size = kept->written ? 0 : kept->size;
        k = cpio_write_entry(w->writer, &copy, &w->content);
        if (k >= 0 && copy.size > 0)
                memcpy(w->content, kept->data, kept->size);
        kept->written = true;
        w->content = NULL;
        return k;
}

static int on_rewrite_content(void *userdata, const void *data, size_t size) {
        Rewriting *w = userdata;

        if (!w->content)
                return 0;
        memcpy(w->content, data, size);
        w->content += size;
        return 0;
}

static int on_rewrite_trailer(void *userdata, const ImageSegment *segment) {
        return cpio_write_trailer(((Rewriting *) userdata)->writer);
}

int rewrite_segment(Image *image, const ImageSegment *s,
                    bool (*goes)(void *userdata, const char *name), void *userdata,
                    CpioWriter *writer, uint64_t *n_gone) {
        static const ImageHandlers collecting = {
                .on_entry = on_collect_entry,
                .on_content = on_collect_content,
        };
        static const ImageHandlers rewriting = {
                .on_entry = on_rewrite_entry,
                .on_content = on_rewrite_content,
                .on_trailer = on_rewrite_trailer,
        };
        Rewriting w = {
                .goes = goes,
                .userdata = userdata,
                .writer = writer,
                .contents = STRMAP_INIT(kept_free),
        };
        ImageFault fault;
        int k;

        k = image_read_segment(image, s->offset, &collecting, &w, &fault);
        if (k >= 0)
                k = image_read_segment(image, s->offset, &rewriting, &w, &fault);
        if (k >= 0 && !s->trailer && writer->size > 0)
                k = cpio_write_trailer(writer);
        *n_gone += w.n_gone;
        strmap_done(&w.contents);
        return k;
}
