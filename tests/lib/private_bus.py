# SPDX-License-Identifier: GPL-2.0-or-later
"""The service on a bus of its own: a private dbus-daemon with the policy that is installed, callers
of several users, polkit, logind and systemd as mocks, and workers that do what a test wants.

A Machine is all of that around a small root (smallroot.py):

    with private_bus.Machine() as machine:
        machine.start()
        root = machine.caller()
        id, path = root.manager("Build", "sa{sv}t", VERSION, {}, 0)
        assert root.wait(id).result == "done"
"""

import atexit
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import client
import smallroot
from cache import run

NAME = "org.initrdd1"
PATH = "/org/initrdd1"
MANAGER, IMAGE, JOB = NAME + ".Manager", NAME + ".Image", NAME + ".Job"
PROPERTIES = "org.freedesktop.DBus.Properties"
ERROR = NAME + ".Error."
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
ACCESS_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
LIMITS_EXCEEDED = "org.freedesktop.DBus.Error.LimitsExceeded"
INTERACTIVE = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
FORCE, CANCEL_ON_DISCONNECT, NO_HOOKS, INCLUDE_FINISHED = 1, 2, 8, 16

LIB = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(LIB))
VERSION = smallroot.VERSION
# Of the system, since python3-dbus and python3-gi are there.
PYTHON = "/usr/bin/python3"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <listen>unix:path=%(socket)s</listen>
 <auth>EXTERNAL</auth>
 <servicedir>%(directory)s/services</servicedir>
 <policy context="default">
  <allow user="*"/>
  <deny own="*"/>
  <deny send_type="method_call"/>
  <allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/>
  <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/>
  <allow receive_type="method_return"/>
  <allow receive_type="error"/>
  <allow receive_type="signal"/>
  <allow send_destination="org.freedesktop.DBus"/>
 </policy>
 <policy user="root">
  <allow own="*"/>
  <allow send_destination="*" send_type="method_call"/>
 </policy>
 <include>%(policy)s</include>
 <limit name="max_connections_per_user">4096</limit>
 <limit name="max_completed_connections">4096</limit>
 <limit name="max_replies_per_connection">4096</limit>
 <limit name="reply_timeout">300000</limit>
</busconfig>
"""

# Stands before the real worker, and does what the lines of the file named after the type of the request
# say: "wait" as long as it is there, "pause SECONDS", "hang", "crash", "exit STATUS"; JSON is printed.
WORKER = """#!%(python)s -IS
import os, signal, time
request = os.pread(0, 1 << 20, 0).decode()
gate, lines = None, []
for kind in os.listdir(%(gates)r):
    if '"type":"%%s"' %% kind in request:
        gate = os.path.join(%(gates)r, kind)
        lines = open(gate).read().splitlines()
with open(%(started)r, "a") as stream:
    stream.write("%%d %%s\\n" %% (os.getpid(), request))
for line in lines:
    word, _, rest = line.partition(" ")
    if word == "hang":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "exit":
        os._exit(int(rest or 1))
    elif word == "pause":
        time.sleep(float(rest))
    elif word == "wait":
        while os.path.exists(gate):
            time.sleep(0.01)
    else:
        print(line, flush=True)
os.execv(%(worker)r, ["initrdd-worker"])
"""


def add_kernels(machine, count):
    """More kernels, equal to the first."""
    modules = os.path.join(machine.root, "usr/lib/modules")
    for n in range(count):
        shutil.copytree(os.path.join(modules, VERSION), os.path.join(modules, "6.1.%d-more" % n),
                        symlinks=True)
        smallroot.write(machine.root, "boot/vmlinuz-6.1.%d-more" % n, "no kernel\n")


def wait_until(condition, seconds=20, what=None):
    """For what has no event that could be awaited. The first true value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "not within %s s: %s" % (seconds, what or "it")
        time.sleep(0.01)


def variant(signature, value):
    return {"$": signature, "v": value}


class Error(Exception):
    def __init__(self, name, message):
        super().__init__("%s: %s" % (name, message))
        self.name, self.message = name, message


class Ended:
    def __init__(self, arguments, when):
        self.id, self.path, self.kernel, self.result, self.error, self.message = arguments
        self.time = when

    def __str__(self):
        return "job %d: %s %s %s" % (self.id, self.result, self.error, self.message)


def python_program(path):
    """What starts it for anybody, also from a checkout that only root may look into."""
    with open(path, encoding="utf-8") as stream:
        return [PYTHON, "-c", stream.read()]


class Caller:
    """A client of the bus (bus-caller). Calls return what the method does, or raise Error."""

    def __init__(self, address, prefix=(), match=True):
        self.process = subprocess.Popen(
            [*prefix, *python_program(os.path.join(LIB, "bus-caller")), address], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.answers, self.signals, self.base = {}, queue.Queue(), {}
        self.kept, self.last_id, self.condition = [], 0, threading.Condition()
        self.closed = False
        self.name = json.loads(self.process.stdout.readline())["ready"]
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        if match:
            self.match("type='signal',sender='%s'" % NAME)

    def _listen(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            if "signal" in answer:
                self.signals.put((answer["signal"], answer["time"]))
                continue
            with self.condition:
                self.answers[answer["id"]] = answer
                self.condition.notify_all()
        with self.condition:
            self.closed = True
            self.condition.notify_all()

    def send(self, **request):
        self.last_id += 1
        self.process.stdin.write(json.dumps(dict(request, id=self.last_id)) + "\n")
        self.process.stdin.flush()
        return self.last_id

    def answer(self, number, seconds=60):
        """The answer to what was sent, as a dictionary."""
        with self.condition:
            assert self.condition.wait_for(lambda: number in self.answers or self.closed,
                                           seconds), "no answer within %s s" % seconds
            assert number in self.answers, "the caller is gone"
            return self.answers.pop(number)

    def has_answer(self, number):
        with self.condition:
            return number in self.answers

    def begin(self, path, interface, member, signature="", *arguments, destination=NAME,
              interactive=False):
        return self.send(call=[path, interface, member, signature, list(arguments)],
                         destination=destination, interactive=interactive)

    def end(self, number, seconds=60):
        answer = self.answer(number, seconds)
        if "error" in answer:
            raise Error(answer["error"], answer["message"])
        self.base[number] = answer.get("base", 0)
        value = answer["ok"]
        return value[0] if len(value) == 1 else tuple(value) if value else None

    def call(self, *arguments, seconds=60, **options):
        return self.end(self.begin(*arguments, **options), seconds)

    def manager(self, member, signature="", *arguments, **options):
        return self.call(PATH, MANAGER, member, signature, *arguments, **options)

    def build(self, kernel=VERSION, flags=0, options=None, **more):
        """(id, path)"""
        return self.manager("Build", "sa{sv}t", kernel, options or {}, flags, **more)

    def get(self, path, interface, name):
        return self.call(path, PROPERTIES, "Get", "ss", interface, name)

    def get_all(self, path, interface):
        return self.call(path, PROPERTIES, "GetAll", "s", interface)

    def property(self, name):
        return self.get(PATH, MANAGER, name)

    def descriptor(self, path, interface, member, signature="", *arguments, **options):
        """The number of the descriptor that a call gives."""
        number = self.begin(path, interface, member, signature, *arguments, **options)
        return self.end(number) + self.base[number]

    def read(self, descriptor):
        """(content, seals, access mode) of a descriptor."""
        content, seals, mode = self.end(self.send(read=descriptor))
        return content, seals, mode

    def close_descriptor(self, descriptor):
        self.end(self.send(close=descriptor))

    def match(self, rule):
        self.end(self.send(match=rule))

    def signal(self, condition, seconds=60):
        """The first signal, of those not taken, for which condition(path, interface, member,
        arguments) is true; (arguments, time). Others are kept for later."""
        for n, (said, when) in enumerate(self.kept):
            if condition(*said):
                del self.kept[n]
                return said[3], when
        deadline = time.monotonic() + seconds
        while True:
            try:
                said, when = self.signals.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError("no such signal within %s s" % seconds) from None
            if condition(*said):
                return said[3], when
            self.kept.append((said, when))

    def all_signals(self):
        """Those that have come so far and were not taken."""
        while not self.signals.empty():
            self.kept.append(self.signals.get())
        kept, self.kept = self.kept, []
        return kept

    def wait(self, job, seconds=60):
        """The end of a job, as JobRemoved says it."""
        arguments, when = self.signal(
            lambda path, interface, member, arguments:
            member == "JobRemoved" and arguments[0] == job, seconds)
        return Ended(arguments, when)

    def wait_property(self, path, name, value, seconds=30):
        """Until PropertiesChanged says that a property has this value."""
        return self.signal(lambda where, interface, member, arguments:
                           member == "PropertiesChanged" and where == path
                           and arguments[1].get(name) == value, seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


class Mock:
    """A mock of mock_authorities.py, in a process of its own."""

    def __init__(self, machine, which):
        self.machine, self.which = machine, which
        self.name, self.path = {
            "polkit": ("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority"),
            "logind": ("org.freedesktop.login1", "/org/freedesktop/login1"),
            "systemd": ("org.freedesktop.systemd1", "/org/freedesktop/systemd1"),
        }[which]
        self.log = open(os.path.join(machine.directory, which + ".log"), "ab")
        self.process = subprocess.Popen(
            [PYTHON, "-m", "dbusmock", "--system", "--template",
             os.path.join(LIB, "mock_authorities.py")], stdout=self.log, stderr=self.log,
            env=dict(os.environ, INITRDD_TEST_MOCK=which, PYTHONDONTWRITEBYTECODE="1",
                     DBUS_SYSTEM_BUS_ADDRESS=machine.address))
        machine.wait_name(self.name)

    def __call__(self, member, signature="", *arguments):
        told = self.machine.control.call(self.path, "org.freedesktop.DBus.Mock", member, signature,
                                         *arguments, destination=self.name)
        return json.loads(told) if isinstance(told, str) else told

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Machine:
    """A directory of its own, which an ordinary user can get into; a bus; and the service."""

    def __init__(self, config="[Service]\nAutomatic=no\nPackAhead=no\nIdleRecompressSec=0\n",
                 mocks=("polkit",), gated=True):
        self.directory = tempfile.mkdtemp(prefix="initrdd-test-bus-", dir="/var/tmp")
        atexit.register(shutil.rmtree, self.directory, True)
        os.chmod(self.directory, 0o755)
        self.root = smallroot.copy(os.path.join(self.directory, "root"))
        self.store = os.path.join(self.directory, "store")
        self.state = os.path.join(self.directory, "state")
        self.run = os.path.join(self.directory, "run")
        self.gates = os.path.join(self.directory, "gates")
        os.mkdir(self.gates)
        os.mkdir(os.path.join(self.directory, "services"))
        self.started = os.path.join(self.directory, "workers")
        if config:
            smallroot.write(self.root, "etc/initrdd/initrdd.conf", config)
        self.installed = os.path.join(client.work(), "installed")
        client.install(self.installed)
        self.libdir = self.data = os.path.join(self.installed, "usr/lib/initrdd")
        if gated:
            self.data = os.path.join(self.directory, "data")
            self._make_data()
        self.socket = os.path.join(self.directory, "bus")
        self.address = "unix:path=" + self.socket
        self.service = self.bus = self.control = None
        self.callers, self.mocks, self.wanted = [], {}, mocks
        self.log_path = os.path.join(self.directory, "log")
        # Paths are those of the running system.
        self.image_path = os.path.join(self.root, "boot/initrd.img-" + VERSION)
        # Without a kernel to boot nobody needs an image.
        smallroot.write(self.root, "boot/vmlinuz-" + VERSION, "no kernel\n")

    def _make_data(self):
        """Our own data, with another worker in it."""
        os.mkdir(self.data)
        for name in os.listdir(self.libdir):
            if name != "initrdd-worker":
                os.symlink(os.path.join(self.libdir, name), os.path.join(self.data, name))
        path = os.path.join(self.data, "initrdd-worker")
        with open(path, "w", encoding="ascii") as stream:
            stream.write(WORKER % dict(python=PYTHON, gates=self.gates, started=self.started,
                                       worker=os.path.join(self.libdir, "initrdd-worker")))
        os.chmod(path, 0o755)

    def __enter__(self):
        try:
            self.start_bus()
            for which in self.wanted:
                self.mocks[which] = Mock(self, which)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, *_):
        if kind and os.path.exists(self.log_path):
            with open(self.log_path, encoding="utf-8", errors="replace") as stream:
                print("".join(stream.readlines()[-30:]), end="")
        for caller in self.callers:
            caller.close()
        for mock in self.mocks.values():
            mock.stop()
        status = 0
        if self.service:
            for gate in os.listdir(self.gates):
                self.open_gate(gate)
            status = self.terminate()
        if self.bus:
            self.bus.kill()
            self.bus.wait()
        # One that the bus has started.
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        text = self.log() if os.path.exists(self.log_path) else ""
        shutil.rmtree(self.directory, True)
        # Also what a sanitizer says.
        assert kind or status == 0, "the service ended with status %d:\n%s" % (status, text[-3000:])

    # ── the bus ──

    def start_bus(self):
        config = os.path.join(self.directory, "bus.conf")
        with open(config, "w", encoding="utf-8") as stream:
            stream.write(BUS_CONFIG % dict(
                socket=self.socket, directory=self.directory,
                policy=os.path.join(SOURCE, "dbus/org.initrdd1.conf")))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        self.bus = subprocess.Popen(["dbus-daemon", "--nofork", "--nopidfile", "--print-address",
                                     "--config-file=" + config], stdout=subprocess.PIPE,
                                    stderr=open(os.path.join(self.directory, "bus.log"), "ab"))
        assert self.bus.stdout.readline(), "dbus-daemon did not start"
        self.control = self.caller(match=False)

    def stop_bus(self):
        self.bus.kill()
        self.bus.wait()
        for caller in self.callers:
            caller.close()
        self.callers = []
        for mock in self.mocks.values():
            mock.stop()
        self.mocks = {}

    def caller(self, user=None, match=True):
        """A connection to the bus: root's, or "nobody"'s."""
        caller = Caller(self.address, NOBODY if user else (), match)
        self.callers.append(caller)
        return caller

    def driver(self, member, signature="", *arguments):
        return self.control.call("/org/freedesktop/DBus", "org.freedesktop.DBus", member,
                                 signature, *arguments, destination="org.freedesktop.DBus")

    def has_owner(self, name):
        return self.driver("NameHasOwner", "s", name)

    def wait_name(self, name, seconds=20):
        wait_until(lambda: self.has_owner(name), seconds, name + " on the bus")

    def activatable(self):
        """Lets the bus start the service."""
        script = os.path.join(self.directory, "activate")
        with open(script, "w", encoding="ascii") as stream:
            stream.write("#!/bin/sh\nexport %s\nexec %s 2>>%s\n" % (
                " ".join("%s=%s" % item for item in self.environment().items()),
                " ".join(self.command()), self.log_path))
        os.chmod(script, 0o755)
        smallroot.write(self.directory, "services/%s.service" % NAME,
                        "[D-BUS Service]\nName=%s\nExec=%s\n" % (NAME, script))
        self.driver("ReloadConfig")

    # ── the service ──

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.address, "INITRDD_DATA_DIR": self.data,
                "SYSTEMD_LOG_LEVEL": "debug"}

    def command(self):
        return [os.path.join(self.libdir, "initrdd"), "--root=" + self.root,
                "--store=" + self.store, "--state=" + self.state, "--run=" + self.run]

    def start(self, wait=True, prefix=()):
        """Starts the service; by default returns once its first look is over."""
        with open(self.log_path, "ab") as log:
            self.service = subprocess.Popen([*prefix, *self.command()], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log,
                                            env=dict(os.environ, **self.environment()))
        if wait:
            self.wait_name(NAME)
            self.wait_examined()

    def wait_examined(self):
        wait_until(lambda: self.control.property("State") != "starting", 60, "the first look")

    def kill(self, number=signal.SIGKILL):
        """Ends the service; its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.service.send_signal(number)
        status = self.service.wait(60)
        self.service = None
        return status

    def terminate(self):
        """Asks the service to end; its exit status."""
        try:
            return self.kill(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            return self.kill()

    def processes(self):
        """{process id: name} of all programs of this service that run."""
        found = {}
        for pid in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError):
                said = b""
                for name in ("environ", "cmdline"):
                    with open("/proc/%d/%s" % (int(pid), name), "rb") as stream:
                        said += stream.read()
                if not any(ours.encode() in said for ours in (self.address, self.data)):
                    continue
                with open("/proc/%s/comm" % pid, encoding="ascii") as stream:
                    name = stream.read().strip()
                if name.startswith("initrdd"):
                    found[int(pid)] = name
        return found

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    # ── workers ──

    def gate(self, kind, say="wait"):
        """Makes workers of a type do something."""
        with open(os.path.join(self.directory, "gate"), "w", encoding="utf-8") as stream:
            stream.write(say)
        os.rename(os.path.join(self.directory, "gate"), os.path.join(self.gates, kind))

    def open_gate(self, kind):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.gates, kind))

    def workers(self, kind=None):
        """The requests of those that were started, with their process as "pid"."""
        if not os.path.exists(self.started):
            return []
        with open(self.started, encoding="utf-8") as stream:
            found = []
            for line in stream:
                pid, _, request = line.partition(" ")
                request = json.loads(request)
                if kind in (None, request["type"]):
                    found.append(dict(request, pid=int(pid)))
            return found

    # ── what it looks after ──

    def image_object(self, kernel=VERSION, profile="default"):
        return self.control.manager("GetImage", "ss", kernel, profile)

    def image_file(self):
        return self.image_path

    def image_content(self):
        with open(self.image_file(), "rb") as stream:
            return stream.read()


def rss(pid):
    """Resident memory in bytes."""
    with open("/proc/%d/status" % pid, encoding="ascii") as stream:
        for line in stream:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def error_of(function, *arguments, **options):
    """The name of the error of a call; "" if it works."""
    try:
        function(*arguments, **options)
        return ""
    except Error as error:
        return error.name


def check_error(name, function, *arguments, **options):
    """That a call fails with this error, and says something with it. The text."""
    try:
        value = function(*arguments, **options)
    except Error as error:
        assert error.name == name, "%s, not %s" % (error, name)
        assert len(error.message.split()) >= 3, "no sentence: %r" % error.message
        return error.message
    raise AssertionError("it worked: %r; expected %s" % (value, name))
