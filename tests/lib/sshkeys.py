# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of an SSH server and of who may log in there, made once.

The server is dropbear, whose file of a key is what RFC 8709 calls it on the wire: the type, then the
private and the public half, as strings with a length of four bytes before them. OpenSSH's file (its
PROTOCOL.key) has the same 64 bytes, last but for a comment and padding. tinysshd has them, and their
public half, in files of nothing else.
"""

import base64
import os
import struct

import cache
from cache import run

# What logs in and types something.
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ssh-answer")
_TYPE = b"ssh-ed25519"


def _string(data):
    return struct.pack(">I", len(data)) + data


def _both_halves(path):
    with open(path, encoding="ascii") as stream:
        lines = stream.read().split("\n")
    data = base64.b64decode("".join(line for line in lines if not line.startswith("-----")))
    # The private part is the last place that says the type; behind it is the public half, then both.
    at = data.rindex(_string(_TYPE)) + len(_string(_TYPE))
    at += 4 + 32
    assert data[at:at + 4] == struct.pack(">I", 64)
    return data[at + 4:at + 4 + 64]


def _make(directory):
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f",
            os.path.join(directory, name))
    both = _both_halves(os.path.join(directory, "host"))
    for name, content in (("dropbear", _string(_TYPE) + _string(both)), ("tinyssh.sk", both),
                          ("tinyssh.pk", both[32:])):
        with open(os.path.join(directory, name), "wb") as stream:
            stream.write(content)


def path(name):
    """Of "user", "user.pub", "host.pub", or of what the host has: "dropbear", "tinyssh.sk" and
    "tinyssh.pk"."""
    return os.path.join(cache.get("ssh-keys", cache.key("@" + os.path.abspath(__file__)), _make),
                        name)


def read(name):
    with open(path(name), "rb") as stream:
        return stream.read()
