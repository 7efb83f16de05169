# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes, arrays, encryption, and stacks of them, on local disks."""

from case import PATIENT, ROOTS, Root, generic, host, shows
from disks import root_hash
from qemu import FAILURES
import storage


def _on(name, source, tags, modules, command_line=None, **options):
    """A root of tests/lib/storage.py; the answer to any question is the passphrase. What is encrypted is decrypted
    by the processor's own instructions, which the emulated one has, too."""
    fast = (r"^CIPHERS .*\bxts-aes-(aesni|vaes)\S*",) if "block:crypt" in tags else ()
    return Root(name, (command_line or "root=UUID=" + storage.UUID[name]) + PATIENT,
                fast + shows("ext4", source, name), ["fs:ext4"] + tags, modules=modules, **options)


ASKED = ((r"(?s)[Pp]assphrase for disk .*: ?(\(press TAB for no echo\) ?)?$", storage.PASSPHRASE),)


def _luks(name):
    return "rd.luks.uuid=" + storage.LUKS[name]


ROOTS.update({
    "lvm": _on("lvm", "/dev/mapper/lvmvg-root", ["block:dm", "block:lvm"], {"dm", "lvm"},
               "root=/dev/mapper/lvmvg-root"),
    "thin": _on("thin", "/dev/mapper/thinvg-root", ["block:lvm", "block:lvm-thin"],
                {"dm", "lvm", "lvm-thin"}),
    "raid1": _on("raid1", "/dev/md\\S+", ["block:md", "block:md-raid1"], {"mdraid"}),
    "raid5": _on("raid5", "/dev/md\\S+", ["block:md", "block:md-raid5"], {"mdraid"}),
    "luks": _on("luks", "/dev/mapper/luks-\\S+", ["block:dm", "block:crypt"], {"dm", "crypt"},
                answers=ASKED, generic=_luks("luks")),
    "luks1": _on("luks1", "/dev/mapper/named", ["block:dm", "block:crypt"], {"dm", "crypt"},
                 answers=ASKED, generic="rd.luks.name=%s=named" % storage.LUKS["luks1"]),
    "stack": _on("stack", "/dev/mapper/stackvg-root",
                 ["block:md", "block:md-raid1", "block:crypt", "block:lvm"],
                 {"dm", "lvm", "crypt", "mdraid"}, "root=/dev/mapper/stackvg-root",
                 answers=ASKED, generic=_luks("stack")),
    "verity": Root("verity", lambda: "root=/dev/mapper/root ro roothash=%s systemd.verity_root_data="
                   "/dev/vda systemd.verity_root_hash=/dev/vdb" % root_hash() + PATIENT,
                   shows("ext4", "/dev/mapper/root", "verity"), ["fs:ext4", "block:verity"],
                   modules={"dm", "verity"}),
    "debian12-luks": Root("debian-luks", "root=/dev/mapper/systemvg-root "
                          "systemd.condition-needs-update=no" + PATIENT,
                          shows("ext4", "/dev/mapper/systemvg-root", "debian12-luks .* failed=0"),
                          ["fs:ext4", "block:crypt", "block:lvm", "block:md-raid1"],
                          system="debian12", answers=ASKED,
                          modules={"dm", "lvm", "crypt", "mdraid"},
                          generic="rd.luks.name=%s=cryptroot" % storage.SYSTEM_UUID),
})

_LUKS_UUID = storage.LUKS["luks"]
_WRONG = ((ASKED[0][0], "wrong horse"),) * 3 + ASKED
_MISSING = "66666666-0000-4000-8000-0000000000ff"
_KEY = storage.KEY
_KEY_IN_ROOT = {"etc/keys/root.key": _KEY,
                "etc/crypttab": ("cryptroot UUID=%s /etc/keys/root.key luks,x-initrd.attach\n"
                                 % _LUKS_UUID).encode()}
_NAMED_KEY = "etc/cryptsetup-keys.d/luks-%s.key" % _LUKS_UUID
CASES = [
    # Changes are kept on a thin volume, of the pool that the root is in.
    host("overlay-on-thin", "thin",
         command_line=ROOTS["thin"].command_line + " rd.overlay=/dev/mapper/thinvg-changes:/of/today",
         expect=(r"ROOT-OK overlay LiveOS_rootfs .*\bupperdir=/run/initramfs/overlayfs/of/today\b",
                 r"MARKER thin\b")),
    # Half a minute is waited for the disk that is not there.
    host("degraded-raid1", "raid1", members=(1,), waits=True),
    generic("degraded-raid5", "raid5", members=(0, 2), waits=True),
    # systemd would give up after three.
    host("luks-wrong-passphrase", "luks", answers=_WRONG),
    # An encrypted disk that isn't there: one limit, not one for it and one more for what would be on it; and
    # what is done then.
    generic("luks-missing", "luks", answers=(), failures=(r"Kernel panic",),
            command_line="root=/dev/mapper/nowhere-root rd.timeout=15 rd.shell=0 rd.emergency=poweroff "
            "rd.luks.uuid=" + _MISSING,
            image={"settings": ("Emergency=locked",)},
            # The middle of what is longer than the console is cut out.
            expect=(r"Timed out waiting for .*(%s|%s)" % (_MISSING[:8], _MISSING[-12:]),
                    r"The device /dev/mapper/nowhere-root is not there, and nothing is left to be opened",
                    r"The boot can't go on:", r"A report is in /run/initrdd/report.txt",
                    r"reboot: Power down")),
    # A key in the image, where systemd looks by itself. What PID 1 and udev have to say is on the console, until
    # the switch of roots.
    host("luks-key-included", "luks", answers=(), command_line=ROOTS["luks"].command_line + " rd.debug",
         expect=(r"systemd-udevd\[\d+\]: vda: Device ready for processing",
                 r"systemd\[1\]: dev-vda.device: Changed dead -> plugged",
                 r"systemd\[1\]: initrdd-debug-end.service: Changed dead -> start") + ROOTS["luks"].expect,
         image={"files": {_NAMED_KEY: _KEY}, "settings": ("Include=/" + _NAMED_KEY,)}),
    # A key that crypttab says belongs to the initrd, in a generic image.
    generic("luks-key-attached", "luks", answers=(), image={"files": _KEY_IN_ROOT},
             command_line=ROOTS["luks"].command_line,
             expect=shows("ext4", "/dev/mapper/cryptroot", "luks")),
    # Names and files on other devices, by the kernel command line alone; one image, no question.
    generic("luks-key-on-stick", "luks", answers=(),
             command_line="%s %s rd.luks.key=%s=/luks.key:LABEL=keys" % (
                 ROOTS["luks"].command_line, _luks("luks"), _LUKS_UUID)),
    generic("luks-header-on-stick", "luks", disks="header",
             command_line="root=UUID=%(fs)s rd.luks.name=%(luks)s=apart rd.luks.data=%(luks)s=/dev/vda "
                          "rd.luks.options=%(luks)s=header=/header.img:LABEL=headers" % {
                              "fs": storage.UUID["header"], "luks": storage.LUKS["header"]}
             + PATIENT,
             expect=shows("ext4", "/dev/mapper/apart", "header")),
    # What is resumed from might be behind the passphrase, and is not there: the boot goes on.
    generic("luks-cryptopts", "luks", waits=True,
            command_line="root=UUID=%s rd.timeout=40 resume=LABEL=away cryptopts=target=typed,source=UUID=%s" % (
                storage.UUID["luks"], _LUKS_UUID),
            expect=(r"The device /dev/disk/by-label/away is not there, and nothing is left to be opened",)
            + shows("ext4", "/dev/mapper/typed", "luks")),
    # A newer systemd, lvm2, mdadm and cryptsetup; and what dracut's users type.
    generic("debian13-generic-lvm", "lvm", "debian13",
             command_line=ROOTS["lvm"].command_line + " rd.lvm.lv=lvmvg/root rd.md=0 rd.skipfsck "
             "rd.driver.pre=loop rd.driver.post=xfs",
             expect=(r"loop: module loaded", r"virtio_blk virtio0", r"SGI XFS with")
             + ROOTS["lvm"].expect, failures=FAILURES + (r"fakelvm: clean",)),
    generic("debian13-generic-luks", "luks", "debian13"),
    generic("debian13-generic-raid1", "raid1", "debian13",
             command_line=ROOTS["raid1"].command_line + " rd.md.uuid=" + storage.MD["raid1"]),
    host("debian13-host-stack", "stack", "debian13"),
    # A shell before the root is mounted, and on with the boot when it is left.
    host("break", "lvm", command_line=ROOTS["lvm"].command_line + " rd.break=pre-mount",
          image={"settings": ("Emergency=open",)}, expect=(r"SHELL-42",) + ROOTS["lvm"].expect,
          failures=(r"Kernel panic",),
          answers=((r"(?s)Press Enter for maintenance.*: $", ""),
                   (r"# $", "echo SHELL-$((40+2)); exit"))),
]
