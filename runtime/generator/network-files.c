/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Interfaces as files of systemd-networkd, below /run/systemd/network:
 *
 *   10-initrdd-NAME.link           ifname=
 *   90-initrdd-NAME.netdev         a VLAN, a bond or a bridge
 *   90-initrdd-NAME.network        an interface
 *   99-initrdd-default.network     all others; hides the image's own, which asks for DHCP
 *
 * /run is kept over the switch of roots: there the files of the root's own networkd, if it is used,
 * come first where their names do. Addresses are kept in any case (KeepConfiguration=), and for good:
 * a lease would end with nobody to renew it, and the root be gone. Those of IPv6, and routes, only from
 * the switch on (network/keep-network.c).
 *
 * And of PID 1: how systemd-networkd-wait-online waits, and that the network is waited for without a
 * need (rd.neednet=1).
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "network.h"
#include "string-util.h"

#define DIRECTORY "/run/systemd/network"
#define DEFAULT "99-initrdd-default.network"
#define WAIT_ONLINE "systemd-networkd-wait-online.service.d/60-initrdd.conf"

static bool is_mac(const char *name) {
        char mac[18];

        return network_parse_mac(name, mac) >= 0;
}

/* Whether another interface is the one that matters. */
static bool is_beside(const Network *network, const Interface *i) {
        if (!network->bootdev || !*i->name || streq(i->name, network->bootdev))
                return false;
        for (size_t n = 0; n < network->n; n++)
                if (streq(network->interfaces[n].name, network->bootdev))
                        return true;
        return false;
}

/* The family that it must have an address of to be up. */
static const char *required_family(const Interface *i) {
        bool four = i->dhcp4 || i->link_local4, six = i->dhcp6 || i->ra || i->link_local6;

        return four && !six   ? "RequiredFamilyForOnline=ipv4\n"
               : six && !four ? "RequiredFamilyForOnline=ipv6\n"
                              : "";
}

static int match_text(const Network *network, const Interface *i, char **ret) {
        const char *name = i->name;

        if (!*name && network->bootdev)
                name = network->bootdev;
        if (!*name)
                return str_printf(ret, "Kind=!*\nType=!loopback\n");
        /* A VLAN has the address of the card below it, and it is the card that is meant. */
        return str_printf(ret, is_mac(name) ? "MACAddress=%s\nKind=!*\n" : "Name=%s\n", name);
}

/* What the [Network] section says of addresses. */
static const char *automatic_text(const Interface *i) {
        if (i->part && !i->automatic)
                return "DHCP=no\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n";
        if (i->dhcp4 && i->dhcp6)
                return "DHCP=yes\n";
        if (i->dhcp4)
                return i->ra ? "DHCP=ipv4\nIPv6AcceptRA=yes\n" : "DHCP=ipv4\n";
        if (i->dhcp6)
                return "DHCP=ipv6\n";
        if (i->ra)
                return "DHCP=no\nIPv6AcceptRA=yes\n";
        if (i->link_local4)
                return "DHCP=no\nLinkLocalAddressing=yes\nIPv6AcceptRA=no\n";
        if (i->link_local6)
                return "DHCP=no\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\n";
        return "DHCP=no\nIPv6AcceptRA=no\n";
}

/* [DHCPv4]. The client is known by its MAC address, as to firmware, since an identity of the machine is
 * not there yet. 17 is the path of the root. */
static int dhcp4_text(const Generator *g, const Network *network, const Interface *i, char **ret) {
        const char *class = option_get(g, "rd.net.dhcp.vendor-class");
        _cleanup_free_ char *lines = strv_join(i->dhcp4_lines, ""), *attempts = NULL;
        unsigned n;

        if (!lines)
                return -ENOMEM;
        if (!i->dhcp4)
                return (*ret = strdup("")) ? 0 : -ENOMEM;
        if (option_seconds(g, "rd.net.dhcp.retry", &n) >= 0 && n > 0 &&
            str_printf(&attempts, "MaxAttempts=%u\n", n) < 0)
                return -ENOMEM;
        if (class && (*class == '\0' || strpbrk(class, "\n\\\"%")))
                class = NULL;
        return str_printf(ret,
                          "\n[DHCPv4]\nClientIdentifier=mac\nRequestOptions=17\n%s%s%s%s%s%s%s",
                          lines, attempts ?: "", class ? "VendorClassIdentifier=" : "",
                          class ?: "", class ? "\n" : "", network->peer_dns ? "" : "UseDNS=no\n",
                          is_beside(network, i) ? "UseGateway=no\n" : "");
}

/* [DHCPv6] and [IPv6AcceptRA], where routers may have a say. */
static int dhcp6_text(const Network *network, const Interface *i, char **ret) {
        const char *dns = network->peer_dns ? "" : "UseDNS=no\n";

        if (!i->dhcp4 && !i->dhcp6 && !i->ra)
                return (*ret = strdup("")) ? 0 : -ENOMEM;
        return str_printf(ret, "\n[DHCPv6]\nDUIDType=link-layer\n%s%s%s%s%s", dns,
                          i->dhcp6_alone ? "WithoutRA=solicit\n" : "",
                          *dns || i->dhcp6_alone ? "\n[IPv6AcceptRA]\n" : "", dns,
                          i->dhcp6_alone ? "DHCPv6Client=always\n" : "");
}

static int write_interface(const Generator *g, const Network *network, const Interface *i) {
        _cleanup_free_ char *match = NULL, *link = NULL, *lines = NULL, *dhcp4 = NULL,
                            *dhcp6 = NULL, *blocks = NULL, *servers = NULL, *text = NULL,
                            *name = NULL;
        bool needed = i->automatic && !is_beside(network, i);

        if (match_text(network, i, &match) < 0 || !(link = strv_join(i->link, "")) ||
            !(lines = strv_join(i->network, "")) || !(blocks = strv_join(i->blocks, "")) ||
            !(servers = strv_join(network->servers, " ")) ||
            dhcp4_text(g, network, i, &dhcp4) < 0 || dhcp6_text(network, i, &dhcp6) < 0)
                return -ENOMEM;
        if (str_printf(&text,
                       "# initrdd-generator, from the kernel command line\n"
                       "[Match]\n%s"
                       "\n[Link]\n%s%s"
                       "\n[Network]\n%s%s%s%s%sKeepConfiguration=yes\n"
                       "%s%s%s",
                       match, link, needed ? required_family(i) : "RequiredForOnline=no\n",
                       automatic_text(i), lines, *servers && i->automatic ? "DNS=" : "",
                       i->automatic ? servers : "", *servers && i->automatic ? "\n" : "", dhcp4,
                       dhcp6, blocks) < 0)
                return -ENOMEM;
        if (!*i->name)
                return generator_write(g, DIRECTORY, DEFAULT, text);
        if (str_printf(&name, "90-initrdd-%s.network", i->name) < 0)
                return -ENOMEM;
        for (char *c = name; *c; c++)
                if (*c == ':')
                        *c = '-';
        return generator_write(g, DIRECTORY, name, text);
}

static int write_netdev(const Generator *g, const Interface *i) {
        static const char *const kinds[] = {
                [NETDEV_VLAN] = "vlan",
                [NETDEV_BOND] = "bond",
                [NETDEV_BRIDGE] = "bridge",
        };
        _cleanup_free_ char *name = NULL, *sections = strv_join(i->netdev, ""), *text = NULL;

        if (!sections || str_printf(&name, "90-initrdd-%s.netdev", i->name) < 0 ||
            str_printf(&text,
                       "# initrdd-generator, from the kernel command line\n"
                       "[NetDev]\nName=%s\nKind=%s\n%s%s%s%s",
                       i->name, kinds[i->kind], i->mtu ? "MTUBytes=" : "", i->mtu ?: "",
                       i->mtu ? "\n" : "", sections) < 0)
                return -ENOMEM;
        return generator_write(g, DIRECTORY, name, text);
}

static int write_names(const Generator *g, const Network *network) {
        STRV_FOREACH(pair, network->names) {
                _cleanup_free_ char *name = strdup(*pair), *file = NULL, *text = NULL;
                char *mac;
                int r;

                if (!name)
                        return -ENOMEM;
                mac = strchr(name, ' ');
                *mac++ = '\0';
                if (str_printf(&file, "10-initrdd-%s.link", name) < 0 ||
                    str_printf(&text,
                               "# initrdd-generator, from the kernel command line\n"
                               "[Match]\nMACAddress=%s\n\n[Link]\nName=%s\n",
                               mac, name) < 0)
                        return -ENOMEM;
                r = generator_write(g, DIRECTORY, file, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The longest of those that are given; 0: none is. */
static unsigned find_timeout(const Generator *g) {
        static const char *const keys[] = {
                "rd.net.timeout.dhcp",     "rd.net.timeout.iflink",  "rd.net.timeout.ifup",
                "rd.net.timeout.route",    "rd.net.timeout.carrier", "rd.net.timeout.ipv6dad",
                "rd.net.timeout.ipv6auto",
        };
        unsigned longest = 0, seconds;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (option_seconds(g, keys[i], &seconds) >= 0)
                        longest = MAX_OF(longest, seconds);
        return longest;
}

static int write_wait(const Generator *g, const Network *network) {
        unsigned timeout = find_timeout(g);
        _cleanup_free_ char *text = NULL, *how = NULL;
        bool named = false, all = false;

        for (size_t n = 0; n < network->n; n++) {
                const Interface *i = &network->interfaces[n];

                if (i->automatic)
                        *(*i->name ? &named : &all) = true;
        }
        if (!named && timeout == 0)
                return 0;
        if (timeout > 0 && str_printf(&how, " --timeout=%u", timeout) < 0)
                return -ENOMEM;
        if (str_printf(&text, "[Service]\nEnvironment=\"INITRDD_WAIT=%s%s\"\n",
                       named && !all && !network->first ? "--quiet" : "--any", how ?: "") < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, WAIT_ONLINE, text);
}

/* Before the root is mounted, as in dracut, and not only before the switch. */
static int write_need(const Generator *g) {
        int r = generator_add_symlink(g, "initrd.target", "wants", "network-online.target");

        return r < 0 ? r
                     : generator_write(g, g->normal, "network-online.target.d/60-initrdd.conf",
                                       "[Unit]\nBefore=initrd-root-device.target\n");
}

int network_write(const Generator *g, const Network *network) {
        bool named = false, all = false;
        int r = write_names(g, network);

        for (size_t n = 0; n < network->n && r >= 0; n++) {
                const Interface *i = &network->interfaces[n];

                if (i->kind != NETDEV_NONE)
                        r = write_netdev(g, i);
                if (r >= 0)
                        r = write_interface(g, network, i);
                *(*i->name ? &named : &all) = true;
        }
        if (r >= 0 && named && !all)
                r = generator_link(g, DIRECTORY, DEFAULT, "/dev/null");
        if (r >= 0)
                r = write_wait(g, network);
        if (r >= 0 && option_bool(g, "rd.neednet", false))
                r = write_need(g);
        return r;
}
