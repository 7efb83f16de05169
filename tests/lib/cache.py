# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache of fixtures: directories that are costly to make and the same for every run.

A fixture is a directory NAME@KEY, where KEY is a hash of what it is made from. It is made in a
directory .tmp-NAME@KEY beside it, under a lock of its own, and renamed into place when it is whole:
two runs never make the same one twice, and a run that is cut short leaves nothing that looks
finished. What it leaves is swept away by the next that holds the lock. A fixture of the same name
with another key is removed once no run has used it for a day.

The directory is INITRDD_TEST_CACHE, else /var/tmp/initrdd-test. It can be removed at any time
that no test runs; that is also how newer packages are taken.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
import time

UNUSED_SECONDS = 24 * 3600


def directory():
    path = os.environ.get("INITRDD_TEST_CACHE") or "/var/tmp/initrdd-test"
    os.makedirs(path, exist_ok=True)
    return path


def key(*parts):
    """A short hash of strings; a part "@/path" stands for the content of that file."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode()
        if data.startswith(b"@/"):
            with open(data[1:], "rb") as stream:
                data = stream.read()
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()[:12]


def run(*command, **options):
    """Runs a command; what it printed is in the exception when it fails."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise RuntimeError("%s: exit status %d\n%s"
                           % (" ".join(str(word) for word in command), done.returncode,
                              "\n".join(done.stdout.splitlines()[-40:])))
    return done.stdout


@contextlib.contextmanager
def lock(name):
    path = os.path.join(directory(), ".lock-" + name)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def scratch():
    """A new directory on the same file system as the fixtures, for linked copies of them, and the
    descriptor that keeps it: once that is closed, or its process gone, the next call of anyone
    removes it."""
    with lock("scratch"):
        for entry in os.listdir(directory()):
            path = os.path.join(directory(), entry)
            if not entry.startswith(".run-"):
                continue
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(path)
            except BlockingIOError:
                pass
            finally:
                os.close(fd)
        path = tempfile.mkdtemp(prefix=".run-", dir=directory())
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX)
    return path, fd


def remove(path):
    run("rm", "-rf", "--", path)


def _sweep(name, keep):
    for entry in os.listdir(directory()):
        path = os.path.join(directory(), entry)
        if entry.startswith(".tmp-%s@" % name):
            remove(path)
        elif entry.startswith(name + "@") and entry != keep:
            if time.time() - os.stat(path).st_mtime > UNUSED_SECONDS:
                remove(path)


def get(name, fixture_key, make):
    """The directory of a fixture, made by make(directory) if it isn't there."""
    entry = "%s@%s" % (name, fixture_key)
    path = os.path.join(directory(), entry)
    with lock(name):
        if not os.path.isdir(path):
            _sweep(name, entry)
            temporary = os.path.join(directory(), ".tmp-" + entry)
            os.mkdir(temporary, 0o755)
            start = time.monotonic()
            print("making fixture %s" % name, flush=True)
            try:
                make(temporary)
            except BaseException:
                remove(temporary)
                raise
            os.rename(temporary, path)
            print("made fixture %s in %.1f s" % (name, time.monotonic() - start), flush=True)
        os.utime(path)
    return path
