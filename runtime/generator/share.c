/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A root that is a directory of the host of this virtual machine, which has a tag there.
 *
 *   root=virtiofs:TAG               dracut's word
 *   root=TAG rootfstype=virtiofs    the kernel's
 *   root=TAG rootfstype=9p          the same; over virtio, if rootflags= says nothing of trans=
 *
 * The tag is no device that could be waited for: where the drivers are, it is there or it will never
 * be. They are loaded first, for the mount would not wait for the bus. Linux tells of an unknown tag, and
 * of nothing else, in its own log.
 */

#include <errno.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

/* The two that the bus has, and what is on it. */
#define VIRTIO "modprobe@virtio_pci.service modprobe@virtio_mmio.service"
#define VIRTIOFS VIRTIO " modprobe@virtiofs.service"
#define PLAN9 VIRTIO " modprobe@9pnet_virtio.service"

typedef struct Share {
        const char *type, *tag; /* borrowed */
        const char *drivers; /* units */
        const char *options; /* that are needed, with a comma behind, or "" */
} Share;

/* Whether rootflags= has KEY=. */
static bool has_flag(const Generator *g, const char *key) {
        const char *flags = option_get(g, "rootflags");
        _cleanup_strv_free_ char **words = NULL;

        if (!flags || strv_split(&words, flags, ",") < 0)
                return false;
        STRV_FOREACH(word, words)
                if (option_value(*word, key))
                        return true;
        return false;
}

/* Whether the root is one. */
static bool find_share(const Generator *g, Share *ret) {
        const char *root = option_get(g, "root"), *type = option_get(g, "rootfstype");
        const char *tag = root ? startswith(root, "virtiofs:") : NULL;

        if (tag || (root && type && streq(type, "virtiofs")))
                *ret = (Share) { "virtiofs", tag ?: root, VIRTIOFS, "" };
        else if (root && type && streq(type, "9p"))
                *ret = (Share) { "9p", root, PLAN9, has_flag(g, "trans") ? "" : "trans=virtio," };
        else
                return false;
        return true;
}

/* A tag may look like a device, which systemd would wait for: a drop-in of that name. */
#define WAIT "initrd-root-device.target.d/50-root-device.conf"

static int write_mount(const Generator *g, const Share *share) {
        _cleanup_free_ char *text = NULL, *tag = NULL, *flags = NULL;
        const char *given = option_get(g, "rootflags") ?: "";
        int r;

        tag = unit_escape_percent(share->tag);
        flags = unit_escape_percent(given);
        if (!tag || !flags ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=Root from the Host of this Machine\n"
                       "Documentation=man:initrdd-cmdline(7)\n"
                       "DefaultDependencies=no\n"
                       "Wants=%s\n"
                       "After=%s\n"
                       "Before=initrd-root-fs.target\n"
                       "\n"
                       "[Mount]\n"
                       "What=%s\n"
                       "Where=/sysroot\n"
                       "Type=%s\n"
                       "Options=%s%s%s%s\n",
                       share->drivers, share->drivers, tag, share->type, share->options, flags,
                       *flags ? "," : "", option_access(g, given)) < 0)
                return -ENOMEM;
        r = root_write(g, text);
        if (r >= 0 && startswith(share->tag, "/dev/"))
                r = generator_write(g, g->early, WAIT, "");
        return r;
}

bool share_is_root(const Generator *g) {
        Share share;

        return find_share(g, &share);
}

int generate_share(const Generator *g) {
        const char *flags = option_get(g, "rootflags");
        Share share;

        if (!find_share(g, &share))
                return 0;
        if (!*share.tag || !unit_value_is_valid(share.tag)) {
                generator_warn(g, "root=%s is no tag of a directory that the host shares",
                               option_get(g, "root"));
                return 0;
        }
        if (flags && !unit_value_is_valid(flags)) {
                generator_warn(g, "rootflags=%s can't be passed on", flags);
                return 0;
        }
        return write_mount(g, &share);
}
