/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which disks are taken for paths to one device.
 *
 *   rd.multipath=0         none
 *   rd.multipath=default   those of which there are several, where the image has no configuration
 *   (nothing)              as the image's multipath.conf and its list of known devices say
 *
 * The configuration that is written waits for a second path a while (find_multipaths in
 * multipath.conf(5)): "yes" would give the first one to whoever mounts it before the second is
 * there. Maps get the names that they have by themselves, since names for people come from a list
 * of the host's.
 * multipath-tools' own default is to take nothing that is not in the list. So where there is neither
 * list nor configuration its daemon has nothing to do and is not started, and nor is its program for
 * each disk.
 */

#include <errno.h>
#include <unistd.h>

#include "generator.h"
#include "string-util.h"

static const char configuration[] = "# initrdd-generator, from rd.multipath=default\n"
                                    "defaults {\n"
                                    "\tfind_multipaths smart\n"
                                    "}\n";

typedef enum Wanted {
        WANTED_AS_CONFIGURED,
        WANTED_NONE,
        WANTED_DEFAULT,
} Wanted;

static Wanted find_wanted(const Generator *g) {
        Wanted wanted = WANTED_AS_CONFIGURED;

        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "rd.multipath");
                int b;

                if (!value)
                        continue;
                if (streq(value, "default")) {
                        wanted = WANTED_DEFAULT;
                        continue;
                }
                b = option_parse_bool(*word, value);
                if (b < 0)
                        generator_warn(g,
                                       "%s is neither yes nor no nor \"default\" and was ignored",
                                       *word);
                else
                        wanted = b > 0 ? WANTED_AS_CONFIGURED : WANTED_NONE;
        }
        return wanted;
}

/* 1 when the image has that file. */
static int has(const Generator *g, const char *name) {
        _cleanup_free_ char *path = NULL;

        if (str_printf(&path, "%s%s", g->root, name) < 0)
                return -ENOMEM;
        return access(path, F_OK) >= 0;
}

/* The daemon, and the rules that ask whether a disk is a path. */
static int mask(const Generator *g) {
        static const char *const units[] = { "multipathd.service", "multipathd.socket" };
        static const char *const rules[] = { "60-multipath.rules", "62-multipath.rules" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(units); i++)
                r = generator_link(g, g->early, units[i], "/dev/null");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(rules); i++)
                r = generator_link(g, RULES_DIRECTORY, rules[i], "/dev/null");
        return r;
}

int generate_multipath(const Generator *g) {
        Wanted wanted = find_wanted(g);
        int here, configured, known;

        here = has(g, "/etc/multipath");
        configured = has(g, "/etc/multipath.conf");
        known = has(g, "/etc/multipath/wwids");
        if (here < 0 || configured < 0 || known < 0)
                return -ENOMEM;
        if (!here) {
                if (wanted == WANTED_DEFAULT || option_is(g, "rd.multipath", true))
                        generator_warn(g, "This image has no multipath, rd.multipath means "
                                          "nothing here");
                return 0;
        }
        if (wanted == WANTED_NONE || (wanted == WANTED_AS_CONFIGURED && !configured && !known))
                return mask(g);
        if (wanted == WANTED_DEFAULT && !configured)
                return generator_write(g, "/etc", "multipath.conf", configuration);
        return 0;
}
