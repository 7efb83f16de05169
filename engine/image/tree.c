/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel makes files as the entries come, and goes on when it can't: an entry whose directory
 * isn't there yet is lost without a word. What is there as another type is removed first, which a
 * directory with something in it withstands. A regular file that is there is written over, under
 * all its names. "TRAILER!!!" is no name: the archive reader knows it.
 *
 * Names are resolved as the kernel resolves any path, through the links that are there by then. It
 * has /dev, /dev/console and /root before it unpacks anything (usr/default_cpio_list).
 */

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "image/tree.h"
#include "string-util.h"

#define LINKS_MAX 40

static void node_free(void *node) {
        free(node);
}

static int file_new(Tree *tree, uint32_t mode, TreeFile **ret) {
        TreeFile *file;

        if (!GREEDY_REALLOC(tree->files, tree->allocated_files, tree->n_files + 1))
                return -ENOMEM;
        file = malloc(sizeof(TreeFile));
        if (!file)
                return -ENOMEM;
        *file = (TreeFile) { .mode = mode };
        tree->files[tree->n_files++] = file;
        *ret = file;
        return 0;
}

static int node_new(Tree *tree, const char *path, TreeNode **ret) {
        TreeNode *node = malloc(sizeof(TreeNode));
        int r;

        if (!node)
                return -ENOMEM;
        *node = (TreeNode) {};
        r = strmap_put(&tree->nodes, path, node);
        if (r < 0) {
                free(node);
                return r;
        }
        node->path = tree->nodes.entries[tree->nodes.n - 1].key;
        *ret = node;
        return 0;
}

static int add_builtin(Tree *tree, const char *path, uint32_t mode) {
        TreeNode *node;
        int r;

        r = node_new(tree, path, &node);
        return r < 0 ? r : file_new(tree, mode, &node->file);
}

int tree_new(Tree **ret, void (*free_content)(void *content)) {
        _cleanup_(tree_freep) Tree *tree = malloc(sizeof(Tree));
        int r;

        if (!tree)
                return -ENOMEM;
        *tree = (Tree) {
                .nodes = STRMAP_INIT(node_free),
                .links = STRMAP_INIT(NULL),
                .free_content = free_content,
        };
        r = add_builtin(tree, "/", S_IFDIR | 0755);
        if (r >= 0)
                r = add_builtin(tree, "/dev", S_IFDIR | 0755);
        if (r >= 0)
                r = add_builtin(tree, "/dev/console", S_IFCHR | 0600);
        if (r >= 0)
                r = add_builtin(tree, "/root", S_IFDIR | 0700);
        if (r < 0)
                return r;
        tree_get(tree, "/")->n_children = 2;
        tree_get(tree, "/dev")->n_children = 1;
        *ret = TAKE_PTR(tree);
        return 0;
}

Tree *tree_free(Tree *tree) {
        if (!tree)
                return NULL;
        for (size_t i = 0; i < tree->n_files; i++) {
                if (tree->free_content && tree->files[i]->content)
                        tree->free_content(tree->files[i]->content);
                free(tree->files[i]->target);
                free(tree->files[i]);
        }
        free(tree->files);
        strmap_done(&tree->nodes);
        strmap_done(&tree->links);
        free(tree);
        return NULL;
}

TreeNode *tree_get(const Tree *tree, const char *path) {
        return strmap_get(&tree->nodes, path);
}

/* Where a walk through the tree is: `at` is what has been resolved, "" for the root. */
typedef struct Walk {
        const Tree *tree;
        char at[PATH_MAX + 1];
        size_t n_at;
        char rest[2 * PATH_MAX + 2];
        unsigned n_links;
} Walk;

static void walk_up(Walk *w) {
        while (w->n_at > 0 && w->at[--w->n_at] != '/')
                ;
        w->at[w->n_at] = '\0';
}

static int walk_down(Walk *w, const char *name, size_t n) {
        if (w->n_at + 1 + n > PATH_MAX)
                return -ENAMETOOLONG;
        w->at[w->n_at] = '/';
        memcpy(w->at + w->n_at + 1, name, n);
        w->n_at += 1 + n;
        w->at[w->n_at] = '\0';
        return 0;
}

/* From the link `target`, on which `*p` follows. */
static int walk_link(Walk *w, const char *target, char **p) {
        size_t n = strlen(target), left = strlen(*p);

        if (++w->n_links > LINKS_MAX || n + 1 + left > sizeof(w->rest) - 1)
                return -ELOOP;
        if (*target == '/') {
                w->n_at = 0;
                w->at[0] = '\0';
        } else
                walk_up(w);
        memmove(w->rest + n, *p, left + 1);
        memcpy(w->rest, target, n);
        *p = w->rest;
        return 0;
}

/* Goes to the end of `path`. 1 and the node; 0 when only the last component is missing, and
 * `w->at` is where it would be; -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG. */
static int walk(Walk *w, const char *path, bool follow, TreeNode **ret) {
        char *p = w->rest;
        int r;

        if (strlen(path) > PATH_MAX)
                return -ENAMETOOLONG;
        memcpy(w->rest, path, strlen(path) + 1);
        for (;;) {
                TreeNode *node;
                bool last;
                size_t n;

                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0)
                        break;
                last = p[n + strspn(p + n, "/")] == '\0';
                if (n == 1 && *p == '.') {
                        p += n;
                        continue;
                }
                if (n == 2 && p[0] == '.' && p[1] == '.') {
                        walk_up(w);
                        p += n;
                        continue;
                }
                r = walk_down(w, p, n);
                if (r < 0)
                        return r;
                p += n;
                node = tree_get(w->tree, w->at);
                if (!node)
                        return last ? 0 : -ENOENT;
                if (S_ISLNK(node->file->mode) && (!last || follow)) {
                        r = walk_link(w, node->file->target, &p);
                        if (r < 0)
                                return r;
                } else if (!last && !S_ISDIR(node->file->mode))
                        return -ENOTDIR;
        }
        *ret = tree_get(w->tree, w->n_at > 0 ? w->at : "/");
        return *ret ? 1 : -ENOENT;
}

TreeNode *tree_find(const Tree *tree, const char *path) {
        Walk w = { .tree = tree };
        TreeNode *node = NULL;

        return walk(&w, path, false, &node) > 0 ? node : NULL;
}

TreeNode *tree_resolve(const Tree *tree, const char *path) {
        Walk w = { .tree = tree };
        TreeNode *node = NULL;

        return walk(&w, path, true, &node) > 0 ? node : NULL;
}

bool tree_has_program(const Tree *tree, const char *path) {
        const TreeNode *node = tree_resolve(tree, path);

        return node && S_ISREG(node->file->mode) && (node->file->mode & 0111);
}

/* The file that an earlier entry of this archive has made of the same inode: 1, or 0. */
static int find_link(const Tree *tree, const CpioEntry *e, char key[static 64], TreeFile **ret) {
        if (S_ISDIR(e->mode) || S_ISLNK(e->mode) || e->nlink < 2)
                return 0;
        snprintf(key, 64, "%x:%x:%x:%x", e->dev_major, e->dev_minor, e->ino, e->mode & S_IFMT);
        *ret = strmap_get(&tree->links, key);
        return *ret != NULL;
}

static int set_file(Tree *tree, TreeFile *file, size_t segment, const CpioEntry *e) {
        const char *made_under = file->first;
        char *target = NULL;

        if (e->target) {
                target = strdup(e->target);
                if (!target)
                        return -ENOMEM;
        }
        free(file->target);
        if (tree->free_content && file->content)
                tree->free_content(file->content);
        *file = (TreeFile) {
                .mode = e->mode,
                .uid = e->uid,
                .gid = e->gid,
                .mtime = e->mtime,
                .rdev_major = e->rdev_major,
                .rdev_minor = e->rdev_minor,
                .size = S_ISREG(e->mode) ? e->size : 0,
                .target = target,
                .first = made_under,
                .segment = segment,
                .offset = e->offset,
        };
        return 0;
}

/* Gives `node` its file. */
static int make(Tree *tree, TreeNode *node, size_t segment, const CpioEntry *e) {
        bool first = !node->file || (node->file->mode & S_IFMT) != (e->mode & S_IFMT) ||
                     S_ISLNK(e->mode);
        char key[64] = "";
        TreeFile *link;
        int r;

        if (find_link(tree, e, key, &link) > 0) {
                node->file = link;
                /* Content may be in any of them. */
                return e->size > 0 ? set_file(tree, link, segment, e) : 0;
        }
        if (first) {
                r = file_new(tree, e->mode, &node->file);
                if (r < 0)
                        return r;
        }
        if (!node->file->first)
                node->file->first = node->path;
        if (*key) {
                r = strmap_put(&tree->links, key, node->file);
                if (r < 0)
                        return r;
        }
        return set_file(tree, node->file, segment, e);
}

static void count_child(Tree *tree, const char *path) {
        char parent[PATH_MAX + 1];
        TreeNode *node;
        size_t n = (size_t) (strrchr(path, '/') - path);

        memcpy(parent, path, n);
        parent[n] = '\0';
        node = tree_get(tree, n > 0 ? parent : "/");
        if (node)
                node->n_children++;
}

int tree_add(Tree *tree, size_t segment, const CpioEntry *e, TreeChange *ret_change,
             TreeNode **ret_node, uint32_t *ret_before) {
        TreeChange change = TREE_MADE;
        Walk w = { .tree = tree };
        TreeNode *node = NULL;
        uint32_t before = 0;
        int r;

        r = walk(&w, e->name, false, &node);
        if (r < 0) {
                change = TREE_NO_PARENT;
                goto out;
        }
        if (r == 0) {
                r = node_new(tree, w.at, &node);
                if (r < 0)
                        return r;
                /* A node always has a file. */
                r = file_new(tree, e->mode, &node->file);
                if (r < 0)
                        return r;
                count_child(tree, w.at);
        } else {
                before = node->file->mode;
                if (S_ISDIR(before) && S_ISDIR(e->mode))
                        change = TREE_AGAIN;
                else if (S_ISDIR(before) && node->n_children > 0) {
                        change = TREE_IN_THE_WAY;
                        goto out;
                } else if (node->n_made > 0)
                        change = TREE_REPLACED;
        }
        r = make(tree, node, segment, e);
        if (r < 0)
                return r;
        node->segment = segment;
        node->n_made++;
out:
        *ret_change = change;
        if (ret_node)
                *ret_node = change == TREE_NO_PARENT || change == TREE_IN_THE_WAY ? NULL : node;
        if (ret_before)
                *ret_before = before;
        return 0;
}

void tree_trailer(Tree *tree) {
        strmap_done(&tree->links);
}
