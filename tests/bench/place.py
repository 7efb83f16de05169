# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the benchmark works: a mount namespace of its own, so that nothing of the machine changes.

    /lib/modules, /boot     show a private copy of the kernel, so that every tool finds the same one
    ROOT/usr/bin/systemctl  is a private copy, so that one program can change
    WORK/xfs                a file system that shares blocks, in a file

All of it is gone when the last process of the namespace ends.
"""

import os
import shutil
import subprocess
import sys

PROGRAM = "usr/bin/systemctl"
MARK = "INITRDD_BENCH_NAMESPACE"


def enter():
    """Starts the script again in a mount namespace. Returns there."""
    if os.environ.get(MARK):
        return
    if os.geteuid() != 0:
        sys.exit("bench: not root; a mount namespace of its own is needed")
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation=private", sys.executable] + sys.argv)


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def bind(source, target):
    os.makedirs(target, exist_ok=True)
    run("mount", "--bind", source, target)


def file_system(path):
    done = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", path], check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.split()[0]


class Kernels:
    """Copies of one kernel's tree, under other names, below DIRECTORY/lib/modules."""

    def __init__(self, directory, source, version):
        self.directory, self.version = directory, version
        self.modules = os.path.join(directory, "lib/modules")
        self.boot = os.path.join(directory, "boot")
        os.makedirs(self.modules)
        os.makedirs(self.boot)
        shutil.copytree(os.path.join(source, "lib/modules", version),
                        os.path.join(self.modules, version), symlinks=True)
        for name in ("config", "vmlinuz", "System.map"):
            path = os.path.join(source, "boot", "%s-%s" % (name, version))
            if os.path.exists(path):
                shutil.copy2(path, self.boot)

    def multiply(self, count):
        """More of them, with the same files, by hard links. All the names."""
        names = []
        for i in range(count):
            name = "%s.%02d" % (self.version, i + 1)
            names.append(name)
            if os.path.exists(os.path.join(self.modules, name)):
                continue
            run("cp", "-al", os.path.join(self.modules, self.version),
                os.path.join(self.modules, name))
            for path in os.listdir(self.boot):
                if path.endswith("-" + self.version):
                    other = path[:-len(self.version)] + name
                    os.link(os.path.join(self.boot, path), os.path.join(self.boot, other))
        return names

    def show(self):
        """As the running system's own."""
        bind(self.modules, "/lib/modules")
        bind(self.boot, "/boot")


class Program:
    """One program of the root that becomes another one, of the same size, again and again."""

    def __init__(self, root, work):
        self.path = os.path.join(root, PROGRAM)
        self.copy = os.path.join(work, "program")
        shutil.copy2(self.path, self.copy)
        with open(self.copy, "ab") as stream:
            stream.write(bytes(16))
        run("mount", "--bind", self.copy, self.path)

    def change(self):
        """Other bytes behind the last section: still a good program, and not the same one."""
        with open(self.copy, "r+b") as stream:
            stream.seek(-16, os.SEEK_END)
            stream.write(os.urandom(16))


def make_xfs(work, size):
    """A mounted xfs, or None where it can't be made."""
    path, target = os.path.join(work, "xfs.disk"), os.path.join(work, "xfs")
    os.makedirs(target)
    with open(path, "wb") as stream:
        stream.truncate(size)
    try:
        run("mkfs.xfs", "-q", "-m", "reflink=1", path)
        run("mount", "-o", "loop", path, target)
    except (OSError, subprocess.CalledProcessError):
        return None
    return target


def leave(work):
    """Unmounts what lies in the work directory, so that it can be removed."""
    target = os.path.join(work, "xfs")
    if os.path.ismount(target):
        subprocess.run(["umount", target], check=False)
