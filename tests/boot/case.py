# SPDX-License-Identifier: GPL-2.0-or-later
"""What a row of the matrix is: a root, an image, and what is seen when one boots the other."""

from builder import Image
from qemu import FAILURES

# By name; each file of rows adds its own.
ROOTS = {}
# What brings a layer of storage: a host image has those of its own root and no others.
STORAGE_MODULES = {"dm", "lvm", "lvm-thin", "lvm-cache", "lvm-raid", "lvm-mirror", "lvm-snapshot",
                   "lvm-vdo", "crypt", "tpm2", "fido2", "pkcs11", "mdraid", "verity", "integrity",
                   "network", "network-drivers", "nfs", "live", "multipath", "dmraid", "iscsi",
                   "iscsi-host", "nbd"}
# What a system has for the few images that need more than the base: one tree is enough for them.
MORE_PACKAGES = ("curl", "dropbear-bin", "isomd5sum", "tinysshd")


class Root:
    """A way to have a root: the disks, what the command line says of it (or a function that says
    so), what the started system must say, and the tags that must be among the facts that are
    recorded there. With `system` it is a Debian that starts to the end, else a fake root
    (tests/lib/disks.py). `answers` are to what a boot of it asks; `modules` are all that a host
    image of it may have of STORAGE_MODULES. What an image must be told on the kernel command line
    when it has nothing from the machine is `generic`. `around` is that of a Case, where every boot
    of it has it. A root on the network, or on a medium that is no disk, has for `disks` a fixture
    without one, or None. What every Image of it is made with is `image`. `attach` gives QEMU's options,
    from the paths of copies, for disks that are no virtio ones. `waits` is as in Case."""

    def __init__(self, disks, command_line, expect, tags, system=None, firmware=False, answers=(),
                 modules=None, generic="", around=None, image=None, attach=None, waits=False):
        self.disks, self.command_line, self.expect, self.tags = disks, command_line, expect, tags
        self.system, self.firmware, self.answers = system, firmware, answers
        self.modules, self.generic, self.around = modules, generic, around
        self.image, self.attach, self.waits = image or {}, attach, waits


def shows(kind, source, marker):
    """What a fake or a real root says when it was started."""
    return (r"ROOT-OK %s %s " % (kind, source), r"MARKER %s\b" % marker)


# To emulate the unpacking of an image with everything takes a fifth of its boot: only those whose row is about
# the image, or which firmware loads, are compressed.
PLAIN = ("Compression=none",)

# A busy machine that emulates takes more than systemd's 90 seconds to have such a root.
PATIENT = " rd.timeout=250"


class Case:
    """A boot of an image from one of ROOTS. `check(path)` looks at the image before; what it
    asserts is part of the case. `around(case, work)` is a context manager that is entered for the
    boot: servers, say; what it yields is a qemu.Around, or None. `again` are more boots of the same
    image and disks, which keep what the ones before have written: (command line, patterns to expect,
    answers) each. One that `waits` does little else, and is booted beside the others."""

    def __init__(self, name, image, root, command_line=None, expect=None, failures=FAILURES,
                 answers=None, check=None, timeout=300, members=None, disks=None, around=None,
                 again=(), attach=None, waits=False):
        self.name, self.image, self.root_name, self.root = name, image, root, ROOTS[root]
        self.command_line = self.root.command_line if command_line is None else command_line
        self.expect = self.root.expect if expect is None else expect
        self.failures, self.check, self.timeout = failures, check, timeout
        self.answers = self.root.answers if answers is None else answers
        self.around, self.again = around or self.root.around, again
        self.attach, self.waits = attach or self.root.attach, waits or self.root.waits
        # Whose disks, if not the root's, and which of them; None: all.
        self.disks = disks or self.root.disks
        self.members = members


def generic(name, root, system="debian12", flavour="amd64", image=None, packed=False, **options):
    if ROOTS[root].generic:
        options.setdefault("command_line", ROOTS[root].command_line + " " + ROOTS[root].generic)
    image = dict(ROOTS[root].image, **(image or {}))
    if not packed and not ROOTS[root].firmware:
        image["settings"] = PLAIN + tuple(image.get("settings", ()))
    return Case(name, Image(system, flavour, **image), root, **options)


def host(name, root, system="debian12", flavour="amd64", image=None, **options):
    image = {"mode": "host", **ROOTS[root].image, **(image or {})}
    return Case(name, Image(system, flavour, facts=root, **image), root, **options)
