#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-modprobe: which names it answers by itself, and that all others come to kmod unchanged."""

import os
import struct
import subprocess
import sys
import tempfile
import unittest

MODPROBE = os.path.abspath(sys.argv.pop(1))
PREFIX, VALUES, CHILDREN = 0x80000000, 0x40000000, 0x20000000
# As depmod writes them: with underscores.
NAMES = ["crypto_aes", "crypto_aes_generic", "crypto_cbc(aes)", "crypto_cbc(aes)_all", "fs_ext4",
         "pci:v00008086d*sv*", "usb:v*p*"]


def index(names):
    """A modules.alias.bin; its form is said in engine/collect/driver-index.c."""
    data = bytearray(struct.pack(">III", 0xB007F457, 0x00020001, 0))

    def node(keys, root):
        prefix = "" if root else os.path.commonprefix(keys)
        rest = [key[len(prefix):] for key in keys]
        letters = sorted({ord(key[0]) for key in rest if key})
        below = {c: node([key[1:] for key in rest if key and ord(key[0]) == c], False) for c in letters}
        offset = len(data)
        if prefix:
            data.extend(prefix.encode() + b"\0")
            offset |= PREFIX
        if letters:
            data.extend((letters[0], letters[-1]))
            for c in range(letters[0], letters[-1] + 1):
                data.extend(struct.pack(">I", below.get(c, 0)))
            offset |= CHILDREN
        if "" in rest:
            data.extend(struct.pack(">II", 1, 0) + b"driver\0")
            offset |= VALUES
        return offset

    top = node(sorted(names), True)
    data[8:12] = struct.pack(">I", top)
    return bytes(data)


class Modprobe(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="test-modprobe-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.indexes = os.path.join("lib/modules", os.uname().release, "modules.alias.bin")
        self.put("usr/bin/kmod", b'#!/bin/sh\nfor word; do echo "$word"; done\nexit 7\n', 0o755)
        self.put(self.indexes, index(NAMES))
        self.put("etc/modprobe.d/a.conf", b"softdep dm_crypt pre: aes\n")

    def put(self, path, data, mode=0o644):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)
        os.chmod(path, mode)

    def run_it(self, *words):
        done = subprocess.run([MODPROBE, *words], env={"INITRDD_MODPROBE_ROOT": self.root}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.splitlines()

    def comes_to_kmod(self, *words):
        self.assertEqual(self.run_it(*words), (7, list(words)), words)

    def asks(self, name):
        return "-q", "--", name

    def test_nobody_has(self):
        for name in ("crypto-xts(aes)", "crypto-xts(aes)-all", "crypto-cbc(aes-generic)", "crypto-cbc(ae",
                     "crypto-cbc(aes)-al", "crypto-cbc(aes)-all-", "crypto-cbc(aes)x", "crypto-hmac(sha256)",
                     "crypto-cryptd(__xts-aes-aesni)", "crypto-(", "crypto-aes("):
            self.assertEqual(self.run_it(*self.asks(name)), (1, []), name)

    def test_somebody_has(self):
        self.comes_to_kmod(*self.asks("crypto-cbc(aes)"))
        self.comes_to_kmod(*self.asks("crypto-cbc(aes)-all"))

    def test_not_such_a_name(self):
        """One without a parenthesis may be a driver's own, however it is spelled."""
        for name in ("crypto-aes", "crypto-nothing", "fs-ext4", "fs-none(x)", "ext4", ""):
            self.comes_to_kmod(*self.asks(name))

    def test_other_calls(self):
        for words in ((), ("-q", "crypto-xts(aes)"), ("-v", "--", "crypto-xts(aes)"), ("--version",),
                      ("-q", "--", "crypto-xts(aes)", "debug=1"), ("-a", "dm_mod", "ext4"),
                      ("--", "-q", "crypto-xts(aes)")):
            self.comes_to_kmod(*words)

    def test_patterns(self):
        """Where a pattern might fit it is kmod that knows."""
        for pattern in ("crypto_x*", "crypto_?ts(aes)", "crypto_[x]ts(aes)", "*", "crypto_xts(*"):
            self.put(self.indexes, index(NAMES + [pattern]))
            self.comes_to_kmod(*self.asks("crypto-xts(aes)"))
        self.put(self.indexes, index(NAMES + ["crypto_y*"]))
        self.assertEqual(self.run_it(*self.asks("crypto-xts(aes)")), (1, []))

    def test_settings(self):
        for path in ("etc/modprobe.d/b.conf", "run/modprobe.d/b.conf", "usr/lib/modprobe.d/b.conf"):
            self.put(path, b"alias crypto-xts(aes) mine\n")
            self.comes_to_kmod(*self.asks("crypto-xts(aes)"))
            os.unlink(os.path.join(self.root, path))
        self.assertEqual(self.run_it(*self.asks("crypto-xts(aes)")), (1, []))

    def test_broken_index(self):
        """Whatever stands there, it is never read beyond its end."""
        good = index(NAMES)
        for size in range(len(good)):
            self.put(self.indexes, good[:size])
            self.assertIn(self.run_it(*self.asks("crypto-cbc(aes)"))[0], (1, 7), size)
        for broken in (b"", good[:8], b"\0" * len(good), good[:8] + b"\xff" * 4 + good[12:]):
            self.put(self.indexes, broken)
            self.comes_to_kmod(*self.asks("crypto-xts(aes)"))
        os.unlink(os.path.join(self.root, self.indexes))
        self.comes_to_kmod(*self.asks("crypto-xts(aes)"))

    def test_no_kmod(self):
        os.unlink(os.path.join(self.root, "usr/bin/kmod"))
        status, told = self.run_it("ext4")
        self.assertEqual(status, 1)
        self.assertEqual(told, ["modprobe: kmod can't be started: No such file or directory"])


unittest.main()
