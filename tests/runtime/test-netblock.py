#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks on the network: each form of each option, and what iscsistart and nbd-client are called with.

A case is a kernel command line, what must be in the generator's log, and how the programs are
called, which are scripts here that write that down. That no password is in a log or in a file is
looked at in every case.
"""

import os
import socket
import subprocess
import sys
import tempfile
import unittest

GENERATOR, ATTACH = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
FSTAB = "/usr/lib/systemd/system-generators/systemd-fstab-generator"
IQN = "iqn.2026-01.org.example:a:b"
NAMED = "rd.iscsi.target.name=%s rd.iscsi.target.ip=1.2.3.4" % IQN
SECRETS = ("pass-1", "pass-2")
RETRY = "-P node.session.initial_login_retry_max=%s"

# The script is a program of the image: what it was called with is a line of the file "calls".
PROGRAM = """#!/bin/sh
echo "${0##*/} $*" >>"$INITRDD_GENERATOR_ROOT/calls"
[ ! -e "$INITRDD_GENERATOR_ROOT/fails" ] || {
        echo "${0##*/}: nobody there" >&2
        echo "Exiting." >&2
        exit 1
}
"""
INAME = "#!/bin/sh\necho iqn.made:up\n"


def login(name=IQN, address="1.2.3.4", port="3260", group="1", secrets="", more="", retry=0,
          initiator="iqn.host:me"):
    return "iscsistart -i %s -t %s -g %s -a %s -p %s%s%s %s" % (
        initiator, name, group, address, port, secrets and " " + secrets, more and " " + more,
        RETRY % retry)


def nbd(server="1.2.3.4", port="", export="", node="/dev/nbd0", options=""):
    return " ".join(filter(None, ("nbd-client", server, port, node, export and "-name " + export,
                                  options)))


def netroot(spec):
    return "netroot=iscsi:" + spec


WRONG = "is not SERVER:PROTOCOL:PORT:LUN:TARGET and was ignored"
ISCSI = [
    ("", "", []), ("netroot=iscsix:a", "", []),
    # The form of RFC 4173.
    (netroot("1.2.3.4::::" + IQN), "", [login()]),
    (netroot("1.2.3.4:6:3261:2:" + IQN), "", [login(port="3261")]),
    (netroot("store.example.org::::" + IQN), "", [login(address="store.example.org")]),
    (netroot("[fd00::1]::3261:1:" + IQN), "", [login(address="fd00::1", port="3261")]),
    (netroot("1.2.3.4::::eui.0123456789ABCDEF"), "", [login("eui.0123456789ABCDEF")]),
    (netroot("1.2.3.4::::naa.52004567BA64678D"), "", [login("naa.52004567BA64678D")]),
    (netroot("1.2.3.4::::plain:name"), "", [login("plain:name")]),
    ("root=iscsi:1.2.3.4::::" + IQN, "", [login()]),
    # Two of them, each once; one is root=.
    (netroot("1.2.3.4::::" + IQN) + " " + netroot("1.2.3.5::::iqn.x:y"), "",
     [login(), login("iqn.x:y", "1.2.3.5")]),
    (netroot("1.2.3.5::::iqn.x:y") + " root=iscsi:1.2.3.4::::" + IQN, "",
     [login(), login("iqn.x:y", "1.2.3.5")]),
    ("root=iscsi:1.2.3.4::::%s root=UUID=12-34" % IQN, "", [login()]),
    # CHAP, in one direction and in both.
    (netroot("me:pass-1@1.2.3.4::::" + IQN), "", [login(secrets="-u me -w pass-1")]),
    (netroot("me:pass-1:it:pass-2@1.2.3.4::::" + IQN), "",
     [login(secrets="-u me -w pass-1 -U it -W pass-2")]),
    (netroot("@1.2.3.4::::" + IQN), "", [login()]),
    (netroot("1.2.3.4::::%s rd.iscsi.username=me rd.iscsi.password=pass-1" % IQN), "",
     [login(secrets="-u me -w pass-1")]),
    (NAMED + " rd.iscsi.username=me rd.iscsi.password=pass-1 rd.iscsi.in.username=it "
     "rd.iscsi.in.password=pass-2", "", [login(secrets="-u me -w pass-1 -U it -W pass-2")]),
    (netroot("other:pass-2@1.2.3.4::::%s rd.iscsi.username=me rd.iscsi.password=pass-1" % IQN), "",
     [login(secrets="-u other -w pass-2")]),
    # Interfaces.
    (netroot("1.2.3.4::3260:fast:0:" + IQN), "",
     [login(more="-P iface.iscsi_ifacename=fast")]),
    (netroot("1.2.3.4::3260:fast:eth1:0:" + IQN), "",
     [login(more="-P iface.iscsi_ifacename=fast -P iface.net_ifacename=eth1")]),
    (netroot("1.2.3.4::3260::eth1:0:" + IQN), "", [login(more="-P iface.net_ifacename=eth1")]),
    # Options of dracut and of Debian.
    (NAMED, "", [login()]),
    (NAMED + " rd.iscsi.target.port=3262 rd.iscsi.target.group=4", "",
     [login(port="3262", group="4")]),
    ("iscsi_target_name=%s iscsi_target_ip=1.2.3.4" % IQN, "", [login()]),
    ("iscsi_target_name=%s iscsi_target_ip=1.2.3.4 iscsi_target_port=3262 iscsi_target_group=4 "
     "iscsi_username=me iscsi_password=pass-1 iscsi_in_username=it iscsi_in_password=pass-2 "
     "iscsi_initiator=iqn.my:own" % IQN, "",
     [login(port="3262", group="4", secrets="-u me -w pass-1 -U it -W pass-2",
            initiator="iqn.my:own")]),
    ("iscsi_target_name=%s 'iscsi_target_ip=1.2.3.4 1.2.3.5'" % IQN, "",
     [login(), login(address="1.2.3.5")]),
    (NAMED + " rd.iscsi.initiator=iqn.my:own", "", [login(initiator="iqn.my:own")]),
    (NAMED + " rd.iscsi.login_retry_max=5", "", [login(retry=5)]),
    (NAMED + " rd.iscsi.param=node.session.timeo.replacement_timeout=30", "",
     [login() + " -P node.session.timeo.replacement_timeout=30"]),
    (NAMED + " rd.iscsi.waitnet=0 rd.iscsi.testroute=0", "", [login()]),
    # The firmware.
    ("rd.iscsi.firmware", "", ["iscsistart -b " + RETRY % 0]),
    ("rd.iscsi.firmware=1", "", ["iscsistart -b " + RETRY % 0]),
    ("netroot=iscsi", "", ["iscsistart -b " + RETRY % 0]),
    ("netroot=iscsi:", "", ["iscsistart -b " + RETRY % 0]),
    ("iscsi_auto", "", ["iscsistart -b " + RETRY % 0]),
    ("rd.iscsi.firmware=0", "", []),
    ("rd.iscsi.firmware " + NAMED, "", ["iscsistart -b " + RETRY % 0, login()]),
    # Malformed.
    (netroot("1.2.3.4"), WRONG, []), (netroot("1.2.3.4:" + IQN), WRONG, []),
    (netroot("1.2.3.4::3260:" + IQN), WRONG, []),
    (netroot("1.2.3.4::1:2:3:4:5:" + IQN), WRONG, []),
    (netroot("[fd00::1::::" + IQN), WRONG, []), (netroot("[]::::" + IQN), WRONG, []),
    (netroot("::::" + IQN), "names no server", []),
    (netroot("-w::::" + IQN).replace("-w", "a/b"), "has no address or name of a server", []),
    (netroot("1.2.3.4::port::" + IQN), "has a port or a LUN that is no number", []),
    (netroot("1.2.3.4::99999::" + IQN), "has a port or a LUN that is no number", []),
    (netroot("1.2.3.4:::x:" + IQN), "has a port or a LUN that is no number", []),
    (netroot("1.2.3.4::::iqn.x:*"), "names no target", []),
    (netroot('1.2.3.4::::iqn.x:",RUN+=x'), "names no target", []),
    (netroot("1.2.3.4::::iqn." + "x" * 300), "names no target", []),
    (netroot("pass-1@1.2.3.4::::" + IQN), "has a login that is not USER:PASSWORD", []),
    (netroot("me:pass-1:it@1.2.3.4::::" + IQN), "has a login that is not", []),
    (netroot("me:pass-1:it:@1.2.3.4::::" + IQN), "has a login that is not", []),
    (netroot("me:pass-1%s@1.2.3.4::::%s" % ("x" * 256, IQN)), "has a login that is not", []),
    (netroot("me:pass-1@1.2.3.4:" + IQN), WRONG, []),
    (netroot("1.2.3.4 ") + netroot("1.2.3.4::::" + IQN), WRONG, [login()]),
    ("rd.iscsi.target.name=" + IQN, "target.name= means nothing without rd.iscsi.target.ip=", []),
    ("rd.iscsi.target.ip=1.2.3.4", "target.ip= means nothing without rd.iscsi.target.name=", []),
    (NAMED + " rd.iscsi.target.port=x", "rd.iscsi.target.port= has a value that can't be",
     [login()]),
    (NAMED + " rd.iscsi.password=pass-1%s" % ("x" * 300), "rd.iscsi.password= has a value",
     [login()]),
    (NAMED + " rd.iscsi.username=me", "rd.iscsi.username= means nothing without",
     [login(secrets="-u me")]),
    (NAMED + " rd.iscsi.initiator=a/b", "rd.iscsi.initiator=a/b is no name", [login()]),
    (NAMED + " rd.iscsi.login_retry_max=x", "rd.iscsi.login_retry_max=x is no number", [login()]),
    (NAMED + " rd.iscsi.param=pass-1", "rd.iscsi.param= is not NAME=VALUE", [login()]),
    (NAMED + " rd.iscsi.param==pass-1", "rd.iscsi.param= is not NAME=VALUE", [login()]),
    (NAMED + " rd.iscsi.waitnet=x", "rd.iscsi.waitnet=x is neither yes nor no", [login()]),
]
NOT_NBD = "is not nbd:SERVER:EXPORT and was ignored"
NOT_NBDROOT = "is not SERVER,EXPORT[,DEVICE] and was ignored"
NBD = [
    ("root=nbd:1.2.3.4:2000", "", [nbd(port="2000")]),
    ("root=nbd:1.2.3.4:the-root", "", [nbd(export="the-root")]),
    ("root=nbd:1.2.3.4:the-root:ext4:noatime", "", [nbd(export="the-root")]),
    ("root=nbd:1.2.3.4:the-root:::bs=4096,timeout=9,swap,-readonly,connections=2,-persist", "",
     [nbd(export="the-root", options="-block-size 4096 -timeout 9 -readonly -connections 2")]),
    ("root=nbd:[fd00::1]:the-root", "", [nbd("fd00::1", export="the-root")]),
    ("root=nbd:store.example.org:x", "", [nbd("store.example.org", export="x")]),
    ("netroot=nbd:1.2.3.4:x root=UUID=12-34", "", [nbd(export="x")]),
    ("netroot=nbd:1.2.3.4:x netroot=nbd:1.2.3.5:2000", "",
     [nbd(export="x"), nbd("1.2.3.5", "2000", node="/dev/nbd1")]),
    ("netroot=nbd:1.2.3.4:x root=nbd:1.2.3.5:y", "",
     [nbd("1.2.3.5", export="y"), nbd(export="x", node="/dev/nbd1")]),
    ("nbdroot=1.2.3.4,2000,nbd3", "", [nbd(port="2000", node="/dev/nbd3")]),
    ("nbdroot=1.2.3.4,the-root,nbd0p2", "", [nbd(export="the-root")]),
    ("nbdroot=1.2.3.4,the-root root=/dev/nbd2p1", "", [nbd(export="the-root", node="/dev/nbd2")]),
    ("nbdroot=1.2.3.4,the-root,nbd5 root=/dev/nbd2", "", [nbd(export="the-root", node="/dev/nbd2")]),
    ("nbdroot=1.2.3.4,the-root nbddev=/dev/nbd1", "", [nbd(export="the-root", node="/dev/nbd1")]),
    ("nbdroot=1.2.3.4:2000/x", "", [nbd(port="2000", export="x")]),
    ("nbdroot=1.2.3.4:/x/y", "", [nbd(export="/x/y")]),
    ("nbdroot=[fd00::1]:2000/x", "", [nbd("fd00::1", "2000", "x")]),
    ("root=nbd:", NOT_NBD, []), ("root=nbd:1.2.3.4", NOT_NBD, []),
    ("root=nbd:1.2.3.4:", NOT_NBD, []), ("root=nbd::x", NOT_NBD, []),
    ("root=nbd:1.2.3.4:0", NOT_NBD, []), ("root=nbd:1.2.3.4:65536", NOT_NBD, []),
    ("root=nbd:[fd00::1:x", NOT_NBD, []), ("root=nbd:-x:y", NOT_NBD, []),
    ("root=nbd:1.2.3.4:x:::strange", 'the option "strange" is not known', [nbd(export="x")]),
    ("root=nbd:1.2.3.4:x:::nonetlink", 'the option "nonetlink" is not known', [nbd(export="x")]),
    ("root=nbd:1.2.3.4:x:::bs=y", 'the option "bs=y" is not known', [nbd(export="x")]),
    ("nbdroot=", NOT_NBDROOT, []), ("nbdroot=1.2.3.4", NOT_NBDROOT, []),
    ("nbdroot=1.2.3.4,", NOT_NBDROOT, []), ("nbdroot=,x", NOT_NBDROOT, []),
    ("nbdroot=1.2.3.4,x,sda", NOT_NBDROOT, []), ("nbdroot=1.2.3.4,x,nbd", NOT_NBDROOT, []),
    ("nbdroot=1.2.3.4:x/y", NOT_NBDROOT, []),
    # A disk is no device of this kind, and is no reason to leave the rest.
    ("root=UUID=12-34", "", []),
]


class Netblock(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="test-netblock-")
        self.addCleanup(directory.cleanup)
        self.top, self.root = directory.name, os.path.join(directory.name, "r")
        for name in ("n", "e", "l", "r"):
            os.mkdir(os.path.join(self.top, name))
        for name in ("iscsistart", "nbd-client"):
            self.write("usr/sbin/" + name, PROGRAM, 0o755)
        self.write("etc/iscsi/initiatorname.iscsi", "# us\nInitiatorName=iqn.host:me\n")

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, mode)

    def read(self, name):
        with open(os.path.join(self.top, name), encoding="utf-8") as stream:
            return stream.read()

    def has(self, name):
        return os.path.lexists(os.path.join(self.top, name))

    def call(self, line, *command):
        done = subprocess.run(command, cwd=self.top, text=True, check=False,
                              env={"SYSTEMD_IN_INITRD": "1", "SYSTEMD_PROC_CMDLINE": line,
                                   "INITRDD_GENERATOR_ROOT": self.root, "PATH": os.environ["PATH"]},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def generate(self, line):
        return self.call(line, GENERATOR, "n", "e", "l")

    def attach(self, line, *kind):
        """Status, what was said, and how the programs were called."""
        path = os.path.join(self.root, "calls")
        if os.path.exists(path):
            os.unlink(path)
        status, told = self.call(line + " rd.timeout=1", ATTACH, *kind)
        return status, told, self.read("r/calls").splitlines() if os.path.exists(path) else []

    def written(self):
        """What the generator has written, whatever it is."""
        for top, _, names in os.walk(self.top):
            for name in names:
                path = os.path.join(top, name)
                if not os.path.islink(path) and name != "calls":
                    with open(path, encoding="utf-8") as stream:
                        yield stream.read()

    def check(self, line, log, calls, kind):
        status, told = self.generate(line)
        self.assertEqual(status, 0, told)
        if log:
            self.assertIn(log, told)
        self.assertEqual(len(told.splitlines()), 1 if log else 0, told)
        unit = "n/initrdd-%s.service" % kind
        self.assertEqual(self.has(unit), bool(calls))
        self.assertEqual(self.has("n/initrd-root-device.target.wants/initrdd-%s.service" % kind),
                         bool(calls))
        status, said, called = self.attach(line, kind)
        self.assertEqual((status, said), (0, ""))
        self.assertEqual(called, calls)
        for text in [told, *self.written()]:
            for secret in SECRETS:
                self.assertNotIn(secret, text)

    def test_iscsi(self):
        for line, log, calls in ISCSI:
            with self.subTest(line):
                self.setUp()
                self.check(line, log, calls, "iscsi")

    def test_nbd(self):
        for line, log, calls in NBD:
            with self.subTest(line):
                self.setUp()
                self.check(line, log, calls, "nbd")

    def test_unit(self):
        """What the unit needs and waits for."""
        self.generate(NAMED)
        unit = self.read("n/initrdd-iscsi.service")
        for part in ("After=network.target network-online.target modprobe@iscsi_tcp.service\n",
                     "Wants=network-online.target modprobe@iscsi_tcp.service\n",
                     "ExecStart=/usr/lib/initrdd/initrdd-attach iscsi\n"):
            self.assertIn(part, unit)
        self.assertNotIn("OnFailure", unit)
        self.generate(NAMED + " rd.iscsi.waitnet=0 rd.iscsi.firmware")
        unit = self.read("n/initrdd-iscsi.service")
        self.assertIn("After=network.target modprobe@iscsi_tcp.service modprobe@iscsi_ibft.service\n",
                      unit)
        # Without its lease there is nothing to try.
        self.generate("root=LABEL=a netroot=dhcp rd.iscsi.waitnet=0")
        self.assertIn("After=network.target network-online.target ",
                      self.read("n/initrdd-iscsi.service"))
        self.generate("nbdroot=1.2.3.4,2000,nbd0")
        unit = self.read("n/initrdd-nbd.service")
        self.assertIn("modprobe@nbd.service", unit)

    @unittest.skipUnless(os.path.exists(FSTAB), "systemd-fstab-generator is not installed")
    def test_root(self):
        """A root that is the disk itself is mounted as any other, with its check."""
        iscsi = "root=iscsi:1.2.3.4:::2:" + IQN
        cases = [
            (iscsi + " ro", "iscsi", ["What=/dev/initrdd/root\n", "Options=ro\n"]),
            (iscsi + " rw rootfstype=ext4 rootflags=noatime", "iscsi",
             ["What=/dev/initrdd/root\n", "Type=ext4\n", "Options=noatime,rw\n"]),
            ("root=iscsi rw", "iscsi", ["What=/dev/initrdd/root\n"]),
            ("root=nbd:1.2.3.4:x rw", "nbd", ["What=/dev/nbd0\n", "Options=rw\n"]),
            ("root=nbd:1.2.3.4:x:xfs:noatime,nodiratime ro rootfstype=ext4", "nbd",
             ["What=/dev/nbd0\n", "Type=xfs\n", "Options=noatime,nodiratime,ro\n"]),
        ]
        for line, kind, parts in cases:
            with self.subTest(line):
                self.setUp()
                self.assertEqual(self.generate(line), (0, ""))
                mount = self.read("e/sysroot.mount")
                for part in parts:
                    self.assertIn(part, mount)
                self.assertTrue(self.has("e/systemd-fsck-root.service"))
                self.assertIn("OnFailure=emergency.target\n",
                              self.read("n/initrdd-%s.service" % kind))
        self.setUp()
        self.generate(iscsi)
        rule = self.read("r/run/udev/rules.d/65-initrdd-iscsi.rules")
        self.assertIn('ENV{ID_PATH}=="*ip-*-iscsi-%s-lun-2", SYMLINK+="initrdd/root"' % IQN, rule)

    def test_patience(self):
        """The root is waited for longer than its server, unless somebody says how long."""
        device = "n/%s.device.d/"
        self.generate(NAMED + " root=UUID=12-34")
        place = device % r"dev-disk-by\x2duuid-12\x2d34"
        self.assertIn("JobRunningTimeoutSec=180s\n",
                      self.read(place + "70-initrdd-netblock.conf"))
        self.assertFalse(self.has(place + "60-initrdd.conf"))
        self.generate(NAMED + " root=UUID=12-34 rd.timeout=20")
        self.assertIn("JobRunningTimeoutSec=20s\n", self.read(place + "60-initrdd.conf"))
        # Longer than other devices are, and shorter than these: that says nothing.
        for delay, seconds in ((120, 180), (300, 300)):
            self.setUp()
            self.generate(NAMED + " root=UUID=12-34 rootdelay=%d" % delay)
            last = sorted(os.listdir(os.path.join(self.top, place)))[-1]
            self.assertIn("JobRunningTimeoutSec=%ds\n" % seconds, self.read(place + last))
        # What lies on it, and may be the root's only disk.
        self.generate(NAMED + " root=/dev/mapper/vg-root rd.luks.uuid=5-6")
        self.assertIn("=180s\n", self.read(device % r"dev-disk-by\x2duuid-5\x2d6"
                                           + "70-initrdd-netblock.conf"))
        self.assertIn('wait-unlock 180 "/dev/mapper/vg-root"\n', self.read("n/initrdd-locked.service"))
        self.generate(NAMED + " root=/dev/mapper/vg-root rd.luks.uuid=5-6 rd.timeout=7")
        self.assertIn('wait-unlock 7 "/dev/mapper/vg-root"\n', self.read("n/initrdd-locked.service"))
        self.generate("root=nbd:1.2.3.4:x rd.timeout=20")
        self.assertIn("20s\n", self.read(device % "dev-nbd0" + "60-initrdd.conf"))
        self.generate("root=iscsi:1.2.3.4::::%s rd.timeout=20" % IQN)
        self.assertIn("20s\n", self.read(device % "dev-initrdd-root" + "60-initrdd.conf"))

    def test_conf(self):
        """Debian's own file: what it has is asked for, and less than the command line."""
        self.write("etc/iscsi/iscsi.initramfs",
                   "# ours\nISCSI_TARGET_NAME=%s\nISCSI_TARGET_IP=\"1.2.3.4 1.2.3.5\"\n"
                   "ISCSI_TARGET_PORT=3262\nISCSI_USERNAME='me'\nISCSI_PASSWORD=\"pass-1\"\n"
                   "ISCSI_INITIATOR=iqn.file:me\n" % IQN)
        options = dict(port="3262", secrets="-u me -w pass-1", initiator="iqn.file:me")
        self.assertEqual(self.generate(""), (0, ""))
        self.assertTrue(self.has("n/initrdd-iscsi.service"))
        self.assertEqual(self.attach("", "iscsi"),
                         (0, "", [login(**options), login(address="1.2.3.5", **options)]))
        self.assertEqual(self.attach("iscsi_target_ip=1.2.3.6 iscsi_target_port=1", "iscsi")[2],
                         [login(address="1.2.3.6", **dict(options, port="1"))])
        self.assertEqual(self.attach(netroot("1.2.3.7::::iqn.x:y"), "iscsi")[2],
                         [login("iqn.x:y", "1.2.3.7", **options)])
        self.write("etc/iscsi/iscsi.initramfs", "ISCSI_AUTO=true\n")
        self.assertEqual(self.attach("", "iscsi")[2], ["iscsistart -b " + RETRY % 0])

    def test_host(self):
        """The machine's own targets are there where the command line names none."""
        self.write("etc/initrdd/iscsi",
                   '"%s" "1.2.3.4" "3261" "2" "iqn.host:other" "me" "a\\\\\\"b:pass-1" "it" "pass-2"\n'
                   '"iqn.x:y" "fd00::1" "3260" "" ""\n' % IQN, 0o600)
        own = [login(port="3261", group="2", initiator="iqn.host:other",
                     secrets='-u me -w a\\"b:pass-1 -U it -W pass-2'),
               login("iqn.x:y", "fd00::1")]
        self.assertEqual(self.generate("root=UUID=12-34"), (0, ""))
        self.assertTrue(self.has("n/initrdd-iscsi.service"))
        self.assertEqual(self.attach("", "iscsi"), (0, "", own))
        self.assertEqual(self.attach("rd.iscsi.initiator=iqn.my:own", "iscsi")[2],
                         [own[0].replace("iqn.host:other", "iqn.my:own"),
                          own[1].replace("iqn.host:me", "iqn.my:own")])
        self.assertEqual(self.attach(NAMED, "iscsi")[2], [login()])
        self.assertEqual(self.attach("rd.iscsi.firmware", "iscsi")[2],
                         ["iscsistart -b " + RETRY % 0])
        for line in ("a b c", '"a', '"a" "1.2.3.4" "3260" "1" "" "user"'):
            self.write("etc/initrdd/iscsi", line + "\n")
            status, told = self.generate("")
            self.assertEqual(status, 0)
            self.assertIn("A line of /etc/initrdd/iscsi was not understood", told)

    def test_dhcp(self):
        """What DHCP names as the root's path, in place of what the command line doesn't say."""
        lease = "run/systemd/netif/leases/2"
        disk = "netroot=dhcp root=UUID=12-34"
        self.assertEqual(self.generate("netroot=dhcp root=dhcp")[0], 0)
        self.assertFalse(self.has("n/initrdd-iscsi.service") or self.has("n/initrdd-nbd.service"))
        self.assertEqual(self.generate(disk), (0, ""))
        self.assertTrue(self.has("n/initrdd-iscsi.service") and self.has("n/initrdd-nbd.service"))
        for path, iscsi, device in (
                ("iscsi:me:pass-1@1.2.3.4::::" + IQN, [login(secrets="-u me -w pass-1")], []),
                ("nbd:1.2.3.4:x", [], [nbd(export="x")])):
            self.write(lease, "ADDRESS=1.2.3.5\nROOT_PATH=%s\n" % path)
            self.assertEqual(self.attach(disk, "iscsi"), (0, "", iscsi))
            self.assertEqual(self.attach(disk, "nbd"), (0, "", device))
        for text, path in (("ROOT_PATH=/nfs/root\n", "/nfs/root"), ("ADDRESS=1.2.3.5\n", "")):
            self.write(lease, text)
            told = 'DHCP names no disk, the root\'s path there is "%s"\n' % path
            self.assertEqual(self.attach(disk, "iscsi"), (0, told, []))
            self.assertEqual(self.attach(disk, "nbd"), (0, "", []))
        # initramfs-tools
        self.setUp()
        for path in ("1.2.3.4,x,nbd2", "nbdroot=1.2.3.4,x,nbd2"):
            self.write(lease, "ROOT_PATH=%s\n" % path)
            self.assertEqual(self.generate("nbdroot=dhcp"), (0, ""))
            self.assertTrue(self.has("n/initrdd-nbd.service"))
            self.assertEqual(self.attach("nbdroot=dhcp", "nbd"),
                             (0, "", [nbd(export="x", node="/dev/nbd2")]))
        self.write(lease, "ROOT_PATH=1.2.3.4\n")
        self.assertEqual(self.attach("nbdroot=dhcp,2000,nbd1", "nbd")[2],
                         [nbd(port="2000", node="/dev/nbd1")])

    def test_dhcp_of(self):
        """Of several leases that of the interface which the machine was started from."""
        leases = "run/systemd/netif/leases/"
        line = "netroot=dhcp root=UUID=12-34"
        self.write(leases + "0", "ROOT_PATH=nbd:1.2.3.4:x\n")
        self.write(leases + str(socket.if_nametoindex("lo")), "ROOT_PATH=nbd:1.2.3.4:y\n")
        for more, export in (("", "x"), (" bootdev=lo", "y"), (" BOOTIF=01-00-00-00-00-00-00", "y"),
                             (" BOOTIF=01-00-00-00-00-00-00 rd.bootif=0", "x")):
            with self.subTest(more):
                self.assertEqual(self.attach(line + more, "nbd"), (0, "", [nbd(export=export)]))
        self.assertEqual(self.attach(line + " bootdev=none7", "nbd"), (0, "", []))

    def test_dhcp_root(self):
        """root=dhcp, and the lease names a disk: it is attached and mounted by who was to mount NFS."""
        for name in ("mount", "modprobe"):
            self.write("usr/sbin/" + name, PROGRAM, 0o755)
        link = "dev/disk/by-path/pci-0000:00:01.0-ip-1.2.3.4:3260-iscsi-%s-lun-2" % IQN
        for name in (link, link[:-1] + "1", "dev/nbd0"):
            self.write(name, "")
        link = os.path.join(self.root, link)
        mount = "mount -t %s -o %s -- %s /sysroot"
        iscsi = "iscsi:me:pass-1@1.2.3.4:::2:" + IQN
        logged_in = ["modprobe -q iscsi_tcp", login(secrets="-u me -w pass-1")]
        node = self.root + "/dev/nbd0"
        for line, path, calls in (
                ("root=dhcp", iscsi, logged_in + [mount % ("auto", "ro", link)]),
                ("root=dhcp netroot=dhcp ro rw rootfstype=ext4 rootflags=noatime", iscsi,
                 logged_in + [mount % ("ext4", "noatime,rw", link)]),
                ("root=dhcp rootflags=a", "nbd:1.2.3.4:x",
                 ["modprobe -q nbd", nbd(export="x"), mount % ("auto", "a,ro", node)]),
                ("root=dhcp rootflags=a rootfstype=b", "nbd:1.2.3.4:x:ext4:noatime:bs=1024",
                 ["modprobe -q nbd", nbd(export="x", options="-block-size 1024"),
                  mount % ("ext4", "noatime,ro", node)]),
                ("root=dhcp rw ro", "nbd:1.2.3.4:x:ext4:rw",
                 ["modprobe -q nbd", nbd(export="x"), mount % ("ext4", "rw,ro", node)])):
            with self.subTest(line + " " + path):
                self.assertEqual(self.attach(line, "root", path, "/sysroot"), (0, "", calls))
        for path in ("iscsi:", "iscsi:x", "nbd:", "nbd:x"):
            status, told, calls = self.attach("root=dhcp", "root", path, "/sysroot")
            self.assertEqual((status, len(calls)), (1, 2 if path == "iscsi:" else 1))
            self.assertIn("The root path that DHCP gives names no disk", told)
        for words in ((), ("/nfs", "/sysroot"), (iscsi,)):
            self.assertEqual(self.attach("", "root", *words)[0], 2)
        self.write("fails", "")
        status, told, calls = self.attach("root=dhcp", "root", iscsi, "/sysroot")
        self.assertEqual((status, calls), (1, logged_in))
        self.assertIn("that was the last try: nobody there", told)
        self.assertNotIn("pass-1", told)

    def test_initiator(self):
        """Who we are: the firmware knows, else the host's file, else a name is made up, once."""
        line = NAMED + " " + netroot("1.2.3.5::::iqn.x:y")
        self.write("sys/firmware/ibft/initiator/initiator-name", "iqn.firm:ware\n")
        self.assertEqual(self.attach(NAMED, "iscsi")[2], [login(initiator="iqn.firm:ware")])
        os.unlink(os.path.join(self.root, "sys/firmware/ibft/initiator/initiator-name"))
        self.write("etc/iscsi/initiatorname.iscsi", "GenerateName=yes\n")
        status, told, calls = self.attach(NAMED, "iscsi")
        self.assertEqual((status, calls), (1, []))
        self.assertIn("There is no name to log in to iSCSI targets with", told)
        self.write("usr/sbin/iscsi-iname", INAME, 0o755)
        self.assertEqual(self.attach(line, "iscsi")[2],
                         [login("iqn.x:y", "1.2.3.5", initiator="iqn.made:up"),
                          login(initiator="iqn.made:up")])
        self.write("usr/sbin/iscsi-iname", "#!/bin/sh\necho iqn.an:other\n", 0o755)
        self.assertEqual(self.attach(NAMED, "iscsi")[2], [login(initiator="iqn.made:up")])

    def test_attached(self):
        """What is there is left alone."""
        self.write("sys/class/block/nbd0/pid", "77\n")
        self.assertEqual(self.attach("root=nbd:1.2.3.4:x", "nbd"), (0, "", []))
        self.write("sys/class/iscsi_session/session3/targetname", IQN + "\n")
        self.write("sys/class/iscsi_connection/connection3:0/persistent_address", "1.2.3.4\n")
        self.write("sys/class/iscsi_connection/connection3:0/persistent_port", "3260\n")
        self.assertEqual(self.attach(NAMED, "iscsi"), (0, "", []))
        self.assertEqual(len(self.attach(NAMED + " rd.iscsi.target.port=1", "iscsi")[2]), 1)

    def test_nobody(self):
        """An end, which says why; each is tried."""
        self.write("fails", "")
        status, told, calls = self.attach(NAMED + " " + netroot("1.2.3.5::::iqn.x:y"), "iscsi")
        self.assertEqual((status, len(calls)), (1, 2))
        self.assertIn("iSCSI target %s at 1.2.3.4 port 3260 can't be had yet: nobody there\n" % IQN,
                      told)
        self.assertIn("iSCSI target iqn.x:y at 1.2.3.5 port 3260 can't be had, that was the last "
                      "try: nobody there\n", told)
        status, told, calls = self.attach("root=nbd:1.2.3.4:x", "nbd")
        self.assertEqual((status, len(calls)), (1, 1))
        self.assertIn("NBD server 1.2.3.4 export x for /dev/nbd0 can't be had, that was", told)

    def test_no_program(self):
        os.unlink(os.path.join(self.root, "usr/sbin/iscsistart"))
        os.unlink(os.path.join(self.root, "usr/sbin/nbd-client"))
        for line, kind, name in ((NAMED, "iscsi", "iscsistart"),
                                 ("root=nbd:1.2.3.4:x", "nbd", "nbd-client")):
            status, told, _ = self.attach(line, kind)
            self.assertEqual(status, 1)
            self.assertIn("This image has no " + name, told)

    def test_usage(self):
        self.assertEqual(self.call("", ATTACH)[0], 2)
        self.assertEqual(self.call("", ATTACH, "nfs")[0], 2)


if __name__ == "__main__":
    unittest.main()
