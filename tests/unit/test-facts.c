/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <endian.h>
#include <sys/inotify.h>
#include <cmocka.h>

#include "describe/facts-host.h"
#include "recorded.h"

/* Parts that several machines share. */
#define NVME                                                                                      \
        "block pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1 259:0\n"                                \
        "link /sys/devices/pci0000:00/0000:00:1d.0/nvme/nvme0/subsystem ../../../../../class/nvme\n" \
        "block pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1/nvme0n1p1 259:1\n"                      \
        "file /sys/class/block/nvme0n1p1/partition 1\n"                                           \
        "block pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1/nvme0n1p2 259:2\n"                      \
        "file /sys/class/block/nvme0n1p2/partition 2\n"
#define SATA(n, name, devno)                                                                      \
        "block pci0000:00/0000:00:17.0/ata" #n "/host" #n "/target" #n ":0:0/" #n                 \
        ":0:0:0/block/" name " " devno "\n"
#define SATA_PART(n, disk, part, devno)                                                           \
        "block pci0000:00/0000:00:17.0/ata" #n "/host" #n "/target" #n ":0:0/" #n                 \
        ":0:0:0/block/" disk "/" part " " devno "\n"                                              \
        "file /sys/class/block/" part "/partition 1\n"
#define VIRTUAL(name, devno) "block virtual/block/" name " " devno "\n"
#define DM(name, devno, uuid, dm)                                                                 \
        VIRTUAL(name, devno)                                                                      \
        "file /sys/class/block/" name "/dm/uuid " uuid "\n"                                       \
        "file /sys/class/block/" name "/dm/name " dm "\n"                                         \
        "link /dev/mapper/" dm " ../" name "\n"
#define ROOT(devno, source) "mount 22 1 " devno " / / rw,relatime - ext4 " source " rw\n"
#define HIBERNATES "file /sys/power/state freeze mem disk\n"

/* LVM on LUKS on md RAID1 of two SATA disks. */
#define LVM_LUKS_MD                                                                               \
        SATA(1, "sda", "8:0")                                                                     \
        SATA_PART(1, "sda", "sda1", "8:1")                                                        \
        SATA(2, "sdb", "8:16")                                                                    \
        SATA_PART(2, "sdb", "sdb1", "8:17")                                                       \
        VIRTUAL("md0", "9:0")                                                                     \
        "file /sys/class/block/md0/md/level raid1\n"                                              \
        "slave md0 sda1\n"                                                                        \
        "slave md0 sdb1\n"                                                                        \
        DM("dm-0", "253:0", "CRYPT-LUKS2-d3adbeef-cryptroot", "cryptroot")                        \
        "slave dm-0 md0\n"                                                                        \
        DM("dm-1", "253:1", "LVM-AbCdEf", "vg-root")                                              \
        "slave dm-1 dm-0\n"                                                                       \
        ROOT("253:1", "/dev/mapper/vg-root")

static void on_warning(void *userdata, const char *path, unsigned line, const char *message) {
        char *text = userdata;
        size_t n = strlen(text);

        /* For the tests that look closer: "PATH:LINE" of each. */
        snprintf(text + n, 512 - n, "%s%s:%u", n > 0 ? " " : "", path ? path : "-", line);
}

typedef struct Case {
        const char *name;
        const char *machine;
        const char *tags; /* sorted, or NULL for a failure */
        const char *mounts; /* "WHERE WHAT TYPE DEVICE…;…" */
        const char *warnings; /* "PATH:LINE …" */
        const char *message; /* of a failure: part of it */
} Case;

static void describe_mounts(const Facts *facts, char *text, size_t size) {
        size_t n = 0;

        *text = '\0';
        for (size_t i = 0; i < facts->n_mounts; i++) {
                const FactsMount *m = &facts->mounts[i];
                _cleanup_free_ char *devices = strv_join(m->devices, " ");

                n += (size_t) snprintf(text + n, size - n, "%s%s %s %s%s%s", i > 0 ? ";" : "",
                                       m->where, m->what, m->type, *devices ? " " : "", devices);
        }
}

static void check(const Case *c) {
        _cleanup_recorded_ Recorded m = {};
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_free_ char *tags = NULL;
        char warnings[512] = "", mounts[1024];
        _cleanup_(report_done) Report report = { .on_warning = on_warning, .userdata = warnings };
        int r;

        recorded_new(&m);
        recorded_dir(&m, "/sys/devices");
        recorded_add(&m, c->machine);
        r = facts_new_recorded(m.root, &report, &facts);
        assert_string_equal(warnings, c->warnings ? c->warnings : "");
        if (!c->tags) {
                assert_true(r < 0);
                assert_int_equal(report.failure.kind, FAILURE_INCOMPLETE);
                assert_non_null(strstr(report.failure.message, c->message));
                return;
        }
        if (r < 0)
                print_error("%s: %s\n", c->name, report.failure.message);
        assert_int_equal(r, 0);
        tags = strv_join(facts->tags, " ");
        describe_mounts(facts, mounts, sizeof(mounts));
        if (!streq(tags, c->tags) || !streq(mounts, c->mounts))
                print_error("%s\n", c->name);
        assert_string_equal(tags, c->tags);
        assert_string_equal(mounts, c->mounts);
}

static void check_all(const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                check(&cases[i]);
}

/* From one file system down to the disks, through every kind of layer. */
static void test_layers(void **state) {
        static const Case cases[] = {
                { "ext4 on a GPT partition of an NVMe disk",
                  NVME ROOT("259:2", "/dev/nvme0n1p2")
                  "fstab UUID=1234-ab / ext4 errors=remount-ro 0 1\n",
                  "block:part fs:ext4 transport:nvme", "/ UUID=1234-ab ext4 nvme0n1p2 nvme0n1" },
                { "no fstab, but udev's database", /* what a person would write is its UUID */
                  NVME ROOT("259:2", "/dev/nvme0n1p2")
                  "file /run/udev/data/b259:2 S:disk/by-uuid/77\n"
                  "file /run/udev/data/b259:2 E:ID_FS_UUID=77\n"
                  "file /run/udev/data/b259:2 E:ID_FS_TYPE=ext4\n",
                  "block:part fs:ext4 transport:nvme", "/ UUID=77 ext4 nvme0n1p2 nvme0n1" },
                { "LVM on LUKS on md RAID1 of two SATA disks", LVM_LUKS_MD,
                  "block:crypt block:dm block:lvm block:md block:md-raid1 block:part fs:ext4 "
                  "transport:ata",
                  "/ /dev/mapper/vg-root ext4 dm-1 dm-0 md0 sda1 sda sdb1 sdb" },
                { "thin and RAID volumes by their parts", /* the upper uuids don't say it */
                  SATA(1, "sda", "8:0") DM("dm-0", "253:0", "LVM-Ab-tdata", "vg-pool_tdata")
                  DM("dm-1", "253:1", "LVM-Ab-tpool", "vg-pool-tpool") "slave dm-1 dm-0\n"
                  DM("dm-2", "253:2", "LVM-Ab", "vg-root") "slave dm-2 dm-1\n"
                  DM("dm-3", "253:3", "LVM-Ac", "vg-pool_tdata_rimage_0") "slave dm-0 dm-3\n"
                  "slave dm-3 sda\n" ROOT("253:2", "/dev/mapper/vg-root"),
                  "block:dm block:lvm block:lvm-raid block:lvm-thin fs:ext4 transport:ata",
                  "/ /dev/mapper/vg-root ext4 dm-2 dm-1 dm-0 dm-3 sda" },
                { "a cached volume", /* what is behind the cache is called as if it had a snapshot */
                  SATA(1, "sda", "8:0") DM("dm-0", "253:0", "LVM-Aa-cdata", "vg-fast_cpool_cdata")
                  "slave dm-0 sda\n" DM("dm-1", "253:1", "LVM-Ac-real", "vg-root_corig")
                  "slave dm-1 sda\n" DM("dm-2", "253:2", "LVM-Ac", "vg-root")
                  "slave dm-2 dm-0\nslave dm-2 dm-1\n" ROOT("253:2", "/dev/mapper/vg-root"),
                  "block:dm block:lvm block:lvm-cache fs:ext4 transport:ata",
                  "/ /dev/mapper/vg-root ext4 dm-2 dm-0 sda dm-1" },
                { "a volume with a snapshot",
                  SATA(1, "sda", "8:0") DM("dm-0", "253:0", "LVM-Ac-real", "vg-root-real")
                  "slave dm-0 sda\n" DM("dm-1", "253:1", "LVM-Ac", "vg-root") "slave dm-1 dm-0\n"
                  ROOT("253:1", "/dev/mapper/vg-root"),
                  "block:dm block:lvm block:lvm-snapshot fs:ext4 transport:ata",
                  "/ /dev/mapper/vg-root ext4 dm-1 dm-0 sda" },
                { "a partition of a multipath device",
                  "block pci0000:00/0000:05:00.0/host7/rport-7:0-0/target7:0:0/7:0:0:0/block/sda 8:0\n"
                  "block pci0000:00/0000:05:00.1/host8/rport-8:0-0/target8:0:0/8:0:0:0/block/sdb 8:16\n"
                  DM("dm-0", "253:0", "mpath-3600a", "mpatha") "slave dm-0 sda\nslave dm-0 sdb\n"
                  DM("dm-1", "253:1", "part1-mpath-3600a", "mpatha-part1") "slave dm-1 dm-0\n"
                  ROOT("253:1", "/dev/mapper/mpatha-part1"),
                  "block:dm block:multipath block:part fs:ext4 transport:scsi",
                  "/ /dev/mapper/mpatha-part1 ext4 dm-1 dm-0 sda sdb" },
                { "LVM on multipath", /* the paths are of two host adapters */
                  "block pci0000:00/0000:05:00.0/host7/rport-7:0-0/target7:0:0/7:0:0:0/block/sda 8:0\n"
                  "block pci0000:00/0000:05:00.1/host8/rport-8:0-0/target8:0:0/8:0:0:0/block/sdb 8:16\n"
                  DM("dm-0", "253:0", "mpath-3600a", "3600a") "slave dm-0 sda\nslave dm-0 sdb\n"
                  DM("dm-1", "253:1", "LVM-Ab", "vg-root") "slave dm-1 dm-0\n"
                  ROOT("253:1", "/dev/mapper/vg-root"),
                  "block:dm block:lvm block:multipath fs:ext4 transport:scsi",
                  "/ /dev/mapper/vg-root ext4 dm-1 dm-0 sda sdb" },
                { "an array in a container", /* which is no layer: its disks are the array's */
                  SATA(1, "sda", "8:0") SATA(2, "sdb", "8:16") VIRTUAL("md127", "9:127")
                  "file /sys/class/block/md127/md/level container\n"
                  "slave md127 sda\nslave md127 sdb\n" VIRTUAL("md126", "9:126")
                  "file /sys/class/block/md126/md/level raid1\n"
                  "file /sys/class/block/md126/md/metadata_version external:/md127/0\n"
                  "slave md126 sda\nslave md126 sdb\n" ROOT("9:126", "/dev/md126"),
                  "block:md block:md-raid1 fs:ext4 transport:ata", "/ /dev/md126 ext4 md126 sda sdb" },
                { "fake RAID of a mainboard",
                  SATA(1, "sda", "8:0") DM("dm-0", "253:0", "DMRAID-isw_x", "isw_x")
                  "slave dm-0 sda\n" ROOT("253:0", "/dev/mapper/isw_x"),
                  "block:dm block:dmraid fs:ext4 transport:ata", "/ /dev/mapper/isw_x ext4 dm-0 sda" },
                { "dm-verity", SATA(1, "sda", "8:0")
                  DM("dm-0", "253:0", "CRYPT-VERITY-12-root", "root") "slave dm-0 sda\n"
                  ROOT("253:0", "/dev/mapper/root"),
                  "block:dm block:verity fs:ext4 transport:ata", "/ /dev/mapper/root ext4 dm-0 sda" },
                { "a name with a slash", "block pci0000:00/host0/block/cciss!c0d0 104:0\n"
                  ROOT("104:0", "/dev/cciss/c0d0") "fstab /dev/cciss/c0d0 / ext4 defaults\n",
                  "fs:ext4 transport:scsi", "/ /dev/cciss/c0d0 ext4 cciss!c0d0" },
        };

        check_all(cases, ELEMENTSOF(cases));
}

/* How a disk is reached, by the way to it below /sys/devices. */
static void test_transports(void **state) {
#define BUS(path, name, devno) "block " path "/" name " " devno "\n" ROOT(devno, "/dev/" name)
        static const Case cases[] = {
                { "virtio-blk", BUS("pci0000:00/0000:00:02.0/virtio1/block", "vda", "254:0")
                  "link /sys/devices/pci0000:00/0000:00:02.0/virtio1/subsystem ../../../../bus/virtio\n",
                  "fs:ext4 transport:virtio", "/ /dev/vda ext4 vda" },
                { "virtio-scsi", BUS("pci0000:00/0000:00:02.0/virtio1/host0/target0:0:0/0:0:0:0/block",
                                     "sda", "8:0")
                  "link /sys/devices/pci0000:00/0000:00:02.0/virtio1/subsystem ../../../../bus/virtio\n",
                  "fs:ext4 transport:scsi transport:virtio", "/ /dev/sda ext4 sda" },
                { "a stick", BUS("pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/host6/target6:0:0/6:0:0:0/block",
                                 "sda", "8:0")
                  "link /sys/devices/pci0000:00/0000:00:14.0/usb1/subsystem ../../../../bus/usb\n",
                  "fs:ext4 transport:usb", "/ /dev/sda ext4 sda" },
                { "persistent memory",
                  BUS("LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0/region0/namespace0.0/block", "pmem0",
                      "259:0")
                  "link /sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0/region0/namespace0.0/"
                  "subsystem ../../../../../../../bus/nd\n",
                  "fs:ext4 transport:nvdimm", "/ /dev/pmem0 ext4 pmem0" },
                { "persistent memory by a block translation table",
                  BUS("LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0/region0/btt0.1/block", "pmem0s",
                      "259:0")
                  "link /sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0/region0/subsystem "
                  "../../../../../../bus/nd\n",
                  "fs:ext4 transport:nvdimm", "/ /dev/pmem0s ext4 pmem0s" },
                { "an SD card", BUS("platform/soc/mmc/mmc_host/mmc0/mmc0:aaaa/block", "mmcblk0", "179:0")
                  "link /sys/devices/platform/soc/mmc/mmc_host/mmc0/subsystem ../../../../../../class/mmc_host\n",
                  "fs:ext4 transport:mmc", "/ /dev/mmcblk0 ext4 mmcblk0" },
                { "Hyper-V", BUS("LNXSYSTM:00/VMBUS:00/f8b3781a/host0/target0:0:0/0:0:0:0/block", "sda", "8:0")
                  "link /sys/devices/LNXSYSTM:00/VMBUS:00/f8b3781a/subsystem ../../../../bus/vmbus\n",
                  "fs:ext4 transport:hyperv transport:scsi", "/ /dev/sda ext4 sda" },
                { "VMware", BUS("pci0000:00/0000:03:00.0/host0/target0:0:0/0:0:0:0/block", "sda", "8:0")
                  "link /sys/devices/pci0000:00/0000:03:00.0/driver ../../../bus/pci/drivers/vmw_pvscsi\n",
                  "fs:ext4 transport:scsi transport:vmware", "/ /dev/sda ext4 sda" },
                { "Xen", BUS("vbd-51712/block", "xvda", "202:0")
                  "link /sys/devices/vbd-51712/subsystem ../../bus/xen\n",
                  "fs:ext4 transport:xen", "/ /dev/xvda ext4 xvda" },
                { "iSCSI", BUS("platform/host3/session1/target3:0:0/3:0:0:0/block", "sda", "8:0"),
                  "block:iscsi fs:ext4 net transport:scsi", "/ /dev/sda ext4 sda" },
                { "nbd", BUS("virtual/block", "nbd0", "43:0"), "block:nbd fs:ext4 net",
                  "/ /dev/nbd0 ext4 nbd0" },
                { "NVMe over TCP", BUS("virtual/nvme-fabrics/ctl/nvme0", "nvme0n1", "259:0")
                  "link /sys/devices/virtual/nvme-fabrics/ctl/nvme0/subsystem ../../../../../class/nvme\n"
                  "file /sys/devices/virtual/nvme-fabrics/ctl/nvme0/transport tcp\n",
                  "fs:ext4 net transport:nvme", "/ /dev/nvme0n1 ext4 nvme0n1" },
                { "NVMe with native multipath", /* the controllers are links beside the namespace */
                  BUS("virtual/nvme-subsystem/nvme-subsys0", "nvme0n1", "259:0")
                  "link /sys/devices/virtual/nvme-subsystem/nvme-subsys0/subsystem ../../../../class/nvme-subsystem\n"
                  "link /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0 ../../nvme-fabrics/nvme0\n"
                  "file /sys/devices/virtual/nvme-fabrics/nvme0/transport rdma\n",
                  "fs:ext4 net transport:nvme", "/ /dev/nvme0n1 ext4 nvme0n1" },
        };
#undef BUS

        check_all(cases, ELEMENTSOF(cases));
}

/* Mounts that are no simple device. */
static void test_mounts(void **state) {
        static const Case cases[] = {
                { "btrfs on two devices, a subvolume",
                  SATA(1, "sda", "8:0") SATA(2, "sdb", "8:16")
                  "mount 22 1 0:24 /@ / rw - btrfs /dev/sda rw,subvol=/@\n"
                  "link /sys/fs/btrfs/u1/devices/sda ../x\nlink /sys/fs/btrfs/u1/devices/sdb ../x\n"
                  "dir /sys/fs/btrfs/features\n"
                  "fstab UUID=u1 / btrfs subvol=@ 0 0\n",
                  "block:btrfs-multi fs:btrfs transport:ata", "/ UUID=u1 btrfs sda sdb" },
                { "btrfs on one device", SATA(1, "sda", "8:0")
                  "mount 22 1 0:24 / / rw - btrfs /dev/sda rw\n"
                  "link /sys/fs/btrfs/u1/devices/sda ../x\n",
                  "fs:btrfs transport:ata", "/ /dev/sda btrfs sda" },
                { "bcachefs on two devices", SATA(1, "sda", "8:0") NVME
                  "mount 22 1 0:24 / / rw - bcachefs /dev/sda:/dev/nvme0n1 rw\n",
                  "fs:bcachefs transport:ata transport:nvme", "/ /dev/sda bcachefs sda nvme0n1" },
                { "a /usr of its own", NVME SATA(1, "sda", "8:0") ROOT("259:2", "/dev/nvme0n1p2")
                  "mount 23 22 8:0 / /usr ro - xfs /dev/sda ro\n"
                  "fstab /dev/nvme0n1p2 / ext4 defaults\nfstab LABEL=usr /usr xfs ro\n",
                  "block:part fs:ext4 fs:xfs transport:ata transport:nvme usr",
                  "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1;/usr LABEL=usr xfs sda" },
                { "/usr bound onto itself by a sandbox, and a sysext over it", /* is no own /usr */
                  NVME ROOT("259:2", "/dev/nvme0n1p2")
                  "mount 23 22 259:2 /usr /usr ro - ext4 /dev/nvme0n1p2 ro\n"
                  "mount 24 22 0:55 / /usr ro - overlay sysext ro,lowerdir=/usr\n",
                  "block:part fs:ext4 transport:nvme", "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1" },
                { "/usr as another subvolume of the same btrfs", SATA(1, "sda", "8:0")
                  "mount 22 1 0:24 /@ / rw - btrfs /dev/sda rw\n"
                  "mount 23 22 0:24 /@usr /usr rw - btrfs /dev/sda rw\n",
                  "fs:btrfs transport:ata usr", "/ /dev/sda btrfs sda;/usr /dev/sda btrfs sda" },
                { "root over NFS", "mount 22 1 0:30 / / rw - nfs4 srv:/export rw,vers=4.2\n",
                  "fs:nfs net", "/ srv:/export nfs4" },
                { "virtiofs", "mount 22 1 0:30 / / rw - virtiofs rootfs rw\n",
                  "fs:virtiofs transport:virtio", "/ rootfs virtiofs" },
                { "ZFS", /* whose disks only it knows */
                  "mount 22 1 0:30 / / rw - zfs rpool/ROOT rw\n", "fs:zfs", "/ rpool/ROOT zfs", "-:0" },
                { "an image file in a loop device", NVME VIRTUAL("loop0", "7:0")
                  "file /sys/class/block/loop0/loop/backing_file /host/root.img\n"
                  ROOT("7:0", "/dev/loop0") "mount 23 22 259:1 / /host rw - ntfs3 /dev/nvme0n1p1 rw\n",
                  "block:loop block:part fs:ext4 fs:ntfs3 transport:nvme",
                  "/ /dev/loop0 ext4 loop0 nvme0n1p1 nvme0n1" },
                { "overlay over a read-only disk", NVME
                  "mount 22 1 0:30 / / rw - overlay overlay rw,lowerdir=/run/base,upperdir=/run/o/u\n"
                  "mount 23 22 259:1 / /run/base ro - squashfs /dev/nvme0n1p1 ro\n"
                  "mount 24 22 0:31 / /run/o rw - tmpfs tmpfs rw\n",
                  "block:part fs:overlay fs:squashfs fs:tmpfs transport:nvme",
                  "/ overlay overlay nvme0n1p1 nvme0n1" },
                { "a live system, what it writes is kept", NVME SATA(1, "sda", "8:0")
                  VIRTUAL("loop0", "7:0")
                  "file /sys/class/block/loop0/loop/backing_file "
                  "/run/initramfs/live/LiveOS/squashfs.img\n"
                  "mount 22 1 0:30 / / rw - overlay LiveOS_rootfs rw,lowerdir=/run/rootfsbase,"
                  "upperdir=/run/overlayfs,workdir=/run/ovlwork\n"
                  "mount 23 22 8:0 / /run/initramfs/live ro - iso9660 /dev/sda ro\n"
                  "mount 24 22 7:0 / /run/rootfsbase ro - squashfs /dev/loop0 ro\n"
                  "mount 25 22 259:1 / /run/initramfs/overlayfs rw - ext4 /dev/nvme0n1p1 rw\n"
                  "link /run/overlayfs /run/initramfs/overlayfs/changes\n",
                  "block:loop block:part fs:ext4 fs:iso9660 fs:overlay fs:squashfs live transport:ata "
                  "transport:nvme", "/ LiveOS_rootfs overlay loop0 sda nvme0n1p1 nvme0n1" },
                { "a live system that was copied to memory", SATA(1, "sda", "8:0") VIRTUAL("loop0", "7:0")
                  "file /sys/class/block/loop0/loop/backing_file /run/initramfs/memory/squashed.img\n"
                  "mount 22 1 0:30 / / rw - overlay LiveOS_rootfs rw,lowerdir=/run/rootfsbase\n"
                  "mount 23 22 8:0 / /run/initramfs/live ro - iso9660 /dev/sda ro\n"
                  "mount 24 22 7:0 / /run/rootfsbase ro - squashfs /dev/loop0 ro\n"
                  "mount 25 22 0:31 / /run rw - tmpfs tmpfs rw\n",
                  "block:loop fs:iso9660 fs:overlay fs:squashfs fs:tmpfs live transport:ata",
                  "/ LiveOS_rootfs overlay loop0 sda" },
                { "systemd.volatile=yes", NVME
                  "mount 22 1 0:30 / / rw - tmpfs tmpfs rw\n"
                  "mount 23 22 259:1 /usr /usr ro - ext4 /dev/nvme0n1p1 ro\n"
                  "link /run/systemd/volatile-root /dev/nvme0n1p1\n"
                  "file /run/udev/data/b259:1 E:ID_FS_TYPE=ext4\n",
                  "block:part fs:ext4 fs:tmpfs transport:nvme usr",
                  "/ /dev/nvme0n1p1 ext4 nvme0n1p1 nvme0n1;/usr /dev/nvme0n1p1 ext4 nvme0n1p1 nvme0n1" },
                { "only /usr lasts", NVME "mount 22 1 0:30 / / rw - tmpfs tmpfs rw\n"
                  "mount 23 22 259:1 / /usr ro - erofs /dev/nvme0n1p1 ro\n",
                  "block:part fs:erofs fs:tmpfs transport:nvme usr",
                  "/ tmpfs tmpfs;/usr /dev/nvme0n1p1 erofs nvme0n1p1 nvme0n1" },
                { "an installer's chroot, nothing mounted at /", NVME
                  "mount 22 1 0:5 / /proc rw - proc proc rw\n"
                  "link /dev/disk/by-label/my\\x20root ../../nvme0n1p1\n"
                  "fstab LABEL=my\\040root / auto defaults\n"
                  "file /run/udev/data/b259:1 E:ID_FS_TYPE=xfs\n",
                  "block:part fs:xfs transport:nvme", "/ LABEL=my root xfs nvme0n1p1 nvme0n1" },
                { "root= where all else is silent", NVME
                  "mount 22 1 0:30 / / rw - overlay overlay rw,lowerdir=/gone\n"
                  "file /proc/cmdline quiet root=/dev/nvme0n1p2 ro\n",
                  "block:part fs:overlay transport:nvme", "/ /dev/nvme0n1p2 auto nvme0n1p2 nvme0n1" },
                { "x-initrd.mount", NVME SATA(1, "sda", "8:0") ROOT("259:2", "/dev/nvme0n1p2")
                  "mount 25 22 8:0 / /var rw - xfs /dev/sda rw\n"
                  "fstab /dev/sda /var xfs x-initrd.mount\nfstab /dev/gone /srv vfat defaults\n"
                  "fstab /dev/gone /opt vfat rw,x-initrd.mount\n"
                  "fstab srv:/home /home nfs x-initrd.mount,_netdev\n",
                  "block:part fs:ext4 fs:nfs fs:vfat fs:xfs net transport:ata transport:nvme",
                  "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1;/var /dev/sda xfs sda;/home srv:/home nfs",
                  "/etc/fstab:0" },
        };

        check_all(cases, ELEMENTSOF(cases));
}

/* What unlocks an encrypted layer, and layers that crypttab adds. */
static void test_crypt(void **state) {
#define LUKS_TAGS "block:crypt block:dm "
#define LUKS                                                                                      \
        SATA(1, "sda", "8:0")                                                                     \
        DM("dm-0", "253:0", "CRYPT-LUKS2-aa-root", "root") "slave dm-0 sda\n"                     \
        ROOT("253:0", "/dev/mapper/root")
#define MOUNT "/ /dev/mapper/root ext4 dm-0 sda"
        static const Case cases[] = {
                { "TPM", LUKS "crypttab # the root\ncrypttab root UUID=aa none luks,tpm2-device=auto\n",
                  LUKS_TAGS "fs:ext4 tpm2 transport:ata", MOUNT },
                { "FIDO2 and PKCS#11, of another device", /* which the initramfs doesn't open */
                  LUKS "crypttab data UUID=bb - fido2-device=auto,pkcs11-uri=auto\n",
                  LUKS_TAGS "fs:ext4 transport:ata", MOUNT },
                { "FIDO2 and PKCS#11", LUKS "crypttab root UUID=aa - fido2-device=auto,pkcs11-uri=auto\n",
                  LUKS_TAGS "fido2 fs:ext4 pkcs11 transport:ata", MOUNT },
                { "options on the kernel command line",
                  LUKS "file /proc/cmdline rd.luks.options=12345678-1234-1234-1234-123456789abc=tpm2-device=auto\n",
                  LUKS_TAGS "fs:ext4 tpm2 transport:ata", MOUNT },
                { "for all devices", LUKS "file /proc/cmdline rd.luks.options=fido2-device=auto\n",
                  LUKS_TAGS "fido2 fs:ext4 transport:ata", MOUNT },
                { "a key on another disk", LUKS NVME
                  "crypttab root /dev/sda /keys/root:/dev/nvme0n1p1 luks\n"
                  "file /run/udev/data/b259:1 E:ID_FS_TYPE=vfat\n",
                  LUKS_TAGS "block:part fs:ext4 fs:vfat transport:ata transport:nvme",
                  "/ /dev/mapper/root ext4 dm-0 nvme0n1p1 nvme0n1 sda" },
                { "a key on a stick that is not there",
                  LUKS "crypttab root /dev/sda /root.key:LABEL=stick luks\n",
                  LUKS_TAGS "fs:ext4 transport:ata", MOUNT, "/etc/crypttab:1" },
                { "x-initrd.attach, not active", LUKS NVME
                  "crypttab data /dev/nvme0n1p1 none luks,x-initrd.attach,_netdev\n",
                  LUKS_TAGS "block:part fs:ext4 net transport:ata transport:nvme",
                  MOUNT ";/dev/mapper/data /dev/nvme0n1p1 crypt nvme0n1p1 nvme0n1" },
                { "x-initrd.attach, active", LUKS NVME
                  DM("dm-5", "253:5", "CRYPT-LUKS1-bb-data", "data") "slave dm-5 nvme0n1p1\n"
                  "crypttab data UUID=bb none x-initrd.attach\n",
                  LUKS_TAGS "block:part fs:ext4 transport:ata transport:nvme",
                  MOUNT ";/dev/mapper/data UUID=bb crypt dm-5 nvme0n1p1 nvme0n1" },
                { "lines that are none", LUKS "crypttab root\ncrypttab data UUID=gone - x-initrd.attach\n",
                  LUKS_TAGS "fs:ext4 transport:ata", MOUNT ";/dev/mapper/data UUID=gone crypt",
                  "/etc/crypttab:1 /etc/crypttab:2" },
        };
#undef MOUNT
#undef LUKS
#undef LUKS_TAGS

        check_all(cases, ELEMENTSOF(cases));
}

static void test_resume(void **state) {
#define DISKS NVME SATA(1, "sda", "8:0") ROOT("259:2", "/dev/nvme0n1p2")
#define SWAPS "file /proc/swaps Filename\tType\tSize\tUsed\tPriority\n"
#define TAGS "block:part fs:ext4 "
#define MOUNT "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1"
        static const Case cases[] = {
                { "the kernel can't hibernate", DISKS SWAPS
                  "file /proc/swaps /dev/sda partition 100 0 -2\nfile /sys/power/state freeze mem\n",
                  TAGS "transport:nvme", MOUNT },
                { "noresume", DISKS SWAPS HIBERNATES
                  "file /proc/swaps /dev/sda partition 100 0 -2\nfile /proc/cmdline noresume\n",
                  TAGS "transport:nvme", MOUNT },
                { "the largest that lasts", DISKS SWAPS HIBERNATES VIRTUAL("zram0", "252:0")
                  DM("dm-0", "253:0", "CRYPT-PLAIN-sw", "sw") "slave dm-0 sda\n"
                  "crypttab sw /dev/sda /dev/urandom swap\n"
                  "file /proc/swaps /dev/nvme0n1p1 partition 100 0 -2\n"
                  "file /proc/swaps /dev/zram0 partition 900 0 -2\n"
                  "file /proc/swaps /dev/dm-0 partition 800 0 -2\n"
                  "file /proc/swaps /dev/gone partition 999 0 -2\n"
                  "fstab /dev/nvme0n1p1 none swap sw,pri=3\n",
                  TAGS "resume transport:nvme", MOUNT ";swap /dev/nvme0n1p1 swap nvme0n1p1 nvme0n1" },
                { "only swap in memory", DISKS SWAPS HIBERNATES VIRTUAL("zram0", "252:0")
                  "file /proc/swaps /dev/zram0 partition 900 0 -2\n", TAGS "transport:nvme", MOUNT },
                { "a swap file", DISKS SWAPS HIBERNATES
                  "mount 23 22 8:0 / /var rw - xfs /dev/sda rw\n"
                  "file /proc/swaps /var/swapfile file 100 0 -2\n",
                  TAGS "fs:xfs resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "resume= is first", DISKS HIBERNATES
                  "file /proc/cmdline resume=/dev/sda\n"
                  "file /etc/initramfs-tools/conf.d/resume RESUME=none\n",
                  TAGS "resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "RESUME=", DISKS HIBERNATES
                  "file /etc/initramfs-tools/conf.d/resume # one\n"
                  "file /etc/initramfs-tools/conf.d/resume RESUME=\"/dev/sda\"\n",
                  TAGS "resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "RESUME=none", DISKS SWAPS HIBERNATES
                  "file /etc/initramfs-tools/conf.d/resume RESUME=none\n"
                  "file /proc/swaps /dev/sda partition 100 0 -2\n", TAGS "transport:nvme", MOUNT },
                { "RESUME=auto", DISKS SWAPS HIBERNATES
                  "file /etc/initramfs-tools/conf.d/resume RESUME=auto\n"
                  "file /proc/swaps /dev/sda partition 100 0 -2\n",
                  TAGS "resume transport:ata transport:nvme", MOUNT ";swap /dev/sda swap sda" },
                { "a device that is gone", DISKS HIBERNATES "file /proc/cmdline resume=UUID=gone\n",
                  TAGS "transport:nvme", MOUNT, "/proc/cmdline:0" },
        };
#undef MOUNT
#undef TAGS
#undef SWAPS
#undef DISKS

        check_all(cases, ELEMENTSOF(cases));
}

/* Where nobody can tell, there is no image rather than one that doesn't boot. */
static void test_failures(void **state) {
        static const Case cases[] = {
                { "nothing at all", "dir /proc\n", .message = "Neither" },
                { "a container", "mount 22 1 0:30 / / rw - overlay overlay rw,lowerdir=/var/lib/l1:/var/lib/l2\n",
                  .message = "overlay on overlay" },
                { "an overlay over itself", "mount 22 1 0:30 / / rw - overlay overlay rw,lowerdir=/x\n",
                  .message = "overlay" },
                { "a live system in memory", "mount 22 1 0:30 / / rw - tmpfs tmpfs rw\n", .message = "tmpfs" },
                { "a device that sysfs doesn't know", ROOT("8:1", "/dev/sda1"), .message = "/dev/sda1" },
                { "a layer that is missing", DM("dm-0", "253:0", "LVM-a", "r") "slave dm-0 sda\n"
                  ROOT("253:0", "/dev/mapper/r"), .message = "/dev/mapper/r" },
                { "a /usr that is nowhere", NVME ROOT("259:2", "/dev/nvme0n1p2")
                  "fstab UUID=gone /usr ext4 defaults\n", .message = "/usr" },
                { "fstab alone, and nobody knows its device", "fstab UUID=gone / ext4 defaults\n",
                  .message = "Neither" },
        };

        check_all(cases, ELEMENTSOF(cases));
}

/* Input that no kernel writes must neither crash nor hang, and what can be used of it is. */
static void test_corrupt(void **state) {
        static const Case cases[] = {
                { "a circle of layers", DM("dm-0", "253:0", "LVM-a", "a") DM("dm-1", "253:1", "LVM-b", "b")
                  "slave dm-0 dm-1\nslave dm-1 dm-0\n" ROOT("253:0", "/dev/mapper/a"),
                  "block:dm block:lvm fs:ext4", "/ /dev/mapper/a ext4 dm-0 dm-1" },
                { "a loop device over itself", VIRTUAL("loop0", "7:0") ROOT("7:0", "/dev/loop0")
                  "file /sys/class/block/loop0/loop/backing_file /root.img\n",
                  "block:loop fs:ext4", "/ /dev/loop0 ext4 loop0" },
                { "lines of noise", NVME ROOT("259:2", "/dev/nvme0n1p2") "mount what is this\n"
                  "fstab nothing\n",
                  "block:part fs:ext4 transport:nvme", "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1",
                  "/proc/self/mountinfo:2 /etc/fstab:1" },
                { "a type that can be no tag", NVME ROOT("259:2", "/dev/nvme0n1p2")
                  "fstab none /x a\\040b x-initrd.mount\n",
                  "block:part fs:ext4 transport:nvme",
                  "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1;/x none a b", "-:0" },
                { "files where directories are", NVME ROOT("259:2", "/dev/nvme0n1p2")
                  "file /sys/class/block/nvme0n1/slaves x\nfile /sys/fs/btrfs x\n"
                  "dir /etc/crypttab\ndir /proc/cmdline\n",
                  "block:part fs:ext4 transport:nvme", "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1",
                  "/etc/crypttab:0" },
                { "empty files", NVME ROOT("259:2", "/dev/nvme0n1p2")
                  "file /sys/class/block/nvme0n1/md/level \n"
                  "file /sys/class/block/nvme0n1/dm/uuid \n",
                  "block:dm block:md block:part fs:ext4 transport:nvme",
                  "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1" },
        };

        check_all(cases, ELEMENTSOF(cases));
}

/* A server with a thousand logical volumes: none but the root's own is opened. */
static void test_only_ancestors(void **state) {
        _cleanup_recorded_ Recorded m = {};
        _cleanup_(facts_freep) Facts *few = NULL, *many = NULL;
        _cleanup_free_ char *a = NULL, *b = NULL, *own = NULL;
        char warnings[512] = "", events[4096];
        _cleanup_(report_done) Report report = { .on_warning = on_warning, .userdata = warnings };
        _cleanup_close_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        recorded_new(&m);
        recorded_add(&m, LVM_LUKS_MD);
        assert_int_equal(facts_new_recorded(m.root, &report, &few), 0);

        for (unsigned i = 100; i < 1100; i++) {
                _cleanup_free_ char *path = NULL;
                char lines[1024];

                snprintf(lines, sizeof(lines),
                         "block virtual/block/dm-%u 253:%u\n"
                         "file /sys/class/block/dm-%u/dm/uuid LVM-x\n"
                         "link /dev/mapper/vg-lv%u ../dm-%u\n"
                         "link /sys/class/block/dm-0/holders/dm-%u ../dm-%u\n"
                         "slave dm-%u dm-0\n",
                         i, i, i, i, i, i, i, i);
                recorded_add(&m, lines);
                assert_true(str_printf(&path, "%s/sys/class/block/dm-%u/dm", m.root, i) >= 0);
                assert_true(inotify_add_watch(watch, path, IN_OPEN | IN_ACCESS) >= 0);
                free(TAKE_PTR(path));
                assert_true(str_printf(&path, "%s/sys/class/block/dm-%u", m.root, i) >= 0);
                assert_true(inotify_add_watch(watch, path, IN_OPEN | IN_ACCESS) >= 0);
        }
        assert_int_equal(facts_new_recorded(m.root, &report, &many), 0);
        assert_int_equal(read(watch, events, sizeof(events)), -1);
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(facts_to_json(few, &a), 0);
        assert_int_equal(facts_to_json(many, &b), 0);
        assert_string_equal(a, b);

        /* The watch does see what is opened. */
        facts_freep(&many);
        assert_true(str_printf(&own, "%s/sys/class/block/dm-0/dm", m.root) >= 0);
        assert_true(inotify_add_watch(watch, own, IN_OPEN) >= 0);
        many = NULL;
        assert_int_equal(facts_new_recorded(m.root, &report, &many), 0);
        assert_true(read(watch, events, sizeof(events)) > 0);
        assert_string_equal(warnings, "");
}

/* The lines that an image's crypttab gets: of what was met, and of what is marked. */
static void test_crypttab(void **state) {
#define LUKS                                                                                      \
        SATA(1, "sda", "8:0")                                                                     \
        DM("dm-0", "253:0", "CRYPT-LUKS2-1234567812345678123456789abcdef0-root", "root")          \
        "slave dm-0 sda\n" ROOT("253:0", "/dev/mapper/root")
        static const struct {
                const char *name, *machine, *lines; /* "NAME DEVICE KEY OPTIONS;…" */
                const char *warnings;
        } cases[] = {
                { "its own line, and no other",
                  LUKS "crypttab root UUID=12 none luks,discard\ncrypttab data UUID=bb /k luks\n",
                  "root UUID=12 - luks,discard" },
                { "none: opened by hand", LUKS, "root UUID=12345678-1234-5678-1234-56789abcdef0 - -" },
                { "no LUKS", SATA(1, "sda", "8:0") DM("dm-0", "253:0", "CRYPT-PLAIN-root", "root")
                  "slave dm-0 sda\n" ROOT("253:0", "/dev/mapper/root"), "" },
                { "the header is elsewhere",
                  LUKS "file /run/udev/data/b8:0 E:ID_FS_TYPE=ext4\n",
                  "root UUID=12345678-1234-5678-1234-56789abcdef0 - -", "/etc/crypttab:0" },
                { "marked, with its key",
                  LUKS "crypttab root UUID=12\ncrypttab data /dev/sda /k.key luks,x-initrd.attach\n",
                  "root UUID=12 - -;data /dev/sda /k.key luks,x-initrd.attach" },
                { "as Debian marks it",
                  LUKS "crypttab root UUID=12\ncrypttab data /dev/sda none luks,initramfs\n",
                  "root UUID=12 - -;data /dev/sda - luks,initramfs" },
                { "marked and met: once", LUKS "crypttab root UUID=12 none luks,x-initrd.attach\n",
                  "root UUID=12 - luks,x-initrd.attach" },
                { "a swap to resume from, whose key is in the root", /* is none */
                  LUKS HIBERNATES
                  DM("dm-1", "253:1", "CRYPT-LUKS2-00-swap", "swap") "slave dm-1 sda\n"
                  "file /proc/swaps Filename\tType\tSize\tUsed\tPriority\n"
                  "file /proc/swaps /dev/dm-1 partition 100 0 -2\n"
                  "crypttab root UUID=12\ncrypttab swap UUID=13 /etc/swap.key luks\n",
                  "root UUID=12 - -" },
                { "one whose passphrase is asked for",
                  LUKS HIBERNATES
                  DM("dm-1", "253:1", "CRYPT-LUKS2-00-swap", "swap") "slave dm-1 sda\n"
                  "file /proc/swaps Filename\tType\tSize\tUsed\tPriority\n"
                  "file /proc/swaps /dev/dm-1 partition 100 0 -2\n"
                  "crypttab root UUID=12\ncrypttab swap UUID=13 none luks\n",
                  "root UUID=12 - -;swap UUID=13 - luks" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                char warnings[512] = "", lines[1024] = "";
                _cleanup_(report_done) Report report = { .on_warning = on_warning,
                                                         .userdata = warnings };

                recorded_new(&m);
                recorded_dir(&m, "/sys/devices");
                recorded_add(&m, cases[i].machine);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                for (size_t j = 0; j < facts->n_crypt; j++) {
                        const FactsCrypt *c = &facts->crypt[j];
                        size_t n = strlen(lines);

                        snprintf(lines + n, sizeof(lines) - n, "%s%s %s %s %s", j > 0 ? ";" : "",
                                 c->name, c->device, c->key ?: "-", c->options ?: "-");
                }
                if (!streq(lines, cases[i].lines))
                        print_error("%s\n", cases[i].name);
                assert_string_equal(lines, cases[i].lines);
                assert_string_equal(warnings, cases[i].warnings ?: "");
        }
}

/* Names of what checks the root's blocks, and not of what is on other disks. */
static void test_mapped(void **state) {
        static const struct {
                const char *machine, *names;
        } cases[] = {
                { SATA(1, "sda", "8:0") ROOT("8:0", "/dev/sda")
                  DM("dm-0", "253:0", "CRYPT-INTEGRITY-data", "data") "slave dm-0 sda\n", "" },
                { SATA(1, "sda", "8:0") DM("dm-0", "253:0", "CRYPT-INTEGRITY-two", "two")
                  "slave dm-0 sda\n" SATA(2, "sdb", "8:16")
                  DM("dm-1", "253:1", "CRYPT-INTEGRITY-one", "one") "slave dm-1 sdb\n"
                  DM("dm-2", "253:2", "CRYPT-INTEGRITY-data", "data") "slave dm-2 sdb\n"
                  VIRTUAL("md1", "9:1") "slave md1 dm-0\nslave md1 dm-1\n" ROOT("9:1", "/dev/md1"),
                  "one two" },
                { SATA(1, "sda", "8:0") DM("dm-0", "253:0", "CRYPT-VERITY-12-root", "root")
                  "slave dm-0 sda\n" ROOT("253:0", "/dev/mapper/root"), "root" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *names = NULL;
                Report report = {};

                recorded_new(&m);
                recorded_add(&m, cases[i].machine);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                names = strv_join(facts->mapped, " ");
                assert_string_equal(names, cases[i].names);
        }
}

/* Sessions of the root's own disks, each target once; one whose address can't be told, or that can't
 * be a part of a path, is left to the kernel command line. */
static void test_iscsi(void **state) {
#define DISK(host, name, devno)                                                                   \
        "block platform/host" host "/session" host "/target" host ":0:0/" host ":0:0:1/block/"    \
        name " " devno "\n"
#define SESSION(n, target, address)                                                               \
        "file /sys/class/iscsi_session/session" n "/targetname " target "\n"                      \
        "file /sys/class/iscsi_session/session" n "/tpgt 1\n"                                     \
        "file /sys/class/iscsi_session/session" n "/initiatorname iqn.a:us\n"                     \
        "file /sys/class/iscsi_session/session" n "/password secret\n"                            \
        "file /sys/class/iscsi_connection/connection" n ":0/persistent_address " address "\n"     \
        "file /sys/class/iscsi_connection/connection" n ":0/persistent_port 3260\n"
        static const struct {
                const char *machine, *lines;
        } cases[] = {
                { DISK("1", "sda", "8:0") DISK("2", "sdb", "8:16") SESSION("1", "iqn.a:one", "10.0.0.1")
                  SESSION("2", "iqn.a:other", "10.0.0.1") ROOT("8:0", "/dev/sda"),
                  "iqn.a:one 10.0.0.1 3260 1 iqn.a:us" },
                { DISK("1", "sda", "8:0") DISK("2", "sdb", "8:16") SESSION("1", "iqn.a:one", "10.0.0.1")
                  SESSION("2", "iqn.a:one", "fd00::1")
                  "mount 22 1 0:24 / / rw - btrfs /dev/sda rw\n"
                  "link /sys/fs/btrfs/u1/devices/sda ../x\nlink /sys/fs/btrfs/u1/devices/sdb ../x\n",
                  "iqn.a:one 10.0.0.1 3260 1 iqn.a:us;iqn.a:one fd00::1 3260 1 iqn.a:us" },
                { DISK("1", "sda", "8:0") ROOT("8:0", "/dev/sda"), "" },
                { DISK("1", "sda", "8:0") SESSION("1", "../../x", "10.0.0.1") ROOT("8:0", "/dev/sda"), "" },
                { DISK("1", "sda", "8:0") SESSION("1", "<NULL>", "10.0.0.1") ROOT("8:0", "/dev/sda"), "" },
        };
#undef DISK
#undef SESSION

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *json = NULL;
                char lines[512] = "";
                Report report = {};

                recorded_new(&m);
                recorded_add(&m, cases[i].machine);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                assert_true(facts_match(facts, "block:iscsi"));
                for (size_t j = 0; j < facts->n_iscsi; j++) {
                        const FactsIscsi *t = &facts->iscsi[j];
                        size_t n = strlen(lines);

                        snprintf(lines + n, sizeof(lines) - n, "%s%s %s %s %s %s", j > 0 ? ";" : "",
                                 t->target, t->address, t->port, t->group, t->initiator);
                }
                assert_string_equal(lines, cases[i].lines);
                assert_int_equal(facts_to_json(facts, &json), 0);
                assert_null(strstr(json, "secret"));
        }
}

/* What the header tells: ciphers, which the kernel has drivers for, and tokens. */
static void test_luks(void **state) {
        static const char json[] =
                "{\"keyslots\":{\"0\":{\"area\":{\"encryption\":\"serpent-xts-plain64\"},"
                "\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha512\"},\"af\":{\"hash\":\"sha256\"}}},"
                "\"segments\":{\"0\":{\"encryption\":\"capi:xts(aes)-essiv:sha1\","
                "\"integrity\":{\"type\":\"hmac(sha256)\"}}},\"digests\":{\"0\":{\"hash\":1}},"
                "\"tokens\":{\"0\":{\"type\":\"systemd-tpm2\"},\"1\":{\"type\":\"systemd-fido2\"},"
                "\"2\":{\"type\":\"systemd-recovery\"},\"3\":{\"type\":\"clevis\"},\"4\":7}}";
        static const struct {
                uint16_t version;
                uint64_t size;
                const char *body;
                size_t at;
                const char *ciphers, *tags; /* beside those of the layers */
        } cases[] = {
                { 2, 16384, json, 4096, "crypto-aes crypto-essiv crypto-hmac crypto-serpent "
                  "crypto-sha1 crypto-sha256 crypto-sha512 crypto-xts", "fido2 tpm2" },
                { 1, 0, "twofish", 8, "crypto-twofish", "" },
                { 1, 0, "cbc-essiv:sha256", 40, "crypto-cbc crypto-essiv crypto-sha256", "" },
                /* Damaged, or of a time to come. */
                { 2, 16384, "{\"keyslots\":", 4096, "", "" },
                { 2, 16384, "[]", 4096, "", "" },
                { 2, 16384, "{\"tokens\":[1],\"segments\":7}", 4096, "", "" },
                { 2, 0, json, 4096, "", "" },
                { 2, UINT64_MAX, json, 4096, "", "" },
                { 3, 16384, json, 4096, "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *node = NULL, *ciphers = NULL;
                _cleanup_close_ int fd = -EBADF;
                char warnings[512] = "", disk[16384] = { 'L', 'U', 'K', 'S', (char) 0xba, (char) 0xbe };
                _cleanup_(report_done) Report report = { .on_warning = on_warning,
                                                         .userdata = warnings };
                uint16_t version = htobe16(cases[i].version);
                uint64_t size = htobe64(cases[i].size);

                memcpy(disk + 6, &version, 2);
                memcpy(disk + 8, &size, 8);
                memcpy(disk + cases[i].at, cases[i].body, strlen(cases[i].body));
                recorded_new(&m);
                recorded_dir(&m, "/sys/devices");
                recorded_add(&m, LUKS "file /run/udev/data/b8:0 E:ID_FS_TYPE=crypto_LUKS\n");
                assert_true(str_printf(&node, "%s/dev/sda", m.root) >= 0);
                fd = open(node, O_WRONLY | O_TRUNC | O_CLOEXEC);
                assert_int_equal(fd_write_all(fd, disk, sizeof(disk)), 0);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                ciphers = strv_join(facts->modaliases, " ");
                assert_string_equal(ciphers, cases[i].ciphers);
                assert_int_equal(facts_match(facts, "tpm2"), strstr(cases[i].tags, "tpm2") != NULL);
                assert_int_equal(facts_match(facts, "fido2"), strstr(cases[i].tags, "fido2") != NULL);
                assert_false(facts_match(facts, "pkcs11"));
                assert_string_equal(warnings, "");
        }
#undef LUKS
}

/* The superblock is read only where udev's database has nothing to say. */
static void test_superblock(void **state) {
        static const uint8_t swap_magic[] = "SWAPSPACE2";
        _cleanup_recorded_ Recorded m = {};
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_free_ char *node = NULL;
        uint8_t page[65536] = {};
        char warnings[512] = "";
        _cleanup_(report_done) Report report = { .on_warning = on_warning, .userdata = warnings };
        _cleanup_close_ int fd = -EBADF;

        recorded_new(&m);
        recorded_add(&m, NVME SATA(1, "sda", "8:0") ROOT("259:2", "/dev/nvme0n1p2") HIBERNATES
                     "file /proc/swaps Filename\tType\tSize\tUsed\tPriority\n"
                     "file /proc/swaps /dev/sda partition 100 0 -2\n");
        assert_true(str_printf(&node, "%s/dev/sda", m.root) >= 0);
        fd = open(node, O_WRONLY | O_TRUNC | O_CLOEXEC);
        memcpy(page + 4096 - 10, swap_magic, 10);
        page[1024] = 1; /* version */
        page[1028] = 15; /* last page */
        memset(page + 1036, 0xab, 16); /* UUID */
        assert_int_equal(fd_write_all(fd, page, sizeof(page)), 0);

        assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
        assert_int_equal(facts->n_mounts, 2);
        assert_string_equal(facts->mounts[1].what, "UUID=abababab-abab-abab-abab-abababababab");
}

static void test_hardware(void **state) {
        static const struct {
                const char *cpuinfo, *arch, *microcode, *tag;
        } cpus[] = {
                { "file /proc/cpuinfo processor\t: 0\nfile /proc/cpuinfo vendor_id\t: GenuineIntel\n"
                  "file /proc/cpuinfo cpu family\t: 6\nfile /proc/cpuinfo model\t\t: 85\n"
                  "file /proc/cpuinfo model name\t: Xeon\nfile /proc/cpuinfo stepping\t: 4\n",
                  "x86_64", "intel:06-55-04", "arch:x86" },
                { "file /proc/cpuinfo vendor_id\t: AuthenticAMD\nfile /proc/cpuinfo cpu family\t: 25\n"
                  "file /proc/cpuinfo model\t\t: 17\nfile /proc/cpuinfo stepping\t: 1\n",
                  "i686", "amd:19-11-01", "arch:x86" },
                { "file /proc/cpuinfo vendor_id\t: Other\nfile /proc/cpuinfo cpu family\t: 25\n"
                  "file /proc/cpuinfo model\t\t: 17\nfile /proc/cpuinfo stepping\t: 1\n",
                  "x86_64", NULL, "arch:x86" },
                { "file /proc/cpuinfo BogoMIPS\t: 48\n", "aarch64", NULL, "arch:arm64" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cpus); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *aliases = NULL;
                char warnings[512] = "";
                _cleanup_(report_done) Report report = { .on_warning = on_warning,
                                                         .userdata = warnings };

                recorded_new(&m);
                recorded_add(&m, NVME ROOT("259:2", "/dev/nvme0n1p2")
                             "file /sys/devices/pci0000:00/0000:00:1d.0/modalias pci:v8086\n"
                             "file /sys/devices/pci0000:00/0000:00:1e.0/modalias pci:v8086\n"
                             "file /sys/devices/platform/a/b/c/modalias platform:c\n"
                             "file /sys/devices/platform/empty/modalias \n"
                             "dir /sys/devices/platform/odd/modalias\n"
                             "link /sys/devices/platform/again ../outside\n"
                             "file /sys/outside/modalias outside:x\n"
                             "file /sys/devices/system/cpu/modalias cpu:type:x86\n"
                             "file /sys/devices/virtual/dmi/id/modalias dmi:bvnX\n"
                             "file /sys/devices/virtual/tty/tty0/modalias never:looked-at\n");
                recorded_add(&m, cpus[i].cpuinfo);
                recorded_file(&m, "/proc/sys/kernel/arch", cpus[i].arch);
                assert_int_equal(facts_new_recorded(m.root, &report, &facts), 0);
                aliases = strv_join(facts->modaliases, " ");
                assert_string_equal(aliases, "cpu:type:x86 dmi:bvnX pci:v8086 platform:c");
                assert_true(streq_ptr(facts->microcode, cpus[i].microcode));
                assert_string_equal(facts->machine, cpus[i].arch);
                assert_true(facts_match(facts, cpus[i].tag));
                assert_string_equal(warnings, "");
        }
}

static void test_console(void **state) {
#define DISK NVME ROOT("259:2", "/dev/nvme0n1p2")
#define TAGS "transport:nvme"
#define MOUNT "/ /dev/nvme0n1p2 ext4 nvme0n1p2 nvme0n1"
        static const Case cases[] = {
                { "console-setup", DISK "file /etc/default/keyboard # x\n"
                  "file /etc/default/keyboard XKBLAYOUT=\"de\"\nfile /bin/setupcon x\n"
                  "file /etc/console-setup/cached_setup_keyboard.sh x\n",
                  "block:part fs:ext4 keymap:console-setup " TAGS, MOUNT },
                { "console-setup, nothing prepared, nor needed",
                  DISK "file /etc/default/keyboard XKBLAYOUT=\"us\"\nfile /bin/setupcon x\n",
                  "block:part fs:ext4 keymap:console-setup " TAGS, MOUNT },
                { "console-setup, nothing prepared",
                  DISK "file /etc/default/keyboard XKBLAYOUT=\"de\"\nfile /bin/setupcon x\n",
                  "block:part fs:ext4 keymap:console-setup " TAGS, MOUNT,
                  "/etc/default/keyboard:0" },
                { "a file without its program", DISK "file /etc/default/keyboard XKBLAYOUT=de\n"
                  "file /etc/vconsole.conf KEYMAP=de\n", "block:part fs:ext4 " TAGS, MOUNT },
                { "vconsole", DISK "file /etc/vconsole.conf KEYMAP=de\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\n",
                  "block:part fs:ext4 keymap:vconsole " TAGS, MOUNT },
                { "loadkeys alone", DISK "file /etc/vconsole.conf FONT=x\nfile /bin/loadkeys x\n",
                  "block:part fs:ext4 keymap:loadkeys " TAGS, MOUNT },
                { "loadkeys beside others", DISK "file /etc/vconsole.conf KEYMAP=de\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\nfile /bin/loadkeys x\n",
                  "block:part fs:ext4 keymap:vconsole " TAGS, MOUNT },
                { "a layout of X alone", DISK "file /etc/vconsole.conf XKBLAYOUT=de\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\n", "block:part fs:ext4 " TAGS, MOUNT },
                { "no layout", DISK "file /etc/vconsole.conf KEYMAP=\"\"\n"
                  "file /usr/lib/systemd/systemd-vconsole-setup x\n", "block:part fs:ext4 " TAGS, MOUNT },
                { "plymouth", DISK "file /usr/sbin/plymouthd x\n",
                  "block:part fs:ext4 plymouth " TAGS, MOUNT },
                { "plymouth, not wanted", DISK "file /usr/sbin/plymouthd x\n"
                  "file /proc/cmdline plymouth.enable=0\n", "block:part fs:ext4 " TAGS, MOUNT },
        };
#undef MOUNT
#undef TAGS
#undef DISK

        check_all(cases, ELEMENTSOF(cases));
}

/* Through a Source it is the same machine. */
static void test_source(void **state) {
        _cleanup_recorded_ Recorded m = {};
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_(report_done) Report report = {};

        recorded_new(&m);
        recorded_add(&m, LVM_LUKS_MD);
        assert_int_equal(source_new(&source, m.root), 0);
        assert_int_equal(facts_new_host(source, &report, &facts), 0);
        assert_true(facts_match(facts, "block:md"));
        /* Which machine this one is does not get into facts of another. */
        assert_null(facts->machine);

        /* A root that is no directory can't be looked at. */
        facts_freep(&facts);
        facts = NULL;
        assert_int_equal(facts_new_recorded("/dev/null", &report, &facts), -ENOTDIR);
        assert_int_equal(report.failure.kind, FAILURE_INCOMPLETE);
}

/* What a root's programs tell of it; of those that are asked, the first that is one. */
static void test_root(void **state) {
        static const struct {
                unsigned char data, header[2];
                const char *path, *tags;
        } cases[] = {
                { 1, { 62, 0 }, "/usr/lib/systemd/systemd", "arch:x86" },
                { 1, { 3, 0 }, "/bin/sh", "arch:x86" },
                { 1, { 183, 0 }, "/sbin/init", "arch:arm64" },
                { 1, { 40, 0 }, "/sbin/init", "arch:arm arch:arm64" },
                { 1, { 243, 0 }, "/sbin/init", "arch:riscv" },
                { 1, { 2, 1 }, "/sbin/init", "arch:loongarch" },
                { 2, { 0, 22 }, "/sbin/init", "arch:s390" },
                { 2, { 0, 21 }, "/usr/bin/env", "arch:powerpc" },
                { 1, { 99, 99 }, "/sbin/init", "" },
                { 3, { 62, 0 }, "/sbin/init", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_recorded_ Recorded m = {};
                _cleanup_(source_freep) Source *source = NULL;
                _cleanup_(facts_freep) Facts *facts = NULL;
                _cleanup_free_ char *tags = NULL, *full = NULL;
                _cleanup_close_ int fd = -EBADF;
                char header[20] = { 0x7f, 'E', 'L', 'F', 2, (char) cases[i].data };

                memcpy(header + 18, cases[i].header, 2);
                recorded_new(&m);
                recorded_file(&m, "/lib/systemd/systemd", "#!/bin/sh is no program of its own");
                recorded_file(&m, "/usr/bin/modprobe", "short");
                full = path_join(m.root, cases[i].path);
                recorded_parent(full);
                fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
                assert_int_equal(fd_write_all(fd, header, sizeof(header)), 0);
                assert_int_equal(source_new(&source, m.root), 0);
                assert_int_equal(facts_new_generic(&facts), 0);
                assert_int_equal(facts_find_arch(facts, source), 0);
                tags = strv_join(facts->tags, " ");
                assert_string_equal(tags, cases[i].tags);
                assert_true(facts_match(facts, "fs:ext4"));
                assert_int_equal(facts_match(facts, "arch:x86"),
                                 !*tags || streq(tags, "arch:x86"));
        }
}

static void test_match(void **state) {
        static const struct {
                const char *tag;
                bool match;
        } cases[] = {
                { "fs:ext4", true },  { "fs:xfs", false }, { "fs:*", true },   { "block:*", false },
                { "fs:ext[34]", true }, { "fs", false },   { "net", true },    { "", false },
        };
        char *tags[] = { (char *) "fs:ext4", (char *) "net", NULL };
        const Facts facts = { .tags = tags };
        _cleanup_(facts_freep) Facts *generic = NULL;

        assert_int_equal(facts_new_generic(&generic), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(facts_match(&facts, cases[i].tag), cases[i].match);
                assert_true(facts_match(generic, cases[i].tag));
        }
}

static void test_json(void **state) {
        static const char text[] =
                "{\n"
                "  \"crypt\": [\n    {\n"
                "      \"device\": \"UUID=2\",\n"
                "      \"key\": null,\n"
                "      \"name\": \"root\",\n"
                "      \"options\": \"luks,discard\"\n    }\n  ],\n"
                "  \"generic\": false,\n"
                "  \"iscsi\": [\n    {\n"
                "      \"address\": \"10.0.0.1\",\n"
                "      \"group\": null,\n"
                "      \"initiator\": \"iqn.a:us\",\n"
                "      \"port\": \"3260\",\n"
                "      \"target\": \"iqn.a:store\"\n    }\n  ],\n"
                "  \"machine\": \"x86_64\",\n"
                "  \"mapped\": [\n    \"checked\",\n    \"usr\"\n  ],\n"
                "  \"microcode\": null,\n"
                "  \"modaliases\": [\n    \"a:1\",\n    \"b:2\"\n  ],\n"
                "  \"mounts\": [\n    {\n"
                "      \"devices\": [\n        \"dm-0\",\n        \"sda\"\n      ],\n"
                "      \"options\": null,\n"
                "      \"type\": \"ext4\",\n"
                "      \"what\": \"UUID=1\",\n"
                "      \"where\": \"/\"\n    }\n  ],\n"
                "  \"tags\": [\n    \"block:dm\",\n    \"fs:ext4\"\n  ]\n"
                "}\n";
        _cleanup_(facts_freep) Facts *facts = NULL, *generic = NULL, *again = NULL;
        _cleanup_free_ char *out = NULL, *out_generic = NULL;
        char warnings[512] = "";
        _cleanup_(report_done) Report report = { .on_warning = on_warning, .userdata = warnings };

        /* What is written is read, and comes out the same to the byte. */
        assert_int_equal(facts_from_json(text, sizeof(text) - 1, &report, "f", &facts), 0);
        assert_int_equal(facts_to_json(facts, &out), 0);
        assert_string_equal(out, text);
        assert_int_equal(facts_new_generic(&generic), 0);
        assert_int_equal(facts_to_json(generic, &out_generic), 0);
        assert_int_equal(facts_from_json(out_generic, strlen(out_generic), &report, "f", &again), 0);
        assert_true(again->generic);
        assert_string_equal(warnings, "");

        /* A name that is no UTF-8 doesn't keep the rest from being written. */
        free(facts->mounts[0].what);
        facts->mounts[0].what = strdup("LABEL=\xff\xfe");
        free(TAKE_PTR(out));
        assert_int_equal(facts_to_json(facts, &out), 0);
        assert_non_null(strstr(out, "LABEL=??"));
}

static void test_json_strict(void **state) {
        static const struct {
                const char *text;
                int r;
                const char *warnings;
                const char *message; /* part of it */
                unsigned line;
        } cases[] = {
                { "{\"tags\":[]}", 0, "", NULL, 0 },
                { "{\"generic\":true}", 0, "", NULL, 0 },
                { "{\"tags\":[\"b\",\"a\",\"b\"],\"new\":1}", 0, "f:0", NULL, 0 },
                { "{\"tags\":[],\"mounts\":[{\"where\":\"/\",\"what\":\"a\",\"type\":\"b\",\"x\":0}]}", 0,
                  "f:0", NULL, 0 },
                { "", -EINVAL, "", "Not JSON", 1 },
                { "{\n\n\"tags\": [", -EINVAL, "", "Not JSON", 3 },
                { "{\"tags\":[],\"tags\":[]}", -EINVAL, "", "Not JSON", 1 },
                { "[]", -EINVAL, "", "object", 0 },
                { "{}", -EINVAL, "", "\"tags\" is missing", 0 },
                { "{\"generic\":1}", -EINVAL, "", "\"generic\" must be", 0 },
                { "{\"tags\":\"a\"}", -EINVAL, "", "\"tags\" must be", 0 },
                { "{\"tags\":[1]}", -EINVAL, "", "\"tags\" must be", 0 },
                { "{\"tags\":[\"\"]}", -EINVAL, "", "\"tags\" must be", 0 },
                { "{\"tags\":[],\"modaliases\":{}}", -EINVAL, "", "\"modaliases\" must be", 0 },
                { "{\"tags\":[],\"machine\":[]}", -EINVAL, "", "\"machine\" must be", 0 },
                { "{\"tags\":[],\"mapped\":\"a\"}", -EINVAL, "", "\"mapped\" must be", 0 },
                { "{\"tags\":[],\"microcode\":1}", -EINVAL, "", "\"microcode\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\",\"device\":\"b\",\"x\":0}]}", 0, "f:0",
                  NULL, 0 },
                { "{\"tags\":[],\"crypt\":{}}", -EINVAL, "", "\"crypt\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[1]}", -EINVAL, "", "\"crypt\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\"}]}", -EINVAL, "", "\"crypt\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":1}]}", -EINVAL, "", "\"name\" must be", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\",\"device\":\"b c\"}]}", -EINVAL, "",
                  "white space", 0 },
                { "{\"tags\":[],\"crypt\":[{\"name\":\"a\",\"device\":\"b\",\"options\":\"x\\ny\"}]}",
                  -EINVAL, "", "white space", 0 },
                { "{\"tags\":[],\"iscsi\":{}}", -EINVAL, "", "\"iscsi\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[1]}", -EINVAL, "", "\"iscsi\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":1}]}", -EINVAL, "", "\"target\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"a\",\"address\":\"b\"}]}", -EINVAL, "",
                  "\"iscsi\" must be", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"../a\",\"address\":\"b\",\"port\":\"1\"}]}",
                  -EINVAL, "", "which are names", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"a\",\"address\":\"b\",\"port\":\"1\","
                  "\"initiator\":\"a\\\"b\"}]}", -EINVAL, "", "which are names", 0 },
                { "{\"tags\":[],\"iscsi\":[{\"target\":\"a\",\"address\":\"b\",\"port\":\"1\","
                  "\"x\":0}]}", 0, "f:0", NULL, 0 },
                { "{\"tags\":[],\"mounts\":{}}", -EINVAL, "", "\"mounts\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[1]}", -EINVAL, "", "\"mounts\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[{\"where\":\"/\"}]}", -EINVAL, "", "\"mounts\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[{\"where\":1}]}", -EINVAL, "", "\"where\" must be", 0 },
                { "{\"tags\":[],\"mounts\":[{\"devices\":1}]}", -EINVAL, "", "\"devices\" must be", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(facts_freep) Facts *facts = NULL;
                char warnings[512] = "";
                _cleanup_(report_done) Report report = { .on_warning = on_warning,
                                                         .userdata = warnings };

                assert_int_equal(facts_from_json(cases[i].text, strlen(cases[i].text), &report, "f",
                                                 &facts), cases[i].r);
                assert_string_equal(warnings, cases[i].warnings);
                if (cases[i].r >= 0) {
                        assert_non_null(facts);
                        continue;
                }
                assert_null(facts);
                assert_int_equal(report.failure.kind, FAILURE_CONFIG_INVALID);
                assert_string_equal(report.failure.path, "f");
                assert_int_equal(report.failure.line, cases[i].line);
                assert_non_null(strstr(report.failure.message, cases[i].message));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_layers),     cmocka_unit_test(test_transports),
                cmocka_unit_test(test_mounts),     cmocka_unit_test(test_crypt),
                cmocka_unit_test(test_resume),     cmocka_unit_test(test_failures),
                cmocka_unit_test(test_corrupt),    cmocka_unit_test(test_only_ancestors),
                cmocka_unit_test(test_crypttab),   cmocka_unit_test(test_luks),
                cmocka_unit_test(test_mapped),
                cmocka_unit_test(test_iscsi),
                cmocka_unit_test(test_superblock), cmocka_unit_test(test_hardware),
                cmocka_unit_test(test_console),    cmocka_unit_test(test_source),
                cmocka_unit_test(test_root),
                cmocka_unit_test(test_match),
                cmocka_unit_test(test_json),       cmocka_unit_test(test_json_strict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
