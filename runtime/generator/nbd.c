/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 *   root=nbd:SPEC              the device is the root, netroot=nbd:SPEC: it is a disk
 *   SPEC = SERVER:PORT|EXPORT[:[FSTYPE][:[ROOTFLAGS][:OPTION,…]]]
 *   nbdroot=SERVER,PORT|EXPORT[,DEVICE]         of initramfs-tools; the root is on it
 *   nbdroot=SERVER:[PORT]/EXPORT, nbddev=DEVICE, root=/dev/nbdN
 *   nbdroot=dhcp               what DHCP names as the root's path, which attach.c puts in its place
 *   nbdroot=dhcp,PORT|EXPORT[,DEVICE]           of the server that it names there
 *
 * What consists of digits alone is a port, on which the server's default export is. A server that is
 * an IPv6 address stands in []. Devices are counted from /dev/nbd0 on, in the order of the words,
 * that of root= first.
 */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "nbd.h"
#include "string-util.h"

#define DEVICES_MAX 16

static void device_done(NbdDevice *d) {
        free(d->server);
        free(d->port);
        free(d->export);
        free(d->node);
        strv_free(d->options);
}

void nbd_done(Nbd *nbd) {
        for (size_t i = 0; i < nbd->n_devices; i++)
                device_done(&nbd->devices[i]);
        free(nbd->devices);
        free(nbd->type);
        free(nbd->flags);
}

static bool is_digits(const char *s) {
        return *s && s[strspn(s, "0123456789")] == '\0';
}

static bool is_port(const char *s) {
        unsigned n;

        return is_digits(s) && parse_unsigned(s, &n) >= 0 && n > 0 && n <= 65535;
}

static bool is_server(const char *s) {
        if (*s == '\0' || *s == '-')
                return false;
        for (; *s; s++)
                if (!isascii(*s) || !(isalnum((unsigned char) *s) || strchr(".:-_%", *s)))
                        return false;
        return true;
}

static bool is_export(const char *s) {
        if (*s == '\0' || strlen(s) > 4096)
                return false;
        for (; *s; s++)
                if (iscntrl((unsigned char) *s))
                        return false;
        return true;
}

/* "nbd3", "/dev/nbd3", and of a partition the disk. */
static int set_node(NbdDevice *d, const char *s) {
        const char *number = startswith(startswith(s, "/dev/") ?: s, "nbd");
        size_t n = number ? strspn(number, "0123456789") : 0;

        if (n == 0 || n > 3 || (number[n] && (number[n] != 'p' || !is_digits(number + n + 1))))
                return -EINVAL;
        free(d->node);
        d->node = NULL;
        return str_printf(&d->node, "/dev/nbd%.*s", (int) n, number);
}

/* An option of nbd-client as dracut's users write it, "bs=1024", or as it is, "-readonly". With
 * nonetlink no root would live long, see netblock.c. */
static int add_option(const Generator *g, const char *word, NbdDevice *d, const char *option) {
        static const struct {
                const char *name,
                                *option; /* none: means nothing to a connection of the kernel's */
                bool value;
        } known[] = {
                { "bs", "-block-size", true },
                { "block-size", "-block-size", true },
                { "timeout", "-timeout", true },
                { "connections", "-connections", true },
                { "readonly", "-readonly", false },
                { "no-optgo", "-no-optgo", false },
                { "sdp", "-sdp", false },
                { "persist", NULL, false },
                { "swap", NULL, false },
                { "systemd-mark", NULL, false },
        };
        const char *name = startswith(option, "--") ?: startswith(option, "-") ?: option;

        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                const char *value = option_value(name, known[i].name);

                if (!value || (known[i].value ? !is_digits(value) : *value != '\0'))
                        continue;
                if (!known[i].option)
                        return 0;
                if (strv_extend(&d->options, known[i].option) < 0 ||
                    (known[i].value && strv_extend(&d->options, value) < 0))
                        return -ENOMEM;
                return 0;
        }
        generator_warn(g, "%s: the option \"%s\" is not known and was ignored", word, option);
        return 0;
}

static int set_export(NbdDevice *d, const char *s) {
        if (is_digits(s))
                return !is_port(s) ? -EINVAL : (d->port = strdup(s)) ? 0 : -ENOMEM;
        return !is_export(s) ? -EINVAL : (d->export = strdup(s)) ? 0 : -ENOMEM;
}

/* SERVER and what follows it; NULL: malformed, or no memory. */
static const char *parse_server(const char *s, const char *separators, NbdDevice *d) {
        const char *end, *rest;

        if (*s == '[') {
                end = strchr(++s, ']');
                rest = end ? end + 1 : NULL;
        } else
                rest = end = s + strcspn(s, separators);
        if (!rest || !*rest || !strchr(separators, *rest))
                return NULL;
        d->server = strndup(s, (size_t) (end - s));
        return d->server && is_server(d->server) ? rest : NULL;
}

/* SERVER:PORT|EXPORT[:FSTYPE[:ROOTFLAGS[:OPTIONS]]]; what is said of the root goes to `nbd`. */
static int parse_spec(const Generator *g, const char *word, const char *spec, NbdDevice *d,
                      Nbd *nbd) {
        _cleanup_strv_free_ char **options = NULL;
        _cleanup_free_ char *copy = NULL;
        char *fields[4] = {};
        int r;

        spec = parse_server(spec, ":", d);
        if (!spec)
                return -EINVAL;
        copy = strdup(spec);
        if (!copy)
                return -ENOMEM;
        for (size_t n = 0; n < ELEMENTSOF(fields); n++) {
                char *colon = n > 0 ? fields[n - 1] + strcspn(fields[n - 1], ":") : copy;

                if (*colon != ':')
                        break;
                *colon = '\0';
                fields[n] = colon + 1;
        }
        if (!fields[0])
                return -EINVAL;
        r = set_export(d, fields[0]);
        if (r >= 0 && fields[1] && *fields[1] && !(nbd->type = strdup(fields[1])))
                r = -ENOMEM;
        if (r >= 0 && fields[2] && *fields[2] && !(nbd->flags = strdup(fields[2])))
                r = -ENOMEM;
        if (r >= 0 && fields[3])
                r = strv_split(&options, fields[3], ",");
        STRV_FOREACH(option, options)
                if (r >= 0)
                        r = add_option(g, word, d, *option);
        return r;
}

/* nbdroot= as the scripts of nbd-client read it. */
static int parse_debian(const char *value, NbdDevice *d) {
        bool commas = strchr(value, ',') != NULL;
        const char *rest = parse_server(value, commas ? "," : ":/", d), *slash;
        _cleanup_free_ char *copy = NULL;
        char *comma;
        int r;

        if (!rest)
                return -EINVAL;
        copy = strdup(rest + 1);
        if (!copy)
                return -ENOMEM;
        if (commas) {
                comma = strchr(copy, ',');
                if (comma)
                        *comma = '\0';
                r = set_export(d, copy);
                return r >= 0 && comma && comma[1] ? set_node(d, comma + 1) : r;
        }
        /* SERVER:/EXPORT is SERVER with the export "/EXPORT", SERVER:PORT/EXPORT isn't. */
        slash = strchr(copy, '/');
        if (*rest == '/' || slash == copy || !slash)
                return set_export(d, *rest == '/' ? rest : copy);
        *strchr(copy, '/') = '\0';
        r = is_port(copy) && is_export(slash + 1) ? 0 : -EINVAL;
        if (r >= 0 && (!(d->port = strdup(copy)) || !(d->export = strdup(slash + 1))))
                r = -ENOMEM;
        return r;
}

/* Takes the device, also on failure. */
static int add_device(const Generator *g, Nbd *nbd, NbdDevice *d, const char *word) {
        int r = 0;

        if (nbd->n_devices >= DEVICES_MAX) {
                generator_warn(g, "%s is one device too many and was ignored", word);
                device_done(d);
                return 0;
        }
        if (!d->node)
                r = str_printf(&d->node, "/dev/nbd%zu", nbd->n_devices);
        if (r >= 0 && !GREEDY_REALLOC(nbd->devices, nbd->allocated, nbd->n_devices + 1))
                r = -ENOMEM;
        if (r < 0) {
                device_done(d);
                return r;
        }
        nbd->devices[nbd->n_devices++] = *d;
        return 0;
}

static int add_spec(const Generator *g, Nbd *nbd, const char *word, const char *spec, bool root) {
        Nbd said = {};
        NbdDevice d = {};
        int r;

        r = parse_spec(g, word, spec, &d, &said);
        if (r >= 0 && root) {
                nbd->type = TAKE_PTR(said.type);
                nbd->flags = TAKE_PTR(said.flags);
        }
        nbd_done(&said);
        if (r >= 0)
                return add_device(g, nbd, &d, word);
        device_done(&d);
        if (r != -EINVAL)
                return r;
        generator_warn(g, "%s is not nbd:SERVER:EXPORT and was ignored", word);
        return 0;
}

static int add_debian(const Generator *g, Nbd *nbd) {
        const char *value = option_get(g, "nbdroot"), *root = option_get(g, "root");
        const char *node = option_get(g, "nbddev");
        NbdDevice d = {};
        int r;

        if (!value)
                return 0;
        if (streq(value, "dhcp") || startswith(value, "dhcp,")) {
                nbd->dhcp = true;
                return 0;
        }
        if (root && startswith(root, "/dev/nbd"))
                node = root;
        r = parse_debian(value, &d);
        if (r >= 0 && node)
                r = set_node(&d, node);
        if (r >= 0)
                return add_device(g, nbd, &d, "nbdroot=");
        device_done(&d);
        if (r != -EINVAL)
                return r;
        generator_warn(g, "nbdroot=%s is not SERVER,EXPORT[,DEVICE] and was ignored", value);
        return 0;
}

int nbd_read(const Generator *g, Nbd *ret) {
        const char *value = option_get(g, "root"), *spec;
        _cleanup_nbd_ Nbd nbd = {};
        int r = 0;

        spec = value ? startswith(value, "nbd:") : NULL;
        if (spec) {
                _cleanup_free_ char *word = NULL;

                if (str_printf(&word, "root=%s", value) < 0)
                        return -ENOMEM;
                r = add_spec(g, &nbd, word, spec, true);
                nbd.root = nbd.n_devices > 0;
        }
        STRV_FOREACH(word, g->words) {
                const char *net = option_value(*word, "netroot");

                spec = net ? startswith(net, "nbd:") : NULL;
                if (spec && r >= 0)
                        r = add_spec(g, &nbd, *word, spec, false);
        }
        if (r >= 0)
                r = add_debian(g, &nbd);
        if (r < 0)
                return r;
        *ret = nbd;
        nbd = (Nbd) {};
        return ret->n_devices > 0 || ret->dhcp;
}
