# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the images that are booted.

An image is described by an Image; equal ones are built once in a run, by whichever boot asks
first. Images are built from a system in a directory, never from this machine. What a case needs
beside the system (a profile, microcode, initrdd itself) is added to a linked copy of it.

dracut is the second builder, for the comparison of boot times (--builder=dracut). It takes its
programs from this machine; only the kernel is the case's own.
"""

import concurrent.futures
import hashlib
import json
import os
import shutil
import struct
import threading
import time

import cache
import debian
import recording
import report
from cache import run


class Image:
    """`system` and `flavour` name root tree and kernel. `mode` is --mode=, None where the profile
    says it; an image that isn't generic needs `facts`, the name of the root where they are
    recorded (Builder.facts gives them).
    `settings` are --set=; `files` maps paths to content added to the tree, or is a function that
    does; `installed` adds initrdd. With `kernel_dir` no kernel is in the tree, and this one comes from outside.
    `repacked`: the image is extracted and made again of its files, as an ordinary user would
    do it; "dracut": that is one of dracut's. `packages` are installed in the tree beside."""

    def __init__(self, system, flavour="amd64", mode="generic", facts=None, profile="default",
                 settings=(), files=None, installed=False, kernel_dir=False, repacked=None,
                 packages=()):
        self.system, self.flavour, self.mode, self.facts = system, flavour, mode, facts
        self.profile, self.settings, self._files = profile, settings, files or {}
        self.installed, self.kernel_dir, self.repacked = installed, kernel_dir, repacked
        self.packages = packages

    @property
    def files(self):
        return self._files() if callable(self._files) else self._files

    def identity(self):
        text = repr((self.system, self.flavour, self.mode, self.facts, self.profile,
                     self.settings, sorted(self.files.items()), self.installed, self.kernel_dir,
                     self.repacked, self.packages))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class Builder:
    """Builds each Image once, below the directory `work`."""

    def __init__(self, work):
        self.work = work
        self.lock = threading.Lock()
        self.locks = {}
        self.built = {}
        self.facts = None
        os.makedirs(work, exist_ok=True)

    def prepare(self, images):
        """Makes what the images are made from, before any of them is: a hard link changes the
        ctime of what it links to, and that must not happen under a running build."""
        for image in images:
            debian.kernel(image.system, image.flavour)

    def done(self, keep):
        """Removes what was built. Kept trees are removed by the next run."""
        if not keep:
            cache.remove(self.work)

    def image(self, image):
        """(path of the image, Kernel, seconds that the build took). What failed once is not
        tried again: its exception is raised for each boot that needs it."""
        identity = image.identity()
        with self.lock:
            lock = self.locks.setdefault(identity, threading.Lock())
        with lock:
            if identity not in self.built:
                try:
                    kernel = debian.kernel(image.system, image.flavour)
                    path = os.path.join(self.work, identity + ".img")
                    if image.facts:
                        self.facts(image.facts)
                    start = time.monotonic()
                    self.build(image, kernel, path)
                    self.built[identity] = (path, kernel, time.monotonic() - start)
                except Exception as error:
                    self.built[identity] = error
        if isinstance(self.built[identity], Exception):
            raise self.built[identity]
        return self.built[identity]

    def drop(self, image):
        """Nobody boots it any more."""
        built = self.built.get(image.identity())
        if isinstance(built, tuple) and os.path.exists(built[0]):
            os.unlink(built[0])

    def build(self, image, kernel, output):
        raise NotImplementedError

    def tools(self):
        """A disk with what records facts; None: none are."""
        return None

    def drivers(self, path):
        """How many drivers an image has, or None."""
        return None

    def modules(self, path):
        """The names of the modules that an image has, or None."""
        return None


class InitrddBuilder(Builder):
    """initrdctl of a build directory, from a staged install: it finds its worker and the module
    files beside itself, and shows them to a root that has none."""

    def __init__(self, work, build_directory):
        super().__init__(work)
        self.build_directory = os.path.abspath(build_directory)
        self.stage = os.path.join(work, "stage")
        self.initrdctl = os.path.join(self.stage, "usr/bin/initrdctl")
        self.scratch, self.scratch_fd = cache.scratch()

    def install(self, directory):
        run("meson", "install", "-C", self.build_directory, "--no-rebuild", "--quiet",
            "--destdir", directory)

    def tree(self, image):
        """The system; or a linked copy of it with the image's files, or initrdd, added."""
        flavours = () if image.kernel_dir else None
        system = debian.tree(image.system, flavours, image.packages)
        if not image.files and not image.installed:
            return system
        name = hashlib.sha256(repr((flavours, image.packages, image.installed,
                                    sorted(image.files.items()))).encode())
        path = os.path.join(self.scratch, image.system + "-" + name.hexdigest()[:12])
        if not os.path.exists(path):
            debian.copy_linked(system, path)
            if image.installed:
                self.install(path)
            for where, content in image.files.items():
                add_file(os.path.join(path, where), content)
        return path

    def prepare(self, images):
        self.install(self.stage)
        # On a machine without a cache this is mostly waiting for the network.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(debian.tree, sorted({image.system for image in images})))
        super().prepare(images)
        for image in images:
            self.tree(image)

    def done(self, keep):
        super().done(keep)
        if not keep:
            cache.remove(self.scratch)
        os.close(self.scratch_fd)

    def command(self, image, kernel, output):
        command = [self.initrdctl, "--offline", "build",
                   kernel.version, "--root=" + self.tree(image), "--output=" + output,
                   "--store=" + os.path.join(self.work, "store"), "--profile=" + image.profile]
        if image.mode:
            command.append("--mode=" + image.mode)
        if image.facts is not None:
            facts = output + ".facts"
            with open(facts, "w", encoding="utf-8") as stream:
                json.dump(self.facts(image.facts), stream, indent=2, sort_keys=True)
            command.append("--facts=" + facts)
        if image.kernel_dir:
            command.append("--kernel-dir=" + kernel.tree)
        return command + ["--set=" + setting for setting in image.settings]

    def build(self, image, kernel, output):
        original = output + ".original" if image.repacked else output
        if image.repacked == "dracut":
            if not shutil.which("dracut"):
                report.skip("dracut is not installed")
            run(*dracut_command(kernel, original, DracutBuilder.SMALL))
        else:
            run(*self.command(image, kernel, original), env=dict(os.environ, NO_COLOR="1"))
        if image.repacked:
            run(self.initrdctl, "extract", original, output + ".d")
            run(self.initrdctl, "repack", output + ".d", output)
            run("rm", "-rf", original, output + ".d")
        run(self.initrdctl, "--offline", "verify", output)

    def tools(self):
        path = os.path.join(self.work, "tools.tar")
        recording.make_tools(self.initrdctl, self.work, path)
        return path

    def drivers(self, path):
        listed = run(self.initrdctl, "--offline", "files", path).split()
        return sum(word.endswith(".ko") for word in listed)


    def modules(self, path):
        told = json.loads(run(self.initrdctl, "--offline", "inspect", path, "--json=short"))
        return {module["name"] for module in told["modules"]}


def dracut_command(kernel, output, options):
    return ["dracut", "-f", "--quiet", "--no-hostonly", "--kver", kernel.version, "-k",
            os.path.join(kernel.tree, "lib/modules", kernel.version), *options, output]


class DracutBuilder(Builder):
    """dracut with this machine's programs: small and uncompressed for host images, generic and
    zstd as Debian has it otherwise."""

    SMALL = ("--no-compress", "-m", "systemd systemd-initrd dracut-systemd base rootfs-block "
             "udev-rules fs-lib usrmount btrfs kernel-modules",
             "--omit", "systemd-networkd network ifcfg dbus-daemon dbus systemd-sysusers "
             "kernel-network-modules kernel-modules-extra",
             "--drivers", "virtio_pci virtio_blk ext4 xfs btrfs crc32c_generic crc32c-intel efivarfs vfat")

    def build(self, image, kernel, output):
        options = self.SMALL if image.mode == "host" else ("--zstd", "--omit", "ifcfg")
        run(*dracut_command(kernel, output, options))


def add_file(path, content):
    """Into a linked copy: what is there is replaced, never written to. (content, mode), or content
    alone."""
    content, mode = content if isinstance(content, tuple) else (content, 0o644)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "wb") as stream:
        stream.write(content)
    os.chmod(path, mode)


def intel_microcode(signature=0x50654, payload=2000):
    """An update of the form that the kernel's loader and ours accept (Intel SDM 3A, 9.11.1): a
    header of 48 bytes, the payload, all 32-bit words together 0. It updates nothing."""
    def header(checksum):
        return struct.pack("<9I12x", 1, 1, 0x01012020, signature, checksum, 1, 1, payload,
                           payload + 48)
    body = bytes(payload)
    total = sum(struct.unpack("<%dI" % ((payload + 48) // 4), header(0) + body)) & 0xffffffff
    return header(-total & 0xffffffff) + body


def amd_microcode(patch=960):
    """A container with an equivalence table of one processor and one patch for it."""
    table = struct.pack("<IIIHH", 0x00800f12, 0, 0, 0x8012, 0) + bytes(16)
    body = struct.pack("<II", 0x01012020, 0x08001200) + bytes(16) + struct.pack("<H", 0x8012)
    body += bytes(patch - len(body))
    return (struct.pack("<III", 0x00414d44, 0, len(table)) + table
            + struct.pack("<II", 1, len(body)) + body)


def early_entries(path):
    """{name: content} of the uncompressed newc archive that an image starts with; {} if it
    starts with something else. Format: the kernel's early-userspace/buffer-format document."""
    entries = {}
    with open(path, "rb") as stream:
        data = stream.read()
    at = 0
    while data[at:at + 6] == b"070701":
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        size, length = fields[6], fields[11]
        name = data[at + 110:at + 110 + length - 1].decode()
        start = -(-(at + 110 + length) // 4) * 4
        if name == "TRAILER!!!":
            break
        entries[name] = data[start:start + size]
        at = -(-(start + size) // 4) * 4
    return entries


MAGICS = {"zstd": b"(\xb5/\xfd", "xz": b"\xfd7zXZ\0", "gzip": b"\x1f\x8b", "lz4": b"\x02!L\x18",
          "none": b"070701"}


def starts_with(path, compression):
    with open(path, "rb") as stream:
        return stream.read(6).startswith(MAGICS[compression])
