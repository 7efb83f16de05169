/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * cat: the content of files of an image, as they are once the kernel has unpacked it. It takes two
 * readings: the first tells which entry a path leads to, links and all, the second gets its bytes
 * from the segment that has it. Nothing is kept of what is large.
 */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "image-argument.h"
#include "image/tree.h"
#include "string-util.h"

/* The tree, and where each segment begins. */
typedef struct Listing {
        Tree *tree;
        uint64_t *offsets;
        size_t n, allocated;
} Listing;

/* A file on its way out. */
typedef struct Output {
        uint64_t offset; /* of its entry, in the segment */
        bool now, seen;
        int error; /* of writing */
} Output;

static int on_segment(void *userdata, const ImageSegment *segment) {
        Listing *l = userdata;

        if (!GREEDY_REALLOC(l->offsets, l->allocated, l->n + 1))
                return -ENOMEM;
        l->offsets[l->n++] = segment->offset;
        return 0;
}

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        TreeChange change;

        return tree_add(((Listing *) userdata)->tree, segment->number, entry, &change, NULL, NULL);
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        tree_trailer(((Listing *) userdata)->tree);
        return 0;
}

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
        o->error = fd_write_all(STDOUT_FILENO, data, size);
        return o->error < 0 ? -ECANCELED : 0;
}

static int cat_file(Image *image, const Listing *l, const TreeFile *file) {
        static const ImageHandlers handlers = {
                .on_entry = on_output_entry,
                .on_content = on_output_content,
        };
        Output o = { .offset = file->offset };
        ImageFault fault;
        int r;

        if (file->size == 0)
                return 0;
        r = image_read_segment(image, l->offsets[file->segment], &handlers, &o, &fault);
        if (o.error < 0)
                return o.error;
        return r == -ECANCELED ? 0 : r;
}

/* Reports what is no file, and why: an exit status. */
static int cat_path(Image *image, const char *image_path, const Listing *l, const char *path) {
        const TreeNode *node = tree_resolve(l->tree, path);
        int r;

        if (!node || (node->n_made == 0 && !S_ISDIR(node->file->mode))) {
                say("%s: There is no %s in it%s.", image_path, path,
                    tree_get(l->tree, path) ? " that its link leads to" : "");
                return EXIT_STATUS_NOT_FOUND;
        }
        if (!S_ISREG(node->file->mode)) {
                say("%s: %s is %s, and no file.", image_path, path,
                    S_ISDIR(node->file->mode) ? "a directory" : "a node");
                return EXIT_STATUS_FAILED;
        }
        r = cat_file(image, l, node->file);
        if (r >= 0 || r == -EPIPE)
                return EXIT_STATUS_DONE;
        say("The output can't be written: %s", strerror(-r));
        return EXIT_STATUS_FAILED;
}

int verb_cat(int argc, char *argv[]) {
        static const ImageHandlers handlers = {
                .on_segment = on_segment,
                .on_entry = on_entry,
                .on_trailer = on_trailer,
        };
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        int r, status = EXIT_STATUS_DONE;
        ImageFault fault = {};
        Listing l = {};

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        r = tree_new(&l.tree, NULL);
        if (r >= 0)
                r = image_read(image, &handlers, &l, &fault);
        if (r < 0) {
                say("%s: %s", path, strerror(-r));
                status = EXIT_STATUS_FAILED;
        }
        for (int i = 2; i < argc && r >= 0; i++) {
                int k = cat_path(image, path, &l, argv[i]);

                status = status == EXIT_STATUS_DONE ? k : status;
        }
        tree_free(l.tree);
        free(l.offsets);
        return fault.what ? say_fault(path, &fault) : status;
}
