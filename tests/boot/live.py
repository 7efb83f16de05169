# SPDX-License-Identifier: GPL-2.0-or-later
"""Images on a medium, and overlays over any root."""

import contextlib
import os

from builder import Image
from case import MORE_PACKAGES, PATIENT, ROOTS, Case, Root, generic, shows
import cache
import disks
import medium
import qemu
import servers
from qemu import FAILURES


def _medium_in(drive):
    """The root's medium as another kind of drive than those that have images of their own."""

    @contextlib.contextmanager
    def around(case, work):
        yield qemu.Around(devices=drive(medium.path(disks.fixture(case.disks, case.root.system))))

    return {"around": around}


@contextlib.contextmanager
def _served(case, work):
    """The root's medium as a file of a server, which starts after its clients."""
    directory = disks.fixture(case.disks, case.root.system)
    with servers.Network(work, case.name) as network:
        network.dhcp()
        around = network.around()
        around.events.append((r"medium\.raw can't be had yet", lambda: network.later(
            5, lambda: network.http(directory))))
        yield around


@contextlib.contextmanager
def _damaged(case, work):
    """The root's medium with its checksum, and one byte that is wrong until that is found."""
    path = os.path.join(work, case.name + ".medium")
    cache.run("cp", "--reflink=auto", medium.path(disks.fixture(case.disks, case.root.system)), path)
    cache.run("implantisomd5", path)

    def change():
        with open(path, "r+b") as stream:
            stream.seek(os.path.getsize(path) // 2)
            byte = stream.read(1)[0]
            stream.seek(-1, os.SEEK_CUR)
            stream.write(bytes([byte ^ 255]))

    change()
    try:
        yield qemu.Around(devices=medium.cdrom(path), events=[(r"the result is: FAIL", change)])
    finally:
        os.unlink(path)


def _live(marker, started=1, source="LiveOS_rootfs"):
    return (r"STARTED %d\b" % started,) + shows("overlay", source, marker)


def _started(number, marker, *options):
    """One more boot of the same disks."""
    return (" ".join(options), _live(marker, number), ())


_CD = "root=live:CDLABEL=LIVE\\x20CD rd.live.image" + PATIENT
_DISK = ("root=live:UUID=%s rd.live.dir=images rd.live.squashimg=root.erofs" % medium.UUID["ext4"]
         + PATIENT)
_KEPT = "rd.live.overlay=LABEL=persistent:/changes/upper rd.live.overlay.overlayfs=1"
_COUNTED = "root=UUID=%s" % medium.UUID["counted"] + PATIENT
_SYSTEM = "root=live:LABEL=DEBIAN systemd.condition-needs-update=no" + PATIENT

ROOTS.update({
    "live-cd": Root("live-cd", _CD, _live("live-cd"),
                    ["live", "fs:overlay", "fs:squashfs", "fs:iso9660", "block:loop"],
                    modules={"live"}, **_medium_in(medium.cdrom)),
    "live-disk": Root("live-disk", _DISK, _live("live-disk"), [], modules={"live"}),
    "live-stick": Root("live-stick", "root=live:LABEL=LIVESTICK" + PATIENT, _live("live-stick"), [],
                       modules={"live"}, **_medium_in(medium.usb_stick)),
    "debian12-live": Root("live-system", _SYSTEM,
                          shows("overlay", "LiveOS_rootfs", "live-debian12 .* failed=0"), [],
                          system="debian12", **_medium_in(medium.cdrom)),
    "debian13-live": Root("live-system", _SYSTEM,
                          shows("overlay", "LiveOS_rootfs", "live-debian13 .* failed=0"), [],
                          system="debian13", **_medium_in(medium.usb_stick)),
    "live-found": Root("live-found", "boot=live components findiso=/isos/live.iso" + PATIENT,
                       _live("live-found"), [], modules={"live"}),
    # An ordinary one, to be covered.
    "counted": Root("live-counted", _COUNTED,
                    (r"STARTED 1\b",) + shows("ext4", "/dev/vda", "counted"), ["fs:ext4"]),
})
# Their facts are as those of the disc, and of any root on ext4.
UNRECORDED = ("live-disk", "live-stick", "live-found", "debian12-live", "debian13-live", "counted")


def _covered(name, option, source, again=()):
    """The root of one machine, whose image knows nothing of an overlay."""
    return Case(name, Image("debian12", mode="host", facts="ext4-uuid"), "counted",
                command_line=_COUNTED + " " + option, again=again,
                expect=(r"STARTED 1\b",) + shows("overlay", source, "counted"))


def _other(name, root, **options):
    """Another medium than that of the machine whose image it is: a small one boots in half the time."""
    return Case(name, Image("debian12", mode="host", facts="live-cd", settings=("Modules=erofs",)),
                root, **options)


def _and_off(name, root, system):
    """A whole system, which is switched off again: its medium is mounted below the very root whose image
    is on it."""
    return generic(name, root, system, command_line=_SYSTEM + " test.poweroff",
                   expect=ROOTS[root].expect + (r"All file systems, .* are detached",
                                                r"reboot: Power down"),
                   failures=FAILURES + (r"Not all is detached",))


def _fails(name, root, command_line, *expect):
    return _other(name, root, command_line=command_line, expect=expect,
                  failures=(r"Kernel panic", r"STARTED"))


# What is there if somebody wants it.
_MORE = {"settings": ("Modules=livenet",), "packages": MORE_PACKAGES}
_CHANGES_GONE = _COUNTED + " rd.overlay"
CASES = [
    _other("live-persistent", "live-disk", command_line=_DISK + " " + _KEPT,
           again=(_started(2, "live-disk", _DISK, _KEPT, "rd.live.overlay.readonly"),
                  # The one before has shown what was there, and added nothing.
                  _started(2, "live-disk", _DISK, _KEPT),
                  _started(1, "live-disk", _DISK, _KEPT, "rd.live.overlay.reset"))),
    _other("live-stick", "live-stick",
           command_line=ROOTS["live-stick"].command_line + " rd.live.ram rd.minmem=256"),
    _other("live-found", "live-found"),
    _and_off("debian12-generic-real-live", "debian12-live", "debian12"),
    _and_off("debian13-generic-real-live", "debian13-live", "debian13"),
    # Nothing but the root is said. The server has the medium alone: it is in memory.
    generic("live-http", "live-cd", around=_served, image=_MORE, waits=True,
            command_line="root=live:%s%s" % (servers.URL, os.path.basename(medium.path("")))
            + PATIENT,
            expect=(r"http://10\.9\.9\.1/medium\.raw can't be had yet: \(7\)",
                    r"http://10\.9\.9\.1/medium\.raw is there") + _live("live-cd")),
    # A disc that is damaged is not started; the next one is.
    generic("live-check", "live-cd", around=_damaged, image=_MORE, failures=(r"Kernel panic",),
            command_line=_CD + " rd.live.check",
            expect=(r"the result is: FAIL", r"You are in emergency mode|root account is locked"),
            again=((_CD + " rd.live.check", (r"the result is: PASS",) + _live("live-cd"), ()),)),
    _fails("live-missing", "live-disk", "root=live:LABEL=gone rd.timeout=10",
           r"Timed out waiting for .*gone", r"You are in emergency mode|root account is locked"),
    _fails("live-wrong-path", "live-disk", "root=live:LABEL=livedisk rd.live.dir=elsewhere" + PATIENT,
           r"There is no root on .*/livedisk: neither /elsewhere/squashfs.img nor",
           r"You are in emergency mode|root account is locked"),
    _covered("overlay", "rd.overlay", "LiveOS_rootfs",
             ((_CHANGES_GONE, (r"STARTED 1\b",) + shows("overlay", "LiveOS_rootfs", "counted"), ()),)),
    # Neither the device for an overlay nor what is resumed from is there: the boot goes on without them.
    generic("missing-devices", "counted", waits=True,
            command_line="root=UUID=%s rd.timeout=40 rd.overlay=LABEL=gone resume=LABEL=away"
            % medium.UUID["counted"],
            expect=(r"Timed out waiting for .*(gone|away)", r"Timed out waiting for .*(gone|away)",
                    r"STARTED 1\b") + shows("overlay", "LiveOS_rootfs", "counted")),
    _covered("overlay-systemd", "systemd.volatile=overlay", "overlay"),
]
