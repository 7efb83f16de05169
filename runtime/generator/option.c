/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Words of the kernel command line as dracut.cmdline(7) has them: a bare "rd.lvm" is true, "0", "no"
 * and "off" are false, and of several the last one counts. Unlike there a word of nonsense is not
 * taken for true.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fd-util.h"
#include "generator.h"
#include "string-util.h"

/* Neither the kernel nor systemd takes a backslash there for anything but one: names of devices have
 * "\x20". */
static char *double_backslashes(const char *s) {
        char *out = malloc(2 * strlen(s) + 1), *o = out;

        for (; out && *s; s++) {
                if (*s == '\\')
                        *o++ = '\\';
                *o++ = *s;
        }
        if (out)
                *o = '\0';
        return out;
}

int option_read(char ***ret) {
        const char *given = getenv("SYSTEMD_PROC_CMDLINE");
        _cleanup_free_ char *text = NULL, *doubled = NULL;
        size_t size;
        int r;

        if (given)
                text = strdup(given);
        else if ((r = file_read_at(AT_FDCWD, "/proc/cmdline", 1024 * 1024, &text, &size)) < 0)
                return r;
        if (!text)
                return -ENOMEM;
        doubled = double_backslashes(text);
        if (!doubled)
                return -ENOMEM;
        r = strv_split_quoted(ret, doubled);
        /* The kernel takes a quote that isn't closed as it is. */
        return r == -EINVAL ? strv_split(ret, text, " \t\n") : r;
}

const char *option_value(const char *word, const char *key) {
        const char *rest = startswith(word, key);

        if (!rest || (*rest != '\0' && *rest != '='))
                return NULL;
        return *rest == '=' ? rest + 1 : rest;
}

const char *option_get(const Generator *g, const char *key) {
        const char *value = NULL;

        STRV_FOREACH(word, g->words) {
                const char *v = option_value(*word, key);

                if (v)
                        value = v;
        }
        return value;
}

int option_parse_bool(const char *word, const char *value) {
        if (*value == '\0')
                return endswith(word, "=") ? -EINVAL : 1;
        return parse_boolean(value);
}

bool option_bool(const Generator *g, const char *key, bool otherwise) {
        bool value = otherwise;

        STRV_FOREACH(word, g->words) {
                const char *v = option_value(*word, key);
                int b = v ? option_parse_bool(*word, v) : 0;

                if (b < 0)
                        generator_warn(g, "%s is neither yes nor no and was ignored", *word);
                else if (v)
                        value = b;
        }
        return value;
}

bool option_is(const Generator *g, const char *key, bool value) {
        bool found = false;

        STRV_FOREACH(word, g->words) {
                const char *v = option_value(*word, key);
                int b = v ? option_parse_bool(*word, v) : -EINVAL;

                if (b >= 0)
                        found = (b > 0) == value;
        }
        return found;
}

int option_seconds(const Generator *g, const char *key, unsigned *ret) {
        int found = -ENOENT;

        STRV_FOREACH(word, g->words) {
                const char *v = option_value(*word, key);
                unsigned seconds;

                if (!v)
                        continue;
                if (!isdigit((unsigned char) *v) || parse_unsigned(v, &seconds) < 0) {
                        generator_warn(g, "%s is no number of seconds and was ignored", *word);
                        continue;
                }
                *ret = seconds;
                found = 0;
        }
        return found;
}

bool option_patience(const Generator *g, unsigned otherwise, unsigned *ret) {
        unsigned seconds;

        *ret = otherwise;
        if (option_seconds(g, "rd.timeout", ret) >= 0)
                return true;
        if (option_seconds(g, "rd.retry", &seconds) >= 0 && seconds > 0) {
                *ret = seconds;
                return true;
        }
        if (option_seconds(g, "rootdelay", &seconds) < 0 || seconds <= otherwise)
                return false;
        *ret = seconds;
        return true;
}

/* The last of the two in a list, or NULL. */
static const char *find_access(char **words) {
        const char *found = NULL;

        STRV_FOREACH(word, words)
                found = streq(*word, "ro") ? "ro" : streq(*word, "rw") ? "rw" : found;
        return found;
}

/* As the kernel and systemd's fstab generator have it, whatever kind of root it is. */
const char *option_access(const Generator *g, const char *flags) {
        _cleanup_strv_free_ char **words = NULL;
        const char *said = find_access(g->words);

        flags = flags ?: option_get(g, "rootflags");
        if (!said && flags && strv_split(&words, flags, ",") >= 0)
                said = find_access(words);
        return said ?: "ro";
}

const char *option_bootdev(const Generator *g) {
        const char *said = option_get(g, "bootdev");

        if (said || !option_bool(g, "rd.bootif", true))
                return said;
        return option_get(g, "BOOTIF");
}
