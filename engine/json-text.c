/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdio.h>

#include "json-text.h"
#include "string-util.h"

json_t *json_text(const char *s) {
        json_t *string = json_string(s);
        char *escaped, *p;

        if (string)
                return string;
        p = escaped = malloc(strlen(s) * 4 + 1);
        if (!escaped)
                return NULL;
        for (; *s; s++)
                p += (unsigned char) *s < 0x80 ? sprintf(p, "%c", *s)
                                               : sprintf(p, "\\x%02x", (unsigned char) *s);
        *p = '\0';
        string = json_string(escaped);
        free(escaped);
        return string;
}

json_t *json_text_or_null(const char *s) {
        return s ? json_text(s) : json_null();
}

json_t *json_texts(char *const *l) {
        json_t *array = json_array();

        STRV_FOREACH(s, l)
                json_array_append_new(array, json_text(*s));
        return array;
}
