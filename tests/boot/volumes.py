# SPDX-License-Identifier: GPL-2.0-or-later
"""Several paths to one disk, arrays of mainboards, and more kinds of volumes."""

import contextlib
import os
import shutil

import arrays
from case import PATIENT, ROOTS, Root, generic, host, shows
from disks import UUID, fixture
import qemu
import softhsm
import stacks
import storage
import tpm


def _paths(count):
    """As many host adapters, on each the same disk. Its copies are no fixture: all write to it."""
    def attach(images):
        options = ["-blockdev", "driver=raw,node-name=shared,file.driver=file,file.filename=" + images[0]]
        for n in range(count):
            options += ["-device", "virtio-scsi-pci,id=adapter%d" % n,
                        "-device", "scsi-hd,bus=adapter%d.0,drive=shared,serial=shared,"
                        "wwn=0x5000c50015ea71ac,share-rw=on" % n]
        return options

    return attach


_WWID = "35000c50015ea71ac"
# mdadm wants a controller of Intel's for these metadata, or to be told that there is none.
_NO_PLATFORM = "etc/udev/rules.d/10-no-platform.rules"
_IMSM = {"files": {_NO_PLATFORM: b'SUBSYSTEM=="block", ENV{IMSM_NO_PLATFORM}="1"\n'},
         "settings": ("Include=/" + _NO_PLATFORM,)}


def _on(name, source, tags, modules, **options):
    """A root of tests/lib/arrays.py."""
    return Root(name, "root=UUID=" + arrays.SETS[name].uuid + options.pop("words", "")
                + options.pop("patience", PATIENT),
                options.pop("first", ()) + shows("ext4", source, name) + options.pop("then", ()),
                ["fs:ext4"] + tags, modules=modules, **options)


@contextlib.contextmanager
def _tpm(case, work):
    state = os.path.join(work, case.name + ".tpm")
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(os.path.join(fixture("tpm2"), "tpm"), state)
    with tpm.attached(state) as devices:
        yield qemu.Around(devices=devices)
    shutil.rmtree(state)


def _token_files():
    return softhsm.files(os.path.join(fixture("pkcs11"), "token"))


_ASKED = stacks.ASKED
_KEY_OF_ONE = "etc/cryptsetup-keys.d/luks-%s.key" % arrays.LUKS["raid1-on-luks-key"]
_WRITES = (r"^WROTE", r"^MDMON-OF-INITRD")
ROOTS.update({
    "multipath": Root("partition", "root=UUID=" + UUID["ext4"] + PATIENT,
                      shows("ext4", "/dev/mapper/%s-part1" % _WWID, "partition"),
                      ["fs:ext4", "block:dm", "block:part", "block:multipath", "transport:scsi"],
                      modules={"dm", "multipath"}, generic="rd.multipath=default",
                      image={"packages": ("multipath-tools",)}, attach=_paths(2)),
    "dmraid": Root("dmraid", "root=UUID=" + UUID["dmraid"] + PATIENT,
                   shows("ext4", "/dev/mapper/jmicron_root1", "dmraid"),
                   ["fs:ext4", "block:dm", "block:dmraid", "block:part", "transport:ata"],
                   modules={"dm", "dmraid"}, image={"packages": ("dmraid", "kpartx")},
                   attach=qemu.sata),
    "ddf": _on("ddf", "/dev/md\\S+", ["block:md", "block:md-raid1"], {"mdraid"}, then=_WRITES),
    "imsm": _on("imsm", "/dev/md\\S+", ["block:md", "block:md-raid1"], {"mdraid"}, then=_WRITES,
                image=_IMSM, attach=qemu.sata),
    "raid-levels": _on("raid-levels", "/dev/mapper/levelsvg-root",
                       ["block:lvm"] + ["block:md-raid" + level for level in ("0", "4", "6", "10")],
                       {"dm", "lvm", "mdraid"}),
    # The array lacks the disk that is asked for until its timer has run out, and is not started without it.
    # The root's device has less time than that; it begins when nobody is asked any more.
    "raid1-on-luks": _on("raid1-on-luks", "/dev/md\\S+", ["block:md", "block:md-raid1", "block:crypt"],
                         {"dm", "crypt", "mdraid"}, words=" rd.info", patience=" rd.timeout=25",
                         first=(r"Waiting for what systemd-cryptsetup@luks\S+e3.service opens",
                                r"active with 2 out of 2 mirrors"),
                         answers=((r"(?s)[Pp]assphrase for disk .*Waiting for what",
                                   storage.PASSPHRASE),),
                         generic=" ".join("rd.luks.uuid=" + arrays.LUKS[name]
                                          for name in ("raid1-on-luks", "raid1-on-luks-key")),
                         image={"files": {_KEY_OF_ONE: storage.KEY},
                                "settings": ("Include=/" + _KEY_OF_ONE,)}, waits=True),
    "lvm-raid1": _on("lvm-raid1", "/dev/mapper/raidvg-root", ["block:lvm", "block:lvm-raid"],
                     {"dm", "lvm", "lvm-raid"}),
    "lvm-mirror": _on("lvm-mirror", "/dev/mapper/mirrorvg-root",
                      ["block:lvm", "block:lvm-mirror", "block:lvm-snapshot"],
                      {"dm", "lvm", "lvm-mirror", "lvm-snapshot"}),
    "lvm-cache": _on("lvm-cache", "/dev/mapper/cachevg-root", ["block:lvm", "block:lvm-cache"],
                     {"dm", "lvm", "lvm-cache"}),
    "lvm-vdo": _on("lvm-vdo", "/dev/mapper/vdovg-root", ["block:lvm", "block:lvm-vdo"],
                   {"dm", "lvm", "lvm-vdo"}),
    "integrity": Root("integrity", "root=/dev/mapper/checked" + PATIENT,
                      shows("ext4", "/dev/mapper/checked", "integrity"),
                      ["fs:ext4", "block:dm", "block:integrity"], modules={"dm", "integrity"},
                      image={"files": {"etc/integritytab": b"checked /dev/vda\n"}}),
    "hibernate": _on("hibernate", "/dev/mapper/hibernatevg-root",
                     ["block:crypt", "block:lvm", "resume"], {"dm", "lvm", "crypt"},
                     answers=_ASKED, generic="rd.luks.uuid=" + arrays.LUKS["hibernate"],
                     words=" resume=/dev/mapper/hibernatevg-swap"),
    "tpm2": _on("tpm2", "/dev/mapper/luks-\\S+", ["block:crypt", "tpm2"], {"dm", "crypt", "tpm2"},
                generic="rd.luks.uuid=" + arrays.LUKS["tpm2"], around=_tpm,
                words=" " + tpm.COMMAND_LINE,
                image={"packages": arrays.TSS_PACKAGES}),
    "pkcs11": _on("pkcs11", "/dev/mapper/luks-\\S+", ["block:crypt", "pkcs11"],
                  {"dm", "crypt", "pkcs11"}, generic="rd.luks.uuid=" + arrays.LUKS["pkcs11"],
                  answers=((r"(?s)PIN.*: ?(\(press TAB for no echo\) ?)?$", softhsm.PIN),),
                  image={"packages": softhsm.PACKAGES, "files": _token_files}),
})
_HIBERNATES = ROOTS["hibernate"].command_line + " test.hibernate="

# What the older release has no driver for.
NEWER = ("lvm-vdo",)
# Other rows have the host images of these, or what they would show.
GENERIC_ALONE = ("multipath", "imsm", "raid-levels", "raid1-on-luks", "lvm-raid1", "lvm-mirror",
                 "hibernate", "pkcs11")

CASES = [
    # A newer multipath-tools, and volumes on it; a single path would do for them, too.
    generic("debian13-generic-multipath-lvm", "multipath", "debian13", disks="lvm",
            command_line="root=/dev/mapper/lvmvg-root rd.multipath=default" + PATIENT,
            expect=(r"device-mapper: multipath service-time",) +
            shows("ext4", "/dev/mapper/lvmvg-root", "lvm")),
    # Two encrypted disks with the same passphrase, which is typed once.
    generic("luks-one-answer", "raid1-on-luks", image={"files": {}, "settings": ()},
            answers=_ASKED,
            command_line="root=UUID=%s rd.luks.uuid=%s rd.luks.uuid=%s" % (
                arrays.SETS["raid1-on-luks"].uuid, arrays.LUKS["raid1-on-luks"],
                arrays.LUKS["raid1-on-luks-key"]) + PATIENT,
            expect=(r"active with 2 out of 2 mirrors",) + shows("ext4", "/dev/md\\S+", "raid1-on-luks")),
    # Half a minute is waited for the disk that is not there.
    host("degraded-lvm-raid1", "lvm-raid1", members=(1,), waits=True),
    # Switched off, and resumed by the same image.
    host("hibernate", "hibernate", command_line=_HIBERNATES + "1",
         expect=ROOTS["hibernate"].expect + (r"^HIBERNATING", r"Power down"),
         again=[(_HIBERNATES + "2", (r"^RESUMED", r"Power down"), _ASKED)]),
    # What the host has on its list is a path, also when it is the only one.
    host("multipath-one-path", "multipath", attach=_paths(1),
         image={"files": {"etc/multipath/wwids": b"/%s/\n" % _WWID.encode()}}),
]
