# SPDX-License-Identifier: GPL-2.0-or-later
"""Roots on disks of the network: iSCSI from tgtd, NBD from nbd-server and qemu-nbd."""

import contextlib
import json
import os
import shutil

from case import PATIENT, ROOTS, Root, generic, host, shows
from qemu import FAILURES
from disks import UUID
import cache
import disks
import report
import servers

TARGET = "iqn.2026-01.org.example:store.%s"
INITIATOR = "iqn.2026-01.org.example:guest"
# Of the machine, and of the target that must prove itself.
LOGIN = ("guest", "guest-secret-1"), ("store", "store-secret-2")
NEEDS = {"tgtd": "tgt", "tgtadm": "tgt", "nbd-server": "nbd-server", "qemu-nbd": "qemu-utils"}
# What QEMU gives a card to start a machine from.
ROM = "/usr/lib/ipxe/qemu/efi-virtio.rom"
# How much later than its client a server starts.
LATE = 30


def _need(*programs):
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            report.skip("%s is not installed (package %s)" % (program, NEEDS[program]))


class Targets:
    """A tgtd on a port of the network, with a disk in each of its targets. It has a control socket for
    each port, and writes to its disks."""

    def __init__(self, network, port=3260):
        self.network, self.port = network, port
        self.count = 0
        network.start("tgtd", "-f", "-C", port, "--iscsi",
                      "portal=%s:%d" % (servers.SERVER, port))
        network.wait_tcp(port)

    def admin(self, mode, op, **options):
        words = []
        for name, value in options.items():
            words += ["--" + name.replace("_", "-")] + ([] if value is True else [value])
        self.network.run("tgtadm", "-C", str(self.port), "--lld", "iscsi", "--mode", mode, "--op", op,
                         *words)

    def add(self, name, disk, login=None):
        self.count += 1
        tid = str(self.count)
        self.admin("target", "new", tid=tid, targetname=TARGET % name)
        self.admin("logicalunit", "new", tid=tid, lun="1", backing_store=disk)
        if login:
            (user, password), (user_in, password_in) = login
            self.admin("account", "new", user=user, password=password)
            self.admin("account", "bind", tid=tid, user=user)
            self.admin("account", "new", user=user_in, password=password_in)
            self.admin("account", "bind", tid=tid, user=user_in, outgoing=True)
        self.admin("target", "bind", tid=tid, initiator_address="ALL")


@contextlib.contextmanager
def _copies(case, work, fixture, system=None):
    """Disks that a server may write to."""
    paths = []
    try:
        for n, image in enumerate(disks.images(fixture, system)):
            paths.append(os.path.join(work, "%s.served%d" % (case.name, n)))
            cache.run("cp", "--sparse=always", "--reflink=auto", image, paths[-1])
        yield paths
    finally:
        for path in paths:
            os.unlink(path)


def _iscsi(fixture, system=None, login=None, dhcp=()):
    @contextlib.contextmanager
    def around(case, work):
        _need("tgtd", "tgtadm")
        with _copies(case, work, fixture, system) as paths, \
                servers.Network(work, case.name) as network:
            network.dhcp(*dhcp)
            targets = Targets(network)
            for n, path in enumerate(paths):
                targets.add(str(n), path, login)
            yield network.around()
    return around


# The boot loader in the card: it attaches the disk, as a machine would that has none, and leaves the
# table behind that says how (iBFT).
_IPXE = """#!ipxe
set initiator-iqn {initiator}
set username {login[0][0]}
set password {login[0][1]}
set reverse-username {login[1][0]}
set reverse-password {login[1][1]}
sanhook --drive 0x80 iscsi:{server}:::1:{target}
kernel {url}vmlinuz initrd=image {command_line}
initrd --name image {url}image
boot
"""


@contextlib.contextmanager
def _from_card(case, work):
    """Kernel and image come over the wire, and the disk is known to the firmware alone."""
    _need("tgtd", "tgtadm")
    if not os.path.exists(ROM):
        report.skip("%s is not installed (package ipxe-qemu)" % ROM)
    directory = os.path.join(work, case.name + ".http")
    os.makedirs(directory, exist_ok=True)

    def publish(kernel, image, command_line):
        for name, path in (("vmlinuz", kernel), ("image", image)):
            cache.run("ln", "-sfn", path, os.path.join(directory, name))
        with open(os.path.join(directory, "script"), "w", encoding="ascii") as stream:
            stream.write(_IPXE.format(
                initiator=INITIATOR, login=LOGIN, server=servers.SERVER, target=TARGET % "0",
                url=servers.URL, command_line=command_line))

    with _copies(case, work, "ext4") as (path,), servers.Network(work, case.name) as network:
        network.dhcp("--dhcp-boot=%sscript" % servers.URL)
        network.http(directory)
        Targets(network).add("0", path, LOGIN)
        around = network.around(start=True)
        around.publish = publish
        yield around
    cache.remove(directory)


@contextlib.contextmanager
def _late_iscsi(case, work):
    """Two servers with a disk each; the second starts later than its client."""
    _need("tgtd", "tgtadm")
    with _copies(case, work, "btrfs-two") as paths, \
            servers.Network(work, case.name) as network:
        network.dhcp()
        Targets(network).add("0", paths[0])
        around = network.around()
        around.events.append((r"store\.1 at .* can't be had yet", lambda: network.later(
            LATE, lambda: Targets(network, 3261).add("1", paths[1]))))
        yield around


@contextlib.contextmanager
def _nobody(case, work):
    with servers.Network(work, case.name) as network:
        network.dhcp()
        yield network.around()


def _nbd_export(fixture, system=None, dhcp=()):
    """By the name of an export."""
    @contextlib.contextmanager
    def around(case, work):
        _need("nbd-server")
        conf = os.path.join(work, case.name + ".conf")
        with _copies(case, work, fixture, system) as (path,), \
                servers.Network(work, case.name) as network:
            with open(conf, "w", encoding="ascii") as stream:
                stream.write("[generic]\nlistenaddr = %s\n[the-root]\nexportname = %s\n"
                             % (servers.SERVER, path))
            network.dhcp(*dhcp)
            network.start("nbd-server", "-d", "-C", conf)
            network.wait_tcp(10809)
            yield network.around()
        os.unlink(conf)
    return around


@contextlib.contextmanager
def _nbd_port(case, work):
    """The default export of a port."""
    _need("qemu-nbd")
    image, = disks.images("ext4")
    with servers.Network(work, case.name) as network:
        network.dhcp()
        around = network.around()
        around.events.append((r"NBD server .* can't be had yet", lambda: network.later(
            LATE, lambda: network.start(
                "qemu-nbd", "-f", "raw", "-x", "", "-b", servers.SERVER, "-p", "2000", "-t", "-e",
                "4", "--snapshot", image))))
        yield around


def _netroot(n, login=None, port="", lun=1):
    secret = ":".join(word for pair in login for word in pair) + "@" if login else ""
    return "netroot=iscsi:%s%s::%s:%d:%s" % (secret, servers.SERVER, port, lun, TARGET % n)


_NETWORK = " ip=dhcp rd.neednet=1"
_NAME = " rd.iscsi.initiator=" + INITIATOR
_MODULES = {"network", "network-drivers", "iscsi", "iscsi-host"}
ROOTS.update({
    # Login and name are in the host's own image.
    "iscsi": Root(None, "root=UUID=" + UUID["ext4"] + _NETWORK + PATIENT,
                  shows("ext4", "/dev/sda", "ext4"), ["fs:ext4", "block:iscsi", "net"],
                  modules=_MODULES, around=_iscsi("ext4", login=LOGIN),
                  generic=_netroot("0", LOGIN) + _NAME),
    "nbd": Root(None, "root=nbd:%s:the-root:ext4:noatime ro" % servers.SERVER + _NETWORK + PATIENT,
                shows("ext4", "/dev/nbd0", "ext4"), ["fs:ext4", "block:nbd", "net"],
                modules={"network", "network-drivers", "nbd"}, around=_nbd_export("ext4")),
    "debian12-nbd": Root(
        None, "root=nbd:%s:the-root:ext4 rw" % servers.SERVER + _NETWORK + PATIENT,
        shows("ext4", "/dev/nbd0", "debian12 .* failed=0"), ["fs:ext4", "block:nbd", "net"],
        system="debian12", modules={"network", "network-drivers", "nbd"},
        around=_nbd_export("debian", "debian12")),
    "debian12-iscsi": Root(
        None, "root=iscsi:%s:::1:%s rw" % (servers.SERVER, TARGET % "0") + _NAME + _NETWORK
        + PATIENT, shows("ext4", "/dev/sda", "debian12 .* failed=0"),
        ["fs:ext4", "block:iscsi", "net"], system="debian12", modules=_MODULES,
        around=_iscsi("debian", "debian12")),
})
# A host image of it has a row of its own, or none.
GENERIC_ALONE = ("iscsi", "debian12-iscsi")
# It has no row but one of its own.
UNRECORDED = ("debian12-nbd",)

# What open-iscsi has of the root's target, and of another, which is none of the image's business.
_NODE = "etc/iscsi/nodes/%s/%s,3260,1/default"
_RECORD = "".join("node.session.auth.%s = %s\n" % row for row in (
    ("username", LOGIN[0][0]), ("password", LOGIN[0][1]),
    ("username_in", LOGIN[1][0]), ("password_in", LOGIN[1][1]))).encode()
_RECORDS = {_NODE % (TARGET % "0", servers.SERVER): _RECORD,
            _NODE % (TARGET % "other", servers.SERVER): _RECORD}


def _check_targets(path):
    """The target's passwords are there, for root alone and no secret that they are; no other's is."""
    initrdctl = os.path.join(os.path.dirname(path), "stage/usr/bin/initrdctl")
    text = cache.run(initrdctl, "cat", path, "/etc/initrdd/iscsi")
    assert text == '"%s" "%s" "3260" "1" "%s" "%s" "%s" "%s" "%s"\n' % (
        (TARGET % "0", servers.SERVER, INITIATOR) + LOGIN[0] + LOGIN[1]), text
    listed = cache.run(initrdctl, "files", path).splitlines()
    assert any(line.startswith("-rw-------") and line.endswith(" /etc/initrdd/iscsi")
               for line in listed), "it can be read by everybody"
    assert not any("/etc/iscsi/nodes" in line for line in listed)
    told = json.loads(cache.run(initrdctl, "inspect", path, "--json=short"))
    assert "/etc/initrdd/iscsi" in [secret["path"] for secret in told["secrets"]], told["secrets"]


CASES = [
    # Nothing is said but the root.
    host("debian12-host-iscsi", "iscsi", image={"files": _RECORDS}, check=_check_targets),
    # A system on its way down keeps its disk until the end, and comes up again.
    host("iscsi-shutdown", "debian12-iscsi",
         command_line=ROOTS["debian12-iscsi"].command_line + " test.poweroff",
         expect=ROOTS["debian12-iscsi"].expect + (r"reboot: Power down",)),
    # The same of NBD, which has to be let go.
    generic("nbd-shutdown", "debian12-nbd",
            command_line=ROOTS["debian12-nbd"].command_line + " test.poweroff",
            expect=ROOTS["debian12-nbd"].expect + (r"nbd0 \(\d+\) is detached",
                                                   r"All file systems, .* are detached",
                                                   r"reboot: Power down"),
            failures=FAILURES + (r"Not all is detached",)),
    # Two disks, that of the second server late: the first is logged in to meanwhile.
    generic("iscsi-two-late", "iscsi", around=_late_iscsi, waits=True,
            command_line="root=UUID=%s " % UUID["btrfs-two"] + _netroot("0") + " "
            + _netroot("1", port="3261") + _NETWORK + PATIENT,
            expect=(r"iSCSI target \S+:store\.1 at 10\.9\.9\.1 port 3261 can't be had yet",
                    r"iSCSI target \S+:store\.1 .* is there")
            + shows("btrfs", r"/dev/sd[ab]", "btrfs-two")),
    # Nobody is there: an end, which says why, long before the root's own time would be up.
    generic("iscsi-never", "iscsi", around=_nobody, waits=True,
            command_line="root=iscsi:%s:::1:%s rd.timeout=45" % (servers.SERVER, TARGET % "0")
            + _NETWORK,
            expect=(r"iSCSI target .* can't be had yet: ", r"was the last try: ",
                    r"(You are in emergency mode|root account is locked)"),
            failures=(r"Kernel panic",)),
    # Nobody tells the image anything but that there is a firmware that knows.
    generic("iscsi-ibft", "iscsi", packed=True, around=_from_card, timeout=400,
            command_line="root=UUID=%s ip=ibft rd.iscsi.firmware" % UUID["ext4"] + PATIENT),
    # Nobody but DHCP knows what the root is, not even that it is a disk.
    generic("iscsi-dhcp-root-path", "iscsi", command_line="root=dhcp" + PATIENT,
            around=_iscsi("ext4", login=LOGIN, dhcp=("--dhcp-option=17,iscsi:%s@%s:::1:%s" % (
                ":".join(word for pair in LOGIN for word in pair), servers.SERVER, TARGET % "0"),))),
    generic("nbd-dhcp-root-path", "nbd", command_line="root=dhcp" + PATIENT, around=_nbd_export(
        "ext4", dhcp=("--dhcp-option=17,nbd:%s:the-root:ext4:noatime" % servers.SERVER,))),
    # A disk, from a server that is late.
    generic("nbd-port-late", "nbd", around=_nbd_port, waits=True,
            command_line="root=UUID=%s netroot=nbd:%s:2000" % (
                UUID["ext4"], servers.SERVER) + _NETWORK + PATIENT,
            expect=(r"NBD server 10\.9\.9\.1 port 2000 for /dev/nbd0 can't be had yet",
                    r"NBD server .* is there") + shows("ext4", "/dev/nbd0", "ext4")),
]
