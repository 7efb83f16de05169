/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the kernel command line says of the network: interfaces (network.c), made into files of
 * systemd-networkd (network-files.c).
 */

#include "generator.h"

typedef enum NetDevKind {
        NETDEV_NONE, /* a card */
        NETDEV_VLAN,
        NETDEV_BOND,
        NETDEV_BRIDGE,
} NetDevKind;

/* One that is spoken of. All strings are checked, and can be written into a file as they are. */
typedef struct Interface {
        char *name; /* as the kernel has it, or a MAC address with colons; "": every card */
        bool automatic; /* an ip= is about it */
        bool dhcp4, dhcp6, dhcp6_alone, ra, link_local4, link_local6;
        bool part; /* of a bond or a bridge, or below a VLAN */
        char **link, **network, **dhcp4_lines; /* lines of these sections */
        char **blocks; /* whole [Address] and [Route] sections */
        NetDevKind kind;
        char **netdev; /* sections of a .netdev file, but for the first lines of [NetDev] */
        char *mtu;
} Interface;

typedef struct Network {
        Interface *interfaces;
        size_t n, allocated;
        char **names; /* ifname=: "NAME MAC" */
        char **servers; /* nameserver= */
        char *bootdev; /* name or MAC, or NULL */
        bool peer_dns;
        bool first; /* one interface that is up is enough */
        size_t n_ip; /* how many ip= were understood */
} Network;

/* Of one word; an address of a card has six. */
#define NETWORK_FIELDS_MAX 14

/* Finds it, or makes it. NULL without memory. */
Interface *network_interface(Network *network, const char *name);
/* 0 or an error that was logged. */
int network_write(const Generator *g, const Network *network);

/* network-ibft.c: what firmware has set up to start from iSCSI. How many interfaces, or -ENOMEM. */
int network_add_ibft(const Generator *g, Network *network);
/* network.c. 0, or -EINVAL: `address` in the form of inet_ntop(); family AF_INET or AF_INET6. */
int network_parse_address(const char *s, int *ret_family, char ret[46]);
/* "255.255.255.0" and "24" are 24; of the family. -EINVAL. */
int network_parse_mask(const char *s, int family);
/* [Address] and, if `gateway` is not "", [Route]. */
int network_add_address(Interface *interface, const char *address, int prefix, const char *peer,
                        const char *gateway);
/* One that the kernel takes, and no file of networkd for something else. */
bool network_name_is_valid(const char *name);
/* A name, or a MAC address; in the form that Interface.name has. -EINVAL. */
int network_parse_name(const char *s, char ret[18]);
/* Splits at colons, in place. Brackets are taken off, and what is in them is one field. How many, or
 * -EINVAL. */
int network_split(char *s, char *fields[NETWORK_FIELDS_MAX]);
/* network-netdev.c: the values of vlan=, bond= and bridge=. 0, -EINVAL, -ENOMEM. */
int network_add_vlan(Network *network, const char *value);
int network_add_bond(const Generator *g, Network *network, const char *word, const char *value);
int network_add_bridge(Network *network, const char *value);
/* 52:54:00:12:34:56, of it or of the same with dashes; -EINVAL. */
int network_parse_mac(const char *s, char ret[18]);
