# SPDX-License-Identifier: GPL-2.0-or-later
"""Roots on a file system of a local disk; kernels, compressors, microcode; roots that never come."""

from builder import amd_microcode, early_entries, intel_microcode, starts_with
from case import ROOTS, Root, generic, host, shows
from disks import UUID


def _uuid(name):
    return "root=UUID=" + UUID[name]


# What a system does at its very first start would take longer than all the rest.
_DEBIAN = _uuid("debian") + " systemd.condition-needs-update=no"
_USR = (r"USR-OK ext4 /dev/vdb ",)
ROOTS.update({
    "ext4-uuid": Root("ext4", _uuid("ext4"), shows("ext4", "/dev/vda", "ext4"), ["fs:ext4"]),
    "ext4-label": Root("ext4", "root=LABEL=fakeext4", shows("ext4", "/dev/vda", "ext4"), ["fs:ext4"]),
    "ext4-partuuid": Root("partition", "root=PARTUUID=" + UUID["partition"],
                          shows("ext4", "/dev/vda1", "partition"), ["fs:ext4", "block:part"]),
    "ext4-partlabel": Root("partition", "root=PARTLABEL=fakepart",
                           shows("ext4", "/dev/vda1", "partition"), ["fs:ext4", "block:part"]),
    "xfs": Root("xfs", _uuid("xfs"), shows("xfs", "/dev/vda", "xfs"), ["fs:xfs"]),
    "btrfs": Root("btrfs", _uuid("btrfs"), shows("btrfs", "/dev/vda", "btrfs"), ["fs:btrfs"]),
    "btrfs-two": Root("btrfs-two", _uuid("btrfs-two"), shows("btrfs", "/dev/vd[ab]", "btrfs-two"),
                      ["fs:btrfs", "block:btrfs-multi"]),
    "f2fs": Root("f2fs", _uuid("f2fs"), shows("f2fs", "/dev/vda", "f2fs"), ["fs:f2fs"]),
    "usr": Root("usr", _uuid("usr-root"), _USR + shows("ext4", "/dev/vda", "usr"),
                ["fs:ext4", "usr"]),
    # No root= at all: the partition's type says what it is.
    "gpt-auto": Root("gpt-root", "", shows("ext4", "/dev/vda2", "gpt-auto"),
                     ["fs:ext4", "block:part"], firmware=True),
    # No unit of the system failed.
    "debian12": Root("debian", _DEBIAN,
                     shows("ext4", "/dev/vda", "debian12 .* failed=0"),
                     ["fs:ext4", "keymap:console-setup"], system="debian12"),
    "debian13-usr": Root("debian-usr", _DEBIAN,
                         _USR + shows("ext4", "/dev/vda", "debian13-usr .* failed=0"),
                         ["fs:ext4", "usr"], system="debian13"),
})


def _compressed(compression):
    def check(path):
        assert starts_with(path, compression), \
            "the image does not start with a %s segment" % compression

    return host("compression-" + compression, "ext4-uuid",
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


# What the report says on the console before anybody is asked for anything.
_TOLD = (r"^The boot can't go on:", r"^  Timed out waiting for .*" + UUID["missing"])
_REPORT = (r"^  There are: vda ", r"^A report is in /run/initrdd/report.txt")
# A stick for it, and a password that must not be in it; what is typed to see that.
_STICK = " rd.report=LABEL=keys rd.iscsi.password=geheim"
_LOOK = ("mount LABEL=keys /tmp; cd /tmp; grep -q 'Timed out waiting' initrdd-report-*.txt && "
         "grep -q '^vdb .*LABEL=keys' initrdd-report-*.txt && "
         "! grep geheim initrdd-report-*.txt && echo SHELL-$((40+2))")


def _missing_root(emergency, expect, answers=(), settings=(), options=_TEN_SECONDS, **more):
    return host("missing-root-" + emergency, "ext4-uuid", command_line=_MISSING + options,
                 image={"settings": ("Emergency=" + emergency,) + settings},
                 failures=(r"Kernel panic",), expect=(_NAMES_DEVICE,) + _TOLD + _REPORT + expect,
                 answers=answers, waits=True, **more)

CASES = (
    # Newer systemd, compressed drivers: what depends on either.
    [generic("debian13-generic-" + name, name, "debian13", packed=True)
       for name in ("ext4-uuid", "btrfs", "gpt-auto")]
    + [host("debian13-host-" + name, name, "debian13")
       for name in ("ext4-partuuid", "xfs", "btrfs-two")]
    # ext4 and crc32c built in, no AHCI.
    + [generic("debian12-cloud-generic", "ext4-uuid", flavour="cloud-amd64", packed=True),
       host("debian12-cloud-host", "xfs", flavour="cloud-amd64")]
    + [generic("kernel-dir", "ext4-uuid", image={"kernel_dir": True}, packed=True)]
    + [_compressed(name) for name in ("zstd", "xz", "gzip", "lz4")]
    # initrdd in the system itself, and a profile.
    + [host("installed", "ext4-uuid", check=_check_profile,
             image={"mode": None, "profile": "small", "installed": True, "files": PROFILE})]
    + [generic("microcode", "ext4-uuid", image={"files": MICROCODE}, check=_check_microcode,
               packed=True)]
    # What `extract` and `repack` have made of one of ours, and of one of dracut's.
    + [generic("repacked", "ext4-uuid", image={"repacked": "ours"}, packed=True),
       generic("repacked-dracut", "ext4-uuid", image={"repacked": "dracut"}, packed=True)]
    # A root that never comes: an end in finite time, which says what was waited for.
    # The first with systemd's own patience: 90 seconds.
    + [_missing_root("locked", (r"Cannot open access to console, the root account is locked",),
                     options=""),
       _missing_root("open", (r"^It was copied to LABEL=keys, as initrdd-report-\d+-\d+\.txt",
                              r"Press Enter for maintenance", r"SHELL-42"),
                     ((r"(?s)Press Enter for maintenance.*: $", ""), (r"# $", _LOOK)),
                     options=_TEN_SECONDS + _STICK, disks="luks"),
       _missing_root("password", (r"Give root password for maintenance", r"Login incorrect",
                                  r"SHELL-42"),
                     ((r"(?s)Give root password.*: $", "open barley"),
                      (r"(?s)Login incorrect.*: $", _PASSWORD),
                      (r"# $", "echo SHELL-$((40+2))")),
                     ("EmergencyPassword=" + _PASSWORD_HASH,))]
)
