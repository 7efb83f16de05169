# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command costs: one run of it, and ratios of many.

A command is started here and waited for with wait4(), so that its processor time and the memory of
its largest process are the kernel's own figures for the whole tree below it, and for what the command
left behind to finish, which is ours to wait for, but not on the clock. Bare times say little
on a machine that does other things too: what is compared runs in turn, round for round, and a
figure is the median of the rounds' ratios, with the smallest and the largest.
"""

import ctypes
import os
import re
import shutil
import statistics
import subprocess
import time


PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Failed(Exception):
    """A command that was to be measured did not end well."""


class Sample:
    """One run: seconds of the clock and of processors, and bytes of the largest process."""

    def __init__(self, wall, cpu, peak):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def own_peak():
    """A child is charged with what it shared with us before it became another program."""
    with open("/proc/self/status", encoding="ascii") as stream:
        return int(re.search(r"VmHWM:\s*(\d+)", stream.read()).group(1)) * 1024


def reap():
    """(seconds of processors, KiB of the largest) of what a command left behind."""
    cpu = peak = 0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return cpu, peak
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss)


def run(argv, stdout=None, sync=None, env=None):
    """Runs a command; what it wrote to `stdout` (a path), or the file `sync`, is then on disk."""
    out = os.open(stdout or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    log = os.memfd_create("log", os.MFD_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    program = shutil.which(argv[0])
    if not program:
        raise Failed("%s is not installed" % argv[0])
    begin = time.monotonic()
    pid = os.posix_spawn(program, argv, env or os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    if stdout:
        os.fsync(out)
    elif sync:
        fd = os.open(sync, os.O_RDONLY | os.O_CLOEXEC)
        os.fsync(fd)
        os.close(fd)
    wall = time.monotonic() - begin
    late_cpu, late_peak = reap()
    os.close(out)
    said = os.pread(log, 4096, 0).decode(errors="replace").strip()
    os.close(log)
    if status != 0:
        raise Failed("%s: status %d: %s" % (argv[0], os.waitstatus_to_exitcode(status), said))
    return Sample(wall, usage.ru_utime + usage.ru_stime + late_cpu,
                  max(usage.ru_maxrss, late_peak) * 1024)


def processes(argv, work):
    """(processes, programs) that a command started, itself included; None where strace is not."""
    if not shutil.which("strace"):
        return None
    path = os.path.join(work, "strace")
    done = subprocess.run(["strace", "-f", "-qq", "--seccomp-bpf", "-o", path, "-e",
                           "trace=execve,clone,clone3,fork,vfork"] + argv,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0 or not os.path.exists(path):
        return None
    started, programs = 1, 0
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            good = re.search(r"= \d+$", line)
            if re.search(r"\b(clone3?|v?fork)\(", line) or "clone resumed" in line or \
                    "fork resumed" in line or "clone3 resumed" in line:
                started += bool(good) and "CLONE_THREAD" not in line
            elif good and "execve" in line:
                programs += 1
    os.unlink(path)
    return started, programs


def rounds(contestants, count, between=None):
    """Runs each of {name: call} once a round. {name: [Sample of each round]}."""
    samples = {name: [] for name in contestants}
    for _ in range(count):
        for name, call in contestants.items():
            if between:
                between(name)
            samples[name].append(call())
    return samples


def fastest(call, times):
    """The one of the middle of a few runs, for what is short beside the round's other commands."""
    return sorted((call() for _ in range(times)), key=lambda sample: sample.wall)[times // 2]


class Ratio:
    """How the rounds of `over` compare with those of `under`."""

    def __init__(self, over, under, what="wall"):
        values = sorted(getattr(a, what) / getattr(b, what) for a, b in zip(over, under))
        self.median = statistics.median(values)
        self.least, self.most = values[0], values[-1]
        self.count = len(values)

    def __str__(self):
        return "%s (%s-%s, %d)" % (number(self.median), number(self.least), number(self.most),
                                   self.count)


def number(value):
    """Three digits, whatever the size."""
    if value >= 100:
        return "{:,.0f}".format(value)
    return "%.1f" % value if value >= 10 else "%.2f" % value


def median(samples, what):
    return statistics.median(getattr(sample, what) for sample in samples)
