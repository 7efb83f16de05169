/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How long the root's device is waited for.
 *
 *   rd.timeout=SECONDS     as long, 0 for ever
 *   rd.retry=SECONDS       the same where there is no rd.timeout=
 *   rootdelay=SECONDS      at least as long; systemd's own 90 seconds are not shortened
 *
 * systemd waits for devices by units of their names, so the limit is a drop-in of that unit. Where
 * root= names no device (NFS) there is nothing to wait for here. Encrypted devices are waited for as long:
 * one that comes too late for systemd-cryptsetup@.service is never opened. And so are /usr and the device of
 * an overlay.
 *
 * Where a passphrase may be asked for, what may lie behind it is only waited for when nobody is asked any
 * more: who looks for the passphrase for longer than 90 seconds has to find the boot where it was. That is the
 * root, /usr, an overlay and what is resumed from; the encrypted devices themselves are waited for as ever. When
 * one of them doesn't come in that time, initrdd-locked.service sees to it that the root is not waited for as
 * long again (wait-unlock.c).
 *
 *   resume=DEVICE                                  as long as for the root, and then there is no resuming
 *   resumeflags=x-systemd.device-timeout=          systemd's, which wins
 *
 * systemd waits for that one without an end, and the root with it: what it had saved would be lost. But most
 * that are not there have not been there for years, and the boot would never come to anything. A swap
 * partition need not be behind a passphrase, and is resumed from before any is asked for. Where one is asked
 * for nevertheless, its time can't begin with the boot: initrdd-resume-end.service ends it when nothing is left
 * to be opened.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generator.h"
#include "string-util.h"

#define SYSTEMD_SECONDS 90
/* Where udev makes a link to the root that is found by the type of its partition. */
#define GPT_AUTO_ROOT "/dev/gpt-auto-root"

char *unit_escape_path(const char *path) {
        char *out = malloc(4 * strlen(path) + 1), *o = out;

        if (!out)
                return NULL;
        while (*path == '/')
                path++;
        for (const char *p = path; *p; p++) {
                if (*p == '/') {
                        if (p[1] != '/' && p[1] != '\0')
                                *o++ = '-';
                } else if ((isascii(*p) && isalnum((unsigned char) *p)) || *p == '_' ||
                           *p == ':' || (*p == '.' && p != path))
                        *o++ = *p;
                else
                        o += sprintf(o, "\\x%02x", (unsigned char) *p);
        }
        *o = '\0';
        return out;
}

/* "\xNN" */
static bool is_escape(const char *s) {
        return s[0] == '\\' && s[1] == 'x' && isxdigit((unsigned char) s[2]) &&
               isxdigit((unsigned char) s[3]);
}

/* As udev writes a label into the name of its link. Installers write it so themselves, for the kernel
 * command line has no spaces. */
static char *encode_label(const char *s) {
        char *out = malloc(4 * strlen(s) + 1), *o = out;

        if (!out)
                return NULL;
        for (; *s; s++)
                if (!isascii(*s) || isalnum((unsigned char) *s) || strchr("#+-.:=@_", *s) ||
                    is_escape(s))
                        *o++ = *s;
                else
                        o += sprintf(o, "\\x%02x", (unsigned char) *s);
        *o = '\0';
        return out;
}

int device_node(const char *spec, char **ret) {
        static const struct {
                const char *prefix, *directory;
        } kinds[] = {
                { "UUID=", "by-uuid" },           { "LABEL=", "by-label" },
                { "CDLABEL=", "by-label" },       { "PARTUUID=", "by-partuuid" },
                { "PARTLABEL=", "by-partlabel" },
        };

        if (startswith(spec, "/dev/"))
                return (*ret = strdup(spec)) ? 1 : -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                const char *value = startswith(spec, kinds[i].prefix);
                _cleanup_free_ char *encoded = NULL;

                if (!value || !*value)
                        continue;
                encoded = encode_label(value);
                if (!encoded ||
                    str_printf(ret, "/dev/disk/%s/%s", kinds[i].directory, encoded) < 0)
                        return -ENOMEM;
                return 1;
        }
        return 0;
}

int device_root_node(const Generator *g, char **ret) {
        const char *root = option_get(g, "root");

        if (!root || streq(root, "/dev/nfs") || streq(root, "/dev/ram0"))
                return 0;
        if (streq(root, "iscsi") || startswith(root, "iscsi:"))
                root = ISCSI_ROOT;
        else if (startswith(root, "nbd:"))
                root = "/dev/nbd0";
        return device_node(startswith(root, "block:") ?: startswith(root, "live:") ?: root, ret);
}

static int set_timeout(const Generator *g, const char *node, const char *name, unsigned seconds) {
        _cleanup_free_ char *unit = NULL, *path = NULL, *text = NULL;

        unit = unit_escape_path(node);
        if (!unit || str_printf(&path, "%s.device.d/%s", unit, name) < 0)
                return -ENOMEM;
        if ((seconds == 0 ? str_printf(&text, "[Unit]\nJobRunningTimeoutSec=infinity\n")
                          : str_printf(&text, "[Unit]\nJobRunningTimeoutSec=%us\n", seconds)) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, path, text);
}

/* What mount.usr= names; NULL: nothing. The caller frees. */
static int find_usr(const Generator *g, char **ret) {
        const char *value = option_get(g, "mount.usr");

        *ret = NULL;
        return value ? device_node(value, ret) : 0;
}

int device_set_timeouts(const Generator *g, const char *root, const char *name, unsigned seconds) {
        _cleanup_strv_free_ char **sources = NULL;
        _cleanup_free_ char *usr = NULL, *overlay = NULL;
        int r = root ? set_timeout(g, root, name, seconds) : 0;

        if (r >= 0)
                r = find_usr(g, &usr);
        if (usr && r >= 0)
                r = set_timeout(g, usr, name, seconds);
        if (r >= 0)
                r = overlay_find_node(g, &overlay);
        if (overlay && r >= 0)
                r = set_timeout(g, overlay, name, seconds);
        if (r >= 0)
                r = crypt_find_sources(g, &sources);
        STRV_FOREACH(source, sources)
                if (r >= 0)
                        r = set_timeout(g, *source, name, seconds);
        return r;
}

/* Whether something is to be unlocked: by the image's crypttab, or by the kernel command line. */
static int may_ask(const Generator *g) {
        _cleanup_free_ char *path = NULL;

        STRV_FOREACH(word, g->words)
                if (startswith(*word, "rd.luks.") || startswith(*word, "luks.") ||
                    option_value(*word, "cryptopts"))
                        return true;
        if (str_printf(&path, "%s/etc/crypttab", g->root) < 0)
                return -ENOMEM;
        return access(path, F_OK) >= 0;
}

static int wait_behind(const Generator *g, const char *node) {
        _cleanup_free_ char *unit = unit_escape_path(node), *name = NULL;

        if (!unit || str_printf(&name, "%s.device.d/60-initrdd-crypt.conf", unit) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, name,
                               "[Unit]\nAfter=cryptsetup.target remote-cryptsetup.target\n");
}

/* All that can lie behind a passphrase. A swap partition doesn't: what is resumed has its root unlocked. */
static int wait_for_answers(const Generator *g, const char *root) {
        static const char *const keys[] = { "mount.usr", "resume" };
        _cleanup_free_ char *overlay = NULL;
        int r = may_ask(g);

        if (r <= 0)
                return r;
        r = root ? wait_behind(g, root) : 0;
        if (r >= 0)
                r = overlay_find_node(g, &overlay);
        if (overlay && r >= 0)
                r = wait_behind(g, overlay);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(keys); i++) {
                const char *value = option_get(g, keys[i]);
                _cleanup_free_ char *node = NULL;

                r = value ? device_node(value, &node) : 0;
                if (r > 0 && (!streq(keys[i], "resume") || startswith(node, "/dev/mapper/")))
                        r = wait_behind(g, node);
        }
        return r;
}

/* A service that tells PID 1 not to wait for a node any more, so many seconds after the start and after the last
 * was opened. */
static int write_end(const Generator *g, const char *node, unsigned seconds, const char *unit,
                     const char *description) {
        _cleanup_free_ char *quoted = unit_quote(node), *text = NULL;

        if (!quoted ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=%s\n"
                       "Documentation=man:initrdd-cmdline(7)\n"
                       "DefaultDependencies=no\n"
                       "ConditionPathIsMountPoint=!/sysroot\n"
                       "Conflicts=shutdown.target initrd-cleanup.service emergency.target\n"
                       "Before=shutdown.target initrd-cleanup.service\n"
                       "\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "StandardError=journal+console\n"
                       "ExecStart=-/usr/lib/initrdd/initrdd-wait-unlock %u %s\n",
                       description, seconds, quoted) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, unit, text);
}

int device_end_wait(const Generator *g, const char *root, unsigned seconds) {
        int r = may_ask(g);

        if (r <= 0)
                return r;
        r = write_end(g, root, seconds, "initrdd-locked.service",
                      "End of the Wait for an Encrypted Device");
        return r < 0 ? r
                     : generator_write(g, g->normal,
                                       "systemd-cryptsetup@.service.d/60-initrdd.conf",
                                       "[Unit]\nOnFailure=initrdd-locked.service\n");
}

/* Whether systemd's generator has a limit for what is resumed from, of the flags that it looks at. */
static bool has_own_limit(const Generator *g) {
        const char *flags = option_get(g, "resumeflags") ?: option_get(g, "rootflags");

        return flags && strstr(flags, "x-systemd.device-timeout=");
}

static int end_resume(const Generator *g, const char *root) {
        /* Of systemd before 254, and since. */
        static const char *const units[] = { "systemd-hibernate-resume@.service",
                                             "systemd-hibernate-resume.service" };
        const char *value = option_get(g, "resume");
        _cleanup_free_ char *node = NULL;
        unsigned seconds;
        int r;

        if (!value || strv_contains(g->words, "noresume") || has_own_limit(g))
                return 0;
        r = device_node(value, &node);
        (void) option_patience(g, SYSTEMD_SECONDS, &seconds);
        if (r <= 0 || seconds == 0)
                return r;
        r = may_ask(g);
        if (r < 0)
                return r;
        /* Behind the 40 of systemd's generator, before the 60 of what the node may be besides. */
        if (r == 0 || startswith(node, "/dev/mapper/") || streq(node, root ?: ""))
                return set_timeout(g, node, "45-initrdd.conf", seconds);
        r = write_end(g, node, seconds, "initrdd-resume-end.service",
                      "End of the Wait for What Is Resumed From");
        for (size_t i = 0; i < ELEMENTSOF(units) && r >= 0; i++) {
                _cleanup_free_ char *name = NULL;

                if (str_printf(&name, "%s.d/60-initrdd.conf", units[i]) < 0)
                        return -ENOMEM;
                r = generator_write(g, g->normal, name,
                                    "[Unit]\nWants=initrdd-resume-end.service\n");
        }
        return r;
}

int generate_device(const Generator *g) {
        const char *root = option_get(g, "root");
        _cleanup_free_ char *node = NULL;
        unsigned seconds;
        bool automatic = (!root && !live_is_root(g)) || (root && streq(root, "gpt-auto")), said;
        int r;

        r = device_root_node(g, &node);
        if (r >= 0)
                r = wait_for_answers(g, node);
        if (r >= 0)
                r = end_resume(g, node);
        if (r < 0)
                return r;
        said = option_patience(g, SYSTEMD_SECONDS, &seconds);
        if (said)
                r = device_set_timeouts(g, automatic ? GPT_AUTO_ROOT : node, "60-initrdd.conf",
                                        seconds);
        if (r >= 0 && node && seconds > 0)
                r = device_end_wait(g, node, seconds);
        return r;
}
