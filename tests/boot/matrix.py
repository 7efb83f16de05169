# SPDX-License-Identifier: GPL-2.0-or-later
"""What is booted, as a table: one Case a row. README.md says why these rows."""

from builder import Image, amd_microcode, early_entries, intel_microcode, starts_with
from disks import UUID
from qemu import FAILURES

# What a q35 machine of QEMU with one virtio disk shows in /sys, as `initrdctl facts` records it.
MODALIASES = [
    "acpi:ACPI0010:PNP0A05:", "acpi:LNXCPU:", "acpi:LNXPWRBN:", "acpi:LNXSYBUS:",
    "acpi:LNXSYSTM:", "acpi:PNP0103:", "acpi:PNP0303:", "acpi:PNP0501:", "acpi:PNP0A06:",
    "acpi:PNP0A08:PNP0A03:", "acpi:PNP0B00:", "acpi:PNP0C01:", "acpi:PNP0C0F:", "acpi:PNP0F13:",
    "acpi:QEMU0002:",
    "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00",
    "pci:v00008086d00002918sv00001AF4sd00001100bc06sc01i00",
    "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
    "pci:v00008086d00002930sv00001AF4sd00001100bc0Csc05i00",
    "pci:v00008086d000029C0sv00001AF4sd00001100bc06sc00i00",
    "platform:alarmtimer", "platform:i8042", "platform:pcspkr", "platform:serial8250",
    "serio:ty01pr00id00ex00", "serio:ty06pr00id00ex00",
    "virtio:d00000002v00001AF4",
]


def facts(*tags, mounts):
    """A machine's facts: `mounts` are (where, what, type, devices)."""
    return {
        "generic": False,
        "machine": "x86_64",
        "microcode": None,
        "modaliases": MODALIASES,
        "mounts": [{"where": where, "what": what, "type": kind, "options": "ro",
                    "devices": list(devices)} for where, what, kind, devices in mounts],
        "tags": sorted(("arch:x86", "transport:virtio") + tags),
    }


def _root(what, kind, devices, *tags):
    return facts("fs:" + kind, *tags, mounts=[("/", what, kind, devices)])


class Root:
    """A way to have a root: the disks, what the command line says of it, what a machine with it
    records as its facts, and what the started system must say."""

    def __init__(self, disks, command_line, root_facts, expect, firmware=False):
        self.disks, self.command_line, self.facts = disks, command_line, root_facts
        self.expect, self.firmware = expect, firmware


def _is(kind, source, marker):
    return (r"ROOT-OK %s %s " % (kind, source), r"MARKER %s " % marker)


_BY_UUID = "UUID=" + UUID["ext4"]
_BY_PARTUUID = "PARTUUID=" + UUID["partition"]
ROOTS = {
    "ext4-uuid": Root("ext4", "root=" + _BY_UUID, _root(_BY_UUID, "ext4", ["vda"]),
                      _is("ext4", "/dev/vda", "ext4")),
    "ext4-label": Root("ext4", "root=LABEL=fakeext4", _root("LABEL=fakeext4", "ext4", ["vda"]),
                       _is("ext4", "/dev/vda", "ext4")),
    "ext4-partuuid": Root("partition", "root=" + _BY_PARTUUID,
                          _root(_BY_PARTUUID, "ext4", ["vda1"], "block:part"),
                          _is("ext4", "/dev/vda1", "partition")),
    "xfs": Root("xfs", "root=UUID=" + UUID["xfs"],
                _root("UUID=" + UUID["xfs"], "xfs", ["vda"]), _is("xfs", "/dev/vda", "xfs")),
    "btrfs": Root("btrfs", "root=UUID=" + UUID["btrfs"],
                  _root("UUID=" + UUID["btrfs"], "btrfs", ["vda"]),
                  _is("btrfs", "/dev/vda", "btrfs")),
    "btrfs-two": Root("btrfs-two", "root=UUID=" + UUID["btrfs-two"],
                      _root("UUID=" + UUID["btrfs-two"], "btrfs", ["vda", "vdb"],
                            "block:btrfs-multi"),
                      _is("btrfs", "/dev/vd[ab]", "btrfs-two")),
    "usr": Root("usr", "root=UUID=" + UUID["usr-root"],
                facts("fs:ext4", "usr",
                      mounts=[("/", "UUID=" + UUID["usr-root"], "ext4", ["vda"]),
                              ("/usr", "UUID=" + UUID["usr-usr"], "ext4", ["vdb"])]),
                (r"USR-OK ext4 /dev/vdb ",) + _is("ext4", "/dev/vda", "usr")),
    # No root= at all: the partition's type says what it is.
    "gpt-auto": Root("gpt-root", "", _root("PARTUUID=" + UUID["gpt-root"], "ext4", ["vda2"],
                                           "block:part"),
                     _is("ext4", "/dev/vda2", "gpt-auto"), firmware=True),
}


class Case:
    """A boot. `check(path)` looks at the image before; what it asserts is part of the case."""

    def __init__(self, name, image, root, command_line=None, expect=None, failures=FAILURES,
                 answers=(), check=None, timeout=180):
        self.name, self.image, self.root = name, image, root
        self.command_line = root.command_line if command_line is None else command_line
        self.expect = root.expect if expect is None else expect
        self.failures, self.answers, self.check, self.timeout = failures, answers, check, timeout


def _generic(name, root, system="debian12", flavour="amd64", **options):
    return Case(name, Image(system, flavour), ROOTS[root], **options)


def _host(name, root, system="debian12", flavour="amd64", settings=(), **options):
    image = Image(system, flavour, "host", ROOTS[root].facts, settings=settings)
    return Case(name, image, ROOTS[root], **options)


def _compressed(compression):
    def check(path):
        assert starts_with(path, compression), \
            "the image does not start with a %s segment" % compression

    return _host("compression-" + compression, "ext4-uuid",
                 settings=("Compression=" + compression, "Microcode=no"), check=check)


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


_MISSING = "root=UUID=%s rootflags=x-systemd.device-timeout=10s" % UUID["missing"]
# systemd cuts the middle out of what is longer than the console's 80 columns: one end is enough.
_NAMES_DEVICE = r"Timed out waiting for .*(%s|%s)" % (UUID["missing"][:8], UUID["missing"][-12:])

CASES = (
    # Every root with both kinds of image.
    [_generic("debian12-generic-" + name, name) for name in ROOTS]
    + [_host("debian12-host-" + name, name) for name in ROOTS]
    # Newer systemd, compressed drivers: what depends on either.
    + [_generic("debian13-generic-" + name, name, "debian13")
       for name in ("ext4-uuid", "btrfs", "usr", "gpt-auto")]
    + [_host("debian13-host-" + name, name, "debian13")
       for name in ("ext4-partuuid", "xfs", "btrfs-two")]
    # ext4 and crc32c built in, no AHCI.
    + [_generic("debian12-cloud-generic", "ext4-uuid", flavour="cloud-amd64"),
       _host("debian12-cloud-host", "xfs", flavour="cloud-amd64")]
    + [Case("kernel-dir", Image("debian12", kernel_dir=True), ROOTS["ext4-uuid"])]
    + [_compressed(name) for name in ("zstd", "xz", "gzip", "lz4", "none")]
    + [Case("microcode", Image("debian12", "amd64", files=MICROCODE), ROOTS["ext4-uuid"],
            check=_check_microcode)]
    # A root that never comes: an end in finite time, which says what was waited for.
    + [_host("missing-root-locked", "ext4-uuid", settings=("Emergency=locked",),
             command_line=_MISSING, failures=(r"Kernel panic",),
             expect=(_NAMES_DEVICE, r"(?i)emergency")),
       _host("missing-root-shell", "ext4-uuid", settings=("Emergency=open",),
             command_line=_MISSING, failures=(r"Kernel panic",),
             expect=(_NAMES_DEVICE, r"(?i)emergency", r"SHELL-42"),
             answers=((r"(?i)press Enter for maintenance.*\n?.*: ?", ""),
                      (r"# $", "echo SHELL-$((40+2))")))]
)
