/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which drivers are loaded, and when.
 *
 *   rd.driver.pre=NAME,…        before udev loads what the hardware asks for
 *   rd.driver.post=NAME,…       behind all of that, and not by udev
 *   rd.driver.blacklist=NAME,…  not because hardware asks for it; blacklist= of initramfs-tools
 *
 * All may be given more than once. They are files of modules-load.d(5) and modprobe.d(5), of the image's
 * own, so that the real root loads what it wants to.
 */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

static bool name_is_valid(const char *s) {
        size_t n = 0;

        for (; s[n]; n++)
                if (!isascii(s[n]) || !(isalnum((unsigned char) s[n]) || strchr("_-", s[n])))
                        return false;
        return n > 0 && n < 56; /* MODULE_NAME_LEN of the kernel */
}

static int find_names(const Generator *g, const char *key, char ***names) {
        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, key);
                _cleanup_strv_free_ char **list = NULL;

                if (!value)
                        continue;
                if (strv_split(&list, value, ",") < 0)
                        return -ENOMEM;
                if (!list || !*list)
                        generator_warn(g, "%s names no driver and was ignored", *word);
                STRV_FOREACH(name, list) {
                        if (!name_is_valid(*name))
                                generator_warn(g,
                                               "%s: \"%s\" is no name of a driver and was ignored",
                                               *word, *name);
                        else if (strv_extend_unique(names, *name) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

/* A line for each, behind that text. */
static int write_list(const Generator *g, const char *directory, char **names,
                      const char *before) {
        _cleanup_free_ char *separator = NULL, *joined = NULL, *text = NULL;

        if (str_printf(&separator, "\n%s", before) < 0 ||
            !(joined = strv_join(names, separator)) ||
            str_printf(&text, "# initrdd-generator, from the kernel command line\n%s%s\n", before,
                       joined) < 0)
                return -ENOMEM;
        return generator_write(g, directory, "60-initrdd.conf", text);
}

static int write_post(const Generator *g, char **names) {
        _cleanup_free_ char *joined = strv_join(names, " "), *text = NULL;
        int r;

        if (!joined || str_printf(&text,
                                  "[Unit]\n"
                                  "Description=Drivers That Come Last\n"
                                  "Documentation=man:initrdd-cmdline(7)\n"
                                  "DefaultDependencies=no\n"
                                  "After=systemd-udev-trigger.service\n"
                                  "Before=shutdown.target initrd-cleanup.service\n"
                                  "Conflicts=shutdown.target\n"
                                  "\n"
                                  "[Service]\n"
                                  "Type=oneshot\n"
                                  "RemainAfterExit=yes\n"
                                  "ExecStart=-udevadm settle --timeout=30\n"
                                  "ExecStart=modprobe -a %s\n",
                                  joined) < 0)
                return -ENOMEM;
        r = generator_write(g, g->normal, "initrdd-driver-post.service", text);
        return r < 0 ? r
                     : generator_add_symlink(g, "initrd.target", "wants",
                                             "initrdd-driver-post.service");
}

int generate_driver(const Generator *g) {
        _cleanup_strv_free_ char **pre = NULL, **post = NULL, **without = NULL;
        int r = 0;

        if (find_names(g, "rd.driver.pre", &pre) < 0 ||
            find_names(g, "rd.driver.post", &post) < 0 ||
            find_names(g, "rd.driver.blacklist", &without) < 0 ||
            find_names(g, "blacklist", &without) < 0)
                return -ENOMEM;
        STRV_FOREACH(name, post)
                if (strv_extend_unique(&without, *name) < 0)
                        return -ENOMEM;
        if (pre)
                r = write_list(g, "/etc/modules-load.d", pre, "");
        if (r >= 0 && without)
                r = write_list(g, "/etc/modprobe.d", without, "blacklist ");
        if (r >= 0 && post)
                r = write_post(g, post);
        return r;
}
