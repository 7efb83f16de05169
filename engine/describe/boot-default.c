/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Asked in this order; the first that names a kernel that is there is believed:
 *
 *   systemd-boot   as boot-systemd.c says
 *   GRUB           next_entry in grubenv; GRUB_DEFAULT= of /etc/default/grub, and where that is
 *                  "saved", saved_entry in grubenv
 *   others         the link /vmlinuz or /boot/vmlinuz, where there is no GRUB, which ignores it
 *
 * and otherwise it is the newest, which all of them take if nobody said otherwise. An entry's name
 * has the kernel's version in it, as Debian, Fedora and kernel-install write them.
 */

#include <ctype.h>

#include "describe/boot-internal.h"
#include "describe/kernel.h"
#include "path-util.h"
#include "string-util.h"

static const char *const grub_directories[] = { "/boot/grub", "/boot/grub2" };

/* Whether what begins, or ends, at `p` is a version of its own: "6.1.0-5" is no part of "6.1.0-56",
 * nor "6.1" of "6.1.2". */
static bool begins_alone(const char *text, const char *p) {
        return p == text || (!isalnum((unsigned char) p[-1]) && p[-1] != '.');
}

static bool ends_alone(const char *p) {
        return !isalnum((unsigned char) *p) && !(*p == '.' && isdigit((unsigned char) p[1]));
}

const char *boot_version_in(const char *text, char *const *versions) {
        const char *best = NULL;

        STRV_FOREACH(v, versions) {
                size_t n = strlen(*v);

                if (best && strlen(best) >= n)
                        continue;
                for (const char *p = text; (p = strstr(p, *v)); p++)
                        if (begins_alone(text, p) && ends_alone(p + n)) {
                                best = *v;
                                break;
                        }
        }
        return best;
}

int boot_read_text(Source *source, const char *path, char **ret, size_t *ret_size) {
        int r = source_read(source, NULL, path, ret, ret_size);

        if (r < 0)
                *ret = NULL;
        return r == -ENOMEM ? r : 0;
}

/* The value of KEY= in a text of such lines; quotes go. The caller frees. */
static int find_value(const char *text, const char *key, char **ret) {
        _cleanup_strv_free_ char **lines = NULL;
        const char *found = NULL;
        size_t n;
        int r;

        *ret = NULL;
        if (!text)
                return 0;
        r = strv_split(&lines, text, "\n");
        if (r < 0)
                return r;
        STRV_FOREACH(line, lines) {
                const char *rest = startswith(*line, key);

                if (rest && *rest == '=')
                        found = rest + 1;
        }
        if (!found)
                return 0;
        n = strlen(found);
        if (n >= 2 && (*found == '"' || *found == '\'') && found[n - 1] == *found) {
                found++;
                n -= 2;
        }
        *ret = strndup(found, n);
        return *ret ? 0 : -ENOMEM;
}

static int ask_grub(Source *source, const char *directory, char *const *versions,
                    const char **ret) {
        _cleanup_free_ char *path = path_join(directory, "grubenv"), *env = NULL, *conf = NULL,
                            *next = NULL, *saved = NULL, *chosen = NULL;
        size_t size;
        int r;

        r = path ? boot_read_text(source, path, &env, &size) : -ENOMEM;
        if (r >= 0)
                r = boot_read_text(source, "/etc/default/grub", &conf, &size);
        if (r >= 0)
                r = find_value(env, "next_entry", &next);
        if (r >= 0)
                r = find_value(env, "saved_entry", &saved);
        if (r >= 0)
                r = find_value(conf, "GRUB_DEFAULT", &chosen);
        if (r < 0)
                return r;
        if (next && *next)
                *ret = boot_version_in(next, versions);
        if (!*ret && chosen)
                *ret = boot_version_in(streq(chosen, "saved") && saved ? saved : chosen, versions);
        return 0;
}

static int ask_link(Source *source, const char *path, char *const *versions, const char **ret) {
        _cleanup_free_ char *target = NULL;
        int r;

        r = source_readlink(source, NULL, path, &target);
        if (r >= 0)
                *ret = boot_version_in(target, versions);
        return r == -ENOMEM ? r : 0;
}

static int newest(Source *source, char *const *versions, const char **ret) {
        STRV_FOREACH(v, versions) {
                _cleanup_free_ char *directory = NULL, *image = NULL;
                int r;

                r = kernel_find_directory(source, NULL, *v, &directory);
                if (r >= 0)
                        r = kernel_find_image(source, NULL, directory, *v, &image);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0 && image) {
                        *ret = *v;
                        return 0;
                }
        }
        return 0;
}

static int ask_loaders(Source *source, char *const *versions, const char **ret,
                       char ***directories) {
        static const char *const links[] = { "/vmlinuz", "/boot/vmlinuz" };
        bool has_grub = false;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(grub_directories) && r >= 0; i++) {
                r = source_exists(source, NULL, grub_directories[i]);
                has_grub |= r > 0;
                r = r == -ENOMEM ? r : 0;
        }
        if (r >= 0)
                r = boot_ask_systemd(source, versions, has_grub, ret, directories);
        for (size_t i = 0; i < ELEMENTSOF(grub_directories) && r >= 0; i++) {
                r = source_exists(source, NULL, grub_directories[i]);
                if (r <= 0) {
                        r = r == -ENOMEM ? r : 0;
                        continue;
                }
                r = strv_extend(directories, grub_directories[i]);
                if (r >= 0)
                        r = strv_extend(directories, "/etc/default");
                if (r >= 0 && !*ret)
                        r = ask_grub(source, grub_directories[i], versions, ret);
        }
        for (size_t i = 0; i < ELEMENTSOF(links) && r >= 0 && !*ret && !has_grub; i++)
                r = ask_link(source, links[i], versions, ret);
        return r;
}

int boot_default_kernel(Source *source, char *const *versions, const char **ret,
                        char ***ret_directories) {
        _cleanup_strv_free_ char **directories = NULL;
        const char *found = NULL;
        int r;

        r = ask_loaders(source, versions, &found, &directories);
        if (r >= 0 && !found)
                r = newest(source, versions, &found);
        if (r < 0)
                return r;
        *ret = found;
        *ret_directories = TAKE_PTR(directories);
        return 0;
}
