/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An image is built before any instance of a template exists, so a name that depends on something
 * of the boot ("systemd-fsck@%f.service") can't be told, but the template that it is of can:
 * everything before the "@" is certain, and so is the suffix. That is what goes into the image.
 */

#include "collect/unit-name.h"
#include "path-util.h"
#include "string-util.h"

enum { UNIT_NAME_MAX = 255 };

static bool suffix_is_valid(const char *suffix) {
        static const char *const suffixes[] = { ".service", ".socket", ".target",    ".device",
                                                ".mount",   ".swap",   ".automount", ".timer",
                                                ".path",    ".slice",  ".scope" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (streq(suffix, suffixes[i]))
                        return true;
        return false;
}

bool unit_name_is_valid(const char *name) {
        static const char valid[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@";
        const char *suffix = strrchr(name, '.');
        size_t n = strlen(name);

        return suffix && suffix != name && name[0] != '@' && n <= UNIT_NAME_MAX &&
               suffix_is_valid(suffix) && strspn(name, valid) == n;
}

int unit_name_template(const char *name, char **ret) {
        const char *at = strchr(name, '@'), *suffix = strrchr(name, '.');
        char *template = NULL;

        if (at && at > name && suffix && suffix > at + 1) {
                int r = str_printf(&template, "%.*s%s", (int) (at + 1 - name), name, suffix);

                if (r < 0)
                        return r;
        }
        *ret = template;
        return 0;
}

char *unit_name_activated(const char *name, const char *suffix, bool template) {
        const char *end = template ? strchr(name, '@') : NULL;
        char *s;

        if (!end)
                end = strrchr(name, '.');
        if (!end)
                end = name + strlen(name);
        if (str_printf(&s, "%.*s%s%s", (int) (end - name), name, template ? "@" : "", suffix) < 0)
                return NULL;
        return s;
}

int unit_name_from_unknown_instance(const char *text, size_t known, char **ret) {
        const char *at = memchr(text, '@', known), *suffix = strrchr(text, '.');
        _cleanup_free_ char *name = NULL;
        int r;

        /* A dot within what is unknown ("x@%k.device%n") is no suffix, and fails the test below.
         */
        if (!at || !suffix || suffix < text + known)
                return 0;
        r = str_printf(&name, "%.*s%s", (int) (at + 1 - text), text, suffix);
        if (r < 0)
                return r;
        if (!unit_name_is_valid(name))
                return 0;
        *ret = TAKE_PTR(name);
        return 1;
}

/* What a specifier stands for in a unit, as a part of its name: no byte of it where it is unknown.
 */
static const char *specifier_value(const char *unit, char specifier, size_t *ret_size) {
        const char *at = strchr(unit, '@'), *suffix = strrchr(unit, '.'), *begin = unit, *end;
        bool instance_known;

        if (!suffix || suffix < at)
                suffix = unit + strlen(unit);
        instance_known = !at || suffix > at + 1;
        end = at ? at : suffix;
        switch (specifier) {
        case '%':
                begin = "%";
                end = begin + 1;
                break;
        case 'p':
        case 'P':
                break;
        case 'j':
        case 'J':
                begin = memrchr(unit, '-', (size_t) (end - unit));
                begin = begin ? begin + 1 : unit;
                break;
        case 'i':
        case 'I':
                begin = at ? at + 1 : suffix;
                end = suffix;
                break;
        case 'n':
        case 'N':
                end = !instance_known ? begin : specifier == 'n' ? unit + strlen(unit) : suffix;
                break;
        default:
                end = begin;
        }
        *ret_size = (size_t) (end - begin);
        /* The capital letters undo the escapes of a name. What has none is the same. */
        if (strchr("PJI", specifier) &&
            (memchr(begin, '-', *ret_size) || memchr(begin, '\\', *ret_size)))
                *ret_size = 0;
        return begin;
}

int unit_name_expand(const char *unit, const char *text, char **ret) {
        _cleanup_free_ char *name = NULL;
        size_t n = 0;

        /* Only "%%" becomes shorter. Each specifier gives at most the unit's name. */
        if (strlen(text) > 2 * UNIT_NAME_MAX)
                return 0;
        name = malloc(strlen(text) * (strlen(unit) + 1) + 1);
        if (!name)
                return -ENOMEM;
        for (const char *p = text; *p; p++) {
                const char *value = p;
                size_t size = 1;

                if (*p == '%') {
                        value = specifier_value(unit, p[1], &size);
                        if (size == 0) {
                                stpcpy(name + n, p);
                                return unit_name_from_unknown_instance(name, n, ret);
                        }
                        p++;
                }
                memcpy(name + n, value, size);
                n += size;
        }
        name[n] = '\0';
        if (!unit_name_is_valid(name))
                return 0;
        *ret = TAKE_PTR(name);
        return 1;
}
