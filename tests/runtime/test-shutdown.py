#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-shutdown --keep: what is kept is whole, and nothing is kept where nothing needs it. And how
file systems are unmounted that are in each other's way; devices only a boot can tell (tests/boot)."""

import os
import subprocess
import sys
import tempfile
import unittest

SHUTDOWN = os.path.abspath(sys.argv.pop(1))
# A user of one's own namespaces may mount, and change the root.
NAMESPACES = ["unshare", "--map-root-user", "--mount"]
FIRST = ["unshare", "--map-root-user", "--mount", "--pid", "--fork"]
USAGE = "initrdd-shutdown --keep\n"


def can_mount():
    return subprocess.run(NAMESPACES + ["true"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def can_be_first():
    return subprocess.run(FIRST + ["sh", "-c", "mount -t proc proc /proc"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


class Shutdown(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="test-shutdown-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name

    def run_here(self, *command):
        return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, env=dict(os.environ, INITRDD_SHUTDOWN_ROOT=self.root))

    @unittest.skipUnless(can_mount(), "no namespaces for this user")
    def test_kept(self):
        """A root that doesn't say what it lies on; the program runs where nothing else is."""
        os.mkdir(os.path.join(self.root, "sysroot"))
        done = self.run_here(*NAMESPACES, "sh", "-ec", '''
            mount -t tmpfs somewhere "$INITRDD_SHUTDOWN_ROOT/sysroot"
            "$0" --keep
            chroot "$INITRDD_SHUTDOWN_ROOT/run/initramfs" /shutdown
            ''', SHUTDOWN)
        self.assertEqual((done.returncode, done.stdout), (2, USAGE))
        size = sum(os.path.getsize(os.path.join(top, name))
                   for top, _, names in os.walk(os.path.join(self.root, "run")) for name in names)
        self.assertLess(size, 6 * 1024 * 1024)

    @unittest.skipUnless(can_be_first(), "no namespaces for this user")
    def test_unmounts(self):
        """PID 1 of a namespace, which no device of this machine is seen in. What lies on what: /oldroot,
        /oldroot/run, the medium; with `held` a file of the medium is open to the end."""
        for held, left in (("</dev/null", None), ("<oldroot/run/medium/held", "/apart/oldroot-run-medium")):
            done = self.run_here(*FIRST, "sh", "-ec", '''
                mount -t tmpfs root "$INITRDD_SHUTDOWN_ROOT"
                mkdir "$INITRDD_SHUTDOWN_ROOT/sysroot"
                mount -t tmpfs system "$INITRDD_SHUTDOWN_ROOT/sysroot"
                "$0" --keep
                cd "$INITRDD_SHUTDOWN_ROOT/run/initramfs"
                umount "$INITRDD_SHUTDOWN_ROOT/sysroot"
                mkdir proc oldroot run medium
                mount -t proc proc proc
                mount -t tmpfs medium medium
                touch medium/held
                mount -t tmpfs run run
                mkdir run/medium
                mount -t tmpfs system oldroot
                mkdir oldroot/run
                mount --move run oldroot/run
                mount --move medium oldroot/run/medium
                exec 5%s
                exec chroot . /shutdown poweroff
                ''' % held, SHUTDOWN)
            with self.subTest(held=held):
                self.assertLess(done.returncode, 0, done.stdout)  # reboot(2) of a namespace
                self.assertIn("detached", done.stdout)
                if left:
                    self.assertIn("Not all is detached:", done.stdout)
                    self.assertIn(left, done.stdout)
                self.assertNotIn("oldroot ", done.stdout + " ")
                self.assertNotIn("/oldroot/", done.stdout)

    def test_no_root(self):
        self.assertEqual(self.run_here(SHUTDOWN, "--keep").returncode, 0)
        self.assertEqual(os.listdir(self.root), [])

    def test_usage(self):
        for arguments in ((), ("poweroff",), ("--keep", "x")):
            done = self.run_here(SHUTDOWN, *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, USAGE))


if __name__ == "__main__":
    unittest.main()
