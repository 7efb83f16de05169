# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of tests, in one form for every suite.

A suite is a list of named cases. A case is a function: it passes when it returns, fails when it
raises, and is skipped, with a reason, when it calls skip(). Each result is one line of JSON
appended to the file that INITRDD_TEST_RESULTS names, so that many processes can write to it at
once and tools/test counts what really ran. A line has

    suite, name   strings; "suite/name" is what --only= is matched with
    result        "pass", "fail" or "skip"
    seconds       wall time
    detail        the reason of a failure or a skip, else ""

Without the variable the results are only printed, so a test can be run by hand.
"""

import fnmatch
import json
import os
import sys
import time
import traceback

RESULTS = ("pass", "fail", "skip")


class Skip(Exception):
    """Raised by skip(): the case can't be run here."""


def skip(reason):
    raise Skip(reason)


def wanted(full_name):
    """Whether the pattern of --only= (a glob, or a part of the name) lets the case run."""
    pattern = os.environ.get("INITRDD_TEST_ONLY", "")
    return not pattern or pattern in full_name or fnmatch.fnmatchcase(full_name, pattern)


def record(suite, name, result, seconds=0.0, detail=""):
    """Prints one result and appends it to the results file. Safe from several threads and
    processes: one write() to a file opened for appending. What --only= leaves out counts only
    when it fails."""
    assert result in RESULTS
    if result != "fail" and not wanted("%s/%s" % (suite, name)):
        return
    line = {"suite": suite, "name": name, "result": result,
            "seconds": round(seconds, 3), "detail": detail}
    text = "%s  %s/%s  (%.1f s)" % (result.upper(), suite, name, seconds)
    if result == "skip":
        text += ": " + detail
    elif result == "fail":
        text += "".join("\n      " + row for row in detail.splitlines())
    print(text, flush=True)
    path = os.environ.get("INITRDD_TEST_RESULTS")
    if path:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, (json.dumps(line, sort_keys=True) + "\n").encode())
        finally:
            os.close(fd)


def run_case(suite, name, function):
    """Runs one function as a case and records it. Returns the result."""
    start = time.monotonic()
    result, detail = "pass", ""
    try:
        function()
    except Skip as reason:
        result, detail = "skip", str(reason)
    except AssertionError as error:
        result = "fail"
        where = traceback.extract_tb(error.__traceback__)[-1]
        detail = "%s (%s:%d)" % (str(error) or where.line, os.path.basename(where.filename),
                                 where.lineno)
    except Exception:  # a broken test is a failed test
        result, detail = "fail", traceback.format_exc().rstrip()
    record(suite, name, result, time.monotonic() - start, detail)
    return result


class Suite:
    """Cases in the order of their declaration:

        suite = report.Suite("engine/store")

        @suite.case("nothing-changed")
        def _():
            assert build() == "unchanged", "the second build wrote"

        sys.exit(suite.run())
    """

    def __init__(self, name):
        self.name = name
        self.cases = []

    def case(self, name):
        def add(function):
            self.cases.append((name, function))
            return function
        return add

    def run(self):
        """Runs what --only= selects. The exit status: 1 if anything failed, else 0."""
        results = [run_case(self.name, name, function) for name, function in self.cases
                   if wanted("%s/%s" % (self.name, name))]
        return 1 if "fail" in results else 0


def load(path):
    """The results in a file, in the order in which they were written."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def main(argv):
    """report.py SUITE NAME pass|fail|skip [DETAIL…]: records one result, for tests in shell."""
    if len(argv) < 4 or argv[3] not in RESULTS:
        print("usage: report.py SUITE NAME pass|fail|skip [DETAIL…]", file=sys.stderr)
        return 2
    record(argv[1], argv[2], argv[3], 0.0, " ".join(argv[4:]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
