#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""initrdd-keep-network: what ends some time on the network, before and after, as ip(8) says it. In a
network namespace with a tap interface, which each kernel has that can run the boots."""

import json
import os
import subprocess
import sys
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
del sys.argv[1:2]

FOREVER = 2 ** 32 - 1
SETUP = """
ip link set lo up
ip tuntap add dev card0 mode tap
ip link set card0 up
"""
ADDRESSES = "ip -json address show dev card0"
ROUTES = "ip -json -6 route show dev card0 proto ra"


def inside(script, program=PROGRAM):
    """What a shell says in a namespace of its own that has the card."""
    shell = subprocess.run(["unshare", "--net", "sh", "-ec", SETUP + script, "sh", program],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if shell.returncode != 0:
        raise AssertionError("%d: %s" % (shell.returncode, shell.stderr))
    return shell.stdout


def addresses(text):
    return {address["local"]: address for card in json.loads(text)
            for address in card.get("addr_info", ()) if not address["local"].startswith("fe80:")}


def kept(script, show):
    """What `show` says before, and after."""
    before, after = inside("%s\n%s\necho\n$1\n%s" % (script, show, show)).strip().split("\n\n")
    return before, after


class KeepNetwork(unittest.TestCase):
    def address(self, command):
        before, after = kept("ip address add %s dev card0" % command, ADDRESSES)
        before, after = addresses(before), addresses(after)
        self.assertEqual(before.keys(), after.keys())
        self.assertEqual(len(after), 1)
        return before.popitem()[1], after.popitem()[1]

    def test_addresses(self):
        """One of DHCPv6, one of a router's prefix, one of DHCP: they have all but the end that they
        had."""
        for command in ("fd00:9::1c6/128 nodad noprefixroute valid_lft 3600 preferred_lft 1800",
                        "fd00:9::5/64 nodad valid_lft 3600 preferred_lft 3600",
                        "10.9.9.100/24 brd 10.9.9.255 label card0:1 metric 7"
                        " valid_lft 3600 preferred_lft 3600"):
            with self.subTest(command):
                before, after = self.address(command)
                self.assertLessEqual(before["valid_life_time"], 3600)
                self.assertEqual((after["valid_life_time"], after["preferred_life_time"]),
                                 (FOREVER, FOREVER))
                for word in ("valid_life_time", "preferred_life_time", "dynamic"):
                    before.pop(word, None)
                    after.pop(word, None)
                self.assertEqual(before, after)

    def test_deprecated(self):
        """Nobody starts to use what was no longer to be used."""
        _, after = self.address("fd00:9::5/64 nodad valid_lft 3600 preferred_lft 0")
        self.assertEqual((after["valid_life_time"], after["preferred_life_time"]), (FOREVER, 0))

    def test_left_alone(self):
        """What lasts stays as it is, and a network with nothing on it is no error."""
        script = ("ip address add fd00:9::5/64 nodad dev card0\n"
                  "ip address add 10.9.9.5/24 dev card0\n"
                  "ip -6 route add fd00:a::/64 via fd00:9::1 dev card0 proto ra")
        for show in (ADDRESSES, ROUTES):
            before, after = kept(script, show)
            self.assertEqual(json.loads(before), json.loads(after))
        self.assertEqual(inside("$1 && echo fine"), "fine\n")

    def test_refused(self):
        """Each that can't be kept is told, and what becomes of all."""
        said = inside("ip address add fd00:9::5/64 nodad valid_lft 3600 preferred_lft 3600 dev card0\n"
                      "ip -6 route add fd00:a::/64 dev card0 proto ra expires 1800\n"
                      "setpriv --reuid=65534 --regid=65534 --clear-groups $1 2>&1 || echo failed $?")
        self.assertEqual(said.splitlines(), [
            "An address of the network can't be kept for good: Operation not permitted",
            "A route of the network can't be kept for good: Operation not permitted",
            "What the network has may end: Operation not permitted", "failed 1"])

    def test_route_of_address(self):
        """That of the network that an address is in, which the kernel has made."""
        before, after = kept("ip address add fd00:9::5/64 nodad valid_lft 3600 preferred_lft 1800 dev card0",
                             "ip -json -6 route show dev card0 fd00:9::/64")
        before, after = json.loads(before), json.loads(after)
        self.assertTrue(before[0].pop("expires"))
        self.assertEqual(before, after)

    def test_routes(self):
        """A router, a prefix on the wire, and one behind a router, each with its metric."""
        script = ("ip address add fd00:9::5/64 nodad dev card0\n"
                  "ip -6 route add default via fd00:9::1 dev card0 proto ra metric 1024 pref high"
                  " expires 1800\n"
                  "ip -6 route add fd00:a::/64 dev card0 proto ra metric 512 expires 1800\n"
                  "ip -6 route add fd00:b::/64 via fd00:9::2 dev card0 proto ra mtu 1400 expires 1800\n"
                  "ip -6 route add fd00:b::/64 via fd00:9::3 dev card0 proto ra metric 77")
        before, after = (json.loads(text) for text in kept(script, ROUTES))
        self.assertEqual([bool(route.pop("expires", None)) for route in before],
                         [route["dst"] != "fd00:b::/64" or route["metric"] != 77 for route in before])
        self.assertEqual(len(after), 4)
        self.assertEqual(before, after)


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print("no network namespace with a card can be made")
        sys.exit(77)
    unittest.main()
