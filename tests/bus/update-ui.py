#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an update program does with the service, small and real:

    update-ui.py status             one line an image, and whether the machine may be rebooted
    update-ui.py build KERNEL       builds, shows how far it is, says how it ended
    update-ui.py watch SECONDS      says what changes, as a tray icon would

Needs python3-dbus and python3-gi. org.initrdd1(5) has the words. Exit status: 0; 1 the build failed, or
a reboot isn't safe; 2 usage; 3 not authorised.
"""

import sys

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

NAME, PATH = "org.initrdd1", "/org/initrdd1"
MANAGER, IMAGE, JOB = NAME + ".Manager", NAME + ".Image", NAME + ".Job"
NOT_AUTHORISED = ("org.freedesktop.DBus.Error.AccessDenied",
                  "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired")


class Service:
    def __init__(self):
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        self.bus = dbus.SystemBus()
        self.loop = GLib.MainLoop()
        self.manager = dbus.Interface(self.bus.get_object(NAME, PATH), MANAGER)

    def properties(self, path, interface):
        # A service that isn't there within a second is treated as none at all.
        return dbus.Interface(self.bus.get_object(NAME, path, introspect=False),
                              "org.freedesktop.DBus.Properties").GetAll(interface, timeout=1)

    def on_changes(self, handler, path=None):
        """handler(path, interface, changed)"""
        self.bus.add_signal_receiver(
            lambda interface, changed, _gone, path: handler(path, interface, changed),
            "PropertiesChanged", "org.freedesktop.DBus.Properties", NAME, path, path_keyword="path")


def show_safety(manager):
    if manager["RebootSafe"]:
        print("The machine may be rebooted.")
        return 0
    print("Don't reboot yet:")
    for sentence in manager["RebootBlockers"]:
        print("  " + sentence)
    return 1


def status(service):
    for kernel, profile, state, _path, more in service.manager.ListImages(dbus.UInt64(0), timeout=1):
        print("%s (%s): %s%s" % (kernel, profile, state,
                                 ", boots next" if more["default-boot"] else ""))
        for sentence in more["stale-reasons"]:
            print("  " + sentence)
    return show_safety(service.properties(PATH, MANAGER))


def build(service, kernel):
    ended = {}

    def on_removed(job, _path, _kernel, result, _error, message):
        ended[int(job)] = (str(result), str(message))
        service.loop.quit()

    def on_changed(_path, interface, changed):
        if interface == JOB and "Progress" in changed and changed["Progress"] >= 0:
            print("%3d %%  %s" % (changed["Progress"], changed.get("Stage", "")), flush=True)

    # Both before the job is asked for: it may end with the answer.
    service.bus.add_signal_receiver(on_removed, "JobRemoved", MANAGER, NAME, PATH)
    service.on_changes(on_changed)
    try:
        # Somebody may have to type a password.
        job, path = service.manager.Build(kernel, dbus.Dictionary({}, "sv"), dbus.UInt64(0),
                                          timeout=0x7fffffff // 1000)
    except dbus.DBusException as error:
        print(error.get_dbus_message())
        return 3 if error.get_dbus_name() in NOT_AUTHORISED else 1
    # A service that is restarted has no jobs any more, and says nothing of ours.
    owners = []

    def on_owner(owner):
        owners.append(owner)
        if len(owners) > 1:
            service.loop.quit()
    service.bus.watch_name_owner(NAME, on_owner)
    if int(job) not in ended:
        # Quicker than we listened, perhaps: what ended is kept, and can be asked about.
        try:
            now = service.properties(path, JOB)
            if now["State"] == "finished":
                ended[int(job)] = (str(now["Result"]), str(now["Error"][1]))
            else:
                service.loop.run()
        except dbus.DBusException:
            pass
    if int(job) not in ended:
        print("The service went away; ask for the state of the image.")
        return 1
    result, message = ended[int(job)]
    print("%s%s" % (result, ": " + message if message else ""))
    show_safety(service.properties(PATH, MANAGER))
    return 0 if result in ("done", "unchanged") else 1


def watch(service, seconds):
    def on_changed(path, interface, changed):
        for name in ("State", "RebootSafe", "NStale", "NFailed", "StaleReasons"):
            if name in changed and interface in (MANAGER, IMAGE):
                value = changed[name]
                text = "; ".join(value) if isinstance(value, dbus.Array) else str(value)
                print("%s: %s is %s" % (path, name, text), flush=True)
    service.on_changes(on_changed)
    print("watching", flush=True)
    GLib.timeout_add(int(seconds * 1000), service.loop.quit)
    service.loop.run()
    return 0


def main(words):
    if words == ["status"]:
        return status(Service())
    if len(words) == 2 and words[0] == "build":
        return build(Service(), words[1])
    if len(words) == 2 and words[0] == "watch":
        return watch(Service(), float(words[1]))
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except dbus.DBusException as failure:
        print("The service does not answer: %s" % failure.get_dbus_message(), file=sys.stderr)
        sys.exit(1)
