/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * LUKS2 ("LUKS2 On-Disk Format Specification" 1.1.1), numbers big endian:
 *
 *   0          the binary header, 512 bytes of 4096: magic, version, size with the JSON area,
 *              sequence, label, name of the checksum's hash, salt, UUID, subsystem, where it is itself,
 *              and the checksum of it (this field zero) and the JSON area
 *   4096       the JSON area, up to 16 KiB: how the key is got, checked, and where it fits
 *   16 KiB     both again, with another magic, salt and checksum
 *   32 KiB     the key, in stripes, encrypted
 *   16 MiB     the content
 *
 * In JSON, offsets and sizes are strings. cryptsetup makes slots with Argon2 today; that of PBKDF2 needs
 * no memory, and is as valid.
 */

#include <endian.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "string-util.h"
#include "try-layer.h"
#include "try-luks-key.h"

#define HEADER_SIZE 16384U
#define BINARY_SIZE 4096U
#define JSON_SIZE (HEADER_SIZE - BINARY_SIZE)
#define KEY_AT ((uint64_t) 2 * HEADER_SIZE)
#define KEY_AREA ((LUKS_KEY_SIZE * LUKS_STRIPES + 4095U) / 4096U * 4096U)
#define CONTENT_AT UINT64_C(16777216)

typedef struct Luks2Header {
        char magic[6];
        uint16_t version;
        uint64_t size, sequence;
        char label[48], checksum_name[32];
        uint8_t salt[64];
        char uuid[40], subsystem[48];
        uint64_t offset;
        uint8_t padding[184], checksum[64];
        uint8_t rest[BINARY_SIZE - 512];
} __attribute__((packed)) Luks2Header;
_Static_assert(sizeof(Luks2Header) == BINARY_SIZE, "The binary header of LUKS2");

typedef struct Area {
        Luks2Header header;
        char json[JSON_SIZE]; /* ends in NUL bytes */
} Area;
_Static_assert(sizeof(Area) == HEADER_SIZE, "The header of LUKS2");

/* RFC 4648; the caller frees. */
static json_t *base64(const uint8_t *data, size_t size) {
        static const char letters[] =
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char text[(LUKS_HASH_SIZE + 2) / 3 * 4 + 1], *p = text;

        for (size_t i = 0; i < size; i += 3) {
                uint32_t n = (uint32_t) data[i] << 16;

                n |= i + 1 < size ? (uint32_t) data[i + 1] << 8 : 0;
                n |= i + 2 < size ? data[i + 2] : 0;
                for (unsigned k = 0; k < 4; k++)
                        *p++ = i + k <= size ? letters[n >> (18 - 6 * k) & 63] : '=';
        }
        *p = '\0';
        return json_string(text);
}
_Static_assert(LUKS_SALT_SIZE <= LUKS_HASH_SIZE, "What is written as base64");

static json_t *number(uint64_t n) {
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, n);
        return json_string(text);
}

/* The slot's salt, and the digest of the key with its own. */
static json_t *make_json(const uint8_t salt[static LUKS_SALT_SIZE],
                         const uint8_t digest_salt[static LUKS_SALT_SIZE],
                         const uint8_t digest[static LUKS_HASH_SIZE]) {
        json_t *area, *kdf, *slot, *segment, *check;

        area = json_pack("{s:s, s:o, s:o, s:s, s:i}", "type", "raw", "offset", number(KEY_AT),
                         "size", number(KEY_AREA), "encryption", "aes-xts-plain64", "key_size",
                         LUKS_KEY_SIZE);
        kdf = json_pack("{s:s, s:s, s:i, s:o}", "type", "pbkdf2", "hash", "sha256", "iterations",
                        LUKS_ROUNDS, "salt", base64(salt, LUKS_SALT_SIZE));
        slot = json_pack("{s:s, s:i, s:{s:s, s:i, s:s}, s:o, s:o}", "type", "luks2", "key_size",
                         LUKS_KEY_SIZE, "af", "type", "luks1", "stripes", LUKS_STRIPES, "hash",
                         "sha256", "area", area, "kdf", kdf);
        segment = json_pack("{s:s, s:o, s:s, s:s, s:s, s:i}", "type", "crypt", "offset",
                            number(CONTENT_AT), "size", "dynamic", "iv_tweak", "0", "encryption",
                            "aes-xts-plain64", "sector_size", 512);
        check = json_pack("{s:s, s:[s], s:[s], s:s, s:i, s:o, s:o}", "type", "pbkdf2", "keyslots",
                          "0", "segments", "0", "hash", "sha256", "iterations", LUKS_ROUNDS,
                          "salt", base64(digest_salt, LUKS_SALT_SIZE), "digest",
                          base64(digest, LUKS_HASH_SIZE));
        return json_pack("{s:{s:o}, s:{}, s:{s:o}, s:{s:o}, s:{s:o, s:o}}", "keyslots", "0", slot,
                         "tokens", "segments", "0", segment, "digests", "0", check, "config",
                         "json_size", number(JSON_SIZE), "keyslots_size",
                         number(CONTENT_AT - 2 * HEADER_SIZE));
}

static int fill_json(Area *a, json_t *json) {
        size_t n = json ? json_dumpb(json, a->json, JSON_SIZE - 1, JSON_COMPACT) : 0;

        json_decref(json);
        return n > 0 && n < JSON_SIZE ? 0 : -ENOMEM;
}

static int write_headers(int to, Area *a, const char *uuid) {
        uint8_t parsed[UUID_BYTES];
        Luks2Header *h = &a->header;
        int r;

        r = uuid_from_text(uuid, parsed);
        if (r < 0)
                return r;
        uuid_to_text(parsed, h->uuid);
        h->version = htobe16(2);
        h->size = htobe64(HEADER_SIZE);
        h->sequence = htobe64(1);
        strcpy(h->checksum_name, "sha256");
        for (unsigned copy = 0; copy < 2 && r >= 0; copy++) {
                uint8_t hash[LUKS_HASH_SIZE];

                memcpy(h->magic, copy ? "SKUL\xba\xbe" : "LUKS\xba\xbe", sizeof(h->magic));
                h->offset = htobe64(copy * (uint64_t) HEADER_SIZE);
                r = luks_random(h->salt, sizeof(h->salt));
                memset(h->checksum, 0, sizeof(h->checksum));
                luks_hash(a, sizeof(*a), hash);
                memcpy(h->checksum, hash, sizeof(hash));
                if (r >= 0)
                        r = luks_write(to, a, sizeof(*a), copy * (uint64_t) HEADER_SIZE);
        }
        return r;
}

int layer_luks2(int from, int to, const char *uuid, const void *passphrase, size_t size) {
        uint8_t key[LUKS_KEY_SIZE], digest[LUKS_HASH_SIZE], salts[2][LUKS_SALT_SIZE];
        _cleanup_free_ Area *area = calloc(1, sizeof(Area));
        uint64_t content;
        int r;

        if (!area)
                return -ENOMEM;
        r = luks_load();
        if (r >= 0)
                r = luks_random(key, sizeof(key));
        if (r >= 0)
                r = luks_random(salts, sizeof(salts));
        if (r >= 0)
                r = luks_derive(key, sizeof(key), salts[1], digest, sizeof(digest));
        if (r >= 0)
                r = size_of_file(from, &content);
        if (r >= 0)
                r = fill_json(area, make_json(salts[0], salts[1], digest));
        if (r >= 0 && ftruncate(to, (off_t) (CONTENT_AT + content)) < 0)
                r = -errno;
        if (r >= 0)
                r = write_headers(to, area, uuid);
        if (r >= 0)
                r = luks_write_key(to, KEY_AT, key, salts[0], passphrase, size);
        return r < 0 ? r : luks_write_content(from, to, CONTENT_AT, content, key);
}
