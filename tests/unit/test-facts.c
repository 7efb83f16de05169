/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is below the root: mounts, layers and disks of a machine. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/inotify.h>
#include <cmocka.h>

#include "machines.h"

/* From one file system down to the disks, through every kind of layer. */
static void test_layers(void **state) {
        static const MachineCase cases[] = {
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

        machines_check(cases, ELEMENTSOF(cases));
}

/* How a disk is reached, by the way to it below /sys/devices. */
static void test_transports(void **state) {
#define BUS(path, name, devno) "block " path "/" name " " devno "\n" ROOT(devno, "/dev/" name)
        static const MachineCase cases[] = {
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

        machines_check(cases, ELEMENTSOF(cases));
}

/* Mounts that are no simple device. */
static void test_mounts(void **state) {
        static const MachineCase cases[] = {
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

        machines_check(cases, ELEMENTSOF(cases));
}

/* Where nobody can tell, there is no image rather than one that doesn't boot. */
static void test_failures(void **state) {
        static const MachineCase cases[] = {
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

        machines_check(cases, ELEMENTSOF(cases));
}

/* Input that no kernel writes must neither crash nor hang, and what can be used of it is. */
static void test_corrupt(void **state) {
        static const MachineCase cases[] = {
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

        machines_check(cases, ELEMENTSOF(cases));
}

/* A server with a thousand logical volumes: none but the root's own is opened. */
static void test_only_ancestors(void **state) {
        _cleanup_recorded_ Recorded m = {};
        _cleanup_(facts_freep) Facts *few = NULL, *many = NULL;
        _cleanup_free_ char *a = NULL, *b = NULL, *own = NULL;
        char warnings[512] = "", events[4096];
        _cleanup_(report_done) Report report = { .on_warning = machine_warning, .userdata = warnings };
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

/* The superblock is read only where udev's database has nothing to say. */
static void test_superblock(void **state) {
        static const uint8_t swap_magic[] = "SWAPSPACE2";
        _cleanup_recorded_ Recorded m = {};
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_free_ char *node = NULL;
        uint8_t page[65536] = {};
        char warnings[512] = "";
        _cleanup_(report_done) Report report = { .on_warning = machine_warning, .userdata = warnings };
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_layers),
                cmocka_unit_test(test_transports),
                cmocka_unit_test(test_mounts),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_corrupt),
                cmocka_unit_test(test_only_ancestors),
                cmocka_unit_test(test_superblock),
                cmocka_unit_test(test_source),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
