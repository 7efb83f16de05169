/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What users of dracut and of initramfs-tools type and nothing here does: a line in the log for each says so,
 * and where to turn to. man/initrdd-cmdline.7 has the reasons.
 */

#include <string.h>

#include "generator.h"
#include "string-util.h"

typedef struct Unsupported {
        const char *key; /* that, or, where it ends in a dot, all that begin so */
        const char *instead; /* or NULL */
} Unsupported;

static const Unsupported unsupported[] = {
        { "rd.luks.partuuid", "rd.luks.uuid=, or cryptopts=target=NAME,source=PARTUUID=..." },
        { "rd.luks.serial", "rd.luks.uuid=" },
        { "rd.luks.key.tout", "rd.luks.options=keyfile-timeout=SECONDS" },
        { "rd.luks.timeout", "rd.luks.options=timeout=SECONDS" },
        { "rd.luks.allow-discards", "rd.luks.options=discard" },
        { "rd.driver.export", NULL },
        { "rootfallback", NULL },
        { "rd.cmdline", NULL },
        { "rd.hostonly", NULL },
        { "rd.memdebug", NULL },
        { "rd.fips", NULL },
        { "rd.fips.skipkernel", NULL },
        { "rd.fcoe", NULL },
        { "fcoe", NULL },
        { "rd.nvmf.", NULL },
        { "rd.zfcp", NULL },
        { "rd.dasd", NULL },
        { "rd.znet", NULL },
        { "rd.ethtool", NULL },
        { "rd.iscsi.transport", NULL },
        { "rd.iscsi.mp", NULL },
        { "rd.shutdown.timeout.umount", NULL },
        { "live.updates", NULL },
};

static const Unsupported *find(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(unsupported); i++) {
                const char *key = unsupported[i].key;

                if (endswith(key, ".") ? startswith(word, key) != NULL
                                       : option_value(word, key) != NULL)
                        return &unsupported[i];
        }
        return NULL;
}

/* dracut's words for roots that nothing here mounts: systemd would wait for a device of that name. What
 * follows may have a password. */
static void warn_of_root(const Generator *g) {
        static const char *const kinds[] = { "cifs:", "zfs:" };
        const char *root = option_get(g, "root");

        for (size_t i = 0; root && i < ELEMENTSOF(kinds); i++)
                if (startswith(root, kinds[i]))
                        generator_warn(g, "root=%s... is not supported", kinds[i]);
}

int generate_unsupported(const Generator *g) {
        warn_of_root(g);
        STRV_FOREACH(word, g->words) {
                const Unsupported *u = find(*word);
                const char *value = strchr(*word, '=');

                /* Who says no to it has what he wants. */
                if (!u ||
                    (value && parse_boolean(value + 1) == 0 && !streq(u->key, "rd.hostonly")))
                        continue;
                generator_warn(g, "%s is not supported and was ignored%s%s", *word,
                               u->instead ? "; say " : "", u->instead ?: "");
        }
        return 0;
}
