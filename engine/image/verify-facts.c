/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An image against what a machine needs of it: for each layer below the root the program that brings
 * it up, and a driver. Both are looked for by their names alone, since other tools have their own
 * ways to start them.
 *
 * A driver that is neither in the image nor in its list of what the kernel has built in is missing.
 * Of an image without such a list nobody can say so, unless the kernel is known.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "collect/driver-name.h"
#include "image/verify-internal.h"
#include "path-util.h"
#include "string-util.h"

#define NAMES_MAX 5

/* One of the programs and one of the drivers has to be there, where any is named. */
typedef struct Need {
        const char *tag;
        const char *what; /* "The root is …" */
        const char *programs[NAMES_MAX]; /* or other files, by their last component */
        const char *drivers[NAMES_MAX];
        const char *package; /* that has the program */
        BootStep step;
} Need;

#define LAYER BOOT_STEP_DEVICES

static const Need needs[] = {
        { "block:dm", "on a device of device-mapper", {}, { "dm_mod" }, NULL, LAYER },
        { "block:lvm", "on a logical volume", { "lvm" }, { "dm_mod" }, "lvm2", LAYER },
        { "block:lvm-thin", "on a thin volume", {}, { "dm_thin_pool" }, NULL, LAYER },
        { "block:lvm-cache",
          "on a cached volume",
          {},
          { "dm_cache", "dm_writecache" },
          NULL,
          LAYER },
        { "block:lvm-snapshot", "on a snapshot", {}, { "dm_snapshot" }, NULL, LAYER },
        { "block:lvm-raid", "on a RAID volume", {}, { "dm_raid" }, NULL, LAYER },
        { "block:lvm-mirror", "on a mirrored volume", {}, { "dm_mirror" }, NULL, LAYER },
        { "block:lvm-vdo", "on a deduplicated volume", {}, { "dm_vdo", "kvdo" }, NULL, LAYER },
        { "block:crypt",
          "encrypted",
          { "systemd-cryptsetup", "cryptsetup" },
          { "dm_crypt" },
          "cryptsetup",
          LAYER },
        { "block:verity",
          "verified by dm-verity",
          { "systemd-veritysetup", "veritysetup" },
          { "dm_verity" },
          "cryptsetup",
          LAYER },
        { "block:integrity",
          "on dm-integrity",
          { "systemd-integritysetup", "integritysetup" },
          { "dm_integrity" },
          "cryptsetup",
          LAYER },
        { "block:md", "on a RAID array", { "mdadm" }, { "md_mod" }, "mdadm", LAYER },
        { "block:md-linear", "on a linear array", {}, { "linear" }, NULL, LAYER },
        { "block:md-raid0", "on a RAID0", {}, { "raid0" }, NULL, LAYER },
        { "block:md-raid1", "on a RAID1", {}, { "raid1" }, NULL, LAYER },
        { "block:md-raid4", "on a RAID4", {}, { "raid456" }, NULL, LAYER },
        { "block:md-raid5", "on a RAID5", {}, { "raid456" }, NULL, LAYER },
        { "block:md-raid6", "on a RAID6", {}, { "raid456" }, NULL, LAYER },
        { "block:md-raid10", "on a RAID10", {}, { "raid10" }, NULL, LAYER },
        { "block:multipath",
          "on a disk with several paths",
          { "multipathd", "multipath" },
          { "dm_multipath" },
          "multipath-tools",
          LAYER },
        { "block:dmraid",
          "on an array of the mainboard",
          { "dmraid", "mdadm" },
          {},
          "dmraid",
          LAYER },
        { "block:btrfs-multi", "on several disks", {}, { "btrfs" }, NULL, LAYER },
        { "block:loop", "in a file", {}, { "loop" }, NULL, LAYER },
        { "block:nbd", "on an NBD export", { "nbd-client" }, { "nbd" }, "nbd-client", LAYER },
        { "block:iscsi",
          "on an iSCSI target",
          { "iscsid", "iscsistart" },
          {},
          "open-iscsi",
          LAYER },
        { "transport:nvme", "on NVMe", {}, { "nvme" }, NULL, LAYER },
        { "transport:ata", "on a SATA or IDE disk", {}, { "sd_mod" }, NULL, LAYER },
        { "transport:scsi", "on a SCSI disk", {}, { "sd_mod" }, NULL, LAYER },
        { "transport:usb", "on a USB disk", {}, { "usb_storage", "uas" }, NULL, LAYER },
        { "transport:mmc", "on a memory card", {}, { "mmc_block" }, NULL, LAYER },
        { "transport:virtio",
          "on a virtio disk",
          {},
          { "virtio_blk", "virtio_scsi", "virtio_pmem" },
          NULL,
          LAYER },
        { "transport:virtio",
          "on a virtio disk",
          {},
          { "virtio_pci", "virtio_mmio", "virtio_ccw" },
          NULL,
          LAYER },
        { "transport:hyperv", "on a disk of Hyper-V", {}, { "hv_storvsc" }, NULL, LAYER },
        { "transport:vmware",
          "on a disk of VMware",
          {},
          { "vmw_pvscsi", "mptspi", "mptsas", "ahci", "nvme" },
          NULL,
          LAYER },
        { "transport:xen",
          "on a disk of Xen",
          {},
          { "xen_blkfront", "xen_scsifront" },
          NULL,
          LAYER },
        { "transport:nvdimm", "in persistent memory", {}, { "nd_pmem" }, NULL, LAYER },
        { "fs:nfs",
          "on NFS",
          { "mount.nfs", "mount.nfs4", "nfsmount" },
          { "nfs" },
          "nfs-common",
          BOOT_STEP_ROOT },
        { "tpm2",
          "unlocked by a TPM",
          { "libtss2-esys.so.0", "clevis-decrypt-tpm2" },
          {},
          "tpm2-tss",
          LAYER },
        { "fido2", "unlocked by a FIDO2 token", { "libfido2.so.1" }, {}, "libfido2", LAYER },
        { "pkcs11", "unlocked by a PKCS#11 token", { "libp11-kit.so.0" }, {}, "p11-kit", LAYER },
};

/* File systems that have a driver of another name, or one of several. */
static const struct {
        const char *type;
        const char *drivers[NAMES_MAX];
} filesystems[] = {
        { "ext2", { "ext4", "ext2" } },   { "ext3", { "ext4", "ext3" } },
        { "msdos", { "vfat", "msdos" } }, { "ntfs", { "ntfs3", "ntfs" } },
        { "iso9660", { "isofs" } },       { "tmpfs", { NULL } },
};

typedef struct Possessions {
        Verification *v;
        const Facts *facts;
        Strmap files; /* last components of paths that lead to a file */
        Strmap drivers; /* in the image, or built in */
        bool knows_builtins;
} Possessions;

static int put(Strmap *map, const char *key) {
        int r = strmap_put(map, key, NULL);

        return r == -EEXIST ? 0 : r;
}

static int add_builtins(Possessions *p, char *text) {
        char *state = NULL;

        p->knows_builtins = true;
        for (char *line = strtok_r(text, "\n", &state); line;
             line = strtok_r(NULL, "\n", &state)) {
                char name[DRIVER_NAME_MAX];

                if (driver_name_of_path(line, name) >= 0 && put(&p->drivers, name) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int add_node(Possessions *p, const TreeNode *node) {
        const TreeNode *target = tree_resolve(p->v->tree, node->path);
        const char *base = path_basename(node->path);
        const Content *c = node_content(node, CONTENT_TEXT);
        char name[DRIVER_NAME_MAX];
        int r;

        if (!target || !S_ISREG(target->file->mode))
                return 0;
        r = put(&p->files, base);
        if (r >= 0 && strstr(node->path, "/lib/modules/") &&
            driver_name_of_path(node->path, name) >= 0)
                r = put(&p->drivers, name);
        if (r >= 0 && c && streq(base, "modules.builtin")) {
                _cleanup_free_ char *text = bytes_to_string(c->text, c->size);

                r = text ? add_builtins(p, text) : -ENOMEM;
        }
        return r;
}

static bool has_any(const Strmap *map, const char *const names[static NAMES_MAX]) {
        if (!names[0])
                return true;
        for (size_t i = 0; i < NAMES_MAX && names[i]; i++)
                if (strmap_contains(map, names[i]))
                        return true;
        return false;
}

/* "a", "a or b", "a, b or c". */
static int join_names(const char *const names[static NAMES_MAX], char **ret) {
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < NAMES_MAX && names[i]; i++) {
                bool last = i + 1 == NAMES_MAX || !names[i + 1];
                char *longer;

                if (str_printf(&longer, "%s%s%s", text ?: "",
                               !text  ? ""
                               : last ? " or "
                                      : ", ",
                               names[i]) < 0)
                        return -ENOMEM;
                free(text);
                text = longer;
        }
        *ret = TAKE_PTR(text);
        return 0;
}

static int check_drivers(Possessions *p, const char *what,
                         const char *const drivers[static NAMES_MAX]) {
        _cleanup_free_ char *names = NULL;

        if (!p->knows_builtins || has_any(&p->drivers, drivers))
                return 0;
        if (join_names(drivers, &names) < 0)
                return -ENOMEM;
        return verification_find(p->v, NULL,
                                 "The root is %s, and the driver %s is neither in the image nor "
                                 "built into its kernel; add it with Drivers= and " REBUILD,
                                 what, names);
}

static int check_need(Possessions *p, const Need *need) {
        _cleanup_free_ char *names = NULL;
        int r = 0;

        if (!facts_match(p->facts, need->tag))
                return 0;
        p->v->step = need->step;
        if (!has_any(&p->files, need->programs)) {
                if (join_names(need->programs, &names) < 0)
                        return -ENOMEM;
                r = verification_find(p->v, NULL,
                                      "The root is %s, and %s is not in the image; install %s "
                                      "and " REBUILD,
                                      need->what, names, need->package);
        }
        return r < 0 ? r : check_drivers(p, need->what, need->drivers);
}

static int check_filesystem(Possessions *p, const char *type) {
        const char *drivers[NAMES_MAX] = { type };
        _cleanup_free_ char *what = NULL;

        /* In user space, or with a need of its own. */
        if (startswith(type, "fuse") || streq(type, "nfs"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(filesystems); i++)
                if (streq(type, filesystems[i].type))
                        memcpy(drivers, filesystems[i].drivers, sizeof(drivers));
        if (str_printf(&what, "on %s", type) < 0)
                return -ENOMEM;
        p->v->step = BOOT_STEP_ROOT;
        return check_drivers(p, what, drivers);
}

/* Without it the boot goes on, and a passphrase is typed on a keyboard with other letters. */
static int check_keymap(Possessions *p) {
        static const char *const files[] = { "vconsole.conf", "cached_setup_keyboard.sh",
                                             "boottime.kmap.gz", "keymap.bin", "keymap.utf8" };
        bool wanted = false;

        STRV_FOREACH(tag, p->facts->tags)
                wanted = wanted || startswith(*tag, "keymap:");
        for (size_t i = 0; wanted && i < ELEMENTSOF(files); i++)
                if (strmap_contains(&p->files, files[i]))
                        return 0;
        if (!wanted)
                return 0;
        p->v->step = facts_match(p->facts, "block:crypt") ? LAYER : BOOT_STEP_EMERGENCY;
        return verification_find(
                        p->v, NULL,
                        "The machine has a keyboard layout of its own, which is not in the "
                        "image: passphrases would be typed on another one; " REBUILD);
}

/* Only what systemd would start. */
static int check_resume(Possessions *p) {
        static const char *const files[] = { "systemd-hibernate-resume",
                                             "systemd-hibernate-resume-generator", "resume" };

        if (!facts_match(p->facts, "resume"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (strmap_contains(&p->files, files[i]))
                        return 0;
        p->v->step = BOOT_STEP_ROOT;
        return verification_find(p->v, NULL,
                                 "The machine has a swap to resume from, and nothing in the image "
                                 "does that: what hibernates would be lost; " REBUILD);
}

/* A key on another device ("/key:UUID=…") or made from one is nobody's file. */
static int check_key(Possessions *p, const FactsCrypt *crypt) {
        if (!crypt->key || *crypt->key != '/' || strchr(crypt->key, ':') ||
            startswith(crypt->key, "/dev/") || tree_resolve(p->v->tree, crypt->key))
                return 0;
        p->v->step = LAYER;
        return verification_find(p->v, crypt->key,
                                 "It is the key of %s, and not in the image, so that a passphrase "
                                 "is asked for; add it with Include= and " REBUILD,
                                 crypt->name);
}

static bool is_storage_controller(const char *modalias) {
        /* A PCI class of mass storage, but not virtio's: what has that driver is a bus. Then
         * virtio's block, SCSI and persistent memory. */
        return (startswith(modalias, "pci:") && strstr(modalias, "bc01sc") &&
                !startswith(modalias, "pci:v00001AF4")) ||
               startswith(modalias, "virtio:d00000002v") ||
               startswith(modalias, "virtio:d00000008v") ||
               startswith(modalias, "virtio:d0000001Bv");
}

/* What the kernel has for one controller, and whether the image has any of it. */
static int look_at_controller(Possessions *p, const char *modalias, bool *any, bool *found,
                              char ***names) {
        DriverList list = {};
        int r;

        r = driver_table_lookup(p->v->against->drivers, modalias, &list);
        if (list.n_builtins > 0)
                *any = *found = true;
        for (size_t i = 0; i < list.n && r >= 0; i++) {
                *any = true;
                *found = *found || strmap_contains(&p->drivers, list.drivers[i]->name);
                r = strv_extend_unique(names, list.drivers[i]->name);
        }
        driver_list_done(&list);
        return r;
}

/* Which of them the root hangs on is not known here, so one that has its driver will do. */
static int check_controllers(Possessions *p) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *text = NULL;
        bool any = false, found = false;
        int r = 0;

        STRV_FOREACH(modalias, p->v->against->drivers ? p->facts->modaliases : NULL)
                if (r >= 0 && is_storage_controller(*modalias))
                        r = look_at_controller(p, *modalias, &any, &found, &names);
        if (r < 0 || !any || found)
                return r;
        text = strv_join(names, ", ");
        if (!text)
                return -ENOMEM;
        p->v->step = LAYER;
        return verification_find(p->v, NULL,
                                 "Of none of this machine's disk controllers the driver is in the "
                                 "image (%s); add it with Drivers= and " REBUILD,
                                 text);
}

static int check_all(Possessions *p) {
        int r = 0;

        TREE_FOREACH(node, p->v->tree) {
                r = add_node(p, node);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(needs) && r >= 0; i++)
                r = check_need(p, &needs[i]);
        STRV_FOREACH(tag, p->facts->tags) {
                const char *type = startswith(*tag, "fs:");

                if (r >= 0 && type)
                        r = check_filesystem(p, type);
        }
        for (size_t i = 0; i < p->facts->n_crypt && r >= 0; i++)
                r = check_key(p, &p->facts->crypt[i]);
        if (r >= 0)
                r = check_controllers(p);
        if (r >= 0)
                r = check_keymap(p);
        return r < 0 ? r : check_resume(p);
}

int verify_facts(Verification *v) {
        const Facts *facts = v->against->facts;
        Possessions p = {
                .v = v,
                .facts = facts,
                .files = STRMAP_INIT(NULL),
                .drivers = STRMAP_INIT(NULL),
        };
        int r;

        if (!facts || facts->generic)
                return 0;
        r = check_all(&p);
        strmap_done(&p.files);
        strmap_done(&p.drivers);
        return r;
}
