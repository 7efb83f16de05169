/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a root that doesn't run says of the machine that it is for: an installer's, a tree that an image
 * is built of. Nobody can be asked which devices there are, so that only what is written counts:
 *
 *   /etc/fstab      the lines of "/", of "/usr" and those marked x-initrd.mount: their file systems,
 *                   and the layers that the names of their devices speak of
 *   /etc/crypttab   the lines whose NAME is the device of one of these, or that are marked for the
 *                   initrd, and so on down from their devices
 *   resume=         on the command line that the boot loader will give: /etc/kernel/cmdline, else
 *                   GRUB_CMDLINE_LINUX and …_DEFAULT in /etc/default/grub; else RESUME= of
 *                   initramfs-tools. A swap alone is not said to be resumed from
 *
 *   /dev/mapper/NAME          crypttab's; else "luks-…", a LUKS device; else "GROUP-VOLUME", of LVM
 *   /dev/GROUP/VOLUME         LVM
 *   /dev/md…                  an array
 *   /dev/nvme…, sd…, vd…, …   a disk on that bus
 *   UUID=…, LABEL=… and so on   nothing: anything may be below it
 */

#include <stdio.h>

#include "facts-host.h"
#include "string-util.h"

/* Adds the words of a GRUB_CMDLINE_LINUX="…". */
static int add_words(Host *h, const char *value) {
        _cleanup_strv_free_ char **quoted = NULL, **words = NULL;
        int r;

        r = strv_split_quoted(&quoted, value);
        if (r < 0 || !quoted || !quoted[0])
                return r == -ENOMEM ? r : 0;
        r = strv_split(&words, quoted[0], " \t");
        STRV_FOREACH(word, words)
                if (r >= 0)
                        r = strv_extend(&h->cmdline, *word);
        return r;
}

static int read_words(Host *h) {
        _cleanup_free_ char *text = NULL, *grub = NULL;
        char *save = NULL;
        int r;

        r = host_read(h, "/etc/kernel/cmdline", &text);
        if (r >= 0)
                return strv_split(&h->cmdline, text, " \t\n");
        if (r != -ENOMEM)
                r = host_read(h, "/etc/default/grub", &grub);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (char *line = strtok_r(grub, "\n", &save); line && r >= 0;
             line = strtok_r(NULL, "\n", &save)) {
                const char *value =
                                startswith(line, "GRUB_CMDLINE_LINUX=")
                                                ?: startswith(line, "GRUB_CMDLINE_LINUX_DEFAULT=");

                if (value)
                        r = add_words(h, value);
        }
        return r;
}

static int tag_device(Host *h, const char *device, unsigned depth);

/* An encrypted layer, and what its line of crypttab says is below it. */
static int tag_encrypted(Host *h, const char *name, unsigned depth) {
        const CryptEntry *e = host_crypt_entry(h, name);
        char **devices = NULL;
        int r;

        r = host_tag(h, "block:dm");
        if (r >= 0)
                r = host_tag(h, "block:crypt");
        if (r >= 0)
                r = host_tag_crypt(h, name, NULL, NULL, &devices, 0);
        strv_free(devices);
        return r < 0 || !e ? r : tag_device(h, e->device, depth + 1);
}

/* "GROUP-VOLUME"; a dash of a name is written twice. */
static bool is_volume(const char *name) {
        for (const char *p = name; *p; p++)
                if (*p == '-' && *++p != '-')
                        return p > name + 1 && *p != '\0';
        return false;
}

static int tag_mapped(Host *h, const char *name, unsigned depth) {
        int r;

        if (host_crypt_entry(h, name) || startswith(name, "luks-"))
                return tag_encrypted(h, name, depth);
        r = host_tag(h, "block:dm");
        return r < 0 || !is_volume(name) ? r : host_tag(h, "block:lvm");
}

/* Below /dev. */
static int tag_node(Host *h, const char *name) {
        static const struct {
                const char *prefix, *tag;
        } nodes[] = {
                { "md", "block:md" },          { "nbd", "block:nbd" },
                { "nvme", "transport:nvme" },  { "vd", "transport:virtio" },
                { "sd", "transport:scsi" },    { "xvd", "transport:xen" },
                { "mmcblk", "transport:mmc" }, { "pmem", "transport:nvdimm" },
        };
        static const char *const no_groups[] = { "disk/", "md/",  "block/",
                                                 "char/", "shm/", "cciss/" };
        const char *slash = strchr(name, '/');

        for (size_t i = 0; i < ELEMENTSOF(no_groups); i++)
                if (startswith(name, no_groups[i]))
                        return streq(no_groups[i], "md/") ? host_tag(h, "block:md") : 0;
        if (slash) {
                bool is_volume = slash[1] && !strchr(slash + 1, '/');
                int r = is_volume ? host_tag(h, "block:dm") : 0;

                return r >= 0 && is_volume ? host_tag(h, "block:lvm") : r;
        }
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                if (startswith(name, nodes[i].prefix))
                        return host_tag(h, "%s", nodes[i].tag);
        return 0;
}

static int tag_device(Host *h, const char *device, unsigned depth) {
        const char *rest;

        if (depth > HOST_DEPTH_MAX)
                return 0;
        if ((rest = startswith(device, "/dev/mapper/")))
                return tag_mapped(h, rest, depth);
        rest = startswith(device, "/dev/");
        return rest ? tag_node(h, rest) : 0;
}

static int add_line(Host *h, struct libmnt_fs *line) {
        const char *where = libmount.fs_get_target(line), *what = libmount.fs_get_source(line);
        const char *type = libmount.fs_get_fstype(line), *options = libmount.fs_get_options(line);
        int r = 0;

        if (streq(where, "/usr"))
                r = host_tag(h, "usr");
        if (r >= 0 && type && !streq(type, "auto"))
                r = filesystem_tag(h, type);
        if (r >= 0 && options_contain(options, "_netdev"))
                r = host_tag(h, "net");
        if (r >= 0 && what)
                r = tag_device(h, what, 0);
        return r < 0 ? r : host_add_mount(h, where, what ?: "none", type ?: "auto", options, NULL);
}

/* 1 when one of them is the root. */
static int add_lines(Host *h) {
        struct libmnt_iter *iter = libmount.new_iter(MNT_ITER_FORWARD);
        struct libmnt_fs *line;
        int r = 0, found = 0;

        if (!iter)
                return -ENOMEM;
        while (r >= 0 && libmount.table_next_fs(h->fstab, iter, &line) == 0) {
                const char *where = libmount.fs_get_target(line);

                if (!where || (!streq(where, "/") && !streq(where, "/usr") &&
                               !options_contain(libmount.fs_get_options(line), "x-initrd.mount")))
                        continue;
                r = add_line(h, line);
                found = found || streq(where, "/");
        }
        libmount.free_iter(iter);
        return r < 0 ? r : found;
}

static int add_attached(Host *h) {
        int r = 0;

        for (size_t i = 0; i < h->n_crypttab && r >= 0; i++)
                if (crypt_entry_is_marked(&h->crypttab[i]))
                        r = tag_encrypted(h, h->crypttab[i].name, 0);
        return r;
}

static int add_resume(Host *h) {
        _cleanup_free_ char *conf = NULL;
        const char *spec = host_cmdline(h, "resume");
        int r = 0;

        if (strv_contains(h->cmdline, "noresume"))
                return 0;
        if (!spec)
                r = host_read_resume(h, &conf);
        if (r < 0)
                return r;
        spec = spec ?: conf;
        if (!spec || !*spec || streq(spec, "none"))
                return 0;
        r = host_tag(h, "resume");
        if (r >= 0)
                r = tag_device(h, spec, 0);
        return r < 0 ? r : host_add_mount(h, "swap", spec, "swap", NULL, NULL);
}

int host_find_written(Host *h) {
        int r, found;

        r = read_words(h);
        if (r < 0)
                return r;
        found = add_lines(h);
        if (found <= 0)
                return found;
        r = add_attached(h);
        if (r >= 0)
                r = add_resume(h);
        return r < 0 ? r : 1;
}
