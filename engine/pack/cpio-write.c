/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Writing a "newc" archive into memory. A fragment is packed as a whole, so its archive is one
 * buffer, which grows geometrically where nobody said how large it will be; content is filled in by
 * the caller where it stands, and is copied once, from the file into the archive.
 *
 * What depends on the machine or the moment is left out, so that equal content gives equal bytes:
 * owner, group, device and time are 0, inode numbers count up. Nothing is ever a hard link: the
 * kernel looks at inode numbers only where nlink is 2 or more, and for directories not even then.
 *
 * What the kernel would pass over without a word (init/initramfs.c: a name or a target that is
 * too long, an empty target) is an error here.
 */

#include <limits.h>
#include <sys/stat.h>

#include "pack/cpio.h"

#define HEADER_SIZE 110U
#define TRAILER "TRAILER!!!"
/* dev_t inside the kernel: 12 bits and 20 bits, see linux/kdev_t.h. */
#define MAJOR_MAX 0xfffU
#define MINOR_MAX 0xfffffU

void cpio_writer_done(CpioWriter *w) {
        free(w->data);
        *w = (CpioWriter) {};
}

int cpio_writer_reserve(CpioWriter *w, uint64_t size) {
        char *data;

        if (w->data || size == 0)
                return 0;
        data = size <= SIZE_MAX ? malloc_large((size_t) size) : NULL;
        if (!data)
                return -ENOMEM;
        w->data = data;
        w->allocated = (size_t) size;
        return 0;
}

static char *put_hex(char *p, uint32_t value) {
        static const char digits[] = "0123456789ABCDEF";

        for (int shift = 28; shift >= 0; shift -= 4)
                *p++ = digits[(value >> shift) & 0xf];
        return p;
}

/* What differs between entries; of our own, all that is not here is 0. */
typedef CpioEntry Header;

/* Header and name, with their padding, and room for `size` bytes of content, whose padding is
 * written. Gives where the content goes. */
static int put_entry(CpioWriter *w, const Header *h, const char *name, size_t size,
                     char **ret_content) {
        size_t name_size = strlen(name) + 1;
        size_t head = ALIGN_TO(HEADER_SIZE + name_size, (size_t) 4);
        size_t total;
        const uint32_t fields[] = {
                h->ino,
                h->mode,
                h->uid,
                h->gid,
                h->nlink,
                h->mtime,
                (uint32_t) size,
                0,
                0,
                h->rdev_major,
                h->rdev_minor,
                (uint32_t) name_size,
                0 /* check */,
        };
        char *p;

        if (size > UINT32_MAX)
                return -EFBIG;
        total = head + ALIGN_TO(size, (size_t) 4);
        if (total > SIZE_MAX / 2 - w->size)
                return -ENOMEM;
        if (!GREEDY_REALLOC(w->data, w->allocated, w->size + total))
                return -ENOMEM;

        p = w->data + w->size;
        memcpy(p, "070701", 6);
        p += 6;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                p = put_hex(p, fields[i]);
        memcpy(p, name, name_size);
        memset(p + name_size, 0, head - HEADER_SIZE - name_size);
        memset(w->data + w->size + head + size, 0, total - head - size);

        *ret_content = w->data + w->size + head;
        w->size += total;
        return 0;
}

static int put_named(CpioWriter *w, const Header *h, const char *name, size_t size,
                     char **ret_content) {
        Header numbered = *h;
        int r;

        /* Absolute names would work, but two spellings of one path must not both get in. */
        if (name[0] == '\0' || name[0] == '/' || strcmp(name, TRAILER) == 0)
                return -EINVAL;
        if (strlen(name) >= PATH_MAX)
                return -ENAMETOOLONG;

        numbered.ino = w->ino + 1;
        r = put_entry(w, &numbered, name, size, ret_content);
        if (r < 0)
                return r;
        w->ino = numbered.ino;
        return 0;
}

int cpio_write_directory(CpioWriter *w, const char *name, mode_t mode) {
        char *content;

        return put_named(w, &(Header) { .mode = S_IFDIR | (mode & 07777), .nlink = 2 }, name, 0,
                         &content);
}

int cpio_write_symlink(CpioWriter *w, const char *name, const char *target) {
        size_t size = strlen(target);
        char *content;
        int r;

        if (size == 0)
                return -EINVAL;
        if (size >= PATH_MAX)
                return -ENAMETOOLONG;
        r = put_named(w, &(Header) { .mode = S_IFLNK | 0777, .nlink = 1 }, name, size, &content);
        if (r < 0)
                return r;
        memcpy(content, target, size);
        return 0;
}

int cpio_write_file(CpioWriter *w, const char *name, mode_t mode, size_t size,
                    char **ret_content) {
        return put_named(w, &(Header) { .mode = S_IFREG | (mode & 07777), .nlink = 1 }, name, size,
                         ret_content);
}

int cpio_write_node(CpioWriter *w, const char *name, mode_t mode, unsigned major, unsigned minor) {
        char *content;

        if (!S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
                return -EINVAL;
        if (major > MAJOR_MAX || minor > MINOR_MAX)
                return -EINVAL;
        return put_named(w,
                         &(Header) { .mode = mode & (S_IFMT | 07777),
                                     .nlink = 1,
                                     .rdev_major = major,
                                     .rdev_minor = minor },
                         name, 0, &content);
}

int cpio_write_entry(CpioWriter *w, const CpioEntry *e, char **ret_content) {
        bool link = S_ISLNK(e->mode);
        size_t size = link ? strlen(e->target) : S_ISREG(e->mode) ? e->size : 0;
        int r;

        if (e->name[0] == '\0' || strcmp(e->name, TRAILER) == 0 || (link && size == 0))
                return -EINVAL;
        if (strlen(e->name) >= PATH_MAX || (link && size >= PATH_MAX))
                return -ENAMETOOLONG;
        r = put_entry(w, e, e->name, size, ret_content);
        if (r >= 0 && link)
                memcpy(*ret_content, e->target, size);
        return r;
}

int cpio_write_trailer(CpioWriter *w) {
        char *content;

        return put_entry(w, &(Header) { .nlink = 1 }, TRAILER, 0, &content);
}
