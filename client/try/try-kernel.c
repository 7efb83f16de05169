/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A bzImage has the kernel as a compressed ELF program in it: emulating its decompressor would take
 * longer than all that follows. Where it is, the header of the setup code says (the kernel's
 * Documentation/arch/x86/boot.rst; numbers little endian):
 *
 *   0x1f1   sectors of setup code, 0 for 4, behind the first
 *   0x1fe   0xaa55
 *   0x202   "HdrS"
 *   0x206   the version of the protocol: from 0x208 on there is
 *   0x248   where the payload begins, behind the setup code
 *   0x24c   its size
 *
 * QEMU starts such a program where a note in it says so (PVH: owner "Xen", type 18).
 */

#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"
#include "try-kernel.h"

#define SECTOR 512U
#define HEADER_END 0x250U
#define PROTOCOL_WITH_PAYLOAD 0x208U
#define NOTE_PVH 18U

static uint32_t number(const uint8_t *p, unsigned bytes) {
        uint32_t value = 0;

        while (bytes-- > 0)
                value = value << 8 | p[bytes];
        return value;
}

/* The payload of a bzImage; NULL. */
static const uint8_t *find_payload(const uint8_t *p, size_t size, size_t *ret_size) {
        uint64_t at, n;

        if (size < HEADER_END || number(p + 0x1fe, 2) != 0xaa55 ||
            memcmp(p + 0x202, "HdrS", 4) != 0 || number(p + 0x206, 2) < PROTOCOL_WITH_PAYLOAD)
                return NULL;
        at = ((uint64_t) (p[0x1f1] ?: 4) + 1) * SECTOR + number(p + 0x248, 4);
        n = number(p + 0x24c, 4);
        if (at > size || n > size - at)
                return NULL;
        *ret_size = (size_t) n;
        return p + at;
}

static bool has_pvh(const char *notes, size_t size) {
        while (size >= sizeof(Elf64_Nhdr)) {
                Elf64_Nhdr note;
                size_t name, whole;

                memcpy(&note, notes, sizeof(note));
                name = ALIGN_TO((size_t) note.n_namesz, (size_t) 4);
                whole = sizeof(note) + name + ALIGN_TO((size_t) note.n_descsz, (size_t) 4);
                if (whole > size)
                        return false;
                if (note.n_type == NOTE_PVH && note.n_namesz == 4 &&
                    memcmp(notes + sizeof(note), "Xen", 4) == 0)
                        return true;
                notes += whole;
                size -= whole;
        }
        return false;
}

static bool is_startable(int fd) {
        Elf64_Ehdr h;

        if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
            h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_phentsize != sizeof(Elf64_Phdr))
                return false;
        for (unsigned i = 0; i < h.e_phnum; i++) {
                char notes[4096];
                Elf64_Phdr p;
                ssize_t n;

                if (pread(fd, &p, sizeof(p), (off_t) (h.e_phoff + i * sizeof(p))) != sizeof(p))
                        return false;
                if (p.p_type != PT_NOTE)
                        continue;
                n = pread(fd, notes, MIN_OF(sizeof(notes), (size_t) p.p_filesz),
                          (off_t) p.p_offset);
                if (n > 0 && has_pvh(notes, (size_t) n))
                        return true;
        }
        return false;
}

static int write_out(void *userdata, const void *data, size_t size) {
        return fd_write_all(*(int *) userdata, data, size);
}

static int unpack_to(const uint8_t *payload, size_t size, int fd) {
        Decoder decoder = decoder_detect(payload, size);
        size_t consumed;

        if (decoder < 0 || decoder == DECODER_CPIO)
                return -EOPNOTSUPP;
        return decode_stream(decoder, payload, size, write_out, &fd, &consumed);
}

static int map_file(const char *path, void **ret, size_t *ret_size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        void *data;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size == 0)
                return -ENODATA;
        data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        *ret = data;
        *ret_size = (size_t) st.st_size;
        return 0;
}

int try_kernel_unpack(const char *kernel, const char *directory, char **ret) {
        _cleanup_free_ char *path = path_join(directory, "vmlinux");
        _cleanup_close_ int fd = -EBADF;
        const uint8_t *payload;
        size_t size = 0, payload_size = 0;
        void *data = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = map_file(kernel, &data, &size);
        if (r < 0)
                return r;
        payload = find_payload(data, size, &payload_size);
        if (payload) {
                fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                r = fd < 0 ? -errno : unpack_to(payload, payload_size, fd);
        }
        (void) munmap(data, size);
        if (!payload || r == -EOPNOTSUPP || r == -EBADMSG || r == -ENODATA)
                return 0;
        if (r < 0)
                return r;
        if (!is_startable(fd)) {
                (void) unlink(path);
                return 0;
        }
        *ret = TAKE_PTR(path);
        return 1;
}

/* The one directory of drivers that the image has; NULL when there is none, or more. */
static int version_of_tree(const ImageTree *t, char **ret) {
        _cleanup_free_ char *version = NULL;

        TREE_FOREACH(node, t->tree) {
                const char *rest = startswith(node->path, "/usr/lib/modules/")
                                                   ?: startswith(node->path, "/lib/modules/");

                if (!rest || !*rest || strchr(rest, '/') || !S_ISDIR(node->file->mode))
                        continue;
                if (version)
                        return 0;
                version = strdup(rest);
                if (!version)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(version);
        return 0;
}

/* Where kernels are kept. With INSTALL_MOD_PATH there may be a /boot beside lib/modules. */
static int path_of_version(const char *version, char **ret) {
        const char *root = arg_root ?: "/";
        char *candidates[5] = {};
        int r = 0, status = EXIT_STATUS_NOT_FOUND;

        if (arg_kernel_dir &&
            (str_printf(&candidates[0], "%s/vmlinuz", arg_kernel_dir) < 0 ||
             str_printf(&candidates[1], "%s/lib/modules/%s/vmlinuz", arg_kernel_dir, version) <
                             0 ||
             str_printf(&candidates[2], "%s/boot/vmlinuz-%s", arg_kernel_dir, version) < 0))
                r = -ENOMEM;
        if (r >= 0 &&
            (str_printf(&candidates[3], "%s/lib/modules/%s/vmlinuz", root, version) < 0 ||
             str_printf(&candidates[4], "%s/boot/vmlinuz-%s", root, version) < 0))
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(candidates); i++)
                if (candidates[i] && status != EXIT_STATUS_DONE &&
                    access(candidates[i], R_OK) >= 0) {
                        *ret = TAKE_PTR(candidates[i]);
                        status = EXIT_STATUS_DONE;
                }
        for (size_t i = 0; i < ELEMENTSOF(candidates); i++)
                free(candidates[i]);
        if (status != EXIT_STATUS_DONE)
                say("The kernel %s can't be found or read; name its file with --kernel=.",
                    version);
        return status;
}

static int write_kernel(const UkiSection *kernel, const char *directory, char **ret) {
        _cleanup_free_ char *path = path_join(directory, "vmlinuz");
        int r;

        r = path ? file_replace_at(AT_FDCWD, path, kernel->data, kernel->size, 0600) : -ENOMEM;
        if (r < 0) {
                say("The kernel of the image can't be written to %s: %s", directory, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        *ret = TAKE_PTR(path);
        return EXIT_STATUS_DONE;
}

int try_kernel_find(const Image *image, const ImageTree *tree, const Described *described,
                    const char *directory, char **ret) {
        const Uki *uki = image_uki(image);
        _cleanup_free_ char *version = NULL;

        if (arg_kernel && strchr(arg_kernel, '/')) {
                if (access(arg_kernel, R_OK) < 0) {
                        say("%s: The kernel can't be read: %s", arg_kernel, strerror(errno));
                        return EXIT_STATUS_NOT_FOUND;
                }
                *ret = strdup(arg_kernel);
                return *ret ? EXIT_STATUS_DONE : EXIT_STATUS_FAILED;
        }
        if (arg_kernel)
                return path_of_version(arg_kernel, ret);
        if (uki && uki->kernel.data)
                return write_kernel(&uki->kernel, directory, ret);
        if (described)
                return path_of_version(described->kernel, ret);
        if (version_of_tree(tree, &version) < 0)
                return EXIT_STATUS_FAILED;
        if (version)
                return path_of_version(version, ret);
        say("The image doesn't say which kernel it is for; name one with --kernel=.");
        return EXIT_STATUS_NOT_FOUND;
}
