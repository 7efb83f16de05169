#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-generator: each form of what a kernel command line says of the network and of a root on NFS,
and what comes of it, to the letter. Malformed ones are a line in the log, and no file.

A case is a command line, the files below /run/systemd/network by the parts of their names that differ
("lan0" is 90-initrdd-lan0.network, "*" the one for all others), what systemd-networkd-wait-online is
started with, and what must be in the log. Lines of a file are joined with one space.
"""

import os
import subprocess
import sys
import tempfile
import unittest

GENERATOR, MOUNT, RESOLV = (os.path.abspath(path) for path in sys.argv[1:4])
del sys.argv[1:4]

HELPER, NFS = "r/sbin/mount.initrdd-nfs", "r/sbin/mount.nfs"
NETWORK = "r/run/systemd/network/"
WAIT = "n/systemd-networkd-wait-online.service.d/60-initrdd.conf"
DHCP4 = "[DHCPv4] ClientIdentifier=mac RequestOptions=17"
DHCP6 = "[DHCPv6] DUIDType=link-layer"
KEEP = "KeepConfiguration=yes"
NONE = "DHCP=no IPv6AcceptRA=no " + KEEP
PART = "[Link] RequiredForOnline=no [Network] DHCP=no IPv6AcceptRA=no LinkLocalAddressing=no "
ALL = "[Match] Kind=!* Type=!loopback"
FAMILY = "RequiredFamilyForOnline=ipv"
MAC = "52:54:00:11:22:33"
FOUR = "10.0.0.5::10.0.0.1:255.255.255.0"
STATIC = "[Address] Address=10.0.0.5/24 [Route] Gateway=10.0.0.1"


def named(name):
    return "[Match] Name=" + name


def by_dhcp4(match, link="", network="", more=""):
    return " ".join(filter(None, (match, "[Link]", link, FAMILY + "4 [Network] DHCP=ipv4", network,
                                  KEEP, DHCP4, more, DHCP6)))


def by_none(match, link="", network="", more=STATIC):
    return " ".join(filter(None, (match, "[Link]", link, "[Network] DHCP=no IPv6AcceptRA=no",
                                  network, KEEP, more)))


def way(word, match=ALL):
    """What an address is come to by."""
    link, network, more = {
        "dhcp": (FAMILY + "4", "DHCP=ipv4", (DHCP4, DHCP6)),
        "on": ("", "DHCP=yes", (DHCP4, DHCP6)),
        "dhcp6": (FAMILY + "6", "DHCP=ipv6",
                  (DHCP6, "WithoutRA=solicit [IPv6AcceptRA] DHCPv6Client=always")),
        "auto6": (FAMILY + "6", "DHCP=no IPv6AcceptRA=yes", (DHCP6,)),
        "either6": (FAMILY + "6", "DHCP=ipv6", (DHCP6,)),
        "link6": (FAMILY + "6", "DHCP=no LinkLocalAddressing=ipv6 IPv6AcceptRA=no", ()),
        "link-local": ("", "DHCP=no LinkLocalAddressing=yes IPv6AcceptRA=no", ()),
        "none": ("", "DHCP=no IPv6AcceptRA=no", ()),
        "dhcp,auto6": ("", "DHCP=ipv4 IPv6AcceptRA=yes", (DHCP4, DHCP6)),
    }[word]
    return " ".join(filter(None, (match, "[Link]", link, "[Network]", network, KEEP) + more))


BAD = "can't be understood and was ignored"
LAN0, LAN1 = named("lan0"), named("lan1")
BY_MAC = "[Match] MACAddress=%s Kind=!*" % MAC
CASES = [
    # Every card
    ("", {}, None, ""),
    ("ip=dhcp", {"*": way("dhcp")}, None, ""), ("ip=on", {"*": way("on")}, None, ""),
    ("ip=any", {"*": way("on")}, None, ""), ("ip=both", {"*": way("on")}, None, ""),
    ("ip=bootp", {"*": way("dhcp")}, None, ""), ("ip=single-dhcp", {"*": way("dhcp")}, None, ""),
    ("ip=dhcp6", {"*": way("dhcp6")}, None, ""), ("ip=auto6", {"*": way("auto6")}, None, ""),
    ("ip=either6", {"*": way("either6")}, None, ""), ("ip=link6", {"*": way("link6")}, None, ""),
    ("ip=link-local", {"*": way("link-local")}, None, ""),
    ("ip=none", {"*": way("none")}, None, ""), ("ip=off", {"*": way("none")}, None, ""),
    ("ip=dhcp,auto6", {"*": way("dhcp,auto6")}, None, ""),
    ("ip=dhcp ip=auto6", {"*": way("dhcp,auto6")}, None, ""),
    ("ip=::::::dhcp", {"*": way("dhcp")}, None, ""),
    # One
    ("ip=lan0:dhcp", {"lan0": way("dhcp", LAN0)}, "--quiet", ""),
    ("ip=lan0:on", {"lan0": way("on", LAN0)}, "--quiet", ""),
    ("ip=lan0:either6", {"lan0": way("either6", LAN0)}, "--quiet", ""),
    ("ip=lan0:single-dhcp", {"lan0": way("dhcp", LAN0)}, "--any", ""),
    ("ip=52-54-00-11-22-AA:dhcp",
     {"52-54-00-11-22-aa": way("dhcp", "[Match] MACAddress=52:54:00:11:22:aa Kind=!*")}, "--quiet", ""),
    ("ip=lan0:dhcp:1400", {"lan0": by_dhcp4(LAN0, "MTUBytes=1400")}, "--quiet", ""),
    ("ip=lan0:dhcp:1400:" + MAC, {"lan0": by_dhcp4(LAN0, "MTUBytes=1400 MACAddress=" + MAC)},
     "--quiet", ""),
    ("ip=lan0:dhcp::" + MAC, {"lan0": by_dhcp4(LAN0, "MACAddress=" + MAC)}, "--quiet", ""),
    ("ip=lan0:dhcp::52-54-00-11-22-33", {"lan0": by_dhcp4(LAN0, "MACAddress=" + MAC)}, "--quiet", ""),
    ("ip=lan0:dhcp:", {"lan0": way("dhcp", LAN0)}, "--quiet", ""),
    ("ip=lan0:dhcp:1400:", {"lan0": by_dhcp4(LAN0, "MTUBytes=1400")}, "--quiet", ""),
    ("ip=%s:host:lan0:none::" % FOUR, {"lan0": by_none(LAN0)}, "--quiet", ""),
    ("ip=lan0:dhcp ip=lan1:dhcp", {"lan0": way("dhcp", LAN0), "lan1": way("dhcp", LAN1)},
     "--quiet", ""),
    # With an address
    ("ip=%s::lan0:none" % FOUR, {"lan0": by_none(LAN0)}, "--quiet", ""),
    ("ip=%s::lan0:off" % FOUR, {"lan0": by_none(LAN0)}, "--quiet", ""),
    ("ip=%s::lan0" % FOUR, {"lan0": by_none(LAN0)}, "--quiet", ""),
    ("ip=%s" % FOUR, {"*": by_none(ALL)}, None, ""),
    ("ip=10.0.0.5::10.0.0.1:24::lan0:none", {"lan0": by_none(LAN0)}, "--quiet", ""),
    ("ip=10.0.0.5/24::10.0.0.1:::lan0:none", {"lan0": by_none(LAN0)}, "--quiet", ""),
    ("ip=10.0.0.5", {"*": by_none(ALL, more="[Address] Address=10.0.0.5/8")}, None, ""),
    ("ip=172.16.0.5", {"*": by_none(ALL, more="[Address] Address=172.16.0.5/16")}, None, ""),
    ("ip=192.168.0.5:::::lan0:none",
     {"lan0": by_none(LAN0, more="[Address] Address=192.168.0.5/24")}, "--quiet", ""),
    # The server of the kernel, and the other end of dracut
    ("ip=10.0.0.5:10.9.9.9:10.0.0.1:255.255.255.0::lan0:none", {"lan0": by_none(LAN0)}, "--quiet", ""),
    ("ip=10.0.0.5:10.0.0.9:10.0.0.9:32::lan0:none",
     {"lan0": by_none(LAN0, more="[Address] Address=10.0.0.5/32 Peer=10.0.0.9/32"
                                 " [Route] Gateway=10.0.0.9 GatewayOnLink=yes")}, "--quiet", ""),
    ("ip=%s:host:lan0:none:1400:%s" % (FOUR, MAC),
     {"lan0": by_none(LAN0, "MTUBytes=1400 MACAddress=" + MAC)}, "--quiet", ""),
    ("ip=%s::lan0:none:10.0.0.2" % FOUR, {"lan0": by_none(LAN0, network="DNS=10.0.0.2")},
     "--quiet", ""),
    ("ip=%s::lan0:none:10.0.0.2:10.0.0.3:10.0.0.4" % FOUR,
     {"lan0": by_none(LAN0, network="DNS=10.0.0.2 DNS=10.0.0.3 NTP=10.0.0.4")}, "--quiet", ""),
    ("ip=%s::lan0:none::10.0.0.3" % FOUR, {"lan0": by_none(LAN0, network="DNS=10.0.0.3")},
     "--quiet", ""),
    ("ip=%s::52-54-00-11-22-33:none" % FOUR,
     {"52-54-00-11-22-33": by_none(BY_MAC)}, "--quiet", ""),
    ("ip=::10.0.0.1::host:lan0:dhcp",
     {"lan0": by_dhcp4(LAN0, more="Hostname=host") + " [Route] Gateway=10.0.0.1"}, "--quiet", ""),
    ("ip=[2001:db8::5]::[2001:db8::1]:64::lan0:none:[2001:db8::2]",
     {"lan0": by_none(LAN0, network="DNS=2001:db8::2",
                      more="[Address] Address=2001:db8::5/64 [Route] Gateway=2001:db8::1")},
     "--quiet", ""),
    ("ip=[2001:db8::5/48]:::::lan0:none",
     {"lan0": by_none(LAN0, more="[Address] Address=2001:db8::5/48")}, "--quiet", ""),
    ("ip=[2001:db8::5]/48:::::lan0:none",
     {"lan0": by_none(LAN0, more="[Address] Address=2001:db8::5/48")}, "--quiet", ""),
    ("ip=%s::lan0:none ip=[2001:db8::5]:::64::lan0:none" % FOUR,
     {"lan0": by_none(LAN0, more=STATIC + " [Address] Address=2001:db8::5/64")}, "--quiet", ""),
    # The root's server has such an address
    ("root=nfs:[2001:db8::1]:/p", {"*": way("either6")}, None, ""),
    ("netroot=nfs:[2001:db8::1]:/p bootdev=lan0", {"lan0": way("either6", LAN0)}, "--quiet", ""),
    ("root=nfs:[2001:db8::1]:/p ip=dhcp", {"*": way("dhcp")}, None, ""),
    # Which one
    ("bootdev=lan0", {"lan0": way("dhcp", LAN0)}, "--quiet", ""),
    ("ip=dhcp bootdev=lan0", {"*": way("dhcp", LAN0)}, None, ""),
    ("BOOTIF=01-52-54-00-11-22-33",
     {"52-54-00-11-22-33": way("dhcp", BY_MAC)}, "--quiet", ""),
    ("BOOTIF=52:54:00:11:22:33 ip=on", {"*": way("on", BY_MAC)}, None, ""),
    ("BOOTIF=01-52-54-00-11-22-33 rd.bootif=0", {}, None, ""),
    ("ip=lan0:dhcp ip=lan1:dhcp bootdev=lan1",
     {"lan0": by_dhcp4(LAN0, more="UseGateway=no").replace(FAMILY + "4", "RequiredForOnline=no"),
      "lan1": way("dhcp", LAN1)}, "--quiet", ""),
    ("bootdev=a/b", {}, None, "bootdev=a/b names no interface"),
    ("BOOTIF=x", {}, None, "BOOTIF=x is no MAC address"),
    # Names
    ("ifname=lan0:" + MAC, {"10-initrdd-lan0.link": "[Match] MACAddress=%s [Link] Name=lan0" % MAC},
     None, ""),
    # On top
    ("vlan=lan0.5:lan0", {
        "90-initrdd-lan0.5.netdev": "[NetDev] Name=lan0.5 Kind=vlan [VLAN] Id=5",
        "lan0.5": way("dhcp", named("lan0.5")), "lan0": LAN0 + " " + PART + "VLAN=lan0.5 " + KEEP},
     "--quiet", ""),
    ("vlan=vlan0007:lan0 ip=%s::vlan0007:none" % FOUR, {
        "90-initrdd-vlan0007.netdev": "[NetDev] Name=vlan0007 Kind=vlan [VLAN] Id=7",
        "vlan0007": by_none(named("vlan0007")), "lan0": LAN0 + " " + PART + "VLAN=vlan0007 " + KEEP},
     "--quiet", ""),
    # It has the address of its card.
    ("vlan=vlan7:52-54-00-11-22-33", {
        "90-initrdd-vlan7.netdev": "[NetDev] Name=vlan7 Kind=vlan [VLAN] Id=7",
        "vlan7": way("dhcp", named("vlan7")),
        "52-54-00-11-22-33": BY_MAC + " " + PART + "VLAN=vlan7 " + KEEP}, "--quiet", ""),
    # The wire itself has an address, too.
    ("vlan=lan0.5:lan0 ip=lan0:dhcp ip=lan0.5:dhcp", {
        "90-initrdd-lan0.5.netdev": "[NetDev] Name=lan0.5 Kind=vlan [VLAN] Id=5",
        "lan0.5": way("dhcp", named("lan0.5")), "lan0": by_dhcp4(LAN0, network="VLAN=lan0.5")},
     "--quiet", ""),
    ("bond=bond0:lan0,lan1:mode=4,miimon=100,lacp_rate=1,arp_ip_target=10.0.0.1;10.0.0.2,primary=lan1:1400", {
        "90-initrdd-bond0.netdev": "[NetDev] Name=bond0 Kind=bond MTUBytes=1400 [Bond] Mode=802.3ad"
                                   " MIIMonitorSec=100ms LACPTransmitRate=fast"
                                   " ARPIPTargets=10.0.0.1 10.0.0.2",
        "bond0": way("dhcp", named("bond0")), "lan0": LAN0 + " " + PART + "Bond=bond0 " + KEEP,
        "lan1": LAN1 + " " + PART + "Bond=bond0 PrimarySlave=yes " + KEEP}, "--quiet", ""),
    ("bond=bond0:lan0:mode=active-backup,strange=1", {
        "90-initrdd-bond0.netdev": "[NetDev] Name=bond0 Kind=bond [Bond] Mode=active-backup",
        "bond0": way("dhcp", named("bond0")), "lan0": LAN0 + " " + PART + "Bond=bond0 " + KEEP},
     "--quiet", "the option strange of a bond is not known"),
    ("bridge=br0:lan0,lan1 ip=br0:auto6", {
        "90-initrdd-br0.netdev": "[NetDev] Name=br0 Kind=bridge", "br0": way("auto6", named("br0")),
        "lan0": LAN0 + " " + PART + "Bridge=br0 " + KEEP,
        "lan1": LAN1 + " " + PART + "Bridge=br0 " + KEEP}, "--quiet", ""),
    ("bridge", {
        "90-initrdd-br0.netdev": "[NetDev] Name=br0 Kind=bridge", "br0": way("dhcp", named("br0")),
        "eth0": named("eth0") + " " + PART + "Bridge=br0 " + KEEP}, "--quiet", ""),
    # A VLAN on a bond of cards that get names
    ("ifname=lan0:%s bond=bond0:lan0 vlan=bond0.5:bond0 ip=%s::bond0.5:none" % (MAC, FOUR), {
        "10-initrdd-lan0.link": "[Match] MACAddress=%s [Link] Name=lan0" % MAC,
        "90-initrdd-bond0.netdev": "[NetDev] Name=bond0 Kind=bond [Bond]",
        "90-initrdd-bond0.5.netdev": "[NetDev] Name=bond0.5 Kind=vlan [VLAN] Id=5",
        "lan0": LAN0 + " " + PART + "Bond=bond0 " + KEEP,
        "bond0": named("bond0") + " " + PART + "VLAN=bond0.5 " + KEEP,
        "bond0.5": by_none(named("bond0.5"))}, "--quiet", ""),
    # And a bridge with such a VLAN
    ("vlan=lan0.5:lan0 bridge=br0:lan0.5 ip=%s::br0:none" % FOUR, {
        "90-initrdd-lan0.5.netdev": "[NetDev] Name=lan0.5 Kind=vlan [VLAN] Id=5",
        "90-initrdd-br0.netdev": "[NetDev] Name=br0 Kind=bridge",
        "lan0": LAN0 + " " + PART + "VLAN=lan0.5 " + KEEP,
        "lan0.5": named("lan0.5") + " " + PART + "Bridge=br0 " + KEEP,
        "br0": by_none(named("br0"))}, "--quiet", ""),
    # Routes and servers
    ("ip=%s::lan0:none rd.route=10.1.0.0/16:10.0.0.2:lan0" % FOUR,
     {"lan0": by_none(LAN0, more=STATIC + " [Route] Destination=10.1.0.0/16 Gateway=10.0.0.2")},
     "--quiet", ""),
    ("rd.route=10.1.0.0/255.255.0.0:10.0.0.2 ip=lan0:dhcp",
     {"lan0": way("dhcp", LAN0) + " [Route] Destination=10.1.0.0/16 Gateway=10.0.0.2"}, "--quiet", ""),
    ("rd.route=[2001:db8:1::]/48:[2001:db8::1]:lan0",
     {"lan0": way("dhcp", LAN0) + " [Route] Destination=2001:db8:1::/48 Gateway=2001:db8::1"},
     "--quiet", ""),
    ("rd.route=10.1.0.9::lan0",
     {"lan0": way("dhcp", LAN0) + " [Route] Destination=10.1.0.9/32 Scope=link"}, "--quiet", ""),
    ("nameserver=10.0.0.2 nameserver=[2001:db8::2] nameserver=2001:db8::3",
     {"*": by_dhcp4(ALL, network="DNS=10.0.0.2 2001:db8::2 2001:db8::3")}, None, ""),
    ("ip=lan0:dhcp nameserver=10.0.0.2 rd.peerdns=0",
     {"lan0": by_dhcp4(LAN0, network="DNS=10.0.0.2", more="UseDNS=no")
              + " UseDNS=no [IPv6AcceptRA] UseDNS=no"}, "--quiet", ""),
    ("rd.net.dhcp.retry=3 rd.net.dhcp.vendor-class=thin",
     {"*": by_dhcp4(ALL, more="MaxAttempts=3 VendorClassIdentifier=thin")}, None, ""),
    # How long
    ("rd.net.timeout.dhcp=20 rd.net.timeout.carrier=30", {}, "--any --timeout=30", ""),
    ("rd.net.timeout.dhcp=20 ip=lan0:dhcp", {"lan0": way("dhcp", LAN0)}, "--quiet --timeout=20", ""),
    ("rd.net.timeout.dhcp=long", {}, None, "rd.net.timeout.dhcp=long is no number of seconds"),
    # Malformed, and not there
    ("ip=ibft", {}, None, "firmware has set up no interface"),
    ("rd.iscsi.ibft", {}, None, "firmware has set up no interface"),
    ("rd.iscsi.ibft=maybe", {}, None, "rd.iscsi.ibft=maybe is neither"),
    ("team=team0:lan0,lan1", {}, None, "team0:lan0,lan1 is not supported and was ignored; bond=NAME:"),
] + [(word, {}, None, BAD) for word in (
    "ip", "ip=", "ip=x", "ip=rarp", "ip=::::::", "ip=lan0:rarp", "ip=lan0:", "ip=lan/0:dhcp",
    "ip=averyveryverylongname:dhcp", "ip=10.0.0.256::::::none", "ip=10.0.0.5::::::never",
    "ip=10.0.0.5:::255.0.255.0::lan0:none", "ip=10.0.0.5:::33::lan0:none", "ip=10.0.0.5:x::24::lan0:none",
    "ip=10.0.0.5::x:24::lan0:none", "ip=10.0.0.5:::24:a=b:lan0:none", "ip=10.0.0.5:::24::lan=0:none",
    "ip=10.0.0.5:::24::lan0:none:x", "ip=10.0.0.5:::24::lan0:none:10.0.0.1:10.0.0.2:10.0.0.3:10.0.0.4",
    "ip=[2001:db8::5:::64::lan0:none", "ip=[2001:db8::5]x:::64::lan0:none", "ip=[10.0.0.5:::::lan0:none",
    "ip=2001:db8::5:::64::lan0:none", "ip=lan0:dhcp:12", "ip=lan0:dhcp:1400:zz", "ip=dhcp:lan0",
    "ip=1:2:3:4:5:6:7:8:9:a:b:c:d:e:f", "'ip=lan0 Name=x:dhcp'",
    "ifname=lan0", "ifname=lan0:x", "ifname=:" + MAC, "ifname=../x:" + MAC, "vlan", "vlan=x", "vlan=x:lan0",
    "vlan=v4095:lan0", "vlan=v0:lan0", "vlan=v5:", "vlan=v5:a/b", "vlan=v5:lan0:x", "bond=:lan0",
    "bond=a/b:lan0", "bond=bond0:lan0::x", "bond=b:lan0:mode=1:1500:1", "bridge=br0", "bridge=br0:",
    "bridge=:lan0", "nameserver", "nameserver=x", "nameserver=[10.0.0.1", "rd.route", "rd.route=x",
    "rd.route=10.0.0.0/8", "rd.route=10.0.0.0/33:10.0.0.1", "rd.route=10.0.0.0/8:[2001:db8::1]",
    "rd.route=10.0.0.0/8:10.0.0.1:a/b", "rd.route=10.0.0.0/8:10.0.0.1:lan0:x",
)] + [(word, {}, None, "is not supported and was ignored") for word in (
    "rd.ethtool=lan0:off:1000", "rd.znet=qeth,0.0.f5f0")]

TIME = "INITRDD_TIMEOUT=180"
MOUNTS = [
    ("root=nfs:10.0.0.1:/srv/root", "10.0.0.1:/srv/root", "ro,nolock", TIME, ""),
    ("root=nfs4:10.0.0.1:/srv/root", "10.0.0.1:/srv/root", "ro,vers=4", TIME, ""),
    # Whether it is written to: the last word of the command line, else of the options.
    ("root=nfs4:h:/p:vers=4.1,rw", "h:/p", "rw,vers=4.1", TIME, ""),
    ("root=nfs4:h:/p:vers=4.1,rw ro", "h:/p", "ro,vers=4.1", TIME, ""),
    ("root=nfs:h:/p rootflags=rw", "h:/p", "rw,nolock", TIME, ""),
    ("root=nfs:h:/p:rw rootflags=ro", "h:/p", "ro,nolock", TIME, ""),
    ("root=nfs:h:/p rw ro", "h:/p", "ro,nolock", TIME, ""),
    ("root=nfs:h:/p ro rw", "h:/p", "rw,nolock", TIME, ""),
    ("root=nfs:h:/p rw=1", "h:/p", "ro,nolock", TIME, ""),
    ("root=nfs4:h:/p,nfsvers=4.0 rw", "h:/p", "rw,nfsvers=4.0", TIME, ""),
    ("root=nfs:h.example:/p,rsize=1024,lock ro", "h.example:/p", "ro,nolock,rsize=1024", TIME, ""),
    ("root=nfs:h:/p rootflags=soft,ro", "h:/p", "ro,nolock,soft", TIME, ""),
    ("root=nfs:rsize=1,wsize=2:h:/p", "h:/p", "ro,nolock,rsize=1,wsize=2", TIME, ""),
    ("root=nfs:[2001:db8::1]:/p", "[2001:db8::1]:/p", "ro,nolock", TIME, ""),
    ("root=nfs://h:2050/p", "h:/p", "ro,nolock,port=2050", TIME, ""),
    ("root=nfs4://[2001:db8::1]/p", "[2001:db8::1]:/p", "ro,vers=4", TIME, ""),
    ("root=10.0.0.1:/p", "10.0.0.1:/p", "ro,nolock", TIME, ""),
    ("root=[2001:db8::1]:/p", "[2001:db8::1]:/p", "ro,nolock", TIME, ""),
    ("root=nfs:/p", ":/p", "ro,nolock", TIME, ""), ("root=/p", ":/p", "ro,nolock", TIME, ""),
    ("root=nfs:/%s/100%", ":/%%s/100%%", "ro,nolock", TIME, ""),
    # The next line of the unit would be a part of it.
    ("root=nfs:h:/p\\", None, "", "", "can't be passed on"),
    ("root=nfs:h:/p:a\\", None, "", "", "can't be passed on"),
    ("root=nfs:", ":", "ro,nolock", TIME, ""),
    ("root=/dev/nfs", ":", "ro,nolock", TIME, ""),
    ("root=/dev/nfs nfsroot=10.0.0.1:/p,vers=3,tcp", "10.0.0.1:/p", "ro,nolock,vers=3,tcp", TIME, ""),
    ("root=/dev/nfs nfsroot=/p", ":/p", "ro,nolock", TIME, ""),
    ("boot=nfs nfsroot=10.0.0.1:/p", "10.0.0.1:/p", "ro,nolock", TIME, ""),
    ("boot=nfs nfsroot=auto", ":", "ro,nolock", TIME, ""),
    ("netroot=nfs:h:/p", "h:/p", "ro,nolock", TIME, ""),
    ("root=/dev/nfs netroot=nfs4:h:/p", "h:/p", "ro,vers=4", TIME, ""),
    ("root=dhcp", ":", "ro,nolock", TIME, ""), ("netroot=dhcp", ":", "ro,nolock", TIME, ""),
    ("root=dhcp rd.timeout=10", ":", "ro,nolock", "INITRDD_TIMEOUT=10", ""),
    ("root=dhcp rd.timeout=0", ":", "ro,nolock", "INITRDD_TIMEOUT=0", ""),
    ("root=dhcp rd.retry=30", ":", "ro,nolock", "INITRDD_TIMEOUT=30", ""),
    ("root=dhcp rootdelay=600", ":", "ro,nolock", "INITRDD_TIMEOUT=600", ""),
    ("root=LABEL=x nfsroot=10.0.0.1:/p", None, None, None, ""),
    ("root=LABEL=x netroot=nfs:h:/p", None, None, None, ""),
    ("root=/dev/sda1 boot=nfs", None, None, None, ""),
    ("root=/x.iso", None, None, None, ""),
    ("netroot=iscsi:10.0.0.1::::iqn.2026-01.test:root", None, None, None, ""),
] + [(word, None, None, None, "is no root on NFS and was ignored") for word in (
    "root=nfs:x", "root=nfs:h:p", "root=nfs:h;x:/p", "root=nfs:[h:/p", "root=nfs:[2001:db8::1]x:/p",
    "root=nfs://h:x/p", "root=nfs://h:0/p", "root=nfs://h", "'root=nfs:h h:/p'", "root=nfs:h\x01:/p",
    "root=nfs:h:/p\x01", "root=nfs:h:/p:a\x01", "root=/dev/nfs nfsroot=x", "root=nfs:[]:/p:")]


class Network(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="test-network-")
        self.addCleanup(self.directory.cleanup)
        for name in ("n", "e", "l", "r", "r/sbin"):
            os.mkdir(os.path.join(self.directory.name, name))
        for name in (HELPER, NFS):
            os.symlink("/bin/true", os.path.join(self.directory.name, name))

    def write(self, name, text):
        path = os.path.join(self.directory.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)

    def run_generator(self, line):
        """{path: the lines but for comments, joined}, and what was said."""
        environment = {"SYSTEMD_IN_INITRD": "1", "SYSTEMD_PROC_CMDLINE": line,
                       "INITRDD_GENERATOR_ROOT": os.path.join(self.directory.name, "r")}
        done = subprocess.run([GENERATOR, "n", "e", "l"], cwd=self.directory.name, text=True,
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        found = {}
        for top, _, names in os.walk(self.directory.name):
            for name in names:
                path = os.path.join(top, name)
                shown = os.path.relpath(path, self.directory.name)
                if os.path.islink(path):
                    found[shown] = "-> " + os.readlink(path)
                    continue
                with open(path, encoding="utf-8") as stream:
                    found[shown] = " ".join(row.strip() for row in stream
                                            if row.strip() and not row.startswith("#"))
        found.pop(HELPER, None)
        found.pop(NFS, None)
        return found, done.stdout

    def check_log(self, told, log):
        if log:
            self.assertIn(log, told)
            self.assertEqual(len(told.splitlines()), 1, told)
        else:
            self.assertEqual(told, "")

    def test_network(self):
        for line, files, wait, log in CASES:
            with self.subTest(line):
                self.directory.cleanup()
                self.setUp()
                expected = {}
                for name, text in files.items():
                    name = ("99-initrdd-default.network" if name == "*"
                            else name if name.endswith((".link", ".netdev"))
                            else "90-initrdd-%s.network" % name)
                    expected[NETWORK + name] = text
                if any(name.endswith(".network") for name in expected) and "*" not in files:
                    expected[NETWORK + "99-initrdd-default.network"] = "-> /dev/null"
                if wait:
                    expected[WAIT] = '[Service] Environment="INITRDD_WAIT=%s"' % wait
                found, told = self.run_generator(line)
                found = {path: text for path, text in found.items() if "sysroot.mount" not in path}
                self.assertEqual(found, expected)
                self.check_log(told, log)
                # Who can't read one word reads the others.
                if log == BAD:
                    found, told = self.run_generator(line + " ip=lan9:dhcp")
                    self.assertEqual(found[NETWORK + "90-initrdd-lan9.network"],
                                     way("dhcp", named("lan9")))
                    self.assertIn(BAD, told)

    def test_ipv6_servers(self):
        """Of disks on the network."""
        for line, asked in (
                ("nbdroot=[2001:db8::1],export", "either6"), ("nbdroot=[2001:db8::1]:/e", "either6"),
                ("netroot=iscsi:a:b@[2001:db8::1]::::iqn.a:b", "either6"),
                ("netroot=nbd:[2001:db8::1]:e netroot=nbd:[2001:db8::2]:f", "either6"),
                ("rd.iscsi.target.ip=2001:db8::1 rd.iscsi.target.name=iqn.a:b", "either6"),
                ("rd.iscsi.target.ip=10.0.0.1 rd.iscsi.target.name=iqn.a:b", None),
                ("nbdroot=10.0.0.1,e", None)):
            with self.subTest(line):
                self.directory.cleanup()
                self.setUp()
                found, told = self.run_generator("root=LABEL=a " + line)
                self.assertEqual(told, "")
                self.assertEqual(found.get(NETWORK + "99-initrdd-default.network"),
                                 asked and way(asked))

    def test_need(self):
        found, told = self.run_generator("rd.neednet=1")
        self.assertEqual(told, "")
        self.assertEqual(found, {
            "n/initrd.target.wants/network-online.target": "-> ../network-online.target",
            "n/network-online.target.d/60-initrdd.conf": "[Unit] Before=initrd-root-device.target"})

    def test_no_need(self):
        self.assertEqual(self.run_generator("rd.neednet=0"), ({}, ""))

    def ibft(self, number, **files):
        for name, text in files.items():
            self.write("r/sys/firmware/ibft/ethernet%d/%s" % (number, name.replace("_", "-")),
                       text + "\n")

    def test_ibft(self):
        """One with an address, one with DHCP in a VLAN, one that firmware doesn't use."""
        self.ibft(0, mac=MAC, flags="3", ip_addr="10.0.0.5", subnet_mask="255.255.255.0",
                  gateway="10.0.0.1", primary_dns="10.0.0.2", secondary_dns="0.0.0.0", vlan="0",
                  dhcp="0.0.0.0")
        self.ibft(1, mac="52:54:00:11:22:44", flags="3", dhcp="10.0.0.1", vlan="5",
                  ip_addr="10.0.0.7")
        self.ibft(2, mac="52:54:00:11:22:55", flags="0", ip_addr="10.0.0.6", prefix_len="24")
        found, told = self.run_generator("ip=ibft")
        self.assertEqual(told, "")
        for same in ("rd.iscsi.ibft", "ip=ibft rd.iscsi.ibft=1", "rd.iscsi.ibft ip=ibft ip=lan0:dhcp"):
            others, told = self.run_generator(same)
            self.assertEqual(told, "")
            self.assertEqual(others, dict(others, **found))
        found = {path[len(NETWORK):]: text for path, text in found.items()
                 if path.startswith(NETWORK)}
        self.assertEqual(found, {
            "90-initrdd-52-54-00-11-22-33.network":
                by_none(BY_MAC, network="DNS=10.0.0.2"),
            "90-initrdd-52-54-00-11-22-44.network":
                "[Match] MACAddress=52:54:00:11:22:44 Kind=!* " + PART + "VLAN=ibft1.5 " + KEEP,
            "90-initrdd-ibft1.5.netdev": "[NetDev] Name=ibft1.5 Kind=vlan [VLAN] Id=5",
            "90-initrdd-ibft1.5.network": way("dhcp", named("ibft1.5")),
            "99-initrdd-default.network": "-> /dev/null"})

    def test_ibft_odd(self):
        for files in ({}, {"mac": MAC}, {"mac": "x", "ip_addr": "10.0.0.5", "subnet_mask": "255.0.0.0"},
                      {"mac": MAC, "ip_addr": "10.0.0.5"}, {"mac": MAC, "ip_addr": "x", "dhcp": "x"},
                      {"mac": MAC, "ip_addr": "10.0.0.5", "subnet_mask": "0.255.0.0"}):
            with self.subTest(files):
                self.directory.cleanup()
                self.setUp()
                os.makedirs(os.path.join(self.directory.name, "r/sys/firmware/ibft/ethernet0"))
                self.ibft(0, **files)
                found, told = self.run_generator("ip=ibft")
                self.assertIn("ethernet0 has no address", told)
                self.assertIn("firmware has set up no interface", told)
                self.assertEqual([path for path in found if path.startswith(NETWORK)], [])

    def test_mounts(self):
        for line, what, options, environment, log in MOUNTS:
            with self.subTest(line):
                self.directory.cleanup()
                self.setUp()
                found, told = self.run_generator(line)
                self.check_log(told, log)
                if what is None:
                    # Images on a medium and disks of a target are for others.
                    self.assertEqual({path for path, text in found.items()
                                      if "live" not in text and "iscsi" not in path}, set())
                    continue
                found = {path: text for path, text in found.items() if not path.startswith(NETWORK)}
                self.assertEqual(sorted(found), ["e/sysroot.mount",
                                                 "n/initrd-root-fs.target.requires/sysroot.mount"])
                text = found["e/sysroot.mount"]
                for part in ("What=%s Where=/sysroot Type=initrdd-nfs Options=%s Environment=%s "
                             % (what, options, environment), "After=network-online.target "):
                    self.assertIn(part, text + " ")

    def test_not_there(self):
        """An image without NFS, and a root that nobody can have."""
        found, told = self.run_generator("root=dhcp6")
        self.assertEqual(found, {})
        self.assertIn("root=dhcp6 is not supported", told)
        # What DHCP names may be a disk.
        os.unlink(os.path.join(self.directory.name, NFS))
        self.assertIn("e/sysroot.mount", self.run_generator("root=dhcp")[0])
        os.unlink(os.path.join(self.directory.name, "e/sysroot.mount"))
        os.unlink(os.path.join(self.directory.name, "n/initrd-root-fs.target.requires/sysroot.mount"))
        found, told = self.run_generator("root=nfs:h:/p")
        self.assertEqual(found, {})
        self.assertIn("This image has no NFS, which", told)
        os.unlink(os.path.join(self.directory.name, HELPER))
        for line in ("root=nfs:h:/p", "root=dhcp"):
            found, told = self.run_generator(line)
            self.assertEqual(found, {})
            self.assertIn("This image has no NFS", told)

    def test_interface(self):
        found, _ = self.run_generator("root=dhcp BOOTIF=01-52-54-00-11-22-33")
        self.assertIn("INITRDD_INTERFACE=01-52-54-00-11-22-33 ", found["e/sysroot.mount"])
        found, _ = self.run_generator("root=dhcp BOOTIF=01-52-54-00-11-22-33 rd.bootif=0")
        self.assertNotIn("INITRDD_INTERFACE", found["e/sysroot.mount"])

    def test_server(self):
        """The kernel has the server in ip=."""
        for word, server in (("ip=10.0.0.5:10.0.0.9:10.0.0.1:24::lan0:none", "10.0.0.9"),
                             ("ip=:10.0.0.9::::lan0:dhcp", "10.0.0.9"), ("ip=lan0:dhcp", ""),
                             ("ip=10.0.0.5::10.0.0.1:24::lan0:none", "")):
            found, _ = self.run_generator("root=/dev/nfs nfsroot=/p " + word)
            self.assertIn("What=%s:/p " % server, found["e/sysroot.mount"])

    def test_domain(self):
        found, told = self.run_generator("rd.nfs.domain=example.org")
        self.assertEqual((found, told), ({"r/etc/idmapd.conf": "[General] Domain = example.org"}, ""))
        for word in ("rd.nfs.domain=", "rd.nfs.domain=a/b"):
            self.directory.cleanup()
            self.setUp()
            found, told = self.run_generator(word)
            self.assertEqual(found, {})
            self.assertIn("is no domain", told)

    def test_resolv(self):
        for state, expected in (
                ("DNS=10.0.0.2 2001:db8::2\nDOMAINS=example.org a.b\n",
                 "nameserver 10.0.0.2\nnameserver 2001:db8::2\nsearch example.org a.b\n"),
                ("OPER_STATE=routable\n", ""), (None, "")):
            self.directory.cleanup()
            self.setUp()
            root = os.path.join(self.directory.name, "r")
            os.mkdir(os.path.join(root, "run"))
            if state is not None:
                self.write("r/run/systemd/netif/state", state)
            subprocess.run([RESOLV], env={"INITRDD_GENERATOR_ROOT": root}, check=True)
            with open(os.path.join(root, "run/initrdd/resolv.conf"), encoding="utf-8") as stream:
                self.assertEqual(stream.read(), expected)

    def test_mount_usage(self):
        done = subprocess.run([MOUNT], stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
