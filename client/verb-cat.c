/* SPDX-License-Identifier: GPL-2.0-or-later */

/* cat: the content of files of an image, as they are once the kernel has unpacked it. */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "images/image-argument.h"
#include "images/image-tree.h"
#include "string-util.h"

static int write_out(void *userdata, const void *data, size_t size) {
        return fd_write_all(STDOUT_FILENO, data, size);
}

/* Reports what is no file, and why: an exit status. */
static int cat_path(const ImageTree *t, const char *image_path, const char *path) {
        const TreeNode *node = tree_resolve(t->tree, path);
        int r;

        if (!node || (node->n_made == 0 && !S_ISDIR(node->file->mode))) {
                say("%s: There is no %s in it%s.", image_path, path,
                    tree_get(t->tree, path) ? " that its link leads to" : "");
                return EXIT_STATUS_NOT_FOUND;
        }
        if (!S_ISREG(node->file->mode)) {
                say("%s: %s is %s, and no file.", image_path, path,
                    S_ISDIR(node->file->mode) ? "a directory" : "a node");
                return EXIT_STATUS_FAILED;
        }
        r = image_tree_read(t, node->file, write_out, NULL);
        if (r >= 0 || r == -EPIPE)
                return EXIT_STATUS_DONE;
        say("The output can't be written: %s", strerror(-r));
        return EXIT_STATUS_FAILED;
}

int verb_cat(int argc, char *argv[]) {
        _cleanup_(image_tree_freep) ImageTree *tree = NULL;
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        int r, status = EXIT_STATUS_DONE;

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        r = image_tree_new(&tree, image, false);
        if (r < 0) {
                say("%s: %s", path, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        for (int i = 2; i < argc; i++) {
                int k = cat_path(tree, path, argv[i]);

                status = status == EXIT_STATUS_DONE ? k : status;
        }
        return tree->fault.what ? say_fault(path, &tree->fault) : status;
}
