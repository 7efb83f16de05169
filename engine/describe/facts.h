/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a machine needs of its image, as tags that module files name in Needed=:
 *
 *   fs:TYPE        a file system of /, /usr or another mount that the initramfs makes
 *   block:KIND     a layer below them: part, lvm, crypt, md, multipath, dmraid, loop, nbd, iscsi,
 *                  dm (any device-mapper), btrfs-multi, zram
 *   transport:BUS  of the disks: nvme, ata, scsi, usb, mmc, virtio, hyperv, vmware, xen
 *   net            a root or a layer needs the network
 *   resume         there is a swap to resume from
 *   usr            /usr is a file system of its own
 *   tpm2, fido2, pkcs11   a token unlocks one of the layers
 *   keymap:console-setup, keymap:vconsole   a keyboard layout is configured
 *   plymouth       a boot splash is installed and wanted
 *   arch:x86       and so on
 *
 * and the modaliases of the hardware that is present. Only ancestors of what the initramfs mounts
 * are looked at, never every volume of the machine. Generic facts match every tag.
 */

#include "macro.h"
#include "report.h"
#include "source/source.h"

/* Something that the initramfs has to bring up. */
typedef struct FactsMount {
        char *where; /* "/", "/usr", "swap" */
        char *what; /* "UUID=…", "/dev/mapper/vg-root" as a person would write it */
        char *type; /* file system, "swap" */
        char *options; /* or NULL */
        char **devices; /* from the top layer to the disks: kernel names, "dm-0", "sda2" */
} FactsMount;

typedef struct Facts {
        bool generic; /* every tag is there */
        char **tags; /* sorted */
        char **modaliases; /* sorted, each once */
        FactsMount *mounts;
        size_t n_mounts;
        char *machine; /* uname -m of the machine, or NULL */
        char *microcode; /* "intel" or "amd", with the CPU's signature: "intel:06-55-04", or NULL */
} Facts;

int facts_new_generic(Facts **ret);
/* Of the running system; the Source is its root. What can't be read is a warning, what the root
 * needs and can't be told a failure (Incomplete). */
int facts_new_host(Source *source, Report *report, Facts **ret);
Facts *facts_free(Facts *facts);
DEFINE_CLEANUP_FUNC(Facts *, facts_free);

/* Whether a tag, or a glob of tags, is there. Always true of generic facts. */
bool facts_match(const Facts *facts, const char *tag);

/* JSON as `initrdctl facts --json` writes it; ends in a line break; keys sorted. The caller frees. */
int facts_to_json(const Facts *facts, char **ret);
int facts_from_json(const char *text, size_t size, Report *report, const char *path, Facts **ret);
