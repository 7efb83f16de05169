# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks whose roots lie on LVM, RAID and LUKS, made by the real tools.

Kernels that tests run on need not have device-mapper or md, and who runs tests need not be root there:
so a guest makes them, the builder. It starts from a small initramfs: busybox, the tools of the
Debian base (tests/lib/debian.py), and the drivers. All sets are made in one run, some seconds of
emulation, and kept in one fixture. LAYOUT has the disks of each set, SCRIPT what is done to them;
there "$1", "$2", … are the set's disks, and `fill DEVICE` puts a fake root with the set's
name as its marker on a device. More sets, each of them a fixture, are in arrays.py.

Keys are derived with few iterations: to emulate a real derivation would take longer than the boot.
"""

import contextlib
import glob
import os
import shutil
import uuid

import cache
import debian
import qemu
import softhsm
import tpm
from cache import run

MIB = 1024 * 1024
PASSPHRASE = "correct horse"
KEY = b"k" * 64
UUID = {
    "lvm": "55555555-0000-4000-8000-000000000001",
    "thin": "55555555-0000-4000-8000-000000000002",
    "raid1": "55555555-0000-4000-8000-000000000003",
    "raid5": "55555555-0000-4000-8000-000000000004",
    "luks": "55555555-0000-4000-8000-000000000005",
    "luks1": "55555555-0000-4000-8000-000000000006",
    "header": "55555555-0000-4000-8000-000000000007",
    "stack": "55555555-0000-4000-8000-000000000008",
    "keys": "55555555-0000-4000-8000-000000000009",
}
# What the layers below those file systems are called.
LUKS = {name: "66666666-0000-4000-8000-00000000000%d" % i
        for i, name in enumerate(("luks", "luks1", "header", "stack"))}
MD = {"raid1": "77777777:00004000:80000000:00000001",
      "raid5": "77777777:00004000:80000000:00000005",
      "stack": "77777777:00004000:80000000:00000008"}
LAYOUT = {"lvm": 1, "thin": 1, "raid1": 2, "raid5": 3, "luks": 2, "luks1": 1, "header": 2, "stack": 2}
SIZE = 48 * MIB
# A whole system on LVM on LUKS on RAID1; its file system is there already and is copied.
SYSTEM_UUID = "66666666-0000-4000-8000-0000000000d0"
SYSTEM_MD = "77777777:00004000:80000000:000000d0"
SYSTEM_DISKS = 2

SCRIPTS = {
    "lvm": """
        lvm vgcreate lvmvg $1
        lvm lvcreate -qq -y -Wn -Zn -l 50%FREE -n root lvmvg
        lvm lvcreate -qq -y -Wn -Zn -l 50%FREE -n other lvmvg
        fill /dev/mapper/lvmvg-root
        lvm vgchange -an lvmvg
    """,
    "thin": """
        lvm vgcreate thinvg $1
        lvm lvcreate -qq -y -Zn --type thin-pool -L 32M --poolmetadatasize 4M -n pool thinvg
        lvm lvcreate -qq -y -V 32M --thinpool pool -n root thinvg
        fill /dev/mapper/thinvg-root
        lvm lvcreate -qq -y -V 16M --thinpool pool -n changes thinvg
        /usr/sbin/mke2fs -q -t ext4 -L changes /dev/mapper/thinvg-changes
        lvm vgchange -an thinvg
    """,
    "raid1": """
        mdadm --create /dev/md1 --run --assume-clean --metadata=1.2 --uuid=%(md)s --homehost=any \
                --name=one --level=1 --raid-devices=2 $1 $2
        fill /dev/md1
        mdadm --stop /dev/md1
    """,
    "raid5": """
        mdadm --create /dev/md5 --run --assume-clean --metadata=1.2 --uuid=%(md)s --homehost=any \
                --name=five --level=5 --raid-devices=3 $1 $2 $3
        fill /dev/md5
        mdadm --stop /dev/md5
    """,
    # The second disk is a stick with the key.
    "luks": """
        luks luks2 %(luks)s $1
        cryptsetup luksAddKey $fast --key-file /passphrase $1 /key
        cryptsetup open --key-file /key $1 x
        fill /dev/mapper/x
        cryptsetup close x
        mkdir /stick
        cp /key /stick/luks.key
        /usr/sbin/mke2fs -q -t ext4 -L keys -U %(keys)s -d /stick $2
    """,
    "luks1": """
        luks luks1 %(luks)s $1
        cryptsetup open --key-file /passphrase $1 x
        fill /dev/mapper/x
        cryptsetup close x
    """,
    # The second disk is the header alone, on a file system.
    "header": """
        truncate -s 16M /header.img
        luks luks2 %(luks)s $1 --header /header.img
        cryptsetup open --key-file /passphrase --header /header.img $1 x
        fill /dev/mapper/x
        cryptsetup close x
        mkdir /headers
        cp /header.img /headers/header.img
        /usr/sbin/mke2fs -q -t ext4 -L headers -d /headers $2
    """,
    "stack": """
        mdadm --create /dev/md8 --run --assume-clean --metadata=1.2 --uuid=%(md)s --homehost=any \
                --name=eight --level=1 --raid-devices=2 $1 $2
        luks luks2 %(luks)s /dev/md8
        cryptsetup open --key-file /passphrase /dev/md8 x
        lvm vgcreate stackvg /dev/mapper/x
        lvm lvcreate -qq -y -Wn -Zn -l 100%%FREE -n root stackvg
        fill /dev/mapper/stackvg-root
        lvm vgchange -an stackvg
        cryptsetup close x
        mdadm --stop /dev/md8
    """,
}

SYSTEM_SCRIPT = """
        mdadm --create /dev/md9 --run --assume-clean --metadata=1.2 --uuid=%s --homehost=any \
                --name=nine --level=1 --raid-devices=2 $1 $2
        luks luks2 %s /dev/md9
        cryptsetup open --key-file /passphrase /dev/md9 x
        lvm vgcreate systemvg /dev/mapper/x
        lvm lvcreate -qq -y -Wn -Zn -l 100%%FREE -n root systemvg
        dd if=$3 of=/dev/mapper/systemvg-root bs=1M
        lvm vgchange -an systemvg
        cryptsetup close x
        mdadm --stop /dev/md9
""" % (SYSTEM_MD, SYSTEM_UUID)

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /usr/bin
export PATH=/usr/sbin:/usr/bin
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /run/lock /run/cryptsetup /run/mdadm
if sh -eux /job; then echo BUILDER-OK; else echo BUILDER-FAILED; fi
sync
poweroff -f
"""
JOB = """
for driver in %(drivers)s; do modprobe $driver; done
n=0
until [ -b /dev/%(last)s ] || [ $n -gt 100 ]; do sleep 0.1; n=$((n+1)); done
printf '%(passphrase)s' >/passphrase
printf '%(key)s' >/key
fast="--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --batch-mode"
luks() {
        type=$1 uuid=$2 device=$3
        shift 3
        cryptsetup luksFormat $fast --type $type --uuid $uuid --key-file /passphrase "$@" $device
}
"""
# cryptsetup finds the kernel's ciphers by AF_ALG.
DRIVERS = ("crc32c_generic", "libcrc32c", "virtio_pci", "virtio_blk", "ext4", "dm-mod", "dm-crypt",
           "dm-thin-pool", "raid1", "raid456", "xts", "ecb", "cbc", "aes_generic", "sha256_generic",
           "algif_skcipher", "algif_hash")
PROGRAMS = ("/sbin/lvm", "/sbin/mdadm", "/sbin/cryptsetup", "/sbin/mke2fs", "/usr/sbin/thin_check")
# What the programs load when they run.
LIBRARIES = ("/lib/x86_64-linux-gnu/libgcc_s.so.1",)


def _copy(tree, path, target):
    """A file at its path in the tree, without the links on the way there."""
    source = os.path.realpath(os.path.join(tree, path.lstrip("/")))
    if not source.startswith(os.path.realpath(tree)):
        source = tree + os.path.realpath(path)
    where = os.path.join(target, "usr" + path if not path.startswith("/usr/") else path[1:])
    os.makedirs(os.path.dirname(where), exist_ok=True)
    if not os.path.exists(where):
        shutil.copy(source, where)


def _libraries(tree, path):
    return [word for word in run("chroot", tree, "ldd", path).split() if word.startswith("/")]


def _builder(directory, fake_root, job, kernel, more=None):
    """The builder's initramfs, with what one Set needs beside."""
    packages, system = (more.packages, more.system) if more else ((), "debian12")
    tree = debian.with_packages(system, packages) if packages else debian.base(system)
    target = os.path.join(directory, "builder")
    programs = PROGRAMS + (more.programs if more else ())
    for name in ("dev", "proc", "sys", "run", "tmp", "etc", "usr/bin", "usr/sbin", "usr/lib",
                 "usr/lib64", "var"):
        os.makedirs(os.path.join(target, name))
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink("usr/" + name, os.path.join(target, name))
    for path in programs + LIBRARIES + (more.libraries if more else ()):
        _copy(tree, path, target)
    for path in programs + (more.libraries if more else ()):
        for library in _libraries(tree, path):
            _copy(tree, library, target)
    shutil.copy(shutil.which("busybox"), os.path.join(target, "usr/bin/busybox"))
    os.symlink("../bin/busybox", os.path.join(target, "usr/sbin/modprobe"))
    modules = os.path.join("lib/modules", kernel.version)
    for driver in DRIVERS + (more.drivers if more else ()):
        for line in run("modprobe", "-d", kernel.tree, "-S", kernel.version, "--show-depends",
                        driver).splitlines():
            path = line.split()[1] if line.startswith("insmod") else None
            if path:
                where = os.path.join(target, "usr", os.path.relpath(path, kernel.tree))
                os.makedirs(os.path.dirname(where), exist_ok=True)
                shutil.copy(path, where)
                if where.endswith(".xz") and not os.path.exists(where[:-3]):
                    run("xz", "-d", where)
    for path in glob.glob(os.path.join(kernel.tree, modules, "modules.[ob]*")):
        if os.path.isfile(path):
            shutil.copy(path, os.path.join(target, "usr", modules))
    run("/sbin/depmod", "-b", target, kernel.version)
    # Nobody but lvm itself makes nodes there.
    os.mkdir(os.path.join(target, "etc/lvm"))
    _write(os.path.join(target, "etc/lvm/lvm.conf"), "activation { udev_sync=0 udev_rules=0 }\n")
    fake_root(os.path.join(target, "data"), "builder")
    if more and more.tells:
        _add_to_init(os.path.join(target, "data/usr/sbin/init"), more.tells)
    _write(os.path.join(target, "init"), INIT, 0o755)
    _write(os.path.join(target, "job"), job)
    output = os.path.join(directory, "builder.cpio")
    run("sh", "-c", "cd \"$1\" && find . | cpio --quiet -o -H newc >\"$2\"", "sh", target, output)
    cache.remove(target)
    return output


def _write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, mode)


def _add_to_init(path, text):
    """What a fake root does beside, once it has said what it is."""
    with open(path, encoding="utf-8") as stream:
        lines = stream.readlines()
    where = 1 + next(i for i, line in enumerate(lines) if line.startswith('echo "MARKER'))
    _write(path, "".join(lines[:where] + [text] + lines[where:]), 0o755)


def _names(count, prefix="/dev/vd"):
    return [prefix + "abcdefghijklmnopqrstuvwxyz"[i] for i in range(count)]


def _begin(last, drivers=()):
    return JOB % {"drivers": " ".join(DRIVERS + drivers), "last": last[5:], "passphrase": PASSPHRASE,
                  "key": KEY.decode()}


def _make_one(name, uuid, disks, script):
    fill = "echo %s >/data/marker; /usr/sbin/mke2fs -q -F -t ext4 -L fake%s -U %s -d /data $1" % (
        name, name, uuid)
    return "fill() { %s; }\nset -- %s\n%s\necho MADE-%s\n" % (fill, " ".join(disks), script, name)


def _job():
    names = _names(sum(LAYOUT.values()))
    text = _begin(names[-1])
    for name, count in LAYOUT.items():
        own, names = names[:count], names[count:]
        script = SCRIPTS[name]
        if "%(" in script:
            script %= {"luks": LUKS.get(name), "md": MD.get(name), "keys": UUID["keys"]}
        text += _make_one(name, UUID[name], own, script)
    return text


def _empty_disks(directory, count, size):
    paths = [os.path.join(directory, "%d.img" % i) for i in range(count)]
    for path in paths:
        with open(path, "wb") as stream:
            stream.truncate(size)
    return paths


class Set:
    """Disks that are a fixture of their own, which a builder of their own makes: the sets above
    cost one boot for all, and these, of which each needs other drivers and programs, are made anew
    only when they change. `script` is as in SCRIPTS, `tells` is added to the fake root's init;
    `packages` are those that programs and libraries of the builder come from. With `sata` the disks
    are such, and have serial numbers; with `tpm` there is a TPM, whose memory is in the directory
    "tpm" of the fixture. With `token` there is one of PKCS#11 in the directory "token", which is
    enrolled in the first disk. The builder is of `system`, kernel and programs."""

    def __init__(self, name, disks, script, size=SIZE, tells="", drivers=(), programs=(),
                 libraries=(), packages=(), sata=False, tpm=False,
                 token=False, system="debian12"):
        self.name, self.disks, self.script, self.size, self.tells = name, disks, script, size, tells
        self.drivers, self.programs, self.libraries = drivers, programs, libraries
        self.packages, self.sata, self.tpm, self.token = packages, sata, tpm, token
        self.system = system
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name + ".storage.initrdd.test"))

    def key(self):
        return repr(sorted(vars(self).items()))


def make_set(directory, fake_root, one):
    kernel = debian.kernel(one.system)
    paths = _empty_disks(directory, one.disks, one.size)
    names = _names(one.disks, "/dev/sd" if one.sata else "/dev/vd")
    job = _begin(names[-1], one.drivers) + _make_one(one.name, one.uuid, names, one.script)
    initrd = _builder(directory, fake_root, job, kernel, one)
    devices = qemu.sata(paths) if one.sata else []
    state = os.path.join(directory, "tpm")
    if one.tpm:
        os.mkdir(state)
    with tpm.attached(state) if one.tpm else contextlib.nullcontext([]) as more:
        _run(directory, initrd, kernel, () if one.sata else paths, devices + more)
    if one.token:
        softhsm.enroll(directory, os.path.join(directory, "token"), PASSPHRASE)


def make(directory, fake_root):
    """Fills a directory with a directory for each set."""
    kernel = debian.kernel("debian12")
    paths = []
    for name, count in LAYOUT.items():
        os.mkdir(os.path.join(directory, name))
        paths += _empty_disks(os.path.join(directory, name), count, SIZE)
    _run(directory, _builder(directory, fake_root, _job(), kernel), kernel, paths)


def make_system(directory, fake_root, filesystem, size):
    """Disks 0.img and 1.img, with what the image file `filesystem` holds as a logical volume on LUKS
    on an array of the two."""
    kernel = debian.kernel("debian12")
    paths = [os.path.join(directory, "%d.img" % i) for i in range(SYSTEM_DISKS)]
    for path in paths:
        with open(path, "wb") as stream:
            stream.truncate(size)
    names = _names(len(paths) + 1)
    job = "%sset -- %s\n%s" % (_begin(names[-1]), " ".join(names), SYSTEM_SCRIPT)
    _run(directory, _builder(directory, fake_root, job, kernel), kernel, paths + [filesystem])


def _run(directory, initrd, kernel, paths, devices=()):
    boot = qemu.Boot(kernel.vmlinux, initrd, "console=ttyS0 panic=-1 " + tpm.COMMAND_LINE, paths,
                     memory=1536, devices=devices, snapshot=False)
    log = os.path.join(directory, "builder.log")
    result = qemu.run(boot, log, (r"BUILDER-OK", r"Power down"),
                      (r"BUILDER-FAILED", r"Kernel panic"), timeout=300)
    if result.error:
        raise RuntimeError("%s\n%s" % (result.error, result.tail()))
    os.unlink(initrd)
