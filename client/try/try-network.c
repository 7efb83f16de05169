/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What root= or netroot= say comes before what the image is for. A root on NBD is served, at another
 * place than where it is on the machine that the image is for, so that words of that network are
 * replaced. Of iSCSI and NFS it is said why not: to try such an image as if it were for a disk would
 * show nothing.
 */

#include "string-util.h"
#include "try-image.h"
#include "try-network.h"

/* Those of QEMU that have a driver of their own, the usual ones first. */
static const TryCard cards[] = {
        { "virtio-net-pci", { "virtio_net", "virtio_pci" } },
        { "e1000e", { "e1000e" } },
        { "e1000", { "e1000" } },
        { "vmxnet3", { "vmxnet3" } },
        { "rtl8139", { "8139cp" } },
};

typedef enum Served { SERVED_NONE, SERVED_NBD, SERVED_ISCSI, SERVED_NFS } Served;

static const char *const names[] = {
        [SERVED_NBD] = "NBD",
        [SERVED_ISCSI] = "iSCSI",
        [SERVED_NFS] = "NFS",
};

static const TryCard *choose_card(const ImageTree *tree) {
        for (size_t i = 0; i < ELEMENTSOF(cards); i++) {
                bool all = true;

                for (size_t k = 0; k < ELEMENTSOF(cards[i].drivers) && cards[i].drivers[k]; k++)
                        all = all && has_driver(tree, cards[i].drivers[k]);
                if (all)
                        return &cards[i];
        }
        return NULL;
}

static Served served_by_word(const char *value) {
        static const struct {
                const char *prefix;
                Served served;
        } prefixes[] = {
                { "nbd:", SERVED_NBD }, { "/dev/nbd", SERVED_NBD }, { "iscsi:", SERVED_ISCSI },
                { "nfs:", SERVED_NFS }, { "nfs4:", SERVED_NFS },    { "/dev/nfs", SERVED_NFS },
        };

        for (size_t i = 0; value && i < ELEMENTSOF(prefixes); i++)
                if (startswith(value, prefixes[i].prefix))
                        return prefixes[i].served;
        return SERVED_NONE;
}

static Served choose_served(const Described *d, char *const *words) {
        const char *root = words_get(words, "root");
        Served served = served_by_word(words_get(words, "netroot"));

        if (served == SERVED_NONE)
                served = served_by_word(root);
        if (served != SERVED_NONE || root)
                return served;
        if (words_get(words, "nbdroot") || has_whole_fact(d, "block:nbd"))
                return SERVED_NBD;
        if (words_get(words, "nfsroot") || has_whole_fact(d, "fs:nfs"))
                return SERVED_NFS;
        return has_whole_fact(d, "block:iscsi") ? SERVED_ISCSI : SERVED_NONE;
}

bool try_network_replaces(const char *word) {
        static const char *const prefixes[] = { "ip=",     "netroot=",  "nbdroot=",
                                                "nbddev=", "root=nbd:", "root=/dev/nbd" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (startswith(word, prefixes[i]))
                        return true;
        return false;
}

void try_network_choose(TryRoot *root, const ImageTree *tree, const Described *described,
                        char *const *words) {
        Served served = choose_served(described, words);

        if (served == SERVED_NONE)
                return;
        root->card = served == SERVED_NBD ? choose_card(tree) : NULL;
        if (!root->card)
                root->unserved = names[served];
}
