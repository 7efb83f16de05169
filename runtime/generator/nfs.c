/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A root on NFS.
 *
 *   root=nfs:[SERVER:]PATH[:OPTIONS], root=nfs4:…      and what else nfs-root.h has
 *   root=[SERVER:]PATH                                 SERVER an address; PATH not below /dev
 *   root=/dev/nfs [nfsroot=[SERVER:]PATH[,OPTIONS]]    of the kernel and of initramfs-tools, also
 *                                                      with boot=nfs and no root=
 *   root=dhcp, netroot=dhcp, nfsroot=auto              the path that DHCP gives (option 17), which
 *                                                      may also be a disk (network/attach-root.c)
 *   netroot=nfs:…                                      the same where root= is nothing else
 *   rd.nfs.domain=DOMAIN                               of NFSv4's names of users
 *
 * It becomes a sysroot.mount before that of systemd's fstab generator, of a file system type of our
 * own: mount.initrdd-nfs (mount-nfs.c) fills in what only DHCP knows, and asks again until the server
 * is there. What the unit names is SERVER:PATH, each part empty if it is not known yet.
 */

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "generator.h"
#include "nfs-root.h"
#include "string-util.h"

/* dracut's rd.retry=; what a server that starts with the clients needs. */
#define SECONDS 180

/* Whether a path is nothing else's. */
static bool is_path(const Generator *g, const char *s) {
        return *s == '/' && !startswith(s, "/dev/") && !option_get(g, "rd.live.image") &&
               !endswith(s, ".iso") && !endswith(s, ".img");
}

/* 10.0.0.1:/path, [fd00::1]:/path; a host's name would need "nfs:" in front. */
static bool is_address(const char *s) {
        return (isdigit((unsigned char) *s) || *s == '[') && strstr(s, ":/") && !strstr(s, "://");
}

static bool is_dhcp(const char *s) {
        return streq(s, "dhcp") || streq(s, "auto");
}

/* What the root is, in the forms of nfs-root.h; "dhcp"; NULL: it isn't on NFS. */
static const char *find_text(const Generator *g) {
        const char *root = option_get(g, "root"), *nfsroot = option_get(g, "nfsroot");
        const char *boot = option_get(g, "boot"), *netroot = NULL;

        STRV_FOREACH(word, g->words) {
                const char *v = option_value(*word, "netroot");

                if (v && (startswith(v, "nfs:") || startswith(v, "nfs4:") || is_dhcp(v)))
                        netroot = v;
        }
        if (share_is_root(g))
                return NULL;
        if (root && (streq(root, "/dev/nfs") || streq(root, "nfs") || streq(root, "nfs4")))
                root = nfsroot ?: netroot ?: "";
        else if (!root && boot && streq(boot, "nfs"))
                root = nfsroot ?: netroot ?: "";
        else if (!root)
                root = netroot;
        else if (!startswith(root, "nfs:") && !startswith(root, "nfs4:") && !is_dhcp(root) &&
                 !is_address(root) && !is_path(g, root))
                root = NULL;
        return root && streq(root, "auto") ? "dhcp" : root;
}

/* The second field of an ip= that names a server; the kernel's. The caller frees. */
static int find_server(const Generator *g, char **ret) {
        _cleanup_free_ char *found = NULL;

        STRV_FOREACH(word, g->words) {
                const char *v = option_value(*word, "ip"), *end;
                size_t digits = v ? strspn(v, "0123456789./") : 0;

                /* An address or none, and behind it one more. */
                if (!v || v[digits] != ':')
                        continue;
                v += digits + 1;
                end = v + strspn(v, "0123456789.");
                if (end == v || *end != ':')
                        continue;
                free(found);
                found = strndup(v, (size_t) (end - v));
                if (!found)
                        return -ENOMEM;
        }
        if (!found && !(found = strdup("")))
                return -ENOMEM;
        *ret = TAKE_PTR(found);
        return 0;
}

static int write_options(const Generator *g, NfsRoot *root, char **ret) {
        const char *flags = option_get(g, "rootflags");
        _cleanup_strv_free_ char **all = NULL;
        int r;

        if (flags && (r = nfs_root_add_options(root, flags)) < 0)
                return r;
        r = strv_extend(&all, option_access(g, root->access ?: ""));
        if (r >= 0 && root->version4 && !nfs_root_has_option(root, "vers"))
                r = strv_extend(&all, "vers=4");
        /* Nobody is there to keep the locks of version 3; version 4 has its own. */
        if (r >= 0 && !root->version4)
                r = strv_extend(&all, "nolock");
        STRV_FOREACH(option, root->options)
                if (r >= 0 && !streq(*option, "lock") && !streq(*option, "nolock"))
                        r = strv_extend(&all, *option);
        if (r < 0)
                return r;
        return (*ret = strv_join(all, ",")) ? 0 : -ENOMEM;
}

static bool has_program(const Generator *g, const char *place, const char *name) {
        _cleanup_free_ char *path = NULL;

        return str_printf(&path, "%s%s/%s", g->root, place, name) >= 0 && access(path, X_OK) >= 0;
}

/* Whether the image has what mounts it. What DHCP names may be no NFS. */
static bool has_helper(const Generator *g, bool dhcp) {
        return has_program(g, "/sbin", "mount.initrdd-nfs") &&
               (dhcp || has_program(g, "/sbin", "mount.nfs") ||
                has_program(g, "/usr/sbin", "mount.nfs"));
}

static int write_mount(const Generator *g, NfsRoot *root) {
        _cleanup_free_ char *options = NULL, *text = NULL, *path = NULL, *shown = NULL;
        const char *interface = option_bootdev(g);
        int r = write_options(g, root, &options);
        unsigned seconds;

        if (r < 0)
                return r;
        if (interface &&
            interface[strspn(interface, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789._-:@+")])
                interface = NULL;
        if ((*root->path && !unit_value_is_valid(root->path)) || !unit_value_is_valid(options)) {
                generator_warn(g, "The path or the options of the root can't be passed on");
                return 0;
        }
        (void) option_patience(g, SECONDS, &seconds);
        path = unit_escape_percent(root->path);
        shown = unit_escape_percent(options);
        if (!path || !shown ||
            str_printf(&text,
                       "# initrdd-generator, from the kernel command line\n"
                       "[Unit]\n"
                       "Description=Root on NFS\n"
                       "DefaultDependencies=no\n"
                       "Wants=network-online.target\n"
                       "After=network-online.target\n"
                       "Before=initrd-root-fs.target\n"
                       "\n"
                       "[Mount]\n"
                       "What=%s:%s\n"
                       "Where=/sysroot\n"
                       "Type=initrdd-nfs\n"
                       "Options=%s\n"
                       "Environment=INITRDD_TIMEOUT=%u%s%s\n"
                       "TimeoutSec=infinity\n"
                       "StandardError=journal+console\n",
                       root->server, path, shown, seconds, interface ? " INITRDD_INTERFACE=" : "",
                       interface ?: "") < 0)
                return -ENOMEM;
        r = generator_write(g, g->early, "sysroot.mount", text);
        return r < 0 ? r
                     : generator_add_symlink(g, "initrd-root-fs.target", "requires",
                                             "sysroot.mount");
}

/* idmapd.conf(5) */
static int write_domain(const Generator *g) {
        const char *domain = option_get(g, "rd.nfs.domain");
        _cleanup_free_ char *text = NULL;

        if (!domain)
                return 0;
        if (*domain == '\0' ||
            domain[strspn(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
                                  "YZ0123456789.-_")]) {
                generator_warn(g, "rd.nfs.domain=%s is no domain and was ignored", domain);
                return 0;
        }
        if (str_printf(&text,
                       "# initrdd-generator, from the kernel command line\n"
                       "[General]\nDomain = %s\n",
                       domain) < 0)
                return -ENOMEM;
        return generator_write(g, "/etc", "idmapd.conf", text);
}

int generate_nfs(const Generator *g) {
        _cleanup_nfs_root_done_ NfsRoot root = {};
        const char *text = find_text(g);
        int r = write_domain(g);

        if (r >= 0 && streq(option_get(g, "root") ?: "", "dhcp6"))
                generator_warn(g, "root=dhcp6 is not supported");
        if (!text || r < 0)
                return r;
        if (!has_helper(g, streq(text, "dhcp"))) {
                generator_warn(g, "This image has no NFS%s, which its root needs",
                               streq(text, "dhcp") ? ", iSCSI or NBD" : "");
                return 0;
        }
        r = nfs_root_parse(streq(text, "dhcp") ? "" : text, &root);
        if (r == -EINVAL) {
                generator_warn(g, "\"%s\" is no root on NFS and was ignored", text);
                return 0;
        }
        if (r >= 0 && !*root.server && !streq(text, "dhcp")) {
                free(root.server);
                root.server = NULL;
                r = find_server(g, &root.server);
        }
        return r < 0 ? r : write_mount(g, &root);
}
