#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-hooks: the order, the environment, and each way to fail."""

import os
import subprocess
import sys
import tempfile
import unittest

HOOKS = os.path.abspath(sys.argv.pop(1))


class Hooks(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="test-hooks-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def put(self, name, text, mode=0o755, step="mount"):
        path = os.path.join(self.directory, step + ".d", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as stream:
            stream.write(text)
        os.chmod(path, mode)

    def run_hooks(self, *arguments, **environment):
        """(status, what the hooks said, what was said of them)"""
        done = subprocess.run([HOOKS, *arguments], text=True, check=False, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    def step(self, name="mount", **environment):
        return self.run_hooks(name, self.directory, **environment)

    def test_order(self):
        for name in ("20-b", "10-z", "5-a", "Z", ".hidden"):
            self.put(name, "#!/bin/sh\necho %s\n" % name)
        self.put("other", "#!/bin/sh\necho another step\n", step="cleanup")
        status, told, log = self.step()
        self.assertEqual((status, told), (0, ["10-z", "20-b", "5-a", "Z"]))
        self.assertEqual(log, ["mount/%s: done" % name for name in told])

    def test_environment(self):
        self.put("env", "#!/bin/sh\nenv | grep -v ^_=\npwd\n")
        _, told, _ = self.step(LANG="C", PATH="/nowhere", HOME="/root")
        self.assertEqual(sorted(told), sorted([
            "HOME=/", "INITRDD_STEP=mount", "LANG=C", "NEWROOT=/sysroot",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PWD=" + os.getcwd(), os.getcwd()]))

    def test_failures(self):
        """Each is told of, and the next is run."""
        self.put("1", "#!/bin/sh\nexit 3\n")
        self.put("2", "#!/bin/sh\nkill -9 $$\n")
        self.put("3", "#!/no/such/interpreter\n")
        self.put("4", "#!/bin/sh\n", 0o644)
        self.put("5", "no format\n")
        self.put("6", "#!/bin/sh\necho last\n")
        status, told, log = self.step()
        self.assertEqual((status, told), (0, ["last"]))
        self.assertEqual([line for line in log if "executed" not in line], [
            "mount/1: failed with status 3", "mount/2: ended by signal 9 (Killed)",
            "mount/3: failed with status 126", "mount/4: failed with status 126",
            "mount/5: failed with status 126", "mount/6: done"])
        self.assertEqual(len([line for line in log if "can't be executed: " in line]), 3)

    def test_required(self):
        self.put("1.required", "#!/bin/sh\n")
        self.put("2", "#!/bin/sh\nexit 1\n")
        self.put("3.required", "#!/bin/sh\nexit 9\n")
        self.put("4", "#!/bin/sh\necho not reached\n")
        status, told, log = self.step()
        self.assertEqual((status, told), (1, []))
        self.assertEqual(log, ["mount/1.required: done", "mount/2: failed with status 1",
                               "mount/3.required: failed with status 9",
                               "mount: the boot can't go on without 3.required"])

    def test_nothing(self):
        self.assertEqual(self.step(), (0, [], []))

    def test_not_a_directory(self):
        with open(os.path.join(self.directory, "mount.d"), "w", encoding="ascii"):
            pass
        status, _, log = self.step()
        self.assertEqual(status, 1)
        self.assertIn("its hooks can't be listed", log[0])

    def test_usage(self):
        for arguments in ((), ("../etc",), ("",), ("mount", "a", "b")):
            self.assertEqual(self.run_hooks(*arguments)[0], 2, arguments)


if __name__ == "__main__":
    unittest.main()
