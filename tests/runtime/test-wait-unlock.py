#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-wait-unlock: what it waits for, and what it doesn't. What PID 1 says comes from a stand-in for
systemctl, which has an answer for each call and then ends the test: one that waits looks again."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

WAIT = os.path.abspath(sys.argv.pop(1))
# The answers are files "1", "2", …; what begins with "Failed" is none. What it was called with goes
# to "called".
SYSTEMCTL = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >>called
n=$(wc -l <called)
[ -e $n ] && cat $n && ! grep -q '^Failed' $n
"""
SHOW = "show --property=Id,ActiveState,Job,BindsTo,ActiveEnterTimestampMonotonic -- systemd-cryptsetup@*.service"
BEGIN = "show --property=InitRDUnitsLoadFinishTimestampMonotonic,UnitsLoadFinishTimestampMonotonic"
DEVICE = "dev-disk-by\\x2duuid-1.device"


def unit(name, state, *more):
    return "\n".join(("Id=systemd-cryptsetup@%s.service" % name, "ActiveState=" + state) + more) + "\n"


def device(state):
    return "Id=%s\nActiveState=%s\n" % (DEVICE, state)


LONG_AGO = "ActiveEnterTimestampMonotonic=1"
NOW = "ActiveEnterTimestampMonotonic=%d" % (2 ** 62)
NEVER = "ActiveEnterTimestampMonotonic=0"
JOB = ("Job=42", "BindsTo=" + DEVICE)


def time_usec():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class WaitUnlock(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="test-wait-unlock-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.put("systemctl", SYSTEMCTL)
        os.chmod(os.path.join(self.directory, "systemctl"), 0o755)

    def put(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as stream:
            stream.write(text)

    def called(self):
        with open(os.path.join(self.directory, "called"), encoding="utf-8") as stream:
            return stream.read().splitlines()

    def environment(self, path=None):
        return dict(os.environ, PATH=path or "%s:%s" % (self.directory, os.environ["PATH"]))

    def run_here(self, answers, *arguments, path=None):
        if os.path.exists(os.path.join(self.directory, "called")):
            os.unlink(os.path.join(self.directory, "called"))
        for n in range(1, 9):
            if os.path.exists(os.path.join(self.directory, str(n))):
                os.unlink(os.path.join(self.directory, str(n)))
        for n, answer in enumerate(answers):
            self.put(str(n + 1), answer)
        return subprocess.run((WAIT,) + (arguments or ("30",)), env=self.environment(path), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)

    def test_goes_on(self):
        """One look, at nothing that anybody still opens."""
        for answer in ("", "\n", unit("a", "active", LONG_AGO), unit("a", "failed", LONG_AGO),
                       unit("a", "inactive", NEVER), unit("a", "active"), "ActiveState\n=\n\n\nId=x\n",
                       # Nobody starts it, whatever it is bound to.
                       unit("a", "inactive", "BindsTo=" + DEVICE),
                       # What it is on is not known.
                       unit("a", "inactive", "Job=1", "BindsTo="),
                       unit("a", "active", LONG_AGO) + "\n" + unit("b", "failed")):
            done = self.run_here([answer])
            with self.subTest(answer=answer):
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                self.assertEqual(self.called(), [SHOW])

    def test_waits(self):
        """Each is looked at again, and then there is nothing more."""
        for name, answer in (("a", unit("a", "activating")), ("a", unit("a", "activating", *JOB)),
                             ("a", unit("a", "active", NOW)),
                             ("b", unit("a", "active", LONG_AGO) + "\n" + unit("b", "activating"))):
            done = self.run_here([answer, unit("a", "active", LONG_AGO)])
            with self.subTest(answer=answer):
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (0, "Waiting for what systemd-cryptsetup@%s.service opens\n" % name, ""))
                self.assertEqual(self.called(), [SHOW] * 2)

    def test_job(self):
        """A job that waits for a key waits for somebody. One whose device isn't there, for a disk that
        is missing, or for the very array that this program keeps from being started."""
        look = "show --property=Id,ActiveState -- " + DEVICE
        done = self.run_here([unit("a", "inactive", *JOB), device("active"), ""])
        self.assertEqual((done.returncode, done.stderr, self.called()), (0, "", [SHOW, look, SHOW]))
        for state in ("inactive", "activating"):
            done = self.run_here([unit("a", "inactive", *JOB), device(state)])
            self.assertEqual((done.returncode, done.stdout, self.called()), (0, "", [SHOW, look]))
        both = "BindsTo=%s x.device" % DEVICE
        done = self.run_here([unit("a", "inactive", "Job=7", both), device("active") + "\nId=x.device\n"])
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(self.called()[1:], [look + " x.device"])

    def test_seconds(self):
        """As long as it was told after the last was opened, and no longer."""
        now = "ActiveEnterTimestampMonotonic=%d" % (time_usec())
        done = self.run_here([unit("a", "active", now)], "0")
        self.assertEqual((done.returncode, len(self.called())), (0, 1))
        answers = [unit("a", "active", now)] * 8
        done = self.run_here(answers, "3")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(time_usec() - int(now.split("=")[1]), 3000000)

    def test_nobody_to_ask(self):
        """Whatever goes wrong, the array is started."""
        done = self.run_here([])
        self.assertEqual((done.returncode, done.stdout, len(self.called())), (0, "", 3))
        self.assertRegex(done.stderr, "^Nobody can say what is still to be opened: [^\\n]*\\n$")
        # An answer that comes late is one.
        done = self.run_here(["Failed", "Failed", unit("a", "activating"), "Failed", ""])
        self.assertEqual((done.returncode, done.stderr, len(self.called())), (0, "", 5))
        self.assertRegex(done.stdout, "^Waiting for what")
        done = self.run_here([""], path="/nonexistent")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "^Nobody can say")

    def test_root(self):
        """An encrypted device has not come: the root is not waited for as long again, but as long as what
        was opened last says, and as long as if there were none."""
        begin, ask, cancel = BEGIN, "show --property=Job -- /dev/nowhere", "cancel -- 7"
        long_ago = "InitRDUnitsLoadFinishTimestampMonotonic=1\nUnitsLoadFinishTimestampMonotonic=0\n"
        done = self.run_here([long_ago, unit("a", "inactive", *JOB), device("inactive"), "Job=7\n", ""],
                             "1", "/dev/nowhere")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertRegex(done.stderr, "^<3>The device /dev/nowhere is not there, [^\\n]*\\n$")
        self.assertEqual((self.called()[0], self.called()[3:]), (begin, [ask, cancel]))
        done = self.run_here([long_ago, unit("a", "activating"), "", "Job=7\n", ""], "1", "/dev/nowhere")
        self.assertEqual((done.returncode, self.called()), (0, [begin, SHOW, SHOW, ask, cancel]))
        # Its time is not up.
        now = time_usec()
        done = self.run_here(["UnitsLoadFinishTimestampMonotonic=%d\n" % now] + [""] * 7, "2", "/dev/nowhere")
        self.assertGreater(time_usec() - now, 2000000)
        self.assertIn(SHOW, self.called()[2])
        # Nobody waits for it.
        for answer in ("Job=0\n", "Job=\n", "\n"):
            done = self.run_here([long_ago, "", answer], "1", "/dev/nowhere")
            self.assertEqual((done.returncode, done.stderr, self.called()), (0, "", [begin, SHOW, ask]))
        # It is there.
        done = self.run_here([long_ago], "1", "/dev/null")
        self.assertEqual((done.returncode, done.stderr, self.called()), (0, "", [begin]))
        # Nobody to ask ends nothing.
        for answers in ([], ["UnitsLoadFinishTimestampMonotonic=\n"], ["\n"], [""]):
            done = self.run_here(answers, "1", "/dev/nowhere")
            self.assertEqual((done.returncode, self.called()), (1, [begin]))
        done = self.run_here([long_ago], "1", "/dev/nowhere")
        self.assertEqual((done.returncode, self.called()), (0, [begin] + [SHOW] * 3))

    def test_is_stopped(self):
        """Because the array is complete now: that is no failure."""
        for n in range(1, 9):
            self.put(str(n), unit("a", "activating"))
        with subprocess.Popen([WAIT, "30"], env=self.environment(), stdout=subprocess.PIPE,
                              text=True) as process:
            self.assertEqual(process.stdout.readline(),
                             "Waiting for what systemd-cryptsetup@a.service opens\n")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(), 0)

    def test_usage(self):
        for arguments in (("x",), ("1", "/a", "/b"), ("-1",)):
            done = self.run_here([""], *arguments)
            self.assertEqual((done.returncode, done.stderr), (2, "initrdd-wait-unlock SECONDS [NODE]\n"))


if __name__ == "__main__":
    unittest.main()
