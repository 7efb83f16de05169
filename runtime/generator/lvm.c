/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which logical volumes are activated.
 *
 *   rd.lvm=0               none
 *   rd.lvm.vg=VG           those of these groups, and no others
 *   rd.lvm.lv=VG/LV        these, and no others
 *   rd.auto=0              none but those that are named so
 *   rd.lvm.conf=0          the image's lvm.conf doesn't count
 *   (nothing)              those of every group that is complete
 *
 * The rules of lvm2 activate what lvm.conf(5) lets them, so what is named here is written to
 * /etc/lvm/lvmlocal.conf, which is read after lvm.conf: behind what the host has in its own, since
 * that may hold the system's identifier. Nothing is monitored, since there is no dmeventd.
 * With `none` the rule that activates has another one of its name before it.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "generator.h"
#include "string-util.h"

#define MARK "# From here on: initrdd-generator"

/* As lvm(8) has names of groups and volumes. */
static bool name_is_valid(const char *name, size_t n) {
        if (n == 0 || n > 127 || *name == '-' || (n == 1 && *name == '.') ||
            (n == 2 && name[0] == '.' && name[1] == '.'))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isascii(name[i]) ||
                    !(isalnum((unsigned char) name[i]) || strchr("+_.-", name[i])))
                        return false;
        return true;
}

/* VG/LV; /dev/VG/LV is taken, too, since that is what root= has. */
static int add_volume(const Generator *g, const char *word, const char *value, char ***names) {
        const char *name = startswith(value, "/dev/") ?: value, *slash = strchr(name, '/');

        if (!slash || !name_is_valid(name, (size_t) (slash - name)) ||
            !name_is_valid(slash + 1, strlen(slash + 1))) {
                generator_warn(g, "%s names no logical volume as GROUP/VOLUME and was ignored",
                               word);
                return 0;
        }
        return strv_extend_unique(names, name);
}

static int find_names(const Generator *g, char ***names) {
        STRV_FOREACH(word, g->words) {
                const char *vg = option_value(*word, "rd.lvm.vg");
                const char *lv = option_value(*word, "rd.lvm.lv");
                int r = 0;

                if (lv)
                        r = add_volume(g, *word, lv, names);
                else if (vg && !name_is_valid(vg, strlen(vg)))
                        generator_warn(g, "%s names no volume group and was ignored", *word);
                else if (vg)
                        r = strv_extend_unique(names, vg);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The host's own lvmlocal.conf, without what an earlier call has added. */
static int read_local(const Generator *g, char **ret) {
        _cleanup_free_ char *path = NULL;
        char *mark;
        size_t size;
        int r;

        if (str_printf(&path, "%s/etc/lvm/lvmlocal.conf", g->root) < 0)
                return -ENOMEM;
        r = file_read_at(AT_FDCWD, path, 1024 * 1024, ret, &size);
        if (r == -ENOENT)
                return (*ret = strdup("")) ? 0 : -ENOMEM;
        if (r < 0) {
                generator_warn(g, "%s can't be read: %s", path, strerror(-r));
                return r;
        }
        mark = strstr(*ret, MARK);
        if (mark)
                *mark = '\0';
        return 0;
}

static int write_local(const Generator *g, char **names) {
        _cleanup_free_ char *local = NULL, *joined = NULL, *list = NULL, *text = NULL;
        int r;

        r = read_local(g, &local);
        if (r < 0)
                return r;
        if (names) {
                joined = strv_join(names, "\", \"");
                if (!joined ||
                    str_printf(&list, "\tauto_activation_volume_list = [ \"%s\" ]\n", joined) < 0)
                        return -ENOMEM;
        }
        if (str_printf(&text, "%s" MARK "\nactivation {\n\tmonitoring = 0\n%s}\n", local,
                       list ?: "") < 0)
                return -ENOMEM;
        return generator_write(g, "/etc/lvm", "lvmlocal.conf", text);
}

/* What activates has these names, on one distribution or another. */
static int mask_rules(const Generator *g) {
        static const char *const rules[] = { "69-lvm.rules", "69-dm-lvm.rules",
                                             "69-dm-lvm-metad.rules" };

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                int r = generator_link(g, RULES_DIRECTORY, rules[i], "/dev/null");

                if (r < 0)
                        return r;
        }
        return 0;
}

int generate_lvm(const Generator *g) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *directory = NULL, *conf = NULL;
        bool on = option_bool(g, "rd.lvm", true), use_conf = option_bool(g, "rd.lvm.conf", true);
        int r;

        if (str_printf(&directory, "%s/etc/lvm", g->root) < 0 ||
            str_printf(&conf, "%s/etc/lvm/lvm.conf", g->root) < 0 || find_names(g, &names) < 0)
                return -ENOMEM;
        if (access(directory, F_OK) < 0) {
                if (names || option_get(g, "rd.lvm"))
                        generator_warn(g, "This image has no LVM, rd.lvm means nothing here");
                return 0;
        }
        if (!use_conf && unlink(conf) < 0 && errno != ENOENT)
                generator_warn(g, "%s can't be removed: %m", conf);
        if (!on || (!names && option_is(g, "rd.auto", false)))
                return mask_rules(g);
        r = write_local(g, names);
        return r;
}
