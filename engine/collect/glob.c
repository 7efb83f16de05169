/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * fnmatch(3) knows no "**", and its time can be exponential. Here a mismatch goes back to the last
 * star only, and from there to the last double star: whatever an earlier star could have taken
 * more, the later one of the same kind can take as well. A single star can't go past a slash, so
 * both need to be remembered, and no more than these two.
 */

#include "collect/glob.h"

bool glob_has_wildcard(const char *s) {
        return s[strcspn(s, "*?[")] != '\0';
}

size_t glob_literal_prefix(const char *pattern) {
        return strcspn(pattern, "*?[");
}

/* "[abc]", "[a-z]", "[!a]". Gives what follows the bracket, or NULL when it is never closed. */
static const char *match_class(const char *p, char c, bool *ret) {
        bool negated, found = false;

        p++;
        negated = *p == '!' || *p == '^';
        if (negated)
                p++;
        for (const char *first = p; *p && (*p != ']' || p == first); p++) {
                if (p[1] == '-' && p[2] && p[2] != ']') {
                        found = found || (*p <= c && c <= p[2]);
                        p += 2;
                } else
                        found = found || *p == c;
        }
        if (!*p)
                return NULL;
        *ret = found != negated;
        return p + 1;
}

/* One character of the path against one element of the pattern: what follows it, or NULL. */
static const char *match_one(const char *p, char c) {
        const char *next;
        bool in_class;

        if (*p == '[') {
                next = match_class(p, c, &in_class);
                if (next)
                        return in_class && c != '/' ? next : NULL;
        }
        if (*p == '?')
                return c != '/' ? p + 1 : NULL;
        return *p == c ? p + 1 : NULL;
}

bool glob_match(const char *pattern, const char *path) {
        const char *star = NULL, *star_at = NULL; /* what follows the last '*'; where it began */
        const char *stars = NULL, *stars_at = NULL; /* of the last "**" */
        bool components = false; /* that was "**" and a slash, which takes whole components */
        const char *p = pattern, *s = path;

        for (;;) {
                const char *next;

                if (p[0] == '*' && p[1] == '*') {
                        components = p == pattern || p[-1] == '/';
                        while (*p == '*')
                                p++;
                        components = components && *p == '/';
                        if (components)
                                p++;
                        star = NULL;
                        stars = p;
                        stars_at = s;
                        continue;
                }
                if (*p == '*') {
                        star = ++p;
                        star_at = s;
                        continue;
                }
                if (!*s && !*p)
                        return true;
                next = *s && *p ? match_one(p, *s) : NULL;
                if (next) {
                        p = next;
                        s++;
                        continue;
                }
                if (star && *star_at && *star_at != '/') {
                        p = star;
                        s = ++star_at;
                } else if (stars && *stars_at) {
                        if (components) {
                                stars_at = strchr(stars_at, '/');
                                if (!stars_at)
                                        return false;
                        }
                        star = NULL;
                        p = stars;
                        s = ++stars_at;
                } else
                        return false;
        }
}
