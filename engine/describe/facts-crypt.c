/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Encrypted layers, as far as crypttab(5) tells: what unlocks them, and which of them belong to
 * the initramfs although nothing that it mounts lies on them.
 *
 *   NAME  DEVICE  [KEY  [OPTIONS]]
 *
 * A line counts when the walk through the block layers met a mapping of its NAME, or when its
 * options have x-initrd.attach. Of the options those matter that need something in the image:
 *
 *   tpm2-device=   fido2-device=   pkcs11-uri=   the token that has the key
 *   _netdev                                      the device comes over the network
 *   header=PATH:DEVICE                           and a KEY of the same form, name a device on
 *                                                which the file is to be found
 *
 * Options on the kernel command line (rd.luks.options=) speak of all devices or of one that is
 * named by UUID; as tags are not about one device either, they count as soon as there is any.
 */

#include "facts-host.h"
#include "string-util.h"

#define CRYPTTAB "/etc/crypttab"

bool options_contain(const char *options, const char *name) {
        size_t n = strlen(name);

        for (const char *p = options; p && *p; p += strcspn(p, ",")) {
                if (*p == ',')
                        p++;
                if (strncmp(p, name, n) == 0 && strchr(",=", p[n]))
                        return true;
        }
        return false;
}

/* The value of an option, borrowed and with its length. */
static const char *option_value(const char *options, const char *name, size_t *ret_size) {
        size_t n = strlen(name);

        for (const char *p = options; *p; p += strcspn(p, ",")) {
                if (*p == ',')
                        p++;
                if (strncmp(p, name, n) == 0 && p[n] == '=') {
                        *ret_size = strcspn(p + n + 1, ",");
                        return p + n + 1;
                }
        }
        return NULL;
}

static int add_entry(Host *h, char *line, unsigned number) {
        _cleanup_strv_free_ char **fields = NULL;
        size_t n;
        CryptEntry *e;
        int r;

        line = str_strip(line);
        if (*line == '\0' || *line == '#')
                return 0;
        r = strv_split(&fields, line, " \t\r");
        if (r < 0)
                return r;
        n = strv_length(fields);
        if (n < 2 || n > 4) {
                report_warn(h->report, CRYPTTAB, number,
                            "The line was not understood and was ignored");
                return 0;
        }
        if (!GREEDY_REALLOC(h->crypttab, h->allocated_crypttab, h->n_crypttab + 1))
                return -ENOMEM;
        e = &h->crypttab[h->n_crypttab];
        *e = (CryptEntry) { .line = number };
        e->options = strdup(n > 3 ? fields[3] : "");
        if (!e->options)
                return -ENOMEM;
        if (n > 2 && !streq(fields[2], "none") && !streq(fields[2], "-"))
                e->key = TAKE_PTR(fields[2]);
        else if (n > 2)
                free(TAKE_PTR(fields[2]));
        if (n > 3)
                free(TAKE_PTR(fields[3]));
        e->device = TAKE_PTR(fields[1]);
        e->name = TAKE_PTR(fields[0]);
        h->n_crypttab++;
        return 0;
}

int host_read_crypttab(Host *h) {
        _cleanup_free_ char *text = NULL;
        char *p;
        int r;

        r = host_read(h, CRYPTTAB, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                if (r != -ENOENT)
                        report_warn(h->report, CRYPTTAB, 0, "Can't be read: %s", strerror(-r));
                return 0;
        }
        p = text;
        for (unsigned number = 1; p; number++) {
                char *line = strsep(&p, "\n");

                r = add_entry(h, line, number);
                if (r < 0)
                        return r;
        }
        return 0;
}

const CryptEntry *host_crypt_entry(const Host *h, const char *name) {
        for (size_t i = 0; i < h->n_crypttab; i++)
                if (streq(h->crypttab[i].name, name))
                        return &h->crypttab[i];
        return NULL;
}

bool crypt_entry_is_volatile(const CryptEntry *e) {
        return (e->key && (streq(e->key, "/dev/urandom") || streq(e->key, "/dev/random") ||
                           streq(e->key, "/dev/hw_random"))) ||
               options_contain(e->options, "tmp") || options_contain(e->options, "swap");
}

static int tag_options(Host *h, const char *options) {
        static const struct {
                const char *option, *tag;
        } needs[] = {
                { "tpm2-device", "tpm2" },
                { "fido2-device", "fido2" },
                { "pkcs11-uri", "pkcs11" },
                { "_netdev", "net" },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(needs); i++)
                if (options_contain(options, needs[i].option)) {
                        r = host_tag(h, "%s", needs[i].tag);
                        if (r < 0)
                                return r;
                }
        return 0;
}

/* "PATH:DEVICE": the device behind the last colon, if it is one, must be brought up as well. Its
 * file system has to be mounted to read the file. */
static int walk_file_device(Host *h, const CryptEntry *e, const char *value, size_t size,
                            char ***devices, unsigned depth) {
        _cleanup_free_ char *copy = strndup(value, size), *name = NULL, *type = NULL, *uuid = NULL;
        char *spec;
        int r;

        if (!copy)
                return -ENOMEM;
        spec = strrchr(copy, ':');
        if (!spec || !block_spec_is_device(spec + 1))
                return 0;
        r = block_from_spec(h, spec + 1, &name);
        if (r >= 0)
                r = block_walk(h, name, devices, depth + 1);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                /* A key on a stick is expected to be out of the machine most of the time. */
                report_warn(h->report, CRYPTTAB, e->line,
                            "%s is not there now, so it is not known which drivers it needs",
                            spec + 1);
                return 0;
        }
        r = block_content(h, name, &type, &uuid);
        return r >= 0 && type ? host_tag(h, "fs:%s", type) : r;
}

static int tag_entry(Host *h, const CryptEntry *e, char ***devices, unsigned depth) {
        const char *header;
        size_t size;
        int r;

        r = tag_options(h, e->options);
        if (r >= 0 && e->key)
                r = walk_file_device(h, e, e->key, strlen(e->key), devices, depth);
        header = option_value(e->options, "header", &size);
        if (r >= 0 && header)
                r = walk_file_device(h, e, header, size, devices, depth);
        return r;
}

static int tag_cmdline(Host *h) {
        STRV_FOREACH(word, h->cmdline) {
                const char *value = startswith(*word, "rd.luks.options=");
                int r;

                if (!value)
                        value = startswith(*word, "luks.options=");
                if (!value)
                        continue;
                /* "UUID=OPTIONS"; an option's own "=" comes after a name, not after a UUID. */
                if (strspn(value, "0123456789abcdefABCDEF-") == 36 && value[36] == '=')
                        value += 37;
                r = tag_options(h, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int host_tag_crypt(Host *h, const char *name, char ***devices, unsigned depth) {
        const CryptEntry *e = host_crypt_entry(h, name);
        int r;

        r = tag_cmdline(h);
        return r >= 0 && e ? tag_entry(h, e, devices, depth) : r;
}

/* A mapping that is active is walked as any device; else its line says all that is known. */
static int attach(Host *h, const CryptEntry *e, char ***devices) {
        _cleanup_free_ char *node = NULL, *name = NULL;
        int r;

        r = str_printf(&node, "/dev/mapper/%s", e->name);
        if (r < 0)
                return r;
        r = block_from_node(h, node, &name);
        if (r >= 0)
                return block_walk(h, name, devices, 0);
        if (r == -ENOMEM || (r = host_tag(h, "block:dm")) < 0 ||
            (r = host_tag(h, "block:crypt")) < 0 ||
            (r = host_tag_crypt(h, e->name, devices, 0)) < 0)
                return r;
        r = block_from_spec(h, e->device, &name);
        return r < 0 ? r : block_walk(h, name, devices, 0);
}

int host_find_attached(Host *h) {
        for (size_t i = 0; i < h->n_crypttab; i++) {
                const CryptEntry *e = &h->crypttab[i];
                char **devices = NULL;
                _cleanup_free_ char *where = NULL;
                int r;

                if (!options_contain(e->options, "x-initrd.attach"))
                        continue;
                r = attach(h, e, &devices);
                if (r < 0 && r != -ENOMEM) {
                        report_warn(h->report, CRYPTTAB, e->line,
                                    "%s is marked for the initrd and can't be found: %s",
                                    e->device, strerror(-r));
                        r = 0;
                }
                if (r >= 0)
                        r = str_printf(&where, "/dev/mapper/%s", e->name);
                if (r < 0) {
                        strv_free(devices);
                        return r;
                }
                r = host_add_mount(h, where, e->device, "crypt", *e->options ? e->options : NULL,
                                   devices);
                if (r < 0)
                        return r;
        }
        return 0;
}
