/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is below a scratch root is what libblkid takes it for, and has the content where it says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <blkid.h>
#include <gcrypt.h>
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
        blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID);
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
        _cleanup_close_ int from = make_content(), to = make_file();

        assert_int_equal(layer_lvm(from, to, "group", "volume"), 0);
        check_content(to, MIB);
        check_value(to, "TYPE", "LVM2_member");
}

static void test_md(void **state) {
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_close_ int from = make_content(), to = make_file();

                assert_int_equal(layer_md(from, to, UUID, i), 0);
                check_content(to, MIB);
                check_value(to, "TYPE", "linux_raid_member");
                check_value(to, "UUID", UUID);
        }
}

static uint32_t number(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

/* Opened as a reader of the format does it: passphrase → slot → key, whose digest is in the header. */
static void open_luks(int fd, const char *passphrase, uint8_t key[static 64]) {
        uint8_t header[592], slot_key[64], digest[20], piece[36];
        static uint8_t material[64 * 4000];
        gcry_cipher_hd_t cipher;

        assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
        assert_int_equal(number(header + 208), 0x00ac71f3);
        assert_int_equal(gcry_kdf_derive(passphrase, strlen(passphrase), GCRY_KDF_PBKDF2,
                                         GCRY_MD_SHA256, header + 216, 32, number(header + 212),
                                         64, slot_key),
                         0);
        assert_int_equal(pread(fd, material, sizeof(material), 512 * (off_t) number(header + 248)),
                         sizeof(material));
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
        assert_int_equal(gcry_kdf_derive(key, 64, GCRY_KDF_PBKDF2, GCRY_MD_SHA256, header + 132, 32,
                                         number(header + 164), sizeof(digest), digest),
                         0);
        assert_memory_equal(digest, header + 112, sizeof(digest));
}

static void test_luks(void **state) {
        _cleanup_close_ int from = make_content(), to = make_file();
        uint8_t key[64], sector[512], iv[16] = {};
        gcry_cipher_hd_t cipher;

        assert_int_equal(layer_luks(from, to, UUID, "secret", 6), 0);
        check_value(to, "TYPE", "crypto_LUKS");
        check_value(to, "UUID", UUID);
        open_luks(to, "secret", key);
        assert_int_equal(pread(to, sector, sizeof(sector), 2 * MIB), sizeof(sector));
        assert_memory_not_equal(sector, "begin", 5);
        assert_int_equal(gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0), 0);
        assert_int_equal(gcry_cipher_setkey(cipher, key, sizeof(key)), 0);
        assert_int_equal(gcry_cipher_setiv(cipher, iv, sizeof(iv)), 0);
        assert_int_equal(gcry_cipher_decrypt(cipher, sector, sizeof(sector), NULL, 0), 0);
        assert_memory_equal(sector, "begin", 5);
        gcry_cipher_close(cipher);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_uuid), cmocka_unit_test(test_partition),
                cmocka_unit_test(test_lvm),  cmocka_unit_test(test_md),
                cmocka_unit_test(test_luks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
