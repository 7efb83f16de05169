#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the corpus of fuzz-elf: make-elf-corpus.py DIRECTORY.

Small files that reach each branch of the parser, by layout and by what is wrong with them.
"""
import os
import struct
import sys

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
NEEDED, STRTAB, STRSZ, SONAME, RPATH, RUNPATH = 1, 5, 10, 14, 15, 29
BASE = 0x10000


def note(text, kind=0x407C0C0A, owner=b"FDO\0", align=4, order="<"):
    def fill(b):
        return b + b"\0" * (-len(b) % align)

    head = struct.pack(order + "III", len(owner), len(text), kind)
    return fill(head + owner) + fill(text)


def elf(bits=64, order="<", dynamic=(), interp=b"", notes=b"", align=4, sections=(), phnum=None,
        shnum=None, strtab=None):
    word = "Q" if bits == 64 else "I"
    ehsize, phsize, shsize = (64, 56, 64) if bits == 64 else (52, 32, 40)
    body = b""
    start = ehsize + 4 * phsize

    def add(b):
        nonlocal body
        body += b"\0" * (-(start + len(body)) % 8)
        at = start + len(body)
        body += b
        return at, len(b)

    strings, tags = b"\0", []
    for tag, text in dynamic:
        tags.append((tag, len(strings)))
        strings += text + b"\0"
    interp_at, notes_at, strings_at = add(interp), add(notes), add(strings)
    tags += [(STRTAB, BASE + strings_at[0] if strtab is None else strtab), (STRSZ, len(strings)),
             (0, 0)]
    dynamic_at = add(b"".join(struct.pack(order + word * 2, *t) for t in tags)
                     if dynamic else b"")
    names, headers = b"\0", [(0, 0, 0, 0)]
    for name, kind, content in sections:
        headers.append((len(names), kind, *add(content)))
        names += name + b"\0"
    headers.append((len(names), 3, *add(names + b".shstrtab\0")))
    table = b""
    for name, kind, at, size in headers:
        table += struct.pack(order + "II" + word * 4 + "II" + word * 2, name, kind, 0, 0, at, size,
                             0, 0, 0, 0)
    table_at = add(table)[0] if sections else 0

    def segment(kind, at, size, a):
        if size == 0:
            kind = 0
        if bits == 64:
            return struct.pack(order + "IIQQQQQQ", kind, 4, at, BASE + at, 0, size, size, a)
        return struct.pack(order + "IIIIIIII", kind, at, BASE + at, 0, size, size, 4, a)

    segments = (segment(PT_INTERP, *interp_at, 1) + segment(PT_LOAD, 0, start + len(body), 4096) +
                segment(PT_DYNAMIC, *dynamic_at, 8) + segment(PT_NOTE, *notes_at, align))
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + b"\0" * 9
    header = ident + struct.pack(order + "HHI" + word * 3 + "IHHHHHH", 3, 62, 1, 0, ehsize, table_at,
                                 0, ehsize, phsize, 4 if phnum is None else phnum, shsize,
                                 (len(headers) if sections else 0) if shnum is None else shnum,
                                 len(headers) - 1 if sections else 0)
    return header + segments + body


def corpus():
    some = ((NEEDED, b"libc.so.6"), (NEEDED, b"libfoo.so.1"), (SONAME, b"libme.so.1"))
    json = b'[{"soname":["a.so.2","a.so.1"],"feature":"a","priority":"suggested"}]\0'
    modinfo = (b".modinfo", 1, b"license=GPL\0depends=\0")
    for bits in 32, 64:
        for order, name in ("<", "le"), (">", "be"):
            yield f"full-{bits}-{name}", elf(
                bits, order, some + ((RUNPATH, b"$ORIGIN/../lib:/opt/lib"),), b"/lib/ld.so\0",
                note(json, order=order), sections=(modinfo,))
    yield "rpath", elf(dynamic=some + ((RPATH, b"/a::/b"),))
    yield "both-paths", elf(dynamic=((RPATH, b"/a"), (RUNPATH, b"")))
    yield "static", elf(interp=b"")
    yield "no-strings", elf(dynamic=some, strtab=0)
    yield "interpreter-open", elf(interp=b"/lib/ld.so")
    yield "notes-8", elf(align=8, notes=note(b"abc", 5, b"GNU\0", 8) + note(json, align=8))
    yield "notes-two", elf(notes=note(b"x" * 20, 3, b"GNU\0") + note(json) + note(json))
    yield "notes-owner", elf(notes=note(json, owner=b"XYZ\0") + note(json, owner=b"FDO"))
    yield "notes-short", elf(notes=note(json)[:40])
    yield "notes-section", elf(sections=((b".note.dlopen", 7, note(json)),))
    yield "notes-section-empty", elf(sections=((b".note.dlopen", 8, b""),))
    yield "json-object", elf(notes=note(b'{"soname":"a.so"}\0'))
    yield "json-many", elf(notes=note(
        b'[{"soname":["a"]},{"soname":["b"],"priority":"required"},{"soname":["c"],"x":[1,{}]}]\0'))
    yield "json-broken", elf(notes=note(b'[{"soname":["a"}]\0'))
    yield "json-types", elf(notes=note(b'[{"soname":[7],"feature":{},"priority":[]}]\0'))
    yield "json-deep", elf(notes=note(b"[" * 900))
    yield "phnum-huge", elf(phnum=0xFFFE)
    yield "phnum-extended", elf(phnum=0xFFFF, sections=(modinfo,))
    yield "shnum-extended", elf(shnum=0, sections=(modinfo,))
    yield "shnum-huge", elf(shnum=0xFF00, sections=(modinfo,))
    yield "driver", elf(phnum=0, sections=(modinfo,))
    yield "header-only", elf()[:64]
    yield "ident-only", elf()[:16]
    yield "script", b"#!/bin/sh\nexit 0\n"
    yield "empty", b""


for name, data in corpus():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)
