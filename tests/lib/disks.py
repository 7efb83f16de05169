# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with a fake root on them.

A fake root is busybox and a script as init that prints what is mounted as /, what as /usr, and
the name of the disk, and powers off: enough for systemd to switch to, and three seconds cheaper
than a real system. Identifiers are fixed, so that kernel command lines are constants.

A Debian root is the system that images are built from, with a unit that prints the same at the end of
the real thing: what systemd does with a root after the switch is part of the answer there.

Disks are made without mounting where the file system's tools can do it (ext4, xfs, btrfs on one
device, f2fs, squashfs, erofs); btrfs on two devices needs loop devices, in a mount namespace of
its own. One fixture holds one disk or the set of disks of one machine.
"""

import os
import shutil
import struct

import arrays
import cache
import debian
import medium
import softhsm
import storage
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
    "debian": "44444444-0000-4000-8000-0000000000a0",
    "debian-usr": "44444444-0000-4000-8000-0000000000a1",
    "f2fs": "11111111-0000-4000-8000-0000000000f2",
    "verity": "11111111-0000-4000-8000-0000000000fe",
    "dmraid": "11111111-0000-4000-8000-0000000000da",
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


def make_ext4(path, tree, uuid, label, size="32M", options=()):
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-U", uuid, "-d", tree, *options, path, size)


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


def make_f2fs(path, tree, uuid, label):
    _truncate(path, 64 * MIB)
    run("mkfs.f2fs", "-q", "-f", "-l", label, "-U", uuid, path)
    run("sload.f2fs", "-f", tree, path)


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
        # Else the kernel takes the next that is made for more of the same.
        btrfs device scan --forget "$one" "$two"
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


def _f2fs(directory):
    make_f2fs(os.path.join(directory, "0.img"), _tree(directory, "f2fs"), UUID["f2fs"], "fakef2fs")


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


def _verity(directory):
    """A root, and the tree of its blocks' hashes, of which the uppermost is in the file root-hash."""
    data, tree = os.path.join(directory, "0.img"), os.path.join(directory, "1.img")
    # dm-verity's blocks are of 4096 bytes, and a file system's may not be smaller.
    make_ext4(data, _tree(directory, "verity"), UUID["verity"], "fakeverity", options=("-b", "4096"))
    for line in run("veritysetup", "format", data, tree).splitlines():
        if line.startswith("Root hash:"):
            _write(os.path.join(directory, "root-hash"), line.split()[-1])


def jmicron(number, disks, sectors):
    """What JMicron's firmware writes into the last sector of each disk of a mirror: the words of 16 bits
    of its 128 bytes are together 0. As dmraid reads it (lib/format/ataraid/jm.h there)."""
    identities = [(n + 1) << 4 for n in range(disks)]
    def sector(checksum):
        return struct.pack("<2sHH10xI IIH2x 16sBBH4x 2I 8I 32x", b"JM", 1, checksum,
                           identities[number], 0, sectors // 65536, sectors % 65536, b"root", 1, 5,
                           0, 0, 0, *identities, *[0] * (8 - disks))
    return sector(-sum(struct.unpack("<64H", sector(0))) & 0xffff)


def _dmraid(directory):
    """A mirror with a partition; each disk alone looks like a disk with that partition."""
    content, whole = os.path.join(directory, "root.ext4"), os.path.join(directory, "0.img")
    make_ext4(content, _tree(directory, "dmraid"), UUID["dmraid"], "fakedmraid")
    make_partitioned(whole, [(content, GUID_LINUX, UUID["partition"], "fakepart")])
    os.unlink(content)
    sectors = os.path.getsize(whole) // 512
    shutil.copy(whole, os.path.join(directory, "1.img"))
    for number in range(2):
        path = os.path.join(directory, "%d.img" % number)
        os.truncate(path, 40 * MIB)
        with open(path, "r+b") as stream:
            stream.seek(40 * MIB - 512)
            stream.write(jmicron(number, 2, sectors))


def root_hash():
    with open(os.path.join(fixture("verity"), "root-hash"), encoding="ascii") as stream:
        return stream.read()


# The system is started as far as basic.target: log-in prompts would take the console away.
STARTED_TARGET = """[Unit]
Description=The system, and a word of it
Requires=basic.target
Wants=started.service
After=basic.target started.service
AllowIsolate=yes
"""
STARTED_SERVICE = """[Unit]
Description=Tells what was started
[Service]
Type=oneshot
ExecStart=/etc/started
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
"""


def _debian_tree(directory, system, marker, fstab):
    """A linked copy of a system's base. Only new files are written."""
    path = os.path.join(directory, "tree")
    debian.copy_linked(debian.base(system), path)
    etc = os.path.join(path, "etc")
    shutil.copy(os.path.join(LIBRARY, "debian-started"), os.path.join(etc, "started"))
    os.chmod(os.path.join(etc, "started"), 0o755)
    _write(os.path.join(path, "marker"), marker + "\n")
    units = os.path.join(etc, "systemd/system")
    _write(os.path.join(units, "started.target"), STARTED_TARGET)
    _write(os.path.join(units, "started.service"), STARTED_SERVICE)
    os.symlink("started.target", os.path.join(units, "default.target"))
    # The root has no drivers of its own to do this with.
    os.symlink("/dev/null", os.path.join(units, "systemd-binfmt.service"))
    # debootstrap leaves a comment there, in a file that is linked.
    os.unlink(os.path.join(etc, "fstab"))
    _write(os.path.join(etc, "fstab"), fstab)
    return path


def _debian(directory, system="debian12"):
    tree = _debian_tree(directory, system, system, "UUID=%s / ext4 defaults 0 1\n" % UUID["debian"])
    make_ext4(os.path.join(directory, "0.img"), tree, UUID["debian"], system, "640M")


def _debian_usr(directory, system="debian12"):
    tree = _debian_tree(directory, system, system + "-usr",
                        "UUID=%s / ext4 defaults 0 1\nUUID=%s /usr ext4 defaults 0 2\n"
                        % (UUID["debian"], UUID["debian-usr"]))
    usr = os.path.join(directory, "usr")
    os.rename(os.path.join(tree, "usr"), usr)
    os.mkdir(os.path.join(tree, "usr"))
    make_ext4(os.path.join(directory, "0.img"), tree, UUID["debian"], "root", "256M")
    make_ext4(os.path.join(directory, "1.img"), usr, UUID["debian-usr"], "usr", "640M")
    shutil.rmtree(usr)


def _debian_luks(directory, system="debian12"):
    """LVM on LUKS on RAID1, with a crypttab that tells of it."""
    tree = _debian_tree(directory, system, system + "-luks",
                        "/dev/mapper/systemvg-root / ext4 defaults 0 1\n")
    table = os.path.join(tree, "etc/crypttab")
    if os.path.lexists(table):
        os.unlink(table)
    _write(table, "cryptroot UUID=%s none luks,discard\n" % storage.SYSTEM_UUID)
    content = os.path.join(directory, "root.ext4")
    make_ext4(content, tree, UUID["debian"], system, "640M")
    storage.make_system(directory, fake_root, content, 680 * MIB)
    os.unlink(content)


def _export(directory):
    """No disk: a directory that a server shows, called root."""
    fake_root(os.path.join(directory, "root"), "export")


def _debian_export(directory, system="debian12"):
    os.rename(_debian_tree(directory, system, system + "-export", ""), os.path.join(directory, "root"))


MAKERS = {"export": _export, "ext4": _ext4, "xfs": _xfs, "btrfs": _btrfs, "btrfs-two": _btrfs_two, "f2fs": _f2fs,
          "partition": _partition, "usr": _usr, "gpt-root": _gpt_root, "verity": _verity,
          "dmraid": _dmraid}
DEBIAN_MAKERS = {"debian": _debian, "debian-usr": _debian_usr, "debian-luks": _debian_luks,
                 "debian-export": _debian_export}


def _storage():
    """The fixture with all the sets of storage.py: one boot makes them."""
    key = cache.key("@" + os.path.abspath(storage.__file__),
                    "@" + os.path.join(LIBRARY, "fakeroot-init"), debian.base("debian12"))
    return cache.get("disk-storage", key, lambda directory: storage.make(directory, fake_root))


def _set(one):
    sources = [storage.__file__, os.path.join(LIBRARY, "fakeroot-init")]
    sources += [softhsm.__file__] if one.token else []
    key = cache.key(one.key(), debian.base(one.system),
                    *("@" + os.path.abspath(path) for path in sources))
    return cache.get("disk-" + one.name, key,
                     lambda directory: storage.make_set(directory, fake_root, one))


def fixture(name, system=None):
    """The directory of a disk fixture: 0.img, 1.img, … With a system, of a root that is it."""
    if name in storage.LAYOUT:
        return os.path.join(_storage(), name)
    if name in arrays.SETS:
        return _set(arrays.SETS[name])
    parts = ["@" + os.path.abspath(__file__)]
    if name in medium.NAMES:
        parts += medium.key_parts()
    if system:
        parts += ["@" + os.path.join(LIBRARY, "debian-started"), debian.base(system)]
        if name == "debian-luks":
            parts.append("@" + os.path.abspath(storage.__file__))
    else:
        parts.append("@" + os.path.join(LIBRARY, "fakeroot-init"))

    def make(directory):
        if name in medium.NAMES:
            medium.Maker(directory, fake_root, _debian_tree).make(name, system)
        elif system:
            DEBIAN_MAKERS[name](directory, system)
        else:
            MAKERS[name](directory)
        cache.remove(os.path.join(directory, "tree"))

    label = "disk-%s-%s" % (name, system) if system else "disk-" + name
    return cache.get(label, cache.key(*parts), make)


def images(name, system=None):
    directory = fixture(name, system)
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
