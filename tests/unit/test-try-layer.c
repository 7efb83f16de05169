/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is below a scratch root is what libblkid takes it for, and has the content where it says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <blkid.h>
#include <gcrypt.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd-util.h"
#include "string-util.h"
#include "try/try-layer.h"

#define UUID "0f0e0d0c-0b0a-4908-8706-050403020100"
#define SIZE 3145728U
#define MIB 1048576U

static int make_file(void) {
        char path[] = "/tmp/test-layer-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        unlink(path);
        return fd;
}

/* Something at the beginning and at the end, holes between. */
static int make_content(void) {
        int fd = make_file();

        assert_int_equal(ftruncate(fd, SIZE), 0);
        assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
        assert_int_equal(pwrite(fd, "end", 3, SIZE - 3), 3);
        return fd;
}

static void check_content(int fd, uint64_t at) {
        char text[5];

        assert_int_equal(pread(fd, text, 5, (off_t) at), 5);
        assert_memory_equal(text, "begin", 5);
        assert_int_equal(pread(fd, text, 3, (off_t) at + SIZE - 3), 3);
        assert_memory_equal(text, "end", 3);
}

/* One value that libblkid tells of it; "" when it tells none. */
static void check_value(int fd, const char *name, const char *expected) {
        blkid_probe probe = blkid_new_probe();
        const char *value = "";

        assert_non_null(probe);
        assert_int_equal(blkid_probe_set_device(probe, fd, 0, 0), 0);
        blkid_probe_enable_superblocks(probe, 1);
        blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_VERSION);
        blkid_probe_enable_partitions(probe, 1);
        assert_int_equal(blkid_do_safeprobe(probe), 0);
        (void) blkid_probe_lookup_value(probe, name, &value, NULL);
        assert_string_equal(value, expected);
        blkid_free_probe(probe);
}

static void test_uuid(void **state) {
        static const char *const bad[] = { "", "0f0e", UUID "0", "zf0e0d0c-0b0a-4908-8706-050403020100" };
        uint8_t uuid[UUID_BYTES], other[UUID_BYTES];
        char text[UUID_TEXT];

        assert_int_equal(uuid_from_text("0F0E0D0C:0b0a4908:87060504:03020100", uuid), 0);
        uuid_to_text(uuid, text);
        assert_string_equal(text, UUID);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(uuid_from_text(bad[i], uuid), -EINVAL);
        assert_int_equal(uuid_random(uuid), 0);
        assert_int_equal(uuid_random(other), 0);
        assert_memory_not_equal(uuid, other, UUID_BYTES);
}

static void test_partition(void **state) {
        _cleanup_close_ int from = make_content(), to = make_file();
        blkid_probe probe = blkid_new_probe();
        blkid_partlist list;
        blkid_partition p;

        assert_int_equal(layer_partition(from, to, UUID, "a name"), 0);
        check_content(to, MIB);
        check_value(to, "PTTYPE", "gpt");
        assert_int_equal(blkid_probe_set_device(probe, to, 0, 0), 0);
        list = blkid_probe_get_partitions(probe);
        assert_non_null(list);
        assert_int_equal(blkid_partlist_numof_partitions(list), 1);
        p = blkid_partlist_get_partition(list, 0);
        assert_string_equal(blkid_partition_get_uuid(p), UUID);
        assert_string_equal(blkid_partition_get_name(p), "a name");
        assert_int_equal(blkid_partition_get_start(p), 2048);
        assert_int_equal(blkid_partition_get_size(p), SIZE / 512);
        blkid_free_probe(probe);
}

static void test_lvm(void **state) {
        for (LvmKind kind = LVM_LINEAR; kind <= LVM_CACHE; kind++) {
                _cleanup_close_ int from = make_content(), to = make_file(), metadata = make_content();
                uint64_t pool, chunks = layer_lvm_chunks(SIZE, &pool);

                assert_int_equal(layer_lvm(from, to, kind, metadata, "group", "volume"), 0);
                check_content(to, MIB);
                if (kind == LVM_THIN)
                        check_content(to, MIB + pool * LVM_THIN_CHUNK);
                check_value(to, "TYPE", "LVM2_member");
                assert_int_equal(chunks * LVM_THIN_CHUNK, (SIZE + MIB - 1) / MIB * MIB);
        }
}

/* What the disks of an array have, read as md(4) says where it is. */
typedef struct Striped {
        unsigned level, disks, data;
} Striped;

/* The disk that has chunk `i` of a row. */
static unsigned disk_of(const Striped *s, unsigned row, unsigned i) {
        unsigned p = s->disks - 1 - row % s->disks;

        return s->level == 5 ? (p + 1 + i) % s->disks : s->level == 6 ? (p + 2 + i) % s->disks : i;
}

static uint8_t times(uint8_t a, unsigned power) {
        for (; power > 0; power--)
                a = (uint8_t) (a << 1 ^ (a & 0x80 ? 0x1d : 0));
        return a;
}

#define CHUNK 65536U

static void check_row(const Striped *s, const int *disks, unsigned row, int content) {
        static uint8_t chunks[2][CHUNK], there[CHUNK], parity[CHUNK];

        for (unsigned i = 0; i < s->data; i++) {
                off_t at = (off_t) (row * s->data + i) * CHUNK;

                memset(there, 0, CHUNK);
                assert_true(pread(content, there, CHUNK, at) >= 0);
                assert_int_equal(pread(disks[disk_of(s, row, i)], chunks[i], CHUNK,
                                       MIB + (off_t) row * CHUNK),
                                 CHUNK);
                assert_memory_equal(chunks[i], there, CHUNK);
        }
        for (unsigned k = 0; k < s->disks - s->data; k++) {
                unsigned first = s->level == 4 ? 2 : s->disks - 1 - row % s->disks;

                assert_int_equal(pread(disks[(first + k) % s->disks], parity, CHUNK,
                                       MIB + (off_t) row * CHUNK),
                                 CHUNK);
                for (size_t j = 0; j < CHUNK; j++)
                        assert_int_equal(parity[j], chunks[0][j] ^ times(chunks[1][j], k));
        }
}

/* As the kernel's calc_sb_1_csum() has it; the roles of the disks are 16 bits each. */
static void check_checksum(int fd, unsigned n_disks) {
        uint8_t sb[512];
        uint64_t sum = 0;
        uint32_t there;

        assert_int_equal(pread(fd, sb, sizeof(sb), 4096), sizeof(sb));
        memcpy(&there, sb + 216, sizeof(there));
        memset(sb + 216, 0, sizeof(there));
        for (size_t i = 0; i < 256 + 2 * (size_t) n_disks; i += 2)
                sum += (uint64_t) (sb[i] | sb[i + 1] << 8) << (i % 4 * 8);
        assert_int_equal((uint32_t) ((sum & UINT32_MAX) + (sum >> 32)), there);
}

static void test_md(void **state) {
        static const Striped levels[] = { { 1, 2, 1 }, { 10, 2, 1 }, { 0, 2, 2 },
                                          { 4, 3, 2 }, { 5, 3, 2 },  { 6, 4, 2 } };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++) {
                const Striped *s = &levels[i];
                _cleanup_close_ int from = make_content();
                int disks[4];

                /* Each chunk has something else in it, so that each is known again. */
                for (unsigned k = 0; k < SIZE / CHUNK; k++)
                        assert_int_equal(pwrite(from, (uint8_t[]) { (uint8_t) (k + 1), 0x80 }, 2,
                                                (off_t) k * CHUNK + 5),
                                         2);
                assert_int_equal(layer_md_disks(s->level), s->disks);
                for (unsigned n = 0; n < s->disks; n++) {
                        disks[n] = make_file();
                        assert_int_equal(layer_md(from, disks[n], UUID, s->level, n), 0);
                        check_value(disks[n], "TYPE", "linux_raid_member");
                        check_value(disks[n], "UUID", UUID);
                        check_checksum(disks[n], s->disks);
                        if (s->data == 1)
                                check_content(disks[n], MIB);
                }
                for (unsigned row = 0; s->data > 1 && row < SIZE / CHUNK / s->data; row++)
                        check_row(s, disks, row, from);
                for (unsigned n = 0; n < s->disks; n++)
                        close(disks[n]);
        }
        assert_int_equal(layer_md_disks(7), 0);
        assert_int_equal(layer_md(0, 1, UUID, 7, 0), -EINVAL);
}

static void test_swap(void **state) {
        _cleanup_close_ int to = make_file();

        assert_int_equal(layer_swap(to, UUID), 0);
        check_value(to, "TYPE", "swap");
        check_value(to, "UUID", UUID);
}

static uint32_t number(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

/* The stripes that the passphrase opens, put together. */
static void open_slot(int fd, off_t at, const char *passphrase, const uint8_t *salt,
                      unsigned rounds, uint8_t key[static 64]) {
        static uint8_t material[64 * 4000];
        uint8_t slot_key[64], piece[36];
        gcry_cipher_hd_t cipher;

        assert_int_equal(gcry_kdf_derive(passphrase, strlen(passphrase), GCRY_KDF_PBKDF2,
                                         GCRY_MD_SHA256, salt, 32, rounds, 64, slot_key),
                         0);
        assert_int_equal(pread(fd, material, sizeof(material), at), sizeof(material));
        assert_int_equal(gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0), 0);
        assert_int_equal(gcry_cipher_setkey(cipher, slot_key, 64), 0);
        for (uint64_t i = 0; i < sizeof(material) / 512; i++) {
                uint8_t iv[16] = { (uint8_t) i, (uint8_t) (i >> 8) };

                assert_int_equal(gcry_cipher_setiv(cipher, iv, 16), 0);
                assert_int_equal(gcry_cipher_decrypt(cipher, material + 512 * i, 512, NULL, 0), 0);
        }
        gcry_cipher_close(cipher);
        memset(key, 0, 64);
        for (size_t i = 0; i < 4000; i++) {
                for (size_t j = 0; j < 64; j++)
                        key[j] ^= material[64 * i + j];
                for (uint8_t half = 0; i < 3999 && half < 2; half++) {
                        memcpy(piece, (const uint8_t[]) { 0, 0, 0, half }, 4);
                        memcpy(piece + 4, key + (size_t) 32 * half, 32);
                        gcry_md_hash_buffer(GCRY_MD_SHA256, key + (size_t) 32 * half, piece, 36);
                }
        }
}

/* Opened as a reader of the format does it: passphrase → slot → key, whose digest is in the header. */
static void open_luks1(int fd, const char *passphrase, uint8_t key[static 64]) {
        uint8_t header[592], digest[20];

        assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
        assert_int_equal(number(header + 208), 0x00ac71f3);
        open_slot(fd, 512 * (off_t) number(header + 248), passphrase, header + 216,
                  number(header + 212), key);
        assert_int_equal(gcry_kdf_derive(key, 64, GCRY_KDF_PBKDF2, GCRY_MD_SHA256, header + 132, 32,
                                         number(header + 164), sizeof(digest), digest),
                         0);
        assert_memory_equal(digest, header + 112, sizeof(digest));
}

static void check_encrypted(int fd, off_t at, const uint8_t key[static 64]) {
        uint8_t sector[512], iv[16] = {};
        gcry_cipher_hd_t cipher;

        assert_int_equal(pread(fd, sector, sizeof(sector), at), sizeof(sector));
        assert_memory_not_equal(sector, "begin", 5);
        assert_int_equal(gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0), 0);
        assert_int_equal(gcry_cipher_setkey(cipher, key, 64), 0);
        assert_int_equal(gcry_cipher_setiv(cipher, iv, sizeof(iv)), 0);
        assert_int_equal(gcry_cipher_decrypt(cipher, sector, sizeof(sector), NULL, 0), 0);
        assert_memory_equal(sector, "begin", 5);
        gcry_cipher_close(cipher);
}

static void test_luks1(void **state) {
        _cleanup_close_ int from = make_content(), to = make_file();
        uint8_t key[64];

        assert_int_equal(layer_luks1(from, to, UUID, "secret", 6), 0);
        check_value(to, "TYPE", "crypto_LUKS");
        check_value(to, "UUID", UUID);
        open_luks1(to, "secret", key);
        check_encrypted(to, 2 * MIB, key);
}

/* At a path of keys, which are numbers where there is one slot of each: "keyslots/0/kdf/salt". */
static const json_t *at(const json_t *object, const char *path) {
        _cleanup_strv_free_ char **keys = NULL;

        assert_int_equal(strv_split(&keys, path, "/"), 0);
        STRV_FOREACH(key, keys)
                object = json_object_get(object, *key);
        assert_non_null(object);
        return object;
}

static off_t number_at(const json_t *object, const char *path) {
        return (off_t) strtoull(json_string_value(at(object, path)), NULL, 10);
}

static void bytes_at(const json_t *object, const char *path, uint8_t ret[static 32]) {
        static const char letters[] =
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *text = json_string_value(at(object, path));
        uint32_t n = 0;

        assert_int_equal(strlen(text), 44);
        for (unsigned i = 0; i < 43; i++) {
                n = n << 6 | (uint32_t) (strchr(letters, text[i]) - letters);
                for (unsigned k = 0; i % 4 == 3 && k < 3; k++)
                        ret[i / 4 * 3 + k] = (uint8_t) (n >> (16 - 8 * k));
        }
        ret[30] = (uint8_t) (n >> 10);
        ret[31] = (uint8_t) (n >> 2);
}

static void test_luks2(void **state) {
        _cleanup_close_ int from = make_content(), to = make_file();
        uint8_t key[64], salt[32], digest[32], other[32];
        static uint8_t area[2][16384];
        json_t *json;

        assert_int_equal(layer_luks2(from, to, UUID, "secret", 6), 0);
        check_value(to, "TYPE", "crypto_LUKS");
        check_value(to, "UUID", UUID);
        check_value(to, "VERSION", "2");
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(pread(to, area[i], 16384, 16384 * (off_t) i), 16384);
                memcpy(digest, area[i] + 448, sizeof(digest));
                memset(area[i] + 448, 0, 64);
                gcry_md_hash_buffer(GCRY_MD_SHA256, other, area[i], 16384);
                assert_memory_equal(other, digest, sizeof(digest));
        }
        assert_memory_equal(area[0] + 4096, area[1] + 4096, 12288);
        json = json_loads((const char *) area[0] + 4096, 0, NULL);
        assert_non_null(json);
        bytes_at(json, "keyslots/0/kdf/salt", salt);
        open_slot(to, number_at(json, "keyslots/0/area/offset"), "secret", salt,
                  (unsigned) json_integer_value(at(json, "keyslots/0/kdf/iterations")), key);
        bytes_at(json, "digests/0/salt", salt);
        bytes_at(json, "digests/0/digest", digest);
        assert_int_equal(gcry_kdf_derive(key, 64, GCRY_KDF_PBKDF2, GCRY_MD_SHA256, salt, 32,
                                         (unsigned long) json_integer_value(
                                                         at(json, "digests/0/iterations")),
                                         32, other),
                         0);
        assert_memory_equal(digest, other, sizeof(digest));
        check_encrypted(to, number_at(json, "segments/0/offset"), key);
        json_decref(json);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_uuid), cmocka_unit_test(test_partition),
                cmocka_unit_test(test_lvm),  cmocka_unit_test(test_md),
                cmocka_unit_test(test_luks1), cmocka_unit_test(test_luks2),
                cmocka_unit_test(test_swap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
