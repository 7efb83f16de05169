/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * cryptopts= of Debian's initramfs-tools: an encrypted device that crypttab doesn't have.
 *
 *   cryptopts=target=NAME,source=DEVICE[,key=FILE][,OPTION…]     any number of times
 *
 * It becomes a line of a crypttab in /run, which systemd-cryptsetup-generator is started with, so
 * that its units are the same as of any other. rd.luks.* it reads itself.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fd-util.h"
#include "generator.h"
#include "string-util.h"

#define CRYPTTAB "/run/initrdd/cryptopts"

/* Options that crypttab(5) has, too. Those that end in "=" need a value. */
static const char *const taken[] = {
        "luks",
        "plain",
        "bitlk",
        "discard",
        "cipher=",
        "size=",
        "hash=",
        "offset=",
        "skip=",
        "header=",
        "tries=",
        "timeout=",
        "keyfile-offset=",
        "keyfile-size=",
        "key-slot=",
        "swap",
        "tcrypt",
        "tcrypt-hidden",
        "tcrypt-veracrypt",
        "no-read-workqueue",
        "no-write-workqueue",
        "same-cpu-crypt",
        "submit-from-crypt-cpus",
        "sector-size=",
        "tpm2-device=",
        "fido2-device=",
        "pkcs11-uri=",
        "token-timeout=",
        NULL,
};
/* What its scripts need to be told, and systemd finds out. */
static const char *const needless[] = {
        "rootdev", "resumedev", "initramfs", "lvm=", "loud", NULL
};

static bool in_list(const char *const *list, const char *option) {
        for (; *list; list++)
                if (endswith(*list, "=") ? startswith(option, *list) != NULL
                                         : streq(*list, option))
                        return true;
        return false;
}

typedef struct Line {
        const char *target, *source, *key;
        char **options;
} Line;

static int parse_option(const Generator *g, const char *word, const char *option, Line *line) {
        const char *v;

        if ((v = startswith(option, "target=")))
                line->target = v;
        else if ((v = startswith(option, "source=")))
                line->source = v;
        else if ((v = startswith(option, "key=")))
                line->key = v;
        else if (streq(option, "readonly"))
                return strv_extend(&line->options, "read-only");
        else if ((v = startswith(option, "keyslot="))) {
                char *s;

                return str_printf(&s, "key-slot=%s", v) < 0 ? -ENOMEM
                                                            : strv_consume(&line->options, s);
        } else if (in_list(taken, option))
                return strv_extend(&line->options, option);
        else if (startswith(option, "keyscript="))
                generator_warn(g, "%s: no script is run for a key; the passphrase is asked for",
                               word);
        else if (!in_list(needless, option))
                generator_warn(g, "%s: the option \"%s\" is not known and was ignored", word,
                               option);
        return 0;
}

/* crypttab(5) has fields between white space and no way to quote. */
static bool is_field(const char *s) {
        return s && *s && !strpbrk(s, " \t\n#");
}

static int add_line(const Generator *g, const char *word, const char *value, char ***lines) {
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *options = NULL;
        Line line = { .key = "none" };
        char *text;
        int r;

        r = strv_split(&words, value, ",");
        STRV_FOREACH(option, words)
                if (r >= 0)
                        r = parse_option(g, word, *option, &line);
        if (streq(line.key, ""))
                line.key = "none";
        if (r >= 0 && (!is_field(line.target) || strchr(line.target, '/') ||
                       !is_field(line.source) || !is_field(line.key))) {
                generator_warn(g, "%s lacks a target= or a source= and was ignored", word);
                strv_free(line.options);
                return 0;
        }
        if (r >= 0 && !(options = strv_join(line.options, ",")))
                r = -ENOMEM;
        strv_free(line.options);
        if (r < 0)
                return r;
        r = str_printf(&text, "%s %s %s %s", line.target, line.source, line.key,
                       *options ? options : "luks");
        return r < 0 ? r : strv_consume(lines, text);
}

static int add_source(char ***nodes, const char *spec) {
        char *node;
        int r = device_node(spec, &node);

        if (r <= 0)
                return r;
        if (!strv_contains(*nodes, node))
                return strv_consume(nodes, node);
        free(node);
        return 0;
}

static int add_by_uuid(char ***nodes, const char *uuid, size_t n) {
        const char *prefix = startswith(uuid, "luks-");
        _cleanup_free_ char *spec = NULL;

        if (prefix) {
                n -= (size_t) (prefix - uuid);
                uuid = prefix;
        }
        return str_printf(&spec, "UUID=%.*s", (int) n, uuid) < 0 ? -ENOMEM
                                                                 : add_source(nodes, spec);
}

/* The devices that a word of the kernel command line is about: systemd's own, and cryptopts=. */
static int add_word_sources(char ***nodes, const char *word) {
        const char *rest = startswith(word, "rd.") ?: word, *v;
        _cleanup_strv_free_ char **options = NULL;
        int r;

        if ((v = option_value(rest, "luks.uuid")))
                return add_by_uuid(nodes, v, strlen(v));
        if ((v = option_value(rest, "luks.name")))
                return add_by_uuid(nodes, v, strcspn(v, "="));
        if ((v = option_value(rest, "luks.data")))
                return (v = strchr(v, '=')) ? add_source(nodes, v + 1) : 0;
        v = option_value(word, "cryptopts");
        r = v ? strv_split(&options, v, ",") : 0;
        STRV_FOREACH(option, options)
                if (r >= 0 && (v = startswith(*option, "source=")))
                        r = add_source(nodes, v);
        return r;
}

int crypt_find_sources(const Generator *g, char ***ret) {
        _cleanup_strv_free_ char **nodes = NULL, **lines = NULL;
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;
        int r = 0;

        if (str_printf(&path, "%s/etc/crypttab", g->root) < 0)
                return -ENOMEM;
        STRV_FOREACH(word, g->words)
                if (r >= 0)
                        r = add_word_sources(&nodes, *word);
        if (r >= 0 && file_read_at(AT_FDCWD, path, 1024 * 1024, &text, &size) >= 0)
                r = strv_split(&lines, text, "\n");
        STRV_FOREACH(line, lines) {
                _cleanup_strv_free_ char **fields = NULL;

                if (r >= 0)
                        r = strv_split(&fields, *line, " \t");
                if (r >= 0 && strv_length(fields) >= 2 && **fields != '#' &&
                    !strstr(*line, "x-systemd.device-timeout="))
                        r = add_source(&nodes, fields[1]);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(nodes);
        return 0;
}

static int run_generator(const Generator *g, const char *crypttab) {
        const char *directories[] = { g->normal, g->early, g->late };
        _cleanup_free_ char *variable = NULL;

        if (str_printf(&variable, "SYSTEMD_CRYPTTAB=%s", crypttab) < 0)
                return -ENOMEM;
        /* What it finds on the kernel command line it does when it is itself called. */
        return generator_run(g, "systemd-cryptsetup-generator", directories,
                             (char *[]) { variable, (char *) "SYSTEMD_PROC_CMDLINE=cryptopts",
                                          (char *) "SYSTEMD_IN_INITRD=1", NULL });
}

/* FILE:KEYDEV[:LUKSDEV] of dracut is to systemd a file with colons in its name. */
static void warn_of_keys(const Generator *g) {
        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "rd.luks.key");

                if (value && *value == '/' && strchr(value, ':'))
                        generator_warn(g,
                                       "%s is not understood: say rd.luks.key=UUID=FILE:DEVICE, "
                                       "with the UUID of what it opens",
                                       *word);
        }
}

int generate_crypt(const Generator *g) {
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_free_ char *joined = NULL, *text = NULL, *path = NULL;
        int r = 0;

        warn_of_keys(g);
        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "cryptopts");

                if (value)
                        r = add_line(g, *word, value, &lines);
                if (r < 0)
                        return r;
        }
        if (!lines || option_is(g, "rd.luks", false) || option_is(g, "luks", false))
                return 0;
        joined = strv_join(lines, "\n");
        if (!joined || str_printf(&text, "%s\n", joined) < 0 ||
            str_printf(&path, "%s" CRYPTTAB, g->root) < 0)
                return -ENOMEM;
        r = generator_write(g, "/run/initrdd", "cryptopts", text);
        return r < 0 ? r : run_generator(g, path);
}
