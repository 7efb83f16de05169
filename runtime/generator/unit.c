/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What was typed on the kernel command line, as text of a unit: systemd.syntax(7) has what means
 * something in values, systemd.service(5) what does in command lines.
 */

#include <stdlib.h>
#include <string.h>

#include "generator.h"

/* Each character of `doubled` twice, `escaped` behind a backslash, `around` on both sides. */
static char *transform(const char *s, const char *doubled, const char *escaped,
                       const char *around) {
        char *out = malloc(2 * strlen(s) + 2 * strlen(around) + 1), *o = out;

        if (!out)
                return NULL;
        o = stpcpy(o, around);
        for (; *s; s++) {
                if (strchr(doubled, *s))
                        *o++ = *s;
                else if (strchr(escaped, *s))
                        *o++ = '\\';
                *o++ = *s;
        }
        stpcpy(o, around);
        return out;
}

char *unit_quote(const char *word) {
        return transform(word, "%$", "\\\"", "\"");
}

char *unit_escape_percent(const char *value) {
        return transform(value, "%", "", "");
}

bool unit_value_is_valid(const char *value) {
        size_t length = strlen(value);

        for (size_t i = 0; i < length; i++)
                if ((unsigned char) value[i] < ' ' || value[i] == 0x7f)
                        return false;
        return length > 0 && value[length - 1] != '\\';
}
