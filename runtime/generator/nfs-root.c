/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "nfs-root.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "string-util.h"

void nfs_root_done(NfsRoot *root) {
        free(root->server);
        free(root->path);
        strv_free(root->options);
        *root = (NfsRoot) {};
}

int nfs_root_add_options(NfsRoot *root, const char *list) {
        _cleanup_strv_free_ char **words = NULL;
        int r = strv_split(&words, list, ",");

        STRV_FOREACH(word, words)
                if (r >= 0 && (streq(*word, "ro") || streq(*word, "rw")))
                        root->access = streq(*word, "ro") ? "ro" : "rw";
                else if (r >= 0 && **word)
                        r = strv_extend(&root->options, *word);
        return r;
}

bool nfs_root_has_option(const NfsRoot *root, const char *name) {
        STRV_FOREACH(option, root->options) {
                const char *rest = startswith(*option, name);

                if (!rest && streq(name, "vers"))
                        rest = startswith(*option, "nfsvers");
                if (rest && (*rest == '\0' || *rest == '='))
                        return true;
        }
        return false;
}

/* Names and addresses: nothing that a shell, a unit or mount(8) would take for something else. */
static bool server_is_valid(const char *s) {
        size_t n;

        if (*s == '[') {
                n = strspn(++s, "0123456789abcdefABCDEF:.%");
                return n > 0 && streq(s + n, "]");
        }
        for (; *s; s++)
                if (!isascii(*s) || !(isalnum((unsigned char) *s) || strchr(".-_", *s)))
                        return false;
        return true;
}

static bool text_is_valid(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 127)
                        return false;
        return true;
}

/* SERVER[:PORT]/PATH */
static int parse_url(const char *s, NfsRoot *root) {
        const char *slash = strchr(s, '/'), *colon;
        _cleanup_free_ char *port = NULL;
        char *option;
        unsigned number;

        if (!slash)
                return -EINVAL;
        colon = memchr(s, ']', (size_t) (slash - s)) ?: s;
        colon = memchr(colon, ':', (size_t) (slash - colon));
        root->server = strndup(s, (size_t) ((colon ?: slash) - s));
        root->path = strdup(slash);
        if (!root->server || !root->path)
                return -ENOMEM;
        if (!colon)
                return 0;
        port = strndup(colon + 1, (size_t) (slash - colon - 1));
        if (!port)
                return -ENOMEM;
        if (parse_unsigned(port, &number) < 0 || number < 1 || number > 65535)
                return -EINVAL;
        if (str_printf(&option, "port=%u", number) < 0)
                return -ENOMEM;
        return strv_consume(&root->options, option);
}

/* [OPTIONS:][SERVER:]/PATH[:OPTIONS|,OPTIONS] */
static int parse_plain(const char *s, NfsRoot *root) {
        const char *path = strstr(s, ":/"), *server = s, *end;
        int r;

        if (*s == '/')
                path = s;
        else if (path)
                path++;
        else if (*s == '\0')
                path = s;
        else
                return -EINVAL;
        if (path > s) {
                const char *last = path - 1;

                /* What stands before a server; the colons of an address are in brackets. */
                if (*s != '[') {
                        const char *colon = memchr(s, ':', (size_t) (last - s));

                        if (colon) {
                                _cleanup_free_ char *options = strndup(s, (size_t) (colon - s));

                                r = options ? nfs_root_add_options(root, options) : -ENOMEM;
                                if (r < 0)
                                        return r;
                                server = colon + 1;
                        }
                }
                root->server = strndup(server, (size_t) (last - server));
        } else
                root->server = strdup("");
        end = path + strcspn(path, ":,");
        root->path = strndup(path, (size_t) (end - path));
        if (!root->server || !root->path)
                return -ENOMEM;
        return *end ? nfs_root_add_options(root, end + 1) : 0;
}

int nfs_root_parse(const char *text, NfsRoot *ret) {
        _cleanup_nfs_root_done_ NfsRoot root = {};
        const char *rest;
        int r;

        rest = startswith(text, "nfs4:");
        root.version4 = rest != NULL;
        rest = rest ?: startswith(text, "nfs:") ?: text;
        if (rest != text && startswith(rest, "//"))
                r = parse_url(rest + 2, &root);
        else
                r = parse_plain(rest, &root);
        if (r < 0)
                return r;
        if (!server_is_valid(root.server) || !text_is_valid(root.path))
                return -EINVAL;
        STRV_FOREACH(option, root.options)
                if (!text_is_valid(*option))
                        return -EINVAL;
        *ret = root;
        root = (NfsRoot) {};
        return 0;
}
