# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client sees of initrdd, with nothing behind it: the interfaces of dbus/, and jobs that go
where a test wants them.

    service = FakeService(bus.address)
    service.add_image("6.1.0-1", State="stale")
    client = start("build")                 # it calls Build() and waits
    job = service.wait_job()
    service.change(job, Stage="pack", Progress=40)
    service.finish(job, "done")
"""

import os
import queue
import re
import subprocess
import threading

import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

import private_bus

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = "org.initrdd1"
PATH = "/org/initrdd1"
TIMEOUT = 30

MANAGED = """<node><interface name="org.freedesktop.DBus.ObjectManager">
<method name="GetManagedObjects"><arg type="a{oa{sa{sv}}}" direction="out"/></method>
</interface></node>"""


def interface(name):
    with open(os.path.join(SOURCE, "dbus/%s.xml" % name), encoding="utf-8") as stream:
        return Gio.DBusNodeInfo.new_for_xml(stream.read()).interfaces[0]


MANAGER, IMAGE, JOB = (interface("org.initrdd1." + word) for word in ("Manager", "Image", "Job"))
OBJECT_MANAGER = Gio.DBusNodeInfo.new_for_xml(MANAGED).interfaces[0]
DEFAULTS = {"b": False, "s": "", "o": "/", "as": [], "(ss)": ("", ""), "a(ssuu)": []}


class Object:
    def __init__(self, path, info, values):
        self.path, self.info = path, info
        self.types = {p.name: p.signature for p in info.properties}
        self.values = {name: DEFAULTS.get(kind, 0) for name, kind in self.types.items()}
        self.values.update(values)

    def variants(self, names=None):
        return {name: GLib.Variant(self.types[name], self.values[name])
                for name in (names or self.types)}


class Bus:
    """A bus of a test's own with the policy that is installed. `services` may be activated: {name:
    command}."""

    def __init__(self, directory, services=None):
        os.makedirs(os.path.join(directory, "services"), exist_ok=True)
        os.chmod(directory, 0o755)
        self.directory = directory
        self.socket = os.path.join(directory, "socket")
        self.address = "unix:path=" + self.socket
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": self.address}
        for name, command in (services or {}).items():
            with open(os.path.join(directory, "services", name + ".service"), "w",
                      encoding="utf-8") as stream:
                stream.write("[D-BUS Service]\nName=%s\nExec=%s\nUser=root\n" % (name, command))
        configuration = os.path.join(directory, "bus.conf")
        with open(configuration, "w", encoding="utf-8") as stream:
            stream.write(private_bus.BUS_CONFIG % dict(
                socket=self.socket, directory=directory,
                policy=os.path.join(SOURCE, "dbus/org.initrdd1.conf")))
        self.process = None
        self.configuration = configuration
        self.start()

    def start(self):
        """Starts it, at first or again after stop(); returns when it listens."""
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--nopidfile", "--config-file=" + self.configuration,
             "--print-address=1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=open(os.path.join(self.directory, "log"), "ab"))
        if not self.process.stdout.readline():
            raise RuntimeError("dbus-daemon did not start")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class FakeService:
    """Everything on the bus happens in a thread; the test calls from its own."""

    def __init__(self, address):
        self.address = address
        self.refuse = {}        # method → (error name, message)
        self.finish_early = None  # a result that jobs have before Build() is answered
        self.calls = queue.Queue()
        self.jobs = queue.Queue()
        self.next_id = 1
        self.output = b"an image\n"
        self.inspection = "{}"
        self.image = b"no image\n"  # what Read() and ReadPart() give
        self.part_max = 4 << 20
        self.versions = iter(lambda: "1-1", None)
        self.holds = queue.Queue()  # the other ends
        self.objects, self.gone = {}, {}
        self.objects[PATH] = Object(PATH, MANAGER, {
            "Version": "1", "State": "idle", "RebootSafe": True, "BootedKernel": "6.1.0-1",
            "DefaultKernel": "6.1.0-1"})
        self.start()

    # The thread.

    def start(self):
        context = GLib.MainContext.new()
        loop = GLib.MainLoop.new(context, False)
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(context, loop, ready), daemon=True)
        self.context, self.loop = context, loop
        self.thread.start()
        assert ready.wait(TIMEOUT), "the service did not start"

    def stop(self):
        """Off the bus, as one that died. What it knows of images stays, jobs are gone."""
        self.loop.quit()
        self.thread.join()
        self._forget_jobs()

    def _forget_jobs(self):
        for path in [p for p in self.objects if "/job/" in p]:
            self.gone[path] = self.objects.pop(path)

    def restart(self):
        """Another takes the name over, so that there is always somebody who has it."""
        loop, thread = self.loop, self.thread
        self._forget_jobs()
        self.start()
        loop.quit()
        thread.join()

    def _run(self, context, loop, ready):
        context.push_thread_default()
        connection = Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
            Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        connection.set_exit_on_close(False)
        self.connection = connection
        connection.register_object(PATH, OBJECT_MANAGER, self._managed, None, None)
        for item in self.objects.values():
            self._export(item)
        connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus",
                             "org.freedesktop.DBus", "RequestName",
                             GLib.Variant("(su)", (NAME, 1 | 2 | 4)), None, 0, -1, None)
        source = GLib.Idle()  # once the loop runs: stop() before would be lost
        source.set_callback(lambda _: ready.set())
        source.attach(context)
        loop.run()
        connection.close_sync(None)
        context.pop_thread_default()

    def call(self, function, *arguments):
        """Has the thread do it, and waits."""
        done = queue.Queue()

        def run(_):
            try:
                done.put((function(*arguments), None))
            except Exception as error:  # it is the test's
                done.put((None, error))
            return False

        source = GLib.Idle()
        source.set_callback(run)
        source.attach(self.context)
        result, error = done.get(timeout=TIMEOUT)
        if error:
            raise error
        return result

    def _export(self, item):
        self.connection.register_object(item.path, item.info, self._method, self._property, None)

    def _property(self, _connection, _sender, path, _interface, name):
        item = self.objects.get(path) or self.gone[path]
        return GLib.Variant(item.types[name], item.values[name])

    def _managed(self, _connection, _sender, _path, _interface, _method, _arguments, invocation):
        objects = {path: {item.info.name: item.variants()}
                   for path, item in self.objects.items() if path != PATH}
        invocation.return_value(GLib.Variant("(a{oa{sa{sv}}})", (objects,)))

    def _signal(self, path, name, member, value):
        self.connection.emit_signal(None, path, name, member, value)

    # What a test says and asks.

    def add_image(self, kernel, profile="default", **values):
        path = "%s/image/%s/%s" % (PATH, re.sub(r"^\d|\W", lambda c: "_%02x" % ord(c[0]), kernel),
                                   profile)
        given = {"Kernel": kernel, "Profile": profile, "State": "current", "Size": 52300000,
                 "Path": "/boot/initrd.img-" + kernel}
        given.update(values)
        self.objects[path] = Object(path, IMAGE, given)
        self.call(self._export, self.objects[path])
        return path

    def change(self, path, **values):
        """Properties of an object, and the signal that they changed."""
        self.call(self._change, path, values)

    def _change(self, path, values):
        item = self.objects[path]
        item.values.update(values)
        self._signal(path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                     GLib.Variant("(sa{sv}as)", (item.info.name, item.variants(values), [])))

    def log(self, job, priority, message):
        self.call(self._signal, job, JOB.name, "LogMessage",
                  GLib.Variant("(us)", (priority, message)))

    def finish(self, job, result, error="", message="", **values):
        self.call(self._finish, job, result, error, message, values)

    def _finish(self, path, result, error="", message="", values=None):
        job = self.objects[path]
        self._change(path, dict(values or {}, State="finished", Result=result,
                                Error=(error, message)))
        self._signal(PATH, MANAGER.name, "JobRemoved", GLib.Variant(
            "(tossss)", (job.values["Id"], path, job.values["Kernel"], result, error, message)))

    def wait_job(self):
        return self.jobs.get(timeout=TIMEOUT)

    def wait_call(self, method):
        """The arguments of the next call of a method; others are passed over."""
        while True:
            name, path, arguments = self.calls.get(timeout=TIMEOUT)
            if name == method:
                return arguments if arguments else path

    # Methods.

    def _new_job(self, kernel, kind, values):
        path = "%s/job/_%d" % (PATH, self.next_id)
        image = next((p for p, item in self.objects.items() if item.info is IMAGE and
                      item.values["Kernel"] == kernel), "/")
        job = Object(path, JOB, dict({
            "Id": self.next_id, "Type": kind, "Kernel": kernel, "Profile": "default",
            "Image": image, "State": "queued", "Progress": -1, "Reason": "admin"}, **values))
        self.next_id += 1
        self.objects[path] = job
        self._export(job)
        self._signal(PATH, MANAGER.name, "JobNew",
                     GLib.Variant("(tos)", (job.values["Id"], path, kernel)))
        if self.finish_early:
            self._finish(path, self.finish_early)
        self.jobs.put(path)
        return job.values["Id"], path

    def _method(self, _connection, _sender, path, _interface, method, parameters, invocation):
        arguments = parameters.unpack()
        self.calls.put((method, path, arguments))
        try:
            if method in self.refuse:
                invocation.return_dbus_error(*self.refuse[method])
                return
            self._answer(path, method, arguments, invocation)
        except Exception as error:  # the client must not wait for ever
            invocation.return_dbus_error("org.freedesktop.DBus.Error.Failed", repr(error))

    def _images(self, kernel=None):
        return [item for item in self.objects.values() if item.info is IMAGE and
                kernel in (None, item.values["Kernel"])]

    def _answer(self, path, method, arguments, invocation):
        if method == "Build":
            if not self._images(arguments[0]):
                invocation.return_dbus_error(NAME + ".Error.NoSuchKernel",
                                             "There is no kernel " + arguments[0])
                return
            job = self._new_job(arguments[0], "build", {})
            invocation.return_value(GLib.Variant("(to)", job))
        elif method in ("BuildAll", "Remove"):
            if method == "Remove":
                items = self._images(arguments[0])
            else:
                items = [item for item in self._images()
                         if arguments[1] & 1 or item.values["State"] != "current"]
            jobs = []
            for item in items:
                kernel = item.values["Kernel"]
                number, job = self._new_job(kernel, "remove" if method == "Remove" else "build", {})
                jobs.append((kernel, number, job))
            invocation.return_value(GLib.Variant("(a(sto))", (jobs,)))
        elif method == "GetImage":
            for item in self._images(arguments[0]):
                if item.values["Profile"] == arguments[1]:
                    invocation.return_value(GLib.Variant("(o)", (item.path,)))
                    return
            invocation.return_dbus_error(NAME + ".Error.NoSuchImage", "There is no such image.")
        elif method == "CancelJob":
            for item in self.objects.values():
                if item.info is JOB and item.values["Id"] == arguments[0]:
                    invocation.return_value(None)
                    self._finish(item.path, "cancelled")
                    return
            invocation.return_dbus_error(NAME + ".Error.NoSuchJob", "There is no such job.")
        elif method == "Cancel":
            invocation.return_value(None)
            self._change(path, {"State": "cancelling"})
        elif method == "Hold":
            ours, theirs = os.pipe()
            self.holds.put(ours)
            self._return_fd(invocation, theirs)
        elif method == "GetOutput":
            fd = os.memfd_create("output")
            os.write(fd, self.output)
            self._return_fd(invocation, fd)
        elif method == "Read":
            fd = os.memfd_create("image")
            os.write(fd, self.image)
            self._return_fd(invocation, fd)
        elif method == "ReadPart":
            offset, size, _ = arguments
            part = self.image[offset:offset + min(size, self.part_max)]
            invocation.return_value(GLib.Variant("(ayts)", (part, len(self.image),
                                                            next(self.versions))))
        elif method == "Inspect":
            invocation.return_value(GLib.Variant("(s)", (self.inspection,)))
        else:
            invocation.return_dbus_error("org.freedesktop.DBus.Error.NotSupported", method)

    @staticmethod
    def _return_fd(invocation, fd):
        invocation.return_value_with_unix_fd_list(GLib.Variant("(h)", (0,)),
                                                  Gio.UnixFDList.new_from_array([fd]))
