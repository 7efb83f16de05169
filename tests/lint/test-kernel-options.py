#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds what the image reads of the kernel command line against initrdd-cmdline(7).

Every option that a program below runtime/ looks for is in a table there, and says who does it; every one that
is said to be ours is looked for, and every one that is not supported is none of these but a line in the
log at most. What users of dracut and of initramfs-tools type is there, one way or the other.
"""

import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PAGE = SOURCE / "man/initrdd-cmdline.7"
# What a program looks for: by these calls, or in a table of names.
CALLS = re.compile(r'\b(?:option_\w+|find_value|find_names|read_path|read_find)'
                   r'\([^"();]*"([\w.\-/]+)"')
TABLES = re.compile(r'"(rd\.[\w.\-]+[\w.]|iscsi_[a-z_]+)=?"')
REFUSED = re.compile(r'^        \{ "([\w.]+)", ', re.MULTILINE)
WHO = re.compile(r"^(Ours|Not supported|Not needed|Means nothing|systemd|kmod|plymouth|multipath|"
                 r"The u(?:nit|dev))", re.MULTILINE)
# dracut.cmdline(7), initramfs-tools(7), and what cryptsetup-initramfs, nbd-client and open-iscsi add to the
# latter.
TYPED = """
root= rootfstype= rootflags= ro rw rootfallback= init= rd.auto rd.hostonly rd.cmdline rd.fstab rd.skipfsck
rd.shell rd.emergency rd.break rd.debug rd.info rd.memdebug rd.udev.log_level rd.retry rd.timeout
rd.driver.pre rd.driver.post rd.driver.blacklist rd.driver.export rd.modules-load
rd.luks rd.luks.uuid rd.luks.name rd.luks.key rd.luks.options rd.luks.data rd.luks.crypttab
rd.luks.allow-discards rd.luks.timeout rd.luks.partuuid rd.luks.serial rd.luks.key.tout
rd.lvm rd.lvm.vg rd.lvm.lv rd.lvm.conf rd.md rd.md.uuid rd.md.imsm rd.md.ddf rd.md.conf rd.md.waitclean
nodmraid noiswmd rd.dm rd.dm.uuid rd.multipath nompath multipath
ip nameserver ifname vlan bond bridge team bootdev BOOTIF rd.route rd.peerdns rd.neednet rd.bootif
rd.net.timeout.dhcp rd.net.timeout.iflink rd.net.timeout.ifup rd.net.timeout.route rd.net.timeout.ipv6dad
rd.net.timeout.ipv6auto rd.net.timeout.carrier rd.net.dhcp.retry netroot rd.nfs.domain
rd.iscsi.initiator rd.iscsi.target.name rd.iscsi.target.ip rd.iscsi.target.port rd.iscsi.target.group
rd.iscsi.username rd.iscsi.password rd.iscsi.in.username rd.iscsi.in.password rd.iscsi.param rd.iscsi.firmware
rd.iscsi.ibft rd.iscsi.mp rd.iscsi.waitnet rd.iscsi.testroute rd.iscsi.transport rd.iscsi.login_retry_max
rd.nonvmf rd.nvmf.discover rd.nvmf.hostnqn rd.nvmf.hostid rd.nvmf.nonbft rd.nvmf.nostatic rd.fcoe fcoe
rd.live.image rd.live.dir rd.live.squashimg rd.live.ram rd.live.check rd.live.debug rd.live.overlay
rd.live.overlay.size rd.live.overlay.thin rd.live.overlay.cowfs rd.live.overlay.nouserconfirmprompt
rd.live.overlay.readonly rd.live.overlay.reset rd.live.overlay.overlayfs live.updates
rd.overlay rd.overlay.readonly rd.overlay.reset rd.overlay.crypt rd.writable.fsimg rd.minmem iso-scan/filename
resume resume_offset resumeflags noresume rd.vconsole.keymap rd.vconsole.font vconsole.keymap
rd.plymouth plymouth.enable splash mount.usr mount.usrfstype mount.usrflags systemd.volatile roothash usrhash
systemd.verity_root_data systemd.mount-extra systemd.swap-extra rd.fips rd.fips.skipkernel
rd.shutdown.timeout.umount rd.noverifyssl rd.znet rd.zfcp rd.dasd
rd.systemd.unit rd.systemd.mask rd.systemd.wants rd.systemd.debug_shell rd.systemd.gpt_auto rd.systemd.verity
rootdelay boot nfsroot break debug panic blacklist netconsole initramfs.runsize fastboot fsck.mode cryptopts
iscsi_auto iscsi_initiator iscsi_target_name iscsi_target_ip iscsi_target_port iscsi_target_group
iscsi_username iscsi_password iscsi_in_username iscsi_in_password nbdroot nbddev
""".replace("=", "").split()
# Of files that are read the same way, and names of other things.
INNER = {"DNS", "DOMAINS", "ISCSI_AUTO", "InitiatorName", "iscsi_connection", "iscsi_session", "iscsi_ibft",
         "iscsi_tcp", "rd.luks."}


def items():
    """{option: [texts]}, of the items' heads and of what goes with these; "x.*" where the page has all that
    begin so."""
    heads, beside, names, more, text = {}, {}, [], [], []
    for line in PAGE.read_text(encoding="utf-8").splitlines() + [".It "]:
        if line.startswith((".It ", ".El", ".Ss", ".Sh")):
            if text:
                for name in names:
                    heads.setdefault(name, []).append("\n".join(text))
                for name in more:
                    beside.setdefault(name, []).append("\n".join(text))
                names, more, text = [], [], []
            if line.startswith(".It "):
                names += options_of(line[4:])
        elif names:
            text.append(line)
            more += re.findall(r"^\.Cm ([\w.\-/]+)=?(?= |$)", line)
    return heads, beside


def options_of(tag):
    """The options that a line of a list is about; ".b" behind "x.a" is "x.b"."""
    last, command = None, False
    tag = re.sub(r"\bNs\b|\bO[co]\b|\\&", " ", re.sub(r" Ns (Ar|Op|Oo|Cm \\&:).*?(?= , Cm | ,  ?\.|$)", " ", tag))
    for word in tag.replace('"', "").split():
        if word in ("Cm", "Ar"):
            command = word == "Cm"
        elif word == "|":
            return
        elif word in (",", "Op", "=") or not command:
            continue
        else:
            name = word.split("=")[0].rstrip(":")
            if name.startswith(".") and last:
                name = last.rsplit(".", 1)[0] + name
            last = name
            if re.fullmatch(r"[\w.\-/*]+", name):
                yield name


def looked_for():
    found = {}
    for path in sorted((SOURCE / "runtime").rglob("*.c")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for pattern in (CALLS, TABLES):
            for name in pattern.findall(text):
                found.setdefault(name, set()).add(path.name)
    return found


def main():
    page, beside = items()
    code, wrong = looked_for(), []

    def entries(name):
        return [text for key, texts in page.items() for text in texts
                if key == name or (key.endswith("*") and name.startswith(key[:-1]))] or beside.get(name, [])

    if len(page) < 150 or len(code) < 100:
        wrong.append("only %d options of the page and %d of the code are understood" % (len(page), len(code)))
    for name, places in sorted(code.items()):
        if name in INNER or entries(name) or entries(name + "x") or entries("rd." + name):
            continue
        wrong.append("%s is looked for in %s, and is not in the page" % (name, ", ".join(sorted(places))))
    for name in TYPED:
        if not entries(name):
            wrong.append("%s is what users type, and is not in the page" % name)
    for name, texts in sorted(page.items()):
        for text in texts:
            if not WHO.search(text):
                wrong.append("%s: nobody is said to do it" % name)
        if all(text.startswith("Ours") for text in texts) and name not in code:
            wrong.append("%s is said to be ours, and nothing looks for it" % name)
    refused = REFUSED.findall((SOURCE / "runtime/generator/unsupported.c").read_text(encoding="utf-8"))
    if len(refused) < 10:
        wrong.append("what is refused is not understood")
    for name in refused:
        if not all("Not supported" in text for text in entries(name) or entries(name + "x")):
            wrong.append("%s is refused, and the page says that it is supported" % name)
    print("\n".join(wrong) or "%d options" % len(page))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
