/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a machine is, beside what its root lies on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "machines.h"

static void test_resume(void **state) {
#define DISKS NVME SATA(1, "sda", "8:0") ROOT("259:2", "/dev/nvme0n1p2")
#define SWAPS "file /proc/swaps Filename\tType\tSize\tUsed\tPriority\n"
#define TAGS "block:part fs:ext4 "
#define MOUNT "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1"
        static const MachineCase cases[] = {
                { "the kernel can't hibernate", DISKS SWAPS
                  "file /proc/swaps /dev/sda partition 100 0 -2\nfile /sys/power/state freeze mem\n",
                  TAGS "transport:nvme", MOUNT },
                { "noresume", DISKS SWAPS HIBERNATES
                  "file /proc/swaps /dev/sda partition 100 0 -2\nfile /proc/cmdline noresume\n",
                  TAGS "transport:nvme", MOUNT },
                { "the largest that lasts", DISKS SWAPS HIBERNATES VIRTUAL("zram0", "252:0")
                  DM("dm-0", "253:0", "CRYPT-PLAIN-sw", "sw") "slave dm-0 sda\n"
                  "crypttab sw /dev/sda /dev/urandom swap\n"
                  "file /proc/swaps /dev/nvme0n1p1 partition 100 0 -2\n"
                  "file /proc/swaps /dev/zram0 partition 900 0 -2\n"
                  "file /proc/swaps /dev/dm-0 partition 800 0 -2\n"
                  "file /proc/swaps /dev/gone partition 999 0 -2\n"
                  "fstab /dev/nvme0n1p1 none swap sw,pri=3\n",
                  TAGS "resume transport:nvme", MOUNT ";swap /dev/nvme0n1p1 swap nvme0n1p1 nvme0n1" },
                { "only swap in memory", DISKS SWAPS HIBERNATES VIRTUAL("zram0", "252:0")
                  "file /proc/swaps /dev/zram0 partition 900 0 -2\n", TAGS "transport:nvme", MOUNT },
                { "a swap file", DISKS SWAPS HIBERNATES
                  "mount 23 22 8:0 / /var rw - xfs /dev/sda rw\n"
                  "file /proc/swaps /var/swapfile file 100 0 -2\n",
                  TAGS "fs:xfs resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "resume= is first", DISKS HIBERNATES
                  "file /proc/cmdline resume=/dev/sda\n"
                  "file /etc/initramfs-tools/conf.d/resume RESUME=none\n",
                  TAGS "resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "RESUME=", DISKS HIBERNATES
                  "file /etc/initramfs-tools/conf.d/resume # one\n"
                  "file /etc/initramfs-tools/conf.d/resume RESUME=\"/dev/sda\"\n",
                  TAGS "resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "RESUME=none", DISKS SWAPS HIBERNATES
                  "file /etc/initramfs-tools/conf.d/resume RESUME=none\n"
                  "file /proc/swaps /dev/sda partition 100 0 -2\n", TAGS "transport:nvme", MOUNT },
                { "RESUME=auto", DISKS SWAPS HIBERNATES
                  "file /etc/initramfs-tools/conf.d/resume RESUME=auto\n"
                  "file /proc/swaps /dev/sda partition 100 0 -2\n",
                  TAGS "resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "a device that is gone", DISKS HIBERNATES "file /proc/cmdline resume=UUID=gone\n",
                  TAGS "transport:nvme", MOUNT, "/proc/cmdline:0" },
        };
#undef MOUNT
#undef TAGS
#undef SWAPS
#undef DISKS

        machines_check(cases, ELEMENTSOF(cases));
}

/* Sessions of the root's own disks, each target once; one whose address can't be told, or that can't
 * be a part of a path, is left to the kernel command line. */
static void test_iscsi(void **state) {
#define DISK(host, name, devno)                                                                   \
        "block platform/host" host "/session" host "/target" host ":0:0/" host ":0:0:1/block/"    \
        name " " devno "\n"
#define SESSION(n, target, address)                                                               \
        "file /sys/class/iscsi_session/session" n "/targetname " target "\n"                      \
        "file /sys/class/iscsi_session/session" n "/tpgt 1\n"                                     \
        "file /sys/class/iscsi_session/session" n "/initiatorname iqn.a:us\n"                     \
        "file /sys/class/iscsi_session/session" n "/password secret\n"                            \
        "file /sys/class/iscsi_connection/connection" n ":0/persistent_address " address "\n"     \
        "file /sys/class/iscsi_connection/connection" n ":0/persistent_port 3260\n"
        static const struct {
                const char *machine, *lines;
        } cases[] = {
                { DISK("1", "sda", "8:0") DISK("2", "sdb", "8:16") SESSION("1", "iqn.a:one", "10.0.0.1")
                  SESSION("2", "iqn.a:other", "10.0.0.1") ROOT("8:0", "/dev/sda"),
                  "iqn.a:one 10.0.0.1 3260 1 iqn.a:us" },
                { DISK("1", "sda", "8:0") DISK("2", "sdb", "8:16") SESSION("1", "iqn.a:one", "10.0.0.1")
                  SESSION("2", "iqn.a:one", "fd00::1")
                  "mount 22 1 0:24 / / rw - btrfs /dev/sda rw\n"
                  "link /sys/fs/btrfs/u1/devices/sda ../x\nlink /sys/fs/btrfs/u1/devices/sdb ../x\n",
                  "iqn.a:one 10.0.0.1 3260 1 iqn.a:us;iqn.a:one fd00::1 3260 1 iqn.a:us" },
                { DISK("1", "sda", "8:0") ROOT("8:0", "/dev/sda"), "" },
                { DISK("1", "sda", "8:0") SESSION("1", "../../x", "10.0.0.1") ROOT("8:0", "/dev/sda"), "" },
                { DISK("1", "sda", "8:0") SESSION("1", "<NULL>", "10.0.0.1") ROOT("8:0", "/dev/sda"), "" },
        };
#undef DISK
#undef SESSION

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *json = NULL;
                char lines[512] = "";
                Report report = {};

                recorded_new(&m);
                recorded_add(&m, cases[i].machine);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                assert_true(facts_match(facts, "block:iscsi"));
                for (size_t j = 0; j < facts->n_iscsi; j++) {
                        const FactsIscsi *t = &facts->iscsi[j];
                        size_t n = strlen(lines);

                        snprintf(lines + n, sizeof(lines) - n, "%s%s %s %s %s %s", j > 0 ? ";" : "",
                                 t->target, t->address, t->port, t->group, t->initiator);
                }
                assert_string_equal(lines, cases[i].lines);
                assert_int_equal(facts_to_json(facts, &json), 0);
                assert_null(strstr(json, "secret"));
        }
}

static void test_hardware(void **state) {
        static const struct {
                const char *cpuinfo, *arch, *microcode, *tag;
        } cpus[] = {
                { "file /proc/cpuinfo processor\t: 0\nfile /proc/cpuinfo vendor_id\t: GenuineIntel\n"
                  "file /proc/cpuinfo cpu family\t: 6\nfile /proc/cpuinfo model\t\t: 85\n"
                  "file /proc/cpuinfo model name\t: Xeon\nfile /proc/cpuinfo stepping\t: 4\n",
                  "x86_64", "intel:06-55-04", "arch:x86" },
                { "file /proc/cpuinfo vendor_id\t: AuthenticAMD\nfile /proc/cpuinfo cpu family\t: 25\n"
                  "file /proc/cpuinfo model\t\t: 17\nfile /proc/cpuinfo stepping\t: 1\n",
                  "i686", "amd:19-11-01", "arch:x86" },
                { "file /proc/cpuinfo vendor_id\t: Other\nfile /proc/cpuinfo cpu family\t: 25\n"
                  "file /proc/cpuinfo model\t\t: 17\nfile /proc/cpuinfo stepping\t: 1\n",
                  "x86_64", NULL, "arch:x86" },
                { "file /proc/cpuinfo BogoMIPS\t: 48\n", "aarch64", NULL, "arch:arm64" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cpus); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *aliases = NULL;
                char warnings[512] = "";
                _cleanup_(report_done) Report report = { .on_warning = machine_warning,
                                                         .userdata = warnings };

                recorded_new(&m);
                recorded_add(&m, NVME ROOT("259:2", "/dev/nvme0n1p2")
                             "file /sys/devices/pci0000:00/0000:00:1d.0/modalias pci:v8086\n"
                             "file /sys/devices/pci0000:00/0000:00:1e.0/modalias pci:v8086\n"
                             "file /sys/devices/platform/a/b/c/modalias platform:c\n"
                             "file /sys/devices/platform/empty/modalias \n"
                             "dir /sys/devices/platform/odd/modalias\n"
                             "link /sys/devices/platform/again ../outside\n"
                             "file /sys/outside/modalias outside:x\n"
                             "file /sys/devices/system/cpu/modalias cpu:type:x86\n"
                             "file /sys/devices/virtual/dmi/id/modalias dmi:bvnX\n"
                             "file /sys/devices/virtual/tty/tty0/modalias never:looked-at\n");
                recorded_add(&m, cpus[i].cpuinfo);
                recorded_file(&m, "/proc/sys/kernel/arch", cpus[i].arch);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                aliases = strv_join(facts->modaliases, " ");
                assert_string_equal(aliases, "cpu:type:x86 dmi:bvnX pci:v8086 platform:c");
                assert_true(streq_ptr(facts->microcode, cpus[i].microcode));
                assert_string_equal(facts->machine, cpus[i].arch);
                assert_true(facts_match(facts, cpus[i].tag));
                assert_string_equal(warnings, "");
        }
}

static void test_console(void **state) {
#define DISK NVME ROOT("259:2", "/dev/nvme0n1p2")
#define TAGS "transport:nvme"
#define MOUNT "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1"
        static const MachineCase cases[] = {
                { "console-setup", DISK "file /etc/default/keyboard # x\n"
                  "file /etc/default/keyboard XKBLAYOUT=\"de\"\nfile /bin/setupcon x\n"
                  "file /etc/console-setup/cached_setup_keyboard.sh x\n",
                  "block:part fs:ext4 keymap:console-setup " TAGS, MOUNT },
                { "console-setup, nothing prepared, nor needed",
                  DISK "file /etc/default/keyboard XKBLAYOUT=\"us\"\nfile /bin/setupcon x\n",
                  "block:part fs:ext4 keymap:console-setup " TAGS, MOUNT },
                { "console-setup, nothing prepared",
                  DISK "file /etc/default/keyboard XKBLAYOUT=\"de\"\nfile /bin/setupcon x\n",
                  "block:part fs:ext4 keymap:console-setup " TAGS, MOUNT,
                  "/etc/default/keyboard:0" },
                { "a file without its program", DISK "file /etc/default/keyboard XKBLAYOUT=de\n"
                  "file /etc/vconsole.conf KEYMAP=de\n", "block:part fs:ext4 " TAGS, MOUNT },
                { "vconsole", DISK "file /etc/vconsole.conf KEYMAP=de\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\n",
                  "block:part fs:ext4 keymap:vconsole " TAGS, MOUNT },
                { "loadkeys alone", DISK "file /etc/vconsole.conf FONT=x\nfile /bin/loadkeys x\n",
                  "block:part fs:ext4 keymap:loadkeys " TAGS, MOUNT },
                { "loadkeys beside others", DISK "file /etc/vconsole.conf KEYMAP=de\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\nfile /bin/loadkeys x\n",
                  "block:part fs:ext4 keymap:vconsole " TAGS, MOUNT },
                { "a layout of X alone", DISK "file /etc/vconsole.conf XKBLAYOUT=de\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\n", "block:part fs:ext4 " TAGS, MOUNT },
                { "no layout", DISK "file /etc/vconsole.conf KEYMAP=\"\"\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\n", "block:part fs:ext4 " TAGS, MOUNT },
                { "plymouth", DISK "file /usr/sbin/plymouthd x\n",
                  "block:part fs:ext4 plymouth " TAGS, MOUNT },
                { "plymouth, not wanted", DISK "file /usr/sbin/plymouthd x\n"
                  "file /proc/cmdline plymouth.enable=0\n", "block:part fs:ext4 " TAGS, MOUNT },
        };
#undef MOUNT
#undef TAGS
#undef DISK

        machines_check(cases, ELEMENTSOF(cases));
}

/* What a root's programs tell of it; of those that are asked, the first that is one. */
static void test_root(void **state) {
        static const struct {
                unsigned char data, header[2];
                const char *path, *tags;
        } cases[] = {
                { 1, { 62, 0 }, "/usr/lib/systemd/systemd", "arch:x86" },
                { 1, { 3, 0 }, "/bin/sh", "arch:x86" },
                { 1, { 183, 0 }, "/sbin/init", "arch:arm64" },
                { 1, { 40, 0 }, "/sbin/init", "arch:arm arch:arm64" },
                { 1, { 243, 0 }, "/sbin/init", "arch:riscv" },
                { 1, { 2, 1 }, "/sbin/init", "arch:loongarch" },
                { 2, { 0, 22 }, "/sbin/init", "arch:s390" },
                { 2, { 0, 21 }, "/usr/bin/env", "arch:powerpc" },
                { 1, { 99, 99 }, "/sbin/init", "" },
                { 3, { 62, 0 }, "/sbin/init", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *tags = NULL, *full = NULL;
                _cleanup_close_ int fd = -EBADF;
                char header[20] = { 0x7f, 'E', 'L', 'F', 2, (char) cases[i].data };

                memcpy(header + 18, cases[i].header, 2);
                recorded_new(&m);
                recorded_file(&m, "/lib/systemd/systemd", "#!/bin/sh is no program of its own");
                recorded_file(&m, "/usr/bin/modprobe", "short");
                full = path_join(m.root, cases[i].path);
                recorded_parent(full);
                fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
                assert_int_equal(fd_write_all(fd, header, sizeof(header)), 0);
                assert_int_equal(source_new(&source, m.root), 0);
                assert_int_equal(facts_new_generic(&facts), 0);
                assert_int_equal(facts_find_arch(facts, source), 0);
                tags = strv_join(facts->tags, " ");
                assert_string_equal(tags, cases[i].tags);
                assert_true(facts_match(facts, "fs:ext4"));
                assert_int_equal(facts_match(facts, "arch:x86"),
                                 !*tags || streq(tags, "arch:x86"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_resume),
                cmocka_unit_test(test_iscsi),
                cmocka_unit_test(test_hardware),
                cmocka_unit_test(test_console),
                cmocka_unit_test(test_root),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
