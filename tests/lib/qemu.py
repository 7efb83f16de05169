# SPDX-License-Identifier: GPL-2.0-or-later
"""One boot in QEMU: started, listened to, answered, ended.

QEMU runs with emulation (TCG) only: a machine with a usable /dev/kvm and one without give the
same result, and one virtual CPU is the cheapest for boots of this length, so boots run side by
side instead. Disks are opened with snapshot=on: a boot can't change a fixture, and many can share
one. The kernel is the uncompressed ELF, except under firmware, which can start a PE file only.

The serial console is the only channel. Its lines get host time stamps and go to a log; each
expected pattern is looked for from the line of the one before it on; the boot has passed when the
last was seen, and is ended there. A pattern of failure, the end of QEMU or the time limit ends it
otherwise.
"""

import codecs
import os
import re
import select
import signal
import subprocess
import time

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[c=>78]|[\r\0]")
# What the kernel says may come right behind a prompt, on the same line.
KERNEL = re.compile(r"\[ *\d+\.\d{6}\] [^\n]*\n?")
# What is on the way of every boot, by name; the times are taken of the first line that matches.
MARKS = {
    "kernel": r"Linux version \d",
    "systemd": r"systemd\[1\]: systemd .* running in system mode",
    "switch-root": r"Switching root|Starting (initrd-switch-root\.service|Switch Root)",
    "root": r"ROOT-OK",
}
# After these nothing good comes any more.
FAILURES = (
    r"Kernel panic",
    r"You are in (emergency|rescue) mode",
    r"Cannot open access to console, the root account is locked",
    r"Reached target .*[Ee]mergency",
    r"systemd\[1\]: Freezing execution",
    # What was asked for on the kernel command line was not done.
    r"initrdd-generator\[\d+\]: .* (can't be (written|made|removed)|stays read-only):",
)
# Where it has fast strings, the kernel clears and copies pages byte by byte, and each of these is emulated:
# a fifth of a boot's time.
PROCESSOR = "max,erms=off,fsrm=off"
# Seconds of silence after which a prompt is answered, and after which an answer was lost.
QUIET, AGAIN = 0.5, 8.0
FIRMWARE = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd")


def sata(images):
    """Options for SATA disks with serial numbers: /dev/sda, /dev/sdb, …; six at most."""
    options = []
    for n, image in enumerate(images):
        options += ["-drive", "if=none,id=sata%d,format=raw,file=%s" % (n, image),
                    "-device", "ide-hd,bus=ide.%d,drive=sata%d,serial=SATA%d" % (n, n, n)]
    return options


class Around:
    """What a boot runs in: a command to start QEMU with (ip netns exec NAME, say), and devices.
    `events` are (pattern, action): action() is called when the console first says so, and must not
    take long. With `publish` the machine starts by itself, from one of the devices, and
    publish(kernel, image, command line) is called before, to put these where they are loaded from."""

    def __init__(self, prefix=(), devices=(), events=(), publish=None):
        self.prefix, self.devices, self.events = list(prefix), list(devices), list(events)
        self.publish = publish


class Boot:
    """What to boot. `disks` are image files, in the order of /dev/vda, /dev/vdb, …; with
    `firmware` the machine starts from the first disk and kernel, initrd and command line are in
    an executable there. Without `snapshot` the boot changes its disks."""

    def __init__(self, kernel=None, initrd=None, command_line="", disks=(), firmware=False,
                 memory=1024, devices=(), snapshot=True, around=None):
        self.kernel, self.initrd, self.command_line = kernel, initrd, command_line
        self.disks, self.firmware, self.memory, self.devices = disks, firmware, memory, devices
        self.snapshot, self.around = snapshot, around or Around()

    def command(self):
        command = self.around.prefix + [
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", PROCESSOR,
            "-smp", "1", "-m", str(self.memory), "-nodefaults", "-display", "none",
            "-serial", "stdio", "-no-reboot"]
        if self.firmware:
            code, variables = FIRMWARE
            command += ["-drive", "if=pflash,format=raw,readonly=on,file=" + code,
                        "-drive", "if=pflash,format=raw,snapshot=on,file=" + variables]
        elif not self.around.publish:
            command += ["-kernel", self.kernel, "-initrd", self.initrd,
                        "-append", self.command_line]
        for disk in self.disks:
            command += ["-drive", "file=%s,format=raw,if=virtio,snapshot=%s"
                        % (disk, "on" if self.snapshot else "off")]
        return command + list(self.devices) + self.around.devices


class Result:
    """`error` is None when every expected pattern was seen; `times` are seconds since QEMU was
    started, by the names of MARKS, and `used` what it had used of the host's processors by then;
    `cpu` is that of all of it."""

    def __init__(self):
        self.error = None
        self.times = {}
        self.used = {}
        self.lines = []
        self.cpu = 0.0

    def tail(self, count=40):
        return "\n".join("%8.2f %s" % line for line in self.lines[-count:])

    def between(self, first, last, of=None):
        """From one mark to another, of `times` or of `used`."""
        of = self.times if of is None else of
        if first in of and last in of:
            return of[last] - of[first]
        return None


def _used(pid):
    """Seconds of processors that a process has had, with all its threads (proc(5), utime and stime)."""
    with open("/proc/%d/stat" % pid, encoding="utf-8") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Session:
    """The console of one running QEMU."""

    def __init__(self, expect, failures, answers, log, events=(), pid=None):
        self.expect = [re.compile(pattern) for pattern in expect]
        self.failures = [re.compile(pattern) for pattern in failures]
        self.answers = [(re.compile(pattern), text) for pattern, text in answers]
        self.marks = {name: re.compile(pattern) for name, pattern in MARKS.items()}
        self.log = log
        self.events = [(re.compile(pattern), action) for pattern, action in events]
        self.result = Result()
        self.pid = pid
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.partial = ""
        self.unanswered = ""
        self.typed = None

    def line(self, text, now):
        self.result.lines.append((now, text))
        self.log.write("%8.2f %s\n" % (now, text))
        for name, pattern in self.marks.items():
            if name not in self.result.times and pattern.search(text):
                self.result.times[name] = now
                if self.pid:
                    self.result.used[name] = _used(self.pid)
        for event in [event for event in self.events if event[0].search(text)]:
            self.events.remove(event)
            event[1]()
        while self.expect and self.expect[0].search(text):
            self.expect.pop(0)
        if not self.expect:
            return True
        for pattern in self.failures:
            if pattern.search(text):
                self.result.error = "the console says: %s" % text.strip()
                return True
        return False

    def data(self, data, now):
        """Takes what came from the console. True when the boot is decided."""
        text = self.decoder.decode(data)
        *lines, self.partial = (self.partial + text).split("\n")
        self.unanswered += text
        return any([self.line(ESCAPES.sub("", text), now) for text in lines])

    def answer(self):
        """The text to type, if the next prompt is there. Prompts end in no line break."""
        if not self.answers:
            return None
        heard = ESCAPES.sub("", self.unanswered)
        # Or it is what stands behind the kernel's times that says when to type.
        if not any(self.answers[0][0].search(text) for text in (KERNEL.sub("", heard), heard)):
            return None
        self.unanswered = ""
        self.typed = self.answers.pop(0)[1]
        return self.typed

    def lost(self):
        """The text that was typed last, if nothing but its echo came back."""
        if self.typed is None:
            return None
        heard = ESCAPES.sub("", self.unanswered).strip()
        return self.typed if heard in ("", self.typed) else None


def _type(process, text):
    process.stdin.write(text.encode() + b"\r")
    process.stdin.flush()


def _drive(process, session, timeout):
    """A prompt is answered when the console falls silent: who prints one often throws away what
    was typed before it reads (sulogin, getpass). What is lost so all the same is typed again."""
    start = time.monotonic()
    typed = 0.0
    while True:
        now = time.monotonic() - start
        if now >= timeout:
            return "not there after %d s" % timeout
        ready, _, _ = select.select([process.stdout], [], [], min(timeout - now, QUIET))
        if not ready:
            text = session.answer()
            if text is None and now - typed >= AGAIN:
                text = session.lost()
            if text is not None:
                _type(process, text)
                typed = now
            continue
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            return "QEMU ended"
        if session.data(data, time.monotonic() - start):
            return session.result.error


def run(boot, log_path, expect, failures=FAILURES, answers=(), timeout=120):
    """Boots and returns a Result. `answers` are (pattern of a prompt, text to type), in order."""
    with open(log_path, "w", buffering=1, encoding="utf-8", errors="replace") as log:
        log.write("# %s\n" % " ".join(boot.command()))
        process = subprocess.Popen(boot.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        session = _Session(expect, failures, answers, log, boot.around.events, process.pid)
        result = session.result
        try:
            error = _drive(process, session, timeout)
        finally:
            # Not kill() of the object, which would reap a QEMU that has just ended by itself.
            os.kill(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            session.pid = None
            process.returncode = os.waitstatus_to_exitcode(status)
            process.stdin.close()
            process.stdout.close()
        if session.partial:
            session.line(ESCAPES.sub("", session.partial), timeout)
        if session.expect:
            missing = "never seen: /%s/" % session.expect[0].pattern
            result.error = "%s; %s" % (error, missing) if error else missing
        result.cpu = usage.ru_utime + usage.ru_stime
    return result
