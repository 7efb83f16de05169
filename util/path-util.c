/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "path-util.h"
#include "string-util.h"

char *path_join(const char *a, const char *b) {
        size_t n = strlen(a);
        char *joined;

        while (n > 0 && a[n - 1] == '/')
                n--;
        b += strspn(b, "/");
        if (str_printf(&joined, "%.*s/%s", (int) n, a, b) < 0)
                return NULL;
        return joined;
}

char *path_simplify(char *path) {
        bool absolute = *path == '/';
        char *from = path, *to = path;

        if (absolute)
                *to++ = '/';
        for (;;) {
                size_t n;

                from += strspn(from, "/");
                n = strcspn(from, "/");
                if (n == 0)
                        break;
                if (n != 1 || *from != '.') {
                        if (to != path && to[-1] != '/')
                                *to++ = '/';
                        memmove(to, from, n);
                        to += n;
                }
                from += n;
        }
        if (to == path)
                *to++ = '.';
        *to = '\0';
        return path;
}

const char *path_basename(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

char *path_dirname(const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash)
                return strdup(".");
        while (slash > path && slash[-1] == '/')
                slash--;
        return slash == path ? strdup("/") : strndup(path, (size_t) (slash - path));
}

bool path_below(const char *path, const char *prefix) {
        const char *rest;

        if (streq(prefix, "/"))
                return *path == '/';
        rest = startswith(path, prefix);
        return rest && (*rest == '\0' || *rest == '/');
}

bool filename_is_valid(const char *name) {
        return *name && !streq(name, ".") && !streq(name, "..") && !strchr(name, '/');
}
