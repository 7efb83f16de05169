/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What unlocks the layers below the root. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <endian.h>
#include <cmocka.h>

#include "machines.h"

/* What unlocks an encrypted layer, and layers that crypttab adds. */
static void test_crypt(void **state) {
#define LUKS_TAGS "block:crypt block:dm "
#define LUKS                                                                                      \
        SATA(1, "sda", "8:0")                                                                     \
        DM("dm-0", "253:0", "CRYPT-LUKS2-aa-root", "root") "slave dm-0 sda\n"                     \
        ROOT("253:0", "/dev/mapper/root")
#define MOUNT "/ /dev/mapper/root ext4 dm-0 sda"
        static const MachineCase cases[] = {
                { "TPM", LUKS "crypttab # the root\ncrypttab root UUID=aa none luks,tpm2-device=auto\n",
                  LUKS_TAGS "fs:ext4 tpm2 transport:ata", MOUNT },
                { "FIDO2 and PKCS#11, of another device", /* which the initramfs doesn't open */
                  LUKS "crypttab data UUID=bb - fido2-device=auto,pkcs11-uri=auto\n",
                  LUKS_TAGS "fs:ext4 transport:ata", MOUNT },
                { "FIDO2 and PKCS#11", LUKS "crypttab root UUID=aa - fido2-device=auto,pkcs11-uri=auto\n",
                  LUKS_TAGS "fido2 fs:ext4 pkcs11 transport:ata", MOUNT },
                { "options on the kernel command line",
                  LUKS "file /proc/cmdline rd.luks.options=12345678-1234-1234-1234-123456789abc=tpm2-device=auto\n",
                  LUKS_TAGS "fs:ext4 tpm2 transport:ata", MOUNT },
                { "for all devices", LUKS "file /proc/cmdline rd.luks.options=fido2-device=auto\n",
                  LUKS_TAGS "fido2 fs:ext4 transport:ata", MOUNT },
                { "a key on another disk", LUKS NVME
                  "crypttab root /dev/sda /keys/root:/dev/nvme0n1p1 luks\n"
                  "file /run/udev/data/b259:1 E:ID_FS_TYPE=vfat\n",
                  LUKS_TAGS "block:part fs:ext4 fs:vfat transport:ata transport:nvme",
                  "/ /dev/mapper/root ext4 dm-0 nvme0n1p1 nvme0n1 sda" },
                { "a key on a stick that is not there",
                  LUKS "crypttab root /dev/sda /root.key:LABEL=stick luks\n",
                  LUKS_TAGS "fs:ext4 transport:ata", MOUNT, "/etc/crypttab:1" },
                { "x-initrd.attach, not active", LUKS NVME
                  "crypttab data /dev/nvme0n1p1 none luks,x-initrd.attach,_netdev\n",
                  LUKS_TAGS "block:part fs:ext4 net transport:ata transport:nvme",
                  MOUNT ";/dev/mapper/data /dev/nvme0n1p1 crypt nvme0n1p1 nvme0n1" },
                { "x-initrd.attach, active", LUKS NVME
                  DM("dm-5", "253:5", "CRYPT-LUKS1-bb-data", "data") "slave dm-5 nvme0n1p1\n"
                  "crypttab data UUID=bb none x-initrd.attach\n",
                  LUKS_TAGS "block:part fs:ext4 transport:ata transport:nvme",
                  MOUNT ";/dev/mapper/data UUID=bb crypt dm-5 nvme0n1p1 nvme0n1" },
                { "lines that are none", LUKS "crypttab root\ncrypttab data UUID=gone - x-initrd.attach\n",
                  LUKS_TAGS "fs:ext4 transport:ata", MOUNT ";/dev/mapper/data UUID=gone crypt",
                  "/etc/crypttab:1 /etc/crypttab:2" },
        };
#undef MOUNT
#undef LUKS
#undef LUKS_TAGS

        machines_check(cases, ELEMENTSOF(cases));
}

/* The lines that an image's crypttab gets: of what was met, and of what is marked. */
static void test_crypttab(void **state) {
#define LUKS                                                                                      \
        SATA(1, "sda", "8:0")                                                                     \
        DM("dm-0", "253:0", "CRYPT-LUKS2-1234567812345678123456789abcdef0-root", "root")          \
        "slave dm-0 sda\n" ROOT("253:0", "/dev/mapper/root")
        static const struct {
                const char *name, *machine, *lines; /* "NAME DEVICE KEY OPTIONS;…" */
                const char *warnings;
        } cases[] = {
                { "its own line, and no other",
                  LUKS "crypttab root UUID=12 none luks,discard\ncrypttab data UUID=bb /k luks\n",
                  "root UUID=12 - luks,discard" },
                { "none: opened by hand", LUKS, "root UUID=12345678-1234-5678-1234-56789abcdef0 - -" },
                { "no LUKS", SATA(1, "sda", "8:0") DM("dm-0", "253:0", "CRYPT-PLAIN-root", "root")
                  "slave dm-0 sda\n" ROOT("253:0", "/dev/mapper/root"), "" },
                { "the header is elsewhere",
                  LUKS "file /run/udev/data/b8:0 E:ID_FS_TYPE=ext4\n",
                  "root UUID=12345678-1234-5678-1234-56789abcdef0 - -", "/etc/crypttab:0" },
                { "marked, with its key",
                  LUKS "crypttab root UUID=12\ncrypttab data /dev/sda /k.key luks,x-initrd.attach\n",
                  "root UUID=12 - -;data /dev/sda /k.key luks,x-initrd.attach" },
                { "as Debian marks it",
                  LUKS "crypttab root UUID=12\ncrypttab data /dev/sda none luks,initramfs\n",
                  "root UUID=12 - -;data /dev/sda - luks,initramfs" },
                { "marked and met: once", LUKS "crypttab root UUID=12 none luks,x-initrd.attach\n",
                  "root UUID=12 - luks,x-initrd.attach" },
                { "a swap to resume from, whose key is in the root", /* is none */
                  LUKS HIBERNATES
                  DM("dm-1", "253:1", "CRYPT-LUKS2-00-swap", "swap") "slave dm-1 sda\n"
                  "file /proc/swaps Filename\tType\tSize\tUsed\tPriority\n"
                  "file /proc/swaps /dev/dm-1 partition 100 0 -2\n"
                  "crypttab root UUID=12\ncrypttab swap UUID=13 /etc/swap.key luks\n",
                  "root UUID=12 - -" },
                { "one whose passphrase is asked for",
                  LUKS HIBERNATES
                  DM("dm-1", "253:1", "CRYPT-LUKS2-00-swap", "swap") "slave dm-1 sda\n"
                  "file /proc/swaps Filename\tType\tSize\tUsed\tPriority\n"
                  "file /proc/swaps /dev/dm-1 partition 100 0 -2\n"
                  "crypttab root UUID=12\ncrypttab swap UUID=13 none luks\n",
                  "root UUID=12 - -;swap UUID=13 - luks" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                char warnings[512] = "", lines[1024] = "";
                _cleanup_(report_done) Report report = { .on_warning = machine_warning,
                                                         .userdata = warnings };

                recorded_new(&m);
                recorded_dir(&m, "/sys/devices");
                recorded_add(&m, cases[i].machine);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                for (size_t j = 0; j < facts->n_crypt; j++) {
                        const FactsCrypt *c = &facts->crypt[j];
                        size_t n = strlen(lines);

                        snprintf(lines + n, sizeof(lines) - n, "%s%s %s %s %s", j > 0 ? ";" : "",
                                 c->name, c->device, c->key ?: "-", c->options ?: "-");
                }
                if (!streq(lines, cases[i].lines))
                        print_error("%s\n", cases[i].name);
                assert_string_equal(lines, cases[i].lines);
                assert_string_equal(warnings, cases[i].warnings ?: "");
        }
}

/* What the header tells: ciphers, which the kernel has drivers for, and tokens. */
static void test_luks(void **state) {
        static const char json[] =
                "{\"keyslots\":{\"0\":{\"area\":{\"encryption\":\"serpent-xts-plain64\"},"
                "\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha512\"},\"af\":{\"hash\":\"sha256\"}}},"
                "\"segments\":{\"0\":{\"encryption\":\"capi:xts(aes)-essiv:sha1\","
                "\"integrity\":{\"type\":\"hmac(sha256)\"}}},\"digests\":{\"0\":{\"hash\":1}},"
                "\"tokens\":{\"0\":{\"type\":\"systemd-tpm2\"},\"1\":{\"type\":\"systemd-fido2\"},"
                "\"2\":{\"type\":\"systemd-recovery\"},\"3\":{\"type\":\"clevis\"},\"4\":7}}";
        static const struct {
                uint16_t version;
                uint64_t size;
                const char *body;
                size_t at;
                const char *ciphers, *tags; /* beside those of the layers */
        } cases[] = {
                { 2, 16384, json, 4096, "crypto-aes crypto-essiv crypto-hmac crypto-serpent "
                  "crypto-sha1 crypto-sha256 crypto-sha512 crypto-xts", "fido2 tpm2" },
                { 1, 0, "twofish", 8, "crypto-twofish", "" },
                { 1, 0, "cbc-essiv:sha256", 40, "crypto-cbc crypto-essiv crypto-sha256", "" },
                /* Damaged, or of a time to come. */
                { 2, 16384, "{\"keyslots\":", 4096, "", "" },
                { 2, 16384, "[]", 4096, "", "" },
                { 2, 16384, "{\"tokens\":[1],\"segments\":7}", 4096, "", "" },
                { 2, 0, json, 4096, "", "" },
                { 2, UINT64_MAX, json, 4096, "", "" },
                { 3, 16384, json, 4096, "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *node = NULL, *ciphers = NULL;
                _cleanup_close_ int fd = -EBADF;
                char warnings[512] = "", disk[16384] = { 'L', 'U', 'K', 'S', (char) 0xba, (char) 0xbe };
                _cleanup_(report_done) Report report = { .on_warning = machine_warning,
                                                         .userdata = warnings };
                uint16_t version = htobe16(cases[i].version);
                uint64_t size = htobe64(cases[i].size);

                memcpy(disk + 6, &version, 2);
                memcpy(disk + 8, &size, 8);
                memcpy(disk + cases[i].at, cases[i].body, strlen(cases[i].body));
                recorded_new(&m);
                recorded_dir(&m, "/sys/devices");
                recorded_add(&m, LUKS "file /run/udev/data/b8:0 E:ID_FS_TYPE=crypto_LUKS\n");
                assert_true(str_printf(&node, "%s/dev/sda", m.root) >= 0);
                fd = open(node, O_WRONLY | O_TRUNC | O_CLOEXEC);
                assert_int_equal(fd_write_all(fd, disk, sizeof(disk)), 0);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                ciphers = strv_join(facts->modaliases, " ");
                assert_string_equal(ciphers, cases[i].ciphers);
                assert_int_equal(facts_match(facts, "tpm2"), strstr(cases[i].tags, "tpm2") != NULL);
                assert_int_equal(facts_match(facts, "fido2"), strstr(cases[i].tags, "fido2") != NULL);
                assert_false(facts_match(facts, "pkcs11"));
                assert_string_equal(warnings, "");
        }
#undef LUKS
}

/* Names of what checks the root's blocks, and not of what is on other disks. */
static void test_mapped(void **state) {
        static const struct {
                const char *machine, *names;
        } cases[] = {
                { SATA(1, "sda", "8:0") ROOT("8:0", "/dev/sda")
                  DM("dm-0", "253:0", "CRYPT-INTEGRITY-data", "data") "slave dm-0 sda\n", "" },
                { SATA(1, "sda", "8:0") DM("dm-0", "253:0", "CRYPT-INTEGRITY-two", "two")
                  "slave dm-0 sda\n" SATA(2, "sdb", "8:16")
                  DM("dm-1", "253:1", "CRYPT-INTEGRITY-one", "one") "slave dm-1 sdb\n"
                  DM("dm-2", "253:2", "CRYPT-INTEGRITY-data", "data") "slave dm-2 sdb\n"
                  VIRTUAL("md1", "9:1") "slave md1 dm-0\nslave md1 dm-1\n" ROOT("9:1", "/dev/md1"),
                  "one two" },
                { SATA(1, "sda", "8:0") DM("dm-0", "253:0", "CRYPT-VERITY-12-root", "root")
                  "slave dm-0 sda\n" ROOT("253:0", "/dev/mapper/root"), "root" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *names = NULL;
                Report report = {};

                recorded_new(&m);
                recorded_add(&m, cases[i].machine);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                names = strv_join(facts->mapped, " ");
                assert_string_equal(names, cases[i].names);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_crypt),
                cmocka_unit_test(test_crypttab),
                cmocka_unit_test(test_mapped),
                cmocka_unit_test(test_luks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
