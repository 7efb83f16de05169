/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The lower end of the block layers: a disk, and the bus by which it is reached.
 *
 * The directory of a disk below /sys/devices spells out the way from the processor to it:
 *
 *   pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda
 *   pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1
 *
 * Each directory on it that is a device names its subsystem and its driver by links. Together
 * they tell the transport; the drivers themselves follow from the modaliases on the same way.
 * "scsi" stands for whatever speaks SCSI but for what libata and USB disguise as such, so also for
 * virtio-scsi and the adapters of Hyper-V and VMware, each beside its own tag.
 *
 * Some disks have no bus: a loop device is a file, and goes on with what that lies on; nbd, rbd
 * and drbd are the network; the head of a multipath NVMe namespace has its controllers beside it.
 */

#include <ctype.h>

#include "facts-host.h"
#include "path-util.h"
#include "string-util.h"

enum {
        SEEN_ATA = 1 << 0,
        SEEN_USB = 1 << 1,
        SEEN_SCSI = 1 << 2,
};

/* "ata12" is `stem` "ata" and digits. */
static bool is_numbered(const char *name, const char *stem) {
        const char *rest = startswith(name, stem);

        return rest && *rest && rest[strspn(rest, "0123456789")] == '\0';
}

/* The last component of what the link DIRECTORY/`link` points to; NULL when there is none. */
static int link_name(const Host *h, const char *directory, const char *link, char **ret) {
        _cleanup_free_ char *path = path_join(directory, link), *target = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = host_readlink(h, path, &target);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return 0;
        *ret = strdup(path_basename(target));
        return *ret ? 0 : -ENOMEM;
}

static int tag_ancestor(Host *h, const char *directory, unsigned *seen) {
        static const struct {
                const char *subsystem, *transport;
        } buses[] = {
                { "nvme", "nvme" },     { "nvme-subsystem", "nvme" },
                { "virtio", "virtio" }, { "mmc", "mmc" },
                { "mmc_host", "mmc" },  { "vmbus", "hyperv" },
                { "xen", "xen" },       { "usb", "usb" },
                { "nd", "nvdimm" },
        };
        _cleanup_free_ char *subsystem = NULL, *driver = NULL;
        const char *name = path_basename(directory);
        int r;

        if ((r = link_name(h, directory, "subsystem", &subsystem)) < 0 ||
            (r = link_name(h, directory, "driver", &driver)) < 0)
                return r;
        if (is_numbered(name, "ata"))
                *seen |= SEEN_ATA;
        if (is_numbered(name, "host") || streq_ptr(subsystem, "scsi"))
                *seen |= SEEN_SCSI;
        if (streq_ptr(subsystem, "usb"))
                *seen |= SEEN_USB;
        if (is_numbered(name, "session") &&
            ((r = host_tag(h, "block:iscsi")) < 0 || (r = host_tag(h, "net")) < 0 ||
             (r = host_add_iscsi(h, name)) < 0))
                return r;
        if (streq_ptr(driver, "vmw_pvscsi") && (r = host_tag(h, "transport:vmware")) < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(buses); i++)
                if (streq_ptr(subsystem, buses[i].subsystem))
                        return host_tag(h, "transport:%s", buses[i].transport);
        return 0;
}

static int tag_transport(Host *h, const char *directory) {
        _cleanup_free_ char *path = strdup(directory);
        unsigned seen = 0;
        int r;

        if (!path)
                return -ENOMEM;
        while (path_below(path, "/sys/devices") && !streq(path, "/sys/devices")) {
                r = tag_ancestor(h, path, &seen);
                if (r < 0)
                        return r;
                *strrchr(path, '/') = '\0';
        }
        if (seen & SEEN_ATA)
                return host_tag(h, "transport:ata");
        if ((seen & SEEN_SCSI) && !(seen & SEEN_USB))
                return host_tag(h, "transport:scsi");
        return 0;
}

/* NVMe over Fabrics: the controller says how it is reached. The namespace's own directory is that
 * of the controller, or with multipath that of the subsystem, where controllers are links. */
static int tag_fabrics(Host *h, const char *directory) {
        _cleanup_free_ char *parent = path_dirname(directory);
        _cleanup_strv_free_ char **names = NULL;
        int r;

        if (!parent)
                return -ENOMEM;
        r = host_list(h, parent, &names);
        if (r == -ENOMEM || (r >= 0 && strv_extend(&names, ".") < 0))
                return -ENOMEM;
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = NULL, *transport = NULL;

                if (!is_numbered(*name, "nvme") && !streq(*name, "."))
                        continue;
                if (str_printf(&path, "%s/%s/transport", parent, *name) < 0)
                        return -ENOMEM;
                r = host_read(h, path, &transport);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0 && (streq(transport, "tcp") || streq(transport, "rdma")) &&
                    (r = host_tag(h, "net")) < 0)
                        return r;
        }
        return 0;
}

static int tag_loop(Host *h, const char *directory, char ***devices, unsigned depth) {
        _cleanup_free_ char *path = path_join(directory, "loop/backing_file"), *file = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = host_tag(h, "block:loop");
        if (r < 0)
                return r;
        r = host_read(h, path, &file);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = host_walk_path(h, file, devices, depth + 1);
        return r == -ENOMEM ? r : 0;
}

int disk_tag(Host *h, const char *name, const char *directory, char ***devices, unsigned depth) {
        int r;

        if (is_numbered(name, "loop"))
                return tag_loop(h, directory, devices, depth);
        if (is_numbered(name, "zram"))
                return host_tag(h, "block:zram");
        if (is_numbered(name, "nbd") && (r = host_tag(h, "block:nbd")) < 0)
                return r;
        if (is_numbered(name, "nbd") || is_numbered(name, "rbd") || is_numbered(name, "drbd"))
                return host_tag(h, "net");
        if (startswith(name, "nvme") && (r = tag_fabrics(h, directory)) < 0)
                return r;
        return tag_transport(h, directory);
}
