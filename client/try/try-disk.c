/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A scratch root is the least that every initramfs takes for a system: the usual directories, an
 * os-release, and /usr/sbin/init, which is our own (runtime/try-init.c). A file system is made of
 * that by its own tool, without being mounted, so that anybody may; the layers below are our own
 * business (try-layer.h). From the top to the disk they lie as people have them: volume group,
 * encryption, array, partition.
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
#include "try-tool.h"

#define MIB UINT64_C(1048576)
#define INIT_MAX 1048576

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

typedef struct Making {
        const char *directory;
        const TryRoot *root;
        const Maker *maker;
        char *tree, *prototype, *file;
        char **disks;
        unsigned n; /* files that were made */
} Making;

static int cannot(const char *what, int r) {
        say("%s can't be made: %s", what, strerror(-r));
        return EXIT_STATUS_FAILED;
}

static int write_file(const char *directory, const char *name, const void *data, size_t size,
                      mode_t mode) {
        _cleanup_free_ char *path = path_join(directory, name);

        return path ? file_replace_at(AT_FDCWD, path, data, size, mode) : -ENOMEM;
}

static int make_directories(const char *tree) {
        static const char *const names[] = { "dev",      "etc",     "proc",    "run", "sys", "tmp",
                                             "usr/sbin", "usr/lib", "usr/bin", "var", "root" };
        static const char *const links[] = { "bin", "sbin", "lib" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = path_join(tree, names[i]);
                int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                _cleanup_free_ char *path = path_join(tree, links[i]), *target = NULL;

                if (!path || str_printf(&target, "usr/%s", links[i]) < 0)
                        return -ENOMEM;
                if (symlink(target, path) < 0)
                        return -errno;
        }
        return 0;
}

static int make_tree(const Making *m, const char *marker) {
        static const char release[] = "ID=initrdd-try\nNAME=\"A root to try an image with\"\n";
        _cleanup_free_ char *data = NULL, *init = NULL, *content = NULL, *line = NULL;
        size_t size = 0;
        int r;

        r = data_directory(&data);
        if (r >= 0)
                r = (init = path_join(data, "try-init")) ? 0 : -ENOMEM;
        if (r >= 0)
                r = file_read_at(AT_FDCWD, init, INIT_MAX, &content, &size);
        if (r < 0) {
                say("%s can't be read: %s; it belongs to initrdd, on x86-64 alone",
                    init ?: "try-init", strerror(-r));
                return EXIT_STATUS_UNTRIED;
        }
        r = make_directories(m->tree);
        if (r >= 0)
                r = write_file(m->tree, "usr/sbin/init", content, size, 0755);
        if (r >= 0)
                r = str_printf(&line, "%s\n", marker);
        if (r >= 0)
                r = write_file(m->tree, "etc/initrdd-try", line, strlen(line), 0644);
        if (r >= 0)
                r = write_file(m->tree, "usr/lib/os-release", release, strlen(release), 0644);
        if (r >= 0)
                r = write_file(m->tree, "etc/os-release", release, strlen(release), 0644);
        if (r >= 0)
                r = write_file(m->tree, "etc/fstab", "", 0, 0644);
        return r < 0 ? cannot(m->tree, r) : EXIT_STATUS_DONE;
}

/* The same tree as mkfs.xfs(8) wants it described. */
static int write_prototype(const Making *m) {
        _cleanup_free_ char *text = NULL;
        const char *t = m->tree;
        int r;

        r = str_printf(&text,
                       "/\n0 0\nd--755 0 0\n"
                       "bin l--777 0 0 usr/bin\nsbin l--777 0 0 usr/sbin\nlib l--777 0 0 usr/lib\n"
                       "dev d--755 0 0\n$\nproc d--755 0 0\n$\nrun d--755 0 0\n$\n"
                       "sys d--755 0 0\n$\ntmp d--755 0 0\n$\nvar d--755 0 0\n$\n"
                       "root d--755 0 0\n$\n"
                       "etc d--755 0 0\ninitrdd-try ---644 0 0 %s/etc/initrdd-try\n"
                       "os-release ---644 0 0 %s/etc/os-release\nfstab ---644 0 0 "
                       "%s/etc/fstab\n$\n"
                       "usr d--755 0 0\nbin d--755 0 0\n$\n"
                       "lib d--755 0 0\nos-release ---644 0 0 %s/usr/lib/os-release\n$\n"
                       "sbin d--755 0 0\ninit ---755 0 0 %s/usr/sbin/init\n$\n$\n$\n",
                       t, t, t, t, t);
        if (r >= 0)
                r = file_replace_at(AT_FDCWD, m->prototype, text, strlen(text), 0644);
        return r < 0 ? cannot(m->prototype, r) : EXIT_STATUS_DONE;
}

static int replace_word(const Making *m, const char *word, char ***argv) {
        static const char keys[] = "TPULF";
        const char *label = m->root->label ?: "initrddtry";
        const char *values[] = { m->tree, m->prototype, m->root->uuid, label, m->file };
        const char *percent = strchr(word, '%'), *key;
        char *s;

        if (!percent || !percent[1] || !(key = strchr(keys, percent[1])))
                return strv_extend(argv, word);
        if (str_printf(&s, "%.*s%s", (int) (percent - word), word, values[key - keys]) < 0)
                return -ENOMEM;
        return strv_consume(argv, s);
}

/* An exit status. */
static int run_maker(const Making *m, const char *const *words) {
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
                r = replace_word(m, *words, &argv);
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

static int make_filesystem(Making *m) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (m->root->label && strlen(m->root->label) > m->maker->label_max) {
                say("A label of %s can't be as long as \"%s\".", m->maker->filesystem,
                    m->root->label);
                return EXIT_STATUS_USAGE;
        }
        r = next_file(m, &m->file, &fd);
        if (r >= 0 && ftruncate(fd, (off_t) (m->maker->size * MIB)) < 0)
                r = -errno;
        if (r < 0)
                return cannot("The scratch root", r);
        fd = safe_close(fd);
        r = write_prototype(m);
        if (r == EXIT_STATUS_DONE)
                r = run_maker(m, m->maker->argv);
        return r == EXIT_STATUS_DONE ? run_maker(m, m->maker->then) : r;
}

typedef enum LayerKind {
        LAYER_LVM,
        LAYER_LUKS,
        LAYER_MD,
        LAYER_MD_SECOND,
        LAYER_PARTITION
} LayerKind;

static int fill_layer(const TryRoot *root, LayerKind kind, int from, int to, const char *key,
                      size_t key_size) {
        switch (kind) {
        case LAYER_LVM:
                return layer_lvm(from, to, root->group, root->volume);
        case LAYER_LUKS:
                return layer_luks(from, to, root->luks_uuid, key, key_size);
        case LAYER_MD:
        case LAYER_MD_SECOND:
                return layer_md(from, to, root->md_uuid, kind == LAYER_MD_SECOND);
        default:
                return layer_partition(from, to, root->partition_uuid, root->partition_label);
        }
}

/* Puts what `from` has on a layer in a file of its own. */
static int add_layer(Making *m, LayerKind kind, const char *from, const char *key, size_t key_size,
                     char **ret) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        in = open(from, O_RDONLY | O_CLOEXEC);
        if (in < 0)
                return -errno;
        r = next_file(m, &path, &out);
        if (r >= 0)
                r = fill_layer(m->root, kind, in, out, key, key_size);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(path);
        return 0;
}

/* The same for what has one disk below it: the file that it came from is not needed any more. */
static int wrap(Making *m, LayerKind kind, const char *key, size_t key_size) {
        char *wrapped;
        int r;

        r = add_layer(m, kind, m->file, key, key_size, &wrapped);
        if (r < 0)
                return r;
        (void) unlink(m->file);
        free(m->file);
        m->file = wrapped;
        return 0;
}

static int finish_disk(Making *m) {
        int r = m->root->partition_uuid ? wrap(m, LAYER_PARTITION, NULL, 0) : 0;

        return r < 0 ? r : strv_consume(&m->disks, TAKE_PTR(m->file));
}

static int add_layers(Making *m, const char *key, size_t key_size) {
        char *second = NULL;
        int r = 0;

        if (m->root->group)
                r = wrap(m, LAYER_LVM, NULL, 0);
        if (r >= 0 && m->root->luks_uuid)
                r = wrap(m, LAYER_LUKS, key, key_size);
        if (r >= 0 && m->root->md_uuid) {
                r = add_layer(m, LAYER_MD_SECOND, m->file, NULL, 0, &second);
                if (r >= 0)
                        r = wrap(m, LAYER_MD, NULL, 0);
        }
        if (r >= 0)
                r = finish_disk(m);
        /* Of an array only one disk can have the partition's names: the other has none. */
        if (r >= 0 && second)
                r = strv_consume(&m->disks, TAKE_PTR(second));
        free(second);
        return r;
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
                .prototype = path_join(directory, "prototype"),
        };
        int r;

        if (!m.tree || !m.prototype)
                r = cannot(directory, -ENOMEM);
        else
                r = make_tree(&m, marker);
        if (r == EXIT_STATUS_DONE)
                r = make_filesystem(&m);
        if (r == EXIT_STATUS_DONE) {
                int k = add_layers(&m, key, key_size);

                if (k < 0)
                        r = cannot("A layer below the scratch root", k);
        }
        free(m.tree);
        free(m.prototype);
        free(m.file);
        if (r == EXIT_STATUS_DONE)
                *ret = m.disks;
        else
                strv_free(m.disks);
        return r;
}
