# SPDX-License-Identifier: GPL-2.0-or-later
"""polkit, logind and systemd as python3-dbusmock can play them, beyond its own templates.

polkit answers by action: "yes", "no", "challenge" (yes if it may ask a person, else it has to),
"dismissed", "hang" (until Release()). It remembers what it was asked and what was called off.
systemd runs no unit: StartUnit() gives a job that ends as SetResult() has said.
"""

import json
import os


import dbus
from dbusmock import MOCK_IFACE

# Which of them this process is: dbusmock loads a template by its path, and reads these.
WHICH = os.environ.get("INITRDD_TEST_MOCK", "polkit")
BUS_NAME, MAIN_OBJ, MAIN_IFACE = {
    "polkit": ("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
               "org.freedesktop.PolicyKit1.Authority"),
    "logind": ("org.freedesktop.login1", "/org/freedesktop/login1",
               "org.freedesktop.login1.Manager"),
    "systemd": ("org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                "org.freedesktop.systemd1.Manager"),
}[WHICH]
SYSTEM_BUS = True


def load(mock, _parameters):
    mock.answers, mock.asked, mock.called_off, mock.waiting = {}, [], [], []
    mock.inhibitors, mock.refused = {}, False
    mock.result, mock.units, mock.jobs = "done", [], 0


if WHICH == "polkit":
    @dbus.service.method(MAIN_IFACE, in_signature="(sa{sv})sa{ss}us", out_signature="(bba{ss})",
                         async_callbacks=("done", "_failed"))
    def CheckAuthorization(self, subject, action, details, flags, cancellation, done, _failed):
        answer = self.answers.get(str(action), "no")
        self.asked.append({"subject": [str(subject[0]), str(subject[1].get("name"))],
                           "action": str(action), "flags": int(flags),
                           "details": {str(k): str(v) for k, v in details.items()},
                           "cancellation": str(cancellation)})
        if answer == "hang":
            self.waiting.append(done)
        elif answer == "challenge":
            done((bool(flags & 1), not flags & 1, {}))
        elif answer == "dismissed":
            done((False, False, {"polkit.dismissed": "true"}))
        else:
            done((answer == "yes", False, {}))

    @dbus.service.method(MAIN_IFACE, in_signature="s", out_signature="")
    def CancelCheckAuthorization(self, cancellation):
        self.called_off.append(str(cancellation))

    @dbus.service.method(MOCK_IFACE, in_signature="ss", out_signature="")
    def SetAnswer(self, action, answer):
        self.answers[str(action)] = str(answer)

    @dbus.service.method(MOCK_IFACE, in_signature="b", out_signature="")
    def Release(self, authorized):
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done((authorized, False, {}))

    @dbus.service.method(MOCK_IFACE, in_signature="", out_signature="s")
    def Asked(self):
        told = {"asked": self.asked, "called_off": self.called_off, "waiting": len(self.waiting)}
        self.asked, self.called_off = [], []
        return json.dumps(told)

elif WHICH == "logind":
    @dbus.service.method(MAIN_IFACE, in_signature="ssss", out_signature="h")
    def Inhibit(self, what, who, why, mode):
        if self.refused:
            raise dbus.exceptions.DBusException(
                "No", name="org.freedesktop.DBus.Error.AccessDenied")
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        self.inhibitors[ours] = [str(what), str(who), str(why), str(mode)]
        fd = dbus.types.UnixFd(theirs)
        os.close(theirs)
        return fd

    @dbus.service.method(MOCK_IFACE, in_signature="", out_signature="s")
    def Inhibitors(self):
        """Those whose lock is not closed; each with when it was asked for."""
        for fd in list(self.inhibitors):
            try:
                if os.read(fd, 1) == b"":
                    os.close(fd)
                    del self.inhibitors[fd]
            except BlockingIOError:
                pass
        return json.dumps(list(self.inhibitors.values()))

    @dbus.service.method(MOCK_IFACE, in_signature="b", out_signature="")
    def Refuse(self, refused):
        self.refused = refused

    @dbus.service.method(MOCK_IFACE, in_signature="b", out_signature="")
    def Shutdown(self, begins):
        self.EmitSignal(MAIN_IFACE, "PrepareForShutdown", "b", [begins])

else:
    @dbus.service.method(MAIN_IFACE, in_signature="ss", out_signature="o")
    def StartUnit(self, unit, mode):
        self.jobs += 1
        job = dbus.ObjectPath("/org/freedesktop/systemd1/job/%d" % self.jobs)
        self.units.append([str(unit), str(mode)])
        if self.result == "refused":
            raise dbus.exceptions.DBusException(
                "Unit %s not found." % unit, name="org.freedesktop.systemd1.NoSuchUnit")
        if self.result != "never":
            from gi.repository import GLib
            GLib.timeout_add(20, self.EmitSignal, MAIN_IFACE, "JobRemoved", "uoss",
                             [dbus.UInt32(self.jobs), job, unit, self.result])
        return job

    @dbus.service.method(MAIN_IFACE, in_signature="", out_signature="")
    def Subscribe(self):
        self.units.append(["Subscribe"])

    @dbus.service.method(MAIN_IFACE, in_signature="", out_signature="")
    def Unsubscribe(self):
        self.units.append(["Unsubscribe"])

    @dbus.service.method(MOCK_IFACE, in_signature="s", out_signature="")
    def SetResult(self, result):
        self.result = str(result)

    @dbus.service.method(MOCK_IFACE, in_signature="", out_signature="s")
    def Units(self):
        units, self.units = self.units, []
        return json.dumps(units)
