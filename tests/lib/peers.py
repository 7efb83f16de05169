# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of other tools, made when a test asks for them, and their own word on what is in them."""

import hashlib
import os
import shutil
import stat
import subprocess

import report
import smallroot

DRACUT = ("none", "gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd")
# As its own options have it, but quick.
OPTIONS = {"none": ["--no-compress"], "lzma": ["--compress", "lzma -0"], "lzo": ["--lzo"],
           "xz": ["--compress", "xz --check=crc32 -0"], "bzip2": ["--compress", "bzip2 -1"],
           "gzip": ["--compress", "gzip -n -1"], "zstd": ["--compress", "zstd -q -3"],
           "lz4": ["--compress", "lz4 -l -1"]}


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            report.skip("%s is not installed" % program)


def dracut(path, root, compressor="zstd", modules="base", *more):
    """Of dracut, with the drivers of a small root."""
    need("dracut")
    version = smallroot.VERSION
    subprocess.run(["dracut", "--force", "--quiet", "--no-hostonly", "--no-early-microcode",
                    *OPTIONS[compressor], "--modules", modules, *more,
                    "--kver", version, "--kmoddir", os.path.join(root, "lib/modules", version),
                    path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def mkinitramfs(path, root, compressor="zstd", work=None):
    """Of initramfs-tools, in a mount namespace where the small root's drivers are the system's."""
    need("mkinitramfs", "unshare")
    if os.geteuid() != 0:
        report.skip("not root: a mount namespace is needed")
    script = ('mkdir -p /lib/modules && mount --bind "$1" /lib/modules && '
              'mount -t tmpfs none /boot && cp "$3" "/boot/config-$4" && '
              'exec mkinitramfs -c "$5" -o "$2" "$4"')
    config = os.path.join(work or os.path.dirname(path), "kernel-config")
    with open(config, "w", encoding="ascii") as stream:
        stream.write("".join("CONFIG_RD_%s=y\n" % name.upper() for name in DRACUT))
    done = subprocess.run(["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh",
                           os.path.join(root, "lib/modules"), path, config, smallroot.VERSION,
                           compressor], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        report.skip("mkinitramfs failed: " + done.stderr.decode(errors="replace").strip()[-200:])
    return path


def mkinitcpio(compressor="zstd"):
    """Its layout, by script: an early archive, and behind it one with busybox and hooks."""
    import archive
    early = (archive.directory("kernel") + archive.directory("kernel/x86") +
             archive.directory("kernel/x86/microcode") +
             archive.file("kernel/x86/microcode/AuthenticAMD.bin", b"\0" * 960) +
             archive.trailer())
    early += b"\0" * (-len(early) % 512)
    main = (archive.file("VERSION", b"35\n") + archive.file("config", b"EARLYHOOKS='udev'\n") +
            archive.symlink("bin", "usr/bin") + archive.directory("hooks") +
            archive.file("hooks/udev", b"#!/usr/bin/ash\n", 0o755) +
            archive.file("init", b"#!/usr/bin/ash\n. /init_functions\n", 0o755) +
            archive.file("init_functions", b"msg () { echo; }\n") +
            archive.directory("usr") + archive.directory("usr/bin") +
            archive.file("usr/bin/busybox", b"\x7fELF" + b"b" * 5000, 0o755, ino=77, nlink=2) +
            archive.file("usr/bin/ash", b"", 0o755, ino=77, nlink=2) + archive.trailer())
    return early + archive.pack(main + b"\0" * (-len(main) % 512), compressor)


def booster():
    """Its layout, by script: one program, a configuration, drivers as they are compressed."""
    import archive
    main = (archive.directory("etc") + archive.file("etc/booster.init.yaml", b"kernel: 6\n") +
            archive.directory("usr") + archive.directory("usr/lib") +
            archive.directory("usr/lib/modules") +
            archive.file("usr/lib/modules/booster.alias", b"") +
            archive.file("usr/lib/modules/ext4.ko.zst", archive.pack(b"ko" * 900, "zstd")) +
            archive.directory("dev") +
            archive.entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)) +
            archive.file("init", b"\x7fELF" + b"i" * 90000, 0o755) + archive.trailer())
    return archive.pack(main, "zstd")


def unpack_with_cpio(path, directory):
    """As cpio does it, segment after segment; that of each is found by the test's own reader."""
    import client
    os.makedirs(directory)
    for data in client.segments(path):
        subprocess.run(["cpio", "-idm", "--quiet", "--no-absolute-filenames"], input=data,
                       cwd=directory, check=True, stderr=subprocess.DEVNULL)
    return directory


def listing(directory, owner=True, times=True):
    """{path: what it is}, content and all."""
    found, links = {}, {}
    for top, directories, files in os.walk(directory):
        for name in directories + files:
            path = os.path.join(top, name)
            st = os.lstat(path)
            row = [stat.filemode(st.st_mode)]
            if owner:
                row += [st.st_uid, st.st_gid]
            if times:
                row.append(int(st.st_mtime))
            if stat.S_ISLNK(st.st_mode):
                row.append(os.readlink(path))
            elif stat.S_ISREG(st.st_mode):
                with open(path, "rb") as stream:
                    row += [st.st_size, hashlib.sha256(stream.read()).hexdigest()]
                if st.st_nlink > 1:
                    links.setdefault(st.st_ino, []).append(os.path.relpath(path, directory))
            elif not stat.S_ISDIR(st.st_mode):
                row.append((os.major(st.st_rdev), os.minor(st.st_rdev)))
            found[os.path.relpath(path, directory)] = row
    for names in links.values():
        for name in names:
            found[name].append(sorted(names))
    return found


def differences(one, two):
    """A line for each path that isn't the same in both."""
    return ["%s: %s, and %s" % (path, one.get(path), two.get(path))
            for path in sorted(set(one) | set(two)) if one.get(path) != two.get(path)]
