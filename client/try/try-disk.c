/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A file system is made of a tree (try-tree.h) by its own tool, without being mounted, so that anybody
 * may; the layers below are our own business (try-layer.h). From the top to the disk they lie as people
 * have them: volume group, encryption, array, partition. What is beside the root, /usr or a swap, is
 * a disk of its own.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"
#include "try-disk.h"
#include "try-layer.h"
#include "try-thin.h"
#include "try-tool.h"
#include "try-tree.h"

#define MIB UINT64_C(1048576)

/* How a file system is made. Words beginning with "%" stand for: %T the directory, %P a prototype
 * as mkfs.xfs(8) has it, %U the UUID, %L the label, %F the file. */
typedef struct Maker {
        const char *filesystem, *package;
        uint64_t size; /* in MiB: the least that the tool takes */
        size_t label_max;
        const char *argv[16];
        const char *then[8]; /* fills it, where the tool doesn't */
} Maker;

#define MKE2FS(type)                                                                              \
        {                                                                                         \
                type, "e2fsprogs", 32, 16, {                                                      \
                        "mke2fs", "-q", "-F", "-t", type, "-U", "%U", "-L", "%L", "-d", "%T",     \
                                        "%F"                                                      \
                }                                                                                 \
        }

static const Maker makers[] = {
        MKE2FS("ext4"),
        MKE2FS("ext3"),
        MKE2FS("ext2"),
        { "xfs",
          "xfsprogs",
          320,
          12,
          { "mkfs.xfs", "-q", "-f", "-m", "uuid=%U", "-L", "%L", "-p", "%P", "%F" } },
        { "btrfs",
          "btrfs-progs",
          128,
          255,
          { "mkfs.btrfs", "-q", "-f", "-U", "%U", "-L", "%L", "--rootdir", "%T", "%F" } },
        { "f2fs",
          "f2fs-tools",
          64,
          255,
          { "mkfs.f2fs", "-q", "-f", "-U", "%U", "-l", "%L", "%F" },
          { "sload.f2fs", "-f", "%T", "%F" } },
};

/* One to be made. */
typedef struct FileSystem {
        const char *tree, *uuid, *label;
} FileSystem;

typedef struct Making {
        const char *directory;
        const TryRoot *root;
        const Maker *maker;
        char *tree, *usr, *prototype, *file;
        char **disks;
        unsigned n; /* files that were made */
        int thin; /* metadata of a pool */
        const char *key;
        size_t key_size;
} Making;

static int cannot(const char *what, int r) {
        say("%s can't be made: %s", what, strerror(-r));
        return EXIT_STATUS_FAILED;
}

static int replace_word(const Making *m, const FileSystem *fs, const char *word, char ***argv) {
        static const char keys[] = "TPULF";
        const char *values[] = { fs->tree, m->prototype, fs->uuid, fs->label, m->file };
        const char *percent = strchr(word, '%'), *key;
        char *s;

        if (!percent || !percent[1] || !(key = strchr(keys, percent[1])))
                return strv_extend(argv, word);
        if (str_printf(&s, "%.*s%s", (int) (percent - word), word, values[key - keys]) < 0)
                return -ENOMEM;
        return strv_consume(argv, s);
}

/* An exit status. */
static int run_maker(const Making *m, const FileSystem *fs, const char *const *words) {
        _cleanup_strv_free_ char **argv = NULL;
        char *program;
        int r;

        if (!words[0])
                return EXIT_STATUS_DONE;
        r = tool_find(words[0], &program);
        if (r == -ENOENT) {
                say("There is no %s on this machine, which makes a root of %s to boot; install "
                    "%s, or name a disk with --root-image=.",
                    words[0], m->maker->filesystem, m->maker->package);
                return EXIT_STATUS_UNTRIED;
        }
        if (r >= 0)
                r = strv_consume(&argv, program);
        for (words++; r >= 0 && *words; words++)
                r = replace_word(m, fs, *words, &argv);
        if (r < 0)
                return cannot(m->file, r);
        return tool_run(argv) < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
}

static int next_file(Making *m, char **ret, int *ret_fd) {
        _cleanup_free_ char *name = NULL, *path = NULL;
        int fd;

        if (str_printf(&name, "disk%u", m->n++) < 0 || !(path = path_join(m->directory, name)))
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        *ret = TAKE_PTR(path);
        *ret_fd = fd;
        return 0;
}

static int make_filesystem(Making *m, const FileSystem *fs) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (strlen(fs->label) > m->maker->label_max) {
                say("A label of %s can't be as long as \"%s\".", m->maker->filesystem, fs->label);
                return EXIT_STATUS_USAGE;
        }
        r = next_file(m, &m->file, &fd);
        if (r >= 0 && ftruncate(fd, (off_t) (m->maker->size * MIB)) < 0)
                r = -errno;
        if (r < 0)
                return cannot("The scratch root", r);
        fd = safe_close(fd);
        r = try_tree_describe(fs->tree, m->prototype);
        if (r < 0)
                return cannot(m->prototype, r);
        r = run_maker(m, fs, m->maker->argv);
        return r == EXIT_STATUS_DONE ? run_maker(m, fs, m->maker->then) : r;
}

typedef enum LayerKind { LAYER_LVM, LAYER_LUKS, LAYER_MD, LAYER_PARTITION } LayerKind;

static int fill_layer(const Making *m, LayerKind kind, unsigned number, int from, int to) {
        const TryRoot *root = m->root;

        switch (kind) {
        case LAYER_LVM:
                return layer_lvm(from, to, root->lvm_kind, m->thin, root->group, root->volume);
        case LAYER_LUKS:
                return root->luks_version == 1 ? layer_luks1(from, to, root->luks_uuid, m->key,
                                                             m->key_size)
                                               : layer_luks2(from, to, root->luks_uuid, m->key,
                                                             m->key_size);
        case LAYER_MD:
                return layer_md(from, to, root->md_uuid, root->md_level, number);
        default:
                return layer_partition(from, to, root->partition_uuid, root->partition_label);
        }
}

/* Puts what m->file has on a layer in a file of its own; of an array, on the disk with that number. */
static int add_layer(Making *m, LayerKind kind, unsigned number, char **ret) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        in = open(m->file, O_RDONLY | O_CLOEXEC);
        if (in < 0)
                return -errno;
        r = next_file(m, &path, &out);
        if (r >= 0)
                r = fill_layer(m, kind, number, in, out);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(path);
        return 0;
}

/* The same, and the file that it came from is not needed any more. */
static int wrap(Making *m, LayerKind kind) {
        char *wrapped = NULL;
        int r;

        r = add_layer(m, kind, 0, &wrapped);
        if (r < 0)
                return r;
        (void) unlink(m->file);
        free(m->file);
        m->file = wrapped;
        return 0;
}

static int add_layers(Making *m) {
        _cleanup_strv_free_ char **others = NULL;
        int r = 0;

        if (m->root->group)
                r = wrap(m, LAYER_LVM);
        if (r >= 0 && m->root->luks_uuid)
                r = wrap(m, LAYER_LUKS);
        if (r >= 0 && m->root->md_uuid) {
                for (unsigned i = 1; r >= 0 && i < layer_md_disks(m->root->md_level); i++) {
                        char *other = NULL;

                        r = add_layer(m, LAYER_MD, i, &other);
                        if (r >= 0)
                                r = strv_consume(&others, other);
                }
                if (r >= 0)
                        r = wrap(m, LAYER_MD);
        }
        /* Of an array only one disk can have the partition's names: the others have none. */
        if (r >= 0 && m->root->partition_uuid)
                r = wrap(m, LAYER_PARTITION);
        if (r >= 0)
                r = strv_consume(&m->disks, TAKE_PTR(m->file));
        STRV_FOREACH(other, others)
                if (r >= 0)
                        r = strv_extend(&m->disks, *other);
        return r;
}

static int make_root(Making *m) {
        const FileSystem fs = { m->tree, m->root->uuid, m->root->label ?: "initrddtry" };
        int r, status;

        status = make_filesystem(m, &fs);
        if (status != EXIT_STATUS_DONE)
                return status;
        if (m->root->group && m->root->lvm_kind == LVM_THIN)
                status = try_thin_make(m->directory, m->file, &m->thin);
        if (status != EXIT_STATUS_DONE)
                return status;
        r = add_layers(m);
        return r < 0 ? cannot("A layer below the scratch root", r) : EXIT_STATUS_DONE;
}

static int make_usr(Making *m) {
        const FileSystem fs = { m->usr, m->root->usr_uuid, "initrddusr" };
        int r, status;

        if (!m->usr)
                return EXIT_STATUS_DONE;
        status = make_filesystem(m, &fs);
        if (status != EXIT_STATUS_DONE)
                return status;
        r = strv_consume(&m->disks, TAKE_PTR(m->file));
        return r < 0 ? cannot("/usr", r) : EXIT_STATUS_DONE;
}

static int make_swap(Making *m) {
        _cleanup_close_ int fd = -EBADF;
        char *path;
        int r;

        if (!m->root->resume_uuid)
                return EXIT_STATUS_DONE;
        r = next_file(m, &path, &fd);
        if (r >= 0)
                r = strv_consume(&m->disks, path);
        if (r >= 0)
                r = layer_swap(fd, m->root->resume_uuid);
        return r < 0 ? cannot("A swap", r) : EXIT_STATUS_DONE;
}

static const Maker *maker_of(const char *filesystem) {
        for (size_t i = 0; i < ELEMENTSOF(makers); i++)
                if (streq(makers[i].filesystem, filesystem))
                        return &makers[i];
        return &makers[0];
}

int try_disk_make(const char *directory, const TryRoot *root, const char *marker, const char *key,
                  size_t key_size, char ***ret) {
        Making m = {
                .directory = directory,
                .root = root,
                .maker = maker_of(root->filesystem),
                .tree = path_join(directory, "root"),
                .usr = root->usr_uuid ? path_join(directory, "usr") : NULL,
                .prototype = path_join(directory, "prototype"),
                .key = key,
                .key_size = key_size,
                .thin = -EBADF,
        };
        int r;

        if (!m.tree || !m.prototype || (root->usr_uuid && !m.usr))
                r = cannot(directory, -ENOMEM);
        else
                r = try_tree_make(m.tree, m.usr, marker);
        if (r == EXIT_STATUS_DONE)
                r = make_root(&m);
        if (r == EXIT_STATUS_DONE)
                r = make_usr(&m);
        if (r == EXIT_STATUS_DONE)
                r = make_swap(&m);
        free(m.tree);
        free(m.usr);
        free(m.prototype);
        free(m.file);
        safe_close(m.thin);
        if (r == EXIT_STATUS_DONE)
                *ret = m.disks;
        else
                strv_free(m.disks);
        return r;
}
