#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots the matrix: run.py --build-directory=DIR [--work=DIR] [--only=PATTERN] …

Each case builds its image, unless an equal one was built before, boots it and is recorded
(tests/lib/report.py). Two boots run at a time, since they are emulated, one core each; a third that
mostly waits beside them.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import glob
import json
import os
import shutil
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import builder
import cache
import disks
import matrix
import qemu
import recording
import report
from case import STORAGE_MODULES

EFI_STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
# A generic image has 600 and more; the machine needs a handful, and has those that are met
# everywhere.
HOST_DRIVERS_MAX = 150
# What every boot has: the serial console, and an end instead of a hang when the kernel panics.
CONSOLE = "console=ttyS0 panic=-1"
# And, since it is emulated, no tests of the kernel's own ciphers, for each of which modprobe is started
# twice: that would be a seventh of a boot with everything.
COMMAND_LINE = CONSOLE + " cryptomgr.notests"


def firmware_disk(case, image, kernel, command_line, path):
    """A disk that firmware starts: an ESP with kernel and image in one program, and the root."""
    uki = path + ".efi"
    disks.make_uki(uki, EFI_STUB, kernel.vmlinuz, image, command_line)
    disks.make_esp(path + ".esp", uki)
    root = os.path.join(disks.fixture(case.root.disks, case.root.system), "root.ext4")
    disks.make_partitioned(path, [
        (path + ".esp", disks.GUID_ESP, disks.UUID["gpt-esp"], "esp"),
        (root, disks.GUID_ROOT_X86_64, disks.UUID["gpt-root"], "root")])
    os.unlink(uki)
    os.unlink(path + ".esp")


def stopped_before_image(result):
    """Whether the kernel panicked before it unpacked anything: no image is the cause of that.
    Linux 6.12 was once seen to do so, emulated, with impossible values in its registers."""
    text = [line for _, line in result.lines]
    return any("Kernel panic" in line for line in text) and \
        not any("Trying to unpack rootfs image" in line for line in text)


class Runner:
    def __init__(self, image_builder, work, keep, tools=None):
        self.builder, self.work, self.keep, self.tools = image_builder, work, keep, tools
        self.command_line = COMMAND_LINE
        self.users = collections.Counter()
        self.measured = []
        self.lock = threading.Lock()
        self.locks = {}
        self.recordings = {}

    def port(self, case):
        return os.path.join(self.work, case.name + ".facts")

    def boot(self, case, image, kernel, tools=(), around=None):
        said = case.command_line() if callable(case.command_line) else case.command_line
        command_line = " ".join(filter(None, (self.command_line, said)))
        extra = {"around": around}
        if case.root.system:
            extra["memory"] = 1536
        if not case.root.firmware:
            images = disks.images(case.disks, case.root.system) if case.disks else []
            if case.members is not None:
                images = [images[i] for i in case.members]
            if case.attach:
                # What has more than one way to the same disk can't have each its own changes.
                extra["devices"] = case.attach(self.copies(case, images))
                images = []
            if tools:
                command_line += " test.tools=/dev/vd" + "abcdef"[len(images)]
            if around and around.publish:
                around.publish(kernel.vmlinuz, image, command_line)
            return qemu.Boot(kernel.vmlinux, image, command_line, images + list(tools), **extra)
        for path in qemu.FIRMWARE + (EFI_STUB,):
            if not os.path.exists(path):
                report.skip("%s is not installed" % path)
        path = os.path.join(self.work, case.name + ".disk")
        if tools:
            command_line += " test.tools=/dev/vdb"
        firmware_disk(case, image, kernel, command_line, path)
        return qemu.Boot(disks=[path] + list(tools), firmware=True, memory=2048)

    def start(self, case, expect, tools=()):
        """Builds and boots. `expect` is seen, or the case has failed."""
        image, kernel, seconds = self.builder.image(case.image)
        if case.check:
            case.check(image)
        drivers = self.builder.drivers(image)
        assert drivers is None or not case.image.facts or drivers < HOST_DRIVERS_MAX, \
            "an image for one machine has %d drivers" % drivers
        self.check_modules(case, image)
        with case.around(case, self.work) if case.around else contextlib.nullcontext() as around:
            boot = self.boot(case, image, kernel, tools, around)
            if tools:
                boot.devices = list(boot.devices) + recording.port(self.port(case))
            if case.again:
                boot.disks, boot.snapshot = self.copies(case, boot.disks), False
            try:
                self.run_boots(case, image, boot, expect, drivers, seconds)
            finally:
                if boot.firmware or case.again:
                    self.drop(boot.disks)
                if case.attach:
                    self.drop(glob.glob(os.path.join(self.work, case.name + ".disk*")))

    def copies(self, case, images):
        """Disks that boots may change, one after the other."""
        paths = []
        for n, image in enumerate(images):
            paths.append(os.path.join(self.work, "%s.disk%d" % (case.name, n)))
            cache.run("cp", "--sparse=always", "--reflink=auto", image, paths[-1])
        return paths

    def drop(self, paths):
        for path in paths if not self.keep else ():
            if os.path.dirname(path) == self.work:
                os.unlink(path)

    def run_boots(self, case, image, boot, expect, drivers, seconds):
        log = os.path.join(self.work, case.name + ".log")
        result = qemu.run(boot, log, expect, case.failures, case.answers, case.timeout)
        if result.error and not case.check and stopped_before_image(result):
            print("AGAIN boot/%s: the kernel stopped before it looked at the image" % case.name,
                  flush=True)
            os.rename(log, log + ".1")
            result = qemu.run(boot, log, expect, case.failures, case.answers, case.timeout)
        self.measured.append({
            "case": case.name, "image_bytes": os.path.getsize(image), "drivers": drivers,
            "build_seconds": round(seconds, 2), "cpu_seconds": round(result.cpu, 2),
            "seconds": {name: round(value, 2) for name, value in result.times.items()},
            "kernel_to_switch_root": result.between("kernel", "switch-root")})
        assert result.error is None, "%s\n%s\nlog: %s" % (result.error, result.tail(), log)
        for n, (command_line, patterns, answers) in enumerate(case.again):
            boot.command_line = "%s %s" % (self.command_line, command_line)
            log = os.path.join(self.work, "%s.log.%d" % (case.name, n + 2))
            after = qemu.run(boot, log, patterns, case.failures, answers, case.timeout)
            assert after.error is None, "boot %d: %s\n%s\nlog: %s" % (
                n + 2, after.error, after.tail(), log)

    def check_modules(self, case, image):
        """A host image has what its root needs, and nothing of what other roots do."""
        modules = self.builder.modules(image)
        if modules is None or not case.image.facts:
            return
        found = modules & STORAGE_MODULES
        expected = case.root.modules or set()
        assert found == expected, "the image has %s, its root needs %s" % (found, expected)
        # What is left behind for the shutdown costs memory for as long as the machine runs.
        if not expected:
            assert "shutdown" not in modules, "a root that needs nothing keeps something"
        if expected & {"dm", "mdraid", "nbd"}:
            assert "shutdown" in modules, "nothing takes the root apart at shutdown"

    def recorded(self, name):
        """The facts of the machine with that root, from the boot that records them. It is done
        once, by who asks first; what failed once is not tried again."""
        with self.lock:
            lock = self.locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self.recordings:
                try:
                    case = matrix.RECORDINGS[name]
                    self.start(case, case.expect + (recording.END,), [self.tools])
                    facts = recording.facts(self.port(case))
                    missing = set(case.root.tags) - set(facts["tags"])
                    assert not missing, "the facts lack %s: %s" % (sorted(missing), facts["tags"])
                    self.recordings[name] = facts
                except Exception as error:
                    self.recordings[name] = error
        if isinstance(self.recordings[name], Exception):
            raise self.recordings[name]
        return self.recordings[name]

    def run(self, case):
        if self.tools and matrix.RECORDINGS.get(case.root_name) is case:
            self.recorded(case.root_name)
        else:
            self.start(case, case.expect)

    def run_recorded(self, case):
        result = report.run_case("boot", case.name, lambda: self.run(case))
        with self.lock:
            identity = case.image.identity()
            self.users[identity] -= 1
            if not self.users[identity] and not self.keep:
                self.builder.drop(case.image)
        return result

    def run_all(self, cases, jobs):
        """The longest first; beside them, one at a time, those that mostly wait. The results."""
        self.users.update(case.image.identity() for case in cases)
        cases = sorted(cases, key=lambda case: not case.root.system)
        waiting = [case for case in cases if case.waits and jobs > 1]
        busy = [case for case in cases if case not in waiting]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool, \
                concurrent.futures.ThreadPoolExecutor(1) as other:
            results = [other.map(self.run_recorded, waiting), pool.map(self.run_recorded, busy)]
            return [result for some in results for result in some]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-directory", default="build", help="where initrdctl was built")
    parser.add_argument("--work", default="/var/tmp/initrdd-test-boot", help="images and logs")
    parser.add_argument("--only", help="a glob, or a part of boot/CASE")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--keep", action="store_true", help="keep images")
    parser.add_argument("--builder", choices=("initrdd", "dracut"), default="initrdd")
    parser.add_argument("--list", action="store_true", help="print the cases")
    return parser.parse_args()


def table(measured):
    print("%-34s %9s %7s %7s %7s %9s %9s %7s" % ("case", "image MB", "drivers", "build", "kernel",
                                                 "switch", "root", "cpu"))
    for row in sorted(measured, key=lambda item: item["case"]):
        times = row["seconds"]
        print("%-34s %9.1f %7s %7.2f %7s %9s %9s %7.1f" % (
            row["case"], row["image_bytes"] / 1e6, row["drivers"] or "-", row["build_seconds"],
            times.get("kernel", "-"), times.get("switch-root", "-"), times.get("root", "-"),
            row["cpu_seconds"]))


def main():
    arg = arguments()
    if arg.only:
        os.environ["INITRDD_TEST_ONLY"] = arg.only
    cases = [case for case in matrix.CASES if report.wanted("boot/" + case.name)]
    if arg.list:
        print("\n".join(case.name for case in cases))
        return 0
    os.makedirs(arg.work, exist_ok=True)
    images = os.path.join(arg.work, "images")
    if os.path.exists(images):
        shutil.rmtree(images)
    make = builder.DracutBuilder(images) if arg.builder == "dracut" \
        else builder.InitrddBuilder(images, arg.build_directory)
    start = time.monotonic()
    make.prepare([case.image for case in cases])
    runner = Runner(make, arg.work, arg.keep, make.tools())
    make.facts = runner.recorded
    # Before anything is built: who copies a system with hard links changes times of its files.
    for case in cases:
        try:
            if case.disks:
                disks.fixture(case.disks, case.root.system)
        except (OSError, RuntimeError) as error:
            # The case tries once more, and has failed then; the others have not.
            print("no disks for boot/%s: %s" % (case.name, error), flush=True)
    results = runner.run_all(cases, arg.jobs)
    table(runner.measured)
    with open(os.path.join(arg.work, "times.json"), "w", encoding="utf-8") as stream:
        json.dump(runner.measured, stream, indent=1)
    print("%d boots in %.0f s" % (len(runner.measured), time.monotonic() - start))
    make.done(arg.keep)
    return 1 if "fail" in results else 0


if __name__ == "__main__":
    sys.exit(main())
