# SPDX-License-Identifier: GPL-2.0-or-later
"""A PKCS#11 token that is files: SoftHSM, in a directory that is /etc/softhsm wherever it is used."""

import os

import debian
from cache import run

PIN = "4711"
# What an image has of it beside the files, and what makes a token.
PACKAGES = ("softhsm2", "libp11-kit0")
_TOOLS = PACKAGES + ("gnutls-bin",)
_CONF = "directories.tokendir = /etc/softhsm/tokens\nobjectstore.backend = file\nslots.removable = true\n"
# How an admin would add the driver of a token that no module has.
MODULE = """[Module]
Description=Tokens that are files (SoftHSM)
Requires=pkcs11
Needed=pkcs11

[Content]
Library=/usr/lib/softhsm/libsofthsm2.so
File=/usr/share/p11-kit/modules/softhsm2.module
Tree=/etc/softhsm
"""
_SCRIPT = """
        tree=$1 token=$2 disk=$3
        for name in proc sys dev; do mount --rbind /$name "$tree/$name"; done
        mount --bind "$token" "$tree/etc/softhsm"
        mount --bind "$disk" "$tree/mnt"
        exec chroot "$tree" sh -euxc "$4"
"""
_ENROLL = """
        softhsm2-util --init-token --free --label boot --pin %(pin)s --so-pin %(pin)s
        softhsm2-util --import /etc/softhsm/key --token boot --label key --id 01 --pin %(pin)s
        p11tool --batch --login --set-pin=%(pin)s --write --load-certificate=/etc/softhsm/certificate \\
                --label=key --id=01 pkcs11:token=boot
        PIN=%(pin)s PASSWORD='%(passphrase)s' systemd-cryptenroll --pkcs11-token-uri=pkcs11:token=boot \\
                /mnt/0.img
        rm /etc/softhsm/key /etc/softhsm/certificate
"""


def enroll(directory, token, passphrase):
    """Makes a token, and has it open the LUKS2 volume that is DIRECTORY/0.img."""
    os.makedirs(os.path.join(token, "tokens"))
    with open(os.path.join(token, "softhsm2.conf"), "w", encoding="ascii") as stream:
        stream.write(_CONF)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=boot", "-days", "3650",
        "-keyout", os.path.join(token, "key"), "-out", os.path.join(token, "certificate"))
    run("unshare", "-m", "sh", "-euc", _SCRIPT, "sh", debian.with_packages("debian12", _TOOLS), token,
        directory, _ENROLL % {"pin": PIN, "passphrase": passphrase})


def files(token):
    """What a system has of it, as Image takes it."""
    found = {"etc/initrdd/modules.d/softhsm.module": MODULE.encode()}
    for top, _, names in os.walk(token):
        for name in names:
            path = os.path.join(top, name)
            with open(path, "rb") as stream:
                found["etc/softhsm/" + os.path.relpath(path, token)] = stream.read()
    return found
