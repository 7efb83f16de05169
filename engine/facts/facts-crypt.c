/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Encrypted layers, as far as crypttab(5) tells: what unlocks them, and which of them belong to
 * the initramfs although nothing that it mounts lies on them.
 *
 *   NAME  DEVICE  [KEY  [OPTIONS]]
 *
 * A line counts when the walk through the block layers met a mapping of its NAME, or when its
 * options have x-initrd.attach, or Debian's `initramfs`. Of the options those matter that need something in the image:
 *
 *   tpm2-device=   fido2-device=   pkcs11-uri=   the token that has the key
 *   _netdev                                      the device comes over the network
 *   header=PATH:DEVICE                           and a KEY of the same form, name a device on
 *                                                which the file is to be found
 *
 * The lines that count are in the facts as they are, for the image's own crypttab. A mapping that
 * crypttab doesn't have was opened by hand or by the kernel command line; its UUID, "CRYPT-LUKS2-" and
 * the digits of the header's, tells what its line would be.
 *
 * Options on the kernel command line (rd.luks.options=) speak of all devices or of one that is
 * named by UUID; as tags are not about one device either, they count as soon as there is any.
 */

#include <stdio.h>

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

bool crypt_entry_is_marked(const CryptEntry *e) {
        return options_contain(e->options, "x-initrd.attach") ||
               options_contain(e->options, "initramfs");
}

bool crypt_entry_is_volatile(const CryptEntry *e) {
        return (e->key && (streq(e->key, "/dev/urandom") || streq(e->key, "/dev/random") ||
                           streq(e->key, "/dev/hw_random"))) ||
               options_contain(e->options, "tmp") || options_contain(e->options, "swap");
}

/* Takes nothing. Each name once. */
static int add_crypt(Host *h, const char *name, const char *device, const char *key,
                     const char *options) {
        Facts *facts = h->facts;
        FactsCrypt c = {}, *crypt;

        for (size_t i = 0; i < facts->n_crypt; i++)
                if (streq(facts->crypt[i].name, name))
                        return 0;
        c.name = strdup(name);
        c.device = strdup(device);
        c.key = key ? strdup(key) : NULL;
        c.options = options && *options ? strdup(options) : NULL;
        crypt = reallocarray(facts->crypt, facts->n_crypt + 1, sizeof(FactsCrypt));
        if (crypt)
                facts->crypt = crypt;
        if (!crypt || !c.name || !c.device || (key && !c.key) ||
            (options && *options && !c.options)) {
                facts_crypt_done(&c);
                return -ENOMEM;
        }
        facts->crypt[facts->n_crypt++] = c;
        return 0;
}

/* What lies directly below a mapped device. NULL when that is not to be known. */
static int lower_device(const Host *h, const char *block, char **ret) {
        _cleanup_strv_free_ char **slaves = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = str_printf(&path, "/sys/class/block/%s/slaves", block);
        if (r < 0)
                return r;
        r = host_list(h, path, &slaves);
        if (r < 0 || !slaves || !slaves[0])
                return r == -ENOMEM ? r : 0;
        *ret = strdup(slaves[0]);
        return *ret ? 0 : -ENOMEM;
}

/* The header is on what the mapping lies on; with integrity there is one more layer between. */
static int read_lower_header(Host *h, const char *block) {
        _cleanup_free_ char *name = strdup(block);
        int found = 0;

        if (!name)
                return -ENOMEM;
        for (unsigned i = 0; i < 2 && found == 0; i++) {
                _cleanup_free_ char *lower = NULL, *node = NULL;
                int r;

                r = lower_device(h, name, &lower);
                if (r < 0 || !lower)
                        return r;
                if (str_printf(&node, "/dev/%s", lower) < 0)
                        return -ENOMEM;
                for (char *p = node; (p = strchr(p, '!'));)
                        *p = '/';
                found = host_read_luks(h, node);
                free(name);
                name = TAKE_PTR(lower);
        }
        return found;
}

/* "CRYPT-LUKS2-66666666000040008000000000000000-name" → a UUID with its dashes. False: no LUKS. */
static bool luks_uuid(const char *uuid, char ret[37]) {
        const char *digits = startswith(uuid, "CRYPT-LUKS1-") ?: startswith(uuid, "CRYPT-LUKS2-");

        if (!digits || strspn(digits, "0123456789abcdefABCDEF") != 32)
                return false;
        for (size_t i = 0, o = 0; i < 32; i++) {
                if (i == 8 || i == 12 || i == 16 || i == 20)
                        ret[o++] = '-';
                ret[o++] = digits[i];
        }
        ret[36] = '\0';
        return true;
}

/* Whether udev or a look at the device says that it holds something else than its header. */
static int header_is_elsewhere(const Host *h, const char *block) {
        _cleanup_free_ char *lower = NULL, *type = NULL, *uuid = NULL;
        int r;

        r = lower_device(h, block, &lower);
        if (r < 0 || !lower)
                return r;
        r = block_content(h, lower, &type, &uuid);
        if (r == -ENOMEM)
                return r;
        /* With integrity, the device between holds nothing that has a name. */
        return r >= 0 && type && !streq(type, "crypto_LUKS");
}

static int add_unlisted(Host *h, const char *name, const char *uuid, const char *block) {
        char luks[37], device[64];
        int r;

        if (!luks_uuid(uuid, luks))
                return 0;
        r = header_is_elsewhere(h, block);
        if (r < 0)
                return r;
        if (r > 0)
                report_warn(h->report, CRYPTTAB, 0,
                            "%s is not in it, and its LUKS header is not on the device: only a "
                            "line "
                            "here can say where it is",
                            name);
        snprintf(device, sizeof(device), "UUID=%s", luks);
        return add_crypt(h, name, device, NULL, NULL);
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
        const char *header, *cipher;
        size_t size;
        int r;

        r = add_crypt(h, e->name, e->device, e->key, e->options);
        if (r >= 0)
                r = tag_options(h, e->options);
        if (r >= 0 && e->key)
                r = walk_file_device(h, e, e->key, strlen(e->key), devices, depth);
        header = option_value(e->options, "header", &size);
        if (r >= 0 && header) {
                _cleanup_free_ char *path = strndup(header, size);

                r = path ? walk_file_device(h, e, header, size, devices, depth) : -ENOMEM;
                if (r >= 0)
                        r = host_read_luks(h, path);
        }
        cipher = option_value(e->options, "cipher", &size);
        if (r >= 0 && cipher) {
                _cleanup_free_ char *spec = strndup(cipher, size);

                r = spec ? host_add_cipher(h, spec) : -ENOMEM;
        }
        return r < 0 ? r : 0;
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

int host_tag_crypt(Host *h, const char *name, const char *uuid, const char *block, char ***devices,
                   unsigned depth) {
        const CryptEntry *e = host_crypt_entry(h, name);
        int r;

        r = tag_cmdline(h);
        if (r >= 0 && block)
                r = read_lower_header(h, block);
        if (r >= 0 && e)
                r = tag_entry(h, e, devices, depth);
        else if (r >= 0 && uuid)
                r = add_unlisted(h, name, uuid, block);
        return r < 0 ? r : 0;
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
            (r = host_tag_crypt(h, e->name, NULL, NULL, devices, 0)) < 0)
                return r;
        r = block_from_spec(h, e->device, &name);
        if (r >= 0) {
                _cleanup_free_ char *lower = NULL;

                r = str_printf(&lower, "/dev/%s", name);
                if (r >= 0)
                        r = host_read_luks(h, lower);
        }
        return r < 0 ? r : block_walk(h, name, devices, 0);
}

int host_find_attached(Host *h) {
        for (size_t i = 0; i < h->n_crypttab; i++) {
                const CryptEntry *e = &h->crypttab[i];
                char **devices = NULL;
                _cleanup_free_ char *where = NULL;
                int r;

                if (!crypt_entry_is_marked(e))
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
