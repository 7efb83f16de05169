# SPDX-License-Identifier: GPL-2.0-or-later
"""What is booted, as a table: one Case a row. README.md says why these rows."""

from builder import Image, amd_microcode, early_entries, intel_microcode, starts_with
from disks import UUID
from qemu import FAILURES


class Root:
    """A way to have a root: the disks, what the command line says of it, what the started system
    must say, and the tags that must be among the facts that are recorded there. With `system` it
    is a Debian that starts to the end, else a fake root (tests/lib/disks.py)."""

    def __init__(self, disks, command_line, expect, tags, system=None, firmware=False):
        self.disks, self.command_line, self.expect, self.tags = disks, command_line, expect, tags
        self.system, self.firmware = system, firmware


def _is(kind, source, marker):
    return (r"ROOT-OK %s %s " % (kind, source), r"MARKER %s\b" % marker)


def _uuid(name):
    return "root=UUID=" + UUID[name]


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
    # No unit of the system failed.
    "debian12": Root("debian", _DEBIAN,
                     _is("ext4", "/dev/vda", "debian12 .* failed=0"),
                     ["fs:ext4", "keymap:console-setup"], system="debian12"),
    "debian12-usr": Root("debian-usr", _DEBIAN,
                         _USR + _is("ext4", "/dev/vda", "debian12-usr .* failed=0"),
                         ["fs:ext4", "usr"], system="debian12"),
    "debian13-usr": Root("debian-usr", _DEBIAN,
                         _USR + _is("ext4", "/dev/vda", "debian13-usr .* failed=0"),
                         ["fs:ext4", "usr"], system="debian13"),
}


class Case:
    """A boot of an image from one of ROOTS. `check(path)` looks at the image before; what it
    asserts is part of the case."""

    def __init__(self, name, image, root, command_line=None, expect=None, failures=FAILURES,
                 answers=(), check=None, timeout=300):
        self.name, self.image, self.root_name, self.root = name, image, root, ROOTS[root]
        self.command_line = self.root.command_line if command_line is None else command_line
        self.expect = self.root.expect if expect is None else expect
        self.failures, self.answers, self.check, self.timeout = failures, answers, check, timeout


def _generic(name, root, system="debian12", flavour="amd64", image=None, **options):
    return Case(name, Image(system, flavour, **(image or {})), root, **options)


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


# A generic image boots every root, and the machine's facts are recorded there; each host image is
# made from those.
RECORDINGS = {name: _generic(root.system + "-generic-real" + name[8:] if root.system
                             else "debian12-generic-" + name, name, root.system or "debian12")
              for name, root in ROOTS.items()}

CASES = (
    list(RECORDINGS.values())
    + [_host(case.name.replace("generic", "host"), name, case.image.system)
       for name, case in RECORDINGS.items()]
    # Newer systemd, compressed drivers: what depends on either.
    + [_generic("debian13-generic-" + name, name, "debian13")
       for name in ("ext4-uuid", "btrfs", "gpt-auto")]
    + [_host("debian13-host-" + name, name, "debian13")
       for name in ("ext4-partuuid", "xfs", "btrfs-two")]
    # ext4 and crc32c built in, no AHCI.
    + [_generic("debian12-cloud-generic", "ext4-uuid", flavour="cloud-amd64"),
       _host("debian12-cloud-host", "xfs", flavour="cloud-amd64")]
    + [_generic("kernel-dir", "ext4-uuid", image={"kernel_dir": True})]
    + [_compressed(name) for name in ("zstd", "xz", "gzip", "lz4", "none")]
    # initrdd in the system itself, and a profile.
    + [_host("installed", "ext4-uuid", check=_check_profile,
             image={"mode": None, "profile": "small", "installed": True, "files": PROFILE})]
    + [_generic("microcode", "ext4-uuid", image={"files": MICROCODE}, check=_check_microcode)]
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
