/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How the root is mounted, as far as systemd's own generator needs help with it.
 *
 *   root=block:DEVICE      dracut's long form of root=DEVICE
 *   rd.skipfsck            neither the root nor /usr is checked before it is mounted
 *
 * systemd's generator takes what it does not know for the name of a device. So it is run once more,
 * with what was meant, for units that come before those that it makes by itself.
 *
 * The image has no limit for how long a mount of the root may take: a file system that mends itself takes its
 * time, and who ends that has neither a root nor a mended file system. Who has set one by
 * x-systemd.mount-timeout= gets it.
 */

#include <errno.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

int root_write(const Generator *g, const char *text) {
        int r = generator_write(g, g->early, "sysroot.mount", text);

        return r < 0 ? r
                     : generator_link(g, g->early, "initrd-root-fs.target.requires/sysroot.mount",
                                      "../sysroot.mount");
}

int root_generate(const Generator *g, const char *what, const char *type, const char *flags) {
        const char *directories[] = { g->early, g->early, g->early };
        const char *kind = type ?: option_get(g, "rootfstype");
        const char *options = flags ?: option_get(g, "rootflags");
        _cleanup_free_ char *line = NULL;

        if ((kind && strpbrk(kind, " \t\"'\\")) || (options && strpbrk(options, " \t\"'\\"))) {
                generator_warn(g, "The type or the options of the root are malformed");
                kind = options = NULL;
        }
        if (str_printf(&line, "SYSTEMD_PROC_CMDLINE=root=%s%s%s%s%s %s", what,
                       kind ? " rootfstype=" : "", kind ?: "", options ? " rootflags=" : "",
                       options ?: "", option_access(g, options)) < 0)
                return -ENOMEM;
        return generator_run(g, "systemd-fstab-generator", directories,
                             (char *[]) { line, (char *) "SYSTEMD_IN_INITRD=1",
                                          (char *) "SYSTEMD_FSTAB=/dev/null",
                                          (char *) "SYSTEMD_SYSROOT_FSTAB=/dev/null", NULL });
}

/* What checks file systems: the units for the root and for /usr, and the one for all others. */
static int skip_checks(const Generator *g) {
        static const char *const units[] = { "systemd-fsck-root.service",
                                             "systemd-fsck-usr.service", "systemd-fsck@.service" };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(units) && r >= 0; i++) {
                _cleanup_free_ char *name = NULL;

                if (str_printf(&name, "%s.d/60-initrdd.conf", units[i]) < 0)
                        return -ENOMEM;
                /* Of a unit that isn't started for that, nobody says that it has failed. */
                r = generator_write(g, g->normal, name,
                                    "[Unit]\nConditionPathExists=!/etc/initrd-release\n");
        }
        return r;
}

int generate_root(const Generator *g) {
        const char *root = option_get(g, "root"), *flags = option_get(g, "rootflags");
        _cleanup_free_ char *node = NULL;
        int r = 0;

        if (root && startswith(root, "block:")) {
                r = device_root_node(g, &node);
                if (r > 0 && !strpbrk(node, " \t\"'\\"))
                        r = root_generate(g, startswith(root, "block:"), NULL, NULL);
                else if (r >= 0)
                        generator_warn(g, "root=%s names no device", root);
        }
        if (r >= 0 && flags && strstr(flags, "x-systemd.mount-timeout="))
                r = generator_link(g, g->normal, "sysroot.mount.d/10-initrdd.conf", "/dev/null");
        if (r >= 0 && option_bool(g, "rd.skipfsck", false))
                r = skip_checks(g);
        return r < 0 ? r : 0;
}
