/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What root an image is for, as far as it says so itself or the kernel command line does. */

#include "image/described.h"
#include "try-layer.h"
#include "images/image-tree.h"

/* How a disk is attached: a name for people, and the drivers that the image must have for it. */
typedef struct TryBus {
        const char *name;
        const char *drivers[4];
} TryBus;

/* A network card, likewise. */
typedef struct TryCard {
        const char *device;
        const char *drivers[2];
} TryCard;

typedef struct TryRoot {
        const char *filesystem; /* "ext4" */
        char *uuid, *label; /* of it */
        char *partition_uuid, *partition_label; /* NULL: the file system is all of the disk */
        char *group, *volume; /* of LVM; NULL: none */
        LvmKind lvm_kind;
        char *luks_uuid; /* NULL: nothing is encrypted */
        char *luks_name; /* NULL: any */
        unsigned luks_version;
        char *key; /* a path in the image; NULL: the passphrase is typed */
        char *md_uuid; /* NULL: no array */
        unsigned md_level;
        char *usr_uuid; /* of a file system of its own for /usr, on a disk of its own; NULL: none */
        char *resume_uuid; /* of a swap, likewise */
        const TryBus *bus;
        const TryCard *card; /* its disk comes over the network, by NBD; NULL: it doesn't */
        const char *unserved; /* it would have to come over the network in a way that is not served
                               * here: "NFS"; "NBD" without a card that the image has a driver for */
        char **words; /* to add to the kernel command line */
        char **not_tried; /* tags of facts.h that the image is for, and the scratch root is not */
} TryRoot;

/* `described` is NULL for an image of another tool; `words` are of the kernel command line that it
 * is started with. 0 or -ENOMEM. */
int try_root_choose(TryRoot *ret, const ImageTree *tree, const Described *described,
                    char *const *words);
void try_root_done(TryRoot *root);

/* Which disk the image has drivers for. Never NULL. */
const TryBus *try_bus_choose(const ImageTree *tree, const Described *described);
/* The words of the kernel command line that the image has in files, as dracut leaves them. 0 or
 * -ENOMEM. The caller frees. */
int try_words_of_image(const ImageTree *tree, char ***ret);
/* The value of the last word KEY=VALUE; NULL. */
const char *words_get(char *const *words, const char *key);
