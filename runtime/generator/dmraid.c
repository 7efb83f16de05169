/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which sets of a mainboard's RAID are activated (dmraid).
 *
 *   rd.dm=0                none
 *   rd.dm.uuid=NAME        sets whose name begins so, and no others
 *   rd.auto=0              none but those that are named so
 *   (nothing)              every one that is complete
 *
 * 66-initrdd-dmraid.rules finds the set of a disk, 68- activates it; between them is what is written
 * here.
 */

#include <errno.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

#define RULES "66-initrdd-dmraid.rules"

/* As dmraid makes them: FORMAT_NAME, of what the firmware let somebody type. Nothing that would
 * mean more in a rule. */
static bool name_is_valid(const char *s) {
        return *s && strlen(s) < 128 &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.:") ==
                               strlen(s);
}

static int find_names(const Generator *g, char ***names) {
        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "rd.dm.uuid");
                _cleanup_free_ char *pattern = NULL;
                int r;

                if (!value)
                        continue;
                if (!name_is_valid(value)) {
                        generator_warn(g, "%s names no RAID set and was ignored", *word);
                        continue;
                }
                r = str_printf(&pattern, "%s*", value);
                if (r < 0 || (r = strv_extend_unique(names, pattern)) < 0)
                        return r;
        }
        return 0;
}

static int write_filter(const Generator *g, char **names) {
        _cleanup_free_ char *joined = strv_join(names, "|"), *text = NULL;

        if (!joined || str_printf(&text,
                                  "# initrdd-generator, from the kernel command line\n"
                                  "SUBSYSTEM==\"block\", ENV{INITRDD_DMRAID_SET}!=\"%s\", "
                                  "ENV{INITRDD_DMRAID_SET}=\"\"\n",
                                  joined) < 0)
                return -ENOMEM;
        return generator_write(g, RULES_DIRECTORY, "67-initrdd-dmraid.rules", text);
}

int generate_dmraid(const Generator *g) {
        _cleanup_strv_free_ char **names = NULL;
        int r;

        r = find_names(g, &names);
        if (r < 0)
                return r;
        if (!option_bool(g, "rd.dm", true) || (!names && option_is(g, "rd.auto", false)))
                return generator_link(g, RULES_DIRECTORY, RULES, "/dev/null");
        return names ? write_filter(g, names) : 0;
}
