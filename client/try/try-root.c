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

#include "collect/driver-name.h"
#include "path-util.h"
#include "string-util.h"
#include "try-layer.h"
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

static bool has_built_in(const ImageTree *t, const TreeNode *node, const char *driver) {
        _cleanup_free_ char *text = NULL;
        char *state = NULL;

        if (!S_ISREG(node->file->mode) || image_tree_text(t, node->file, TEXT_MAX, &text) < 0)
                return false;
        for (char *line = strtok_r(text, "\n", &state); line;
             line = strtok_r(NULL, "\n", &state)) {
                char name[DRIVER_NAME_MAX];

                if (driver_name_of_path(line, name) >= 0 && streq(name, driver))
                        return true;
        }
        return false;
}

/* As a file, or in the image's own list of what the kernel has built in. */
static bool has_driver(const ImageTree *t, const char *driver) {
        const TreeNode *built_in = NULL;

        TREE_FOREACH(node, t->tree) {
                char name[DRIVER_NAME_MAX];

                if (streq(path_basename(node->path), "modules.builtin"))
                        built_in = node;
                else if (S_ISREG(node->file->mode) && strstr(node->path, "/lib/modules/") &&
                         driver_name_of_path(node->path, name) >= 0 && streq(name, driver))
                        return true;
        }
        return built_in && has_built_in(t, built_in, driver);
}

static bool bus_is_there(const ImageTree *t, const TryBus *bus) {
        for (size_t i = 0; i < ELEMENTSOF(bus->drivers) && bus->drivers[i]; i++)
                if (!has_driver(t, bus->drivers[i]))
                        return false;
        return true;
}

/* The tag that a module is in the image for; NULL. */
static const char *fact_of(const DescribedModule *module) {
        return startswith(module->reason, "fact ");
}

static bool has_fact(const Described *d, const char *prefix) {
        for (size_t i = 0; d && i < d->n_modules; i++) {
                const char *fact = fact_of(&d->modules[i]);

                if (fact && startswith(fact, prefix))
                        return true;
        }
        return false;
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

/* Takes a UUID that is one, with a prefix that it may have. 1, or 0 when it is none. */
static int take_uuid(const char *value, const char *prefix, char **ret) {
        const char *text = startswith(value, prefix) ?: value;
        uint8_t uuid[UUID_BYTES];
        char formatted[UUID_TEXT];

        if (uuid_from_text(text, uuid) < 0)
                return 0;
        uuid_to_text(uuid, formatted);
        free(*ret);
        *ret = strdup(formatted);
        return *ret ? 1 : -ENOMEM;
}

static int take_text(const char *value, size_t n, char **ret) {
        char *text = bytes_to_string(value, n);

        if (!text)
                return -ENOMEM;
        free(*ret);
        *ret = text;
        return n > 0;
}

/* "GROUP-VOLUME", in which each dash of a name is written twice. 1, or 0 when it is none. */
static int take_mapped(const char *name, TryRoot *root) {
        _cleanup_free_ char *group = NULL, *volume = NULL;
        const char *dash = NULL;
        char *out;

        for (const char *p = name; *p && !dash; p++)
                if (*p == '-') {
                        if (p[1] != '-')
                                dash = p;
                        else
                                p++;
                }
        if (!dash || dash == name || !dash[1])
                return 0;
        group = bytes_to_string(name, (size_t) (dash - name));
        volume = strdup(dash + 1);
        if (!group || !volume)
                return -ENOMEM;
        for (size_t i = 0; i < 2; i++) {
                out = i == 0 ? group : volume;
                for (const char *p = out; *p; p++) {
                        *out++ = *p;
                        if (p[0] == '-' && p[1] == '-')
                                p++;
                }
                *out = '\0';
        }
        free(root->group);
        free(root->volume);
        root->group = TAKE_PTR(group);
        root->volume = TAKE_PTR(volume);
        return 1;
}

/* "GROUP/VOLUME". */
static int take_volume(const char *text, TryRoot *root) {
        const char *slash = strchr(text, '/');
        int r;

        if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
                return 0;
        r = take_text(text, (size_t) (slash - text), &root->group);
        return r < 0 ? r : take_text(slash + 1, strlen(slash + 1), &root->volume);
}

/* Makes the scratch root what root= names. 1, or 0 when nothing that can be made has that name. */
static int take_root(TryRoot *root, const char *value) {
        static const char *const no_groups[] = { "disk", "mapper", "md", "block" };
        const char *rest, *device;

        if ((rest = startswith(value, "UUID=")) ||
            (rest = startswith(value, "/dev/disk/by-uuid/")))
                return take_uuid(rest, "", &root->uuid);
        if ((rest = startswith(value, "LABEL=")) ||
            (rest = startswith(value, "/dev/disk/by-label/")))
                return take_text(rest, strlen(rest), &root->label);
        if ((rest = startswith(value, "PARTUUID=")) ||
            (rest = startswith(value, "/dev/disk/by-partuuid/")))
                return take_uuid(rest, "", &root->partition_uuid);
        if ((rest = startswith(value, "PARTLABEL=")) ||
            (rest = startswith(value, "/dev/disk/by-partlabel/")))
                return take_text(rest, strlen(rest), &root->partition_label);
        if ((rest = startswith(value, "/dev/mapper/"))) {
                if (root->luks_name && streq(rest, root->luks_name))
                        return 1;
                if (startswith(rest, "luks-"))
                        return root->luks_uuid && streq(rest + 5, root->luks_uuid);
                return take_mapped(rest, root);
        }
        device = startswith(value, "/dev/");
        for (size_t i = 0; device && i < ELEMENTSOF(no_groups); i++)
                if ((rest = startswith(device, no_groups[i])) && *rest == '/')
                        return 0;
        return device ? take_volume(device, root) : 0;
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
                r = take_uuid(startswith(fields[1], "/dev/disk/by-uuid/") ?: fields[1],
                              "UUID=", &c->root.luks_uuid);
                if (r == 0)
                        continue;
                if (r > 0)
                        r = take_text(fields[0], strlen(fields[0]), &c->root.luks_name);
                if (r > 0 && fields[2] && *fields[2] == '/' &&
                    tree_resolve(c->tree->tree, fields[2]))
                        r = take_text(fields[2], strlen(fields[2]), &c->root.key);
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
                r = take_uuid(uuid, "luks-", &c->root.luks_uuid);
        if (r >= 0 && name && (rest = strchr(name, '='))) {
                _cleanup_free_ char *text = bytes_to_string(name, (size_t) (rest - name));

                r = text ? take_uuid(text, "", &c->root.luks_uuid) : -ENOMEM;
                if (r > 0)
                        r = take_text(rest + 1, strlen(rest + 1), &c->root.luks_name);
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

        if (c->root.group)
                return 0;
        if (volume)
                r = take_volume(startswith(volume, "/dev/") ?: volume, &c->root);
        if (r == 0 && has_fact(c->described, "block:lvm")) {
                r = take_text("initrddtry", strlen("initrddtry"), &c->root.group);
                if (r >= 0)
                        r = take_text("root", strlen("root"), &c->root.volume);
        }
        return MIN_OF(r, 0);
}

static int choose_md(Choice *c) {
        const char *uuid = words_get(c->words, "rd.md.uuid");

        if (uuid && take_uuid(uuid, "", &c->root.md_uuid) < 0)
                return -ENOMEM;
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
                r = value ? take_root(&c->root, value) : 0;
        if (r != 0)
                return MIN_OF(r, 0);
        if (value && str_printf(&word, "root=%s", value) < 0)
                return -ENOMEM;
        r = word ? strv_consume(&c->root.not_tried, TAKE_PTR(word)) : 0;
        if (r >= 0)
                r = str_printf(&word, "root=UUID=%s", c->root.uuid);
        return r < 0 ? r : strv_extend(&c->root.words, word);
}

/* A root is of a file system, on layers, on a disk; the other facts are of no root. */
static bool is_about_roots(const char *fact) {
        static const char *const prefixes[] = { "fs:",  "block:", "transport:", "net",   "usr",
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
        if (streq(fact, "block:dm"))
                return root->group || root->luks_uuid;
        if (streq(fact, "block:lvm"))
                return root->group != NULL;
        if (streq(fact, "block:crypt"))
                return root->luks_uuid != NULL;
        if (streq(fact, "block:md") || streq(fact, "block:md-raid1"))
                return root->md_uuid != NULL;
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
        r = choose_luks(c);
        if (r >= 0)
                r = choose_name(c);
        if (r >= 0)
                r = choose_lvm(c);
        if (r >= 0)
                r = choose_md(c);
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
