/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * files: what an image has, as it is once the kernel has unpacked it: each path once, in the order
 * in which the image first makes it (but first /dev and /root, which the kernel has before), with the mode, size and target of the entry that wins, which
 * is the last one. JSON says also which segment that is in, and how many entries make the path.
 * Nothing of the content is kept, whatever the size of the image.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "client.h"
#include "image-argument.h"
#include "image/tree-json.h"

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        TreeChange change;

        return tree_add(userdata, segment->number, entry, &change, NULL, NULL);
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        tree_trailer(userdata);
        return 0;
}

/* Nothing in a name may be taken for another line, or for something that a terminal does. */
static void print_name(const char *name) {
        for (; *name; name++)
                if ((unsigned char) *name < 0x20 || *name == 0x7f || *name == '\\')
                        printf(*name == '\\' ? "\\\\" : "\\%03o", (unsigned) *name);
                else
                        putchar(*name);
}

static void print_node(const TreeNode *node) {
        const TreeFile *f = node->file;
        char mode[MODE_TEXT_MAX];

        printf("%s %u:%u ", mode_to_text(f->mode, mode), f->uid, f->gid);
        if (S_ISCHR(f->mode) || S_ISBLK(f->mode))
                printf("%6u,%3u ", f->rdev_major, f->rdev_minor);
        else
                printf("%10llu ", (unsigned long long) f->size);
        print_name(node->path);
        if (f->target) {
                fputs(" -> ", stdout);
                print_name(f->target);
        }
        putchar('\n');
}

/* An object at a time: all of them together would be larger than the tree. */
static int print_all_json(const Tree *tree) {
        bool pretty = arg_json == JSON_MODE_PRETTY, first = true;

        fputs(pretty ? "{\n  \"files\": [" : "{\"files\":[", stdout);
        TREE_FOREACH(node, tree) {
                json_t *object = node->n_made > 0 ? tree_node_json(node) : NULL;

                if (node->n_made == 0)
                        continue;
                fputs(first ? "" : ",", stdout);
                fputs(pretty ? "\n    " : "", stdout);
                first = false;
                if (!object || json_dumpf(object, stdout, pretty ? 0 : JSON_COMPACT) < 0) {
                        json_decref(object);
                        say("The output can't be written.");
                        return EXIT_STATUS_FAILED;
                }
                json_decref(object);
        }
        puts(pretty ? "\n  ]\n}" : "]}");
        return EXIT_STATUS_DONE;
}

int verb_files(int argc, char *argv[]) {
        static const ImageHandlers handlers = { .on_entry = on_entry, .on_trailer = on_trailer };
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_(tree_freep) Tree *tree = NULL;
        _cleanup_free_ char *path = NULL;
        int r, status = EXIT_STATUS_DONE;
        ImageFault fault = {};

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        r = tree_new(&tree, NULL);
        if (r >= 0)
                r = image_read(image, &handlers, tree, &fault);
        if (r < 0) {
                say("%s: %s", path, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        if (arg_json != JSON_MODE_OFF)
                status = print_all_json(tree);
        else
                TREE_FOREACH(node, tree)
        if (node->n_made > 0)
                print_node(node);
        return fault.what ? say_fault(path, &fault) : status;
}
