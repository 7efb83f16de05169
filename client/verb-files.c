/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * files: what an image has, as it is once the kernel has unpacked it: each path once, in the order
 * in which the image first makes it (but first /dev and /root, which the kernel has before), with
 * the mode, size and target of the entry that wins, which is the last one. JSON says also which
 * segment that is in, and how many entries make the path; a tree is sorted by name.
 * Nothing of the content is kept, whatever the size of the image.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "client.h"
#include "image/read-tree.h"
#include "image/tree-json.h"
#include "images/image-argument.h"

bool arg_tree;

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

typedef struct Line {
        const TreeNode *node;
        unsigned depth; /* of the root: 0 */
        bool last; /* of its directory */
} Line;

/* As if "/" came before every other byte, so that a directory's files follow it. */
static int compare_lines(const void *a, const void *b) {
        const char *p = ((const Line *) a)->node->path, *q = ((const Line *) b)->node->path;

        while (*p && *p == *q)
                p++, q++;
        if (*p == *q)
                return 0;
        if (*p == '\0' || *q == '\0')
                return *p == '\0' ? -1 : 1;
        if (*p == '/' || *q == '/')
                return *p == '/' ? -1 : 1;
        return (unsigned char) *p < (unsigned char) *q ? -1 : 1;
}

static unsigned depth_of(const char *path) {
        unsigned n = 0;

        for (; *path; path++)
                n += *path == '/' && path[1];
        return n;
}

static void print_branch(const Line *line, const bool *open) {
        char size[SIZE_TEXT_MAX];
        const TreeFile *f = line->node->file;

        for (unsigned i = 1; i < line->depth; i++)
                fputs(open[i] ? "│   " : "    ", stdout);
        if (line->depth > 0)
                fputs(line->last ? "└── " : "├── ", stdout);
        print_name(line->depth > 0 ? strrchr(line->node->path, '/') + 1 : "/");
        if (f->target) {
                fputs(" -> ", stdout);
                print_name(f->target);
        } else if (S_ISREG(f->mode))
                printf(" (%s)", size_to_text(f->size, size));
        else if (S_ISCHR(f->mode) || S_ISBLK(f->mode))
                printf(" (%c %u,%u)", S_ISCHR(f->mode) ? 'c' : 'b', f->rdev_major, f->rdev_minor);
        putchar('\n');
}

/* Which of them are the last of their directory: the next line that isn't deeper is less deep. */
static int mark_last(Line *lines, size_t n, unsigned deepest) {
        bool *seen = calloc(deepest + 2, sizeof(bool));

        if (!seen)
                return -ENOMEM;
        for (size_t i = n; i > 0; i--) {
                Line *line = &lines[i - 1];

                lines[i - 1].last = !seen[line->depth];
                seen[line->depth] = true;
                memset(seen + line->depth + 1, false, deepest + 1 - line->depth);
        }
        free(seen);
        return 0;
}

/* What the kernel has by itself is drawn where something of the image hangs on it. */
static bool has_place(const Tree *tree, const TreeNode *node) {
        const TreeNode *console = tree_get(tree, "/dev/console");

        return node->n_made > 0 || streq(node->path, "/") ||
               node->n_children > (streq(node->path, "/dev") && console && console->n_made == 0);
}

static int print_tree(const Tree *tree) {
        _cleanup_free_ Line *lines = calloc(tree->nodes.n + 1, sizeof(Line));
        _cleanup_free_ bool *open = NULL;
        unsigned deepest = 0;
        size_t n = 0;

        if (!lines)
                return -ENOMEM;
        TREE_FOREACH(node, tree)
                if (has_place(tree, node)) {
                        lines[n++] = (Line) { .node = node, .depth = depth_of(node->path) };
                        deepest = MAX_OF(deepest, lines[n - 1].depth);
                }
        qsort(lines, n, sizeof(Line), compare_lines);
        open = calloc(deepest + 1, sizeof(bool));
        if (!open || mark_last(lines, n, deepest) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                print_branch(&lines[i], open);
                open[lines[i].depth] = !lines[i].last;
        }
        return 0;
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
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_(tree_freep) Tree *tree = NULL;
        _cleanup_free_ char *path = NULL;
        int r, status = EXIT_STATUS_DONE;
        ImageFault fault = {};

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        r = image_read_tree(image, &tree, &fault);
        if (r < 0) {
                say("%s: %s", path, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        if (arg_json != JSON_MODE_OFF)
                status = print_all_json(tree);
        else if (arg_tree) {
                if (print_tree(tree) < 0) {
                        say("Out of memory");
                        return EXIT_STATUS_FAILED;
                }
        } else
                TREE_FOREACH(node, tree)
                        if (node->n_made > 0)
                                print_node(node);
        return fault.what ? say_fault(path, &fault) : status;
}
