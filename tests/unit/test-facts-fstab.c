/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is written in a root that doesn't run. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "machines.h"

static void describe(const Facts *facts, char *text, size_t size) {
        size_t n = 0;

        *text = '\0';
        for (size_t i = 0; i < facts->n_mounts; i++)
                n += (size_t) snprintf(text + n, size - n, "%s%s %s %s", i > 0 ? ";" : "",
                                       facts->mounts[i].where, facts->mounts[i].what,
                                       facts->mounts[i].type);
        for (size_t i = 0; i < facts->n_crypt; i++)
                n += (size_t) snprintf(text + n, size - n, ";%s %s %s", facts->crypt[i].name,
                                       facts->crypt[i].device, facts->crypt[i].key ?: "none");
}

static void test_written(void **state) {
        static const struct {
                const char *tree, *tags, *found;
                const char *warnings;
        } cases[] = {
                { "fstab UUID=1 / xfs defaults 0 1\nfstab UUID=2 /home zfs defaults 0 2\n", "fs:xfs",
                  "/ UUID=1 xfs" },
                { "fstab LABEL=x / auto defaults 0 1\nfstab UUID=2 /usr btrfs ro 0 2\n"
                  "fstab UUID=3 none swap sw 0 0\n", "fs:btrfs usr", "/ LABEL=x auto;/usr UUID=2 btrfs" },
                { "fstab /dev/mapper/a--b-root / ext4 rw 0 1\n"
                  "fstab /dev/vg/var /var f2fs x-initrd.mount 0 2\n",
                  "block:dm block:lvm fs:ext4 fs:f2fs",
                  "/ /dev/mapper/a--b-root ext4;/var /dev/vg/var f2fs" },
                /* A mapping that nothing is known of, and one that has a name of LVM's kind without a volume. */
                { "fstab /dev/mapper/pool / ext4 rw 0 1\n", "block:dm fs:ext4", "/ /dev/mapper/pool ext4" },
                { "fstab /dev/mapper/a--b / ext4 rw 0 1\n", "block:dm fs:ext4", "/ /dev/mapper/a--b ext4" },
                { "fstab /dev/mapper/luks-77 / ext4 rw 0 1\n", "block:crypt block:dm fs:ext4",
                  "/ /dev/mapper/luks-77 ext4" },
                /* Down through crypttab, whose name is no volume of LVM; the other lines don't count. */
                { "fstab /dev/mapper/my-vault / ext4 rw 0 1\n"
                  "crypttab my-vault /dev/md0 /etc/keys/k luks,tpm2-device=auto\n"
                  "crypttab data /dev/nvme0n1p3 none luks\n"
                  "crypttab late /dev/mapper/vg-x none x-initrd.attach\n",
                  "block:crypt block:dm block:lvm block:md fs:ext4 tpm2",
                  "/ /dev/mapper/my-vault ext4;my-vault /dev/md0 /etc/keys/k;late /dev/mapper/vg-x none" },
                { "fstab /dev/mapper/a / ext4 rw 0 1\ncrypttab a /dev/mapper/b\ncrypttab b /dev/mapper/a\n",
                  "block:crypt block:dm fs:ext4",
                  "/ /dev/mapper/a ext4;a /dev/mapper/b none;b /dev/mapper/a none" },
                { "fstab srv:/root / nfs4 ro 0 0\n", "fs:nfs net", "/ srv:/root nfs4" },
                { "fstab /dev/nvme0n1p2 / ext4 rw 0 1\nfstab /dev/md/usr /usr ext4 rw 0 1\n",
                  "block:md fs:ext4 transport:nvme usr",
                  "/ /dev/nvme0n1p2 ext4;/usr /dev/md/usr ext4" },
                { "fstab /dev/disk/by-uuid/1 / ext4 rw,_netdev 0 1\n", "fs:ext4 net",
                  "/ /dev/disk/by-uuid/1 ext4" },
                { "fstab UUID=1 / ext4 rw 0 1\nfile /etc/kernel/cmdline root=UUID=1 resume=/dev/vg/swap quiet\n"
                  "file /etc/default/grub GRUB_CMDLINE_LINUX=\"noresume\"\n",
                  "block:dm block:lvm fs:ext4 resume", "/ UUID=1 ext4;swap /dev/vg/swap swap" },
                { "fstab UUID=1 / ext4 rw 0 1\n"
                  "file /etc/default/grub # GRUB_CMDLINE_LINUX=\"resume=/dev/sdx\"\n"
                  "file /etc/default/grub GRUB_CMDLINE_LINUX_DEFAULT=\"quiet resume=UUID=5\"\n",
                  "fs:ext4 resume", "/ UUID=1 ext4;swap UUID=5 swap" },
                { "fstab UUID=1 / ext4 rw 0 1\nfile /etc/default/grub GRUB_CMDLINE_LINUX=\"noresume\"\n"
                  "file /etc/initramfs-tools/conf.d/resume RESUME=UUID=6\n", "fs:ext4", "/ UUID=1 ext4" },
                { "fstab UUID=1 / ext4 rw 0 1\nfile /etc/initramfs-tools/conf.d/resume RESUME=UUID=6\n",
                  "fs:ext4 resume", "/ UUID=1 ext4;swap UUID=6 swap" },
                { "fstab UUID=1 / ext4 rw 0 1\nfile /etc/initramfs-tools/conf.d/resume RESUME=none\n",
                  "fs:ext4", "/ UUID=1 ext4" },
                { "fstab nonsense\nfstab UUID=1 / ext4 rw 0 1\nfile /etc/default/grub GRUB_CMDLINE_LINUX=\"\n"
                  "crypttab x\n", "fs:ext4", "/ UUID=1 ext4", "/etc/fstab:1 /etc/crypttab:1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *tags = NULL;
                char warnings[512] = "", found[512];
                Report report = { .on_warning = machine_warning, .userdata = warnings };

                recorded_new(&m);
                recorded_add(&m, cases[i].tree);
                assert_int_equal(source_new(&source, m.root), 0);
                assert_int_equal(facts_new_written(source, &report, &facts), 1);
                assert_false(facts->generic);
                tags = strv_join(facts->tags, " ");
                describe(facts, found, sizeof(found));
                assert_string_equal(tags, cases[i].tags);
                assert_string_equal(found, cases[i].found);
                assert_string_equal(warnings, cases[i].warnings ?: "");
        }
}

/* Nothing of a running system is taken for the root's, and without a root nothing is known. */
static void test_nothing(void **state) {
        static const char *const trees[] = {
                "dir /etc\n",
                "fstab UUID=1 /home ext4 rw 0 1\n",
                NVME ROOT("259:2", "/dev/nvme0n1p2") "file /proc/cmdline root=/dev/sda1 resume=/dev/sdb\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(trees); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(source_freep) Source *source = NULL;
                Facts *facts = NULL;
                Report report = {};

                recorded_new(&m);
                recorded_add(&m, trees[i]);
                assert_int_equal(source_new(&source, m.root), 0);
                assert_int_equal(facts_new_written(source, &report, &facts), 0);
                assert_null(facts);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_written),
                cmocka_unit_test(test_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
