/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where an entry goes is decided by the tree, which resolves its name as the kernel does, in a
 * world that consists of the image alone: ".." ends at the root, and a link leads to where it would
 * lead there. What comes out has no links in it. So below the directory links are never followed:
 * whatever is opened is opened with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, and a link that was
 * there before is an error.
 *
 * While an image is read, directories are open for the caller alone, so that those that the image
 * has closed can be filled; at the end they get their modes and times, children before parents.
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/extract.h"
#include "image/tree.h"
#include "path-util.h"

typedef struct Extraction {
        const ExtractOptions *options;
        ExtractResult *result;
        Tree *tree;

        int parent; /* the directory of the last entry; most of the time that of the next, too */
        char parent_path[PATH_MAX + 1];

        int file; /* that content goes to; -EBADF: nowhere */
        const TreeNode *node;
} Extraction;

static int open_beneath(int directory, const char *path, int flags) {
        struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        long fd;

        path += strspn(path, "/");
        fd = syscall(SYS_openat2, directory, *path ? path : ".", &how, sizeof(how));
        return fd < 0 ? -errno : (int) fd;
}

/* What ends everything, as against what concerns one entry. */
static bool is_fatal(int error) {
        switch (error) {
        case -ENOSPC:
        case -EDQUOT:
        case -EROFS:
        case -EIO:
        case -ENOMEM:
        case -ENFILE:
        case -EMFILE:
        case -ENOSYS:
                return true;
        default:
                return false;
        }
}

static int skip(Extraction *x, const char *path, const char *why) {
        return x->options->on_skipped ? x->options->on_skipped(x->options->userdata, path, why)
                                      : 0;
}

static int fail(Extraction *x, const char *path, int error) {
        char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        free(x->result->failed_path);
        x->result->failed_path = copy;
        if (is_fatal(error))
                return error;
        x->result->n_failed++;
        return skip(x, path, strerror(-error));
}

/* /dev and /root are there for the kernel; here they are made where an entry wants them. */
static int make_builtin(Extraction *x, const char *path) {
        const TreeNode *node = tree_get(x->tree, path);

        if (!node || node->n_made > 0 || !S_ISDIR(node->file->mode) || streq(path, "/"))
                return -ENOENT;
        if (mkdirat(x->options->directory, path + 1, 0700) < 0 && errno != EEXIST)
                return -errno;
        return 0;
}

/* Opens the directory that `path` is in, and gives its last component. */
static int open_parent(Extraction *x, const char *path, const char **ret_name) {
        const char *name = path_basename(path);
        char parent[PATH_MAX + 1];
        size_t n = (size_t) (name - path);
        int fd;

        *ret_name = name;
        n -= n > 1; /* the slash, unless it is the root's */
        if (x->parent >= 0 && strncmp(x->parent_path, path, n) == 0 && x->parent_path[n] == '\0')
                return 0;
        memcpy(parent, path, n);
        parent[n] = '\0';
        fd = open_beneath(x->options->directory, parent, O_PATH | O_DIRECTORY);
        if (fd == -ENOENT && make_builtin(x, parent) >= 0)
                fd = open_beneath(x->options->directory, parent, O_PATH | O_DIRECTORY);
        if (fd < 0)
                return fd;
        safe_close(x->parent);
        x->parent = fd;
        memcpy(x->parent_path, parent, n + 1);
        return 0;
}

/* Owner before mode: a change of it takes set-user-ID bits away. */
static int set_attributes(const Extraction *x, int fd, const TreeFile *f) {
        const struct timespec times[2] = { { .tv_sec = f->mtime }, { .tv_sec = f->mtime } };

        if (x->options->owner && fchown(fd, f->uid, f->gid) < 0)
                return -errno;
        if (fchmod(fd, f->mode & 07777) < 0 || futimens(fd, times) < 0)
                return -errno;
        return 0;
}

/* The same of what can't be opened. A link has no mode. */
static int set_attributes_at(const Extraction *x, const char *name, const TreeFile *f) {
        const struct timespec times[2] = { { .tv_sec = f->mtime }, { .tv_sec = f->mtime } };

        if (x->options->owner &&
            fchownat(x->parent, name, f->uid, f->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISLNK(f->mode) &&
            fchmodat(x->parent, name, f->mode & 07777, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return utimensat(x->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int remove_old(const Extraction *x, const char *name, bool directory) {
        if (unlinkat(x->parent, name, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        /* One that the image has made, and replaces; not what somebody else has there. */
        if (!directory)
                return -EISDIR;
        return unlinkat(x->parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int finish_file(Extraction *x) {
        const TreeNode *node = x->node;
        int r;

        if (x->file < 0)
                return 0;
        r = set_attributes(x, x->file, node->file);
        x->file = safe_close(x->file);
        x->node = NULL;
        return r < 0 ? fail(x, node->path, r) : 0;
}

static int make_directory(Extraction *x, const char *name, uint32_t before) {
        struct stat st;
        int r;

        if (before != 0 && !S_ISDIR(before)) {
                r = remove_old(x, name, false);
                if (r < 0)
                        return r;
        }
        if (mkdirat(x->parent, name, 0700) >= 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (fstatat(x->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode)) {
                r = remove_old(x, name, false);
                return r < 0 ? r : mkdirat(x->parent, name, 0700) < 0 ? -errno : 0;
        }
        return 0;
}

/* Another name of a file that is there already. */
static const char *other_name(const Extraction *x, const TreeNode *node) {
        const TreeNode *first = tree_get(x->tree, node->file->first);

        if (first == node)
                return NULL;
        if (first && first->file == node->file)
                return first->path;
        TREE_FOREACH(other, x->tree)
                if (other != node && other->file == node->file && other->n_made > 0)
                        return other->path;
        return NULL;
}

static int make_link(Extraction *x, const char *name, const char *other) {
        _cleanup_free_ char *parent = path_dirname(other);
        _cleanup_close_ int fd = -EBADF;

        if (!parent)
                return -ENOMEM;
        fd = open_beneath(x->options->directory, parent, O_PATH | O_DIRECTORY);
        if (fd < 0)
                return fd;
        return linkat(fd, path_basename(other), x->parent, name, 0) < 0 ? -errno : 0;
}

static int create(Extraction *x, const char *name) {
        int fd = openat(x->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0600);

        return fd < 0 ? -errno : fd;
}

/* A file that was made before, also under other names. */
static int open_again(Extraction *x, const char *name) {
        int fd;

        if (fchmodat(x->parent, name, 0600, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        fd = openat(x->parent, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Whatever there was goes; another name of the file brings back what is to be written over. */
static int make_file(Extraction *x, const TreeNode *node, const char *name, const CpioEntry *e,
                     uint32_t before) {
        const char *other = other_name(x, node);
        int r;

        r = remove_old(x, name, S_ISDIR(before));
        if (r < 0)
                return r;
        r = other ? make_link(x, name, other) : -ENOENT;
        if (r == -ENOENT)
                r = create(x, name);
        else if (r >= 0) {
                /* Content may be in any of them. */
                if (e->size == 0 && node->file->size > 0)
                        return 0;
                r = open_again(x, name);
        }
        if (r < 0)
                return r;
        x->file = r;
        x->node = node;
        return 0;
}

static int make_symlink(Extraction *x, const TreeNode *node, const char *name, uint32_t before) {
        int r = remove_old(x, name, S_ISDIR(before));

        if (r < 0)
                return r;
        if (symlinkat(node->file->target, x->parent, name) < 0)
                return -errno;
        return set_attributes_at(x, name, node->file);
}

static int make_node(Extraction *x, const TreeNode *node, const char *name, uint32_t before) {
        const TreeFile *f = node->file;
        int r;

        r = remove_old(x, name, S_ISDIR(before));
        if (r < 0)
                return r;
        if (mknodat(x->parent, name, (f->mode & S_IFMT) | 0600,
                    makedev(f->rdev_major, f->rdev_minor)) < 0)
                return -errno;
        return set_attributes_at(x, name, f);
}

/* Device nodes that nobody may make are left out; a word on their number is the caller's. */
static int make_or_skip_node(Extraction *x, const TreeNode *node, const char *name,
                             uint32_t before) {
        bool device = S_ISCHR(node->file->mode) || S_ISBLK(node->file->mode);
        int r = -EPERM;

        if (!device || x->options->nodes)
                r = make_node(x, node, name, before);
        if (r == -EPERM && device) {
                x->result->n_nodes_skipped++;
                return 0;
        }
        if (r >= 0)
                x->result->n_nodes++;
        return r;
}

static int make_entry(Extraction *x, const TreeNode *node, const CpioEntry *e, TreeChange change,
                      uint32_t before) {
        const char *name;
        int r;

        if (streq(node->path, "/") || change == TREE_AGAIN)
                return 0;
        r = open_parent(x, node->path, &name);
        if (r < 0)
                return r;
        switch (e->mode & S_IFMT) {
        case S_IFDIR:
                x->result->n_directories++;
                return make_directory(x, name, before);
        case S_IFREG:
                x->result->n_files++;
                return make_file(x, node, name, e, before);
        case S_IFLNK:
                x->result->n_symlinks++;
                return node->file->target && *node->file->target
                                       ? make_symlink(x, node, name, before)
                                       : -EINVAL;
        case S_IFCHR:
        case S_IFBLK:
        case S_IFIFO:
        case S_IFSOCK:
                return make_or_skip_node(x, node, name, before);
        default:
                return -EINVAL;
        }
}

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Extraction *x = userdata;
        TreeChange change;
        TreeNode *node;
        uint32_t before;
        int r;

        r = finish_file(x);
        if (r >= 0)
                r = tree_add(x->tree, segment->number, e, &change, &node, &before);
        if (r < 0)
                return r;
        if (!node) {
                x->result->n_lost++;
                return skip(x, e->name,
                            change == TREE_NO_PARENT
                                            ? "There is no directory for it: the kernel loses it"
                                            : "A directory with something in it is in its place");
        }
        /* The tree says that /dev is there again when the image first makes it. */
        if (change == TREE_AGAIN && node->n_made == 1)
                change = TREE_MADE;
        r = make_entry(x, node, e, change, before);
        return r < 0 ? fail(x, node->path, r) : 0;
}

static int on_content(void *userdata, const void *data, size_t size) {
        Extraction *x = userdata;
        int r;

        if (x->file < 0)
                return 0;
        x->result->bytes += size;
        r = fd_write_all(x->file, data, size);
        if (r >= 0)
                return 0;
        x->file = safe_close(x->file);
        return fail(x, x->node->path, r);
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        tree_trailer(((Extraction *) userdata)->tree);
        return 0;
}

static int on_skipped(void *userdata, const ImageSegment *segment, uint64_t offset) {
        Extraction *x = userdata;

        x->result->n_lost++;
        return 0;
}

/* Children stand behind their parents in the map. */
static int finish_directories(Extraction *x) {
        int r = 0;

        for (size_t i = x->tree->nodes.n; i > 0 && r >= 0; i--) {
                const TreeNode *node = x->tree->nodes.entries[i - 1].value;
                _cleanup_close_ int fd = -EBADF;
                int k;

                if (!S_ISDIR(node->file->mode) || (node->n_made == 0 && node->n_children == 0) ||
                    streq(node->path, "/"))
                        continue;
                fd = open_beneath(x->options->directory, node->path, O_RDONLY | O_DIRECTORY);
                if (fd == -ENOENT && node->n_made == 0)
                        continue;
                k = fd < 0 ? fd : set_attributes(x, fd, node->file);
                if (k < 0)
                        r = fail(x, node->path, k);
        }
        return r;
}

int extract(Image *image, const ExtractOptions *options, ExtractResult *ret,
            ImageFault *ret_fault) {
        static const ImageHandlers handlers = {
                .on_entry = on_entry,
                .on_content = on_content,
                .on_trailer = on_trailer,
                .on_skipped = on_skipped,
        };
        _cleanup_(tree_freep) Tree *tree = NULL;
        Extraction x = {
                .options = options,
                .result = ret,
                .parent = -EBADF,
                .file = -EBADF,
        };
        int r;

        *ret = (ExtractResult) {};
        r = tree_new(&tree, NULL);
        if (r < 0)
                return r;
        x.tree = tree;
        r = image_read(image, &handlers, &x, ret_fault);
        if (r >= 0)
                r = finish_file(&x);
        if (r >= 0)
                r = finish_directories(&x);
        safe_close(x.file);
        safe_close(x.parent);
        return r;
}
