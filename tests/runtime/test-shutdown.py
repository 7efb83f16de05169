#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-shutdown --keep: what is kept is whole, and nothing is kept where nothing needs it. What it
does with what was kept only a boot can tell (tests/boot/steps.py)."""

import os
import subprocess
import sys
import tempfile
import unittest

SHUTDOWN = os.path.abspath(sys.argv.pop(1))
# A user of one's own namespaces may mount, and change the root.
NAMESPACES = ["unshare", "--map-root-user", "--mount"]
USAGE = "initrdd-shutdown --keep\n"


def can_mount():
    return subprocess.run(NAMESPACES + ["true"], stderr=subprocess.DEVNULL,
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

    def test_no_root(self):
        self.assertEqual(self.run_here(SHUTDOWN, "--keep").returncode, 0)
        self.assertEqual(os.listdir(self.root), [])

    def test_usage(self):
        for arguments in ((), ("poweroff",), ("--keep", "x")):
            done = self.run_here(SHUTDOWN, *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, USAGE))


if __name__ == "__main__":
    unittest.main()
