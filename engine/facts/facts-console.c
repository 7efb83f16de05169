/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a person sees and types before the root is there: a keyboard layout, for passphrases, and a
 * boot splash.
 *
 * Two programs set up a console, and a distribution has one of them: console-setup, which reads
 * /etc/default/keyboard, and systemd-vconsole-setup with /etc/vconsole.conf. A file without its
 * program is a left-over; Debian has links between the two files. So both must be there, and the
 * file must name a layout. Where neither is in use, but there is a vconsole.conf and loadkeys, it is
 * loaded by ourselves.
 *
 * console-setup makes its layouts from those of X, and keeps the result. What it hasn't kept can't
 * be in the image.
 */

#include "facts-host.h"
#include "string-util.h"

/* The value of the first of the shell-like assignments `keys` in a file that has one. 1, or 0 when
 * there is none. */
static int get_value(const Host *h, const char *path, const char *const *keys, char **ret) {
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

                        if (!value || *value != '=')
                                continue;
                        value += 1 + strspn(value + 1, "\"'");
                        if (*value == '\0')
                                continue;
                        *ret = strndup(value, strcspn(value, "\"' \t"));
                        return *ret ? 1 : -ENOMEM;
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

/* A layout that isn't the kernel's own, and nothing of it to be had. */
static int check_cached_keymap(const Host *h) {
        static const char *const keys[] = { "XKBLAYOUT", NULL };
        _cleanup_free_ char *layout = NULL;
        int r;

        r = get_value(h, "/etc/default/keyboard", keys, &layout);
        if (r <= 0 || streq(layout, "us") ||
            host_exists(h, "/etc/console-setup/cached_setup_keyboard.sh"))
                return r < 0 ? r : 0;
        report_warn(h->report, "/etc/default/keyboard", 0,
                    "The keyboard layout %s is configured, but console-setup has not prepared it "
                    "for the boot: passphrases are typed as on a US keyboard; run 'setupcon "
                    "--save-only' and build again",
                    layout);
        return 0;
}

static int find_keymap(Host *h) {
        static const struct {
                const char *tag, *conf;
                const char *keys[3], *programs[4];
        } kinds[] = {
                { "keymap:console-setup",
                  "/etc/default/keyboard",
                  { "XKBLAYOUT", NULL },
                  { "/usr/bin/setupcon", "/bin/setupcon", NULL } },
                { "keymap:vconsole",
                  "/etc/vconsole.conf",
                  { "KEYMAP", "FONT", NULL },
                  { "/usr/lib/systemd/systemd-vconsole-setup",
                    "/lib/systemd/systemd-vconsole-setup", NULL } },
                { "keymap:loadkeys",
                  "/etc/vconsole.conf",
                  { "KEYMAP", "FONT", NULL },
                  { "/usr/bin/loadkeys", "/bin/loadkeys", NULL } },
        };
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_free_ char *value = NULL;
                int r;

                if (!any_exists(h, kinds[i].programs) ||
                    (found && streq(kinds[i].tag, "keymap:loadkeys")))
                        continue;
                r = get_value(h, kinds[i].conf, kinds[i].keys, &value);
                if (r > 0) {
                        found = true;
                        r = host_tag(h, "%s", kinds[i].tag);
                }
                if (r < 0)
                        return r;
        }
        return facts_match(h->facts, "keymap:console-setup") ? check_cached_keymap(h) : 0;
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
