/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a machine needs of its image, as tags that module files name in Needed=:
 *
 *   fs:TYPE        a file system of /, /usr or another mount that the initramfs makes, and of what
 *                  lies below them (overlay, loop); nfs for NFSv4 too
 *   block:KIND     a layer below them: part, lvm, crypt, md, multipath, dmraid, loop, nbd, iscsi,
 *                  dm (any device-mapper), btrfs-multi, zram, verity, integrity
 *   block:md-LEVEL, block:lvm-KIND   beside md and lvm: the personality of the array (raid1) and
 *                  what the volume is made with: thin, cache, snapshot, raid, mirror, vdo
 *   transport:BUS  of the disks: nvme, ata, scsi, usb, mmc, virtio, hyperv, vmware, xen, nvdimm.
 *                  scsi is also there beside virtio, hyperv and vmware where these speak SCSI
 *   net            a root or a layer needs the network
 *   resume         there is a swap to resume from
 *   usr            /usr is a file system of its own
 *   live           the root is an image on a medium, which the initramfs has mounted
 *   tpm2, fido2, pkcs11   a token unlocks one of the layers
 *   keymap:console-setup, keymap:vconsole, keymap:loadkeys   a keyboard layout is configured, and
 *                  what loads it: the last is plain loadkeys with a vconsole.conf
 *   plymouth       a boot splash is installed and wanted
 *   arch:x86       and so on, as the kernel names them: arm64, riscv, powerpc
 *
 * and the modaliases of the hardware that is present, to which belong the ciphers of encrypted layers
 * (crypto-aes). Only ancestors of what the initramfs mounts
 * are looked at, never every volume of the machine. Generic facts match every tag but those of
 * another architecture than the root's.
 */

#include "macro.h"
#include "report.h"
#include "source/source.h"

/* Something that the initramfs has to bring up. */
typedef struct FactsMount {
        char *where; /* "/", "/usr", "swap"; "/dev/mapper/NAME" of crypttab's x-initrd.attach */
        char *what; /* "UUID=…", "/dev/mapper/vg-root" as a person would write it */
        char *type; /* file system, "swap", "crypt" */
        char *options; /* of fstab or crypttab, else those in effect; or NULL */
        char **devices; /* from the top layer to the disks, each once: kernel names as sysfs has
                         * them, "dm-0", "sda2"; NULL for the network and the like */
} FactsMount;

/* A line of crypttab(5) that the initramfs needs: of an encrypted layer that was met on the way to the
 * disks, or one that is marked for the initrd. Without a line in the machine's own, as the layer says
 * of itself. */
typedef struct FactsCrypt {
        char *name, *device;
        char *key; /* NULL when there is none */
        char *options; /* or NULL */
} FactsCrypt;

/* An iSCSI target that one of the disks is of, as this machine has logged in to it. Passwords are no
 * facts. */
typedef struct FactsIscsi {
        char *target, *address, *port;
        char *group; /* the portal group's tag, or NULL */
        char *initiator; /* who the machine was to the target, or NULL */
} FactsIscsi;

typedef struct Facts {
        bool generic; /* every tag is there; `tags` has arch:, where that is known */
        char **tags; /* sorted */
        char **modaliases; /* sorted, each once */
        FactsMount *mounts;
        size_t n_mounts;
        FactsCrypt *crypt; /* as they were met, each name once */
        size_t n_crypt;
        char **mapped; /* names of the dm-integrity and dm-verity layers, sorted, each once */
        FactsIscsi *iscsi; /* as they were met, each once */
        size_t n_iscsi;
        char *machine; /* uname -m of the machine, or NULL */
        /* "intel" or "amd" with the CPU's family, model and stepping in hexadecimal, or NULL.
         * "intel:06-55-04" is the file intel-ucode/06-55-04. "amd:19-11-01" is the file of the
         * family, amd-ucode/microcode_amd_fam19h.bin; below 15 it is amd-ucode/microcode_amd.bin. */
        char *microcode;
} Facts;

int facts_new_generic(Facts **ret);
/* Adds the architecture of the Source's own programs to generic facts. None when it has none that
 * could be asked: then every arch: matches. Not traced. 0 or -ENOMEM. */
int facts_find_arch(Facts *facts, Source *source);
/* Of the running system; the Source is its root: /sys, /proc, /dev and /run are read below
 * source_root(). Not traced: facts are found anew each time, in some milliseconds. What can't be
 * read is a warning, what the root needs and can't be told a failure (Incomplete). */
int facts_new_host(Source *source, Report *report, Facts **ret);
/* Of a root that doesn't run, as far as its fstab, crypttab and boot loader's settings tell: file systems,
 * layers and keys, no hardware. 1; 0 when its fstab has no root. */
int facts_new_written(Source *source, Report *report, Facts **ret);
Facts *facts_free(Facts *facts);
DEFINE_CLEANUP_FUNC(Facts *, facts_free);

/* Whether a tag, or a glob of tags, is there. Of generic facts as facts_match_any(). */
bool facts_match(const Facts *facts, const char *tag);
/* Whether a machine of any kind could have the tag: false of another architecture only. */
bool facts_match_any(const Facts *facts, const char *tag);

/* JSON as `initrdctl facts --json` writes it; ends in a line break; keys sorted. The caller
 * frees. */
int facts_to_json(const Facts *facts, char **ret);
/* And back. `path` is for messages. A failure is ConfigInvalid; a key that is not known a warning. */
int facts_from_json(const char *text, size_t size, Report *report, const char *path, Facts **ret);
