/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Disks on the network: iSCSI (iscsi.c) and NBD (nbd.c).
 *
 *   initrdd-iscsi.service, initrdd-nbd.service    run initrdd-attach, once the network is up. They
 *                      are wanted, not required: what waits for a disk waits for its device
 *   early/sysroot.mount   where root= is such a disk as it is. systemd's own generator makes it, and
 *                      all that belongs to it, from a root= that it knows: of "nbd:…" it makes a
 *                      mount that can't be, which this one comes before
 *   65-initrdd-iscsi.rules   the link that this root= names
 *   DEVICE.device.d    the root is waited for until initrdd-attach has given up and said why
 *
 * An iSCSI session is the kernel's, and the root's iscsid takes it over. So is a connection to an NBD
 * server that was made by netlink, which nbd-client does where it was built with it. The other way, a
 * process that stays in a call to the kernel, does not outlive the switch of roots, however it is
 * marked: PID 1 stops all processes for a moment, and that ends the call and the connection.
 */

#include <errno.h>
#include <string.h>

#include "iscsi.h"
#include "nbd.h"
#include "string-util.h"

/* Later than ATTEMPT_LIMIT_SECONDS. */
#define ROOT_SECONDS 180

static int add_unit(const Generator *g, const char *kind, const char *description,
                    const char *modules, bool wait, bool root) {
        _cleanup_free_ char *unit = NULL, *text = NULL;
        int r;

        if (str_printf(&unit, "initrdd-%s.service", kind) < 0 ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=%s\n"
                       "DefaultDependencies=no\n"
                       "Wants=network-online.target %s\n"
                       "After=network.target%s %s\n"
                       "Before=shutdown.target\n"
                       "Conflicts=shutdown.target emergency.target\n"
                       "%s"
                       "\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "RemainAfterExit=yes\n"
                       "ExecStart=/usr/lib/initrdd/initrdd-attach %s\n"
                       "StandardOutput=journal\n"
                       "StandardError=journal+console\n"
                       "SuccessExitStatus=SIGTERM\n",
                       description, modules, wait ? " network-online.target" : "", modules,
                       root ? "OnFailure=emergency.target\n"
                              "OnFailureJobMode=replace-irreversibly\n"
                            : "",
                       kind) < 0)
                return -ENOMEM;
        r = generator_write(g, g->normal, unit, text);
        return r < 0 ? r : generator_add_symlink(g, "initrd-root-device.target", "wants", unit);
}

/* udev's path_id(8) has the address, the port, the target and the LUN of such a disk. In /run, since in the
 * real root the link is still the root's name. */
static int add_rule(const Generator *g, const Iscsi *iscsi) {
        const IscsiTarget *t = iscsi->n_targets > 0 ? &iscsi->targets[0] : NULL;
        _cleanup_free_ char *text = NULL;

        if (str_printf(&text,
                       "# initrdd-generator, from the kernel command line\n"
                       "SUBSYSTEM==\"block\", ENV{DEVTYPE}==\"disk\", "
                       "ENV{ID_PATH}==\"*ip-*-iscsi-%s-lun-%s\", SYMLINK+=\"%s\"\n",
                       t ? t->name : "*", t ? t->lun : "*", startswith(ISCSI_ROOT, "/dev/")) < 0)
                return -ENOMEM;
        return generator_write(g, "/run/udev/rules.d", "65-initrdd-iscsi.rules", text);
}

static int add_iscsi(const Generator *g, bool dhcp) {
        _cleanup_iscsi_ Iscsi iscsi = {};
        int r;

        r = iscsi_read(g, &iscsi);
        if (r < 0 || (r == 0 && !dhcp))
                return r;
        r = add_unit(g, "iscsi", "Disks of iSCSI Targets",
                     iscsi.firmware ? "modprobe@iscsi_tcp.service modprobe@iscsi_ibft.service"
                                    : "modprobe@iscsi_tcp.service",
                     iscsi.wait || dhcp, iscsi.root);
        if (r >= 0 && iscsi.root)
                r = add_rule(g, &iscsi);
        if (r >= 0 && iscsi.root)
                r = root_generate(g, ISCSI_ROOT, NULL, NULL);
        return r < 0 ? r : 1;
}

static int add_nbd(const Generator *g, bool dhcp) {
        _cleanup_nbd_ Nbd nbd = {};
        int r;

        r = nbd_read(g, &nbd);
        if (r < 0 || (r == 0 && !dhcp))
                return r;
        r = add_unit(g, "nbd", "Network Block Devices", "modprobe@nbd.service", true, nbd.root);
        if (r >= 0 && nbd.root)
                r = root_generate(g, nbd.devices[0].node, nbd.type, nbd.flags);
        return r < 0 ? r : 1;
}

/* netroot=dhcp: which of the two it is, is known when DHCP has answered. Without a disk as the root
 * it is NFS. */
static bool asks_dhcp(const Generator *g) {
        STRV_FOREACH(word, g->words)
                if (streq(*word, "netroot=dhcp"))
                        return true;
        return false;
}

int generate_netblock(const Generator *g) {
        _cleanup_free_ char *node = NULL;
        int iscsi, nbd, r;
        unsigned seconds;
        bool dhcp;

        r = device_root_node(g, &node);
        if (r < 0)
                return r;
        dhcp = r > 0 && asks_dhcp(g);
        iscsi = add_iscsi(g, dhcp);
        nbd = add_nbd(g, dhcp);
        if (iscsi < 0 || nbd < 0)
                return iscsi < 0 ? iscsi : nbd;
        if (!iscsi && !nbd)
                return 0;
        /* What is said is for device.c, which was here before. */
        if (option_patience(g, ROOT_SECONDS, &seconds))
                return 0;
        r = device_set_timeouts(g, node, "70-initrdd-netblock.conf", ROOT_SECONDS);
        return r < 0 || !node ? r : device_end_wait(g, node, ROOT_SECONDS);
}
