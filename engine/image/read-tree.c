/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "image/read-tree.h"

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        TreeChange change;

        return tree_add(userdata, segment->number, entry, &change, NULL, NULL);
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        tree_trailer(userdata);
        return 0;
}

int image_read_tree(Image *image, Tree **ret, ImageFault *ret_fault) {
        static const ImageHandlers handlers = { .on_entry = on_entry, .on_trailer = on_trailer };
        _cleanup_(tree_freep) Tree *tree = NULL;
        int r;

        r = tree_new(&tree, NULL);
        if (r >= 0)
                r = image_read(image, &handlers, tree, ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(tree);
        return 0;
}
