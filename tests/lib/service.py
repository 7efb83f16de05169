# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian system with initrdd installed, in a directory: for hooks in a chroot, for systemd in a
container, and for a disk to boot from."""

import atexit
import os
import subprocess

import cache
import debian
import report
from cache import run

# Beside what every system of the tests has: who answers for users, and what kernels' packages call.
PACKAGES = ("polkitd", "linux-base")
DIRECTORY = "usr/lib/initrdd"

_scratch = None


def scratch():
    """A directory of this run on the file system of the fixtures."""
    global _scratch
    if _scratch is None:
        path, fd = cache.scratch()
        _scratch = path

        def done():
            cache.remove(path)
            os.close(fd)

        atexit.register(done)
    return _scratch


def need_root():
    if os.geteuid() != 0:
        report.skip("only root can make a system in a directory")


def tree(name, system="debian12", build=None, packages=PACKAGES):
    """A new linked copy of a system without kernels, the build directory installed in it. Files of
    it are added or replaced, never written to."""
    path = os.path.join(scratch(), name)
    debian.copy_linked(debian.with_packages(system, packages) if packages else debian.base(system),
                       path)
    run("meson", "install", "-C", build or os.environ["INITRDD_BUILD"], "--no-rebuild", "--quiet",
        "--destdir", path)
    if not os.path.exists(os.path.join(path, DIRECTORY, "kernel-hook")):
        report.skip("the build has no hooks: meson configure -Dkernel-hooks=debian,kernel-install")
    return path


def write(root, path, text, mode=0o644):
    """A new file of a linked copy, in place of one that may be linked."""
    path = os.path.join(root, path.lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, mode)


def own(root, path):
    """Makes a file of a linked copy one's own, since a program is going to write to it."""
    path = os.path.join(root, path.lstrip("/"))
    if os.path.isdir(path) and not os.path.islink(path):
        run("cp", "-a", "--", path, path + ".own")
        run("rm", "-rf", "--", path)
    else:
        run("cp", "-a", "--", path, path + ".own")
    os.rename(path + ".own", path)


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


def in_root(root, *command, env=None, input=None):
    """Runs a command in a chroot with a /proc, /dev and /tmp of its own: (status, stdout, stderr)."""
    script = ('mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/tmp" && root=$1 && shift && '
              'exec chroot "$root" "$@"')
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", root, *command],
                          input=input or "", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", check=False,
                          env={"PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})})
    return done.returncode, done.stdout, done.stderr

