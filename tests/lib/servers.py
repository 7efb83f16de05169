# SPDX-License-Identifier: GPL-2.0-or-later
"""A network with servers on it, for one boot.

Each has a namespace of its own, so that any number of boots run side by side with the same addresses,
and needs nothing of the machine but /dev/net/tun. In it are a tap interface with the address SERVER,
which QEMU gives its machine a card on, and whatever server is started. Servers see /run and
/var/lib/nfs of their own.

The namespace is held by a process that ends when its standard input is closed, which also a test that
is killed does; servers are killed with the thread that has started them. Nothing has a name outside.

    with servers.Network(directory) as network:
        network.dhcp()
        network.start("nbd-server", …)
        network.wait_tcp(10809)
        … qemu.Boot(…, around=network.around())
"""

import os
import signal
import subprocess
import sys
import threading
import time

import qemu
import report
from cache import run

LIBRARY = os.path.dirname(os.path.abspath(__file__))
# Where QEMU and vlan-wire send each other frames.
VLAN_PORTS = (9091, 9092)
# Of the servers; what a guest is given by DHCP, and what one may take without asking.
SERVER, SERVER6 = "10.9.9.1", "fd00:9::1"
DHCP_RANGE, DHCP_RANGE6 = ("10.9.9.100", "10.9.9.199"), ("fd00:9::100", "fd00:9::1ff")
STATIC, STATIC6 = "10.9.9.5", "fd00:9::5"
NETMASK, PREFIX = "255.255.255.0", 24
# Of the guest's first card, the second, …
MACS = ["52:54:00:09:09:%02x" % n for n in range(1, 5)]
# Where everything of HTTP is.
URL = "http://%s/" % SERVER
# What is exported over NFS.
EXPORT = "/srv/root"
# What a server that starts is waited for, however busy the machine is.
PATIENCE = 120

# Runs in the new namespaces. /run and /var/lib/nfs are where servers leave what two of them would
# fight for.
_SETUP = """
mount -t tmpfs tmpfs /run
[ ! -d /var/lib/nfs ] || mount -t tmpfs tmpfs /var/lib/nfs
mkdir -p /run/ganesha /run/rpcbind /run/lock
ip link set lo up
ip tuntap add dev guest0 mode tap
ip link set guest0 up
ip address add {server}/{prefix} dev guest0
ip -6 address add {server6}/64 dev guest0 nodad
echo ready
exec cat
"""


_GANESHA = """
NFS_CORE_PARAM {{
        Protocols = {versions}; NFS_Port = 2049; MNT_Port = 20048;
        Enable_NLM = false; Enable_RQUOTA = false; Mount_Path_Pseudo = true;
}}
NFSv4 {{ Graceless = true; Grace_Period = 1; RecoveryBackend = fs; Only_Numeric_Owners = true; }}
EXPORT {{
        Export_Id = 1; Path = "{tree}"; Pseudo = {export}; Access_Type = RW; Squash = No_Root_Squash;
        SecType = sys; Protocols = {versions}; Transports = UDP, TCP; FSAL {{ Name = VFS; }}
}}
LOG {{ Default_Log_Level = EVENT; }}
"""


class Network:
    """`directory` is for the logs of the servers, which are called LABEL-PROGRAM.log. With `vlan` all
    frames on the guest's wire are of the VLAN with that number."""

    def __init__(self, directory, label, vlan=None):
        self.directory, self.label, self.vlan = directory, label, vlan
        self.holder = None
        self.processes = []
        self.threads = []
        self.done = threading.Event()
        self.cards = []

    def __enter__(self):
        if not os.path.exists("/dev/net/tun"):
            report.skip("there is no /dev/net/tun")
        script = _SETUP.format(server=SERVER, server6=SERVER6, prefix=PREFIX)
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-ec", script],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            said = self.holder.communicate()[1]
            self.holder = None
            raise RuntimeError("no network namespace can be made: %s" % said)
        if self.vlan:
            self.start(sys.executable, os.path.join(LIBRARY, "vlan-wire"), "guest0", self.vlan,
                       *VLAN_PORTS)
            self.wait_udp(VLAN_PORTS[0])
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()
        for process in reversed(self.processes):
            self.end(process)
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()

    def _inside(self, mounts=True):
        """What a command is started with to be in the namespaces."""
        place = "/proc/%d/ns/" % self.holder.pid
        words = ["nsenter", "--net=%snet" % place]
        return words + (["--mount=%smnt" % place] if mounts else []) + ["--"]

    def run(self, *command, **options):
        """Runs a command beside the servers to its end, and returns what it printed."""
        return run(*self._inside(), *command, **options)

    def start(self, *command):
        """Starts a server, which must stay in the foreground. What it says is in a log."""
        log = os.path.join(self.directory,
                           "%s-%s.log" % (self.label, os.path.basename(command[0])))
        with open(log, "ab") as stream:
            process = subprocess.Popen(
                self._inside() + ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        process.log = log
        self.processes.append(process)
        return process

    def end(self, process):
        """Ends a server, as if its machine had lost power."""
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()

    def later(self, seconds, action):
        """Calls action() so much later, unless the boot has ended. What it starts ends with the thread
        that it runs in, which is therefore kept until the end."""
        def run_later():
            if not self.done.wait(seconds):
                action()
                self.done.wait()

        thread = threading.Thread(target=run_later, daemon=True)
        self.threads.append(thread)
        thread.start()

    def wait(self, condition, what):
        """Until condition() is true. An error when a server ends meanwhile."""
        end = time.monotonic() + PATIENCE
        while not condition():
            for process in self.processes:
                if process.poll() not in (None, 0, -signal.SIGKILL):
                    with open(process.log, encoding="utf-8", errors="replace") as stream:
                        said = stream.read()[-4000:]
                    raise RuntimeError("%s ended: %s" % (" ".join(process.args), said))
            if time.monotonic() > end or self.done.is_set():
                raise RuntimeError("%s: not there after %d s" % (what, PATIENCE))
            time.sleep(0.05)

    def _listens(self, option, port):
        return bool(self.run("ss", "-H", "-n", "-l", option, "sport = :%d" % port).strip())

    def wait_tcp(self, port):
        """Until somebody listens there."""
        self.wait(lambda: self._listens("-t", port), "port %d" % port)

    def wait_udp(self, port):
        self.wait(lambda: self._listens("-u", port), "port %d" % port)

    def dhcp(self, *options):
        """A server for DHCP, for DHCPv6, and of advertisements. `options` are more of dnsmasq's,
        such as --dhcp-option=17,10.9.9.1:/root."""
        self.start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root",
                   "--log-facility=-", "--log-dhcp", "--port=0", "--interface=guest0", "--no-ping",
                   "--bind-dynamic", "--dhcp-authoritative", "--pid-file=",
                   "--dhcp-leasefile=/run/dnsmasq.leases", "--enable-ra",
                   "--dhcp-range=%s,%s,1h" % DHCP_RANGE, "--dhcp-range=%s,%s,64,1h" % DHCP_RANGE6,
                   *options)
        self.wait_udp(67)

    def nfs(self, tree, versions="4"):
        """Exports a directory as EXPORT, in versions such as "3, 4" of the protocol."""
        if "3" in versions:
            self.start("rpcbind", "-f", "-w")
            self.wait_tcp(111)
        conf = os.path.join(self.directory, self.label + "-ganesha.conf")
        with open(conf, "w", encoding="utf-8") as stream:
            stream.write(_GANESHA.format(versions=versions, tree=tree, export=EXPORT))
        self.start("ganesha.nfsd", "-F", "-f", conf, "-L", "STDERR", "-p", "/run/ganesha.pid")
        self.wait_tcp(2049)

    def http(self, directory):
        """Serves a directory at HTTP."""
        self.start(sys.executable, "-m", "http.server", "--bind", SERVER, "--directory", directory,
                   "80")
        self.wait_tcp(80)

    def around(self, cards=1, model="virtio-net-pci", start=False):
        """What QEMU is started with: that many cards on one wire. With `start` the machine starts from
        the first of them, by the iPXE that QEMU has in it."""
        wire = "tap,id=wire,ifname=guest0,script=no,downscript=no"
        if self.vlan:
            wire = "socket,id=wire,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % VLAN_PORTS
        devices = ["-netdev", wire]
        ends = ["wire"]
        if cards > 1:
            # A hub joins the ends of several.
            devices += ["-netdev", "hubport,hubid=0,id=hub,netdev=wire"]
            ends = ["end%d" % n for n in range(cards)]
            for end in ends:
                devices += ["-netdev", "hubport,hubid=0,id=" + end]
        for n, (end, mac) in enumerate(zip(ends, MACS)):
            devices += ["-device", "%s,netdev=%s,mac=%s,%s" % (
                model, end, mac, "bootindex=1" if start and n == 0 else "romfile=")]
        return qemu.Around(self._inside(mounts=False), devices)
