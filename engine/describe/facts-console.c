/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a person sees and types before the root is there: a keyboard layout, for passphrases, and a
 * boot splash.
 *
 * Two programs set up a console, and a distribution has one of them: console-setup, which reads
 * /etc/default/keyboard, and systemd-vconsole-setup with /etc/vconsole.conf. A file without its
 * program is a left-over; Debian has links between the two files. So both must be there, and the
 * file must name a layout.
 */

#include "facts-host.h"
#include "string-util.h"

/* Whether one of the shell-like assignments `keys` in a file has a value. */
static int is_set(const Host *h, const char *path, const char *const *keys) {
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r;

        r = host_read(h, path, &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
                char *line = str_strip(l);

                STRV_FOREACH(key, (char *const *) keys) {
                        const char *value = startswith(line, *key);

                        if (value && *value == '=' && value[1 + strspn(value + 1, "\"'")] != '\0')
                                return 1;
                }
        }
        return 0;
}

static bool any_exists(const Host *h, const char *const *paths) {
        STRV_FOREACH(path, (char *const *) paths)
                if (host_exists(h, *path))
                        return true;
        return false;
}

static int find_keymap(Host *h) {
        static const struct {
                const char *tag, *conf;
                const char *keys[4], *programs[4];
        } kinds[] = {
                { "keymap:console-setup", "/etc/default/keyboard",
                  { "XKBLAYOUT", NULL }, { "/usr/bin/setupcon", "/bin/setupcon", NULL } },
                { "keymap:vconsole", "/etc/vconsole.conf",
                  { "KEYMAP", "FONT", "XKBLAYOUT", NULL },
                  { "/usr/lib/systemd/systemd-vconsole-setup",
                    "/lib/systemd/systemd-vconsole-setup", NULL } },
        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                int r;

                if (!any_exists(h, kinds[i].programs))
                        continue;
                r = is_set(h, kinds[i].conf, kinds[i].keys);
                if (r < 0 || (r > 0 && (r = host_tag(h, "%s", kinds[i].tag)) < 0))
                        return r;
        }
        return 0;
}

static int find_plymouth(Host *h) {
        static const char *const programs[] = { "/usr/sbin/plymouthd", "/usr/bin/plymouthd",
                                                "/sbin/plymouthd", NULL };

        if (!any_exists(h, programs))
                return 0;
        /* Installed is wanted, unless the kernel command line is against it: whether "splash" is
         * on it is decided anew at each boot. */
        STRV_FOREACH(word, h->cmdline)
                if (streq(*word, "plymouth.enable=0") || streq(*word, "rd.plymouth=0") ||
                    streq(*word, "rd.plymouth=no"))
                        return 0;
        return host_tag(h, "plymouth");
}

int host_find_console(Host *h) {
        int r = find_keymap(h);

        return r < 0 ? r : find_plymouth(h);
}
