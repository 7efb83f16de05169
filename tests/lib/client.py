# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdctl as a test runs it, and what a test wants to know of an image.

The client is installed once into a directory of the test's own, so that it finds its worker and
its data beside itself, as on a machine.
"""

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import types

from cache import run


def work():
    """The test's own directory, also when it is run by hand."""
    path = os.environ.get("INITRDD_WORK")
    if not path:
        path = os.environ["INITRDD_WORK"] = tempfile.mkdtemp(prefix="initrdd-test-", dir="/var/tmp")
        atexit.register(shutil.rmtree, path, True)
    return path


def install(path):
    """Installs the build beneath `path`; the path of initrdctl."""
    if not os.path.exists(path):
        run("meson", "install", "-C", os.environ["INITRDD_BUILD"], "--no-rebuild", "--quiet",
            "--destdir", path)
    found = subprocess.run(["find", path, "-path", "*/bin/initrdctl"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    return found[0]


@contextlib.contextmanager
def user_directory():
    """A directory that belongs to an ordinary user, who may not be able to get to the others of the
    test: `directory`, `program` and the `prefix` that makes him run it. Needs root."""
    path = tempfile.mkdtemp(prefix="initrdd-test-user-", dir="/var/tmp")
    try:
        os.chmod(path, 0o755)
        program = install(os.path.join(path, "installed"))
        directory = os.path.join(path, "own")
        os.mkdir(directory)
        os.chown(directory, 65534, 65534)
        yield types.SimpleNamespace(
            directory=directory, program=program,
            prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    finally:
        run("rm", "-rf", path)


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        lines = err.splitlines()
        self.warnings = [line for line in lines if line.startswith("initrdctl: warning: ")]
        self.messages = [line for line in lines if line not in self.warnings]
        # One object for each image, or a single one over several lines.
        self.rows = [json.loads(line) for line in out.splitlines() if line.startswith('{"')]
        self.json = self.rows[0] if self.rows else json.loads(out) if out.startswith("{") else None

    def __str__(self):
        return "exit status %s\n%s%s" % (self.status, self.out, self.err)


class Client:
    """What all calls of a test have in common: root, store and output can be given anew for each."""

    def __init__(self, root=None, store=None, output=None, kernel=None, program=None, prefix=(),
                 env=None):
        self.env = dict(os.environ, **(env or {}))
        self.root, self.store, self.output, self.kernel = root, store, output, kernel
        self.program = program or install(os.path.join(work(), "installed"))
        self.prefix = list(prefix)

    def command(self, verb, *more, **options):
        given = dict(root=self.root, store=self.store, output=self.output)
        given.update(options)
        words = self.prefix + [self.program, verb]
        if self.kernel and verb in ("build", "rebuild", "plan") and "kernel" not in given:
            words.append(self.kernel)
        words += ["--%s=%s" % (name.replace("_", "-"), value) for name, value in given.items()
                  if value is not None and name != "kernel"]
        if given.get("kernel"):
            words.append(given["kernel"])
        return words + list(more)

    def run(self, verb, *more, env=None, cwd=None, preexec=None, **options):
        done = subprocess.run(self.command(verb, *more, **options), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", cwd=cwd, preexec_fn=preexec,
                              env=dict(self.env, **(env or {})))
        return Result(done.returncode, done.stdout, done.stderr)

    def build(self, *more, **options):
        """Builds, and fails the case when that fails. What the worker said as its result."""
        result = self.run("build", "--json=short", *more, **options)
        assert result.status == 0 and result.json, str(result)
        return result.json

    def start(self, *more, **options):
        """A build that the caller waits for; in a session of its own."""
        return start(self.command("build", "--json=short", *more, **options), self.env)


def start(words, env=None):
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True, env=env)


def sleep(seconds):
    """To be at a random place of something that runs; never to wait for something to happen."""
    time.sleep(seconds)


def finish(process):
    out, err = process.communicate()
    return Result(process.returncode, out, err)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# Reading an image, by the formats' own documents and by nobody's code but this.

def _zstd_frame_end(data, at):
    """RFC 8878, 3.1.1: magic, frame header, blocks, checksum."""
    descriptor = data[at + 4]
    single, checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
    size_bytes = (single, 2, 4, 8)[descriptor >> 6]
    at += 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + size_bytes
    while True:
        block = int.from_bytes(data[at:at + 3], "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        assert kind < 3, "a reserved zstd block at %d" % at
        at += 3 + (1 if kind == 1 else size)
        if last:
            return at + (4 if checksum else 0)


def _cpio_entries(data, at, entries):
    """Adds one newc archive's entries, which must be whole; where it ends."""
    while True:
        assert data[at:at + 6] == b"070701", "no cpio header at %d" % at
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = data[at + 110:at + 110 + length - 1]
        start = -(-(at + 110 + length) // 4) * 4
        assert start + size <= len(data), "%s is cut off" % name
        at = -(-(start + size) // 4) * 4
        if name == b"TRAILER!!!":
            return at
        entries[name.decode()] = (mode, data[start:start + size])


def _archive(data, entries):
    at = 0
    while at < len(data):
        at = _cpio_entries(data, at, entries)


def _skip_zeros(data, at):
    while at < len(data):
        block = data[at:at + 65536]
        stripped = block.lstrip(b"\0")
        at += len(block) - len(stripped)
        if stripped:
            break
    return at


def entries(path):
    """{path: (mode, content)} of an image of zstd and plain segments, each decoded whole, by the
    zstd program, which checks every checksum. Raises when anything in it is not as it must be."""
    with open(path, "rb") as stream:
        data = stream.read()
    found, frames, at = {}, [], 0
    while (at := _skip_zeros(data, at)) < len(data):
        if data[at:at + 4] == b"(\xb5/\xfd":
            end = _zstd_frame_end(data, at)
            assert end <= len(data), "the image is cut off"
            frames.append(data[at:end])
            at = end
        else:
            at = _cpio_entries(data, at, found)
    done = subprocess.run(["zstd", "-dc"], input=b"".join(frames), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, "zstd: %s" % done.stderr.decode()
    _archive(done.stdout, found)
    assert "init" in found, "the image has no /init"
    return found


PROGRAMS = {b"\x1f\x8b": ["gzip"], b"BZ": ["bzip2"], b"\x5d\0": ["xz", "--format=lzma"],
            b"\xfd7": ["xz"], b"\x89L": ["lzop"], b"\x02!": ["lz4", "-q"], b"(\xb5": ["zstd", "-q"]}


def segments(path):
    """The archives of another tool's image: plain ones in front, and one that may be compressed,
    up to the end of the file."""
    with open(path, "rb") as stream:
        data = stream.read()
    at, found = 0, []
    while (at := _skip_zeros(data, at)) < len(data):
        if data[at:at + 5] != b"07070":
            done = subprocess.run(PROGRAMS[data[at:at + 2]] + ["-dc"], input=data[at:], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            return found + [done.stdout]
        end = _cpio_entries(data, at, {})
        found.append(data[at:end])
        at = end
    return found
