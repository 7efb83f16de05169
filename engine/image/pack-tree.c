/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Entries come in the order of their names, each directory before what is in it, so that equal
 * trees give equal bytes. An archive ends once it is large; a hard link whose other name is in an
 * archive before is another file there, since the kernel forgets links with each trailer.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/pack-tree.h"
#include "pack/pack.h"
#include "path-util.h"
#include "string-util.h"

#define ARCHIVE_SIZE ((size_t) 32 << 20)

static const char *const early[] = { "kernel/x86/microcode", "kernel/firmware/acpi" };

void tree_packer_done(TreePacker *p) {
        cpio_writer_done(&p->writer);
        strmap_done(&p->links);
        free(p->failed_path);
}

static int fail(TreePacker *p, const char *path, int error) {
        if (!p->failed_path)
                p->failed_path = strdup(path);
        return error;
}

int tree_packer_flush(TreePacker *p) {
        _cleanup_free_ char *packed = NULL;
        size_t size;
        int r;

        if (p->writer.size == 0)
                return 0;
        r = cpio_write_trailer(&p->writer);
        if (r >= 0)
                r = segment_pack(p->compression, p->level, p->writer.data, p->writer.size, &packed,
                                 &size);
        if (r >= 0)
                r = fd_write_all(p->out, packed, size);
        if (r < 0)
                return r;
        p->size += size;
        p->n_segments++;
        cpio_writer_done(&p->writer);
        strmap_done(&p->links);
        return 0;
}

static void link_key(const struct stat *st, char key[static 64]) {
        snprintf(key, 64, "%llx:%llx", (unsigned long long) st->st_dev,
                 (unsigned long long) st->st_ino);
}

/* Whether it has another name in the archive that is being written. */
static bool is_linked(const TreePacker *p, const struct stat *st) {
        char key[64];

        link_key(st, key);
        return S_ISREG(st->st_mode) && st->st_nlink > 1 && strmap_contains(&p->links, key);
}

/* Sets the number of a file with several names: 1 when one of them was in this archive. */
static int number_link(TreePacker *p, const struct stat *st, CpioEntry *e) {
        char key[64];
        void *number;
        int r;

        link_key(st, key);
        number = strmap_get(&p->links, key);
        if (number) {
                e->ino = (uint32_t) (uintptr_t) number;
                return 1;
        }
        r = strmap_put(&p->links, key, (void *) (uintptr_t) e->ino);
        return r < 0 ? r : 0;
}

static int read_content(int fd, char *content, uint64_t size) {
        while (size > 0) {
                ssize_t n = read(fd, content, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ESTALE;
                content += n;
                size -= (uint64_t) n;
        }
        return 0;
}

static int add_file(TreePacker *p, int directory, const char *name, const struct stat *st,
                    CpioEntry *e) {
        _cleanup_close_ int fd = -EBADF;
        struct stat now;
        char *content;
        int r;

        if (st->st_nlink > 1) {
                e->nlink = (uint32_t) st->st_nlink;
                r = number_link(p, st, e);
                if (r < 0)
                        return r;
                if (r > 0)
                        return cpio_write_entry(&p->writer, e, &content);
        }
        fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &now) < 0)
                return -errno;
        if (!S_ISREG(now.st_mode) || now.st_size != st->st_size)
                return -ESTALE;
        e->size = (uint64_t) st->st_size;
        r = cpio_write_entry(&p->writer, e, &content);
        return r < 0 ? r : read_content(fd, content, e->size);
}

static int add_one(TreePacker *p, int directory, const char *name, const char *destination,
                   const struct stat *st) {
        char target[PATH_MAX], *content;
        CpioEntry e = {
                .name = destination,
                .ino = ++p->ino,
                .mode = st->st_mode,
                .uid = p->owner ? st->st_uid : 0,
                .gid = p->owner ? st->st_gid : 0,
                .nlink = S_ISDIR(st->st_mode) ? 2 : 1,
                .mtime = (uint32_t) MAX_OF((int64_t) 0,
                                           MIN_OF((int64_t) st->st_mtime, (int64_t) UINT32_MAX)),
        };
        ssize_t n;

        if (p->writer.size > ARCHIVE_SIZE && !is_linked(p, st)) {
                int r = tree_packer_flush(p);

                if (r < 0)
                        return r;
        }
        p->n_entries++;
        if (S_ISREG(st->st_mode))
                return add_file(p, directory, name, st, &e);
        if (S_ISLNK(st->st_mode)) {
                n = readlinkat(directory, name, target, sizeof(target) - 1);
                if (n < 0)
                        return -errno;
                target[n] = '\0';
                e.target = target;
        }
        if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
                e.rdev_major = major(st->st_rdev);
                e.rdev_minor = minor(st->st_rdev);
        }
        return cpio_write_entry(&p->writer, &e, &content);
}

static int list(int fd, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        struct dirent *de;
        DIR *d = fdopendir(fd);
        int r = 0;

        if (!d) {
                safe_close(fd);
                return -errno;
        }
        while (r >= 0 && (errno = 0, de = readdir(d)))
                if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
                        r = strv_extend(&names, de->d_name);
        if (r >= 0 && errno > 0)
                r = -errno;
        closedir(d);
        if (r < 0)
                return r;
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

/* Early files are in another segment; their directories may be in both. */
static bool is_early(const char *destination) {
        for (size_t i = 0; i < ELEMENTSOF(early); i++)
                if (path_below(destination, early[i]))
                        return true;
        return false;
}

static int add(TreePacker *p, int directory, const char *name, const char *destination,
               bool without_early);

static int add_below(TreePacker *p, int directory, const char *name, const char *destination,
                     bool without_early) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = openat(directory, *name ? name : ".",
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return fail(p, destination, -errno);
        r = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = r < 0 ? -errno : list(r, &names);
        if (r < 0)
                return fail(p, destination, r);
        STRV_FOREACH(one, names) {
                _cleanup_free_ char *path =
                                *destination ? path_join(destination, *one) : strdup(*one);

                if (!path)
                        return -ENOMEM;
                if (!*destination && p->leave_out && streq(*one, p->leave_out))
                        continue;
                r = add(p, fd, *one, path, without_early);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add(TreePacker *p, int directory, const char *name, const char *destination,
               bool without_early) {
        struct stat st;
        int r;

        if (without_early && is_early(destination))
                return 0;
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(p, destination, -errno);
        r = add_one(p, directory, name, destination, &st);
        if (r < 0)
                return fail(p, destination, r);
        return S_ISDIR(st.st_mode) ? add_below(p, directory, name, destination, without_early) : 0;
}

int tree_packer_add(TreePacker *p, int directory, const char *name, const char *destination) {
        return *name ? add(p, directory, name, destination, false)
                     : add_below(p, directory, name, destination, false);
}

int tree_packer_add_directory(TreePacker *p, const char *destination) {
        const struct stat st = { .st_mode = S_IFDIR | 0755 };

        return add_one(p, -EBADF, destination, destination, &st);
}

static int add_early(TreePacker *p, int directory) {
        Compression compression = p->compression;
        int level = p->level, r = 0;

        for (size_t i = 0; i < ELEMENTSOF(early) && r >= 0; i++) {
                char parent[PATH_MAX];
                struct stat st;

                if (fstatat(directory, early[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISDIR(st.st_mode))
                        continue;
                for (const char *end = strchr(early[i], '/'); end && r >= 0;
                     end = strchr(end + 1, '/')) {
                        snprintf(parent, sizeof(parent), "%.*s", (int) (end - early[i]), early[i]);
                        r = tree_packer_add_directory(p, parent);
                }
                if (r >= 0)
                        r = tree_packer_add(p, directory, early[i], early[i]);
        }
        if (r < 0)
                return r;
        p->compression = COMPRESSION_NONE;
        p->level = 0;
        r = tree_packer_flush(p);
        p->compression = compression;
        p->level = level;
        return r;
}

int tree_packer_add_root(TreePacker *p, int directory) {
        int r = add_early(p, directory);

        if (r >= 0)
                r = add_below(p, directory, "", "", true);
        return r < 0 ? r : tree_packer_flush(p);
}
