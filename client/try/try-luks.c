/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * LUKS1 ("LUKS On-Disk Format Specification" 1.2), numbers big endian:
 *
 *   0          the header: magic, version, cipher, mode, hash, where the content begins (in
 *              sectors), the size of the master key, its digest with salt and rounds, the UUID
 *   208        eight key slots of 48 bytes: active or not, rounds, salt, where its material is (in
 *              sectors), its stripes
 *   4096       the material of slot 0: the master key, split so that all of it is needed to get
 *              the key back, and encrypted with what PBKDF2 makes of the passphrase
 *   2 MiB      the content, encrypted with the master key; sector numbers begin at 0 there
 *
 * It is an older format than what systems have today, and opened by the same programs. The cipher is
 * that of today's default, aes-xts-plain64; there are few rounds, since nothing here is secret.
 */

#include <endian.h>
#include <gcrypt.h>
#include <sys/random.h>
#include <unistd.h>

#include "library.h"
#include "try-layer.h"

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
#define KEY_SIZE 64U
#define DIGEST_SIZE 20U
#define SALT_SIZE 32U
#define STRIPES 4000U
#define ROUNDS 1000U
#define MATERIAL_SECTOR 8U
#define CONTENT_AT 2097152U
#define SLOTS 8U
#define SLOT_ACTIVE 0x00ac71f3U
#define SLOT_EMPTY 0x0000deadU
#define MATERIAL_SIZE ((size_t) KEY_SIZE * STRIPES)
#define CHUNK 65536U

typedef struct Slot {
        uint32_t active, rounds;
        uint8_t salt[SALT_SIZE];
        uint32_t material, stripes;
} __attribute__((packed)) Slot;

typedef struct LuksHeader {
        char magic[6];
        uint16_t version;
        char cipher[32], mode[32], hash[32];
        uint32_t content, key_size;
        uint8_t digest[DIGEST_SIZE], salt[SALT_SIZE];
        uint32_t rounds;
        char uuid[40];
        Slot slots[SLOTS];
} __attribute__((packed)) LuksHeader;
_Static_assert(sizeof(LuksHeader) == 592, "The header of LUKS1");

static int derive(const void *from, size_t size, const uint8_t salt[static SALT_SIZE], void *ret,
                  size_t ret_size) {
        return sym_gcry_kdf_derive(from, size, GCRY_KDF_PBKDF2, GCRY_MD_SHA256, salt, SALT_SIZE,
                                   ROUNDS, ret_size, ret) == 0
                               ? 0
                               : -EIO;
}

/* Each piece of the block is replaced by the hash of its number and itself. */
static void diffuse(uint8_t block[static KEY_SIZE]) {
        const unsigned n = sym_gcry_md_get_algo_dlen(GCRY_MD_SHA256);

        for (uint32_t i = 0; i * n < KEY_SIZE; i++) {
                uint8_t input[4 + 32];
                uint32_t number = htobe32(i);

                memcpy(input, &number, sizeof(number));
                memcpy(input + 4, block + (size_t) i * n, n);
                sym_gcry_md_hash_buffer(GCRY_MD_SHA256, block + (size_t) i * n, input, 4 + n);
        }
}

/* All stripes but the last are random; the last makes the key come out of all of them. */
static int split(const uint8_t key[static KEY_SIZE], uint8_t *material) {
        uint8_t block[KEY_SIZE] = {};

        sym_gcry_create_nonce(material, MATERIAL_SIZE - KEY_SIZE);
        for (size_t i = 0; i < STRIPES - 1; i++) {
                for (size_t j = 0; j < KEY_SIZE; j++)
                        block[j] ^= material[i * KEY_SIZE + j];
                diffuse(block);
        }
        for (size_t j = 0; j < KEY_SIZE; j++)
                material[MATERIAL_SIZE - KEY_SIZE + j] = block[j] ^ key[j];
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

static int open_cipher(const uint8_t key[static KEY_SIZE], gcry_cipher_hd_t *ret) {
        gcry_cipher_hd_t cipher;

        if (sym_gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0) != 0)
                return -EOPNOTSUPP;
        if (sym_gcry_cipher_setkey(cipher, key, KEY_SIZE) != 0) {
                sym_gcry_cipher_close(cipher);
                return -EIO;
        }
        *ret = cipher;
        return 0;
}

static int write_at(int fd, const void *data, size_t size, uint64_t at) {
        ssize_t n = pwrite(fd, data, size, (off_t) at);

        return n < 0 ? -errno : (size_t) n != size ? -EIO : 0;
}

static int write_material(int to, const LuksHeader *h, const uint8_t key[static KEY_SIZE],
                          const void *passphrase, size_t size) {
        _cleanup_free_ uint8_t *material = malloc(MATERIAL_SIZE);
        uint8_t slot_key[KEY_SIZE];
        gcry_cipher_hd_t cipher;
        int r;

        if (!material)
                return -ENOMEM;
        r = derive(passphrase, size, h->slots[0].salt, slot_key, sizeof(slot_key));
        if (r >= 0)
                r = split(key, material);
        if (r >= 0)
                r = open_cipher(slot_key, &cipher);
        if (r < 0)
                return r;
        r = encrypt(cipher, material, MATERIAL_SIZE, 0);
        sym_gcry_cipher_close(cipher);
        return r < 0 ? r
                     : write_at(to, material, MATERIAL_SIZE, (uint64_t) MATERIAL_SECTOR * SECTOR);
}

static int write_content(int from, int to, uint64_t size, const uint8_t key[static KEY_SIZE]) {
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
                        r = write_at(to, buffer, want, CONTENT_AT + at);
        }
        sym_gcry_cipher_close(cipher);
        return r;
}

static int fill_header(LuksHeader *h, const char *uuid, const uint8_t key[static KEY_SIZE]) {
        uint8_t parsed[UUID_BYTES];
        int r;

        r = uuid_from_text(uuid, parsed);
        if (r < 0)
                return r;
        memcpy(h->magic, "LUKS\xba\xbe", sizeof(h->magic));
        h->version = htobe16(1);
        strcpy(h->cipher, "aes");
        strcpy(h->mode, "xts-plain64");
        strcpy(h->hash, "sha256");
        h->content = htobe32(CONTENT_AT / SECTOR);
        h->key_size = htobe32(KEY_SIZE);
        h->rounds = htobe32(ROUNDS);
        uuid_to_text(parsed, h->uuid);
        if (getrandom(h->salt, SALT_SIZE, 0) != SALT_SIZE ||
            getrandom(h->slots[0].salt, SALT_SIZE, 0) != SALT_SIZE)
                return -EIO;
        for (uint32_t i = 0; i < SLOTS; i++) {
                uint32_t sectors = (uint32_t) ((MATERIAL_SIZE / SECTOR + 7) / 8 * 8);

                h->slots[i].active = htobe32(i == 0 ? SLOT_ACTIVE : SLOT_EMPTY);
                h->slots[i].rounds = htobe32(i == 0 ? ROUNDS : 0);
                h->slots[i].material = htobe32(MATERIAL_SECTOR + i * sectors);
                h->slots[i].stripes = htobe32(STRIPES);
        }
        return derive(key, KEY_SIZE, h->salt, h->digest, sizeof(h->digest));
}

int layer_luks(int from, int to, const char *uuid, const void *passphrase, size_t size) {
        uint8_t key[KEY_SIZE];
        LuksHeader h = {};
        uint64_t content;
        int r;

        r = library_load("libgcrypt.so.20", functions, ELEMENTSOF(functions));
        if (r < 0)
                return r;
        if (!sym_gcry_check_version(NULL) || getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = size_of_file(from, &content);
        if (r >= 0)
                r = fill_header(&h, uuid, key);
        if (r < 0)
                return r;
        if (ftruncate(to, (off_t) (CONTENT_AT + content)) < 0)
                return -errno;
        r = write_at(to, &h, sizeof(h), 0);
        if (r >= 0)
                r = write_material(to, &h, key, passphrase, size);
        return r < 0 ? r : write_content(from, to, content, key);
}
