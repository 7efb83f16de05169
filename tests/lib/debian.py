# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian systems and kernels as fixtures.

Everything comes from the mirror that this machine's own apt is configured with: its indexes are
asked for site, suite and components, and another suite is the same entry with the
codename replaced. Nothing is installed on the machine: kernels are downloaded with an apt that has
its own lists and unpacked, systems are made with debootstrap in a directory.
"""

import glob
import lzma
import os
import re
import shutil
import subprocess

import cache
from cache import run

# What a system has beside debootstrap's minimal base: what an initramfs is made of.
PACKAGES = ("systemd", "systemd-sysv", "udev", "kmod", "dbus", "e2fsprogs", "xfsprogs",
            "btrfs-progs", "f2fs-tools", "dosfstools", "console-setup", "kbd", "lvm2",
            "thin-provisioning-tools", "mdadm", "cryptsetup-bin", "nfs-common", "open-iscsi",
            "nbd-client")
# What a release has packages of its own for.
MORE_PACKAGES = {"debian12": (), "debian13": ("systemd-cryptsetup",)}
# Grows with each change of how a system or a kernel is made.
TREE_RECIPE = 1
KERNEL_RECIPE = 1

SUITES = {"debian12": "bookworm", "debian13": "trixie"}
# The kernels that a system has installed.
FLAVOURS = {"debian12": ("amd64", "cloud-amd64"), "debian13": ("amd64",)}


def _os_codename():
    with open("/etc/os-release", encoding="utf-8") as stream:
        found = re.search(r"^VERSION_CODENAME=(\S+)", stream.read(), re.MULTILINE)
    return found.group(1).strip('"') if found else "bookworm"


def sources(suite):
    """(uri, suite, components) of this machine's archive, turned to another suite."""
    own = _os_codename()
    rows = {}
    text = run("apt-get", "indextargets", "--format",
               "$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages")
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != 3 or not re.fullmatch(own + "(-updates|-security)?", fields[1]):
            continue
        uri, release, component = fields
        rows.setdefault((uri, release.replace(own, suite)), set()).add(component)
    if not any(release == suite for _, release in rows):
        raise RuntimeError("apt on this machine has no source for its own release %s" % own)
    return [(uri, release, sorted(components))
            for (uri, release), components in sorted(rows.items())]


def _environment():
    """debootstrap asks the environment for a proxy, apt its configuration: make them agree."""
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
    if not environment.get("http_proxy"):
        done = subprocess.run(["apt-config", "dump", "--format", "%v%n", "Acquire::http::Proxy"],
                              stdout=subprocess.PIPE, text=True, check=False)
        proxy = done.stdout.strip()
        if proxy:
            environment["http_proxy"] = proxy
    return environment


class Apt:
    """An apt with lists and a cache of its own below `directory`, for one suite."""

    def __init__(self, suite, directory):
        self.directory = directory
        for name in ("lists/partial", "archives/partial", "empty"):
            os.makedirs(os.path.join(directory, name))
        path = os.path.join(directory, "sources.list")
        with open(path, "w", encoding="utf-8") as stream:
            for uri, release, components in sources(suite):
                stream.write("deb %s %s %s\n" % (uri, release, " ".join(components)))
        self.options = ["-o", "Dir::Etc::sourcelist=" + path,
                        "-o", "Dir::Etc::sourceparts=" + os.path.join(directory, "empty"),
                        "-o", "Dir::State::Lists=" + os.path.join(directory, "lists"),
                        "-o", "Dir::Cache=" + directory,
                        "-o", "APT::Sandbox::User=root",
                        "-o", "APT::Update::Post-Invoke-Success::=",
                        "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"]
        self.command("apt-get", "update")

    def command(self, program, *arguments):
        return run(program, *self.options, *arguments, cwd=self.directory, env=_environment())

    def kernel_package(self, meta):
        """linux-image-amd64 → linux-image-6.1.0-56-amd64"""
        for line in self.command("apt-cache", "depends", "--important", meta).splitlines():
            found = re.match(r"\s*\|?Depends: (linux-image-\S+)", line)
            if found:
                return found.group(1)
        raise RuntimeError("%s depends on no kernel package" % meta)

    def download(self, package):
        self.command("apt-get", "download", package)
        return glob.glob(os.path.join(self.directory, package + "_*.deb"))[0]


def extract_vmlinux(image, output):
    """The ELF kernel inside a bzImage: QEMU starts it at once, where emulating the decompressor
    takes longer than all the rest of the kernel's start."""
    with open(image, "rb") as stream:
        data = stream.read()
    at = data.find(b"\xfd7zXZ\x00")
    if at >= 0:
        elf = lzma.LZMADecompressor().decompress(data[at:])
        if elf.startswith(b"\x7fELF"):
            with open(output, "wb") as stream:
                stream.write(elf)
            return
    for magic, program in ((b"\x02!L\x18", "lz4"), (b"(\xb5/\xfd", "zstd"), (b"\x1f\x8b\x08", "gzip")):
        at = data.find(magic)
        while at >= 0:
            # What follows the stream makes the program complain; what matters is what it wrote.
            done = subprocess.run([program, "-dc"], input=data[at:], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, check=False)
            if done.stdout.startswith(b"\x7fELF"):
                with open(output, "wb") as stream:
                    stream.write(done.stdout)
                return
            at = data.find(magic, at + 1)
    raise RuntimeError("%s: no compressed ELF kernel found" % image)


class Kernel:
    """A kernel fixture: `version`, `vmlinux` (ELF), `vmlinuz`, and `tree`, an INSTALL_MOD_PATH
    with lib/modules/VERSION, indexed, and boot/."""

    def __init__(self, directory):
        self.tree = os.path.join(directory, "tree")
        self.version = os.listdir(os.path.join(self.tree, "lib/modules"))[0]
        self.vmlinux = os.path.join(directory, "vmlinux")
        self.vmlinuz = os.path.join(self.tree, "boot/vmlinuz-" + self.version)


def kernel(system, flavour="amd64"):
    """The kernel that a system's meta package linux-image-FLAVOUR names."""

    def make(directory):
        work = os.path.join(directory, "apt")
        apt = Apt(SUITES[system], work)
        package = apt.download(apt.kernel_package("linux-image-" + flavour))
        tree = os.path.join(directory, "tree")
        run("dpkg", "-x", package, tree)
        shutil.rmtree(work)
        # Debian 13 has a merged /usr in its packages: one place for both.
        modules = os.path.join(tree, "lib/modules")
        if not os.path.isdir(modules):
            os.makedirs(os.path.join(tree, "lib"), exist_ok=True)
            os.rename(os.path.join(tree, "usr/lib/modules"), modules)
        version = os.listdir(modules)[0]
        run("/sbin/depmod", "-b", tree, version)
        extract_vmlinux(os.path.join(tree, "boot/vmlinuz-" + version),
                        os.path.join(directory, "vmlinux"))

    return Kernel(cache.get("kernel-%s-%s" % (system, flavour), cache.key(KERNEL_RECIPE), make))


def package(system, name):
    """The file of a package; of the kernel that a meta package linux-image-FLAVOUR names, where it is
    such a one."""

    def make(directory):
        work = os.path.join(directory, "apt")
        apt = Apt(SUITES[system], work)
        wanted = name
        if re.fullmatch(r"linux-image-(cloud-)?amd64", name):
            wanted = apt.kernel_package(name)
        os.rename(apt.download(wanted), os.path.join(directory, wanted + ".deb"))
        shutil.rmtree(work)

    directory = cache.get("package-%s-%s" % (system, name), cache.key(KERNEL_RECIPE), make)
    return glob.glob(os.path.join(directory, "*.deb"))[0]


def base(system):
    """debootstrap's tree, without any kernel."""
    suite = SUITES[system]
    packages = PACKAGES + MORE_PACKAGES[system]

    def make(directory):
        uri, _, components = next(row for row in sources(suite) if row[1] == suite)
        options = ["--variant=minbase", "--include=" + ",".join(packages),
                   "--components=" + ",".join(components)]
        tree = os.path.join(directory, "tree")
        run("debootstrap", *options, suite, tree, uri, env=_environment())
        # The packages themselves are half of the tree.
        for path in glob.glob(os.path.join(tree, "var/cache/apt/archives/*.deb")):
            os.unlink(path)

    return os.path.join(cache.get("base-" + system, cache.key(TREE_RECIPE, *packages), make), "tree")


def with_packages(system, packages):
    """The base with more packages, installed by its own apt."""
    tree_base = base(system)

    def make(directory):
        target = os.path.join(directory, "tree")
        run("cp", "-a", "--", tree_base, target)
        run("unshare", "-m", "sh", "-ec", """
            mount -t proc proc "$1/proc"
            chroot "$1" apt-get -q update
            shift
            exec chroot "$0" apt-get -q -y --no-install-recommends -o Acquire::Retries=3 install "$@"
            """, target, target, *packages, env=_environment())
        for path in glob.glob(os.path.join(target, "var/cache/apt/archives/*.deb")):
            os.unlink(path)

    made_from = cache.key(TREE_RECIPE, os.path.dirname(tree_base), *packages)
    return os.path.join(cache.get("packages-" + system, made_from, make), "tree")


def copy_linked(source, target):
    """Copies a tree with hard links: no time and no space. Files of the copy are never written
    to, only added or replaced."""
    run("cp", "-al", "--", source, target)


def _add_kernel(tree, which):
    """Puts a kernel fixture where its package would."""
    modules = os.path.join(tree, "usr/lib/modules")
    os.makedirs(modules, exist_ok=True)
    copy_linked(os.path.join(which.tree, "lib/modules", which.version),
                os.path.join(modules, which.version))
    for path in glob.glob(os.path.join(which.tree, "boot", "*-" + which.version)):
        os.link(path, os.path.join(tree, "boot", os.path.basename(path)))


def tree(system, flavours=None, packages=()):
    """A whole system in a directory: the base, with more packages, and its kernels, or those of the
    named flavours, in /lib/modules. Read-only: who needs something else takes copy_linked()."""
    if flavours is None:
        flavours = FLAVOURS[system]
    tree_base = with_packages(system, packages) if packages else base(system)
    kernels = [kernel(system, flavour) for flavour in flavours]

    def make(directory):
        target = os.path.join(directory, "tree")
        copy_linked(tree_base, target)
        for which in kernels:
            _add_kernel(target, which)

    name = "tree-%s-%s" % (system, "-".join(flavours)) if flavours else "tree-%s" % system
    made_from = [os.path.dirname(tree_base)] + [which.tree for which in kernels]
    return os.path.join(cache.get(name, cache.key(TREE_RECIPE, *made_from), make), "tree")
