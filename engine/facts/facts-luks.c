/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the header of an encrypted device says of how it is opened: the ciphers that the kernel needs
 * drivers for, and the tokens that have a key.
 *
 * LUKS1 (cryptsetup's on-disk format, version 1.2.3), integers in big endian:
 *
 *   0   "LUKS" 0xba 0xbe     6   version, 16 bits     8   cipher, 32 bytes, NUL-terminated
 *   40  mode, 32 bytes       72  hash, 32 bytes
 *
 * LUKS2 (cryptsetup's on-disk format, version 1.1.1) has the magic and version at the same place,
 * the size of binary header and JSON together as 64 bits at 8, and the JSON from 4096 on:
 *
 *   keyslots.N.area.encryption, .kdf.hash, .af.hash; segments.N.encryption, .integrity.type;
 *   digests.N.hash; tokens.N.type: "systemd-tpm2", "systemd-fido2", "systemd-pkcs11"
 *
 * A cipher is written "aes-xts-plain64", "aes-cbc-essiv:sha256" or "capi:xts(aes)-plain64". Each of its
 * words is looked for as a driver, "crypto-WORD", as the kernel asks for them: among the
 * modaliases of the facts. A header that can't be read is nothing that would be known.
 */

#include <ctype.h>
#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

#include <jansson.h>

#include "facts-host.h"
#include "fd-util.h"
#include "string-util.h"

#define BINARY_SIZE 4096
#define JSON_MAX (4 * 1024 * 1024)

int host_add_cipher(Host *h, const char *spec) {
        for (const char *p = spec; p && *p;) {
                size_t n = 0;
                int r;

                while (isalnum((unsigned char) p[n]) || p[n] == '_')
                        n++;
                if (n > 1 && n < 64 && strncmp(p, "plain", 5) != 0 && strncmp(p, "capi", 4) != 0) {
                        char *alias;

                        r = str_printf(&alias, "crypto-%.*s", (int) n, p);
                        if (r >= 0)
                                r = strv_consume(&h->facts->modaliases, alias);
                        if (r < 0)
                                return r;
                }
                p += n > 0 ? n : 1;
        }
        return 0;
}

static int add_json_cipher(Host *h, json_t *o, const char *key) {
        return host_add_cipher(h, json_string_value(json_object_get(o, key)));
}

static int add_keyslots(Host *h, json_t *keyslots) {
        const char *number;
        json_t *slot;
        int r = 0;

        json_object_foreach(keyslots, number, slot)
                if (r >= 0 &&
                    (r = add_json_cipher(h, json_object_get(slot, "area"), "encryption")) >= 0 &&
                    (r = add_json_cipher(h, json_object_get(slot, "kdf"), "hash")) >= 0)
                        r = add_json_cipher(h, json_object_get(slot, "af"), "hash");
        return r;
}

static int add_segments(Host *h, json_t *segments) {
        const char *number;
        json_t *segment;
        int r = 0;

        json_object_foreach(segments, number, segment)
                if (r >= 0 && (r = add_json_cipher(h, segment, "encryption")) >= 0)
                        r = add_json_cipher(h, json_object_get(segment, "integrity"), "type");
        return r;
}

static int add_tokens(Host *h, json_t *tokens) {
        static const char *const known[] = { "tpm2", "fido2", "pkcs11" };
        const char *number;
        json_t *token;

        json_object_foreach(tokens, number, token) {
                const char *type = json_string_value(json_object_get(token, "type"));
                const char *kind = type ? startswith(type, "systemd-") : NULL;

                for (size_t i = 0; kind && i < ELEMENTSOF(known); i++)
                        if (streq(kind, known[i])) {
                                int r = host_tag(h, "%s", kind);

                                if (r < 0)
                                        return r;
                        }
        }
        return 0;
}

static int read_json(Host *h, const char *text) {
        json_error_t error;
        json_t *o = json_loads(text, 0, &error);
        const char *number;
        json_t *digest;
        int r;

        if (!o)
                return 0;
        r = add_keyslots(h, json_object_get(o, "keyslots"));
        if (r >= 0)
                r = add_segments(h, json_object_get(o, "segments"));
        json_object_foreach(json_object_get(o, "digests"), number, digest)
                if (r >= 0)
                        r = add_json_cipher(h, digest, "hash");
        if (r >= 0)
                r = add_tokens(h, json_object_get(o, "tokens"));
        json_decref(o);
        return r;
}

static int read_luks1(Host *h, const char *binary) {
        static const size_t fields[] = { 8, 40, 72 };

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                char field[33] = {};
                int r;

                memcpy(field, binary + fields[i], 32);
                r = host_add_cipher(h, field);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_luks2(Host *h, int fd, const char *binary) {
        _cleanup_free_ char *text = NULL;
        uint64_t size;
        ssize_t n;

        memcpy(&size, binary + 8, sizeof(size));
        size = be64toh(size);
        if (size <= BINARY_SIZE || size > JSON_MAX)
                return 0;
        size -= BINARY_SIZE;
        text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        n = pread(fd, text, size, BINARY_SIZE);
        if (n <= 0)
                return 0;
        text[n] = '\0';
        return read_json(h, text);
}

int host_read_luks(Host *h, const char *path) {
        _cleanup_close_ int fd = host_open(h, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        char binary[BINARY_SIZE];
        uint16_t version;
        int r;

        if (fd < 0 || pread(fd, binary, sizeof(binary), 0) != sizeof(binary) ||
            memcmp(binary, "LUKS\xba\xbe", 6) != 0)
                return 0;
        memcpy(&version, binary + 6, sizeof(version));
        version = be16toh(version);
        if (version == 1)
                r = read_luks1(h, binary);
        else if (version == 2)
                r = read_luks2(h, fd, binary);
        else
                return 0;
        return r < 0 ? r : 1;
}
