/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What lies on top of cards: vlan=, bond= and bridge=, as systemd.netdev(5) has them. The cards below get
 * a line in [Network] that says what they are part of, and no address unless an ip= is about them.
 */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "network.h"
#include "string-util.h"

static int add_line(char ***lines, const char *key, const char *value) {
        char *line;

        return str_printf(&line, "%s=%s\n", key, value) < 0 ? -ENOMEM : strv_consume(lines, line);
}

/* The interface is below another; `line` is what its [Network] says of that. */
static int add_part(Network *network, const char *name, const char *key, const char *above) {
        char parsed[18];
        Interface *i;

        if (network_parse_name(name, parsed) < 0)
                return -EINVAL;
        i = network_interface(network, parsed);
        if (!i)
                return -ENOMEM;
        i->part = true;
        return add_line(&i->network, key, above);
}

static Interface *add_netdev(Network *network, const char *name, NetDevKind kind) {
        Interface *i = network_interface(network, name);

        if (i)
                i->kind = kind;
        return i;
}

/* NAME:INTERFACE; the number is what NAME ends in. */
int network_add_vlan(Network *network, const char *value) {
        _cleanup_free_ char *copy = strdup(value);
        char *fields[NETWORK_FIELDS_MAX], *digits, *section;
        Interface *i;
        unsigned id;
        int r;

        if (!copy)
                return -ENOMEM;
        if (network_split(copy, fields) != 2 || !network_name_is_valid(fields[0]) ||
            !(digits = fields[0] + strlen(fields[0])))
                return -EINVAL;
        while (digits > fields[0] && isdigit((unsigned char) digits[-1]))
                digits--;
        if (parse_unsigned(digits, &id) < 0 || id < 1 || id > 4094)
                return -EINVAL;
        r = add_part(network, fields[1], "VLAN", fields[0]);
        if (r < 0)
                return r;
        i = add_netdev(network, fields[0], NETDEV_VLAN);
        if (!i || str_printf(&section, "\n[VLAN]\nId=%u\n", id) < 0)
                return -ENOMEM;
        return strv_consume(&i->netdev, section);
}

/* The kernel's Documentation/networking/bonding.rst → systemd.netdev(5). */
static const struct {
        const char *name, *key;
        const char *suffix; /* of a number */
        const char *values[8]; /* by their numbers */
} bond_options[] = {
        { "mode",
          "Mode",
          "",
          { "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb",
            "balance-alb" } },
        { "miimon", "MIIMonitorSec", "ms", {} },
        { "updelay", "UpDelaySec", "ms", {} },
        { "downdelay", "DownDelaySec", "ms", {} },
        { "lp_interval", "LearnPacketIntervalSec", "s", {} },
        { "xmit_hash_policy",
          "TransmitHashPolicy",
          "",
          { "layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac" } },
        { "lacp_rate", "LACPTransmitRate", "", { "slow", "fast" } },
        { "ad_select", "AdSelect", "", { "stable", "bandwidth", "count" } },
        { "ad_actor_sys_prio", "AdActorSystemPriority", "", {} },
        { "ad_actor_system", "AdActorSystem", "", {} },
        { "ad_user_port_key", "AdUserPortKey", "", {} },
        { "fail_over_mac", "FailOverMACPolicy", "", { "none", "active", "follow" } },
        { "arp_interval", "ARPIntervalSec", "ms", {} },
        { "arp_ip_target", "ARPIPTargets", "", {} },
        { "arp_validate", "ARPValidate", "", { "none", "active", "backup", "all" } },
        { "arp_all_targets", "ARPAllTargets", "", { "any", "all" } },
        { "primary_reselect", "PrimaryReselectPolicy", "", { "always", "better", "failure" } },
        { "resend_igmp", "ResendIGMP", "", {} },
        { "packets_per_slave", "PacketsPerSlave", "", {} },
        { "num_grat_arp", "GratuitousARP", "", {} },
        { "num_unsol_na", "GratuitousARP", "", {} },
        { "all_slaves_active", "AllSlavesActive", "", {} },
        { "tlb_dynamic_lb", "DynamicTransmitLoadBalancing", "", {} },
        { "min_links", "MinLinks", "", {} },
};

/* KEY=VALUE of the module's parameters. 0, -EINVAL, -ENOMEM. */
static int add_bond_option(Network *network, char ***lines, char *option) {
        char *value = strchr(option, '=');
        char *line;
        unsigned number;

        if (!value || value[1] == '\0')
                return -EINVAL;
        *value++ = '\0';
        if (streq(option, "primary"))
                return add_part(network, value, "PrimarySlave", "yes");
        /* Addresses are separated by what doesn't separate options. */
        for (char *c = value; *c; c++)
                if (*c == ';')
                        *c = ' ';
                else if (!isascii(*c) || !(isalnum((unsigned char) *c) || strchr("+-.:", *c)))
                        return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(bond_options); i++) {
                bool is_number = isdigit((unsigned char) *value) &&
                                 parse_unsigned(value, &number) >= 0;
                const char *named = is_number && number < ELEMENTSOF(bond_options[i].values)
                                                    ? bond_options[i].values[number]
                                                    : NULL;

                if (!streq(bond_options[i].name, option))
                        continue;
                if (str_printf(&line, "%s=%s%s\n", bond_options[i].key, named ?: value,
                               is_number && !named ? bond_options[i].suffix : "") < 0)
                        return -ENOMEM;
                return strv_consume(lines, line);
        }
        return -EINVAL;
}

static int add_parts(Network *network, const char *list, const char *key, const char *above) {
        _cleanup_strv_free_ char **names = NULL;
        int r = strv_split(&names, list, ",");

        if (r >= 0 && (!names || !*names))
                r = -EINVAL;
        STRV_FOREACH(name, names)
                if (r >= 0)
                        r = add_part(network, *name, key, above);
        return r;
}

/* NAME[:INTERFACE,…[:OPTION,…[:MTU]]]; nothing at all is bond0:eth0,eth1 */
int network_add_bond(const Generator *g, Network *network, const char *word, const char *value) {
        _cleanup_strv_free_ char **options = NULL, **lines = NULL;
        _cleanup_free_ char *copy = strdup(*value ? value : "bond0:eth0,eth1:mode=balance-rr"),
                            *joined = NULL;
        char *fields[NETWORK_FIELDS_MAX], *section, *mtu;
        Interface *i;
        unsigned number;
        int n, r;

        if (!copy)
                return -ENOMEM;
        n = network_split(copy, fields);
        if (n < 1 || n > 4 || !network_name_is_valid(fields[0]) ||
            (n > 3 && *fields[3] && parse_unsigned(fields[3], &number) < 0))
                return -EINVAL;
        r = add_parts(network, n > 1 && *fields[1] ? fields[1] : "eth0,eth1", "Bond", fields[0]);
        if (r < 0)
                return r;
        if (n > 2 && strv_split(&options, fields[2], ",") < 0)
                return -ENOMEM;
        STRV_FOREACH(option, options) {
                r = add_bond_option(network, &lines, *option);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        generator_warn(g,
                                       "%s: the option %s of a bond is not known and was ignored",
                                       word, *option);
        }
        i = add_netdev(network, fields[0], NETDEV_BOND);
        joined = strv_join(lines, "");
        if (!i || !joined || str_printf(&section, "\n[Bond]\n%s", joined) < 0 ||
            strv_consume(&i->netdev, section) < 0)
                return -ENOMEM;
        if (n > 3 && *fields[3]) {
                mtu = strdup(fields[3]);
                if (!mtu)
                        return -ENOMEM;
                free(i->mtu);
                i->mtu = mtu;
        }
        return 0;
}

/* NAME:INTERFACE,…; nothing at all is br0:eth0 */
int network_add_bridge(Network *network, const char *value) {
        _cleanup_free_ char *copy = strdup(*value ? value : "br0:eth0");
        char *fields[NETWORK_FIELDS_MAX];
        int r;

        if (!copy)
                return -ENOMEM;
        if (network_split(copy, fields) != 2 || !network_name_is_valid(fields[0]))
                return -EINVAL;
        r = add_parts(network, fields[1], "Bridge", fields[0]);
        if (r < 0)
                return r;
        return add_netdev(network, fields[0], NETDEV_BRIDGE) ? 0 : -ENOMEM;
}
