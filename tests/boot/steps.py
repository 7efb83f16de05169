# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a boot: hooks of the admin, and shells on the way."""

from case import PATIENT, ROOTS, host

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

CASES = [
    # One at every step, in their order, with one that fails and a shell before two of the steps. At
    # the first nothing is waited for yet; at the second, of a bare rd.break, the root is there.
    host("hooks", "ext4-uuid", image={"settings": _OPEN, "files": _HOOKS},
         command_line=ROOTS["ext4-uuid"].command_line + PATIENT + " rd.break=initqueue rd.break",
         expect=(_SAID["cmdline"], _SAID["pre-udev"], _SAID["pre-trigger"], r"WAITING-42",
                 _SAID["initqueue"], r"hook pre-mount/10-fails: failed with status 7",
                 _SAID["pre-mount"], r"FOUND-fakeroot", _SAID["mount"], r"THERE-fakeroot",
                 _SAID["pre-pivot"], _SAID["cleanup"]) + ROOTS["ext4-uuid"].expect,
         failures=(r"Kernel panic", r"MASKED"),
         answers=(_ENTER, (r"initqueue# ", "systemctl list-jobs --no-legend --full | "
                           "grep 'device .*waiting' && echo WAITING-$((40+2)); exit"),
                  _ENTER, (r"pre-pivot# ", ". /sysroot/etc/os-release; echo THERE-$ID; exit"))),
    # One that the boot can't go on without; and who may not have a shell gets none.
    host("hooks-required", "ext4-uuid", image={"settings": ("Emergency=locked",), "files": _REQUIRED},
         command_line=ROOTS["ext4-uuid"].command_line + PATIENT,
         expect=(r"hook pre-mount/50-never.required: failed with status 9",
                 r"the boot can't go on without 50-never.required",
                 r"Cannot open access to console, the root account is locked"),
         failures=(r"Kernel panic", r"WENT-ON", r"ROOT-OK")),
]
