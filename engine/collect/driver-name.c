/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A driver's file may have dashes in its name, its name in the kernel has underscores, and people
 * write either. Everything here is looked up by the kernel's form. Aliases are patterns, in which
 * a dash within brackets is a range and has to stay.
 */

#include "collect/driver-name.h"
#include "decompress.h"
#include "path-util.h"
#include "string-util.h"

int driver_alias_normalize(char *alias) {
        for (char *p = alias; *p; p++) {
                if (*p == ']')
                        return -EINVAL;
                if (*p == '[') {
                        p = strchr(p, ']');
                        if (!p)
                                return -EINVAL;
                } else if (*p == '-')
                        *p = '_';
        }
        return 0;
}

int driver_name_normalize(const char *name, char ret[static DRIVER_NAME_MAX]) {
        size_t n = strlen(name);

        if (n == 0 || n >= DRIVER_NAME_MAX)
                return -EINVAL;
        memcpy(ret, name, n + 1);
        return driver_alias_normalize(ret);
}

int driver_name_of_path(const char *path, char ret[static DRIVER_NAME_MAX]) {
        const char *base = path_basename(path);
        const char *end = compression_suffix(base) ?: base + strlen(base);
        size_t n = (size_t) (end - base);

        if (n <= 3 || n - 3 >= DRIVER_NAME_MAX || memcmp(end - 3, ".ko", 3) != 0)
                return -EINVAL;
        memcpy(ret, base, n - 3);
        ret[n - 3] = '\0';
        for (char *p = ret; *p; p++)
                if (*p == '-')
                        *p = '_';
        return 0;
}
