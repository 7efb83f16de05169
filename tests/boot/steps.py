# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a boot: hooks of the admin, and shells on the way; and the way down."""

import contextlib
import os

import servers
import sshkeys
import storage
from case import MORE_PACKAGES, PATIENT, ROOTS, generic, host
from qemu import FAILURES

STEPS = ("cmdline", "pre-udev", "pre-trigger", "initqueue", "pre-mount", "mount", "pre-pivot",
         "cleanup")
# What an admin has at each step; they say that they run, and what they find.
_HOOKS = {"etc/initrdd/hooks/%s.d/50-say" % step:
          (b"#!/bin/sh\necho HOOK-$INITRDD_STEP-$((40+2))\n", 0o755) for step in STEPS}
_HOOKS.update({
    "etc/initrdd/hooks/pre-mount.d/10-fails": (b"#!/bin/sh\nexit 7\n", 0o755),
    "run/initrdd/hooks/pre-mount.d/20-masked": (b"#!/bin/sh\necho MASKED\n", 0o755),
    "etc/initrdd/hooks/pre-mount.d/20-masked": b"",
    "run/initrdd/hooks/mount.d/10-root": (b"#!/bin/sh\n. $NEWROOT/etc/os-release; echo FOUND-$ID\n",
                                          0o755),
})
_REQUIRED = {
    "etc/initrdd/hooks/pre-mount.d/50-never.required": (b"#!/bin/sh\nexit 9\n", 0o755),
    "etc/initrdd/hooks/pre-pivot.d/50-say": (b"#!/bin/sh\necho WENT-ON\n", 0o755),
}
# Drivers go on talking behind a prompt.
_ENTER = (r"or press Control-D to continue\): ", "")
_OPEN = ("Emergency=open",)
_SAID = {step: r"HOOK-%s-42" % step for step in STEPS}
_SYSTEM = ROOTS["debian12-luks"]


@contextlib.contextmanager
def _typed_over_ssh(case, work):
    """Somebody on the network who knows the server's key and the passphrase, and has a key."""
    known, key = (os.path.join(work, case.name + end) for end in (".known", ".key"))
    with open(known, "wb") as stream:
        stream.write(servers.STATIC.encode() + b" " + sshkeys.read("host.pub"))
    with open(key, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(sshkeys.read("user"))
    with servers.Network(work, case.name) as network:
        network.start(sshkeys.CLIENT, r"[Pp]assphrase for disk", storage.PASSPHRASE,
                      "ssh", "-tt", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes",
                      "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
                      "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + known,
                      "root@" + servers.STATIC)
        yield network.around()


def _over_ssh(name, module, server_files):
    """Nobody types anything at the console."""
    def files():
        return {"etc/initrdd/ssh/" + path: (sshkeys.read(key), mode)
                for path, key, mode in server_files + (("authorized_keys", "user.pub", 0o644),)}
    return generic(name, "luks", around=_typed_over_ssh, answers=(),
                   image={"settings": ("Modules=" + module,), "packages": MORE_PACKAGES,
                          "files": files},
                   command_line="%s rd.luks.uuid=%s ip=%s:::%s:::off"
                                % (ROOTS["luks"].command_line, storage.LUKS["luks"], servers.STATIC,
                                   servers.NETMASK))


CASES = [
    # One at every step, in their order, with one that fails and a shell before two of the steps. Until
    # the first is left, no device is waited for; at the second, of a bare rd.break, the root is there.
    host("hooks", "ext4-uuid", "debian13", image={"settings": _OPEN, "files": _HOOKS},
         command_line=ROOTS["ext4-uuid"].command_line + PATIENT + " rd.break=initqueue rd.break",
         expect=(_SAID["cmdline"], _SAID["pre-udev"], _SAID["pre-trigger"], r"WAITED-42",
                 _SAID["initqueue"], r"hook pre-mount/10-fails: failed with status 7",
                 _SAID["pre-mount"], r"FOUND-fakeroot", _SAID["mount"], r"THERE-fakeroot",
                 _SAID["pre-pivot"], _SAID["cleanup"]) + ROOTS["ext4-uuid"].expect,
         failures=(r"Kernel panic", r"MASKED", r"Expecting device"),
         answers=(_ENTER, (r"initqueue# ", "until [ -b /dev/vda ]; do sleep 0.2; done; udevadm settle; "
                           "echo WAITED-$((40+2)); exit"),
                  _ENTER, (r"pre-pivot# ", ". /sysroot/etc/os-release; echo THERE-$ID; exit"))),
    # One that the boot can't go on without; who may not have a shell gets none. And what units say is
    # on the console, although it is to be quiet.
    host("hooks-required", "ext4-uuid", image={"settings": ("Emergency=locked",), "files": _REQUIRED},
         command_line=ROOTS["ext4-uuid"].command_line + PATIENT + " quiet rd.info",
         expect=(r"systemd\[1\]: Starting initrdd-hooks-pre-mount",
                 r"hook pre-mount/50-never.required: failed with status 9",
                 r"the boot can't go on without 50-never.required",
                 r"The boot can't go on:", r"Failed to start initrdd-hooks-pre-mount",
                 r"    hook pre-mount/50-never.required: failed", r"A report is in /run/",
                 r"Cannot open access to console, the root account is locked"),
         failures=(r"Kernel panic", r"WENT-ON", r"ROOT-OK", r"fakeext4: clean")),
    # A root that can't be taken apart by who runs from it: all of it is, from what the image has left
    # behind, and so the array has nothing to make good when it is started again.
    host("shutdown", "debian12-luks", command_line=_SYSTEM.command_line + " test.poweroff",
         expect=_SYSTEM.expect + (r"dm-\d+ \(systemvg-root\) is detached",
                                  r"dm-\d+ \(cryptroot\) is detached",
                                  r"md\d+ \(\S+\) is detached",
                                  r"All file systems, .* are detached", r"reboot: Power down"),
         failures=FAILURES + (r"Not all is detached", r"not clean", r"resync of RAID"),
         again=((_SYSTEM.command_line, (r"active with 2 out of 2 mirrors",) + _SYSTEM.expect,
                 _SYSTEM.answers),)),
    _over_ssh("luks-over-ssh", "sshd", (("dropbear_host_key", "dropbear", 0o600),)),
    _over_ssh("luks-over-tinyssh", "tinyssh", (("tinyssh/.ed25519.sk", "tinyssh.sk", 0o600),
                                               ("tinyssh/ed25519.pk", "tinyssh.pk", 0o644))),
]
