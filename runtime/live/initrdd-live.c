/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Between a medium that is mounted on /run/initramfs/live and /run/rootfsbase, the root in its image:
 *
 *      the medium                    LiveOS/squashfs.img: a squashfs, an erofs
 *       │   │   └── the root itself   │   └── the root itself
 *       │   └── LiveOS/rootfs.img     └── LiveOS/rootfs.img (ext3fs.img, of long ago)
 *       └── LiveOS/squashfs.img            a file system with the root
 *
 * looked for in this order: the image, a file system in a file, the root. What is found last and is
 * still a file is a file system with a root. Mounts below /run/initramfs stay for good: PID 1 knows
 * that directory as what was there before it.
 *
 *   initrdd-live [--copy=MIB] [--writable] [--plain] DEVICE DIRECTORY IMAGE
 *   initrdd-live --is-disc DEVICE
 *
 * DEVICE is only named, unless the root lies on it and is to be copied to memory. --copy does that
 * with the image if then at least so much memory is left, --writable with the file system in it, which
 * is then written to; --plain means that it is written to where it is, if that can be.
 *
 * --is-disc only tells, by its status, whether what is there is a disc (ISO 9660): checkisomd5 looks for
 * its end for ever on anything else.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "mount-util.h"
#include "path-util.h"
#include "string-util.h"

#define MEDIUM "/run/initramfs/live"
#define INNER "/run/initramfs/squashfs"
#define BASE "/run/rootfsbase"
#define BLOCK (64 * 1024)

static const char *arg_device, *arg_directory, *arg_image;
static unsigned arg_left;
static bool arg_copy, arg_writable, arg_plain;

static bool is_root(const char *path) {
        _cleanup_free_ char *usr = path_join(path, "usr"), *ostree = path_join(path, "ostree");

        return (usr && is_directory(usr)) || (ostree && is_directory(ostree));
}

/* DIRECTORY/SUB/NAME if it is a file, else NULL. */
static char *find_file(const char *directory, const char *sub, const char *name) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (str_printf(&path, "%s/%s/%s", directory, sub, name) < 0 || stat(path, &st) < 0 ||
            !S_ISREG(st.st_mode))
                return NULL;
        return TAKE_PTR(path);
}

static char *find_inner(const char *directory, const char *sub) {
        return find_file(directory, sub, "rootfs.img") ?: find_file(directory, sub, "ext3fs.img");
}

static bool is_zero(const char *data, size_t size) {
        return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Blocks of zeros stay holes: a file system's image is mostly that. */
static int copy_content(int from, int to, off_t size) {
        _cleanup_free_ char *data = malloc(BLOCK);
        off_t at = 0;

        if (!data)
                return -ENOMEM;
        if (ftruncate(to, size) < 0)
                return -errno;
        while (at < size) {
                ssize_t n = pread(from, data, BLOCK, at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO; /* shorter than it said */
                for (ssize_t done = 0, m; !is_zero(data, (size_t) n) && done < n; done += m) {
                        m = pwrite(to, data + done, (size_t) (n - done), at + done);
                        if (m < 0)
                                return -errno;
                }
                at += n;
        }
        return 0;
}

/* Copies a file or a device to DIRECTORY/NAME, which is memory. */
static int copy(const char *source, const char *directory, const char *name, char **ret) {
        _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC), to = -EBADF;
        off_t size = from < 0 ? -1 : lseek(from, 0, SEEK_END);
        _cleanup_free_ char *options = NULL, *path = path_join(directory, name);
        unsigned long long mib = (unsigned long long) (size > 0 ? size : 0) / 1024 / 1024 + 1;
        unsigned long long memory = memory_get("MemTotal:") / 1024 / 1024;
        int r;

        if (size < 0) {
                tell_error("%s can't be read: %m", source);
                return -EIO;
        }
        if (!path || str_printf(&options, "size=%llum", mib + 1) < 0)
                return -ENOMEM;
        if (!arg_writable && memory > 0 && memory < mib + arg_left) {
                tell_error("%s has %llu MiB, this machine %llu MiB of memory: with a copy of it "
                           "there, less than %u MiB would be left; see rd.minmem=",
                           source, mib, memory, arg_left);
                return -ENOMEM;
        }
        tell_notice("Copying %s to memory (%llu MiB)", source, mib);
        r = mount_memory(directory, options);
        if (r >= 0) {
                to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                r = to < 0 ? -errno : copy_content(from, to, size);
        }
        if (r < 0) {
                tell_error("%s can't be copied to memory: %s", source, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

/* Copies the image, and leaves its name where dracut has the copy. */
static int copy_image(const char *source, const char *name, char **ret) {
        _cleanup_free_ char *link = NULL, *target = NULL;
        int r;

        r = copy(source, "/run/initramfs/memory", name, ret);
        if (r < 0)
                return r;
        if (str_printf(&link, "/run/initramfs/%s", name) < 0 ||
            str_printf(&target, "memory/%s", name) < 0)
                return -ENOMEM;
        if (symlink(target, link) < 0 && errno != EEXIST)
                tell_warning("%s can't be made: %m", link);
        return 0;
}

/* A file system in a file. */
static int mount_inner(const char *file, bool in_image) {
        _cleanup_free_ char *copied = NULL;
        int r;

        if (arg_writable) {
                r = copy(file, "/run/initramfs/fsimg", "rootfs.img", &copied);
                return r < 0 ? r : mount_device("loop,rw", copied, BASE);
        }
        if (arg_copy && !in_image) {
                r = copy_image(file, "rootfs.img", &copied);
                if (r < 0)
                        return r;
                file = copied;
        }
        if (arg_plain && !in_image && access(file, W_OK) >= 0)
                return mount_device("loop,rw", file, BASE);
        return mount_device("loop,ro", file, BASE);
}

/* A squashfs or an erofs, in a file or on a device. */
static int mount_image(const char *file) {
        _cleanup_free_ char *copied = NULL, *inner = NULL;
        int r;

        if (arg_copy) {
                r = copy_image(file, "squashed.img", &copied);
                if (r < 0)
                        return r;
                file = copied;
        }
        r = mount_device("loop,ro", file, INNER);
        if (r < 0)
                return r;
        inner = find_inner(INNER, "LiveOS");
        if (inner)
                return mount_inner(inner, true);
        if (arg_writable)
                tell_warning("rd.writable.fsimg: there is no LiveOS/rootfs.img in the image; the "
                             "root is read-only");
        if (is_root(INNER))
                return mount_bind(INNER, BASE);
        tell_error("%s on %s has neither LiveOS/rootfs.img nor /usr: it is no image of a root",
                   path_basename(file), arg_device);
        return -ENOENT;
}

static int run(void) {
        _cleanup_free_ char *image = find_file(MEDIUM, arg_directory, arg_image), *inner = NULL;

        if (image)
                return mount_image(image);
        inner = find_inner(MEDIUM, arg_directory);
        if (inner)
                return mount_inner(inner, false);
        if (is_root(MEDIUM))
                return arg_copy ? mount_image(arg_device) : mount_bind(MEDIUM, BASE);
        tell_error("There is no root on %s: neither /%s/%s nor /%s/rootfs.img nor /usr; see "
                   "rd.live.dir= and rd.live.squashimg=",
                   arg_device, arg_directory, arg_image, arg_directory);
        return -ENOENT;
}

/* ECMA-119, 8.4: volume descriptors begin in sector 16 of 2048 bytes, with a type and this. */
static bool is_disc(const char *device) {
        _cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
        char found[5];

        if (fd >= 0 && pread(fd, found, sizeof(found), 16 * 2048 + 1) == sizeof(found) &&
            memcmp(found, "CD001", sizeof(found)) == 0)
                return true;
        tell_warning("rd.live.check: %s is no disc, and was not checked", device);
        return false;
}

int main(int argc, char *argv[]) {
        enum { ARG_COPY = 256, ARG_WRITABLE, ARG_PLAIN, ARG_IS_DISC };
        static const struct option options[] = {
                { "copy", required_argument, NULL, ARG_COPY },
                { "writable", no_argument, NULL, ARG_WRITABLE },
                { "plain", no_argument, NULL, ARG_PLAIN },
                { "is-disc", required_argument, NULL, ARG_IS_DISC },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case ARG_COPY:
                        arg_copy = true;
                        if (parse_unsigned(optarg, &arg_left) < 0)
                                return 2;
                        break;
                case ARG_WRITABLE:
                        arg_writable = true;
                        break;
                case ARG_PLAIN:
                        arg_plain = true;
                        break;
                case ARG_IS_DISC:
                        return is_disc(optarg) ? EXIT_SUCCESS : EXIT_FAILURE;
                default:
                        return 2;
                }
        if (argc - optind != 3) {
                fprintf(stderr,
                        "initrdd-live [--copy=MIB] [--writable] [--plain] DEVICE DIRECTORY "
                        "IMAGE\n");
                return 2;
        }
        arg_device = argv[optind];
        arg_directory = argv[optind + 1];
        arg_image = argv[optind + 2];
        umask(0022);
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
