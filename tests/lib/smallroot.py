# SPDX-License-Identifier: GPL-2.0-or-later
"""A small system to build images of, so that a build takes milliseconds.

It has a merged /usr, programs and libraries of this machine, one program and one library of its
own, a handful of real drivers with the indexes that depmod makes of them, and module files: base,
alpha, beta, gamma and linked (one program each), ext4 and virtio (drivers). Everything that a
generic image of it holds is known, so a test can say exactly what must be packed again.
"""

import glob
import os
import re
import shutil
import subprocess

import cache
import debian
from cache import run

RECIPE = 1
VERSION = "6.1.0-small"
DRIVERS = ("ext4", "virtio_blk", "virtio_net", "squashfs", "loop")
PROGRAMS = {"init": "true", "alpha": "cat", "beta": "head", "gamma": "sleep"}
LIBRARIES = "usr/lib/x86_64-linux-gnu"
MODULES = "usr/lib/initrdd/modules.d"

MODULE_FILES = {
    "base": """[Module]
Description=What everything stands on
Always=yes

[Content]
Directory=/dev /proc /sys /run /sysroot /tmp:1777 /etc /usr /usr/bin
File=/bin /sbin /lib /lib64
File=/etc/os-release:/etc/initrd-release
Text=/etc/machine-id:0444
Binary=/usr/bin/init
Symlink=/init:usr/bin/init
User=root
Group=root
""",
    "alpha": "[Module]\nRequires=base\nNeeded=*\n\n[Content]\nBinary=/usr/bin/alpha\n",
    "beta": "[Module]\nRequires=base\nNeeded=*\n\n[Content]\nBinary=/usr/bin/beta\n",
    "gamma": "[Module]\nRequires=base\nNeeded=*\n\n[Content]\nBinary=/usr/bin/gamma\n"
             "Tree=/etc/gamma.d\nFile=-/etc/gamma.conf\n",
    "linked": "[Module]\nRequires=base\nNeeded=*\n\n[Content]\nBinary=/usr/bin/linked\n",
    "ext4": "[Module]\nRequires=base\nNeeded=fs:ext4\n\n[Drivers]\nName=ext4\n",
    "virtio": "[Module]\nRequires=base\nNeeded=*\n\n[Drivers]\nPath=kernel/drivers/**/virtio*.ko\n"
              "Name=-loop -squashfs\n",
}

CONFIG = """CONFIG_BLK_DEV_INITRD=y
CONFIG_RD_GZIP=y
CONFIG_RD_XZ=y
CONFIG_RD_LZ4=y
CONFIG_RD_ZSTD=y
"""


def write(root, path, content, mode=0o644):
    """A file of the tree; what was there is replaced, not written to."""
    path = os.path.join(root, path.lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    with open(path + ".writing", "wb") as stream:
        stream.write(content)
    os.chmod(path + ".writing", mode)
    os.rename(path + ".writing", path)


def read(root, path):
    with open(os.path.join(root, path.lstrip("/")), "rb") as stream:
        return stream.read()


def change_program(root, name, mark):
    """What a loader doesn't look at is appended: another content, the same needs. The same mark
    gives the same content again."""
    path = "usr/bin/" + name
    content = read(root, path).split(b"\nMARK ")[0]
    write(root, path, content + b"\nMARK " + str(mark).encode() * 64, 0o755)


def _host_libraries(program):
    return re.findall(r"(/\S+) \(0x", run("ldd", program))


def _own_program(root, work):
    """A program `linked` that needs liblinked.so.1, which says that it is the `first`."""
    library = "const char *linked(void) { return \"%s\"; }\n"
    for which in ("first", "second"):
        source = os.path.join(work, which + ".c")
        with open(source, "w", encoding="ascii") as stream:
            stream.write(library % which)
        run("gcc", "-shared", "-fPIC", "-Wl,-soname,liblinked.so.1", "-o",
            os.path.join(work, which + ".so"), source)
    source = os.path.join(work, "linked.c")
    with open(source, "w", encoding="ascii") as stream:
        stream.write("const char *linked(void);\nint puts(const char *);\n"
                     "int main(void) { return puts(linked()) < 0; }\n")
    run("gcc", "-o", os.path.join(root, "usr/bin/linked"), source, os.path.join(work, "first.so"))
    shutil.copy(os.path.join(work, "first.so"), os.path.join(root, LIBRARIES, "liblinked.so.1"))
    # Not where a loader looks: a test puts it there.
    write(root, "srv/second.so", read(work, "second.so"))


def add_kernel(root, version=VERSION, drivers=DRIVERS):
    """A kernel of the given drivers, with what they depend on."""
    tree = debian.kernel("debian12").tree
    source = glob.glob(os.path.join(tree, "lib/modules/*"))[0]
    needs = {}
    with open(os.path.join(source, "modules.dep"), encoding="ascii") as stream:
        for line in stream:
            path, _, rest = line.partition(":")
            needs[path] = rest.split()
    directory = os.path.join(root, "usr/lib/modules", version)
    for driver in drivers:
        path, = [path for path in needs
                 if os.path.basename(path).split(".")[0].replace("-", "_") == driver]
        for one in [path] + needs[path]:
            os.makedirs(os.path.join(directory, os.path.dirname(one)), exist_ok=True)
            shutil.copy(os.path.join(source, one), os.path.join(directory, one))
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(os.path.join(source, name), os.path.join(directory, name))
    write(root, os.path.join("usr/lib/modules", version, "config"), CONFIG)
    depmod(root, version)


def depmod(root, version=VERSION):
    run("depmod", "-b", root, version)


def _make(root):
    for name in ("usr/bin", "usr/sbin", LIBRARIES, "usr/lib64", "etc/gamma.d", "boot", "proc",
                 "sys", "dev", "var/tmp", "tmp"):
        os.makedirs(os.path.join(root, name))
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink("usr/" + name, os.path.join(root, name))
    libraries = set()
    for name, host in PROGRAMS.items():
        program = shutil.which(host)
        shutil.copy(program, os.path.join(root, "usr/bin", name))
        libraries.update(_host_libraries(program))
    for library in libraries:
        name = os.path.basename(library)
        shutil.copy(library, os.path.join(root, LIBRARIES, name))
        if name.startswith("ld-linux"):
            os.symlink(os.path.join("/", LIBRARIES, name), os.path.join(root, "usr/lib64", name))
    work = os.path.join(root, "var/tmp")
    _own_program(root, work)
    shutil.rmtree(work)
    write(root, "etc/os-release", "ID=small\nVERSION_ID=1\nPRETTY_NAME=\"A small system\"\n")
    write(root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    write(root, "etc/group", "root:x:0:\n")
    write(root, "etc/shadow", "root:*:19000:0:99999:7:::\n", 0o600)
    for i in range(3):
        write(root, "etc/gamma.d/%d.conf" % i, "value=%d\n" % i)
    for name, text in MODULE_FILES.items():
        write(root, "%s/%s.module" % (MODULES, name), text)
    add_kernel(root)


def fixture():
    """The tree itself, not to be written to."""
    return cache.get("small-root", cache.key(RECIPE, "@" + os.path.abspath(__file__),
                                             os.path.basename(debian.kernel("debian12").tree)),
                     _make)


def copy(path):
    """A tree of one's own at `path`."""
    subprocess.run(["cp", "-a", "--", fixture(), path], check=True)
    return path
