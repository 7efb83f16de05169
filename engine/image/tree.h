/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the kernel has made of an image's entries: a tree of files, without their content. Source:
 * init/initramfs.c, do_name() and what it calls.
 */

#include "pack/cpio.h"
#include "strmap.h"

/* A file under one or, as hard links, several names. */
typedef struct TreeFile {
        uint32_t mode, uid, gid, mtime, rdev_major, rdev_minor;
        uint64_t size;
        char *target; /* of a symlink */
        const char *first; /* the path that it was made under; another file may be there by now */
        size_t segment; /* where its content is, and the offset of that entry in there */
        uint64_t offset;
        void *content; /* what somebody wants to know of it; see Tree */
} TreeFile;

typedef struct TreeNode {
        const char *path; /* absolute, no component but the last is a link; borrowed from the map */
        TreeFile *file;
        size_t segment; /* that it was last made by */
        unsigned n_made; /* how often; 0: the kernel has it by itself */
        unsigned n_children;
} TreeNode;

typedef struct Tree {
        Strmap nodes; /* path → TreeNode, in the order of the image, behind what the
                       * kernel has */
        Strmap links; /* of the archive that is being read: device, inode, type → TreeFile */
        TreeFile **files;
        size_t n_files, allocated_files;
        void (*free_content)(void *content);
} Tree;

int tree_new(Tree **ret, void (*free_content)(void *content));
Tree *tree_free(Tree *tree);
DEFINE_CLEANUP_FUNC(Tree *, tree_free);

typedef enum TreeChange {
        TREE_MADE,
        TREE_AGAIN, /* a directory that was there already, now with this mode */
        TREE_REPLACED, /* in the place of another file */
        TREE_NO_PARENT, /* nothing: there is no directory for it */
        TREE_IN_THE_WAY, /* nothing: a directory that isn't empty has this name */
} TreeChange;

/* What the kernel does with the next entry. `ret_node` (may be NULL): the node, NULL when there is
 * none; `ret_before` (may be NULL): the mode of what was there before, 0 when nothing was. */
int tree_add(Tree *tree, size_t segment, const CpioEntry *entry, TreeChange *ret_change,
             TreeNode **ret_node, uint32_t *ret_before);
/* After a trailer hard links are forgotten. */
void tree_trailer(Tree *tree);

/* The node at a path that has no links in it. */
TreeNode *tree_get(const Tree *tree, const char *path);
/* Follows links, but not the last one: the node; or NULL. */
TreeNode *tree_find(const Tree *tree, const char *path);
/* Follows links, the last one too: the node; or NULL. */
TreeNode *tree_resolve(const Tree *tree, const char *path);
/* The same, of a file that may be executed. */
bool tree_has_program(const Tree *tree, const char *path);

#define TREE_FOREACH(node, tree)                                                                  \
        for (StrmapEntry *_e = (tree)->nodes.entries;                                             \
             _e && _e < (tree)->nodes.entries + (tree)->nodes.n; _e++)                            \
                for (TreeNode *node = _e->value; node; node = NULL)
