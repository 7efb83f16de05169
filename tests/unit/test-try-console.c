/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a console says is told apart: the step, what is waited for, the line that says most. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "string-util.h"
#include "try/try-console.h"

#define MARKER "INITRDD-TRY 0000"
#define KERNEL "[    0.000000] Linux version 6.1.0-56-amd64 (gcc-12) #1 SMP\r\n"
#define UNPACK "[    1.5] Trying to unpack rootfs image as initramfs...\r\n"
#define SYSTEMD                                                                                   \
        "[    3.2] Run /init as init process\r\n"                                                \
        "[    3.9] systemd[1]: systemd 252.39 running in system mode (+PAM)\r\n"
#define UDEVD                                                                                     \
        "[\033[0;32m  OK  \033[0m] Started \033[0;1;39msystemd-udevd.serv…nager for Device "     \
        "Events and Files.\r\n"                                                                   \
        "         Starting \033[0;1;39msystemd-udevd.service\033[0m - Rule-bas…\r\n"
#define DEVICE                                                                                    \
        "[\033[0;32m  OK  \033[0m] Reached target \033[0;1;39minitrd-root-device.target\033[0m "  \
        "- Initrd Root Device.\r\n"
#define MOUNTED "[  OK  ] Mounted \033[0;1;39msysroot.mount\033[0m - /sysroot.\r\n"
#define SWITCH "[   9.1] systemd[1]: Switching root.\r\n"

typedef struct Row {
        const char *name, *said;
        ConsoleEnd end;
        TryStep step;
        const char *waiting; /* NULL: nothing */
        const char *cause; /* a part of it; NULL: there is none */
        const char *root; /* of the marker */
} Row;

static char *devices[] = { (char *) "/dev/disk/by-uuid/23d509ac-99eb-4d8c-9d4d-5f5c9b1b0001",
                           (char *) "/dev/mapper/vg--a-root", NULL };

/* Scratch roots: the marker is what ends a good boot. */
static const Row rows[] = {
        { "nothing", "", CONSOLE_GOES_ON, _TRY_STEP_INVALID },
        { "systemd, good",
          KERNEL UNPACK SYSTEMD UDEVD DEVICE MOUNTED SWITCH "\n" MARKER " /dev/vda ext4\r\n",
          CONSOLE_BOOTED, TRY_STEP_SYSTEM, NULL, NULL, "/dev/vda ext4" },
        { "of older systemd", KERNEL UNPACK SYSTEMD
          "[  OK  ] Started Rule-based Manager for Device Events and Files.\r\n"
          "[  OK  ] Reached target Initrd Root Device.\r\n[  OK  ] Mounted /sysroot.\r\n",
          CONSOLE_GOES_ON, TRY_STEP_SWITCH_ROOT },
        { "another marker", KERNEL UNPACK SYSTEMD "INITRDD-TRY 1111 /dev/vda ext4\r\n",
          CONSOLE_GOES_ON, TRY_STEP_INIT },
        /* What is waited for is written again and again, cut to the width of the console. */
        { "waits", KERNEL UNPACK SYSTEMD UDEVD
          "\033[K[\033[0;31m*     \033[0m] A start job is running for /dev/disk/by-uuid/X (5s / "
          "1min 30s)\r\r",
          CONSOLE_GOES_ON, TRY_STEP_DEVICES, "/dev/disk/by-uuid/X" },
        { "waits, cut", KERNEL UNPACK SYSTEMD UDEVD
          "M\033[K[  *** ] Job dev-disk-by\\x2duuid-23d509ac\\x2…0001.device/start running (46s / "
          "1min 30s)\r",
          CONSOLE_GOES_ON, TRY_STEP_DEVICES,
          "/dev/disk/by-uuid/23d509ac-99eb-4d8c-9d4d-5f5c9b1b0001" },
        { "cut within a colour", KERNEL UNPACK SYSTEMD UDEVD
          "[\033[0;1;31m TIME \033[0m] Timed out waiting for device \033[0;1;…9-root.\r\n"
          "[  119.2] systemd[1]: Timed out waiting for device dev-mapper-vg\\x2d\\x2da\\x2droot."
          "device - /dev/mapper/vg--a-root.\r\n"
          "[DEPEND] Dependency failed for initrd-root-device.target - Initrd Root Device.\r\n"
          "You are in emergency mode. After logging in, type\r\n",
          CONSOLE_FAILED, TRY_STEP_DEVICES, "/dev/mapper/vg--a-root",
          "[  119.2] systemd[1]: Timed out" },
        /* Of two that time out the first one is what the other needed. */
        { "the first one", KERNEL UNPACK SYSTEMD UDEVD
          "Timed out waiting for device luks.device - /dev/disk/by-uuid/LUKS.\r\n"
          "Timed out waiting for device root.device - /dev/mapper/root.\r\n"
          "You are in emergency mode.\r\n",
          CONSOLE_FAILED, TRY_STEP_DEVICES, "/dev/disk/by-uuid/LUKS", "by-uuid/LUKS" },
        { "mount fails", KERNEL UNPACK SYSTEMD UDEVD DEVICE
          "         Mounting sysroot.mount - /sysroot...\r\n"
          "[FAILED] Failed to mount sysroot.mount - /sysroot.\r\n"
          "[   28.2] mount[124]: mount: /sysroot: unknown filesystem type 'ext4'.\r\n"
          "Cannot open access to console, the root account is locked.\r\n",
          CONSOLE_FAILED, TRY_STEP_MOUNT, NULL, "unknown filesystem type 'ext4'" },
        { "no system on it", KERNEL UNPACK SYSTEMD UDEVD DEVICE MOUNTED
          "systemctl[200]: Failed to switch root: Specified switch root path '/sysroot' does not "
          "seem to be an OS tree. os-release file is missing.\r\nYou are in emergency mode.\r\n",
          CONSOLE_FAILED, TRY_STEP_SWITCH_ROOT, NULL, "OS tree" },
        { "a library is missing", KERNEL UNPACK
          "[    3.2] Run /init as init process\r\n"
          "/init: error while loading shared libraries: libmount.so.1: cannot open\r\n"
          "[    3.3] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\r\n",
          CONSOLE_FAILED, TRY_STEP_INIT, NULL, "libmount.so.1" },
        { "no /init", KERNEL UNPACK
          "[    2.1] VFS: Cannot open root device \"UUID=1\" or unknown-block(0,0): error -6\r\n"
          "[    2.2] Kernel panic - not syncing: VFS: Unable to mount root fs on "
          "unknown-block(0,0)\r\n",
          CONSOLE_FAILED, TRY_STEP_INIT, NULL, "Unable to mount root fs" },
        { "not unpacked", KERNEL UNPACK
          "[    1.8] Initramfs unpacking failed: ZSTD-compressed data is corrupt\r\n"
          "[    2.2] Kernel panic - not syncing: VFS: Unable to mount root fs on "
          "unknown-block(0,0)\r\n",
          CONSOLE_FAILED, TRY_STEP_UNPACK, NULL, "ZSTD-compressed data is corrupt" },
        { "half unpacked", KERNEL UNPACK
          "[    1.8] Initramfs unpacking failed: ZSTD-compressed data is truncated\r\n" SYSTEMD
          "[    3.3] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\r\n",
          CONSOLE_FAILED, TRY_STEP_UNPACK, NULL, "truncated" },
        { "mkinitramfs, good", KERNEL UNPACK
          "Loading, please wait...\r\nStarting systemd-udevd version 252.39-1~deb12u2\r\n"
          "Begin: Loading essential drivers ... done.\r\n"
          "Begin: Mounting root file system ... Begin: Running /scripts/local-top ... done.\r\n"
          "Begin: Will now check root file system ... fsck from util-linux 2.38.1\r\n"
          "[    6.1] EXT4-fs (vda): mounted filesystem with ordered data mode.\r\n"
          "Begin: Running /scripts/local-bottom ... done.\r\n"
          "Begin: Running /scripts/init-bottom ... done.\r\n" MARKER " /dev/vda ext4\r\n",
          CONSOLE_BOOTED, TRY_STEP_SYSTEM, NULL, NULL, "/dev/vda ext4" },
        { "mkinitramfs, no device", KERNEL UNPACK
          "Loading, please wait...\r\nBegin: Mounting root file system ... \r\n"
          "Begin: Waiting for root file system ... Begin: Running /scripts/local-block ...\r\n"
          "Gave up waiting for root file system device.  Common problems:\r\n"
          "ALERT!  UUID=23d509ac does not exist.  Dropping to a shell!\r\n",
          CONSOLE_FAILED, TRY_STEP_DEVICES, "UUID=23d509ac", "ALERT!" },
        { "dracut, no device", KERNEL UNPACK SYSTEMD
          "[  130.1] dracut-initqueue[330]: Warning: dracut-initqueue: timeout, still waiting for "
          "following initqueue hooks:\r\n"
          "[  130.1] dracut-initqueue[330]: Warning: if ! grep -q After=remote-fs-pre.target; "
          "then [ -e \"/dev/disk/by-uuid/X\" ]\r\n"
          "[  190.1] dracut-initqueue[330]: Warning: Could not boot.\r\n"
          "Generating \"/run/initramfs/rdsosreport.txt\"\r\n",
          CONSOLE_FAILED, TRY_STEP_DEVICES, "/dev/disk/by-uuid/X" },
        { "mkinitcpio, no device", KERNEL UNPACK
          ":: running early hook [udev]\r\n:: running hook [udev]\r\n"
          "Waiting 10 seconds for device /dev/disk/by-uuid/X ...\r\n"
          "ERROR: device 'UUID=X' not found. Skipping fsck.\r\n"
          ":: mounting 'UUID=X' on real root\r\n"
          "ERROR: Failed to mount 'UUID=X' on real root\r\n"
          "You are now being dropped into an emergency shell.\r\n",
          CONSOLE_FAILED, TRY_STEP_MOUNT, NULL, "not found" },
};

/* Somebody's own system: there is no marker, and the image's systemd says much of the same. */
static const Row systems[] = {
        { "the image's target", KERNEL UNPACK SYSTEMD
          "[  OK  ] Reached target basic.target - Basic System.\r\n" UDEVD DEVICE MOUNTED,
          CONSOLE_GOES_ON, TRY_STEP_SWITCH_ROOT },
        { "the system's target", KERNEL UNPACK SYSTEMD UDEVD DEVICE MOUNTED SWITCH
          "[  OK  ] Reached target basic.target - Basic System.\r\n",
          CONSOLE_BOOTED, TRY_STEP_SYSTEM },
        { "a login", KERNEL UNPACK "Loading, please wait...\r\n"
          "Begin: Running /scripts/init-bottom ... done.\r\n"
          "[    9.9] systemd[1]: systemd 252.39 running in system mode (+PAM)\r\n"
          "\r\nhost login:\r\n",
          CONSOLE_BOOTED, TRY_STEP_SYSTEM },
        { "it ends", KERNEL UNPACK SYSTEMD UDEVD DEVICE MOUNTED SWITCH
          "[   10.1] reboot: Power down\r\n",
          CONSOLE_BOOTED, TRY_STEP_SYSTEM },
        { "it panics", KERNEL UNPACK SYSTEMD UDEVD DEVICE MOUNTED SWITCH
          "[   10.1] Kernel panic - not syncing: Attempted to kill init!\r\n",
          CONSOLE_FAILED, TRY_STEP_SYSTEM, NULL, "Attempted to kill init" },
};

static void check(const Row *row, const char *marker, size_t chunk) {
        size_t n = strlen(row->said);
        Console c;

        console_init(&c, marker, devices);
        for (size_t at = 0; at < n; at += chunk)
                assert_int_equal(console_feed(&c, row->said + at, MIN_OF(chunk, n - at),
                                              (double) at),
                                 0);
        if (c.end != row->end || c.step != row->step)
                fail_msg("%s: end %d, step %d", row->name, (int) c.end, (int) c.step);
        if (!streq_ptr(c.waiting, row->waiting))
                fail_msg("%s: waits for %s", row->name, c.waiting ?: "nothing");
        if (!row->cause != !c.cause || (row->cause && !strstr(c.cause, row->cause)))
                fail_msg("%s: cause %s", row->name, c.cause ?: "none");
        assert_true(streq_ptr(c.root, row->root));
        console_done(&c);
}

static void test_rows(void **state) {
        /* As it comes, and cut at any byte. */
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check(&rows[i], MARKER, 1);
                check(&rows[i], MARKER, 7);
                check(&rows[i], MARKER, 100000);
        }
        for (size_t i = 0; i < ELEMENTSOF(systems); i++)
                check(&systems[i], NULL, 100000);
}

/* When each step began; that of one that was passed over is not known. */
static void test_times(void **state) {
        Console c;

        console_init(&c, MARKER, NULL);
        assert_int_equal(console_feed(&c, KERNEL, strlen(KERNEL), 1), 0);
        assert_int_equal(console_feed(&c, MOUNTED, strlen(MOUNTED), 2), 0);
        assert_int_equal(console_feed(&c, DEVICE, strlen(DEVICE), 3), 0);
        assert_true(c.reached[TRY_STEP_KERNEL] >= 1 && c.reached[TRY_STEP_SWITCH_ROOT] >= 2);
        assert_true(c.reached[TRY_STEP_MOUNT] < 0 && c.reached[TRY_STEP_DEVICES] < 0);
        assert_int_equal(c.step, TRY_STEP_SWITCH_ROOT);
        console_done(&c);
}

/* A question is what stands at the end without a line break. */
static void test_question(void **state) {
        static const char *const questions[] = {
                ("\033[0;1m🔐 Please enter passphrase for disk QEMU (luks): \033[0m(press TAB for "
                 "no echo) "),
                "Please unlock disk cryptroot: ",
                "Enter passphrase for /dev/vda: ",
                /* The journal comes between. */
                "Please enter passphrase for disk cryptroot: [   42.0] systemd[1]: X\r\n(press TAB ",
        };

        for (size_t i = 0; i < ELEMENTSOF(questions); i++) {
                Console c;

                console_init(&c, MARKER, NULL);
                assert_int_equal(console_feed(&c, KERNEL, strlen(KERNEL), 1), 0);
                assert_int_equal(console_silence(&c), 0);
                assert_int_equal(console_feed(&c, questions[i], strlen(questions[i]), 1), 0);
                assert_int_equal(console_silence(&c), 1);
                assert_non_null(c.asks);
                /* Once answered it is none, whatever comes on that line. */
                assert_int_equal(console_feed(&c, "*****", 5, 1), 0);
                assert_int_equal(console_silence(&c), 0);
                assert_int_equal(console_feed(&c, "\r\n", 2, 1), 0);
                assert_int_equal(console_silence(&c), 0);
                console_done(&c);
        }
}

/* The machine is off, or the time is over: what was said last without a line break counts, too. */
static void test_close(void **state) {
        static const char last[] = UNPACK "Kernel panic - not syncing: X";
        _cleanup_free_ char *why = NULL;
        Console c;

        console_init(&c, MARKER, NULL);
        assert_int_equal(console_feed(&c, KERNEL, strlen(KERNEL), 1), 0);
        assert_int_equal(console_feed(&c, last, strlen(last), 1), 0);
        assert_int_equal(console_close(&c, 2), 0);
        assert_int_equal(c.end, CONSOLE_FAILED);
        assert_string_equal(c.cause, "Kernel panic - not syncing: X");
        assert_int_equal(console_explain(&c, &why), 0);
        assert_non_null(strstr(why, "unpacking"));
        console_done(&c);
}

/* Steps have names, in their order. */
static void test_names(void **state) {
        for (int i = 0; i < _TRY_STEP_MAX; i++)
                assert_non_null(try_step_to_string((TryStep) i));
        assert_null(try_step_to_string(_TRY_STEP_MAX));
        assert_null(try_step_to_string(_TRY_STEP_INVALID));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),  cmocka_unit_test(test_times),
                cmocka_unit_test(test_question), cmocka_unit_test(test_close),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
