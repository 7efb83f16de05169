# SPDX-License-Identifier: GPL-2.0-or-later
"""Roots that the host of the virtual machine shares."""

import contextlib
import os
import subprocess
import time

import disks
import qemu
from case import ROOTS, Root, generic, host, shows

# Of qemu-system-common.
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
_TAG = "the-root"


def _tree(case):
    return os.path.join(disks.fixture(case.root.disks, case.root.system), "root")


@contextlib.contextmanager
def _plan9(case, work):
    yield qemu.Around(devices=(
        "-fsdev", "local,id=share,security_model=none,readonly=on,path=" + _tree(case),
        "-device", "virtio-9p-pci,fsdev=share,mount_tag=" + _TAG))


@contextlib.contextmanager
def _virtiofs(case, work):
    """A server beside QEMU, and memory that both have."""
    socket = os.path.join(work, case.name + ".sock")
    with subprocess.Popen(
            [VIRTIOFSD, "-f", "--socket-path=" + socket, "-o", "sandbox=chroot",
             "-o", "source=" + _tree(case)], stderr=subprocess.DEVNULL) as server:
        try:
            while not os.path.exists(socket) and server.poll() is None:
                time.sleep(0.05)
            yield qemu.Around(devices=(
                "-object", "memory-backend-memfd,id=memory,share=on,size=1024M",
                "-machine", "memory-backend=memory",
                "-chardev", "socket,id=share,path=" + socket,
                "-device", "vhost-user-fs-pci,chardev=share,tag=" + _TAG))
        finally:
            server.kill()


ROOTS.update({
    "9p": Root("export", "root=%s rootfstype=9p" % _TAG, shows("9p", _TAG, "export"),
               ["fs:9p", "transport:virtio"], modules=set(), around=_plan9),
    "virtiofs": Root("export", "root=virtiofs:%s" % _TAG, shows("virtiofs", _TAG, "export"),
                     ["fs:virtiofs", "transport:virtio"], modules=set(), around=_virtiofs),
})

CASES = (
    [generic("debian12-generic-9p", "9p"), host("debian12-host-virtiofs", "virtiofs"),
     generic("debian13-generic-virtiofs", "virtiofs", "debian13",
             command_line="root=%s rootfstype=virtiofs" % _TAG)]
)
