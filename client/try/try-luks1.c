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
 * It is an older format than what systems have today, for an image whose cryptsetup opens no other.
 */

#include <endian.h>
#include <unistd.h>

#include "try-layer.h"
#include "try-luks-key.h"

#define SECTOR 512U
#define DIGEST_SIZE 20U
#define MATERIAL_SECTOR 8U
#define CONTENT_AT 2097152U
#define SLOTS 8U
#define SLOT_ACTIVE 0x00ac71f3U
#define SLOT_EMPTY 0x0000deadU
#define MATERIAL_SIZE ((size_t) LUKS_KEY_SIZE * LUKS_STRIPES)

typedef struct Slot {
        uint32_t active, rounds;
        uint8_t salt[LUKS_SALT_SIZE];
        uint32_t material, stripes;
} __attribute__((packed)) Slot;

typedef struct LuksHeader {
        char magic[6];
        uint16_t version;
        char cipher[32], mode[32], hash[32];
        uint32_t content, key_size;
        uint8_t digest[DIGEST_SIZE], salt[LUKS_SALT_SIZE];
        uint32_t rounds;
        char uuid[40];
        Slot slots[SLOTS];
} __attribute__((packed)) LuksHeader;
_Static_assert(sizeof(LuksHeader) == 592, "The header of LUKS1");

static int fill_header(LuksHeader *h, const char *uuid, const uint8_t key[static LUKS_KEY_SIZE]) {
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
        h->key_size = htobe32(LUKS_KEY_SIZE);
        h->rounds = htobe32(LUKS_ROUNDS);
        uuid_to_text(parsed, h->uuid);
        if (luks_random(h->salt, sizeof(h->salt)) < 0 ||
            luks_random(h->slots[0].salt, sizeof(h->slots[0].salt)) < 0)
                return -EIO;
        for (uint32_t i = 0; i < SLOTS; i++) {
                uint32_t sectors = (uint32_t) ((MATERIAL_SIZE / SECTOR + 7) / 8 * 8);

                h->slots[i].active = htobe32(i == 0 ? SLOT_ACTIVE : SLOT_EMPTY);
                h->slots[i].rounds = htobe32(i == 0 ? LUKS_ROUNDS : 0);
                h->slots[i].material = htobe32(MATERIAL_SECTOR + i * sectors);
                h->slots[i].stripes = htobe32(LUKS_STRIPES);
        }
        return luks_derive(key, LUKS_KEY_SIZE, h->salt, h->digest, sizeof(h->digest));
}

int layer_luks1(int from, int to, const char *uuid, const void *passphrase, size_t size) {
        uint8_t key[LUKS_KEY_SIZE];
        LuksHeader h = {};
        uint64_t content;
        int r;

        r = luks_load();
        if (r >= 0)
                r = luks_random(key, sizeof(key));
        if (r >= 0)
                r = size_of_file(from, &content);
        if (r >= 0)
                r = fill_header(&h, uuid, key);
        if (r < 0)
                return r;
        if (ftruncate(to, (off_t) (CONTENT_AT + content)) < 0)
                return -errno;
        r = luks_write(to, &h, sizeof(h), 0);
        if (r >= 0)
                r = luks_write_key(to, (uint64_t) MATERIAL_SECTOR * SECTOR, key, h.slots[0].salt,
                                   passphrase, size);
        return r < 0 ? r : luks_write_content(from, to, CONTENT_AT, content, key);
}
