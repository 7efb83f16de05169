#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-generator: each form of each option, the malformed ones too, and what comes of it.

A case is a kernel command line, what must be in the log, and the files that must be there, with what
each must contain; no other may be. Directories: n/, e/ and l/ are the generator's own, r/ is the
image.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

GENERATOR = os.path.abspath(sys.argv.pop(1))
CRYPTSETUP = "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator"
FSTAB = "/usr/lib/systemd/system-generators/systemd-fstab-generator"
LOCAL = "r/etc/lvm/lvmlocal.conf"
MASKED = {"r/etc/udev/rules.d/" + name: "-> /dev/null"
          for name in ("69-lvm.rules", "69-dm-lvm.rules", "69-dm-lvm-metad.rules")}
MD = "r/etc/udev/rules.d/62-initrdd-md.rules"
DMRAID_SET = "r/etc/udev/rules.d/66-initrdd-dmraid.rules"
DMRAID = "r/etc/udev/rules.d/67-initrdd-dmraid.rules"
MODPROBE = "r/etc/modprobe.d/60-initrdd.conf"
JOURNAL = "r/etc/systemd/journald.conf.d/60-initrdd.conf"
ALL = {LOCAL: "monitoring = 0"}
UUID = "77777777-0000-4000-8000-000000000001"


def volumes(*names):
    return {LOCAL: "auto_activation_volume_list = [ %s ]" % ", ".join('"%s"' % n for n in names)}


def skips(kind):
    return 'ENV{ID_FS_TYPE}=="%s", ENV{ANACONDA}="1"' % kind


def only(*uuids):
    return 'ENV{ID_FS_UUID}!="%s", ENV{ANACONDA}="1"' % "|".join(uuids)


def sets(patterns):
    return 'ENV{INITRDD_DMRAID_SET}!="%s", ENV{INITRDD_DMRAID_SET}=""' % patterns


def behind(*units):
    """What is only waited for when all passphrases are there."""
    return dict(ALL, **{"n/%s.device.d/60-initrdd-crypt.conf" % unit:
                        "[Unit]\nAfter=cryptsetup.target remote-cryptsetup.target\n" for unit in units})


def timeout(unit, text, *more):
    return dict(ALL, **{"n/%s.device.d/60-initrdd.conf" % u: "JobRunningTimeoutSec=%s\n" % text
                        for u in (unit,) + more})


def locked(node, seconds):
    """The root is not waited for as long again when what it may be on was not opened."""
    return {"n/initrdd-locked.service": 'ExecStart=-/usr/lib/initrdd/initrdd-wait-unlock %d "%s"\n'
                                        % (seconds, node),
            "n/systemd-cryptsetup@.service.d/60-initrdd.conf": "[Unit]\nOnFailure=initrdd-locked.service\n"}


def resumes(unit, seconds=90):
    """What is resumed from has an end, before that which resumeflags= says."""
    return {"n/%s.device.d/45-initrdd.conf" % unit: "[Unit]\nJobRunningTimeoutSec=%ds\n" % seconds}


def resume_end(node, seconds=90):
    """The same where somebody may be asked for a passphrase that it isn't behind."""
    found = {"n/%s.d/60-initrdd.conf" % unit: "[Unit]\nWants=initrdd-resume-end.service\n" for unit in
             ("systemd-hibernate-resume@.service", "systemd-hibernate-resume.service")}
    found["n/initrdd-resume-end.service"] = (
        'ExecStart=-/usr/lib/initrdd/initrdd-wait-unlock %d "%s"\n' % (seconds, node))
    return found


EARLY = ("cmdline", "pre-udev", "pre-trigger", "initqueue")


def point(what, name, target, *lines):
    """A unit of a step of the boot; no device is waited for before an early one is done."""
    unit = "initrdd-%s-%s.service" % (what, name)
    found = {"n/" + unit: list(lines), "n/%s.wants/%s" % (target, unit): "-> ../" + unit}
    if name in EARLY:
        found["n/device.d/60-%s.conf" % unit[:-8]] = "[Unit]\nAfter=%s\n" % unit
    return found


def step(name, target, *lines):
    return dict(ALL, **point("break", name, target, "ExecStart=-sulogin $INITRDD_SULOGIN\n",
                             "Before=initrdd-hooks-%s.service\n" % name, *lines))


def share(tag, kind, options, driver=None):
    """A root from the host of a virtual machine."""
    return dict(ALL, **{
        "e/sysroot.mount": ["What=%s\n" % tag, "Type=%s\n" % kind, "Options=%s\n" % options,
                            "modprobe@%s.service\n" % (driver or kind)],
        "e/initrd-root-fs.target.requires/sysroot.mount": "-> ../sysroot.mount"})


LOWER = "lowerdir=/run/rootfsbase,upperdir=/run/overlayfs,workdir=/run/ovlwork\n"


def live(what, options="Options=ro\n", helper=None, root=LOWER, overlay="initrdd-overlay", device=None):
    """The units of an image on a medium; `overlay` is the end of that service's command, or None."""
    told = ["What=%s\n" % what, "Where=/run/initramfs/live\n", options]
    files = {"e/run-initramfs-live.mount": told,
             "e/sysroot.mount": ["Where=/sysroot\n", root],
             "e/initrd-root-fs.target.requires/sysroot.mount": "-> ../sysroot.mount",
             "n/initrdd-live.service":
                 "/initrdd-live%s\n" % (helper or ' "%s" "LiveOS" "squashfs.img"' % what)}
    if device:
        files["n/initrd-root-device.target.d/60-initrdd-live.conf"] = "After=%s.device\n" % device
    if overlay:
        files["n/initrdd-overlay.service"] = [overlay, "Requires=initrdd-live.service\n"]
    return dict(ALL, **files)


def by_label(label="A", **options):
    options.setdefault("device", r"dev-disk-by\x2dlabel-" + label)
    return live("/dev/disk/by-label/" + label, **options)


def found(spec, how, helper=None):
    """The same where the medium has to be looked for."""
    files = live(spec, helper=helper)
    del files["e/run-initramfs-live.mount"]
    return merged(dict(files, **{FIND: '"%s"\n' % how}), LIVE, "Requires=initrdd-live-find.service\n")


def covers(arguments="", *lines):
    """An overlay over any root."""
    return dict(ALL, **{
        "n/initrdd-overlay.service": ['initrdd-overlay%s "--over=/sysroot"\n' % arguments,
                                      "After=sysroot.mount\n"] + list(lines),
        "n/initrd-root-fs.target.requires/initrdd-overlay.service": "-> ../initrdd-overlay.service"})


def merged(files, path, *parts):
    """More of what must be in one of the files."""
    had = files[path]
    return dict(files, **{path: ([had] if isinstance(had, str) else list(had)) + list(parts)})


OVERLAY, LIVE = "n/initrdd-overlay.service", "n/initrdd-live.service"
FIND = "n/initrdd-live-find.service"
DEBIAN = ' "boot=live" "live" "filesystem.squashfs"'
BY_UUID = r"dev-disk-by\x2duuid-12\x2d34"
BY_LABEL = r"dev-disk-by\x2dlabel-B"
NODE, LOCKED = "/dev/disk/by-uuid/12-34", r"dev-disk-by\x2duuid-5\x2d6"
GPT_AUTO = r"dev-gpt\x2dauto\x2droot"
CASES = [
    ("", ALL, ""),
    ("quiet splash rd.lvmx=1 ard.md=0 xrd.break", ALL, ""),
    # LVM
    ("rd.lvm", ALL, ""), ("rd.lvm=1", ALL, ""), ("rd.lvm=yes", ALL, ""),
    ("rd.lvm=0", MASKED, ""), ("rd.lvm=no", MASKED, ""), ("rd.lvm=off", MASKED, ""),
    ("rd.lvm=0 rd.lvm=1", ALL, ""), ("rd.lvm=1 rd.lvm=0", MASKED, ""),
    ("rd.lvm=maybe", ALL, "rd.lvm=maybe is neither yes nor no"),
    ("rd.lvm=", ALL, "rd.lvm= is neither"),
    ("rd.lvm=0 rd.lvm=maybe", MASKED, "rd.lvm=maybe"),
    ("rd.lvm.vg=vg0", volumes("vg0"), ""),
    ("rd.lvm.vg=vg0 rd.lvm.vg=vg1 rd.lvm.vg=vg0", volumes("vg0", "vg1"), ""),
    ("rd.lvm.lv=vg0/root", volumes("vg0/root"), ""),
    ("rd.lvm.lv=/dev/vg0/root", volumes("vg0/root"), ""),
    ("rd.lvm.lv=a-b.c+d_1/r rd.lvm.vg=x", volumes("a-b.c+d_1/r", "x"), ""),
    ("rd.lvm=0 rd.lvm.lv=vg0/root", MASKED, ""),
    ("rd.lvm.vg", ALL, "rd.lvm.vg names no volume group"),
    ("rd.lvm.vg=", ALL, "rd.lvm.vg= names no volume group"),
    ("rd.lvm.vg=a/b", ALL, "names no volume group"),
    ("rd.lvm.vg=-x", ALL, "names no volume group"), ("rd.lvm.vg=..", ALL, "names no volume group"),
    ("rd.lvm.vg='a\"'", ALL, "names no volume group"),
    ("'rd.lvm.vg=a b'", ALL, "names no volume group"),
    ("rd.lvm.vg=v\u00e4", ALL, "names no volume group"),
    ("rd.lvm.lv=root", ALL, "rd.lvm.lv=root names no logical volume"),
    ("rd.lvm.lv=vg/", ALL, "names no logical volume"), ("rd.lvm.lv=/lv", ALL, "names no logical"),
    ("rd.lvm.lv=a/b/c", ALL, "names no logical volume"),
    ("rd.lvm.lv=a/b rd.lvm.lv=root", volumes("a/b"), "rd.lvm.lv=root"),
    ("rd.lvm.vg=" + "x" * 128, ALL, "names no volume group"),
    ("rd.lvm.conf=0", dict(ALL, **{"gone": "r/etc/lvm/lvm.conf"}), ""),
    # what is assembled by itself
    ("rd.auto", ALL, ""), ("rd.auto=1", ALL, ""),
    ("rd.auto=0", dict(MASKED, **{MD: [skips("linux_raid_member"), skips("isw_raid_member"),
                                       skips("ddf_raid_member")],
                                  DMRAID_SET: "-> /dev/null"}), ""),
    ("rd.auto=0 rd.lvm.vg=a rd.md.uuid=" + UUID,
     dict(volumes("a"), **{MD: only(UUID), DMRAID_SET: "-> /dev/null"}), ""),
    ("rd.auto=0 rd.auto=1", ALL, ""),
    # md
    ("rd.md rd.md=1", ALL, ""),
    ("rd.md=0", dict(ALL, **{MD: [skips("linux_raid_member"), skips("isw_raid_member"),
                                  skips("ddf_raid_member")]}), ""),
    ("rd.md=2", ALL, "rd.md=2 is neither yes nor no"),
    ("rd.md.uuid=" + UUID, dict(ALL, **{MD: only(UUID)}), ""),
    ("rd.md.uuid=77777777:00004000:80000000:00000001", dict(ALL, **{MD: only(UUID)}), ""),
    ("rd.md.uuid=AAAAAAAA:BBBBBBBB:cccccccc:dddddddd",
     dict(ALL, **{MD: only("aaaaaaaa-bbbb-bbbb-cccc-ccccdddddddd")}), ""),
    ("rd.md.uuid=%s rd.md.uuid=%s" % (UUID, UUID[:-1] + "2"),
     dict(ALL, **{MD: only(UUID, UUID[:-1] + "2")}), ""),
    ("rd.md.uuid=", ALL, "rd.md.uuid= is no UUID"), ("rd.md.uuid", ALL, "is no UUID"),
    ("rd.md.uuid=1234", ALL, "is no UUID"), ("rd.md.uuid=%s0" % UUID, ALL, "is no UUID"),
    ("rd.md.uuid=" + UUID.replace("7", "g", 1), ALL, "is no UUID"),
    ('rd.md.uuid=*",RUN+=reboot', ALL, "is no UUID"),
    ("rd.md.imsm=0", dict(ALL, **{MD: skips("isw_raid_member")}), ""),
    ("rd.md.ddf=0", dict(ALL, **{MD: skips("ddf_raid_member")}), ""),
    ("rd.md.conf=0", dict(ALL, **{"gone": "r/etc/mdadm/mdadm.conf"}), ""),
    # dmraid
    ("rd.dm rd.dm=1 rd.dm=yes", ALL, ""),
    ("rd.dm=0", dict(ALL, **{DMRAID_SET: "-> /dev/null"}), ""),
    ("rd.dm=0 rd.dm.uuid=isw_a", dict(ALL, **{DMRAID_SET: "-> /dev/null"}), ""),
    ("rd.dm=x", ALL, "rd.dm=x is neither yes nor no"),
    ("rd.dm.uuid=isw_abc_Volume0", dict(ALL, **{DMRAID: sets("isw_abc_Volume0*")}), ""),
    ("rd.dm.uuid=isw_a rd.dm.uuid=pdc_b rd.dm.uuid=isw_a",
     dict(ALL, **{DMRAID: sets("isw_a*|pdc_b*")}), ""),
    ("rd.auto=0 rd.dm.uuid=isw_a rd.lvm.vg=a rd.md.uuid=" + UUID,
     dict(volumes("a"), **{MD: only(UUID), DMRAID: sets("isw_a*")}), ""),
    ("rd.dm.uuid=", ALL, "rd.dm.uuid= names no RAID set"),
    ("rd.dm.uuid", ALL, "names no RAID set"), ("rd.dm.uuid=a*", ALL, "names no RAID set"),
    ("'rd.dm.uuid=a\"'", ALL, "names no RAID set"), ("rd.dm.uuid=a|b", ALL, "names no RAID set"),
    ("rd.dm.uuid=" + "x" * 128, ALL, "names no RAID set"),
    # how long the root is waited for
    ("root=UUID=12-34 rd.timeout=20", timeout(BY_UUID, "20s"), ""),
    ("root=UUID=12-34 rd.timeout=0", timeout(BY_UUID, "infinity"), ""),
    ("root=UUID=12-34 rd.retry=200", timeout(BY_UUID, "200s"), ""),
    ("root=UUID=12-34 rd.retry=0", ALL, ""),
    ("root=UUID=12-34 rd.timeout=5 rd.retry=200", timeout(BY_UUID, "5s"), ""),
    ("root=UUID=12-34 rootdelay=30", ALL, ""),
    ("root=UUID=12-34 rootdelay=300", timeout(BY_UUID, "300s"), ""),
    ("root=UUID=12-34 rd.timeout=1s", ALL, "rd.timeout=1s is no number of seconds"),
    ("root=UUID=12-34 rd.timeout", ALL, "is no number of seconds"),
    ("root=UUID=12-34 rd.timeout=-1", ALL, "is no number of seconds"),
    ("root=UUID=12-34 rd.timeout=99999999999", ALL, "is no number of seconds"),
    ("root=UUID=12-34 rd.timeout=7 rd.timeout=x", timeout(BY_UUID, "7s"), "rd.timeout=x"),
    ("root=UUID=12-34 rootdelay=soon", ALL, "rootdelay=soon"),
    ("root=/dev/mapper/vg-root rd.timeout=3", timeout(r"dev-mapper-vg\x2droot", "3s"), ""),
    ("root=/dev//vda1/ rd.timeout=3", timeout("dev-vda1", "3s"), ""),
    ("'root=LABEL=my disk' rd.timeout=3",
     timeout(r"dev-disk-by\x2dlabel-my\x5cx20disk", "3s"), ""),
    ("root=PARTUUID=a rd.timeout=3", timeout(r"dev-disk-by\x2dpartuuid-a", "3s"), ""),
    ("root=PARTLABEL=a rd.timeout=3", timeout(r"dev-disk-by\x2dpartlabel-a", "3s"), ""),
    ("root=LABEL= rd.timeout=3", ALL, ""), ("rd.timeout=3", timeout(GPT_AUTO, "3s"), ""),
    ("root=gpt-auto rd.timeout=0", timeout(GPT_AUTO, "infinity"), ""),
    ("root=UUID=12-34 mount.usr=LABEL=u rd.timeout=20",
     timeout(BY_UUID, "20s", r"dev-disk-by\x2dlabel-u"), ""),
    ("root=UUID=12-34 mount.usr=LABEL=u", ALL, ""), ("root=UUID=12-34 mount.usr rd.timeout=2", timeout(
        BY_UUID, "2s"), ""),
    ("root=cifs://u:secret@h/s rd.timeout=3", ALL, "root=cifs:... is not supported"),
    ("root=virtiofs:tag", share("tag", "virtiofs", "ro"), ""),
    ("root=virtiofs:tag rw rootflags=dax", share("tag", "virtiofs", "dax,rw"), ""),
    ("root=/a%b rootfstype=9p rw", share("/a%%b", "9p", "trans=virtio,rw", "9pnet_virtio"), ""),
    ("root=/dev/root rootfstype=9p rootflags=msize=262144,trans=virtio",
     dict(share("/dev/root", "9p", "msize=262144,trans=virtio,ro", "9pnet_virtio"),
          **{"e/initrd-root-device.target.d/50-root-device.conf": ""}), ""),
    ("root=tag rootfstype=9p rootflags=trans=xen",
     share("tag", "9p", "trans=xen,ro", "9pnet_virtio"), ""),
    ("root=virtiofs:", ALL, "root=virtiofs: is no tag"),
    ("root=tag rootfstype=ext4", ALL, ""), ("rootfstype=9p", ALL, ""),
    ("root=UUID=12-34 rootflags=noatime", ALL, ""),
    ("root=UUID=12-34 rootflags=noatime,x-systemd.mount-timeout=5",
     dict(ALL, **{"n/sysroot.mount.d/10-initrdd.conf": "-> /dev/null"}), ""),
    ("rd.skipfsck", dict(ALL, **{"n/systemd-fsck%s.service.d/60-initrdd.conf" % name:
                                 "ConditionPathExists=!/etc/initrd-release\n"
                                 for name in ("-root", "-usr", "@")}), ""),
    ("rd.skipfsck=0", ALL, ""), ("rd.skipfsck=x", ALL, "rd.skipfsck=x is neither"),
    ("'root=block:/dev/a b'", ALL, "root=block:/dev/a b names no device"),
    ("root=block:x", ALL, "root=block:x names no device"),
    # drivers
    ("rd.driver.pre=a-b,c_1 rd.driver.pre=d,c_1",
     dict(ALL, **{"r/etc/modules-load.d/60-initrdd.conf": "command line\na-b\nc_1\nd\n"}), ""),
    ("rd.driver.blacklist=a,b blacklist=c,a",
     dict(ALL, **{MODPROBE: "\nblacklist a\nblacklist b\nblacklist c\n"}), ""),
    ("rd.driver.post=a,b rd.driver.blacklist=c", dict(ALL, **{
        MODPROBE: "\nblacklist c\nblacklist a\nblacklist b\n",
        "n/initrdd-driver-post.service": ["ExecStart=modprobe -a a b\n", "After=systemd-udev-trigger.service\n"],
        "n/initrd.target.wants/initrdd-driver-post.service": "-> ../initrdd-driver-post.service"}), ""),
    ("rd.driver.pre", ALL, "rd.driver.pre names no driver"), ("rd.driver.post=", ALL, "names no driver"),
    ("blacklist=,", ALL, "names no driver"),
    ("rd.driver.blacklist=a/b,c", dict(ALL, **{MODPROBE: "command line\nblacklist c\n"}), '"a/b" is no name'),
    ("'rd.driver.post=a b'", ALL, '"a b" is no name of a driver'),
    ("rd.driver.pre=" + "x" * 56, ALL, "is no name of a driver"),
    # what nobody does
    ("rd.luks.key=/k:LABEL=x", ALL, "rd.luks.key=/k:LABEL=x is not understood: say rd.luks.key=UUID=FILE:DEVICE"),
    ("rd.luks.key=/k rd.luks.key=5-6=/k:LABEL=x rd.luks.key", ALL, ""),
    ("rd.luks.serial=1", ALL, "rd.luks.serial=1 is not supported and was ignored; say rd.luks.uuid="),
    ("rd.luks.allow-discards root=x", ALL, "rd.luks.allow-discards is not supported and was ignored; say rd.luks"),
    ("rd.nvmf.discover=tcp,a,b", ALL, "rd.nvmf.discover=tcp,a,b is not supported"),
    ("rd.hostonly=0", ALL, "rd.hostonly=0 is not supported"), ("rd.memdebug=0", ALL, ""),
    ("rd.memdebug=3", ALL, "rd.memdebug=3 is not"), ("rd.memdebugx=3 rd.nvmf", ALL, ""),
    ("rootfallback=LABEL=b", ALL, "rootfallback=LABEL=b is not"),
    # and from when on
    ("root=UUID=12-34 rd.luks.uuid=5-6", dict(behind(BY_UUID), **locked(NODE, 90)), ""),
    # What is encrypted is waited for as long as what lies on it.
    ("root=UUID=12-34 luks.name=5-6=a rd.timeout=9",
     dict(timeout(BY_UUID, "9s", LOCKED), **behind(BY_UUID), **locked(NODE, 9)), ""),
    ("root=/dev/md0 rd.luks.uuid=luks-5-6 rd.luks.data=5-6=LABEL=x rd.luks.key=5-6=/k:UUID=7 rd.timeout=0",
     dict(timeout("dev-md0", "infinity", r"dev-disk-by\x2duuid-5\x2d6", r"dev-disk-by\x2dlabel-x"),
          **behind("dev-md0")), ""),
    ("rd.luks.uuid=5-6 rd.luks.data=5-6 rd.timeout=9", timeout(GPT_AUTO, "9s", LOCKED), ""),
    ("root=/dev/mapper/vg-root rd.luks.options=discard mount.usr=UUID=12-34 resume=/dev/mapper/vg-swap",
     dict(behind(r"dev-mapper-vg\x2droot", r"dev-mapper-vg\x2dswap", BY_UUID),
          **locked("/dev/mapper/vg-root", 90), **resumes(r"dev-mapper-vg\x2dswap")), ""),
    ("root=gpt-auto rd.luks.uuid=5-6 resume=/dev/mapper/a",
     dict(behind("dev-mapper-a"), **resumes("dev-mapper-a")), ""),
    ("root=gpt-auto rd.luks.uuid=5-6 resume=/dev/vda", dict(ALL, **resume_end("/dev/vda")), ""),
    ("root=gpt-auto rd.luks.uuid=5-6 resume=UUID=12-34 rd.timeout=7",
     dict(timeout(GPT_AUTO, "7s", LOCKED), **resume_end(NODE, 7)), ""),
    ("root=UUID=12-34 rd.luks=0 resume=/dev/mapper/a", dict(ALL, **resumes("dev-mapper-a")), ""),
    # A swap file: systemd would wait for the root without an end, too.
    ("root=UUID=12-34 resume=UUID=12-34 resume_offset=7", dict(ALL, **resumes(BY_UUID)), ""),
    ("root=UUID=12-34 resume=UUID=12-34 rd.luks.uuid=5-6",
     dict(behind(BY_UUID), **locked(NODE, 90), **resumes(BY_UUID)), ""),
    # What is resumed from, and how long it is waited for
    ("resume=/dev/vda2", dict(ALL, **resumes("dev-vda2")), ""),
    ("resume=PARTUUID=a rootdelay=100", dict(timeout(GPT_AUTO, "100s"), **resumes(
        r"dev-disk-by\x2dpartuuid-a", 100)), ""),
    ("resume=/dev/a resume=LABEL=s rd.retry=20",
     dict(timeout(GPT_AUTO, "20s"), **resumes(r"dev-disk-by\x2dlabel-s", 20)), ""),
    ("resume=/dev/a rootdelay=10", dict(ALL, **resumes("dev-a")), ""),
    ("resume=/dev/a rd.timeout=0", timeout(GPT_AUTO, "infinity"), ""),
    ("resume=/dev/a noresume", ALL, ""), ("resume=/dev/a noresume=x", dict(ALL, **resumes("dev-a")), ""),
    ("resume", ALL, ""), ("resume=", ALL, ""), ("resume=8:3", ALL, ""), ("resume=UUID=", ALL, ""),
    ("resume=/dev/a resumeflags=x-systemd.device-timeout=5s", ALL, ""),
    ("resume=/dev/a rootflags=noatime,x-systemd.device-timeout=5s", ALL, ""),
    ("resume=/dev/a resumeflags=x rootflags=x-systemd.device-timeout=5s", dict(ALL, **resumes("dev-a")), ""),
    # shells
    ("rd.break", step("pre-pivot", "initrd.target"), ""),
    ("rd.break=cmdline", step("cmdline", "sysinit.target", "systemd-udevd.service\n"), ""),
    ("rd.break=pre-udev", step("pre-udev", "sysinit.target", "Before=systemd-udevd.service\n"), ""),
    ("rd.break=pre-trigger", step("pre-trigger", "sysinit.target",
                                  "After=systemd-udevd.service\n",
                                  "After=initrdd-hooks-pre-udev.service\n"), ""),
    ("rd.break=initqueue", step("initqueue", "initrd.target",
                                "After=systemd-udev-trigger.service\n"), ""),
    ("rd.break=pre-mount", step("pre-mount", "initrd.target",
                                " sysroot.mount initrd-root-fs.target\n"), ""),
    ("rd.break=mount", step("mount", "initrd.target", "After=sysroot.mount initrdd-overlay.service "), ""),
    ("rd.break=pre-pivot", step("pre-pivot", "initrd.target", "Before=initrd-cleanup.service\n"), ""),
    ("rd.break=cleanup", step("cleanup", "initrd-switch-root.target",
                              "Before=initrd-udevadm-cleanup-db.service initrd-switch-root.service\n"),
     ""),
    ("rd.break=pre-mount rd.break=mount",
     dict(step("pre-mount", "initrd.target"), **step("mount", "initrd.target")), ""),
    ("rd.break=cmdline rd.break=cleanup rd.break=cmdline",
     dict(step("cmdline", "sysinit.target"), **step("cleanup", "initrd-switch-root.target")), ""),
    ("rd.break=later", ALL, "rd.break=later names no step"), ("rd.break=", ALL, "names no step"),
    ("rd.break=../x", ALL, "names no step"),
    ("break", step("pre-mount", "initrd.target"), ""),
    ("break=top", step("cmdline", "sysinit.target"), ""),
    ("break=modules", step("pre-udev", "sysinit.target"), ""),
    ("break=premount", step("pre-mount", "initrd.target"), ""),
    ("break=mount", step("pre-mount", "initrd.target"), ""),
    ("break=bottom", step("pre-pivot", "initrd.target"), ""),
    ("break=init", step("cleanup", "initrd-switch-root.target"), ""),
    ("break=x", ALL, "break=x names no step"), ("break=", step("pre-mount", "initrd.target"), ""),
    ("break=top,bottom", dict(step("cmdline", "sysinit.target"), **step("pre-pivot", "initrd.target")), ""),
    ("break=top,x", step("cmdline", "sysinit.target"), "break=top,x names no step"),
    ("rd.break=cmdline,mount", ALL, "rd.break=cmdline,mount names no step"),
    ("rd.shell", ALL, ""), ("rd.shell=1", ALL, ""), ("rd.emergency=reboot", ALL, ""),
    ("rd.shell=0", dict(ALL, **{"e/emergency.service": "systemctl --force halt\n"}), ""),
    ("rd.shell=0 rd.emergency=reboot",
     dict(ALL, **{"e/emergency.service": "systemctl --force reboot\n"}), ""),
    ("rd.shell=0 rd.emergency=poweroff",
     dict(ALL, **{"e/emergency.service": "systemctl --force poweroff\n"}), ""),
    ("rd.shell=0 rd.emergency=halt",
     dict(ALL, **{"e/emergency.service": "systemctl --force halt\n"}), ""),
    ("rd.shell=0 rd.emergency=panic", dict(ALL, **{"e/emergency.service": "--force halt\n"}),
     "rd.emergency=panic is none of"),
    ("rd.shell=x", ALL, "rd.shell=x is neither"),
    # PID 1 is told by signals, which is for a boot to show
    ("rd.info", dict(ALL, **{JOURNAL: ["ForwardToConsole=yes\n", "MaxLevelConsole=info\n"]}), ""),
    ("rd.debug", dict(ALL, **{
        JOURNAL: ["ForwardToConsole=yes\n", "MaxLevelConsole=debug\n"],
        "n/systemd-udevd.service.d/60-initrdd.conf": "SYSTEMD_LOG_LEVEL=debug",
        "n/initrdd-debug-end.service": ['sh -c "kill -%d 1"\n' % (signal.SIGRTMIN + 23),
                                        "Before=initrd-switch-root.service\n"],
        "n/initrd-switch-root.target.wants/initrdd-debug-end.service":
            "-> ../initrdd-debug-end.service"}), ""),
    ("rd.debug=0 rd.info=0", ALL, ""),
    ("rd.plymouth=0", dict(ALL, **{"e/plymouth-start.service": "-> /dev/null"}), ""),
    ("splash rd.plymouth plymouth.enable=0", ALL, ""),
    # images on a medium
    ("root=live:LABEL=A", by_label(), ""), ("root=live:CDLABEL=A", by_label(), ""),
    ("root=live:CDLABEL=A rd.live.image", by_label(), ""),
    ("root=CDLABEL=A rd.live.image", by_label(), ""),
    ("root=LABEL=A rd.live.image=1", by_label(), ""), ("root=LABEL=A rd.live.image=0", ALL, ""),
    ("root=live:UUID=1-2", live("/dev/disk/by-uuid/1-2", device=r"dev-disk-by\x2duuid-1\x2d2"), ""),
    ("root=live:PARTUUID=a", live("/dev/disk/by-partuuid/a", device=r"dev-disk-by\x2dpartuuid-a"), ""),
    ("root=live:PARTLABEL=a",
     live("/dev/disk/by-partlabel/a", device=r"dev-disk-by\x2dpartlabel-a"), ""),
    (r"root=live:CDLABEL=A\x20B",
     live(r"/dev/disk/by-label/A\x20B", helper=r' "/dev/disk/by-label/A\\x20B" "LiveOS" "squashfs.img"',
          device=r"dev-disk-by\x2dlabel-A\x5cx20B"), ""),
    (r"root=live:LABEL=A\B\x2",
     live(r"/dev/disk/by-label/A\x5cB\x5cx2", device=r"dev-disk-by\x2dlabel-A\x5cx5cB\x5cx5cx2",
          helper=r' "/dev/disk/by-label/A\\x5cB\\x5cx2" "LiveOS" "squashfs.img"'), ""),
    ("root=live:/dev/sr0", live("/dev/sr0", device="dev-sr0"), ""),
    ("root=/dev/sr0 rd.live.image", live("/dev/sr0", device="dev-sr0"), ""),
    ("'root=live:LABEL=A 1%/\"$'", live(r"/dev/disk/by-label/A\x201\x25\x2f\x22\x24",
                                        helper=r' "/dev/disk/by-label/A\\x201\\x25\\x2f\\x22\\x24"'
                                        ' "LiveOS" "squashfs.img"',
                                        device=r"dev-disk-by\x2dlabel-A\x5cx201\x5cx25\x5cx2f\x5cx22"
                                        r"\x5cx24"), ""),
    ("'root=live:/dev/a%b\"$c'", live("/dev/a%%b\"$c", helper=r' "/dev/a%%b\"$$c" "LiveOS"'
                                     ' "squashfs.img"', device=r"dev-a\x25b\x22\x24c"), ""),
    ("root=live:/boot/x.iso", live("/boot/x.iso", "Options=loop,ro\n"), ""),
    ("root=live:LABEL=A rd.timeout=5",
     dict(by_label(), **{r"n/dev-disk-by\x2dlabel-A.device.d/60-initrdd.conf": "Sec=5s\n"}), ""),
    ("root=live:LABEL=A rw", by_label(options="Options=rw\n"), ""),
    ("root=live:LABEL=A rootflags=rw", by_label(), ""),
    ("root=live:LABEL=A rootflags=noatime,%x", by_label(root="Options=noatime,%%x," + LOWER), ""),
    ("'root=live:LABEL=A' 'rootflags=a\nb'", by_label(root="Options=" + LOWER),
     "can't be passed on"),
    ("root=live:", ALL, '"" is neither a device nor a file'),
    ("root=live:/", ALL, "is neither a device"), ("root=live:A", ALL, '"A" is neither a device'),
    ("root=live:LABEL=", ALL, "is neither a device"),
    ("root=live:/dev/../../etc", ALL, "is neither a device"),
    ("'root=live:/dev/a\nb'", ALL, "is neither a device"),
    ("root=live:/dev/a\\\\", ALL, "is neither a device"),
    ("rd.live.image", ALL, "rd.live.image is nothing without root="),
    ("root=live:http://u:secret@x/y.img", ALL, " http://x/y.img: this image can't fetch files"),
    ("root=https://x/y.img", ALL, "this image can't fetch files; it needs Modules=livenet"),
    ("root=live:torrent://x/y", ALL, "can't be fetched from the network"),
    ("root=live:nfs://x/y", ALL, "can't be fetched from the network"),
    ("root=live:LABEL=A rd.live.dir=/a/b rd.live.squashimg=c.d",
     by_label(helper=' "/dev/disk/by-label/A" "a/b" "c.d"'), ""),
    ("root=live:LABEL=A 'rd.live.dir=a $b%'",
     by_label(helper=' "/dev/disk/by-label/A" "a $$b%%" "squashfs.img"',
              overlay='"--live=a $$b%%"\n'), ""),
    ("root=live:LABEL=A rd.live.dir=../x", by_label(), "rd.live.dir=../x is no path on a medium"),
    ("root=live:LABEL=A rd.live.dir=", by_label(), "rd.live.dir= is no path"),
    ("root=live:LABEL=A rd.live.squashimg=/", by_label(), "rd.live.squashimg=/ is no path"),
    ("root=live:LABEL=A rd.live.ram", by_label(
        helper=' --copy=1024 "/dev/disk/by-label/A" "LiveOS" "squashfs.img"'), ""),
    ("root=live:LABEL=A rd.live.ram=1 rd.minmem=0", by_label(
        helper=' --copy=0 "/dev/disk/by-label/A" "LiveOS" "squashfs.img"'), ""),
    ("root=live:LABEL=A rd.live.ram rd.minmem=some", by_label(
        helper=' --copy=1024 "/dev/disk/by-label/A" "LiveOS" "squashfs.img"'),
     "rd.minmem=some is no number"),
    ("root=live:LABEL=A rd.live.ram=0", by_label(), ""),
    ("root=live:LABEL=A rd.live.ram=maybe", by_label(), "rd.live.ram=maybe is neither"),
    ("root=live:LABEL=A rd.writable.fsimg", by_label(
        helper=' --writable "/dev/disk/by-label/A" "LiveOS" "squashfs.img"', overlay=None,
        root="What=/run/rootfsbase\n"), ""),
    ("root=live:LABEL=A rd.live.debug",
     merged(by_label(), LIVE, "StandardOutput=journal+console\n"), ""),
    ("root=live:LABEL=A rd.live.check", by_label(), "this image has no checkisomd5"),
    ("root=live:/x.iso rd.live.check", live("/x.iso", "Options=loop,ro\n"), "it is for devices"),
    # a medium that nobody has named
    ("root=live:CDLABEL=A iso-scan/filename=/isos/a.iso", found("isos/a.iso", "--iso=isos/a.iso"), ""),
    ("root=live:CDLABEL=A 'iso-scan/filename=a $b%.iso' rd.timeout=7", merged(dict(
        found("a $$b%%.iso", "--iso=a $$b%%.iso"),
        **{r"n/dev-disk-by\x2dlabel-A.device.d/60-initrdd.conf": "Sec=7s\n"}), FIND, "--timeout=7 "), ""),
    ("root=live:CDLABEL=A iso-scan/filename=../a", by_label(),
     "iso-scan/filename=../a is no path on a medium"),
    ("root=live:CDLABEL=A iso-scan/filename=", by_label(), "iso-scan/filename= is no path"),
    ("root=LABEL=A iso-scan/filename=a", ALL, ""),
    ("boot=live", found("boot=live", "--with=live/filesystem.squashfs", DEBIAN), ""),
    ("boot=live components quiet splash rd.timeout=0",
     merged(found("boot=live", "--with=live/filesystem.squashfs", DEBIAN), FIND, "--timeout=0 "), ""),
    ("boot=live rd.retry=200", merged(
        found("boot=live", "--with=live/filesystem.squashfs", DEBIAN), FIND, "--timeout=200 "), ""),
    ("boot=live rootdelay=100 rd.retry=0", merged(
        found("boot=live", "--with=live/filesystem.squashfs", DEBIAN), FIND, "--timeout=100 "), ""),
    ("boot=live rd.timeout=4294967295",
     merged(found("boot=live", "--with=live/filesystem.squashfs", DEBIAN), FIND, "--timeout=1000000 "), ""),
    ("boot=live live-media-path=/d/e toram", merged(found(
        "boot=live", "--with=d/e/filesystem.squashfs", ' --copy=1024 "boot=live" "d/e" '
        '"filesystem.squashfs"'), OVERLAY, '"--live=d/e"\n'), ""),
    ("boot=live findiso=/x.iso", found("x.iso", "--iso=x.iso", DEBIAN.replace("boot=live", "x.iso")), ""),
    ("boot=live live-media=LABEL=A", by_label(helper=' "/dev/disk/by-label/A" "live" '
                                              '"filesystem.squashfs"'), ""),
    ("boot=live live-media=removable", found(
        "boot=live", "--with=live/filesystem.squashfs", DEBIAN),
     "live-media=removable names no device"),
    ("boot=live persistence", found("boot=live", "--with=live/filesystem.squashfs", DEBIAN),
     "persistence is not supported"),
    ("boot=live rd.overlay=LABEL=B", merged(found(
        "boot=live", "--with=live/filesystem.squashfs", DEBIAN), OVERLAY,
        '"--device=/dev/disk/by-label/B"'), ""),
    ("boot=local", ALL, ""), ("boot=", ALL, ""), ("boot", ALL, ""),
    # what is written over them
    ("root=live:LABEL=A rd.live.overlay=none", by_label(
        helper=' --plain "/dev/disk/by-label/A" "LiveOS" "squashfs.img"', overlay=None,
        root="Options=bind\n"), ""),
    ("root=live:LABEL=A rd.overlay=None rd.live.overlay=LABEL=B", by_label(
        helper=' --plain "/dev/disk/by-label/A" "LiveOS" "squashfs.img"', overlay=None,
        root="Options=bind\n"), ""),
    ("root=live:LABEL=A rd.live.overlay.overlayfs=1 rd.live.overlay.nouserconfirmprompt", by_label(),
     ""),
    ("root=live:LABEL=A rd.overlay=0", by_label(), ""),
    ("root=live:LABEL=A rd.live.overlay=LABEL=B:/c/d",
     merged(by_label(overlay=' "--device=/dev/disk/by-label/B" "--path=/c/d" "--live=LiveOS"\n'),
            OVERLAY, "Wants=dev-disk-by\\x2dlabel-B.device\nAfter=dev"), ""),
    ("root=live:LABEL=A rd.overlay=UUID=1-2:auto",
     by_label(overlay=' "--device=/dev/disk/by-uuid/1-2" "--live=LiveOS"\n'), ""),
    ("root=live:LABEL=A rd.overlay=/dev/disk/by-path/pci-0:1:2",
     by_label(overlay=' "--device=/dev/disk/by-path/pci-0:1:2" "--live=LiveOS"\n'), ""),
    ("root=live:LABEL=A rd.live.overlay=/dev/sdb1:/x.img rd.live.overlay.reset",
     by_label(overlay=' --reset "--device=/dev/sdb1" "--path=/x.img" "--live=LiveOS"\n'), ""),
    ("root=live:LABEL=A rd.live.overlay=LABEL=B rd.live.overlay.readonly",
     by_label(overlay=' --read-only "--device=/dev/disk/by-label/B" "--live=LiveOS"\n',
              root="lowerdir=/run/overlayfs-r:/run/rootfsbase,upper"), ""),
    ("root=live:LABEL=A rd.live.overlay.size=512",
     by_label(overlay=' "--memory=size=512m" "--live=LiveOS"\n'), ""),
    ("root=live:LABEL=A rd.live.overlay.size=big", by_label(), "size=big is no number of MiB"),
    ("root=live:LABEL=A rd.live.overlay.size=0", by_label(), "size=0 is no number of MiB"),
    ("root=live:LABEL=A rd.live.overlay.thin", by_label(),
     "rd.live.overlay.thin is not supported and was ignored: the overlay is one of files"),
    ("root=live:LABEL=A rd.live.overlay.thin=0", by_label(), ""),
    ("root=live:LABEL=A rd.live.overlay.cowfs=xfs", by_label(),
     "rd.live.overlay.cowfs is not supported and was ignored: no file system is made"),
    ("root=live:LABEL=A rd.live.overlay=sdb1", by_label(), "rd.overlay=sdb1 names no device"),
    ("root=live:LABEL=A rd.overlay=LABEL=B:/../x", by_label(), "names no device; changes stay in"),
    ("root=live:LABEL=A rd.overlay=LABEL=B:/", by_label(), "names no device"),
    ("root=live:LABEL=A rd.overlay=LABEL=", by_label(), "names no device"),
    # and over any root
    ("root=UUID=12-34 rd.overlay", covers(), ""), ("root=UUID=12-34 rd.overlay=1", covers(), ""),
    ("root=UUID=12-34 rootovl", covers(), ""),
    ("root=UUID=12-34 rd.live.overlay.overlayfs", covers(), ""),
    ("rd.overlay", covers("", "Before=initrd-root-fs.target sysroot-usr.mount"), ""),
    ("rd.overlay=0", ALL, ""), ("rd.overlay=off", ALL, ""), ("rd.overlay rd.overlay=no", ALL, ""),
    ("rd.overlay=none", ALL, ""), ("rootovl=0", ALL, ""),
    ("rd.overlay.readonly rd.overlay.reset", ALL, ""),
    ("rd.live.overlay=LABEL=B", ALL, ""),
    ("rd.overlay rd.live.overlay=LABEL=B", covers(' "--device=/dev/disk/by-label/B"'), ""),
    ("rd.overlay=LABEL=B", covers(' "--device=/dev/disk/by-label/B"',
                                  r"Wants=dev-disk-by\x2dlabel-B.device"), ""),
    # Its device is waited for as the root is, also behind passphrases.
    ("rd.overlay=LABEL=B rd.timeout=7",
     dict(covers(' "--device=/dev/disk/by-label/B"'), **timeout(GPT_AUTO, "7s", BY_LABEL)), ""),
    ("root=UUID=12-34 rd.overlay=LABEL=B rootdelay=200",
     dict(covers(' "--device=/dev/disk/by-label/B"'), **timeout(BY_UUID, "200s", BY_LABEL)), ""),
    ("root=UUID=12-34 rd.overlay=LABEL=B rd.luks.uuid=5-6",
     dict(covers(' "--device=/dev/disk/by-label/B"'), **behind(BY_UUID, BY_LABEL), **locked(NODE, 90)), ""),
    ("root=live:LABEL=A rd.live.overlay=LABEL=B rd.timeout=7",
     dict(by_label(overlay=' "--device=/dev/disk/by-label/B" "--live=LiveOS"\n'),
          **timeout(r"dev-disk-by\x2dlabel-A", "7s", BY_LABEL)), ""),
    ("rd.overlay rd.live.overlay=LABEL=B rd.timeout=7",
     dict(covers(' "--device=/dev/disk/by-label/B"'), **timeout(GPT_AUTO, "7s", BY_LABEL)), ""),
    ("rd.overlay=tmpfs:size=1 rd.timeout=7",
     dict(covers(' "--memory=size=1"'), **timeout(GPT_AUTO, "7s")), ""),
    ("rd.overlay=sdb1 rd.timeout=7", dict(covers(), **timeout(GPT_AUTO, "7s")), "sdb1 names no device"),
    ("rd.overlay=LABEL=B:/o/u rd.overlay.readonly=1 rd.overlay.reset=1",
     covers(' --read-only --reset "--device=/dev/disk/by-label/B" "--path=/o/u"'), ""),
    ("rd.overlay=tmpfs", covers(), ""), ("rd.overlay=tmpfs:", covers(), ""),
    ("rd.overlay=tmpfs:size=25%,nr_inodes=10k", covers(' "--memory=size=25%%,nr_inodes=10k"'), ""),
    ("rd.overlay=tmpfs:size=1G,mode=0777", covers(' "--memory=size=1G"'),
     'knows no option "mode=0777"'),
    ("rd.overlay=tmpfs:size=,", covers(), 'knows no option "size="'),
    ("rd.overlay=tmpfs:size=1,,nr_blocks=$x", covers(' "--memory=size=1"'), "knows no option"),
    ("rd.overlay=tmpfsx", covers(), "rd.overlay=tmpfsx names no device"),
    ("rd.overlay=yes-please", covers(), "rd.overlay=yes-please names no device"),
    ("rd.overlay=", covers(), "rd.overlay= names no device"),
    ("rd.overlay.crypt=LABEL=C", ALL, "rd.overlay.crypt is not supported"),
]
# Whether the root is written to, whatever kind of root: words of the command line, and what comes of them.
ACCESS = [("", "ro"), ("ro", "ro"), ("rw", "rw"), ("ro rw", "rw"), ("rw ro", "ro"), ("rw ro rw quiet", "rw"),
          ("rw=1", "ro"), ("rw ro=0", "rw"), ("rwx", "ro")]
# And with flags that say it, too.
ACCESS_FLAGS = [("", "rw", "rw"), ("", "ro,rw", "rw"), ("", "rw,ro", "ro"), ("ro", "rw", "ro"),
                ("rw", "ro", "rw"), ("rw=1", "noatime,rw", "rw")]
NO_PATHS = dict(ALL, **{name: "-> /dev/null" for name in (
    "e/multipathd.service", "e/multipathd.socket", "r/etc/udev/rules.d/60-multipath.rules",
    "r/etc/udev/rules.d/62-multipath.rules")})
CONF, WWIDS = "r/etc/multipath.conf", "r/etc/multipath/wwids"
# What the image has beside, of multipath.
MULTIPATH_CASES = [
    ("", (), NO_PATHS, ""), ("rd.multipath", (), NO_PATHS, ""), ("rd.multipath=1", (), NO_PATHS, ""),
    ("", (CONF,), ALL, ""), ("", (WWIDS,), ALL, ""), ("rd.multipath", (WWIDS,), ALL, ""),
    ("rd.multipath=0", (CONF, WWIDS), NO_PATHS, ""), ("rd.multipath=no", (CONF,), NO_PATHS, ""),
    ("rd.multipath=default", (), dict(ALL, **{CONF: "find_multipaths smart\n"}), ""),
    ("rd.multipath=default", (WWIDS,), dict(ALL, **{CONF: "find_multipaths smart\n"}), ""),
    ("rd.multipath=default", (CONF,), dict(ALL, **{CONF: "# of the host\n"}), ""),
    ("rd.multipath=0 rd.multipath=1", (CONF,), ALL, ""),
    ("rd.multipath=default rd.multipath=0", (CONF,), NO_PATHS, ""),
    ("rd.multipath=0 rd.multipath=default", (), dict(ALL, **{CONF: "smart\n"}), ""),
    ("rd.multipath=some", (CONF,), ALL, "rd.multipath=some is neither"),
    ("rd.multipath=", (CONF,), ALL, "rd.multipath= is neither"),
    ("rd.multipath=0 rd.multipath=some", (CONF,), NO_PATHS, "rd.multipath=some is neither"),
]
# Where systemd's own generator is there to make the units.
TABLE = "r/run/initrdd/cryptopts"
CRYPT_CASES = [
    ("cryptopts=target=c,source=/dev/sda2", {TABLE: "c /dev/sda2 none luks\n"}, "", "c"),
    ("cryptopts=source=UUID=12-34,target=c-1,key=/k.key,discard,keyslot=1,readonly",
     {TABLE: "c-1 UUID=12-34 /k.key discard,key-slot=1,read-only\n"}, "", r"c\x2d1"),
    ("cryptopts=target=a,source=/dev/a cryptopts=target=b,source=/dev/b",
     {TABLE: "a /dev/a none luks\nb /dev/b none luks\n"}, "", "b"),
    ("cryptopts=target=c,source=/dev/a,rootdev,lvm=x", {TABLE: "c /dev/a none luks\n"}, "", "c"),
    ("cryptopts=target=c,source=/dev/a,cipher=aes-xts-plain64,hash=sha256,size=256,plain",
     {TABLE: "c /dev/a none cipher=aes-xts-plain64,hash=sha256,size=256,plain\n"}, "", "c"),
    ("cryptopts=target=c,source=/dev/a,keyscript=/x", {TABLE: "c /dev/a none luks\n"},
     "no script is run for a key", "c"),
    ("cryptopts=target=c,source=/dev/a,strange", {TABLE: "c /dev/a none luks\n"},
     '"strange" is not known', "c"),
    ("cryptopts=target=c,source=/dev/a,key=,discard", {TABLE: "c /dev/a none discard\n"}, "", "c"),
    ("cryptopts=target=c,source=/dev/a rd.luks=0", {}, "", None),
    ("cryptopts=target=c,source=/dev/a luks=no", {}, "", None),
    ("cryptopts=source=/dev/a", {}, "lacks a target=", None),
    ("cryptopts=target=c", {}, "lacks a target=", None),
    ("cryptopts=target=,source=/dev/a", {}, "lacks a target=", None),
    ("cryptopts=target=../c,source=/dev/a", {}, "lacks a target=", None),
    ("'cryptopts=target=c,source=/dev/a b'", {}, "lacks a target=", None),
    ("cryptopts", {}, "lacks a target=", None), ("cryptopts=", {}, "lacks a target=", None),
    ("cryptopts=,,,", {}, "lacks a target=", None),
]


# Of systemd's, and one that nobody knows, which is always started.
ON_DEMAND = ["systemd-%s-generator" % name
             for name in ("cryptsetup", "debug", "gpt-auto", "hibernate-resume", "integritysetup",
                          "veritysetup", "vendors")]
EVERY = "cryptsetup debug gpt-auto hibernate-resume integritysetup veritysetup"
VARIABLES = "sys/firmware/efi/efivars/%s-8cf2644b-4b0b-428f-9387-6d876050dc67"
ON_DEMAND_CASES = [
    # The command line, files in the image or the machine, and which are started.
    ("root=UUID=12-34 ro quiet", [], ""),
    ("root=/dev/vda1", [], ""),
    ("root=LABEL=x rd.lvm.vg=a", [], ""),
    # Without a root there may be one that a partition's type says.
    ("", [], "gpt-auto"),
    ("quiet", [], "gpt-auto"),
    ("root=", [], "gpt-auto"),
    ("root=gpt-auto", [], "gpt-auto"),
    ("root=dissect", [], "gpt-auto"),
    ("root=/dev/vda root=gpt-auto", [], "gpt-auto"),
    ("root=/dev/vda mount.usr=gpt-auto", [], "gpt-auto"),
    ("root=/dev/vda rd.luks.uuid=1-2", [], "cryptsetup"),
    ("root=/dev/vda luks.name=1-2=x", [], "cryptsetup"),
    ("root=/dev/vda", ["etc/crypttab"], "cryptsetup"),
    ("root=/dev/vda", ["etc/integritytab"], "integritysetup"),
    ("root=/dev/vda", ["etc/veritytab"], "veritysetup"),
    ("root=/dev/vda roothash=aa", [], "veritysetup"),
    ("root=/dev/vda usrhash=aa", [], "veritysetup"),
    ("root=/dev/vda systemd.verity_root_data=/dev/vdb", [], "debug veritysetup"),
    ("root=/dev/vda rd.systemd.debug_shell", [], "debug"),
    ("root=/dev/vda systemd.mask=x.service", [], "debug"),
    ("root=/dev/vda", ["run/credentials/@system/systemd.extra-unit.x"], "debug"),
    ("root=/dev/vda resume=/dev/vdb", [], "hibernate-resume"),
    ("root=/dev/vda resume_offset=3", [], "hibernate-resume"),
    ("root=/dev/vda", [VARIABLES % "HibernateLocation"], "hibernate-resume"),
    # More of the command line, which only systemd reads.
    ("root=/dev/vda", [VARIABLES % "SystemdOptions"], EVERY),
    ("root=/dev/vda 'rd.luks.name=1-2=a b'", [], "cryptsetup"),
    # An admin's own or none are PID 1's to find.
    ("rd.luks.uuid=1-2", ["etc/systemd/system-generators/systemd-gpt-auto-generator",
                          "run/systemd/system-generators/systemd-cryptsetup-generator"], ""),
]


class Generator(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="test-generator-")
        self.addCleanup(self.directory.cleanup)
        for name in ("n", "e", "l", "r/etc/mdadm", "r/etc/lvm"):
            os.makedirs(os.path.join(self.directory.name, name))
        for name in ("lvm/lvm.conf", "mdadm/mdadm.conf"):
            self.write("r/etc/" + name, "# of the host\n")

    def write(self, name, text):
        with open(os.path.join(self.directory.name, name), "w", encoding="utf-8") as stream:
            stream.write(text)

    def run_generator(self, line, **environment):
        environment = dict({"SYSTEMD_IN_INITRD": "1", "SYSTEMD_PROC_CMDLINE": line,
                            "INITRDD_GENERATOR_ROOT": os.path.join(self.directory.name, "r")},
                           **environment)
        done = subprocess.run([GENERATOR, "n", "e", "l"], cwd=self.directory.name, text=True,
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        return done.returncode, done.stdout

    def tree(self):
        """{path: content}; of a link "-> TARGET"."""
        found = {}
        for top, _, names in os.walk(self.directory.name):
            for name in names:
                path = os.path.join(top, name)
                shown = os.path.relpath(path, self.directory.name)
                if os.path.islink(path):
                    found[shown] = "-> " + os.readlink(path)
                else:
                    with open(path, encoding="utf-8") as stream:
                        found[shown] = stream.read()
        return found

    def check(self, line, expected, log, ignore=lambda path: False):
        status, told = self.run_generator(line)
        self.assertEqual(status, 0, told)
        if log:
            self.assertIn(log, told)
            self.assertEqual(len(told.splitlines()), 1, told)
        else:
            self.assertEqual(told, "")
        tree = {path: text for path, text in self.tree().items()
                if not ignore(path) and not path.startswith("r/usr/lib/initrdd/hooks/")}
        expected = dict({"r/etc/lvm/lvm.conf": "", "r/etc/mdadm/mdadm.conf": ""}, **expected)
        expected.pop(expected.pop("gone", None), None)
        self.assertEqual(sorted(tree), sorted(expected))
        for path, parts in expected.items():
            for part in [parts] if isinstance(parts, str) else parts:
                self.assertIn(part, tree[path])
        return tree

    def test_options(self):
        for line, expected, log in CASES:
            with self.subTest(line):
                self.directory.cleanup()
                self.setUp()
                tree = self.check(line, expected, log)
                for path, text in tree.items():
                    if path.startswith(("n/", "e/")) and not text.startswith("-> "):
                        for row in text.splitlines():
                            self.assertRegex(row, r"^(|\[[A-Z]\w+\]|[A-Z]\w+=.+)$", path)
                # PID 1 is reloaded, and all is as it was.
                self.assertEqual(self.run_generator(line)[0], 0)
                self.assertEqual(self.tree(), tree)

    @unittest.skipUnless(os.path.exists(CRYPTSETUP), "systemd-cryptsetup-generator is not installed")
    def test_cryptopts(self):
        for line, expected, log, unit in CRYPT_CASES:
            with self.subTest(line):
                self.directory.cleanup()
                self.setUp()
                self.check(line, dict(ALL, **expected), log, lambda path: path.startswith("n/"))
                units = [path for path in self.tree() if re.match("n/systemd-cryptsetup@", path)]
                self.assertEqual(bool(units), unit is not None)
                if unit:
                    self.assertIn("n/systemd-cryptsetup@%s.service" % unit, units)

    @unittest.skipUnless(os.path.exists(FSTAB), "systemd-fstab-generator is not installed")
    def test_block(self):
        """What systemd's own generator would take for a name."""
        self.check("root=block:/dev/vda rd.timeout=3 rootflags=noatime rw", dict(timeout("dev-vda", "3s"), **{
            "e/sysroot.mount": ["What=/dev/vda\n", "Options=noatime,rw\n"]}), "",
            lambda path: path.startswith("e/") and path != "e/sysroot.mount")

    def access(self, line):
        """The options of the mount that this makes."""
        self.directory.cleanup()
        self.setUp()
        self.assertEqual(self.run_generator(line), (0, ""))
        tree = self.tree()
        text = tree.get("e/run-initramfs-live.mount") or tree["e/sysroot.mount"]
        return re.search("^Options=(.*)$", text, re.M)[1].split(",")

    def test_access(self):
        """ro and rw: the last one counts, as for systemd and for the kernel, and it counts more than flags."""
        roots = ["root=t rootfstype=9p", "root=virtiofs:t"]
        if os.path.exists(FSTAB):
            roots.append("root=block:/dev/vda")
        # Flags of one on a medium are the overlay's.
        for root in roots + ["root=live:LABEL=A"]:
            for words, expected in ACCESS:
                with self.subTest(root + " " + words):
                    self.assertEqual(self.access("%s %s" % (root, words))[-1], expected)
        for root in roots:
            for words, flags, expected in ACCESS_FLAGS:
                with self.subTest("%s %s rootflags=%s" % (root, words, flags)):
                    self.assertEqual(self.access("%s %s rootflags=%s" % (root, words, flags))[-1], expected)

    def started(self, line, *files):
        """Which of systemd's generators are, each with its three directories."""
        top = os.path.join(self.directory.name, "r")
        place = os.path.join(top, "usr/lib/initrdd/generators")
        os.makedirs(place, exist_ok=True)
        for name in ON_DEMAND:
            path = os.path.join(place, name)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write('#!/bin/sh\necho "$@" > l/%s\n' % name)
            os.chmod(path, 0o755)
        for name in files:
            os.makedirs(os.path.dirname(os.path.join(top, name)), exist_ok=True)
            self.write("r/" + name, "")
        self.assertEqual(self.run_generator(line), (0, ""))
        ran = {os.path.basename(path): text for path, text in self.tree().items() if path.startswith("l/")}
        self.assertEqual(set(ran.values()) - {"n e l\n"}, set())
        return sorted(name[8:-10] for name in ran)

    def test_on_demand(self):
        for line, files, expected in ON_DEMAND_CASES:
            with self.subTest(line + " " + " ".join(files)):
                self.directory.cleanup()
                self.setUp()
                self.assertEqual(self.started(line, *files), sorted(["vendors"] + expected.split()))

    def test_on_demand_failure(self):
        """One that fails fails all, as PID 1 would see it; what this program does is done."""
        place = os.path.join(self.directory.name, "r/usr/lib/initrdd/generators")
        os.makedirs(place)
        os.symlink("/bin/false", os.path.join(place, "systemd-own-generator"))
        status, _ = self.run_generator("rd.lvm.vg=a")
        self.assertEqual(status, 1)
        self.assertIn('"a"', self.tree()[LOCAL])

    def test_multipath(self):
        for line, files, expected, log in MULTIPATH_CASES:
            with self.subTest(line + " " + " ".join(files)):
                self.directory.cleanup()
                self.setUp()
                os.mkdir(os.path.join(self.directory.name, "r/etc/multipath"))
                for name in files:
                    self.write(name, "# of the host\n")
                tree = self.check(line, dict({name: "" for name in files}, **expected), log)
                self.assertEqual(self.run_generator(line)[0], 0)
                self.assertEqual(self.tree(), tree)

    def test_no_multipath(self):
        for line in ("rd.multipath", "rd.multipath=default"):
            self.check(line, ALL, "This image has no multipath")
        self.check("rd.multipath=0", ALL, "")

    def test_hooks(self):
        """Units for those steps alone that have hooks, beside the shells that are asked for."""
        for name, target in (("cmdline", "sysinit.target"), ("initqueue", "initrd.target"),
                             ("mount", "initrd.target"), ("cleanup", "initrd-switch-root.target")):
            with self.subTest(name):
                self.directory.cleanup()
                self.setUp()
                self.put_hook("pre-udev.d/.hidden")
                self.put_hook(name + ".d/10-a")
                self.put_hook(name + ".d/20-required")
                unit = point("hooks", name, target, "After=initrdd-break-%s.service\n" % name,
                             "ExecStart=/usr/lib/initrdd/initrdd-hooks %s\n" % name,
                             "StandardOutput=journal+console\n")
                tree = self.check("", dict(ALL, **unit), "")
                self.assertNotIn("OnFailure", tree["n/initrdd-hooks-%s.service" % name])
                self.check("rd.break=" + name, dict(step(name, target), **unit), "")

    def test_required_hooks(self):
        """What the boot can't go on without."""
        root = ("systemd-fsck-root.service", "sysroot.mount", "initrd-root-fs.target")
        for name, gates in (("pre-trigger", root), ("pre-mount", root), ("mount", root[2:]),
                            ("pre-pivot", ("initrd-cleanup.service",)),
                            ("cleanup", ("initrd-switch-root.service",))):
            with self.subTest(name):
                self.directory.cleanup()
                self.setUp()
                self.put_hook(name + ".d/10-a.required")
                self.assertEqual(self.run_generator(""), (0, ""))
                tree = self.tree()
                self.assertIn("OnFailure=emergency.target\n",
                              tree["n/initrdd-hooks-%s.service" % name])
                found = {path: text for path, text in tree.items() if "60-initrdd-hooks" in path
                         and not path.startswith("n/device.d/")}
                self.assertEqual(found, {
                    "n/%s.d/60-initrdd-hooks-%s.conf" % (gate, name):
                    "[Unit]\nAfter=initrdd-hooks-%s.service\n"
                    "AssertPathExists=/run/initrdd/steps/%s\n" % (name, name) for gate in gates})

    def put_hook(self, name):
        path = os.path.join("r/usr/lib/initrdd/hooks", name)
        os.makedirs(os.path.join(self.directory.name, os.path.dirname(path)), exist_ok=True)
        self.write(path, "")

    def test_local(self):
        """What the host has in its lvmlocal.conf stays, and comes first."""
        self.write(LOCAL, 'local { system_id = "x" }\n')
        self.run_generator("rd.lvm.vg=a")
        first = self.tree()[LOCAL]
        self.assertTrue(first.startswith('local { system_id = "x" }\n# '))
        self.run_generator("rd.lvm.vg=a")
        self.assertEqual(self.tree()[LOCAL], first)

    def test_crypttab(self):
        """Who is asked for a passphrase by it is not hurried."""
        self.write("r/etc/crypttab", "c /dev/vdb none luks\n")
        self.check("root=UUID=12-34", dict(behind(BY_UUID), **{"r/etc/crypttab": ""},
                                           **locked(NODE, 90)), "")

    def test_crypttab_timeout(self):
        """Who says nothing else is waited for as long as the root."""
        self.write("r/etc/crypttab", "# a /dev/vda\n\na\n#b /dev/vdb none\nc\t/dev/vdc none luks\n"
                   "d PARTUUID=5 none luks,x-systemd.device-timeout=5\ne PARTLABEL=x none\n")
        self.check("root=UUID=12-34 rd.timeout=9", {
            **timeout(BY_UUID, "9s", "dev-vdc", r"dev-disk-by\x2dpartlabel-x"),
            **behind(BY_UUID), **locked(NODE, 9),
            "r/etc/crypttab": ""}, "")

    def test_own_rules(self):
        """Rules of the image's own, of the same names, are replaced."""
        os.makedirs(os.path.join(self.directory.name, "r/etc/udev/rules.d"))
        self.write("r/etc/udev/rules.d/69-lvm.rules", "# of the host\n")
        self.check("rd.lvm=0", MASKED, "")

    def test_md_conf(self):
        """Neither the file nor what is beside it."""
        os.mkdir(os.path.join(self.directory.name, "r/etc/mdadm/mdadm.conf.d"))
        self.write("r/etc/mdadm/mdadm.conf.d/a.conf", "")
        self.check("rd.md.conf=0", dict(ALL, **{
            "gone": "r/etc/mdadm/mdadm.conf", "r/etc/mdadm/mdadm.conf.d.off/a.conf": ""}), "")

    def test_no_lvm(self):
        """An image without LVM."""
        os.unlink(os.path.join(self.directory.name, "r/etc/lvm/lvm.conf"))
        os.rmdir(os.path.join(self.directory.name, "r/etc/lvm"))
        self.assertEqual(self.run_generator(""), (0, ""))
        status, told = self.run_generator("rd.lvm.vg=a")
        self.assertEqual(status, 0)
        self.assertIn("This image has no LVM", told)
        self.assertEqual(list(self.tree()), ["r/etc/mdadm/mdadm.conf"])

    def test_medium_check(self):
        """Where the program for it is in the image."""
        os.makedirs(os.path.join(self.directory.name, "r/usr/bin"))
        self.write("r/usr/bin/checkisomd5", "")
        os.chmod(os.path.join(self.directory.name, "r/usr/bin/checkisomd5"), 0o755)
        files = merged(by_label(), "e/run-initramfs-live.mount",
                       "Requires=initrdd-live-check.service\nAfter=initrdd-live-check.service\n")
        self.check("root=live:LABEL=A rd.live.check", dict(files, **{
            "r/usr/bin/checkisomd5": "", "n/initrdd-live-check.service": [
                'ExecStart=checkisomd5 --verbose "/dev/disk/by-label/A"\n',
                'ExecCondition=/usr/lib/initrdd/initrdd-live --is-disc "/dev/disk/by-label/A"\n',
                "After=dev-disk-by\\x2dlabel-A.device\n"]}), "")

    FETCH = "n/initrdd-live-fetch.service"

    def fetched(self, shown, left=128, **options):
        """The units of an image that a server has."""
        options.setdefault("helper", ' "%s" "LiveOS" "squashfs.img"' % shown)
        files = live("/run/initramfs/fetched/image", "Options=loop,ro\n", **options)
        files = merged(files, "e/run-initramfs-live.mount", "Requires=initrdd-live-fetch.service\n",
                       "After=initrdd-live-fetch.service\n")
        return dict(files, **{self.FETCHER: "", self.FETCH: [
            "Description=Image of the Root from %s\n" % shown, "After=network-online.target\n",
            "StandardOutput=journal\n",
            "ExecStart=/usr/lib/initrdd/initrdd-live-fetch --left=%d\n" % left]})

    FETCHER = "r/usr/lib/initrdd/initrdd-live-fetch"

    def test_medium_from_server(self):
        """Where the program for it is in the image. No password gets into a unit, or into a message."""
        http = "http://10.0.0.1/a/b.iso"
        for line, files, log in (
                ("root=live:" + http, self.fetched(http), ""),
                ("root=" + http, self.fetched(http), ""),
                ("root=%s rd.live.image" % http, self.fetched(http), ""),
                ("root=live:https://x:8080/y", self.fetched("https://x:8080/y"), ""),
                ("root=live:ftp://[fd00::1]/y%20z?a=$b",
                 dict(self.fetched("ftp://[fd00::1]/y%%20z?a=$b",
                                   helper=' "ftp://[fd00::1]/y%%20z?a=$$b" "LiveOS" "squashfs.img"'),
                      **{"r/run/systemd/network/99-initrdd-default.network": "DHCP=ipv6\n"}), ""),
                ("root=live:tftp://x/y", self.fetched("tftp://x/y"), ""),
                ("root=live:http://user:se@cret@x/y", self.fetched("http://x/y"), ""),
                # It is in memory anyway.
                ("root=%s rd.live.ram rd.minmem=77" % http, self.fetched(http, 77), ""),
                ("root=%s rd.minmem=x" % http, self.fetched(http), "rd.minmem=x is no number"),
                ("root=%s rd.live.check" % http, self.fetched(http), "it is for devices"),
                ("root=%s rd.live.debug" % http,
                 merged(merged(dict(self.fetched(http), **{self.FETCH: []}), self.FETCH,
                               "StandardOutput=journal+console\n"), LIVE, "journal+console\n"), ""),
                ("root=%s rd.overlay=none" % http,
                 self.fetched(http, helper=' --plain "%s" "LiveOS" "squashfs.img"' % http,
                              overlay=None, root="What=/run/rootfsbase\n"), ""),
                ("root=live:http://", None, "a URL that names no file"),
                ("root=live:http:///x", None, "names no file"),
                ("root=live:http://x", None, "names no file"),
                ("root=live:http://x/", None, "names no file"),
                ("root=live:http://secret@/x", None, "names no file"),
                ("'root=live:http://x/a b'", None, "names no file"),
                ("'root=live:http://x/a\nb'", None, "names no file"),
                ("'root=live:http://x/a\"'", None, "names no file")):
            with self.subTest(line):
                self.directory.cleanup()
                self.setUp()
                os.makedirs(os.path.join(self.directory.name, os.path.dirname(self.FETCHER)))
                self.write(self.FETCHER, "")
                os.chmod(os.path.join(self.directory.name, self.FETCHER), 0o755)
                self.check(line, files or dict(ALL, **{self.FETCHER: ""}), log)
                for text in self.tree().values():
                    self.assertNotIn("se@cret", text)

    def test_real_root(self):
        before = self.tree()
        self.assertEqual(self.run_generator("rd.lvm=0 rd.break", SYSTEMD_IN_INITRD="0"), (0, ""))
        self.assertEqual(self.tree(), before)

    def test_usage(self):
        done = subprocess.run([GENERATOR], stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 2)

    def test_can_not_write(self):
        """Who can't do the one does the other, and says so."""
        os.rmdir(os.path.join(self.directory.name, "n"))
        self.write("n", "in the way")
        status, told = self.run_generator("rd.break rd.lvm.vg=a")
        self.assertNotEqual(status, 0)
        self.assertIn("can't be", told)
        self.assertIn('"a"', self.tree()[LOCAL])


if __name__ == "__main__":
    unittest.main()
