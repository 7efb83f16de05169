/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Secrets that people type on the kernel command line, or into fstab and crypttab. The kernel logs that
 * line, and programs log what they were told, so it isn't enough to leave them out once: what is found
 * here is replaced wherever it is in the report.
 *
 *   KEY=VALUE            where KEY has a word like "password" in it: rd.iscsi.password=,
 *                        systemd.set_credential=
 *   iscsi:USER:PASSWORD[:USER:PASSWORD]@…
 *   …://USER:PASSWORD@…
 *   …pin-value=PIN       RFC 7512, in crypttab's pkcs11-uri=
 *
 * A short one could be a part of anything, and is replaced only with what stands around it.
 */

#include <errno.h>
#include <string.h>

#include "boot-report.h"
#include "string-util.h"

#define MASKED "***"
#define LONG_ENOUGH 4

static int add(Masks *masks, const char *before, const char *secret, size_t n, const char *after) {
        Mask m = {};

        if (n == 0)
                return 0;
        if (!GREEDY_REALLOC(masks->masks, masks->allocated, masks->n + 1))
                return -ENOMEM;
        if (str_printf(&m.find, "%s%.*s%s", before, (int) n, secret, after) < 0)
                return -ENOMEM;
        if (str_printf(&m.put, "%s%s%s", before, MASKED, after) < 0) {
                free(m.find);
                return -ENOMEM;
        }
        masks->masks[masks->n++] = m;
        return 0;
}

/* With what stands around it, and alone if it can't be taken for something else. */
static int add_secret(Masks *masks, const char *before, const char *secret, size_t n,
                      const char *after) {
        int r = add(masks, before, secret, n, after);

        return r >= 0 && n >= LONG_ENOUGH ? add(masks, "", secret, n, "") : r;
}

static bool is_secret_key(const char *key, size_t n) {
        static const char *const words[] = { "password", "passwd", "passphrase", "cifspass",
                                             "secret",   "token",  "credential", "psk" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                size_t length = strlen(words[i]);

                for (size_t at = 0; at + length <= n; at++)
                        if (strncasecmp(key + at, words[i], length) == 0)
                                return true;
        }
        return false;
}

/* The first part of a word that says that the rest of it is secret. */
static int add_values(Masks *masks, const char *word) {
        for (const char *start = word, *equals; (equals = strchr(start, '='));
             start = equals + 1) {
                _cleanup_free_ char *before = NULL, *quoted = NULL;
                int r;

                if (!is_secret_key(start, (size_t) (equals - start)))
                        continue;
                before = strndup(word, (size_t) (equals + 1 - word));
                if (!before || str_printf(&quoted, "%s\"", before) < 0)
                        return -ENOMEM;
                r = add_secret(masks, before, equals + 1, strlen(equals + 1), "");
                return r < 0 ? r : add(masks, quoted, equals + 1, strlen(equals + 1), "\"");
        }
        return 0;
}

/* "A:B:C:D" before an "@": B and D. */
static int add_login(Masks *masks, const char *login, size_t n) {
        const char *end = login + n;
        int r = 0;

        for (unsigned field = 0; r >= 0 && login <= end; field++) {
                size_t length = strcspn(login, ":@");

                if (login + length > end)
                        length = (size_t) (end - login);
                if (field % 2 == 1)
                        r = add_secret(masks, ":", login, length,
                                       login[length] == '@' ? "@" : ":");
                login += length + 1;
        }
        return r;
}

static int add_logins(Masks *masks, const char *word) {
        const char *p = strstr(word, "iscsi:"), *at;
        int r = 0;

        if (p) {
                p += strlen("iscsi:");
                at = strchr(p, '@');
                if (at)
                        r = add_login(masks, p, (size_t) (at - p));
        }
        p = strstr(word, "://");
        if (r >= 0 && p) {
                p += strlen("://");
                at = p + strcspn(p, "/");
                while (at > p && *at != '@')
                        at--;
                if (at > p)
                        r = add_login(masks, p, (size_t) (at - p));
        }
        p = strstr(word, "pin-value=");
        if (r >= 0 && p) {
                p += strlen("pin-value=");
                r = add_secret(masks, "pin-value=", p, strcspn(p, "&;,"), "");
        }
        return r;
}

static int longer_first(const void *a, const void *b) {
        size_t x = strlen(((const Mask *) a)->find), y = strlen(((const Mask *) b)->find);

        return x > y ? -1 : x < y;
}

int masks_of_words(Masks *masks, const char *text) {
        _cleanup_strv_free_ char **words = NULL;
        int r;

        r = strv_split_quoted(&words, text);
        if (r == -EINVAL)
                r = strv_split(&words, text, " \t\n");
        STRV_FOREACH(word, words) {
                if (r >= 0)
                        r = add_values(masks, *word);
                if (r >= 0)
                        r = add_logins(masks, *word);
        }
        if (masks->n > 0)
                qsort(masks->masks, masks->n, sizeof(Mask), longer_first);
        return r;
}

void masks_done(Masks *masks) {
        for (size_t i = 0; i < masks->n; i++) {
                free(masks->masks[i].find);
                free(masks->masks[i].put);
        }
        free(masks->masks);
        *masks = (Masks) {};
}

void masks_write(const Masks *masks, FILE *f, const char *text, size_t size) {
        const char *end = text + size;

        while (text < end) {
                const Mask *found = NULL;

                for (size_t i = 0; i < masks->n && !found; i++) {
                        size_t n = strlen(masks->masks[i].find);

                        if (n <= (size_t) (end - text) &&
                            memcmp(text, masks->masks[i].find, n) == 0)
                                found = &masks->masks[i];
                }
                if (found) {
                        fputs(found->put, f);
                        text += strlen(found->find);
                } else
                        fputc(*text++, f);
        }
}
