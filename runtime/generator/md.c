/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which RAID arrays are assembled.
 *
 *   rd.md=0                none
 *   rd.md.uuid=UUID        these, and no others; with ":" as mdadm writes them or with "-"
 *   rd.auto=0              none but those that are named so
 *   rd.md.imsm=0           none with Intel's metadata; and ddf=0 with those of SNIA
 *   rd.md.conf=0           the image's mdadm.conf doesn't count
 *   (nothing)              every one
 *
 * mdadm's rule assembles disk by disk. It leaves out devices that have ANACONDA set, a word of the
 * first installer that wanted to be left alone, so a rule before it sets that. Disks of an array are
 * told by the array's UUID, which blkid finds in their superblock; of metadata of a mainboard there
 * is none, so a list of UUIDs leaves those as they are.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "generator.h"
#include "string-util.h"

/* As blkid writes it: 8-4-4-4-12 digits in lower case. -EINVAL. */
static int parse_uuid(const char *s, char ret[37]) {
        char digits[33];
        size_t n = 0;

        for (; *s; s++) {
                if (*s == ':' || *s == '-')
                        continue;
                if (!isxdigit((unsigned char) *s) || n == 32)
                        return -EINVAL;
                digits[n++] = (char) tolower((unsigned char) *s);
        }
        if (n != 32)
                return -EINVAL;
        for (size_t i = 0, o = 0; i < 32; i++) {
                if (i == 8 || i == 12 || i == 16 || i == 20)
                        ret[o++] = '-';
                ret[o++] = digits[i];
        }
        ret[36] = '\0';
        return 0;
}

static int find_uuids(const Generator *g, char ***uuids) {
        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "rd.md.uuid");
                char uuid[37];

                if (!value)
                        continue;
                if (parse_uuid(value, uuid) < 0)
                        generator_warn(g, "%s is no UUID of a RAID array and was ignored", *word);
                else if (strv_extend_unique(uuids, uuid) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int write_rules(const Generator *g, char **uuids) {
        bool none = !option_bool(g, "rd.md", true) || (!uuids && option_is(g, "rd.auto", false));
        bool imsm = option_bool(g, "rd.md.imsm", true), ddf = option_bool(g, "rd.md.ddf", true);
        _cleanup_free_ char *joined = NULL, *only = NULL, *text = NULL;

        if (!none && imsm && ddf && !uuids)
                return 0;
        if (uuids) {
                joined = strv_join(uuids, "|");
                if (!joined)
                        return -ENOMEM;
                if (str_printf(&only,
                               "ENV{ID_FS_TYPE}==\"linux_raid_member\", ENV{ID_FS_UUID}!=\"%s\", "
                               "ENV{ANACONDA}=\"1\"\n",
                               joined) < 0)
                        return -ENOMEM;
        }
        if (str_printf(&text,
                       "# initrdd-generator, from the kernel command line\n"
                       "SUBSYSTEM!=\"block\", GOTO=\"initrdd_md_filter_end\"\n"
                       "%s%s%s%s"
                       "LABEL=\"initrdd_md_filter_end\"\n",
                       only ?: "",
                       none ? "ENV{ID_FS_TYPE}==\"linux_raid_member\", ENV{ANACONDA}=\"1\"\n" : "",
                       none || !imsm ? "ENV{ID_FS_TYPE}==\"isw_raid_member\", "
                                       "ENV{ANACONDA}=\"1\"\n"
                                     : "",
                       none || !ddf ? "ENV{ID_FS_TYPE}==\"ddf_raid_member\", ENV{ANACONDA}=\"1\"\n"
                                    : "") < 0)
                return -ENOMEM;
        return generator_write(g, RULES_DIRECTORY, "62-initrdd-md.rules", text);
}

/* And the directory of the same name: it is out of mdadm's sight where it is called otherwise. */
static void remove_conf(const Generator *g) {
        static const char *const paths[] = { "/etc/mdadm/mdadm.conf", "/etc/mdadm.conf" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *path = NULL, *directory = NULL, *aside = NULL;

                if (str_printf(&path, "%s%s", g->root, paths[i]) < 0 ||
                    str_printf(&directory, "%s.d", path) < 0 ||
                    str_printf(&aside, "%s.off", directory) < 0)
                        return;
                if (unlink(path) < 0 && errno != ENOENT)
                        generator_warn(g, "%s can't be removed: %m", path);
                if (rename(directory, aside) < 0 && errno != ENOENT)
                        generator_warn(g, "%s can't be removed: %m", directory);
        }
}

int generate_md(const Generator *g) {
        _cleanup_strv_free_ char **uuids = NULL;

        if (find_uuids(g, &uuids) < 0)
                return -ENOMEM;
        if (!option_bool(g, "rd.md.conf", true))
                remove_conf(g);
        return write_rules(g, uuids);
}
