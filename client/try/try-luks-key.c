/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What LUKS1 and LUKS2 have in common. The key of the content is random. So that it is there as long as
 * all of a large area is, and no longer, it is split into stripes: all but the last are random, and
 * the last makes the key come out of all of them, with a hash between one and the next. They are encrypted
 * with what PBKDF2 makes of the passphrase. Both ciphers are aes-xts-plain64 with sectors of 512 bytes
 * that are numbered from 0. There are few rounds, since nothing here is secret.
 */

#include <endian.h>
#include <gcrypt.h>
#include <sys/random.h>
#include <unistd.h>

#include "library.h"
#include "try-layer.h"
#include "try-luks-key.h"

LIBRARY_NOTE("try", "Encrypting the scratch root of `initrdctl try`", "libgcrypt.so.20");

#define FUNCTIONS(F)                                                                              \
        F(gcry_check_version)                                                                     \
        F(gcry_cipher_close)                                                                      \
        F(gcry_cipher_encrypt)                                                                    \
        F(gcry_cipher_open)                                                                       \
        F(gcry_cipher_setiv)                                                                      \
        F(gcry_cipher_setkey)                                                                     \
        F(gcry_create_nonce)                                                                      \
        F(gcry_kdf_derive)                                                                        \
        F(gcry_md_get_algo_dlen)                                                                  \
        F(gcry_md_hash_buffer)

#define DEFINE(name) static __typeof__(name) *sym_##name;
FUNCTIONS(DEFINE)
#undef DEFINE

#define ENTRY(name) { #name, &sym_##name },
static const LibraryFunction functions[] = { FUNCTIONS(ENTRY) };
#undef ENTRY

#define SECTOR 512U
#define MATERIAL_SIZE ((size_t) LUKS_KEY_SIZE * LUKS_STRIPES)
#define CHUNK 65536U

int luks_derive(const void *from, size_t size, const uint8_t salt[static LUKS_SALT_SIZE],
                void *ret, size_t ret_size) {
        return sym_gcry_kdf_derive(from, size, GCRY_KDF_PBKDF2, GCRY_MD_SHA256, salt,
                                   LUKS_SALT_SIZE, LUKS_ROUNDS, ret_size, ret) == 0
                               ? 0
                               : -EIO;
}

/* Each piece of the block is replaced by the hash of its number and itself. */
static void diffuse(uint8_t block[static LUKS_KEY_SIZE]) {
        const unsigned n = sym_gcry_md_get_algo_dlen(GCRY_MD_SHA256);

        for (uint32_t i = 0; i * n < LUKS_KEY_SIZE; i++) {
                uint8_t input[4 + 32];
                uint32_t number = htobe32(i);

                memcpy(input, &number, sizeof(number));
                memcpy(input + 4, block + (size_t) i * n, n);
                sym_gcry_md_hash_buffer(GCRY_MD_SHA256, block + (size_t) i * n, input, 4 + n);
        }
}

/* All stripes but the last are random; the last makes the key come out of all of them. */
static int split(const uint8_t key[static LUKS_KEY_SIZE], uint8_t *material) {
        uint8_t block[LUKS_KEY_SIZE] = {};

        sym_gcry_create_nonce(material, MATERIAL_SIZE - LUKS_KEY_SIZE);
        for (size_t i = 0; i < LUKS_STRIPES - 1; i++) {
                for (size_t j = 0; j < LUKS_KEY_SIZE; j++)
                        block[j] ^= material[i * LUKS_KEY_SIZE + j];
                diffuse(block);
        }
        for (size_t j = 0; j < LUKS_KEY_SIZE; j++)
                material[MATERIAL_SIZE - LUKS_KEY_SIZE + j] = block[j] ^ key[j];
        return 0;
}

/* In place; `size` is a multiple of a sector, the first of which has number `sector`. */
static int encrypt(gcry_cipher_hd_t cipher, uint8_t *data, size_t size, uint64_t sector) {
        for (size_t i = 0; i < size; i += SECTOR, sector++) {
                uint64_t iv[2] = { htole64(sector) };

                if (sym_gcry_cipher_setiv(cipher, iv, sizeof(iv)) != 0 ||
                    sym_gcry_cipher_encrypt(cipher, data + i, SECTOR, NULL, 0) != 0)
                        return -EIO;
        }
        return 0;
}

static int open_cipher(const uint8_t key[static LUKS_KEY_SIZE], gcry_cipher_hd_t *ret) {
        gcry_cipher_hd_t cipher;

        if (sym_gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0) != 0)
                return -EOPNOTSUPP;
        if (sym_gcry_cipher_setkey(cipher, key, LUKS_KEY_SIZE) != 0) {
                sym_gcry_cipher_close(cipher);
                return -EIO;
        }
        *ret = cipher;
        return 0;
}

int luks_write(int fd, const void *data, size_t size, uint64_t at) {
        ssize_t n = pwrite(fd, data, size, (off_t) at);

        return n < 0 ? -errno : (size_t) n != size ? -EIO : 0;
}

int luks_write_key(int to, uint64_t at, const uint8_t key[static LUKS_KEY_SIZE],
                   const uint8_t salt[static LUKS_SALT_SIZE], const void *passphrase,
                   size_t size) {
        _cleanup_free_ uint8_t *material = malloc(MATERIAL_SIZE);
        uint8_t slot_key[LUKS_KEY_SIZE];
        gcry_cipher_hd_t cipher;
        int r;

        if (!material)
                return -ENOMEM;
        r = luks_derive(passphrase, size, salt, slot_key, sizeof(slot_key));
        if (r >= 0)
                r = split(key, material);
        if (r >= 0)
                r = open_cipher(slot_key, &cipher);
        if (r < 0)
                return r;
        r = encrypt(cipher, material, MATERIAL_SIZE, 0);
        sym_gcry_cipher_close(cipher);
        return r < 0 ? r : luks_write(to, material, MATERIAL_SIZE, at);
}

int luks_write_content(int from, int to, uint64_t to_offset, uint64_t size,
                       const uint8_t key[static LUKS_KEY_SIZE]) {
        _cleanup_free_ uint8_t *buffer = malloc(CHUNK);
        gcry_cipher_hd_t cipher;
        int r;

        if (!buffer)
                return -ENOMEM;
        r = open_cipher(key, &cipher);
        if (r < 0)
                return r;
        for (uint64_t at = 0; at < size && r >= 0; at += CHUNK) {
                size_t want = (size_t) MIN_OF(size - at, (uint64_t) CHUNK);
                ssize_t n = pread(from, buffer, want, (off_t) at);

                if (n < 0) {
                        r = -errno;
                        break;
                }
                memset(buffer + n, 0, want - (size_t) n);
                r = encrypt(cipher, buffer, want, at / SECTOR);
                if (r >= 0)
                        r = luks_write(to, buffer, want, to_offset + at);
        }
        sym_gcry_cipher_close(cipher);
        return r;
}

int luks_random(void *ret, size_t size) {
        return getrandom(ret, size, 0) == (ssize_t) size ? 0 : -EIO;
}

void luks_hash(const void *data, size_t size, uint8_t ret[static LUKS_HASH_SIZE]) {
        sym_gcry_md_hash_buffer(GCRY_MD_SHA256, ret, data, size);
}

int luks_load(void) {
        int r = library_load("libgcrypt.so.20", functions, ELEMENTSOF(functions));

        return r < 0 ? r : sym_gcry_check_version(NULL) ? 0 : -EIO;
}
