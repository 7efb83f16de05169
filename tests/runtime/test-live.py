#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-live, initrdd-live-find, initrdd-overlay and initrdd-live-fetch with each kind of image and of
overlay, without a boot.

They are run in a mount namespace of their own with an empty /run, by root, on a kernel with loop
devices, squashfs and overlayfs; elsewhere this is skipped. Media are directories, devices are loop
devices. The servers that something is fetched from are here, in the network of the machine.
"""

import http.server
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

LIVE, OVERLAY, FIND, FETCH = (os.path.abspath(sys.argv.pop(1)) for _ in range(4))
PROGRAMS = ("unshare", "mksquashfs", "mke2fs", "losetup", "curl", "openssl")
# $1 is the directory with the images; $live, $find, $overlay and $fetch are the programs.
PREPARE = """
cd "$1"
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/initramfs/live
"""
# What the kernel must be able to do, tried.
TRIAL = PREPARE + """
mount -o loop,ro squashfs.img /run/initramfs/live
mkdir /run/u /run/w /run/o
mount -t overlay -o lowerdir=/run/initramfs/live,upperdir=/run/u,workdir=/run/w none /run/o
"""
SHOW = """
echo "root: $(cat /run/rootfsbase/marker)"
if touch /run/rootfsbase/x 2>/dev/null; then echo writable; else echo read-only; fi
"""
MOUNT = "mount --bind %s /run/initramfs/live\n"
# Stands for the sysroot.mount of an image.
COVER = """
mkdir /run/sysroot
mount -t overlay -o lowerdir=${lower}/run/rootfsbase,upperdir=/run/overlayfs,workdir=/run/ovlwork none /run/sysroot
echo "kept: $(cat /run/sysroot/kept 2>/dev/null)"
echo once >>/run/sysroot/kept
echo "upper: $(readlink /run/overlayfs)"
"""


class Handler(http.server.BaseHTTPRequestHandler):
    CONTENT = b"content\n"

    def answer(self, status, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def do_HEAD(self):
        self.server.requests.append("HEAD " + self.path)
        if self.path == "/large":
            self.answer(200, ("Content-Length", str(1 << 40)))
        elif self.path == "/no-head":
            self.answer(405, ("Content-Length", "7"))
        else:
            self.find()

    def do_GET(self):
        self.server.requests.append("GET " + self.path)
        self.find()

    def find(self):
        """Answers what is the same for both, and with the content who asks for it."""
        self.server.logins.add(self.headers["Authorization"])
        size = ("content-length", str(len(self.CONTENT)))
        again = self.server.requests.count("GET " + self.path) > 1
        if self.path.startswith("/moved"):
            assert self.path == "/moved?[{a}]"
            self.answer(302, ("Location", "/file"), ("Content-Length", str(1 << 40)))
            return
        if self.path == "/missing" or (self.path == "/late" and not again):
            self.answer(404, ("Content-Length", "0"))
            return
        self.answer(200, *([] if self.path in ("/no-size", "/endless") else [size]))
        if self.command == "HEAD":
            return
        if self.path == "/cut" and not again:
            self.wfile.write(self.CONTENT[:3])
            return
        self.wfile.write(self.CONTENT)
        try:
            while self.path == "/endless":
                self.wfile.write(bytes(1 << 20))
        except OSError:
            pass # who asked has had enough

    def handle(self):
        try:
            super().handle()
        except ssl.SSLError:
            pass # who asked does not trust us

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Answers until the end of the block; knows what it was asked. It speaks TLS with the certificate and key
    in the file `secure`. Who asks it as a proxy gets the answers of any other server from it, too."""

    def __init__(self, secure=None):
        super().__init__(("127.0.0.1", 0), Handler)
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(secure)
            # The handshake is for the thread of the connection: who gives up there ends no other one.
            self.socket = context.wrap_socket(self.socket, server_side=True,
                                              do_handshake_on_connect=False)
        self.requests, self.logins = [], set()
        self.thread = threading.Thread(target=self.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = [name for name in PROGRAMS if not shutil.which(name)]
        if os.geteuid() != 0 or missing:
            raise unittest.SkipTest("needs root, and %s" % (", ".join(missing) or "nothing else"))
        cls.directory = tempfile.mkdtemp(prefix="test-live-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.make()
        done = cls.shell(TRIAL)
        if done.returncode != 0:
            raise unittest.SkipTest("this kernel can't do it: " + done.stdout.strip())

    @classmethod
    def make(cls):
        def path(name):
            return os.path.join(cls.directory, name)

        def directory(name):
            os.makedirs(path(name))
            return path(name)

        def call(*command):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        def tree(name, marker):
            directory(name + "/usr")
            with open(path(name + "/marker"), "w", encoding="ascii") as stream:
                stream.write(marker + "\n")
            return path(name)

        call("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree("t1", "in a file system"),
             path("rootfs.img"), "4M")
        call("mksquashfs", tree("t2", "in a squashfs"), path("squashfs.img"), "-quiet", "-no-progress")
        os.link(path("rootfs.img"), directory("inner/LiveOS") + "/rootfs.img")
        call("mksquashfs", path("inner"), path("nested.img"), "-quiet", "-no-progress")
        call("mksquashfs", directory("nothing"), path("nothing.img"), "-quiet", "-no-progress")
        for name, images in (("plain", ["squashfs.img"]), ("nested", ["nested.img"]),
                             ("uncompressed", ["rootfs.img"]), ("wrong", ["nothing.img"])):
            place = directory(name + "/LiveOS")
            for image in images:
                os.link(path(image), os.path.join(
                    place, "rootfs.img" if image == "rootfs.img" else "squashfs.img"))
        with open(directory("broken/LiveOS") + "/squashfs.img", "wb") as stream:
            stream.write(b"hsqs" + bytes(100000))
        directory("elsewhere/a b")
        os.link(path("squashfs.img"), path("elsewhere/a b/x.img"))
        tree("bare", "on the medium")
        with open(path("t3"), "wb") as stream:
            stream.write(bytes(100000))
        os.mkdir(path("empty"))

    @classmethod
    def shell(cls, script, **environment):
        environment = dict(os.environ, live=LIVE, overlay=OVERLAY, find=FIND, fetch=FETCH, LC_ALL="C",
                           **environment)
        for name in [name for name in environment if name.lower().endswith("_proxy")
                     or name in ("CURL_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE")]:
            del environment[name]
        return subprocess.run(["unshare", "-m", "sh", "-ec", script, "sh", cls.directory], text=True,
                              env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=300)

    def check(self, script, *says):
        done = self.shell(PREPARE + script)
        self.assertEqual(done.returncode, 0, done.stdout)
        for text in says:
            self.assertIn(text, done.stdout)
        return done.stdout

    def show(self, medium, options, *says, where='LiveOS squashfs.img'):
        return self.check(MOUNT % medium + '"$live" %s /dev/x %s\n' % (options, where) + SHOW, *says)

    def fails(self, script, *says):
        done = self.shell(PREPARE + script)
        self.assertEqual(done.returncode, 1, done.stdout)
        for text in says:
            self.assertIn(text, done.stdout)

    def test_images(self):
        self.show("plain", "", "root: in a squashfs", "read-only")
        self.show("nested", "", "root: in a file system", "read-only")
        self.show("uncompressed", "", "root: in a file system", "read-only")
        self.show("bare", "", "root: on the medium")
        self.show("elsewhere", "", "root: in a squashfs", where="'a b' x.img")

    def test_copies(self):
        """What is used is the copy; the medium could be taken away."""
        for medium, name, root in (("plain", "squashed.img", "in a squashfs"),
                                   ("nested", "squashed.img", "in a file system"),
                                   ("uncompressed", "rootfs.img", "in a file system")):
            self.check(MOUNT % medium + '"$live" --copy=0 /dev/x LiveOS squashfs.img\n'
                       "umount /run/initramfs/live\nlosetup -n -O BACK-FILE -a | grep $PWD/" + medium
                       + " && exit 1\ntest -s /run/initramfs/%s\n" % name + SHOW, "root: " + root)
        self.check("device=$(losetup -f --show -r squashfs.img)\ntrap 'losetup -d $device' EXIT\n"
                   "mount $device /run/initramfs/live\n"
                   '"$live" --copy=0 $device LiveOS squashfs.img\n' + SHOW, "root: in a squashfs")

    def test_memory(self):
        self.fails(MOUNT % "plain" + '"$live" --copy=999999999 /dev/x LiveOS squashfs.img',
                   "/squashfs.img has ", "less than 999999999 MiB would be left; see rd.minmem=")

    def test_written_to(self):
        self.show("nested", "--writable", "root: in a file system", "writable")
        self.show("uncompressed", "--writable", "root: in a file system", "writable")
        self.show("plain", "--writable", "there is no LiveOS/rootfs.img", "read-only")
        self.show("plain", "--plain", "read-only")
        self.show("nested", "--plain", "read-only")
        # On the medium itself.
        self.check("mkdir -p /run/m/LiveOS\ncp rootfs.img /run/m/LiveOS\n" + MOUNT % "/run/m"
                   + '"$live" --plain /dev/x LiveOS squashfs.img\n' + SHOW, "writable")

    def test_nothing(self):
        self.fails(MOUNT % "empty" + '"$live" /dev/x Li squ', "There is no root on /dev/x: neither "
                   "/Li/squ nor /Li/rootfs.img nor /usr")
        self.fails(MOUNT % "wrong" + '"$live" /dev/x LiveOS squashfs.img',
                   "squashfs.img on /dev/x has neither LiveOS/rootfs.img nor /usr")
        self.fails(MOUNT % "broken" + '"$live" /dev/x LiveOS squashfs.img', "mount: ")

    def test_disc(self):
        """What can be checked: a disc, and nothing that isn't there."""
        self.check('head -c 32769 /dev/zero >disc; echo CD001 >>disc; "$live" --is-disc disc')
        for name in ("rootfs.img", "t1", "gone", "/dev/null"):
            self.fails('"$live" --is-disc ' + name, "%s is no disc, and was not checked" % name)

    def find(self, arguments, result, *says, disks=("squashfs.img", "rootfs.img"), later=()):
        """`later` are disks that come when it looks already."""
        script = "mount -t tmpfs tmpfs /dev/disk 2>/dev/null || { mkdir -p /dev/disk; " \
            "mount -t tmpfs tmpfs /dev/disk; }\nmkdir /dev/disk/by-uuid\n"
        script += 'add() {\nd=$(losetup -f --show -r "$1"); all="$all $d"; ' \
            'ln -s "$d" "/dev/disk/by-uuid/$1"\n}\n' \
            "trap 'umount -l /run/initramfs/live || :; losetup -d $all' EXIT\n"
        script += "".join("add %s\n" % disk for disk in disks)
        script += '"$find" %s & job=$!\n' % arguments
        script += "".join("sleep 1; add %s\n" % disk for disk in later)
        script += "s=0; wait $job || s=$?\nls /run/initramfs/live\n"
        done = self.shell(PREPARE + script + "exit $s\n")
        self.assertEqual(done.returncode, result, done.stdout)
        for text in says:
            self.assertIn(text, done.stdout)

    def test_find(self):
        self.find("--timeout=60 --with=usr/../marker", 0, "usr/../marker is on /dev/loop", "marker\n")
        self.find("--timeout=60 --with=/LiveOS/rootfs.img", 0, "LiveOS\n",
                  disks=("squashfs.img", "rootfs.img", "nested.img"))
        self.find("--with=LiveOS/rootfs.img", 0, "LiveOS\n", later=("nested.img",))
        self.find("--timeout=60 --iso=/LiveOS/rootfs.img", 0, "marker\n",
                  disks=("squashfs.img", "nested.img"))
        self.find("--timeout=2 --with=LiveOS/rootfs.img", 1,
                  "No file system has LiveOS/rootfs.img; looked at: /dev/loop")
        self.find("--timeout=1 --with=usr", 1, "No file system has usr;")
        self.find("--timeout=1 --with=x", 1, "looked at: none, there was no disk", disks=())
        # What is no file system, and what is no image, is passed over or told.
        self.find("--timeout=1 --with=x", 1, "No file system has x;", disks=("t3",))

    # From a server

    def fetch(self, path, result, *says, options="", left=0, after="", login="", free=64):
        """`options` are more of the kernel command line; so many MiB of memory are `free`."""
        with Server() as server:
            line = "root=live:http://%s127.0.0.1:%d%s %s" % (login, server.server_port, path, options)
            if "rd.timeout" not in line:
                line += " rd.timeout=1"
            script = 'echo "MemAvailable: %d kB" >/run/meminfo\n' % (free * 1024)
            script += "mount --bind /run/meminfo /proc/meminfo\n"
            done = self.shell(PREPARE + script + '"$fetch" --left=%d\n' % left + after,
                              SYSTEMD_PROC_CMDLINE=line)
        self.assertEqual(done.returncode, result, done.stdout)
        for text in says:
            self.assertIn(text.replace("SERVER", "127.0.0.1:%d" % server.server_port), done.stdout)
        return done.stdout, server

    IS_THERE = ("cd /run/initramfs\ntest $(cat fetched/image) = content\ntest ! -e fetched.headers\n"
                "findmnt -nro FSTYPE,SIZE fetched\n")

    def test_fetched(self):
        told, _ = self.fetch("/file", 0, "Fetching http://SERVER/file to memory (1 MiB)",
                             "tmpfs 64K", after=self.IS_THERE)
        self.assertNotIn("can't", told)
        # What stands for something else in a URL is as it was written; the size is that of the end.
        self.fetch("/moved?[{a}]", 0, "to memory (1 MiB)", after=self.IS_THERE)

    def test_fetched_with_login(self):
        told, server = self.fetch("/file", 0, after=self.IS_THERE, login="me:pass-word@")
        self.assertNotIn("pass-word", told)
        self.assertEqual(server.logins, {"Basic bWU6cGFzcy13b3Jk"})

    def test_size_unknown(self):
        """A server that doesn't like to be asked, and one that doesn't say."""
        self.fetch("/no-head", 0, "Fetching http://SERVER/no-head to memory\n", after=self.IS_THERE)
        self.fetch("/no-size", 0, "Fetching http://SERVER/no-size to memory\n", after=self.IS_THERE)
        self.fetch("/endless", 1, "/endless is larger than the memory that is free; see rd.minmem=",
                   left=56)
        self.fetch("/no-size", 1, "There is no room for http://SERVER/no-size: 64 MiB of memory are free, "
                   "and 65 MiB are to be left; see rd.minmem=", left=65)

    def test_too_large(self):
        told, server = self.fetch("/large", 1, "There is no room for http://SERVER/large, which has 1048577 "
                                  "MiB: 64 MiB of memory are free, and 5 MiB are to be left; see "
                                  "rd.minmem=", left=5)
        self.assertEqual(len(told.splitlines()), 1)
        self.assertEqual(server.requests, ["HEAD /large"])

    def test_not_there(self):
        """An end, however often it was tried; the same is said once, and at the end."""
        until = int(time.monotonic()) + 4
        told, server = self.fetch("/missing", 1, "SERVER/missing can't be had yet: (22) The requested URL",
                                  "can't be had, that was the last try: (22) ",
                                  options="rd.timeout=%d" % until)
        self.assertEqual(told.count("can't be had yet"), 1)
        self.assertGreater(server.requests.count("GET /missing"), 1)
        # Once in any case.
        _, server = self.fetch("/missing", 1, "last try: (22)")
        self.assertEqual(server.requests.count("GET /missing"), 1)

    def test_certificate(self):
        """A server must prove who it is, to somebody that the image trusts, unless nobody asks."""
        pem = os.path.join(self.directory, "server.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", pem, "-out", pem + ".crt"], check=True, stderr=subprocess.DEVNULL)
        with open(pem, "ab") as stream, open(pem + ".crt", "rb") as crt:
            stream.write(crt.read())
        trust = "mount -t tmpfs tmpfs /etc/ssl/certs\ncp %s /etc/ssl/certs/ca-certificates.crt\n" \
            % (pem + ".crt")
        for option, before, works in (("", "", False), ("rd.noverifyssl=0", "", False),
                                      ("rd.noverifyssl", "", True), ("", trust, True)):
            with self.subTest(option=option, before=before), Server(pem) as server:
                line = "root=live:https://127.0.0.1:%d/file rd.timeout=1 %s" % (server.server_port, option)
                done = self.shell(PREPARE + before + '"$fetch"\n' + self.IS_THERE,
                                  SYSTEMD_PROC_CMDLINE=line)
                self.assertEqual(done.returncode, 0 if works else 1, done.stdout)
                self.assertIn("Fetching https://" if works else "last try: (60) SSL certificate problem",
                              done.stdout)
                self.assertEqual(server.requests, ["HEAD /file", "GET /file"] if works else [])

    def test_proxy(self):
        """The proxy is asked, even for the name of the server."""
        with Server() as server:
            done = self.shell(PREPARE + '"$fetch"\n' + self.IS_THERE, SYSTEMD_PROC_CMDLINE=(
                "root=live:http://nowhere.invalid/file rd.timeout=1 proxy=http://127.0.0.1:%d"
                % server.server_port))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(server.requests, ["%s http://nowhere.invalid/file" % word
                                           for word in ("HEAD", "GET")])
        done = self.shell(PREPARE + '"$fetch"', SYSTEMD_PROC_CMDLINE=(
            "root=live:http://nowhere.invalid/file rd.timeout=1 proxy=127.0.0.1:%d" % server.server_port))
        self.assertEqual(done.returncode, 1)
        self.assertIn("last try: (7) Failed to connect to 127.0.0.1", done.stdout)

    def test_later(self):
        told, _ = self.fetch("/late", 0, "can't be had yet: (22)", "SERVER/late is there",
                             options="rd.timeout=0", after=self.IS_THERE)
        self.assertNotIn("last try", told)

    def test_cut_off(self):
        """What breaks off is fetched again."""
        self.fetch("/cut", 0, "can't be had yet: (18) transfer closed", "/cut is there",
                   options="rd.timeout=0", after=self.IS_THERE)

    def test_no_server(self):
        with Server() as server:
            port = server.server_port
        done = self.shell(PREPARE + '"$fetch"', SYSTEMD_PROC_CMDLINE="rd.timeout=1 root=http://127.0.0.1:%d/x"
                          % port)
        self.assertEqual(done.returncode, 1)
        self.assertIn("last try: (7) Failed to connect to 127.0.0.1 port %d" % port, done.stdout)

    def test_same_reason(self):
        """How long it took to find out makes it no other one; what was found does."""
        curl = "echo x >>/run/tries; n=$(wc -l </run/tries); [ $n -lt 3 ] || exit 0\n" \
            "echo \"curl: (7) No host after ${n}000 ms: %s\" >&2; exit 7"
        for why, count in (("none", 1), ("none $n", 2)):
            script = "cat >/run/curl <<'END'\n#!/bin/sh\n%s\nEND\nchmod +x /run/curl\n" % (curl % why)
            script += "mount --bind /run/curl /usr/bin/curl\n"
            done = self.shell(PREPARE + script + '"$fetch"',
                              SYSTEMD_PROC_CMDLINE="rd.timeout=0 root=http://a/b")
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("http://a/b can't be had yet: (7) No host after 1000 ms: none", done.stdout)
            self.assertEqual(done.stdout.count("can't be had yet"), count, done.stdout)

    def test_no_url(self):
        for line in ("", "root=LABEL=a", "root=live:nfs://x/y", "root=live:http://x"):
            done = self.shell(PREPARE + '"$fetch"', SYSTEMD_PROC_CMDLINE=line)
            self.assertEqual(done.returncode, 1)
            self.assertIn("The kernel command line has no URL of an image", done.stdout)

    # Overlays

    def covered(self, *boots, prepare=""):
        """Boots with the same device; each is the arguments of initrdd-overlay, and what it says."""
        script = "truncate -s 8M disk\nmke2fs -q -F -t ext4 disk\n" + prepare \
            + "device=$(losetup -f --show disk)\ntrap 'losetup -d $device' EXIT\n"
        for arguments, says in boots:
            self.check(script + "mount --bind t2 /run/initramfs/live\nmkdir -p /run/rootfsbase\n"
                       "mount --bind t2 /run/rootfsbase\n"
                       '"$overlay" %s\n' % arguments
                       + ("lower=/run/overlayfs-r:\n" if "--read-only" in arguments else "") + COVER,
                       *says)
            script = "device=$(losetup -f --show disk)\ntrap 'losetup -d $device' EXIT\n"

    MEMORY = "upper: /run/initramfs/overlay/overlayfs"
    KEPT = "upper: /run/initramfs/overlayfs/"

    def test_in_memory(self):
        self.covered(("", ("kept: \n", self.MEMORY)))
        self.covered(("--memory=size=1m", ("kept: \n", self.MEMORY)))
        self.covered(("--memory=size=some", ("There is no memory with size=some", self.MEMORY)))
        self.covered(("--read-only", ("kept: \n", self.MEMORY)))

    def test_on_device(self):
        self.covered(("--device=$device", ("kept: \n", self.KEPT + "overlay")),
                     ("--device=$device", ("kept: once\nupper",)),
                     ("--device=$device --read-only", ("kept: once\nonce\nupper", self.MEMORY)),
                     ("--device=$device", ("kept: once\nonce\nupper",)),
                     ("--device=$device --reset", ("kept: \n", "is removed")))

    def test_at_path(self):
        self.covered(("--device=$device --path=/a/b", ("kept: \n", self.KEPT + "a/b")),
                     ("--device=$device --path=/a/b", ("kept: once\nupper",)),
                     ("--device=$device --path=/other", ("kept: \n",)))

    def test_in_file(self):
        """A file with a file system, on one that could not hold an overlay."""
        inside = "mkdir -p /run/d\nmount -o loop disk /run/d\ncp rootfs.img /run/d/o.img\numount /run/d\n"
        self.covered(("--device=$device --path=/o.img", ("kept: \n", self.KEPT + "overlayfs")),
                     ("--device=$device --path=/o.img", ("kept: once\nupper",)), prepare=inside)

    def test_no_device(self):
        """The machine is started all the same, and says what becomes of what is written."""
        self.covered(("--device=/dev/nothing", ("/dev/nothing, for the overlay, is not there",
                                                "Nothing of what is changed", self.MEMORY)),
                     ("--device=/dev/null", ("is not there", self.MEMORY)))

    def test_of_the_medium(self):
        """The device that the image is on, which is mounted read-only; found by its label."""
        script = """
            truncate -s 8M disk
            mke2fs -q -F -t ext4 -d plain disk
            device=$(losetup -f --show disk); trap 'losetup -d $device' EXIT
            mount -o ro $device /run/initramfs/live
            mkdir -p /run/udev/data /run/rootfsbase
            printf 'E:X=1\\nE:ID_FS_LABEL_ENC=A\\\\x20B\\nE:ID_FS_UUID_ENC=1-2\\n' \\
                >/run/udev/data/b$(lsblk -dno MAJ:MIN $device | tr -d ' ')
            mount -o remount,rw /run/initramfs/live
            mkdir "/run/initramfs/live/LiveOS/overlay-A B-1-2"
            mount -o remount,ro /run/initramfs/live
            mount --bind t2 /run/rootfsbase
            "$overlay" --device=$device --live=LiveOS
        """
        self.check(script + COVER, "upper: /run/initramfs/overlayfs/LiveOS/overlay-A B-1-2")

    def test_over(self):
        """Over a root that is mounted: it is seen below, and not written to."""
        told = self.check("mkdir /run/sysroot\ncp -r t2 /run/root\nmount --bind /run/root /run/sysroot\n"
                          '"$overlay" --over=/run/sysroot\necho new >/run/sysroot/new\n'
                          "ls /run/rootfsbase /run/root; cat /run/sysroot/marker /run/sysroot/new\n",
                          "in a squashfs\nnew\n")
        self.assertEqual(told.count("marker"), 2)
        self.assertEqual(told.count("new"), 1)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    if result.skipped:
        print(result.skipped[0][1])
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
