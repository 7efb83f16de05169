/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How facts are found: private to facts-*.c and their tests.
 *
 * A Host is one look at a machine: the directory below which its /sys, /proc, /dev, /run and /etc
 * are, the tables that were read there, and the Facts that are being filled in. Every path goes
 * through host_open(), so that a tree recorded elsewhere is read just as the running system is.
 */

#include <sys/types.h>

#include "facts/facts.h"
#include "facts/mount-library.h"

/* A line of crypttab(5). */
typedef struct CryptEntry {
        char *name, *device;
        char *key; /* NULL when there is none */
        char *options; /* "" when there are none */
        unsigned line;
} CryptEntry;

typedef struct Host {
        int root_fd;
        bool live; /* the running system itself: uname() speaks of it */
        Report *report;
        Facts *facts;
        char **cmdline; /* words of /proc/cmdline */
        struct libmnt_table *mountinfo, *fstab, *swaps; /* never NULL, may be empty */
        CryptEntry *crypttab;
        size_t n_crypttab, allocated_crypttab;
} Host;

/* facts.c */
void facts_mount_done(FactsMount *m);
void facts_crypt_done(FactsCrypt *c);
void facts_iscsi_done(FactsIscsi *i);

/* Facts of a tree that holds what was recorded of a machine; facts_new_host() is this with "/". */
int facts_new_recorded(const char *root, Report *report, Facts **ret);

/* facts-host.c: what is below the root. Links, absolute ones too, stay beneath it. */
int host_open(const Host *h, const char *path, int flags);
bool host_exists(const Host *h, const char *path);
/* The text of a small file without white space at its end. The caller frees. */
int host_read(const Host *h, const char *path, char **ret);
/* The target of a link as it is written. -EINVAL when it is none. The caller frees. */
int host_readlink(const Host *h, const char *path, char **ret);
/* The names in a directory, sorted. The caller frees. */
int host_list(const Host *h, const char *path, char ***ret);
/* Adds a tag. One that no module file could name is a warning. 0 or -ENOMEM. */
int host_tag(Host *h, const char *format, ...) _printf_(2, 3);
/* The value of the last `key=` on the kernel command line, borrowed, or NULL. */
const char *host_cmdline(const Host *h, const char *key);

/* facts-mount.c */
/* Finds what the initramfs mounts. Fails when nobody can tell where the root is stored. */
int host_find_mounts(Host *h);
/* Records a mount; takes `devices`, also on failure. */
int host_add_mount(Host *h, const char *where, const char *what, const char *type,
                   const char *options, char **devices);

/* facts-filesystem.c: what one is stored on, appended to `devices`. 1, or 0 when on nothing that
 * could be brought up. */
int filesystem_walk(Host *h, struct libmnt_fs *fs, char ***devices, unsigned depth);
/* Given the device, or for some types several with colons between them. */
int filesystem_walk_source(Host *h, const char *source, const char *type, char ***devices,
                           unsigned depth);
/* The file system that holds `path`. */
int host_walk_path(Host *h, const char *path, char ***devices, unsigned depth);
bool filesystem_is_network(const char *type) _pure_;
int filesystem_tag(Host *h, const char *type);

/* facts-device.c: block devices by their kernel names, as sysfs writes them. */
int block_from_devno(const Host *h, dev_t devno, char **ret);
int block_from_node(const Host *h, const char *node, char **ret);
/* Of "UUID=…", "/dev/…" and so on. -ENODEV when it names nothing that a block device could be. */
int block_from_spec(const Host *h, const char *spec, char **ret);
bool block_spec_is_device(const char *spec) _pure_;
/* What a device holds: udev's database, else its superblock. Either may come out NULL. */
int block_content(const Host *h, const char *name, char **ret_type, char **ret_uuid);
/* How a person would write the device: /dev/mapper/NAME, UUID=…, /dev/NAME. The caller frees. */
int block_describe(const Host *h, const char *name, char **ret);

/* facts-block.c */
/* Tags the layers from `name` down to the disks, and appends their names to `devices`, each once,
 * upper ones first. -ENODEV when sysfs doesn't know the device. */
int block_walk(Host *h, const char *name, char ***devices, unsigned depth);

/* facts-disk.c: the end of the walk, given the device's directory below /sys. */
int disk_tag(Host *h, const char *name, const char *directory, char ***devices, unsigned depth);

/* facts-iscsi.c: the target that a session is with, "session3". */
int host_add_iscsi(Host *h, const char *session);

/* facts-crypt.c */
int host_read_crypttab(Host *h);
const CryptEntry *host_crypt_entry(const Host *h, const char *name);
/* What an encrypted layer of that name needs beside its driver: its line of crypttab, ciphers,
 * tokens, network, key devices. `uuid` is that of the mapping and `block` its kernel name, or
 * both are NULL: nothing is mapped now. */
int host_tag_crypt(Host *h, const char *name, const char *uuid, const char *block, char ***devices,
                   unsigned depth);
/* The entries that are marked for the initrd, whatever lies on them. */
int host_find_attached(Host *h);
/* Whether the line says that it is for the initrd: x-initrd.attach, Debian's `initramfs`. */
bool crypt_entry_is_marked(const CryptEntry *e) _pure_;
/* Whether the key is made anew at each boot, so that nothing outlives it. */
bool crypt_entry_is_volatile(const CryptEntry *e) _pure_;
/* Whether a comma-separated list has an option, "name" or "name=value". */
bool options_contain(const char *options, const char *name) _pure_;

/* facts-luks.c */
/* Adds the ciphers and tokens that the LUKS header in the file or device tells of. 1, or 0 when there is
 * none that could be read. */
int host_read_luks(Host *h, const char *path);
/* Adds those of a cipher as cryptsetup writes it; NULL: none. */
int host_add_cipher(Host *h, const char *spec);

/* facts-fstab.c */
/* What the files of a root say that doesn't run. 1, or 0 when fstab has no root. */
int host_find_written(Host *h);

/* facts-resume.c */
int host_find_resume(Host *h);
/* The last RESUME= of initramfs-tools' file; NULL when it leaves the choice to us. The caller frees. */
int host_read_resume(const Host *h, char **ret);

/* facts-hardware.c */
int host_find_modaliases(Host *h);
int host_find_cpu(Host *h);

/* facts-console.c: what a person sees and types before the root is there. */
int host_find_console(Host *h);

/* A root that loops through itself, by files or by corrupt input, is given up on here. */
#define HOST_DEPTH_MAX 32
