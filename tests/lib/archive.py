# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives, segments and images as a test makes them, byte by byte."""

import stat
import struct
import subprocess

# How each program writes what the kernel reads.
COMPRESSORS = {
    "none": None,
    "gzip": ["gzip", "-n"],
    "bzip2": ["bzip2"],
    "lzma": ["xz", "--format=lzma"],
    "xz": ["xz", "--check=crc32"],
    "lzo": ["lzop"],
    "lz4": ["lz4", "-l", "-q"],
    "zstd": ["zstd", "-q"],
}


def header(name, mode, size, ino=1, nlink=1, uid=0, gid=0, mtime=0, device=(0, 0),
           magic=b"070701", check=0):
    name = name if isinstance(name, bytes) else name.encode()
    name += b"\0"
    fields = (ino, mode, uid, gid, nlink, mtime, size, 0, 0, device[0], device[1], len(name), check)
    data = magic + b"".join(b"%08X" % field for field in fields) + name
    return data + b"\0" * (-len(data) % 4)


def entry(name, mode, content=b"", **more):
    return header(name, mode, len(content), **more) + content + b"\0" * (-len(content) % 4)


def trailer():
    return header("TRAILER!!!", 0, 0, 0)


def file(name, content=b"", mode=0o644, **more):
    return entry(name, stat.S_IFREG | mode, content, **more)


def directory(name, mode=0o755, **more):
    return entry(name, stat.S_IFDIR | mode, **more)


def symlink(name, target, **more):
    return entry(name, stat.S_IFLNK | 0o777, target.encode(), **more)


def pack(data, compressor):
    command = COMPRESSORS[compressor]
    if command is None:
        return data
    return subprocess.run(command + ["-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def uki(sections):
    """A program for UEFI, in as far as its sections go: {name: bytes}."""
    at = 0x40 + 24 + 40 * len(sections)
    data = bytearray(b"MZ".ljust(0x3c, b"\0") + struct.pack("<I", 0x40) + b"PE\0\0" +
                     struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 0, 0))
    behind = b""
    at = -(-at // 512) * 512
    for name, content in sections.items():
        padded = content + b"\0" * (-len(content) % 512)
        data += name.encode().ljust(8, b"\0") + struct.pack(
            "<IIII", len(content), 0, len(padded), at + len(behind)) + b"\0" * 16
        behind += padded
    return bytes(data.ljust(at, b"\0")) + behind
