# SPDX-License-Identifier: GPL-2.0-or-later
"""Roots on NFS, and the ways to a network: each boot has servers of its own (tests/lib/servers.py)."""

import contextlib
import os

import cache
import disks
import servers
from case import ROOTS, Root, generic, host
from qemu import FAILURES

_AT = servers.SERVER + ":" + servers.EXPORT
_NFS = {"network", "network-drivers", "nfs"}
# NFS and a card of this machine: what a host image has of both is asserted by `modules`.
_TAGS = ["fs:nfs", "net"]


def nfs(versions="4", dhcp=(), late=0, never=False, cards=1, vlan=None, copied=False):
    """Servers for DHCP and, `late` seconds after the console says that it is waited for or
    `never`, for the case's directory. `copied`: the boot may write there."""

    @contextlib.contextmanager
    def enter(case, work):
        tree = os.path.join(disks.fixture(case.root.disks, case.root.system), "root")
        if copied:
            tree = os.path.join(work, case.name + ".root")
            cache.run("cp", "-a", "--reflink=auto", os.path.join(
                disks.fixture(case.root.disks, case.root.system), "root"), tree)
        try:
            with servers.Network(work, case.name, vlan) as network:
                if dhcp is not None:
                    network.dhcp(*dhcp)
                if not late and not never:
                    network.nfs(tree, versions)
                around = network.around(cards)
                if late:
                    around.events.append((r"The root .* is waited for", lambda: network.later(
                        late, lambda: network.nfs(tree, versions))))
                yield around
        finally:
            if copied:
                cache.remove(tree)

    return enter


def _shows(version, server=servers.SERVER, marker="export"):
    kind = "nfs4" if version.startswith("4") else "nfs"
    return (r"ROOT-OK %s %s:%s .*vers=%s" % (kind, server.replace("[", r"\[").replace("]", r"\]"),
                                             servers.EXPORT, version), r"MARKER %s\b" % marker)


ROOTS.update({
    # Nothing but the root is said: every card asks for an address.
    "nfs4": Root("export", "root=nfs4:" + _AT, _shows("4"), _TAGS, modules=_NFS, around=nfs()),
    # A system on it, that writes there.
    "debian12-nfs": Root(
        "debian-export", "root=nfs:%s rw systemd.condition-needs-update=no" % _AT,
        _shows("4", marker="debian12-export .* failed=0"), _TAGS, system="debian12",
        modules=_NFS, around=nfs(copied=True)),
})

# That of a host has a row of its own.
GENERIC_ALONE = ("debian12-nfs",)

_MACS = " ".join("ifname=lan%d:%s" % (n, mac) for n, mac in enumerate(servers.MACS[:2]))

# The server's READ_PLUS, of version 4.2, gives Linux 6.12 files that are all zeros.
_NO_READ_PLUS = ROOTS["nfs4"].command_line.replace(_AT, _AT + ":vers=4.1")

CASES = (
    # Of the kernel's own documentation: nfsroot=, and an address without an interface. Version 3
    # needs the numbers of protocols, which a minimal system has no table of.
    [generic("nfs3-static", "nfs4", around=nfs("3", dhcp=None), expect=_shows("3"),
             command_line="root=/dev/nfs nfsroot=%s,rsize=65536 ip=%s::%s:%s:::off"
                          % (_AT, servers.STATIC, servers.SERVER, servers.NETMASK)),
     # The server, the path and an option from DHCP, of the interface that the boot loader names.
     host("nfs-dhcp-root-path", "nfs4", expect=_shows("4.1"),
          around=nfs(dhcp=("--dhcp-option=17,nfs4:%s:vers=4.1" % _AT,)),
          command_line="root=dhcp ip=dhcp BOOTIF=01-" + servers.MACS[0].replace(":", "-")),
     # All that lies on top of cards, by names that the command line gives them.
     generic("nfs-bridge-on-vlan-on-bond", "nfs4", around=nfs(dhcp=None, cards=2, vlan=5),
             command_line="root=nfs:%s %s bond=bond0:lan0,lan1:mode=active-backup,miimon=100"
                          " vlan=bond0.5:bond0 bridge=br0:bond0.5 ip=%s::%s:%d::br0:none"
                          " rd.net.timeout.carrier=60"
                          % (_AT, _MACS, servers.STATIC, servers.SERVER, servers.PREFIX)),
     host("nfs-ipv6", "nfs4", expect=_shows("4", "[%s]" % servers.SERVER6),
          command_line="root=nfs4:[%s]:%s ip=%s:dhcp6"
                       % (servers.SERVER6, servers.EXPORT, servers.MACS[0].replace(":", "-"))),
     generic("debian13-generic-nfs4", "nfs4", "debian13", command_line=_NO_READ_PLUS),
     host("debian13-host-nfs4", "nfs4", "debian13", command_line=_NO_READ_PLUS),
     # A shutdown that needs the network to the end.
     host("debian12-host-real-nfs", "debian12-nfs", timeout=400,
          command_line=ROOTS["debian12-nfs"].command_line + " test.poweroff",
          expect=ROOTS["debian12-nfs"].expect + (r"reboot: Power down",),
          failures=FAILURES + (r"nfs: server .* not responding",)),
     # The server starts after its clients.
     host("nfs-server-late", "nfs4", around=nfs(late=30), waits=True,
          expect=(r"The root %s is waited for: .*[Cc]onnection refused" % _AT,) + _shows("4")),
     # And never: an end that says why.
     host("nfs-server-never", "nfs4", around=nfs(never=True), waits=True, failures=(r"Kernel panic",),
          command_line="root=nfs4:%s rd.timeout=20" % _AT,
          expect=(r"The root %s could not be mounted within 20 seconds: .*[Cc]onnection refused" % _AT,
                  r"Cannot open access to console, the root account is locked"))]
)
