# SPDX-License-Identifier: GPL-2.0-or-later
"""What is booted, as a table: one Case a row. README.md says why these rows."""

from builder import Image, amd_microcode, early_entries, intel_microcode, starts_with
from disks import UUID, root_hash
import storage
from qemu import FAILURES


class Root:
    """A way to have a root: the disks, what the command line says of it (or a function that says
    so), what the started system must say, and the tags that must be among the facts that are
    recorded there. With `system` it is a Debian that starts to the end, else a fake root
    (tests/lib/disks.py). `answers` are to what a boot of it asks; `modules` are all that a host
    image of it may have of STORAGE_MODULES. What an image must be told on the kernel command line
    when it has nothing from the machine is `generic`."""

    def __init__(self, disks, command_line, expect, tags, system=None, firmware=False, answers=(),
                 modules=None, generic=""):
        self.disks, self.command_line, self.expect, self.tags = disks, command_line, expect, tags
        self.system, self.firmware, self.answers = system, firmware, answers
        self.modules, self.generic = modules, generic


def _is(kind, source, marker):
    return (r"ROOT-OK %s %s " % (kind, source), r"MARKER %s\b" % marker)


def _uuid(name):
    return "root=UUID=" + UUID[name]


# A busy machine that emulates takes more than systemd's 90 seconds to have such a root.
_PATIENT = " rd.timeout=250"


def _on(name, source, tags, modules, command_line=None, **options):
    """A root of tests/lib/storage.py; the answer to any question is the passphrase."""
    return Root(name, (command_line or "root=UUID=" + storage.UUID[name]) + _PATIENT,
                _is("ext4", source, name), ["fs:ext4"] + tags, modules=modules, **options)


_ASKED = ((r"(?s)[Pp]assphrase for disk .*: ?(\(press TAB for no echo\) ?)?$", storage.PASSPHRASE),)


def _luks(name):
    return "rd.luks.uuid=" + storage.LUKS[name]


# What a system does at its very first start would take longer than all the rest.
_DEBIAN = _uuid("debian") + " systemd.condition-needs-update=no"
_USR = (r"USR-OK ext4 /dev/vdb ",)
ROOTS = {
    "ext4-uuid": Root("ext4", _uuid("ext4"), _is("ext4", "/dev/vda", "ext4"), ["fs:ext4"]),
    "ext4-label": Root("ext4", "root=LABEL=fakeext4", _is("ext4", "/dev/vda", "ext4"), ["fs:ext4"]),
    "ext4-partuuid": Root("partition", "root=PARTUUID=" + UUID["partition"],
                          _is("ext4", "/dev/vda1", "partition"), ["fs:ext4", "block:part"]),
    "ext4-partlabel": Root("partition", "root=PARTLABEL=fakepart",
                           _is("ext4", "/dev/vda1", "partition"), ["fs:ext4", "block:part"]),
    "xfs": Root("xfs", _uuid("xfs"), _is("xfs", "/dev/vda", "xfs"), ["fs:xfs"]),
    "btrfs": Root("btrfs", _uuid("btrfs"), _is("btrfs", "/dev/vda", "btrfs"), ["fs:btrfs"]),
    "btrfs-two": Root("btrfs-two", _uuid("btrfs-two"), _is("btrfs", "/dev/vd[ab]", "btrfs-two"),
                      ["fs:btrfs", "block:btrfs-multi"]),
    "f2fs": Root("f2fs", _uuid("f2fs"), _is("f2fs", "/dev/vda", "f2fs"), ["fs:f2fs"]),
    "usr": Root("usr", _uuid("usr-root"), _USR + _is("ext4", "/dev/vda", "usr"),
                ["fs:ext4", "usr"]),
    # No root= at all: the partition's type says what it is.
    "gpt-auto": Root("gpt-root", "", _is("ext4", "/dev/vda2", "gpt-auto"),
                     ["fs:ext4", "block:part"], firmware=True),
    "lvm": _on("lvm", "/dev/mapper/lvmvg-root", ["block:dm", "block:lvm"], {"dm", "lvm"},
               "root=/dev/mapper/lvmvg-root"),
    "thin": _on("thin", "/dev/mapper/thinvg-root", ["block:lvm", "block:lvm-thin"],
                {"dm", "lvm", "lvm-thin"}),
    "raid1": _on("raid1", "/dev/md\\S+", ["block:md", "block:md-raid1"], {"mdraid"}),
    "raid5": _on("raid5", "/dev/md\\S+", ["block:md", "block:md-raid5"], {"mdraid"}),
    "luks": _on("luks", "/dev/mapper/luks-\\S+", ["block:dm", "block:crypt"], {"dm", "crypt"},
                answers=_ASKED, generic=_luks("luks")),
    "luks1": _on("luks1", "/dev/mapper/named", ["block:dm", "block:crypt"], {"dm", "crypt"},
                 answers=_ASKED, generic="rd.luks.name=%s=named" % storage.LUKS["luks1"]),
    "stack": _on("stack", "/dev/mapper/stackvg-root",
                 ["block:md", "block:md-raid1", "block:crypt", "block:lvm"],
                 {"dm", "lvm", "crypt", "mdraid"}, "root=/dev/mapper/stackvg-root",
                 answers=_ASKED, generic=_luks("stack")),
    "verity": Root("verity", lambda: "root=/dev/mapper/root ro roothash=%s systemd.verity_root_data="
                   "/dev/vda systemd.verity_root_hash=/dev/vdb" % root_hash() + _PATIENT,
                   _is("ext4", "/dev/mapper/root", "verity"), ["fs:ext4", "block:verity"],
                   modules={"dm", "verity"}),
    # No unit of the system failed.
    "debian12": Root("debian", _DEBIAN,
                     _is("ext4", "/dev/vda", "debian12 .* failed=0"),
                     ["fs:ext4", "keymap:console-setup"], system="debian12"),
    "debian12-usr": Root("debian-usr", _DEBIAN,
                         _USR + _is("ext4", "/dev/vda", "debian12-usr .* failed=0"),
                         ["fs:ext4", "usr"], system="debian12"),
    "debian12-luks": Root("debian-luks", "root=/dev/mapper/systemvg-root "
                          "systemd.condition-needs-update=no" + _PATIENT,
                          _is("ext4", "/dev/mapper/systemvg-root", "debian12-luks .* failed=0"),
                          ["fs:ext4", "block:crypt", "block:lvm"], system="debian12",
                          answers=_ASKED, modules={"dm", "lvm", "crypt"},
                          generic="rd.luks.name=%s=cryptroot" % storage.SYSTEM_UUID),
    "debian13-usr": Root("debian-usr", _DEBIAN,
                         _USR + _is("ext4", "/dev/vda", "debian13-usr .* failed=0"),
                         ["fs:ext4", "usr"], system="debian13"),
}


class Case:
    """A boot of an image from one of ROOTS. `check(path)` looks at the image before; what it
    asserts is part of the case."""

    def __init__(self, name, image, root, command_line=None, expect=None, failures=FAILURES,
                 answers=None, check=None, timeout=300, members=None, disks=None):
        self.name, self.image, self.root_name, self.root = name, image, root, ROOTS[root]
        self.command_line = self.root.command_line if command_line is None else command_line
        self.expect = self.root.expect if expect is None else expect
        self.failures, self.check, self.timeout = failures, check, timeout
        self.answers = self.root.answers if answers is None else answers
        # Whose disks, if not the root's, and which of them; None: all.
        self.disks = disks or self.root.disks
        self.members = members


def _generic(name, root, system="debian12", flavour="amd64", image=None, **options):
    if ROOTS[root].generic:
        options.setdefault("command_line", ROOTS[root].command_line + " " + ROOTS[root].generic)
    return Case(name, Image(system, flavour, **(image or {})), root, **options)


# What brings a layer of storage: a host image has those of its own root and no others.
STORAGE_MODULES = {"dm", "lvm", "lvm-thin", "lvm-cache", "lvm-raid", "lvm-mirror", "lvm-snapshot",
                   "lvm-vdo", "crypt", "tpm2", "fido2", "pkcs11", "mdraid", "verity", "integrity"}


def _host(name, root, system="debian12", flavour="amd64", image=None, **options):
    image = dict({"mode": "host"}, **(image or {}))
    return Case(name, Image(system, flavour, facts=root, **image), root, **options)


def _compressed(compression):
    def check(path):
        assert starts_with(path, compression), \
            "the image does not start with a %s segment" % compression

    return _host("compression-" + compression, "ext4-uuid",
                 image={"settings": ("Compression=" + compression, "Microcode=no")}, check=check)


MICROCODE = {
    "usr/lib/firmware/intel-ucode/06-55-04": intel_microcode(),
    "usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin": amd_microcode(),
}


def _check_microcode(path):
    entries = early_entries(path)
    assert entries, "the image does not start with an uncompressed archive"
    for name, content in (("GenuineIntel", intel_microcode()), ("AuthenticAMD", amd_microcode())):
        path = "kernel/x86/microcode/%s.bin" % name
        assert path in entries, "%s is not in the early archive: %s" % (path, sorted(entries))
        assert entries[path] == content, "%s is not what the firmware directory has" % path


PROFILE = {"etc/initrdd/profiles.d/small.conf": b"[Profile]\nMode=strict\nCompression=lz4\n"}


def _check_profile(path):
    assert starts_with(path, "lz4"), "the profile's Compression= was not heeded"


_MISSING = "root=UUID=" + UUID["missing"]
_TEN_SECONDS = " rootflags=x-systemd.device-timeout=10s"
# systemd cuts the middle out of what is longer than the console's 80 columns: one end is enough.
_NAMES_DEVICE = r"Timed out waiting for .*(%s|%s)" % (UUID["missing"][:8], UUID["missing"][-12:])
# "open sesame", by openssl passwd -6 -salt initrddtest
_PASSWORD = "open sesame"
_PASSWORD_HASH = ("$6$initrddtest$mOEJgGF25KdwlBnUyoVBrITuNmibX7AdYmOayyaU"
                  "bI6ZEMZyprBvYJmQQzH17l8FwoKwVXOU3BMk7doooNHOi0")


def _missing_root(emergency, expect, answers=(), settings=(), options=_TEN_SECONDS):
    return _host("missing-root-" + emergency, "ext4-uuid", command_line=_MISSING + options,
                 image={"settings": ("Emergency=" + emergency,) + settings},
                 failures=(r"Kernel panic",), expect=(_NAMES_DEVICE,) + expect, answers=answers)


_LUKS_UUID = storage.LUKS["luks"]
_WRONG = ((_ASKED[0][0], "wrong horse"),) * 3 + _ASKED
_KEY = storage.KEY
_KEY_IN_ROOT = {"etc/keys/root.key": _KEY,
                "etc/crypttab": ("cryptroot UUID=%s /etc/keys/root.key luks,x-initrd.attach\n"
                                 % _LUKS_UUID).encode()}
_NAMED_KEY = "etc/cryptsetup-keys.d/luks-%s.key" % _LUKS_UUID
STORAGE_CASES = [
    # Half a minute is waited for the disk that is not there.
    _host("degraded-raid1", "raid1", members=(1,)),
    _generic("degraded-raid5", "raid5", members=(0, 2)),
    # systemd would give up after three.
    _host("luks-wrong-passphrase", "luks", answers=_WRONG),
    # A key in the image, where systemd looks by itself.
    _host("luks-key-included", "luks", answers=(),
          image={"files": {_NAMED_KEY: _KEY}, "settings": ("Include=/" + _NAMED_KEY,)}),
    # A key that crypttab says belongs to the initrd, in a generic image.
    _generic("luks-key-attached", "luks", answers=(), image={"files": _KEY_IN_ROOT},
             command_line=ROOTS["luks"].command_line,
             expect=_is("ext4", "/dev/mapper/cryptroot", "luks")),
    # Names and files on other devices, by the kernel command line alone; one image, no question.
    _generic("luks-key-on-stick", "luks", answers=(),
             command_line="%s %s rd.luks.key=%s=/luks.key:LABEL=keys" % (
                 ROOTS["luks"].command_line, _luks("luks"), _LUKS_UUID)),
    _generic("luks-header-on-stick", "luks", disks="header",
             command_line="root=UUID=%(fs)s rd.luks.name=%(luks)s=apart rd.luks.data=%(luks)s=/dev/vda "
                          "rd.luks.options=%(luks)s=header=/header.img:LABEL=headers" % {
                              "fs": storage.UUID["header"], "luks": storage.LUKS["header"]}
             + _PATIENT,
             expect=_is("ext4", "/dev/mapper/apart", "header")),
    _generic("luks-cryptopts", "luks", command_line="%s cryptopts=target=typed,source=UUID=%s" % (
        ROOTS["luks"].command_line, _LUKS_UUID), expect=_is("ext4", "/dev/mapper/typed", "luks")),
    # A newer systemd, lvm2, mdadm and cryptsetup; and what dracut's users type.
    _generic("debian13-generic-lvm", "lvm", "debian13",
             command_line=ROOTS["lvm"].command_line + " rd.lvm.lv=lvmvg/root rd.md=0"),
    _generic("debian13-generic-luks", "luks", "debian13"),
    _generic("debian13-generic-raid1", "raid1", "debian13",
             command_line=ROOTS["raid1"].command_line + " rd.md.uuid=" + storage.MD["raid1"]),
    _host("debian13-host-stack", "stack", "debian13"),
    # A shell before the root is mounted, and on with the boot when it is left.
    _host("break", "lvm", command_line=ROOTS["lvm"].command_line + " rd.break=pre-mount",
          image={"settings": ("Emergency=open",)}, expect=(r"SHELL-42",) + ROOTS["lvm"].expect,
          failures=(r"Kernel panic",),
          answers=((r"(?s)Press Enter for maintenance.*: $", ""),
                   (r"# $", "echo SHELL-$((40+2)); exit"))),
]

# A generic image boots every root, and the machine's facts are recorded there; each host image is
# made from those.
RECORDINGS = {name: _generic(root.system + "-generic-real" + name[8:] if root.system
                             else "debian12-generic-" + name, name, root.system or "debian12")
              for name, root in ROOTS.items()}

# A host image of it is that of another root: of raid1, of luks.
GENERIC_ALONE = ("raid5", "luks1")

CASES = (
    list(RECORDINGS.values())
    + [_host(case.name.replace("generic", "host"), name, case.image.system)
       for name, case in RECORDINGS.items() if name not in GENERIC_ALONE]
    # Newer systemd, compressed drivers: what depends on either.
    + [_generic("debian13-generic-" + name, name, "debian13")
       for name in ("ext4-uuid", "btrfs", "gpt-auto")]
    + [_host("debian13-host-" + name, name, "debian13")
       for name in ("ext4-partuuid", "xfs", "btrfs-two")]
    # ext4 and crc32c built in, no AHCI.
    + [_generic("debian12-cloud-generic", "ext4-uuid", flavour="cloud-amd64"),
       _host("debian12-cloud-host", "xfs", flavour="cloud-amd64")]
    + STORAGE_CASES
    + [_generic("kernel-dir", "ext4-uuid", image={"kernel_dir": True})]
    + [_compressed(name) for name in ("zstd", "xz", "gzip", "lz4", "none")]
    # initrdd in the system itself, and a profile.
    + [_host("installed", "ext4-uuid", check=_check_profile,
             image={"mode": None, "profile": "small", "installed": True, "files": PROFILE})]
    + [_generic("microcode", "ext4-uuid", image={"files": MICROCODE}, check=_check_microcode)]
    # What `extract` and `repack` have made of one of ours, and of one of dracut's.
    + [_generic("repacked", "ext4-uuid", image={"repacked": "ours"}),
       _generic("repacked-dracut", "ext4-uuid", image={"repacked": "dracut"})]
    # A root that never comes: an end in finite time, which says what was waited for.
    # The first with systemd's own patience: 90 seconds.
    + [_missing_root("locked", (r"Cannot open access to console, the root account is locked",),
                     options=""),
       _missing_root("open", (r"Press Enter for maintenance", r"SHELL-42"),
                     ((r"(?s)Press Enter for maintenance.*: $", ""),
                      (r"# $", "echo SHELL-$((40+2))"))),
       _missing_root("password", (r"Give root password for maintenance", r"Login incorrect",
                                  r"SHELL-42"),
                     ((r"(?s)Give root password.*: $", "open barley"),
                      (r"(?s)Login incorrect.*: $", _PASSWORD),
                      (r"# $", "echo SHELL-$((40+2))")),
                     ("EmergencyPassword=" + _PASSWORD_HASH,))]
)
