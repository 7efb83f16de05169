/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Interfaces, as dracut.cmdline(7), the kernel's Documentation/admin-guide/nfs/nfsroot.rst and
 * initramfs-tools(7) name them.
 *
 *   ip=AUTO[,AUTO…]                            every card
 *   ip=INTERFACE:AUTO[:[MTU][:MAC]]
 *   ip=CLIENT:PEER:GATEWAY:MASK:HOSTNAME:INTERFACE[:AUTO[:MTU[:MAC]]]
 *   ip=CLIENT:PEER:GATEWAY:MASK:HOSTNAME:INTERFACE[:AUTO[:DNS[:DNS[:NTP]]]]
 *   AUTO: dhcp on any both bootp single-dhcp dhcp6 auto6 either6 link6 link-local ibft none off
 *   vlan=NAME:INTERFACE  bond=NAME:INTERFACE,…:OPTION,…:MTU  bridge=NAME:INTERFACE,…
 *   ifname=NAME:MAC  rd.route=NET:GATEWAY[:INTERFACE]  nameserver=ADDRESS  rd.peerdns=0
 *   bootdev=INTERFACE  BOOTIF=01-MAC  rd.bootif=0  rd.iscsi.ibft
 *
 * systemd-network-generator reads most of this, too, but gives up all of it at the first word that it
 * does not know (ip=single-dhcp, a MAC address for a name, nameserver=[…]), has no options of bonds,
 * and lets the last ip= of an interface win where dracut's add up; and between versions its files
 * have other names, so that nothing could be added to them. So its work is done here.
 *
 * An IPv6 address is in brackets, since colons separate.
 */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "network.h"
#include "string-util.h"

static Interface *interface_done(Interface *i) {
        free(i->name);
        free(i->mtu);
        strv_free(i->link);
        strv_free(i->network);
        strv_free(i->dhcp4_lines);
        strv_free(i->blocks);
        strv_free(i->netdev);
        return NULL;
}

static void network_done(Network *network) {
        for (size_t i = 0; i < network->n; i++)
                interface_done(&network->interfaces[i]);
        free(network->interfaces);
        strv_free(network->names);
        strv_free(network->servers);
        free(network->bootdev);
}
#define _cleanup_network_done_ _cleanup_(network_done)

Interface *network_interface(Network *network, const char *name) {
        Interface *i;

        for (size_t n = 0; n < network->n; n++)
                if (streq(network->interfaces[n].name, name))
                        return &network->interfaces[n];
        if (!GREEDY_REALLOC(network->interfaces, network->allocated, network->n + 1))
                return NULL;
        i = &network->interfaces[network->n];
        *i = (Interface) { .name = strdup(name) };
        if (!i->name)
                return NULL;
        network->n++;
        return i;
}

int network_parse_mac(const char *s, char ret[18]) {
        for (size_t i = 0; i < 17; i++) {
                if (i % 3 == 2) {
                        if (s[i] != ':' && s[i] != '-')
                                return -EINVAL;
                        ret[i] = ':';
                } else if (!isxdigit((unsigned char) s[i]))
                        return -EINVAL;
                else
                        ret[i] = (char) tolower((unsigned char) s[i]);
        }
        ret[17] = '\0';
        return s[17] == '\0' ? 0 : -EINVAL;
}

/* dev_valid_name() of the kernel, and nothing that a file of networkd takes for something else. */
bool network_name_is_valid(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n >= IF_NAMESIZE || streq(s, ".") || streq(s, ".."))
                return false;
        for (; *s; s++)
                if (!isascii(*s) || !(isalnum((unsigned char) *s) || strchr("._-@+", *s)))
                        return false;
        return true;
}

/* A name, or a MAC address; in the form that Interface.name has. -EINVAL. */
int network_parse_name(const char *s, char ret[18]) {
        if (network_parse_mac(s, ret) >= 0)
                return 0;
        if (!network_name_is_valid(s))
                return -EINVAL;
        strcpy(ret, s);
        return 0;
}

int network_parse_address(const char *s, int *ret_family, char ret[46]) {
        unsigned char bytes[sizeof(struct in6_addr)];

        for (size_t i = 0; i < 2; i++) {
                int family = i == 0 ? AF_INET : AF_INET6;

                if (inet_pton(family, s, bytes) != 1 || !inet_ntop(family, bytes, ret, 46))
                        continue;
                *ret_family = family;
                return 0;
        }
        return -EINVAL;
}

int network_parse_mask(const char *s, int family) {
        struct in_addr address;
        unsigned n;

        if (isdigit((unsigned char) *s) && parse_unsigned(s, &n) >= 0)
                return n <= (family == AF_INET ? 32u : 128u) ? (int) n : -EINVAL;
        if (family != AF_INET || inet_pton(AF_INET, s, &address) != 1)
                return -EINVAL;
        n = ntohl(address.s_addr);
        /* Ones, then zeros. */
        if ((~n & (~n + 1)) != 0)
                return -EINVAL;
        return __builtin_popcount(n);
}

/* That of a class, as the kernel does where nobody says. */
static int default_mask(const char *address, int family) {
        struct in_addr in;
        unsigned first;

        if (family == AF_INET6)
                return 64;
        if (inet_pton(AF_INET, address, &in) != 1)
                return -EINVAL;
        first = ntohl(in.s_addr) >> 24;
        return first < 128 ? 8 : first < 192 ? 16 : 24;
}

static int add_line(char ***lines, const char *key, const char *value) {
        char *line;

        return str_printf(&line, "%s=%s\n", key, value) < 0 ? -ENOMEM : strv_consume(lines, line);
}

int network_add_address(Interface *interface, const char *address, int prefix, const char *peer,
                        const char *gateway) {
        char *block;
        int r;

        if (*peer)
                r = str_printf(&block, "\n[Address]\nAddress=%s/%d\nPeer=%s/%d\n", address, prefix,
                               peer, prefix);
        else
                r = str_printf(&block, "\n[Address]\nAddress=%s/%d\n", address, prefix);
        if (r < 0 || strv_consume(&interface->blocks, block) < 0)
                return -ENOMEM;
        if (!*gateway)
                return 0;
        /* The gateway of a host alone in its network is nowhere else. */
        if (str_printf(&block, "\n[Route]\nGateway=%s\n%s", gateway,
                       prefix == 32 || prefix == 128 ? "GatewayOnLink=yes\n" : "") < 0)
                return -ENOMEM;
        return strv_consume(&interface->blocks, block);
}

/* Splits at colons, in place. Brackets are taken off, and what is in them is one field. How many, or
 * -EINVAL. */
int network_split(char *s, char *fields[NETWORK_FIELDS_MAX]) {
        int n = 0;

        for (;;) {
                char *end;

                if (n == NETWORK_FIELDS_MAX)
                        return -EINVAL;
                if (*s == '[') {
                        end = strchr(++s, ']');
                        if (!end || (end[1] != ':' && end[1] != '\0' && end[1] != '/'))
                                return -EINVAL;
                        /* [2001:db8::1]/64, or [2001:db8::1/64] */
                        memmove(end, end + 1, strlen(end + 1) + 1);
                        fields[n++] = s;
                        end += strcspn(end, ":");
                } else {
                        fields[n++] = s;
                        end = s + strcspn(s, ":");
                }
                if (*end == '\0')
                        return n;
                *end = '\0';
                s = end + 1;
        }
}

static bool is_mac_tail(char *const *fields, int n) {
        if (n != 6)
                return false;
        for (int i = 0; i < 6; i++)
                if (strlen(fields[i]) != 2 || !isxdigit((unsigned char) fields[i][0]) ||
                    !isxdigit((unsigned char) fields[i][1]))
                        return false;
        return true;
}

/* One of the ways to come to an address. 1: ibft; 0; -EINVAL. */
static int apply_auto(Network *network, Interface *i, const char *word) {
        if (streq(word, "ibft"))
                return 1;
        if (streq(word, "dhcp") || streq(word, "bootp"))
                i->dhcp4 = true;
        else if (streq(word, "single-dhcp"))
                i->dhcp4 = network->first = true;
        else if (streq(word, "on") || streq(word, "any") || streq(word, "both"))
                i->dhcp4 = i->dhcp6 = i->ra = true;
        else if (streq(word, "dhcp6"))
                i->dhcp6 = i->dhcp6_alone = i->ra = true;
        else if (streq(word, "auto6"))
                i->ra = true;
        else if (streq(word, "either6"))
                i->ra = i->dhcp6 = true;
        else if (streq(word, "link6"))
                i->link_local6 = true;
        else if (streq(word, "link-local"))
                i->link_local4 = i->link_local6 = true;
        else if (!streq(word, "none") && !streq(word, "off"))
                return -EINVAL;
        i->automatic = true;
        return 0;
}

static bool is_auto(const char *list) {
        _cleanup_strv_free_ char **words = NULL;
        Interface nothing = {};
        Network network = {};

        if (strv_split(&words, list, ",") < 0 || !words || !*words)
                return false;
        STRV_FOREACH(word, words)
                if (apply_auto(&network, &nothing, *word) < 0)
                        return false;
        return true;
}

/* A list of ways, which add up. Of `name` nothing is known yet where firmware is to say. */
static int add_auto(const Generator *g, Network *network, const char *name, const char *list) {
        _cleanup_strv_free_ char **words = NULL;
        int r = strv_split(&words, list, ",");

        STRV_FOREACH(word, words) {
                Interface *i;

                if (r < 0)
                        return r;
                if (streq(*word, "ibft")) {
                        r = network_add_ibft(g, network);
                        continue;
                }
                i = network_interface(network, name);
                r = i ? apply_auto(network, i, *word) : -ENOMEM;
        }
        return r < 0 ? r : 0;
}

/* What comes behind AUTO: [MTU][:MAC], or up to two name servers and one of time. */
static int add_tail(Network *network, const char *name, char **fields, int n) {
        Interface *i;
        char mac[18], address[46];
        unsigned mtu = 0;
        int family;

        while (n > 0 && *fields[n - 1] == '\0')
                n--;
        if (n == 0)
                return 0;
        i = network_interface(network, name);
        if (!i)
                return -ENOMEM;
        /* The dots of an address end the number. */
        if (*fields[0] == '\0' || parse_unsigned(fields[0], &mtu) >= 0) {
                bool mac_follows = is_mac_tail(fields + 1, n - 1);

                if (mac_follows || n == 1 || (n == 2 && network_parse_mac(fields[1], mac) >= 0)) {
                        if (*fields[0] &&
                            (mtu < 68 || add_line(&i->link, "MTUBytes", fields[0]) < 0))
                                return -EINVAL;
                        if (n == 1)
                                return 0;
                        if (mac_follows)
                                snprintf(mac, sizeof(mac), "%s:%s:%s:%s:%s:%s", fields[1],
                                         fields[2], fields[3], fields[4], fields[5], fields[6]);
                        return add_line(&i->link, "MACAddress", mac);
                }
        }
        if (n > 3)
                return -EINVAL;
        for (int k = 0; k < n; k++) {
                if (*fields[k] == '\0')
                        continue;
                if (network_parse_address(fields[k], &family, address) < 0)
                        return -EINVAL;
                if (add_line(&i->network, k < 2 ? "DNS" : "NTP", address) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static bool tail_is_valid(char **fields, int n) {
        _cleanup_network_done_ Network scratch = {};

        return add_tail(&scratch, "", fields, n) >= 0;
}

static bool hostname_is_valid(const char *s) {
        for (; *s; s++)
                if (!isascii(*s) || !(isalnum((unsigned char) *s) || strchr(".-_", *s)))
                        return false;
        return true;
}

enum { CLIENT, PEER, GATEWAY, MASK, HOSTNAME, INTERFACE, AUTO, TAIL };

/* The form that begins with an address, which may be empty. */
static int add_static(const Generator *g, Network *network, char **fields, int n) {
        char client[46] = "", peer[46] = "", gateway[46] = "", name[18] = "";
        const char *method = n > AUTO ? fields[AUTO] : "";
        Interface *i;
        int family = AF_INET, f, prefix = -1;
        char *slash = strchr(fields[CLIENT], '/');

        if (slash)
                *slash++ = '\0';
        if ((*fields[CLIENT] && network_parse_address(fields[CLIENT], &family, client) < 0) ||
            (n > PEER && *fields[PEER] && network_parse_address(fields[PEER], &f, peer) < 0) ||
            (n > GATEWAY && *fields[GATEWAY] &&
             network_parse_address(fields[GATEWAY], &f, gateway) < 0) ||
            (n > HOSTNAME && !hostname_is_valid(fields[HOSTNAME])) ||
            (n > INTERFACE && *fields[INTERFACE] &&
             network_parse_name(fields[INTERFACE], name) < 0) ||
            (*method && !is_auto(method)) || (n > TAIL && !tail_is_valid(fields + TAIL, n - TAIL)))
                return -EINVAL;
        if (!*client && !*method)
                return -EINVAL;
        if (*client) {
                prefix = n > MASK && *fields[MASK] ? network_parse_mask(fields[MASK], family)
                         : slash                   ? network_parse_mask(slash, family)
                                                   : default_mask(client, family);
                if (prefix < 0)
                        return -EINVAL;
        }
        i = network_interface(network, name);
        if (!i)
                return -ENOMEM;
        /* For the kernel and for initramfs-tools the second field is the server of a root that
         * names none; for dracut it is the other end of a line, which only a lonely address has. */
        if (prefix != 32 && prefix != 128)
                *peer = '\0';
        if (*client && network_add_address(i, client, prefix, peer, gateway) < 0)
                return -ENOMEM;
        if (!*client && *gateway) {
                char *block;

                if (str_printf(&block, "\n[Route]\nGateway=%s\n", gateway) < 0 ||
                    strv_consume(&i->blocks, block) < 0)
                        return -ENOMEM;
        }
        if (n > HOSTNAME && *fields[HOSTNAME] &&
            add_line(&i->dhcp4_lines, "Hostname", fields[HOSTNAME]) < 0)
                return -ENOMEM;
        i->automatic = true;
        if (*method && add_auto(g, network, name, method) < 0)
                return -EINVAL;
        return n > TAIL ? add_tail(network, name, fields + TAIL, n - TAIL) : 0;
}

/* 0, -EINVAL, -ENOMEM */
static int add_ip(const Generator *g, Network *network, const char *value) {
        _cleanup_free_ char *copy = strdup(value);
        char *fields[NETWORK_FIELDS_MAX], name[18], address[46];
        int n, family;

        if (!copy)
                return -ENOMEM;
        n = network_split(copy, fields);
        if (n < 0 || (n == 1 && *fields[0] == '\0'))
                return -EINVAL;
        if (is_auto(fields[0]))
                return n == 1 ? add_auto(g, network, "", fields[0]) : -EINVAL;
        if (*fields[0] && network_parse_address(fields[0], &family, address) < 0 &&
            !strchr(fields[0], '/')) {
                int r;

                if (n < 2 || network_parse_name(fields[0], name) < 0 || !is_auto(fields[1]) ||
                    !tail_is_valid(fields + 2, n - 2))
                        return -EINVAL;
                r = add_auto(g, network, name, fields[1]);
                return r < 0 ? r : add_tail(network, name, fields + 2, n - 2);
        }
        return add_static(g, network, fields, n);
}

/* NAME:MAC */
static int add_name(Network *network, const char *value) {
        const char *colon = strchr(value, ':');
        _cleanup_free_ char *name = colon ? strndup(value, (size_t) (colon - value)) : NULL;
        char mac[18], *pair;

        if (!colon || network_parse_mac(colon + 1, mac) < 0 || !name ||
            !network_name_is_valid(name))
                return -EINVAL;
        return str_printf(&pair, "%s %s", name, mac) < 0 ? -ENOMEM
                                                         : strv_consume(&network->names, pair);
}

/* Where a route goes out that names no interface. */
static const char *first_name(const Network *network) {
        if (network->bootdev)
                return network->bootdev;
        for (size_t n = 0; n < network->n; n++)
                if (!network->interfaces[n].part)
                        return network->interfaces[n].name;
        return "";
}

/* NET/MASK:GATEWAY[:INTERFACE] */
static int add_route(Network *network, const char *value) {
        _cleanup_free_ char *copy = strdup(value);
        char *fields[NETWORK_FIELDS_MAX], *slash, *block, to[46], gateway[46] = "", name[18] = "";
        Interface *i;
        int n, prefix, family, f;

        if (!copy)
                return -ENOMEM;
        n = network_split(copy, fields);
        if (n < 2 || n > 3)
                return -EINVAL;
        slash = strchr(fields[0], '/');
        if (slash)
                *slash++ = '\0';
        if (network_parse_address(fields[0], &family, to) < 0 ||
            (*fields[1] && (network_parse_address(fields[1], &f, gateway) < 0 || f != family)) ||
            (n > 2 && *fields[2] && network_parse_name(fields[2], name) < 0) ||
            (!*gateway && !*name))
                return -EINVAL;
        prefix = slash ? network_parse_mask(slash, family) : family == AF_INET ? 32 : 128;
        if (prefix < 0)
                return -EINVAL;
        i = network_interface(network, *name ? name : first_name(network));
        if (!i)
                return -ENOMEM;
        if (str_printf(&block, "\n[Route]\nDestination=%s/%d\n%s%s%s", to, prefix,
                       *gateway ? "Gateway=" : "Scope=link\n", gateway, *gateway ? "\n" : "") < 0)
                return -ENOMEM;
        return strv_consume(&i->blocks, block);
}

static int add_server(Network *network, const char *value) {
        _cleanup_free_ char *copy = strdup(value);
        char address[46], *s = copy;
        int family;

        if (!copy)
                return -ENOMEM;
        if (*s == '[' && endswith(s, "]")) {
                s++;
                s[strlen(s) - 1] = '\0';
        }
        if (network_parse_address(s, &family, address) < 0)
                return -EINVAL;
        return strv_extend_unique(&network->servers, address);
}

/* Which interface the machine was started from: the admin says, or the boot loader. */
static int find_bootdev(const Generator *g, Network *network) {
        const char *said = option_get(g, "bootdev"), *loader = option_get(g, "BOOTIF");
        char name[18];

        if (said) {
                if (network_parse_name(said, name) < 0) {
                        generator_warn(g, "bootdev=%s names no interface and was ignored", said);
                        return 0;
                }
                return (network->bootdev = strdup(name)) ? 0 : -ENOMEM;
        }
        if (!loader || !option_bool(g, "rd.bootif", true))
                return 0;
        /* pxelinux and others put the kind of hardware in front. */
        if (network_parse_mac(strlen(loader) == 20 ? loader + 3 : loader, name) < 0) {
                generator_warn(g, "BOOTIF=%s is no MAC address and was ignored", loader);
                return 0;
        }
        return (network->bootdev = strdup(name)) ? 0 : -ENOMEM;
}

static int add_word(const Generator *g, Network *network, const char *word, bool routes) {
        const char *v;

        if ((v = option_value(word, "rd.route")))
                return routes ? add_route(network, v) : 0;
        if (routes)
                return 0;
        if ((v = option_value(word, "ip"))) {
                int r = add_ip(g, network, v);

                network->n_ip += r >= 0;
                return r;
        }
        if ((v = option_value(word, "ifname")))
                return add_name(network, v);
        if ((v = option_value(word, "vlan")))
                return network_add_vlan(network, v);
        if ((v = option_value(word, "bond")))
                return network_add_bond(g, network, word, v);
        if ((v = option_value(word, "bridge")))
                return network_add_bridge(network, v);
        if ((v = option_value(word, "nameserver")))
                return add_server(network, v);
        if (option_value(word, "team"))
                generator_warn(g,
                               "%s is not supported and was ignored; bond=NAME:INTERFACE,... is",
                               word);
        return 0;
}

/* Routes last: who names no interface for one means those that are there. */
static int read_words(const Generator *g, Network *network) {
        for (int pass = 0; pass < 2; pass++)
                STRV_FOREACH(word, g->words) {
                        int r = add_word(g, network, *word, pass == 1);

                        if (r == -ENOMEM)
                                return r;
                        if (r < 0)
                                generator_warn(g, "%s can't be understood and was ignored", *word);
                }
        return 0;
}

/* dracut's other name of ip=ibft. */
static int add_firmware(const Generator *g, Network *network) {
        int r;

        if (!option_bool(g, "rd.iscsi.ibft", false))
                return 0;
        STRV_FOREACH(word, g->words) {
                const char *way = option_value(*word, "ip");

                if (way && streq(way, "ibft"))
                        return 0;
        }
        r = network_add_ibft(g, network);
        network->n_ip += r > 0;
        return r < 0 ? r : 0;
}

/* "[ADDRESS]" with what may follow a server's. */
static bool names_ipv6(const char *value) {
        const char *begin = strchr(value, '['), *end = begin ? strchr(begin, ']') : NULL;
        char address[46], parsed[46];
        int family;

        if (!end || !end[1] || !strchr(":/,", end[1]) || (size_t) (end - begin) > sizeof(address))
                return false;
        snprintf(address, sizeof(address), "%.*s", (int) (end - begin - 1), begin + 1);
        return network_parse_address(address, &family, parsed) >= 0 && family == AF_INET6;
}

/* Whether a server of the root is named by its IPv6 address, which is in brackets unless it is alone. */
static bool root_is_ipv6(const Generator *g) {
        static const char *const keys[] = { "root", "netroot", "nfsroot", "nbdroot" };
        static const char *const alone[] = { "rd.iscsi.target.ip", "iscsi_target_ip" };
        char parsed[46];
        int family;

        STRV_FOREACH(word, g->words) {
                for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                        const char *v = option_value(*word, keys[i]);

                        if (v && names_ipv6(v))
                                return true;
                }
                for (size_t i = 0; i < ELEMENTSOF(alone); i++) {
                        const char *v = option_value(*word, alone[i]);

                        if (v && network_parse_address(v, &family, parsed) >= 0 &&
                            family == AF_INET6)
                                return true;
                }
        }
        return false;
}

/* Where no ip= says anything, what is spoken of asks for an address; or the boot loader's interface, or
 * all, if there is something to say to them. */
static int add_defaults(const Generator *g, Network *network) {
        if (network->n_ip > 0)
                return 0;
        if (network->bootdev) {
                if (!network_interface(network, network->bootdev))
                        return -ENOMEM;
        } else if (network->n == 0 &&
                   (network->servers || !network->peer_dns || option_get(g, "rd.net.dhcp.retry") ||
                    option_get(g, "rd.net.dhcp.vendor-class"))) {
                if (!network_interface(network, ""))
                        return -ENOMEM;
        }
        if (network->n == 0 && root_is_ipv6(g) && !network_interface(network, ""))
                return -ENOMEM;
        for (size_t n = 0; n < network->n; n++) {
                Interface *i = &network->interfaces[n];

                if (i->part)
                        continue;
                i->automatic = true;
                if (root_is_ipv6(g))
                        i->ra = i->dhcp6 = true;
                else
                        i->dhcp4 = true;
        }
        return 0;
}

int generate_network(const Generator *g) {
        _cleanup_network_done_ Network network = { .peer_dns = option_bool(g, "rd.peerdns",
                                                                           true) };
        int r;

        r = find_bootdev(g, &network);
        if (r >= 0)
                r = read_words(g, &network);
        if (r >= 0)
                r = add_firmware(g, &network);
        if (r >= 0)
                r = add_defaults(g, &network);
        return r < 0 ? r : network_write(g, &network);
}
