# SPDX-License-Identifier: GPL-2.0-or-later
"""The contestants: initrdctl, the other builders as they are on this machine, and plain copying."""

import json
import os
import re
import shutil
import subprocess
import sys

from measure import Failed, run


class Initrdctl:
    """Builds with a store and an output in `place`, and with `settings` on top."""

    def __init__(self, program, place, version, root=None, kernel_dir=None, settings=()):
        self.store = os.path.join(place, "store")
        self.image = os.path.join(place, "image")
        self.start = [program]
        self.end = ["--mode=generic", "--store=" + self.store, "--quiet"]
        self.end += ["--kernel-dir=" + kernel_dir] if kernel_dir else []
        self.end += ["--root=" + root] if root else []
        self.end += ["--set=" + setting for setting in settings]
        self.version = version
        os.makedirs(place, exist_ok=True)

    def argv(self, *options, version=None, image=None, verb="build"):
        return self.start + [verb, version or self.version,
                             "--output=" + (image or self.image)] + self.end + list(options)

    def build(self, *options, **names):
        return run(self.argv(*options, **names))

    def clear(self):
        shutil.rmtree(self.store, ignore_errors=True)
        for path in (self.image, self.image + ".old"):
            if os.path.exists(path):
                os.unlink(path)

    def told(self, *options):
        """What a build says of itself."""
        argv = [word for word in self.argv(*options) if word != "--quiet"] + ["--json=short"]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise Failed(done.stderr.decode(errors="replace").strip())
        return json.loads(done.stdout)

    def recompress(self):
        return run(self.start + ["gc", "--recompress", "--quiet", "--store=" + self.store])


class Peer:
    """Another builder. It keeps nothing from one run to the next, so it has one cost."""

    def __init__(self, name, argv, image, env=None):
        self.name, self.argv, self.image, self.env = name, argv, image, env

    def build(self):
        return run(self.argv, env=self.env)

    def drivers(self):
        return drivers_of(self.image)


def dracut(work, version):
    """As Debian has it, for every machine, and compressed as --zstd does (level 15)."""
    image = os.path.join(work, "dracut.img")
    return Peer("dracut --zstd", ["dracut", "--quiet", "--force", "--no-hostonly", "--zstd",
                                  "--tmpdir", work, image, version], image)


def mkinitramfs(work, version):
    """With Debian's own configuration: MODULES=most, zstd."""
    image = os.path.join(work, "mkinitramfs.img")
    return Peer("mkinitramfs", ["mkinitramfs", "-o", image, version], image,
                dict(os.environ, TMPDIR=work))


def booster(work, version, program):
    image = os.path.join(work, "booster.img")
    config = os.path.join(work, "booster.yaml")
    with open(config, "w", encoding="ascii") as stream:
        stream.write("universal: true\ncompression: zstd\n")
    return Peer("booster", [program, "build", "--force", "--config", config, "--kernel-version",
                            version, image], image)


ENTRY = re.compile(rb"07070[12]([0-9A-Fa-f]{104})")


def _segments(data):
    """The archives of an image, decompressed, whatever it is made of."""
    at = 0
    while at < len(data):
        if data[at] == 0:
            at += 4 - at % 4
            continue
        if data[at:at + 5] == b"07070":
            end = _archive_end(data, at)
            yield data[at:end]
            at = end
            continue
        program = {b"\x28\xb5": "zstd", b"\x1f\x8b": "gzip", b"\xfd7": "xz"}.get(data[at:at + 2])
        if not program:
            raise Failed("an image is not understood at byte %d" % at)
        # The next frame of ours begins at a multiple of 4096, behind zeros.
        end = at + 4096 - at % 4096
        while end < len(data) and not (data[end - 1] == 0 and data[end:end + 2] == data[at:at + 2]):
            end += 4096
        done = subprocess.run([program, "-dcq"], input=data[at:end].rstrip(b"\0") + bytes(8),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        yield done.stdout
        at = end


def _entries(data, at=0):
    while True:
        while at < len(data) and data[at] == 0:
            at += 1
        match = ENTRY.match(data, at)
        if not match:
            return
        size, name_size = (int(match.group(1)[n:n + 8], 16) for n in (48, 88))
        name = data[at + 110:at + 110 + name_size].rstrip(b"\0")
        at = (at + 110 + name_size + 3) & ~3
        at = (at + size + 3) & ~3
        yield name.decode(errors="replace"), size, at
        if name == b"TRAILER!!!" and not data[at:at + 512].strip(b"\0").startswith(b"0707"):
            return


def _archive_end(data, at):
    for _, _, end in _entries(data, at):
        at = end
    return at


def contents_of(image):
    """{path: size} of what is in an image. Another process looks: what is measured afterwards begins
    with the memory of this one."""
    done = subprocess.run([sys.executable, __file__, image], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def _contents(image):
    with open(image, "rb") as stream:
        data = stream.read()
    found = {}
    for archive in _segments(data):
        found.update((name.lstrip("./"), size) for name, size, _ in _entries(archive))
    found.pop("TRAILER!!!", None)
    return found


def drivers_of(image):
    """Names of the drivers in an image."""
    found = set()
    for path in contents_of(image):
        match = re.search(r"([^/]+)\.ko(\.\w+)?$", path)
        if match:
            found.add(match.group(1).replace("-", "_"))
    return found


if __name__ == "__main__":
    json.dump(_contents(sys.argv[1]), sys.stdout)
