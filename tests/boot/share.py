# SPDX-License-Identifier: GPL-2.0-or-later
"""Roots that the host of the virtual machine shares."""

import contextlib
import os
import socket
import subprocess
import tempfile

import disks
import qemu
from case import ROOTS, Root, generic, shows

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
    """A server beside QEMU, and memory that both have. A root whose server is gone stands still and says nothing,
    so the server gets a socket that is no other's and was not there before, and tells how it ended."""
    with tempfile.TemporaryDirectory(prefix="virtiofs-") as directory, \
            socket.socket(socket.AF_UNIX) as listening, \
            open(os.path.join(work, case.name + ".virtiofsd"), "w", encoding="utf-8") as log:
        path = os.path.join(directory, "socket")
        listening.bind(path)
        listening.listen(1)
        with subprocess.Popen(
                [VIRTIOFSD, "-f", "--fd=%d" % listening.fileno(), "-o", "sandbox=chroot",
                 "-o", "source=" + _tree(case)], pass_fds=[listening.fileno()], stderr=log) as server:
            # Nobody is to wait at a door that no server opens.
            listening.close()
            try:
                yield qemu.Around(devices=(
                    "-object", "memory-backend-memfd,id=memory,share=on,size=1024M",
                    "-machine", "memory-backend=memory",
                    "-chardev", "socket,id=share,path=" + path,
                    "-device", "vhost-user-fs-pci,chardev=share,tag=" + _TAG))
            finally:
                # It ends by itself when QEMU does, and that is no error.
                status = server.poll()
                server.kill()
                assert not status, "virtiofsd ended with status %d, see %s" % (status, log.name)


ROOTS.update({
    "9p": Root("export", "root=%s rootfstype=9p" % _TAG, shows("9p", _TAG, "export"),
               ["fs:9p", "transport:virtio"], modules=set(), around=_plan9),
    "virtiofs": Root("export", "root=virtiofs:%s" % _TAG, shows("virtiofs", _TAG, "export"),
                     ["fs:virtiofs", "transport:virtio"], modules=set(), around=_virtiofs),
})

CASES = [
    generic("debian13-generic-virtiofs", "virtiofs", "debian13",
            command_line="root=%s rootfstype=virtiofs" % _TAG),
]
