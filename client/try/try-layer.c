/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "try-layer.h"

static int digit(char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

int uuid_from_text(const char *text, uint8_t ret[static UUID_BYTES]) {
        uint8_t uuid[UUID_BYTES] = {};
        size_t n = 0;

        for (const char *p = text; *p; p++) {
                int d = digit(*p);

                if (*p == '-' || *p == ':')
                        continue;
                if (d < 0 || n >= 2 * UUID_BYTES)
                        return -EINVAL;
                uuid[n / 2] = (uint8_t) (uuid[n / 2] << 4 | d);
                n++;
        }
        if (n != 2 * UUID_BYTES)
                return -EINVAL;
        memcpy(ret, uuid, UUID_BYTES);
        return 0;
}

void uuid_to_text(const uint8_t uuid[static UUID_BYTES], char ret[static UUID_TEXT]) {
        static const char digits[] = "0123456789abcdef";
        char *p = ret;

        for (size_t i = 0; i < UUID_BYTES; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                *p++ = digits[uuid[i] >> 4];
                *p++ = digits[uuid[i] & 15];
        }
        *p = '\0';
}

int uuid_random(uint8_t ret[static UUID_BYTES]) {
        if (getrandom(ret, UUID_BYTES, 0) != UUID_BYTES)
                return -EIO;
        ret[6] = (uint8_t) ((ret[6] & 0x0f) | 0x40);
        ret[8] = (uint8_t) ((ret[8] & 0x3f) | 0x80);
        return 0;
}

int size_of_file(int fd, uint64_t *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = ((uint64_t) st.st_size + 511) & ~UINT64_C(511);
        return 0;
}

int copy_sparse(int from, int to, uint64_t offset) {
        static const char zeros[65536];
        char buffer[sizeof(zeros)];
        off_t at = 0;

        for (;;) {
                ssize_t n = pread(from, buffer, sizeof(buffer), at), written = 0;

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                while (written < n && memcmp(buffer, zeros, (size_t) n) != 0) {
                        ssize_t k = pwrite(to, buffer + written, (size_t) (n - written),
                                           (off_t) offset + at + written);

                        if (k < 0)
                                return -errno;
                        written += k;
                }
                at += n;
        }
}
