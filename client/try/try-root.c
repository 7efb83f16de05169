/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Three things say what root an image is for, the later before the earlier where they differ:
 *
 *   1. of ours, why each module is there: "fact fs:xfs", "fact block:lvm". A generic image says
 *      nothing by that;
 *   2. the files that an image brings for one machine: the words of dracut's cmdline.d, a crypttab;
 *   3. the kernel command line: that of a unified kernel image, and what is appended.
 *
 * What they leave open is chosen: a file system that the image has a driver for, named by its UUID,
 * on a disk that it has a driver for. What the image is for beyond that is told as not tried.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "path-util.h"
#include "string-util.h"
#include "try-image.h"
#include "try-layer.h"
#include "try-name.h"
#include "try-network.h"
#include "try-root.h"

#define TEXT_MAX 1048576

static const char *const filesystems[] = { "ext4", "xfs", "btrfs", "ext3", "ext2", "f2fs" };

static const TryBus buses[] = {
        { "virtio", { "virtio_blk", "virtio_pci" } },
        { "nvme", { "nvme" } },
        { "ata", { "ahci", "sd_mod" } },
        { "scsi", { "virtio_scsi", "virtio_pci", "sd_mod" } },
};

typedef struct Choice {
        const ImageTree *tree;
        const Described *described; /* or NULL */
        char **words; /* of the image and of the command line */
        TryRoot root;
} Choice;

void try_root_done(TryRoot *root) {
        free(root->uuid);
        free(root->label);
        free(root->partition_uuid);
        free(root->partition_label);
        free(root->group);
        free(root->volume);
        free(root->luks_uuid);
        free(root->luks_name);
        free(root->key);
        free(root->md_uuid);
        free(root->usr_uuid);
        free(root->resume_uuid);
        strv_free(root->words);
        strv_free(root->not_tried);
        *root = (TryRoot) {};
}

const char *words_get(char *const *words, const char *key) {
        const char *found = NULL;

        STRV_FOREACH(word, words) {
                const char *rest = startswith(*word, key);

                if (rest && *rest == '=')
                        found = rest + 1;
        }
        return found;
}

static bool bus_is_there(const ImageTree *t, const TryBus *bus) {
        for (size_t i = 0; i < ELEMENTSOF(bus->drivers) && bus->drivers[i]; i++)
                if (!has_driver(t, bus->drivers[i]))
                        return false;
        return true;
}

/* An image that is for a disk, and lacks its driver, is to fail. */
const TryBus *try_bus_choose(const ImageTree *t, const Described *d) {
        for (size_t i = 0; i < ELEMENTSOF(buses); i++) {
                _cleanup_free_ char *fact = NULL;

                if (str_printf(&fact, "transport:%s", buses[i].name) >= 0 && has_fact(d, fact))
                        return &buses[i];
        }
        for (size_t i = 0; i < ELEMENTSOF(buses); i++)
                if (bus_is_there(t, &buses[i]))
                        return &buses[i];
        return &buses[0];
}

/* A module for another file system may come with it (fsck for any): the first fact that a file
 * system can be made for. */
static const char *filesystem_of_facts(const Described *d) {
        for (size_t i = 0; d && i < d->n_modules; i++) {
                const char *fact = fact_of(&d->modules[i]);
                const char *name = fact ? startswith(fact, "fs:") : NULL;

                for (size_t j = 0; name && j < ELEMENTSOF(filesystems); j++)
                        if (streq(name, filesystems[j]))
                                return filesystems[j];
        }
        return NULL;
}

static const char *choose_filesystem(const Choice *c) {
        const char *named = words_get(c->words, "rootfstype"), *found;

        for (size_t i = 0; named && i < ELEMENTSOF(filesystems); i++)
                if (streq(named, filesystems[i]))
                        return filesystems[i];
        found = filesystem_of_facts(c->described);
        for (size_t i = 0; !found && i < ELEMENTSOF(filesystems); i++)
                if (has_driver(c->tree, filesystems[i]))
                        found = filesystems[i];
        return found ?: filesystems[0];
}

static int new_uuid(char **ret) {
        uint8_t uuid[UUID_BYTES];
        char text[UUID_TEXT];
        int r;

        r = uuid_random(uuid);
        if (r < 0)
                return r;
        uuid_to_text(uuid, text);
        free(*ret);
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* The first line of a crypttab that names its device by UUID: NAME UUID=… KEY. */
static int take_crypttab(Choice *c, const char *text) {
        _cleanup_strv_free_ char **lines = NULL;

        if (strv_split(&lines, text, "\n") < 0)
                return -ENOMEM;
        STRV_FOREACH(line, lines) {
                _cleanup_strv_free_ char **fields = NULL;
                int r;

                if (strv_split(&fields, *line, " \t") < 0)
                        return -ENOMEM;
                if (strv_length(fields) < 2 || *fields[0] == '#')
                        continue;
                r = name_take_uuid(startswith(fields[1], "/dev/disk/by-uuid/") ?: fields[1],
                                   "UUID=", &c->root.luks_uuid);
                if (r == 0)
                        continue;
                if (r > 0)
                        r = name_take_text(fields[0], strlen(fields[0]), &c->root.luks_name);
                if (r > 0 && fields[2] && *fields[2] == '/' &&
                    tree_resolve(c->tree->tree, fields[2]))
                        r = name_take_text(fields[2], strlen(fields[2]), &c->root.key);
                return MIN_OF(r, 0);
        }
        return 0;
}

static int read_crypttab(Choice *c) {
        static const char *const paths[] = { "/etc/crypttab", "/cryptroot/crypttab" };

        for (size_t i = 0; i < ELEMENTSOF(paths) && !c->root.luks_uuid; i++) {
                const TreeNode *node = tree_resolve(c->tree->tree, paths[i]);
                _cleanup_free_ char *text = NULL;
                int r;

                if (!node || !S_ISREG(node->file->mode))
                        continue;
                r = image_tree_text(c->tree, node->file, TEXT_MAX, &text);
                if (r == -ENOMEM)
                        return r;
                r = r < 0 ? 0 : take_crypttab(c, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* rd.luks.name=UUID=NAME, rd.luks.uuid=UUID, and what asks for a layer by a fact alone. */
static int choose_luks(Choice *c) {
        const char *name = words_get(c->words, "rd.luks.name"), *rest;
        const char *uuid = words_get(c->words, "rd.luks.uuid");
        _cleanup_free_ char *word = NULL;
        int r;

        r = read_crypttab(c);
        if (r >= 0 && uuid)
                r = name_take_uuid(uuid, "luks-", &c->root.luks_uuid);
        if (r >= 0 && name && (rest = strchr(name, '='))) {
                _cleanup_free_ char *text = bytes_to_string(name, (size_t) (rest - name));

                r = text ? name_take_uuid(text, "", &c->root.luks_uuid) : -ENOMEM;
                if (r > 0)
                        r = name_take_text(rest + 1, strlen(rest + 1), &c->root.luks_name);
        }
        if (r < 0 || c->root.luks_uuid || !has_fact(c->described, "block:crypt"))
                return MIN_OF(r, 0);
        r = new_uuid(&c->root.luks_uuid);
        if (r >= 0)
                r = str_printf(&word, "rd.luks.uuid=%s", c->root.luks_uuid);
        return r < 0 ? r : strv_extend(&c->root.words, word);
}

static int choose_lvm(Choice *c) {
        const char *volume = words_get(c->words, "rd.lvm.lv");
        int r = 0;

        c->root.lvm_kind = has_whole_fact(c->described, "block:lvm-thin")    ? LVM_THIN
                           : has_whole_fact(c->described, "block:lvm-cache") ? LVM_CACHE
                                                                             : LVM_LINEAR;

        if (c->root.group)
                return 0;
        if (volume)
                r = name_take_volume(startswith(volume, "/dev/") ?: volume, &c->root);
        if (r == 0 && has_fact(c->described, "block:lvm")) {
                r = name_take_text("initrddtry", strlen("initrddtry"), &c->root.group);
                if (r >= 0)
                        r = name_take_text("root", strlen("root"), &c->root.volume);
        }
        return MIN_OF(r, 0);
}

/* What today's systems have, unless the image has a cryptsetup from before that. */
static unsigned choose_luks_version(const ImageTree *t) {
        return has_library(t, "libcryptsetup.so.4") && !has_library(t, "libcryptsetup.so.12") ? 1
                                                                                              : 2;
}

/* What the image says it is for; else one that it has a driver for. */
static unsigned choose_md_level(const Choice *c) {
        static const struct {
                unsigned level;
                const char *fact, *driver;
        } levels[] = {
                { 1, "block:md-raid1", "raid1" },   { 10, "block:md-raid10", "raid10" },
                { 5, "block:md-raid5", "raid456" }, { 6, "block:md-raid6", "raid456" },
                { 0, "block:md-raid0", "raid0" },   { 4, "block:md-raid4", "raid456" },
        };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (has_whole_fact(c->described, levels[i].fact))
                        return levels[i].level;
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (has_driver(c->tree, levels[i].driver))
                        return levels[i].level;
        return 1;
}

/* A word of the command line that names a file system by its UUID; any other is told as not tried. 1, 0
 * or -ENOMEM. */
static int take_named(Choice *c, const char *key, char **ret) {
        const char *value = words_get(c->words, key);
        char *word;
        int r;

        if (!value)
                return 0;
        r = name_take_uuid(value, "UUID=", ret);
        if (r != 0)
                return r;
        if (str_printf(&word, "%s=%s", key, value) < 0)
                return -ENOMEM;
        r = strv_consume(&c->root.not_tried, word);
        return r < 0 ? r : 1;
}

/* A swap that the image is to look into: nothing is in it, and the boot goes on. */
static int choose_resume(Choice *c) {
        _cleanup_free_ char *word = NULL;
        int r;

        r = take_named(c, "resume", &c->root.resume_uuid);
        if (r != 0 || !has_fact(c->described, "resume"))
                return MIN_OF(r, 0);
        r = new_uuid(&c->root.resume_uuid);
        if (r >= 0)
                r = str_printf(&word, "resume=UUID=%s", c->root.resume_uuid);
        return r < 0 ? r : strv_extend(&c->root.words, word);
}

static int choose_md(Choice *c) {
        const char *uuid = words_get(c->words, "rd.md.uuid");

        if (uuid && name_take_uuid(uuid, "", &c->root.md_uuid) < 0)
                return -ENOMEM;
        c->root.md_level = choose_md_level(c);
        return c->root.md_uuid || !has_fact(c->described, "block:md") ? 0
                                                                      : new_uuid(&c->root.md_uuid);
}

/* What root= says, or a root= of ours where it says nothing that could be made. */
static int choose_name(Choice *c) {
        const char *value = words_get(c->words, "root");
        _cleanup_free_ char *word = NULL;
        int r;

        r = new_uuid(&c->root.uuid);
        if (r >= 0)
                r = value ? name_take_root(&c->root, value) : 0;
        if (r != 0)
                return MIN_OF(r, 0);
        /* Its disk is served by that name or another. */
        if (value && c->root.card && (startswith(value, "nbd:") || startswith(value, "/dev/nbd")))
                value = NULL;
        if (value && str_printf(&word, "root=%s", value) < 0)
                return -ENOMEM;
        r = word ? strv_consume(&c->root.not_tried, TAKE_PTR(word)) : 0;
        if (r >= 0)
                r = str_printf(&word, "root=UUID=%s", c->root.uuid);
        return r < 0 ? r : strv_extend(&c->root.words, word);
}

/* A root is of a file system, on layers, on a disk; the other facts are of no root. */
static bool is_about_roots(const char *fact) {
        static const char *const prefixes[] = { "fs:",  "block:", "transport:", "net",   "live",
                                                "tpm2", "fido2",  "pkcs11",     "resume" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (startswith(fact, prefixes[i]))
                        return true;
        return false;
}

static bool is_tried(const TryRoot *root, const char *fact) {
        const char *rest;

        if ((rest = startswith(fact, "fs:")))
                return streq(rest, root->filesystem);
        if ((rest = startswith(fact, "transport:")))
                return streq(rest, root->bus->name);
        if (streq(fact, "net") || streq(fact, "block:nbd"))
                return root->card != NULL;
        if (streq(fact, "block:dm"))
                return root->group || root->luks_uuid;
        if (streq(fact, "block:lvm"))
                return root->group != NULL;
        if (streq(fact, "block:lvm-thin"))
                return root->group && root->lvm_kind == LVM_THIN;
        if (streq(fact, "block:lvm-cache"))
                return root->group && root->lvm_kind == LVM_CACHE;
        if (streq(fact, "block:crypt"))
                return root->luks_uuid != NULL;
        if (streq(fact, "block:md"))
                return root->md_uuid != NULL;
        if ((rest = startswith(fact, "block:md-raid")) && root->md_uuid) {
                unsigned level;

                return parse_unsigned(rest, &level) >= 0 && level == root->md_level;
        }
        if (streq(fact, "resume"))
                return root->resume_uuid != NULL;
        return streq(fact, "block:part") && root->partition_uuid;
}

static int find_not_tried(Choice *c) {
        for (size_t i = 0; c->described && i < c->described->n_modules; i++) {
                const char *fact = fact_of(&c->described->modules[i]);

                if (fact && is_about_roots(fact) && !is_tried(&c->root, fact) &&
                    strv_extend_unique(&c->root.not_tried, fact) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int choose(Choice *c) {
        int r;

        c->root.filesystem = choose_filesystem(c);
        c->root.bus = try_bus_choose(c->tree, c->described);
        c->root.luks_version = choose_luks_version(c->tree);
        try_network_choose(&c->root, c->tree, c->described, c->words);
        r = choose_luks(c);
        if (r >= 0)
                r = choose_name(c);
        if (r >= 0)
                r = choose_lvm(c);
        if (r >= 0)
                r = choose_md(c);
        if (r >= 0)
                r = choose_resume(c);
        if (r >= 0)
                r = take_named(c, "mount.usr", &c->root.usr_uuid);
        if (r >= 0 && c->root.partition_label && !c->root.partition_uuid)
                r = new_uuid(&c->root.partition_uuid);
        return r < 0 ? r : find_not_tried(c);
}

int try_words_of_image(const ImageTree *t, char ***ret) {
        _cleanup_strv_free_ char **words = NULL;

        TREE_FOREACH(node, t->tree) {
                _cleanup_strv_free_ char **more = NULL;
                _cleanup_free_ char *text = NULL;
                int r;

                if (!S_ISREG(node->file->mode) || (!startswith(node->path, "/etc/cmdline.d/") &&
                                                   !streq(node->path, "/etc/cmdline")))
                        continue;
                r = image_tree_text(t, node->file, TEXT_MAX, &text);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        continue;
                if (strv_split(&more, text, " \t\n") < 0)
                        return -ENOMEM;
                STRV_FOREACH(word, more)
                        if (strv_extend(&words, *word) < 0)
                                return -ENOMEM;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

int try_root_choose(TryRoot *ret, const ImageTree *tree, const Described *described,
                    char *const *words) {
        Choice c = { .tree = tree, .described = described };
        int r;

        r = try_words_of_image(tree, &c.words);
        STRV_FOREACH(word, words)
                if (r >= 0)
                        r = strv_extend(&c.words, *word);
        if (r >= 0)
                r = choose(&c);
        strv_free(c.words);
        if (r < 0) {
                try_root_done(&c.root);
                return r;
        }
        *ret = c.root;
        return 0;
}
