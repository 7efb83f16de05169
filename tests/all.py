#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds, runs every suite, and counts.

In this order, each stage going on when the one before failed, as far as it can:

    build/gcc, build/sanitize, build/clang   three builds; warnings are errors in all of them
    unit, fuzz, lint, …    the tests that meson knows, of the gcc build
    unit-sanitize, …       unit and fuzz again with AddressSanitizer and UBSan
    engine                 programs tests/engine/test-*: image builds, the client without a bus
    bus                    programs tests/bus/test-*: the service on a bus of its own
    system                 programs tests/system/test-*: the service as it is installed; of these
                           three suites, two programs run at a time
    boot                   tests/boot: images started in QEMU

Results come from meson's own log and from the results file that the other suites append to
(tests/lib/report.py). Nothing is counted that did not run; a stage that should have written
results and did not is a failure.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARY = os.path.join(SOURCE, "tests/lib")
sys.path.insert(0, LIBRARY)

import report

# Of one program, by its suite.
TIMEOUTS = {"engine": 900, "bus": 1200, "system": 1800}
# Which of them run with no other beside, and which are begun first.
ALONE = {"bus/load"}
LONGEST = {"system/upgrade-boot", "system/kernel-package"}
# One program's results stand together.
PRINTING = threading.Lock()
# All of what can be installed is, for the tests to look at.
INSTALLED = "-Dkernel-hooks=debian,kernel-install,pacman"
BOOT_TIMEOUT = 3000
MESON_RESULTS = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


class Run:
    """One run of everything: where it builds and what was asked for."""

    def __init__(self, arg):
        self.arg = arg
        self.top = os.path.abspath(arg.directory or os.path.join(SOURCE, "build-test"))
        self.logs = os.path.join(self.top, "logs")
        self.results = os.path.join(self.top, "results.jsonl")
        os.makedirs(self.logs, exist_ok=True)
        if os.path.exists(self.results):
            os.unlink(self.results)
        os.environ["INITRDD_TEST_RESULTS"] = self.results
        # What a suite makes for itself and nobody needs afterwards.
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.environ["PYTHONPATH"] = LIBRARY
        if arg.only:
            os.environ["INITRDD_TEST_ONLY"] = arg.only

    def build_directory(self, name):
        return os.path.join(self.top, name)

    def command(self, log, *command, env=None, timeout=None):
        """Runs a command in a session of its own, its output in a log; the exit status, or the
        text "timeout"."""
        with open(os.path.join(self.logs, log), "ab") as stream:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream,
                                       stderr=subprocess.STDOUT, cwd=SOURCE,
                                       start_new_session=True, env=dict(os.environ, **(env or {})))
            try:
                return process.wait(timeout)
            except subprocess.TimeoutExpired:
                return "timeout"
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def tail(self, log, count=40):
        with open(os.path.join(self.logs, log), encoding="utf-8", errors="replace") as stream:
            return "".join(stream.readlines()[-count:]).rstrip()


def say(text):
    print("== " + text, flush=True)


def build(run, name, options, env=None):
    """Configures and compiles one build directory. Whether it worked; recorded as build/NAME."""
    say("build: " + name)
    directory, log = run.build_directory(name), "build-%s.log" % name
    open(os.path.join(run.logs, log), "wb").close()
    start = time.monotonic()
    status = 0
    if not os.path.exists(os.path.join(directory, "build.ninja")):
        shutil.rmtree(directory, ignore_errors=True)
        status = run.command(log, "meson", "setup", *options, directory, SOURCE, env=env)
    if status == 0:
        status = run.command(log, "ninja", "-k", "0", "-C", directory)
    detail = "" if status == 0 else "exit status %s\n%s" % (status, run.tail(log))
    report.record("build", name, "pass" if status == 0 else "fail", time.monotonic() - start, detail)
    return status == 0


def meson_suites(run, name):
    """{suite: [names]} of the tests in a build directory."""
    done = subprocess.run(["meson", "introspect", "--tests", run.build_directory(name)],
                          stdout=subprocess.PIPE, text=True, check=True)
    suites = {}
    for test in json.loads(done.stdout):
        suite = test["suite"][0].split(":")[-1] or "meson"
        suites.setdefault(suite, []).append(test["name"])
    return suites


def meson_test(run, name, suite, tests, suffix="", env=None):
    """Runs one suite of meson's and records each test of it."""
    shown = suite + suffix
    wanted = {test for test in tests if report.wanted("%s/%s" % (shown, test))}
    if not wanted:
        return
    say("%s: %d tests" % (shown, len(wanted)))
    log, base = "%s.log" % shown, "testlog-" + shown
    directory = run.build_directory(name)
    path = os.path.join(directory, "meson-logs", base + ".json")
    if os.path.exists(path):
        os.unlink(path)
    run.command(log, "meson", "test", "-C", directory, "--no-rebuild", "--suite", suite,
                "--logbase", base, env=env)
    seen = set()
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream if line.strip()]
        for row in rows:
            test = re.sub(r"^.*( / |:)", "", row["name"])
            if test not in wanted:
                continue
            seen.add(test)
            result = MESON_RESULTS.get(row["result"], "fail")
            output = (row.get("stdout") or "") + (row.get("stderr") or "")
            detail = "" if result == "pass" else \
                "\n".join([row["result"]] + output.splitlines()[-40:])
            if result == "skip":
                detail = (output.strip().splitlines() or ["it says no reason"])[-1]
            report.record(shown, test, result, row.get("duration") or 0.0, detail)
    for test in sorted(wanted - seen):
        report.record(shown, test, "fail", 0.0, "meson ran it not\n" + run.tail(log))


def program_test(run, suite, name, path):
    """One program of tests/SUITE. What it records is counted; a program that records nothing is
    itself the case, by its exit status (77: skipped)."""
    start = time.monotonic()
    log = "%s-%s.log" % (suite, name)
    work = os.path.join(run.top, "work", suite + "-" + name)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    own = os.path.join(run.logs, "%s-%s.jsonl" % (suite, name))
    if os.path.exists(own):
        os.unlink(own)
    status = run.command(log, path, timeout=TIMEOUTS[suite], env={
        "INITRDD_BUILD": run.build_directory("gcc"), "INITRDD_SOURCE": SOURCE,
        "INITRDD_WORK": work, "INITRDD_TEST_RESULTS": own})
    seconds = time.monotonic() - start
    with PRINTING:
        say("%s: %s" % (suite, name))
        rows = report.load(own)
        for row in rows:
            report.record(**row)
        if status == 77 and not rows:
            report.record(suite, name, "skip", seconds,
                          (run.tail(log, 1) or "it says no reason"))
        elif status != 0 and not any(row["result"] == "fail" for row in rows):
            report.record(suite, name, "fail", seconds,
                          "exit status %s\n%s" % (status, run.tail(log)))
        elif not rows:
            report.record(suite, name, "pass", seconds)
    if not run.arg.keep:
        shutil.rmtree(work, ignore_errors=True)


def programs(run, suite):
    """(name, path) of those that may have a wanted case. The cases of test-NAME are
    SUITE/NAME/…, so a pattern with a slash says which programs it may mean; one without may mean
    a case of any."""
    directory, found = os.path.join(SOURCE, "tests", suite), []
    for entry in sorted(os.listdir(directory)):
        path = os.path.join(directory, entry)
        if not entry.startswith("test-") or not os.access(path, os.X_OK):
            continue
        name, only = entry[len("test-"):], run.arg.only or ""
        full = "%s/%s" % (suite, name)
        if "/" not in only or full in only or report.wanted(full):
            found.append((name, path))
    return found


def program_tests(run):
    """Two programs at a time, the longest first, but for those that measure."""
    found = [(suite,) + each for suite in TIMEOUTS for each in programs(run, suite)]
    found.sort(key=lambda each: "%s/%s" % each[:2] not in LONGEST)
    alone = [each for each in found if "%s/%s" % each[:2] in ALONE]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: program_test(run, *each),
                      [each for each in found if each not in alone]))
    for each in alone:
        program_test(run, *each)


def boots(run):
    """tests/boot records its own results; they are shown as they come."""
    if run.arg.quick:
        report.record("boot", "all", "skip", 0.0, "--quick was given")
        return
    runner = os.path.join(SOURCE, "tests/boot/run.py")
    command = [sys.executable, runner]
    listed = subprocess.run(command + ["--list"], stdout=subprocess.PIPE, text=True, check=True)
    if not listed.stdout.strip():
        return
    say("boot: %d cases" % len(listed.stdout.split()))
    before = len(report.load(run.results))
    command += ["--build-directory", run.build_directory("gcc"),
                "--work", os.path.join(run.top, "boot")] + (["--keep"] if run.arg.keep else [])
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = process.wait(BOOT_TIMEOUT)
    except subprocess.TimeoutExpired:
        status = "timeout after %d s" % BOOT_TIMEOUT
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    rows = report.load(run.results)[before:]
    if len(rows) < len(listed.stdout.split()) or (
            status != 0 and not any(row["result"] == "fail" for row in rows)):
        report.record("boot", "all", "fail", 0.0, "ended early: %s" % status)


def summary(run):
    """The last lines; the exit status."""
    rows = report.load(run.results)
    count = {result: sum(row["result"] == result for row in rows) for result in report.RESULTS}
    for result in ("skip", "fail"):
        for row in rows:
            if row["result"] == result:
                first = (row["detail"].splitlines() or [""])[0]
                print("%s  %s/%s: %s" % (result.upper(), row["suite"], row["name"], first))
    print("%d passed, %d failed, %d skipped" % (count["pass"], count["fail"], count["skip"]),
          flush=True)
    return 1 if count["fail"] or not count["pass"] else 0


def arguments():
    parser = argparse.ArgumentParser(prog="tools/test", description="Runs every test.")
    parser.add_argument("--quick", action="store_true", help="no boots")
    parser.add_argument("--only", metavar="PATTERN",
                        help="cases whose SUITE/NAME has PATTERN in it or matches it as a glob")
    parser.add_argument("--keep", action="store_true", help="keep images and work directories")
    parser.add_argument("--no-deps", action="store_true", help="install nothing")
    parser.add_argument("--directory", help="where to build; default build-test in the source")
    return parser.parse_args()


def main():
    run = Run(arguments())
    if build(run, "gcc", [INSTALLED]):
        suites = meson_suites(run, "gcc")
        for suite in sorted(suites, key=lambda name: (name != "unit", name)):
            meson_test(run, "gcc", suite, suites[suite])
        again = [suite for suite in ("unit", "fuzz") if any(
            report.wanted("%s-sanitize/%s" % (suite, test)) for test in suites.get(suite, []))]
        if again and build(run, "sanitize", ["-Db_sanitize=address,undefined"]):
            for suite in again:
                meson_test(run, "sanitize", suite, suites[suite], "-sanitize", SANITIZERS)
        # With libFuzzer, so that its targets are compiled as they are fuzzed. It is for the warnings,
        # and nothing of it runs.
        if report.wanted("build/clang"):
            build(run, "clang", ["-Dfuzz=true", "-Db_sanitize=address,undefined",
                                 "-Doptimization=0"], {"CC": "clang"})
        program_tests(run)
        boots(run)
    return summary(run)


if __name__ == "__main__":
    sys.exit(main())
