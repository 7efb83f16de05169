/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * ip=ibft: interfaces as firmware has set them up to start from iSCSI. The kernel shows its table in
 * /sys/firmware/ibft (Documentation/ABI/testing/sysfs-ibft), one directory ethernetN for each: files
 * mac, ip-addr, subnet-mask or prefix-len, gateway, primary-dns, secondary-dns, dhcp, vlan, flags, of
 * which those are missing that firmware has not filled in. An interface with the address of a DHCP
 * server was set up by that.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd-util.h"
#include "network.h"
#include "process-util.h"
#include "string-util.h"

#define INTERFACES_MAX 8
/* Of the file flags: the block is valid. */
#define FLAG_VALID 1u

/* A file's one line; "" if it is not there, or says nothing. The caller frees. */
static char *read_line(const char *directory, const char *name) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;

        if (str_printf(&path, "%s/%s", directory, name) < 0)
                return NULL;
        if (file_read_at(AT_FDCWD, path, 4096, &text, &size) < 0)
                return strdup("");
        return strdup(str_strip(text));
}

/* An address that says something, in one form; "" else. */
static int read_address(const char *directory, const char *name, int *ret_family, char ret[46]) {
        _cleanup_free_ char *text = read_line(directory, name);

        if (!text)
                return -ENOMEM;
        *ret = '\0';
        if (network_parse_address(text, ret_family, ret) < 0 || streq(ret, "0.0.0.0") ||
            streq(ret, "::"))
                *ret = '\0';
        return 0;
}

static int add_vlan(Network *network, const char *mac, size_t number, unsigned id, char name[16]) {
        Interface *i = network_interface(network, mac);
        char *line, *section;

        if (!i)
                return -ENOMEM;
        snprintf(name, 16, "ibft%zu.%u", number, id);
        i->part = true;
        if (str_printf(&line, "VLAN=%s\n", name) < 0 || strv_consume(&i->network, line) < 0)
                return -ENOMEM;
        i = network_interface(network, name);
        if (!i || str_printf(&section, "\n[VLAN]\nId=%u\n", id) < 0)
                return -ENOMEM;
        i->kind = NETDEV_VLAN;
        return strv_consume(&i->netdev, section);
}

static int add_servers(const char *directory, Interface *i) {
        static const char *const names[] = { "primary-dns", "secondary-dns" };

        for (size_t n = 0; n < ELEMENTSOF(names); n++) {
                char address[46], *line;
                int family, r = read_address(directory, names[n], &family, address);

                if (r < 0)
                        return r;
                if (*address && (str_printf(&line, "DNS=%s\n", address) < 0 ||
                                 strv_consume(&i->network, line) < 0))
                        return -ENOMEM;
        }
        return 0;
}

/* 1, or 0 if there is nothing to be had from it. */
static int add_interface(const Generator *g, Network *network, const char *directory,
                         size_t number) {
        _cleanup_free_ char *said_mac = read_line(directory, "mac"),
                            *mask = read_line(directory, "subnet-mask"),
                            *length = read_line(directory, "prefix-len"),
                            *vlan = read_line(directory, "vlan"),
                            *flags = read_line(directory, "flags");
        char mac[18], name[18], address[46], gateway[46], dhcp[46];
        int family = AF_INET, f, prefix;
        unsigned id, bits;
        Interface *i;

        if (!said_mac || !mask || !length || !vlan || !flags ||
            read_address(directory, "ip-addr", &family, address) < 0 ||
            read_address(directory, "gateway", &f, gateway) < 0 ||
            read_address(directory, "dhcp", &f, dhcp) < 0)
                return -ENOMEM;
        if (parse_unsigned(flags, &bits) >= 0 && !(bits & FLAG_VALID))
                return 0;
        prefix = network_parse_mask(*length ? length : mask, family);
        if (network_parse_mac(said_mac, mac) < 0 || (!*dhcp && (!*address || prefix < 0))) {
                generator_warn(g, "ip=ibft: %s has no address and was ignored", directory);
                return 0;
        }
        strcpy(name, mac);
        if (parse_unsigned(vlan, &id) >= 0 && id > 0 && id < 4095 &&
            add_vlan(network, mac, number, id, name) < 0)
                return -ENOMEM;
        i = network_interface(network, name);
        if (!i)
                return -ENOMEM;
        i->automatic = true;
        if (*dhcp)
                *(family == AF_INET ? &i->dhcp4 : &i->dhcp6) = true;
        else if (network_add_address(i, address, prefix, "", gateway) < 0 ||
                 add_servers(directory, i) < 0)
                return -ENOMEM;
        return 1;
}

/* The table is shown by a driver. */
static void load_driver(void) {
        static const char *const paths[] = { "/usr/sbin/modprobe", "/sbin/modprobe" };
        const char *path = access(paths[0], X_OK) >= 0 ? paths[0] : paths[1];
        pid_t pid = fork();

        if (pid == 0) {
                execl(path, path, "-q", "iscsi_ibft", NULL);
                _exit(127);
        }
        if (pid > 0)
                (void) process_wait(pid);
}

int network_add_ibft(const Generator *g, Network *network) {
        int found = 0;

        if (!*g->root && access("/sys/firmware/ibft", F_OK) < 0)
                load_driver();
        for (size_t n = 0; n < INTERFACES_MAX; n++) {
                _cleanup_free_ char *directory = NULL;
                int r;

                if (str_printf(&directory, "%s/sys/firmware/ibft/ethernet%zu", g->root, n) < 0)
                        return -ENOMEM;
                if (access(directory, F_OK) < 0)
                        continue;
                r = add_interface(g, network, directory, n);
                if (r < 0)
                        return r;
                found += r;
        }
        if (found == 0)
                generator_warn(g, "ip=ibft: firmware has set up no interface");
        return found;
}
