/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What programs that may be in an image keep secrets in, by their manuals: crypttab(5),
 * systemd-cryptsetup-generator(8), ssh(1), dropbear(8), tinysshd(8), wg(8), nm-settings-keyfile(5),
 * wpa_supplicant.conf(5), iscsid.conf, krb5.conf(5), systemd.netdev(5). Public halves are no secret.
 */

#include <fnmatch.h>

#include "path-util.h"
#include "secret.h"
#include "string-util.h"

const char *secret_by_path(const char *path) {
        static const struct {
                const char *pattern, *what;
        } places[] = {
                { "*.pub", NULL },
                { "/etc/cryptsetup-keys.d/*", "a key of an encrypted disk" },
                { "/run/cryptsetup-keys.d/*", "a key of an encrypted disk" },
                { "*/crypto_keyfile.bin", "a key of an encrypted disk" },
                { "/cryptroot/keyfiles/*", "a key of an encrypted disk" },
                { "*/luks*.key", "a key of an encrypted disk" },
                { "/etc/ssh/ssh_host_*_key", "a key of the SSH server" },
                { "/etc/dropbear/*_host_key", "a key of the SSH server" },
                { "/etc/tinyssh/*.sk", "a key of the SSH server" },
                { "/root/.ssh/id_*", "a key of root's" },
                { "/etc/wireguard/*", "a key of a tunnel" },
                { "/etc/systemd/network/*.key", "a key of a tunnel" },
                { "/etc/NetworkManager/system-connections/*", "passwords of networks" },
                { "/etc/wpa_supplicant/*.conf", "passwords of networks" },
                { "/etc/iscsi/iscsid.conf", "passwords of a storage server, perhaps" },
                { "/etc/iscsi/iscsi.initramfs", "passwords of a storage server, perhaps" },
                { "/etc/initrdd/iscsi", "passwords of a storage server, perhaps" },
                { "/etc/krb5.keytab", "keys of Kerberos" },
                { "/etc/credstore*/*", "a credential" },
                { "/usr/lib/credstore*/*", "a credential" },
                { "*/private/*.key", "a private key" },
                { "*/private/*.pem", "a private key" },
        };

        if (startswith(path, "/usr/"))
                path += startswith(path, "/usr/lib/credstore") ? 0 : strlen("/usr");
        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (fnmatch(places[i].pattern, path, 0) == 0)
                        return places[i].what;
        return NULL;
}

bool secret_is_shadow(const char *path) {
        return streq(path, "/etc/shadow") || streq(path, "/etc/gshadow");
}

bool secret_in_shadow(const char *text) {
        for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
                const char *colon;

                end = strchrnul(line, '\n');
                colon = memchr(line, ':', (size_t) (end - line));
                /* "*", "!", "x" and nothing at all let nobody in by a password. */
                if (colon && !strchr("*!:\n", colon[1]) && !startswith(colon, ":x:"))
                        return true;
        }
        return false;
}
