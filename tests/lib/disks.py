# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with a fake root on them.

A fake root is busybox and a script as init that prints what is mounted as /, what as /usr, and
the name of the disk, and powers off: enough for systemd to switch to, and three seconds cheaper
than a real system. Identifiers are fixed, so that kernel command lines are constants.

Disks are made without mounting where the file system's tools can do it (ext4, xfs, btrfs on one
device, f2fs, squashfs, erofs); btrfs on two devices needs loop devices, in a mount namespace of
its own. One fixture holds one disk or the set of disks of one machine.
"""

import os
import shutil

import cache
from cache import run

LIBRARY = os.path.dirname(os.path.abspath(__file__))

# The last digits tell what an identifier names.
UUID = {
    "ext4": "11111111-0000-4000-8000-0000000000e4",
    "xfs": "11111111-0000-4000-8000-0000000000f5",
    "btrfs": "11111111-0000-4000-8000-0000000000b7",
    "btrfs-two": "11111111-0000-4000-8000-0000000000b2",
    "usr-root": "11111111-0000-4000-8000-0000000000a0",
    "usr-usr": "11111111-0000-4000-8000-0000000000a1",
    "partition": "22222222-0000-4000-8000-0000000000e4",
    "gpt-root": "22222222-0000-4000-8000-0000000000a0",
    "gpt-esp": "22222222-0000-4000-8000-0000000000ef",
    "disk": "33333333-0000-4000-8000-000000000001",
    "missing": "99999999-0000-4000-8000-000000000000",
}
GUID_LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
GUID_ROOT_X86_64 = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
GUID_ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
MIB = 1024 * 1024


def _write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, mode)


def fake_root(directory, marker, fstab=""):
    """Fills a directory that is not there yet with the tree of a fake root."""
    busybox = shutil.which("busybox")
    for name in ("dev", "proc", "sys", "run", "tmp", "etc", "var", "mnt", "usr/bin", "usr/sbin",
                 "usr/lib"):
        os.makedirs(os.path.join(directory, name))
    for name in ("bin", "sbin", "lib"):
        os.symlink("usr/" + name, os.path.join(directory, name))
    os.symlink("usr/lib", os.path.join(directory, "lib64"))
    shutil.copy(busybox, os.path.join(directory, "usr/bin/busybox"))
    for name in ("sh", "mount", "awk", "cat"):
        os.symlink("busybox", os.path.join(directory, "usr/bin", name))
    init = os.path.join(directory, "usr/sbin/init")
    shutil.copy(os.path.join(LIBRARY, "fakeroot-init"), init)
    os.chmod(init, 0o755)
    # systemd switches only to what calls itself an operating system.
    _write(os.path.join(directory, "usr/lib/os-release"), 'ID=fakeroot\nNAME="Fake root"\n')
    os.symlink("../usr/lib/os-release", os.path.join(directory, "etc/os-release"))
    _write(os.path.join(directory, "etc/fstab"), fstab)
    _write(os.path.join(directory, "marker"), marker + "\n")


def _truncate(path, size):
    with open(path, "wb") as stream:
        stream.truncate(size)


def make_ext4(path, tree, uuid, label):
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-U", uuid, "-d", tree, path, "32M")


def make_xfs(path, tree, uuid, label):
    """From a prototype, mkfs.xfs(8): mkfs.xfs takes no less than 300 MB."""
    prototype = path + ".proto"
    lines = ["/", "0 0", "d--755 0 0"]

    def walk(directory):
        for entry in sorted(os.scandir(directory), key=lambda item: item.name):
            if entry.is_symlink():
                lines.append("%s l--777 0 0 %s" % (entry.name, os.readlink(entry.path)))
            elif entry.is_dir():
                lines.append("%s d--755 0 0" % entry.name)
                walk(entry.path)
                lines.append("$")
            else:
                mode = entry.stat().st_mode & 0o777
                lines.append("%s ---%03o 0 0 %s" % (entry.name, mode, entry.path))

    walk(tree)
    _write(prototype, "\n".join(lines + ["$", ""]))
    _truncate(path, 320 * MIB)
    run("mkfs.xfs", "-q", "-f", "-L", label, "-m", "uuid=" + uuid, "-p", prototype, path)
    os.unlink(prototype)


def make_btrfs(path, tree, uuid, label):
    _truncate(path, 128 * MIB)
    run("mkfs.btrfs", "-q", "-f", "-L", label, "-U", uuid, "--rootdir", tree, path)


def make_btrfs_two(first, second, tree, uuid, label):
    """The two devices hold parts of the one file system: neither can be mounted alone."""
    for path in (first, second):
        _truncate(path, 128 * MIB)
    script = """
        one=$(losetup -f --show "$1"); trap 'losetup -d "$one"' EXIT
        two=$(losetup -f --show "$2"); trap 'losetup -d "$one" "$two"' EXIT
        mkfs.btrfs -q -f -d raid0 -m raid1 -L "$5" -U "$4" "$one" "$two"
        mkdir "$1.mnt"
        mount -o "device=$one,device=$two" "$one" "$1.mnt"
        cp -a "$3/." "$1.mnt/"
        umount "$1.mnt"
        rmdir "$1.mnt"
    """
    run("unshare", "-m", "sh", "-ec", script, "sh", first, second, tree, uuid, label)


def make_partitioned(path, partitions):
    """A GPT disk of (file with the content, type, uuid, name), each at a multiple of a MiB."""
    start, rows, places = 1, ["label: gpt", "label-id: " + UUID["disk"]], []
    for content, kind, uuid, name in partitions:
        size = -(-os.path.getsize(content) // MIB)
        rows.append('start=%dMiB, size=%dMiB, type=%s, uuid=%s, name="%s"'
                    % (start, size, kind, uuid, name))
        places.append((content, start))
        start += size
    _truncate(path, (start + 1) * MIB)
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", path, input="\n".join(rows) + "\n")
    for content, where in places:
        run("dd", "if=" + content, "of=" + path, "bs=1M", "seek=%d" % where,
            "conv=notrunc,sparse", "status=none")


def make_esp(path, executable):
    """A FAT file system with one program, where firmware starts it without a boot entry."""
    size = os.path.getsize(executable) // MIB + 8
    _truncate(path, max(size, 34) * MIB)
    run("mkfs.vfat", "-F", "32", "-n", "ESP", path)
    run("mmd", "-i", path, "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", path, executable, "::/EFI/BOOT/BOOTX64.EFI")


def _tree(directory, marker, **options):
    path = os.path.join(directory, "tree")
    fake_root(path, marker, **options)
    return path


def _ext4(directory):
    make_ext4(os.path.join(directory, "0.img"), _tree(directory, "ext4"), UUID["ext4"], "fakeext4")


def _xfs(directory):
    make_xfs(os.path.join(directory, "0.img"), _tree(directory, "xfs"), UUID["xfs"], "fakexfs")


def _btrfs(directory):
    make_btrfs(os.path.join(directory, "0.img"), _tree(directory, "btrfs"), UUID["btrfs"],
               "fakebtrfs")


def _btrfs_two(directory):
    make_btrfs_two(os.path.join(directory, "0.img"), os.path.join(directory, "1.img"),
                   _tree(directory, "btrfs-two"), UUID["btrfs-two"], "fakebtrfs2")


def _partition(directory):
    content = os.path.join(directory, "root.ext4")
    make_ext4(content, _tree(directory, "partition"), UUID["ext4"], "inpartition")
    make_partitioned(os.path.join(directory, "0.img"),
                     [(content, GUID_LINUX, UUID["partition"], "fakepart")])


def _usr(directory):
    """/ on one disk, with everything that starts in /usr on another, named by fstab."""
    tree = _tree(directory, "usr", fstab="UUID=%s /usr ext4 ro 0 0\n" % UUID["usr-usr"])
    usr = os.path.join(directory, "usr")
    os.rename(os.path.join(tree, "usr"), usr)
    os.mkdir(os.path.join(tree, "usr"))
    make_ext4(os.path.join(directory, "0.img"), tree, UUID["usr-root"], "fakeroot")
    make_ext4(os.path.join(directory, "1.img"), usr, UUID["usr-usr"], "fakeusr")
    shutil.rmtree(usr)


def _gpt_root(directory):
    """The root partition alone; each boot puts it on a disk beside the ESP with its image."""
    make_ext4(os.path.join(directory, "root.ext4"), _tree(directory, "gpt-auto"), UUID["ext4"],
              "gptauto")


MAKERS = {"ext4": _ext4, "xfs": _xfs, "btrfs": _btrfs, "btrfs-two": _btrfs_two,
          "partition": _partition, "usr": _usr, "gpt-root": _gpt_root}


def fixture(name):
    """The directory of a disk fixture: 0.img, 1.img, …"""
    maker = MAKERS[name]

    def make(directory):
        maker(directory)
        shutil.rmtree(os.path.join(directory, "tree"))

    return cache.get("disk-" + name, cache.key("@" + os.path.abspath(__file__),
                                               "@" + os.path.join(LIBRARY, "fakeroot-init")), make)


def images(name):
    directory = fixture(name)
    return [os.path.join(directory, entry) for entry in sorted(os.listdir(directory))
            if entry.endswith(".img")]


def make_uki(path, stub, kernel, initrd, command_line):
    """A unified kernel image: systemd's EFI stub with kernel, initramfs and command line as
    sections. The stub tells the system, through an EFI variable, which partition it was started
    from; systemd-gpt-auto-generator looks for the root on the disk of that partition."""
    text = path + ".cmdline"
    _write(text, command_line)
    # Index, name, size, address, … of each section the stub has; ours go behind the last one,
    # the kernel at the end, where it may run over its section.
    rows = [row.split() for row in run("objdump", "-h", stub).splitlines()]
    at = max(int(row[2], 16) + int(row[3], 16) for row in rows if len(row) == 7 and row[0].isdigit())
    command = ["objcopy"]
    for name, content in ((".cmdline", text), (".initrd", initrd), (".linux", kernel)):
        at = -(-at // 4096) * 4096
        command += ["--add-section", "%s=%s" % (name, content),
                    "--set-section-flags", name + "=data,readonly",
                    "--change-section-vma", "%s=0x%x" % (name, at)]
        at += os.path.getsize(content)
    run(*command, stub, path)
    os.unlink(text)
