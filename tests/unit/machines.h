/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Machines that several tests have in common (recorded.h has the language), and a table of what is to be
 * found of one. */

#include "facts/facts-host.h"
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

typedef struct MachineCase {
        const char *name;
        const char *machine;
        const char *tags; /* sorted, or NULL for a failure */
        const char *mounts; /* "WHERE WHAT TYPE DEVICE…;…" */
        const char *warnings; /* "PATH:LINE …" */
        const char *message; /* of a failure: part of it */
} MachineCase;

void machine_check(const MachineCase *c);
void machines_check(const MachineCase *cases, size_t n);
/* Of a Report whose `userdata` are 512 characters: "PATH:LINE" of each. */
void machine_warning(void *userdata, const char *path, unsigned line, const char *message);
