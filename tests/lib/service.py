# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian system with initrdd installed, in a directory: for hooks in a chroot, for systemd in a
container, and for a disk to boot from."""

import atexit
import os
import re
import shutil
import subprocess
import threading
import time

import cache
import debian
import report
from cache import run

# Beside what every system of the tests has: who answers for users, what kernels' packages call, and
# the libraries of ours.
PACKAGES = ("polkitd", "linux-base", "libinotifytools0", "libjansson4", "libxxhash0")
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



# A program that a booted system runs, and then powers off: each step leaves what it printed and its
# exit status in /test/NAME.{out,status}, for the test to look at afterwards.
STEPS = """#!/bin/bash
exec </dev/null
step() {
        local name=$1
        shift
        echo "step $name" >>/test/steps
        "$@" >"/test/$name.out" 2>&1
        echo $? >"/test/$name.status"
}
nobody() {
        setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
}
# Until a command says a word: await SECONDS WORD COMMAND…
await() {
        local end=$((SECONDS + $1)) word=$2
        shift 2
        until "$@" | grep -q -- "$word"; do
                [ $SECONDS -lt $end ] || return 1
                sleep 0.2
        done
        "$@"
}
get() {
        busctl --json=short get-property org.initrdd1 "$@"
}
"""
UNIT = """[Unit]
Description=The test
After=dbus.socket systemd-user-sessions.service
[Service]
Type=oneshot
ExecStart=/test/run
TimeoutStartSec=15min
ExecStopPost=systemctl poweroff --no-block
"""


def copy(name, source):
    """A whole copy, for a system that is going to be started: it writes to its files."""
    path = os.path.join(scratch(), name)
    run("cp", "-a", "--reflink=auto", "--", source, path)
    return path


def add_steps(root, script):
    """Has the system run a script when it is up."""
    os.makedirs(os.path.join(root, "test"))
    write(root, "/test/run", STEPS + script, 0o755)
    write(root, "/etc/systemd/system/test.service", UNIT)
    link = os.path.join(root, "etc/systemd/system/multi-user.target.wants/test.service")
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink("../test.service", link)


class Steps:
    """What a system left in /test: steps["NAME"] is (status, output); a step that did not come is a
    failure."""

    def __init__(self, directory):
        self.directory = directory

    def __getitem__(self, name):
        status = os.path.join(self.directory, name + ".status")
        assert os.path.exists(status), "step %s never ended" % name
        with open(status, encoding="utf-8") as stream:
            code = int(stream.read())
        with open(os.path.join(self.directory, name + ".out"), encoding="utf-8",
                  errors="replace") as stream:
            return code, stream.read()

    def good(self, name):
        """What a step printed that ended well."""
        status, output = self[name]
        assert status == 0, "%s: status %d: %s" % (name, status, output[-2000:])
        return output


def _end(process):
    """Ends systemd-nspawn, and its system first: that would go on when nspawn is killed."""
    for _ in range(2):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                pass
    if process.poll() is None:
        process.kill()
        process.wait()


def _leader(process):
    """The container's first process, which systemd-nspawn is the parent of; None."""
    with open("/proc/%d/task/%d/children" % (process.pid, process.pid), encoding="ascii") as stream:
        children = stream.read().split()
    for pid in children:
        with open("/proc/%s/status" % pid, encoding="utf-8") as stream:
            if re.search(r"^NSpid:\t\d+\t1$", stream.read(), re.MULTILINE):
                return int(pid)
    return None


class Machine:
    """A container that runs, as systemd-machined would tell of it to who says --machine=NAME."""
    NAME = "initrdd-test"

    def __init__(self, process):
        self.leader = _leader(process)
        assert self.leader, "systemd-nspawn has no container"

    def run(self, *command):
        """(status, stdout, stderr)"""
        script = ('mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/machines && '
                  'printf "CLASS=container\\nLEADER=%s\\n" "$1" >"/run/systemd/machines/$2" && '
                  'shift 2 && exec "$@"')
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(self.leader), self.NAME,
                               *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", timeout=120,
                              check=False)
        return done.returncode, done.stdout, done.stderr


def _call_when(process, path, call):
    """Once a file is there, or never when the container ends before."""
    while process.poll() is None:
        if os.path.exists(path):
            call(Machine(process))
            return
        time.sleep(0.2)


def container(root, log, timeout=300, outside=None):
    """Boots a system with systemd-nspawn and waits for its end. `outside` is called with the Machine
    as soon as a step has made /test/outside, and is to make /test/inside."""
    if not shutil.which("systemd-nspawn"):
        report.skip("there is no systemd-nspawn")
    # Two would manage one control group: that of who starts them.
    with cache.lock("container"), open(log, "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--directory=" + root, "--register=no", "--keep-unit",
             "--private-network", "--boot", "systemd.journald.forward_to_console=0"],
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        try:
            if outside:
                threading.Thread(target=_call_when, daemon=True, args=(
                    process, os.path.join(root, "test/outside"), outside)).start()
            process.wait(timeout)
        finally:
            _end(process)
    with open(log, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    if not os.path.exists(os.path.join(root, "test/steps")):
        if process.returncode != 0:
            report.skip("systemd-nspawn does not run here: %s" % (text.strip().splitlines() or [""])[-1])
        raise AssertionError("the system did not come up:\n" + "\n".join(text.splitlines()[-30:]))
    return Steps(os.path.join(root, "test"))
