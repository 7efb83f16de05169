/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * /sbin/modprobe of an image. The kernel starts it twice for each cipher that is made of others
 * ("crypto-cryptd(__xts-aes-aesni)", and the same with "-all"), before it makes it by itself: six times
 * in every boot, and sixteen more with an encrypted disk, for names that no driver has. kmod, with the libraries
 * for compressed and for signed drivers, needs many times as long to find that out as this does.
 *
 * All else, and whatever is not certain, is kmod's, with the same arguments.
 *
 * Source: crypto/api.c of the kernel, crypto_larval_lookup(); kernel/kmod.c, call_modprobe(), for the
 * arguments; engine/collect/driver-index.c for the index.
 */

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"

#define INDEX_MAGIC 0xB007F457U
#define NODE_PREFIX 0x80000000U
#define NODE_CHILDREN 0x20000000U
#define NODE_OFFSET 0x0FFFFFFFU

static uint32_t read_u32(const uint8_t *p) {
        uint32_t n;

        memcpy(&n, p, sizeof(n));
        return be32toh(n);
}

/* Whether an index may have a name. One that can't be read, and patterns where the name could be, may. */
static bool index_may_have(const uint8_t *data, size_t size, const char *name) {
        uint32_t offset;

        if (size < 12 || read_u32(data) != INDEX_MAGIC)
                return true;
        offset = read_u32(data + 8);
        for (;;) {
                size_t at = offset & NODE_OFFSET;
                uint8_t first, last;

                if (offset & NODE_PREFIX) {
                        for (; at < size && data[at]; at++, name++) {
                                if (strchr("*?[", data[at]))
                                        return true;
                                /* The name's end, too. */
                                if ((uint8_t) *name != data[at])
                                        return false;
                        }
                        at++;
                }
                if (at + 2 > size || !*name)
                        return true;
                if (!(offset & NODE_CHILDREN))
                        return false;
                first = data[at];
                last = data[at + 1];
                at += 2;
                if (last < first || at + ((size_t) last - first + 1) * 4 > size)
                        return true;
                for (const char *c = "*?["; *c; c++)
                        if ((uint8_t) *c >= first && (uint8_t) *c <= last &&
                            read_u32(data + at + ((uint8_t) *c - first) * 4U) != 0)
                                return true;
                if ((uint8_t) *name < first || (uint8_t) *name > last)
                        return false;
                offset = read_u32(data + at + ((uint8_t) *name++ - first) * 4U);
                if (offset == 0)
                        return false;
        }
}

static bool driver_may_have(const char *root, const char *name) {
        _cleanup_free_ char *path = NULL, *key = strdup(name);
        _cleanup_close_ int fd = -EBADF;
        struct utsname u;
        struct stat st;
        bool may = true;
        void *data;

        if (!key || uname(&u) < 0 ||
            str_printf(&path, "%s/lib/modules/%s/modules.alias.bin", root, u.release) < 0)
                return true;
        /* As it is in the index. */
        for (char *c = key; *c; c++)
                if (*c == '-')
                        *c = '_';
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return true;
        data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return true;
        may = index_may_have(data, (size_t) st.st_size, key);
        munmap(data, (size_t) st.st_size);
        return may;
}

/* Whether a file of modprobe.d(5) says anything of such names. */
static bool settings_may_have(const char *root) {
        static const char *const directories[] = { "/etc/modprobe.d", "/run/modprobe.d",
                                                   "/usr/local/lib/modprobe.d",
                                                   "/usr/lib/modprobe.d", "/lib/modprobe.d" };
        bool may = false;

        for (size_t i = 0; i < ELEMENTSOF(directories) && !may; i++) {
                _cleanup_free_ char *path = NULL;
                const struct dirent *entry;
                DIR *d;

                if (str_printf(&path, "%s%s", root, directories[i]) < 0)
                        return true;
                d = opendir(path);
                if (!d && errno != ENOENT)
                        return true;
                while (d && !may && (entry = readdir(d))) {
                        _cleanup_free_ char *text = NULL;
                        size_t size;

                        if (*entry->d_name == '.')
                                continue;
                        may = file_read_at(dirfd(d), entry->d_name, 1024 * 1024, &text, &size) <
                                              0 ||
                              strstr(text, "crypto-") || strstr(text, "crypto_");
                }
                if (d)
                        closedir(d);
        }
        return may;
}

int main(int argc, char *argv[]) {
        static const char *const places[] = { "/usr/bin/kmod", "/bin/kmod", "/usr/sbin/kmod",
                                              "/sbin/kmod" };
        /* For tests. */
        const char *root = getenv("INITRDD_MODPROBE_ROOT") ?: "";

        /* Only a name with a parenthesis is that of no driver's file, whatever its spelling. */
        if (argc == 4 && streq(argv[1], "-q") && streq(argv[2], "--") &&
            startswith(argv[3], "crypto-") && strchr(argv[3], '(') &&
            !driver_may_have(root, argv[3]) && !settings_may_have(root))
                return EXIT_FAILURE;
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = NULL;

                if (str_printf(&path, "%s%s", root, places[i]) >= 0)
                        execv(path, argv);
        }
        fprintf(stderr, "modprobe: kmod can't be started: %s\n", strerror(errno));
        return EXIT_FAILURE;
}
