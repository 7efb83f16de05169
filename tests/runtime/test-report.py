#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-report: what is on the console, what is in the report, and what must be in neither.

/proc, /sys and /run are a tree, and the programs that are asked are scripts that say what they were
asked.
"""

import os
import stat
import subprocess
import sys
import tempfile
import unittest

REPORT = os.path.abspath(sys.argv.pop(1))
RECORDS = """__CURSOR=s=1
MESSAGE=Timed out waiting for device dev-vdz.device - /dev/vdz.
UNIT=dev-vdz.device

__CURSOR=s=2
UNIT=sysroot.mount
MESSAGE=Failed to mount sysroot.mount - /sysroot.

__CURSOR=s=3
MESSAGE=Failed to mount sysroot.mount - /sysroot.
UNIT=sysroot.mount

"""
# As journalctl is asked: the records of failures, a unit's last words, all there is.
JOURNALCTL = """case "$*" in
*--output=export*) /bin/cat "$INITRDD_REPORT_ROOT/records" ;;
*_SYSTEMD_UNIT=sysroot.mount*) echo "mount: wrong fs type, said s3same" ;;
*short-monotonic*) /bin/cat "$INITRDD_REPORT_ROOT/journal" ;;
esac
"""
SECRETS = [
    # what is typed, what must not be in the report, what must be
    ("rd.iscsi.password=geheim", ["geheim"], ["rd.iscsi.password=***"]),
    ("rd.iscsi.in.password=abc x=abcd", ["password=abc"], ["x=abcd"]),
    ("'rd.iscsi.password=two words'", ["two words"], []),
    ('rd.iscsi.password="two words"', ["two words"], []),
    ('rd.iscsi.password="a b"', ["a b"], []),
    ("netroot=iscsi:joe:s3cret@10.0.0.1::3260:1:iqn.x", ["s3cret"], ["iscsi:joe:***@10.0.0.1:"]),
    ("netroot=iscsi:joe:ab:jim:cd@10.0.0.1::::iqn.x", [":ab:", ":cd@"],
     ["iscsi:joe:***:jim:***@10.0.0.1"]),
    ("netroot=iscsi:@10.0.0.1::::iqn.x", [], ["iscsi:@10.0.0.1::::iqn.x"]),
    ("root=live:http://joe:s3cret@host/x.img", ["s3cret"], ["http://joe:***@host/x.img"]),
    ("root=live:http://host/a@b", [], ["http://host/a@b"]),
    ("systemd.set_credential=luks:s3cret", ["s3cret"], ["set_credential=***"]),
    ("systemd.setenv=MY_PASSWORD=s3cret", ["s3cret"], ["MY_PASSWORD=***"]),
    ("rd.luks.options=pkcs11-uri=pkcs11:token=x;pin-value=12345", ["12345"], []),
    ("rd.luks.key=/etc/keys/a.key:LABEL=x", [], ["rd.luks.key=/etc/keys/a.key:LABEL=x"]),
    ("root=UUID=1-2 ro quiet", [], ["root=UUID=1-2 ro quiet"]),
    ("rd.iscsi.password= root=x", [], ["root=x"]),
]


class Report(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="test-report-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.put("records", RECORDS)
        self.put("journal", "everything\n")
        self.put("proc/cmdline", "root=/dev/vdz\n")
        self.put("proc/mdstat", "Personalities : [raid1]\n")
        for name in ("sys/class/block", "bin"):
            os.makedirs(os.path.join(self.root, name))
        self.program("journalctl", JOURNALCTL)
        self.program("systemctl", 'echo "asked for $*"')
        self.device("vda", "254:0", 65536, "I:1\nE:ID_FS_TYPE=ext4\nE:ID_FS_LABEL=data\n"
                    "E:ID_FS_UUID=12-34\nS:disk/by-label/data\n")

    def put(self, name, text, mode=0o644):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, mode)

    def program(self, name, script):
        self.put("bin/" + name, "#!/bin/sh\n" + script + "\n", 0o755)

    def device(self, name, number, sectors, database=None):
        self.put("sys/class/block/%s/dev" % name, number + "\n")
        self.put("sys/class/block/%s/size" % name, "%d\n" % sectors)
        if database is not None:
            self.put("run/udev/data/b" + number, database)

    def report(self):
        """What the console says, and the report."""
        done = subprocess.run([REPORT], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, stdin=subprocess.DEVNULL,
                              env={"INITRDD_REPORT_ROOT": self.root,
                                   "PATH": self.root + "/bin"})
        self.assertEqual(done.returncode, 0, done.stdout)
        path = os.path.join(self.root, "run/initrdd/report.txt")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as stream:
            return done.stdout, stream.read()

    def test_console(self):
        told, _ = self.report()
        self.assertEqual(told.splitlines(), [
            "", "The boot can't go on:",
            "  Timed out waiting for device dev-vdz.device - /dev/vdz.",
            "  Failed to mount sysroot.mount - /sysroot.",
            "    mount: wrong fs type, said s3same",
            "  There are: vda ext4 LABEL=data UUID=12-34",
            "A report is in /run/initrdd/report.txt.",
            "rd.report=DEVICE on the kernel command line writes it to a disk, too."])

    def test_report(self):
        self.device("vdb", "254:16", 4096)
        self.device("loop0", "7:0", 0)
        _, text = self.report()
        self.assertIn("vda (254:0) 32 MiB ext4 LABEL=data UUID=12-34\n    /dev/disk/by-label/data\n"
                      "vdb (254:16) 2 MiB (udev does not know it)\n", text)
        self.assertNotIn("loop0", text)
        for part in ("== /proc/cmdline\n\nroot=/dev/vdz\n", "== /proc/mdstat\n\nPersonalities",
                     "asked for --no-pager --full list-jobs", "status sysroot.mount",
                     "cat sysroot.mount", "\neverything\n"):
            self.assertIn(part, text)
        # What the image doesn't have is not asked.
        self.assertNotIn("networkctl", text)

    def test_secrets(self):
        for line, hidden, shown in SECRETS:
            with self.subTest(line):
                self.put("proc/cmdline", "console=ttyS0 %s\n" % line)
                # The kernel and who uses them log them too.
                self.put("journal", "kernel: Command line: console=ttyS0 %s\n" % line)
                told, text = self.report()
                for secret in hidden:
                    self.assertNotIn(secret, told + text)
                for part in shown:
                    self.assertIn(part, text)

    def test_secrets_of_files(self):
        """What the image has for this host, and units and logs of it."""
        self.put("etc/fstab", "//h/s /sysroot/s cifs username=joe,password=s3cret,x-initrd.mount 0 0\n")
        self.put("etc/crypttab", "# the disk that isn't here\n"
                 "c /dev/vdb none pkcs11-uri=pkcs11:id=1?pin-value=98765\n")
        self.put("journal", "mount.cifs: s3cret,x-initrd.mount; cryptsetup: pin 98765\n")
        told, text = self.report()
        for secret in ("s3cret", "98765"):
            self.assertNotIn(secret, told + text)
        self.assertIn("username=joe,password=***", text)

    def test_secret_elsewhere(self):
        """On the console, too."""
        self.put("proc/cmdline", "rd.iscsi.password=s3same\n")
        told, text = self.report()
        self.assertNotIn("s3same", told + text)
        self.assertIn("mount: wrong fs type, said ***", told)

    def test_copy(self):
        self.put("proc/cmdline", "rd.report=/dev/vdy rd.report=LABEL=keys x\n")
        self.program("mount", 'echo "$*" >"$INITRDD_REPORT_ROOT/asked"')
        self.program("umount", 'echo "$*" >>"$INITRDD_REPORT_ROOT/asked"')
        told, text = self.report()
        where = self.root + "/run/initrdd/report.d"
        with open(self.root + "/asked", encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "-o rw,nosuid,nodev,noexec LABEL=keys %s\n%s\n"
                             % (where, where))
        name, = os.listdir(where)
        self.assertTrue(told.endswith("It was copied to LABEL=keys, as %s.\n" % name), told)
        self.assertRegex(name, r"^initrdd-report-\d{8}-\d{6}\.txt$")
        with open(os.path.join(where, name), encoding="utf-8") as stream:
            self.assertEqual(stream.read(), text)

    def test_no_copy(self):
        self.put("proc/cmdline", "rd.report=LABEL=gone\n")
        self.program("mount", 'echo "mount: LABEL=gone: not there"; echo more; exit 32')
        told, _ = self.report()
        self.assertTrue(told.endswith(
            "It could not be copied to LABEL=gone: mount: LABEL=gone: not there\n"), told)
        self.assertEqual(sorted(os.listdir(self.root + "/run/initrdd")), ["report.txt"])

    def test_no_disks(self):
        for name in ("dev", "size"):
            os.unlink(os.path.join(self.root, "sys/class/block/vda", name))
        os.rmdir(os.path.join(self.root, "sys/class/block/vda"))
        told, text = self.report()
        self.assertIn("There are no disks at all", told)
        self.assertIn("(there are none)", text)

    def test_many_disks(self):
        for i in range(20):
            self.device("sd%c" % (97 + i), "8:%d" % i, 2048, "E:ID_FS_TYPE=xfs\n")
        told, _ = self.report()
        self.assertIn("sdh xfs and 13 more\n", told)

    def test_nothing_failed(self):
        self.put("records", "")
        self.assertIn("No unit has failed", self.report()[0])

    def test_broken_records(self):
        self.put("records", "MESSAGE=only this")
        self.assertIn("  only this\n", self.report()[0])

    def test_program_that_fails(self):
        self.program("systemctl", "echo can not; exit 4")
        _, text = self.report()
        self.assertIn("can not\n(systemctl ended with status 4)\n", text)

    def test_no_journal(self):
        self.program("journalctl", "exit 1")
        told, _ = self.report()
        self.assertIn("A report is in", told)


if __name__ == "__main__":
    unittest.main()
