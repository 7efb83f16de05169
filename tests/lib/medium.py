# SPDX-License-Identifier: GPL-2.0-or-later
"""Media of live systems: the tree of a root in an image in a file system.

The fake roots count how often they were started, in a file of their root, and say so: whether it is
kept shows whether an overlay was.
"""

import os
import shutil

import cache
from cache import run

LIBRARY = os.path.dirname(os.path.abspath(__file__))
MIB = 1024 * 1024
UUID = {
    "ext4": "55555555-0000-4000-8000-0000000000e4",
    "overlay": "55555555-0000-4000-8000-0000000000a0",
    "inner": "55555555-0000-4000-8000-0000000000a1",
    "other": "55555555-0000-4000-8000-0000000000f0",
    "found": "55555555-0000-4000-8000-0000000000f1",
    "counted": "55555555-0000-4000-8000-0000000000c0",
}
COUNTING_INIT = """#!/bin/sh
exec </dev/console >/dev/console 2>&1
echo started >>/started
busybox sync
echo "STARTED $(busybox wc -l </started)"
exec /usr/sbin/fakeroot-init
"""


def _squashfs(tree, image):
    run("mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress", "-processors", "1",
        "-comp", "zstd", "-Xcompression-level", "1")


def _erofs(tree, image):
    run("mkfs.erofs", "--quiet", image, tree)


def _ext4(image, tree, uuid, label, size):
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-U", uuid, "-d", tree, image, size)


def _iso(image, tree, label):
    run("genisoimage", "-quiet", "-R", "-V", label, "-o", image, tree)


def _vfat(image, files, label, size):
    with open(image, "wb") as stream:
        stream.truncate(size)
    run("mkfs.vfat", "-n", label, image)
    run("mmd", "-i", image, "::/LiveOS")
    for name in files:
        run("mcopy", "-i", image, name, "::/LiveOS/" + os.path.basename(name))


def path(directory):
    """A medium that is no disk of the machine."""
    return os.path.join(directory, "medium.raw")


class Maker:
    """`fake_root` of disks.py, `debian_tree` a function that makes the tree of a system."""

    def __init__(self, directory, fake_root, debian_tree):
        self.directory, self.fake_root, self.debian_tree = directory, fake_root, debian_tree
        self.medium = os.path.join(directory, "medium")
        os.makedirs(os.path.join(self.medium, "LiveOS"))

    def image(self, number):
        return os.path.join(self.directory, "%d.img" % number)

    def tree(self, marker):
        tree = os.path.join(self.directory, "tree")
        self.fake_root(tree, marker)
        init = os.path.join(tree, "usr/sbin/init")
        os.rename(init, os.path.join(tree, "usr/sbin/fakeroot-init"))
        with open(init, "w", encoding="ascii") as stream:
            stream.write(COUNTING_INIT)
        os.chmod(init, 0o755)
        return tree

    def cd(self):
        """The usual: squashfs on a disc."""
        _squashfs(self.tree("live-cd"), os.path.join(self.medium, "LiveOS/squashfs.img"))
        _iso(path(self.directory), self.medium, "LIVE CD")

    def disk(self):
        """erofs with names of its own on ext4, and a disk for what is written."""
        os.mkdir(os.path.join(self.medium, "images"))
        _erofs(self.tree("live-disk"), os.path.join(self.medium, "images/root.erofs"))
        _ext4(self.image(0), self.medium, UUID["ext4"], "livedisk", "32M")
        empty = os.path.join(self.directory, "empty")
        os.mkdir(empty)
        _ext4(self.image(1), empty, UUID["overlay"], "persistent", "32M")
        os.rmdir(empty)

    def stick(self):
        """A file system in a squashfs on vfat."""
        inner = os.path.join(self.directory, "inner")
        os.makedirs(os.path.join(inner, "LiveOS"))
        _ext4(os.path.join(inner, "LiveOS/rootfs.img"), self.tree("live-stick"), UUID["inner"],
              "inner", "16M")
        image = os.path.join(self.directory, "squashfs.img")
        _squashfs(inner, image)
        _vfat(path(self.directory), [image], "LIVESTICK", 32 * MIB)
        shutil.rmtree(inner)
        os.unlink(image)

    def found(self):
        """A disc of Debian's form, as a file among others on a disk; another disk has none."""
        iso = os.path.join(self.directory, "iso")
        os.makedirs(os.path.join(iso, "live"))
        os.mkdir(os.path.join(self.medium, "isos"))
        _squashfs(self.tree("live-found"), os.path.join(iso, "live/filesystem.squashfs"))
        _iso(os.path.join(self.medium, "isos/live.iso"), iso, "INFILE")
        shutil.rmtree(iso)
        _ext4(self.image(0), os.path.join(self.medium, "LiveOS"), UUID["other"], "other", "8M")
        _ext4(self.image(1), self.medium, UUID["found"], "isos", "32M")

    def counted(self):
        """No medium: an ordinary root that counts."""
        _ext4(self.image(0), self.tree("counted"), UUID["counted"], "counted", "32M")

    def system(self, system):
        """A whole Debian."""
        tree = self.debian_tree(self.directory, system, "live-" + system, "")
        _squashfs(tree, os.path.join(self.medium, "LiveOS/squashfs.img"))
        _iso(path(self.directory), self.medium, "DEBIAN")

    def make(self, name, system):
        if system:
            self.system(system)
        else:
            getattr(self, name[5:])()
        cache.remove(self.medium)


NAMES = ("live-cd", "live-disk", "live-stick", "live-found", "live-counted", "live-system")


def key_parts():
    return ["@" + os.path.abspath(__file__), "@" + os.path.join(LIBRARY, "fakeroot-init")]


def cdrom(image):
    return ["-drive", "file=%s,format=raw,if=none,id=cd,media=cdrom,readonly=on" % image,
            "-device", "ide-cd,drive=cd"]


def usb_stick(image):
    return ["-drive", "file=%s,format=raw,if=none,id=stick,snapshot=on" % image,
            "-device", "qemu-xhci", "-device", "usb-storage,drive=stick,removable=on"]
