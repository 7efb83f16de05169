/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * systemd-boot takes the first of these that means an entry it has (loader.conf(5), systemd-boot(7)):
 *
 *   LoaderEntryOneShot    an EFI variable: four bytes of attributes, and a name in UTF-16
 *   LoaderEntryDefault    another; "@saved" stands for LoaderEntryLastBooted
 *   "default"             a line of loader/loader.conf on the EFI system partition, "KEY VALUE"
 *
 * and else the first of its list. A name may be a glob, and is held against names of files, without
 * the counter of boots ("+3" or "+2-1" before the suffix), upper and lower case alike; the list has the
 * newest version first. Entries are loader/entries/NAME.conf and EFI/Linux/NAME.efi, here or on the
 * partition for boot loaders.
 *
 * A loader.conf may be left over from somebody who tried: where the running system knows its loader, it
 * must be this one, and where it doesn't, there must be no other.
 */

#include <ctype.h>
#include <fnmatch.h>

#include "describe/boot-internal.h"
#include "path-util.h"
#include "string-util.h"

#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define LAST_BOOTED "LoaderEntryLastBooted"
#define EFIVARS "/sys/firmware/efi/efivars"

/* Where the partitions are mounted. */
static const char *const places[] = { "/efi", "/boot/efi", "/boot" };

/* As text; NULL when it can't be had, or in a root that doesn't run. The caller frees. */
static int read_variable(Source *source, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL, *data = NULL;
        size_t size, n = 0;
        int r;

        *ret = NULL;
        if (!source_is_host(source))
                return 0;
        r = str_printf(&path, EFIVARS "/%s-" LOADER_GUID, name);
        if (r >= 0)
                r = boot_read_text(source, path, &data, &size);
        if (r < 0 || !data)
                return r;
        /* Names of entries are ASCII. */
        for (size_t i = 4; i + 1 < size; i += 2)
                data[n++] = data[i + 1] == 0 ? data[i] : '?';
        data[n] = '\0';
        *ret = TAKE_PTR(data);
        return 0;
}

static int ask_variable(Source *source, const char *name, char *const *versions,
                        const char **ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_variable(source, name, &text);
        if (r >= 0 && text && streq(text, "@saved") && !streq(name, LAST_BOOTED))
                return ask_variable(source, LAST_BOOTED, versions, ret);
        if (r >= 0 && text)
                *ret = boot_version_in(text, versions);
        return r;
}

/* "NAME+2-1.conf" is NAME.conf. */
static void strip_counter(char *name) {
        char *suffix = strrchr(name, '.'), *plus = strrchr(name, '+'), *p = plus;

        if (!p || !suffix || p > suffix || !isdigit((unsigned char) p[1]))
                return;
        for (p++; isdigit((unsigned char) *p); p++)
                ;
        if (*p == '-')
                for (p++; isdigit((unsigned char) *p); p++)
                        ;
        if (p == suffix)
                memmove(plus, suffix, strlen(suffix) + 1);
}

/* Names of all entries. The directories are noted, whether they are there or not. */
static int list_entries(Source *source, char ***ret, char ***directories) {
        static const struct {
                const char *directory, *pattern;
        } kinds[] = { { "loader/entries", "*.[cC][oO][nN][fF]" },
                      { "EFI/Linux", "*.[eE][fF][iI]" } };

        for (size_t i = 0; i < ELEMENTSOF(places) * ELEMENTSOF(kinds); i++) {
                const char *pattern = kinds[i % ELEMENTSOF(kinds)].pattern;
                _cleanup_free_ char *directory = path_join(places[i / ELEMENTSOF(kinds)],
                                                           kinds[i % ELEMENTSOF(kinds)].directory);
                _cleanup_strv_free_ char **names = NULL;
                int r;

                r = directory ? source_list(source, NULL, directory, pattern, &names) : -ENOMEM;
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        continue;
                r = strv_extend(directories, directory);
                STRV_FOREACH(name, names)
                        if (r >= 0) {
                                strip_counter(*name);
                                r = strv_extend(ret, *name);
                        }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int ask_entries(Source *source, const char *pattern, char *const *versions,
                       const char **ret, char ***directories) {
        _cleanup_strv_free_ char **entries = NULL;
        int r;

        r = list_entries(source, &entries, directories);
        if (r < 0)
                return r;
        STRV_FOREACH(v, versions)
                STRV_FOREACH(entry, entries)
                        if (fnmatch(pattern, *entry, FNM_CASEFOLD) == 0 &&
                            boot_version_in(*entry, versions) == *v) {
                                *ret = *v;
                                return 0;
                        }
        return 0;
}

/* The value of "default", of which the last one counts; NULL without one. The caller frees. */
static int find_default(char *text, char **ret) {
        _cleanup_strv_free_ char **lines = NULL;
        const char *found = NULL;
        int r;

        *ret = NULL;
        r = strv_split(&lines, text, "\n");
        if (r < 0)
                return r;
        STRV_FOREACH(line, lines) {
                char *rest = startswith(str_strip(*line), "default") ? str_strip(*line) + 7 : NULL;

                if (rest && (*rest == ' ' || *rest == '\t'))
                        found = str_strip(rest);
        }
        if (found && *found)
                *ret = strdup(found);
        return found && *found && !*ret ? -ENOMEM : 0;
}

static int ask_file(Source *source, char *const *versions, const char **ret, char ***directories) {
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *directory = path_join(places[i], "loader");
                _cleanup_free_ char *path = path_join(places[i], "loader/loader.conf");
                _cleanup_free_ char *text = NULL, *pattern = NULL;
                size_t size;
                int r;

                r = directory && path ? boot_read_text(source, path, &text, &size) : -ENOMEM;
                if (r >= 0 && !text)
                        continue;
                if (r >= 0)
                        r = strv_extend(directories, directory);
                if (r >= 0)
                        r = find_default(text, &pattern);
                if (r < 0 || !pattern)
                        return r;
                if (streq(pattern, "@saved"))
                        return ask_variable(source, LAST_BOOTED, versions, ret);
                return ask_entries(source, pattern, versions, ret, directories);
        }
        return 0;
}

int boot_ask_systemd(Source *source, char *const *versions, bool other, const char **ret,
                     char ***directories) {
        static const char *const variables[] = { "LoaderEntryOneShot", "LoaderEntryDefault" };
        _cleanup_free_ char *loader = NULL;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(variables) && r >= 0 && !*ret; i++)
                r = ask_variable(source, variables[i], versions, ret);
        if (r < 0 || *ret)
                return r;
        r = read_variable(source, "LoaderInfo", &loader);
        if (r < 0 || (loader ? !startswith(loader, "systemd-boot") : other))
                return r;
        return ask_file(source, versions, ret, directories);
}
